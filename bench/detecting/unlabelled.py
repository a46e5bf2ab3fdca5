"""Trouble that nobody labelled: does `unusual`, which learns from no label, find it where there are signs."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.detecting.companies import workplace
from bench.detecting.part import Part, span
from bench.detecting.simulated import FIRST, FORESEEABLE, Made, play, prepare
from core.clock import moment_after
from detectors.bootstrap import between, resamples
from detectors.detector import Examples, numbers_of, unit_code
from detectors.examples import at_risk
from detectors.issue import load_issues
from detectors.trouble import label, strikes, window_end
from detectors.unusual import DETECTOR
from feature_store.build import vectors
from feature_store.defaults import freeze

TOP_SHARE = 0.02  # of the customers, the most unusual


def unlabelled(data: Path, seeds: int, customers: int = 20_000) -> Part:
    """Order the made company's customers by how unusual they are; count the troubles among the first, no label shown."""
    part = Part("unlabelled")
    with workplace(data, prepare) as settings:
        company = play(settings, customers, 1)
        for issue in FORESEEABLE:
            lift, low, high = _lift(company, issue)
            part.rows.append(["unlabelled", issue, span(lift, low, high), f"among the {TOP_SHARE:.0%} most unusual", "times the base rate"])
            part.facts[issue] = [round(value, 2) for value in (lift, low, high)]
            part.goal(lift >= 3 and low > 1.5, f"{issue}: lift {part.facts[issue]}, goal 3 with a lower bound above 1.5")
    return part


def _lift(company: Made, name: str) -> tuple[float, float, float]:
    settings, issue = company.settings, load_issues(company.settings)[name]
    frozen = freeze(settings, company.train_to)
    known = [vectors(settings, company.train_to - timedelta(weeks=4 * n), frozen.version) for n in range(3)]
    model = DETECTOR.fit(issue, *[_without_labels(frozen.names, [at_risk(settings, issue, rows) for rows in known])] * 2)
    hit, top, unit = [], [], []
    for day in company.test[::4]:
        rows, moment = at_risk(settings, issue, vectors(settings, day, frozen.version)), moment_after(day)
        struck = strikes(settings, issue, after=moment, before=window_end(issue, moment), known_before=moment_after(company.test[-1] + timedelta(days=35)))
        score = model.score(numbers_of(rows, model.features))
        hit.append(label(issue, rows["customer_id"], struck, moment)["struck"].to_numpy())
        top.append(score >= np.quantile(score, 1 - TOP_SHARE))
        unit.append(unit_code(rows["customer_id"]))
    troubled, first, units = np.concatenate(hit), np.concatenate(top), np.concatenate(unit)
    every = [_times(troubled, first, weight) for weight in resamples(units, np.ones(len(units)))]
    return _times(troubled, first, np.ones(len(units))), *between(every)


def _without_labels(names: list[str], frames: list[pl.DataFrame]) -> Examples:
    numbers = np.concatenate([numbers_of(rows, names) for rows in frames])
    n = len(numbers)
    return Examples(tuple(names), (FIRST,), numbers, np.zeros(n, dtype=bool), np.full(n, np.nan), np.ones(n),
                    np.zeros(n, dtype=np.int64), np.arange(n), np.array([n]))  # fmt: skip


def _times(struck: np.ndarray, first: np.ndarray, weight: np.ndarray) -> float:
    return float(np.average(struck[first], weights=weight[first]) / max(np.average(struck, weights=weight), 1e-12))
