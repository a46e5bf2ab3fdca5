"""The made company, whose truth is known: every figure beside an oracle that knows how far each trouble's signs have come."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.detecting.companies import workplace
from bench.detecting.part import Part, span
from bench.detecting.quality import run_of
from bench.detecting.reader import Reader
from cli.play import pull_span
from core.settings import Settings
from detectors.backtest import backtest
from detectors.backtested import OURS, Backtested
from detectors.bootstrap import between, resamples
from detectors.evaluate import average_precision
from detectors.issue import load_issues
from detectors.tuning import SHAPES
from simulator.company import Company
from simulator.foreseeing import chances

CONFIG = Path(__file__).parents[2] / "config"
ORACLE, READER = "oracle", "reader of the sources"
FORESEEABLE, NOT = ("payment_failing", "app_trouble", "fee_shock"), "sudden_call"
FIRST, TRAIN_WEEKS, TEST_WEEKS, AFTER_WEEKS = date(2024, 1, 1), 52, 12, 5


@dataclass(frozen=True)
class Made:
    """A made company whose past lies in the lake, and its true chances at the end of each test day."""

    settings: Settings
    test: tuple[date, ...]
    true: dict[str, list[np.ndarray]]
    read: dict[str, list[np.ndarray]]   # the chances of a reader who knows every rule, of the issues that can be read

    @property
    def train_to(self) -> date:
        """The eve of the first test week."""
        return FIRST + timedelta(weeks=TRAIN_WEEKS) - timedelta(days=1)


def simulator(data: Path, seeds: int, customers: int = 20_000) -> Part:
    """Train as of the end of a made year, flag every week of the next quarter, once a seed."""
    part = Part("simulator")
    shares: list[tuple[float, float]] = []
    leads: list[float] = []
    for seed in range(1, seeds + 1):
        with workplace(data, prepare) as settings:
            company = play(settings, customers, seed)
            for issue in FORESEEABLE:
                ap, recall, lead = _beside_oracle(part, company, issue, seed)
                shares.append((ap, recall))
                leads.append(lead)
            found = backtest(company.settings, NOT, train_to=company.train_to, test=company.test, now=_now())
            states = [fact["state"] for fact in found.trained]
            part.rows.append(["simulator", f"{NOT} (seed {seed})", ", ".join(states), f"{len(found.flags)} flags", ""])
            part.goal(not found.flags, f"{NOT}: {len(found.flags)} flags where nothing foretells the trouble")
    ap, recall = np.mean(shares, axis=0)
    part.facts = {"ap_vs_oracle": round(float(ap), 3), "recall_vs_oracle": round(float(recall), 3),
                  "lead_days_median": round(float(np.median(leads)), 2)}  # fmt: skip
    part.goal(ap >= 0.9, f"average precision {ap:.3f} of the oracle's, goal 0.90")
    part.goal(recall >= 0.9, f"recall at capacity {recall:.3f} of the oracle's, goal 0.90")
    part.goal(float(np.median(leads)) >= 7, f"median lead {np.median(leads):.1f} days, goal 7")
    return part


def prepare(folder: Path) -> None:
    """Copy the made company's configuration; its detectors try every shape of trees, as the rival does."""
    shutil.copytree(CONFIG, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("examples"))
    for issue in (folder / "issues").glob("*.toml"):
        issue.write_text(issue.read_text().replace("tries = 1 ", f"tries = {len(SHAPES)} "))


def _now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def play(settings: Settings, customers: int, seed: int) -> Made:
    """Let the company live; after each test day write down what is true and what could be read, then pull everything."""
    last = FIRST + timedelta(weeks=TRAIN_WEEKS + TEST_WEEKS + AFTER_WEEKS) - timedelta(days=1)
    company = Company.open(str(settings.place("company")), customers=customers, seed=seed, first=FIRST, last=last)
    test: list[date] = []
    true: dict[str, list[np.ndarray]] = {name: [] for name in (*FORESEEABLE, NOT)}
    for week in range(TRAIN_WEEKS + 1, TRAIN_WEEKS + TEST_WEEKS + 1):
        day = FIRST + timedelta(weeks=week) - timedelta(days=1)
        company.write_until(day)
        test.append(day)
        issue = next(iter(load_issues(settings).values()))
        said = chances(week * 7, day + timedelta(days=1), company.people, company.truth, gap=issue.gap_days, horizon=issue.horizon_days)
        for name, kept in true.items():
            kept.append(said[name])
    company.write_until(last)
    pull_span(settings, FIRST, last)
    return Made(settings, tuple(test), true, _read(company, settings, test))


def _read(company: Company, settings: Settings, test: list[date]) -> dict[str, list[np.ndarray]]:
    reader, issues = Reader(company), load_issues(settings)
    of = lambda name, day: reader.chance(name, (day - FIRST).days + 1, gap=issues[name].gap_days, horizon=issues[name].horizon_days)
    found = {name: [of(name, day) for day in test] for name in FORESEEABLE}
    return {name: [chance for chance in chances if chance is not None] for name, chances in found.items() if chances[0] is not None}


def _beside_oracle(part: Part, company: Made, issue: str, seed: int) -> tuple[float, float, float]:
    """Backtest one issue with the oracle among the contenders; return ours as a share of the oracle's, and the median lead."""
    found = backtest(company.settings, issue, train_to=company.train_to, test=company.test, now=_now())
    rows = found.rows
    who = np.array([int(name[1:]) for name in rows.customer])
    true = np.array([company.true[issue][day][n] for day, n in zip(rows.day, who, strict=True)])
    read = {READER: np.array([company.read[issue][day][n] for day, n in zip(rows.day, who, strict=True)])} if issue in company.read else {}
    found = replace(found, rows=replace(rows, scores={**rows.scores, **read, ORACLE: true}))
    table = {one["name"]: one for one in (found.contender(name) for name in found.rows.scores)}
    for name, one in table.items():
        part.rows.append(["simulator", f"{issue} (seed {seed}): {name}", f"{one['average_precision'][0]:.4f}", f"{one['auc'][0]:.4f}",
                          f"recall {one['recall_at_capacity']}, precision {one['precision_at_capacity']}, lead {one['lead_days']}"])  # fmt: skip
    ours, best, flags = table[OURS], table[ORACLE], found.flagged()
    ap = ours["average_precision"][0] / best["average_precision"][0]
    recall = ours["recall_at_capacity"] / best["recall_at_capacity"]
    low, high = _share_of_oracle(found)
    part.rows.append(["simulator", f"{issue} (seed {seed}): share of the oracle", span(ap, low, high), f"recall {recall:.3f}",
                      f"{run_of(found)['flag_at'] and flags}"])  # fmt: skip
    if read:
        most = table[READER]["average_precision"][0] / best["average_precision"][0]
        part.rows.append(["simulator", f"{issue} (seed {seed}): what a reader could have of the oracle", f"{most:.3f}", "", ""])
    return ap, recall, (flags["lead_days"] or [0, 0, 0])[1]


def _share_of_oracle(found: Backtested) -> tuple[float, float]:
    rows = found.rows
    both = [rows.scores[name] for name in (OURS, ORACLE)]
    return between([average_precision(rows.struck, both[0], w) / average_precision(rows.struck, both[1], w)
                    for w in resamples(rows.unit, rows.weight)])  # fmt: skip
