"""The report: one self-contained page that says what came in, who was told, and what it did for loyalty."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.figures import figures
from console.next_steps import next_steps
from console.render import REPORT
from core.settings import Settings
from ledger.database import sessions
from ledger.forecasts import latest_forecasts
from ledger.looks import looks_at
from loyalty.album import ALL, forecasts_beside, main_rows, picture
from loyalty.curves import retention_curves, time_to_leaving
from loyalty.effect import power_of_interval
from loyalty.integrity import doubts
from loyalty.readable import POOLED, data_cut
from loyalty.reading import table
from loyalty.strata import RULE
from loyalty.survival import Longer
from loyalty.wording import ARMS_SAID, after, amount, count, interval, measured, verdict

NAME = "report.html"
PICTURES = ("effects", "retention", "months", "looks")
TEMPLATES = Path(__file__).parent / "templates"
PLACES = {
    "mailbox": ("Mailbox", "the messages, as files that any mail program opens", "mailbox"),
    "shadow": ("Shadow page", "what would have been sent by playbooks that are not live", "shadow"),
    "data_docs": ("Data Docs", "what the gate found in each source", "data_docs/index.html"),
    "airflow_ui": ("Airflow", "the scheduler's own pages", ""),
}
WAYS = {"mailbox": "filled by `beforehand send`", "shadow": "written by `beforehand review`",
        "data_docs": "written when data is pulled", "airflow_ui": "`make up` starts it and says where it answers"}  # fmt: skip
HEADLINE = {"better": "better", "worse": "worse", "unclear": "no difference seen", "not_yet": "not yet readable",
            "unreadable": "cannot be read"}  # fmt: skip


def write_report(settings: Settings, facts: Mapping[str, Any], *, now: datetime) -> Path:
    """Write <root>/report.html from the ledger and the lake, and return where it lies.

    `facts` may add `truth` ({issue: {horizon in months: effect}}, of a made company), `airflow` (runs as dag_id,
    partition_key, state, tasks) and `places` ({mailbox, shadow, data_docs, airflow_ui: path or address}).
    """
    path = settings.place() / NAME
    found = figures(settings)
    readings = table(settings, months=True)
    context = {
        "settings": settings, "found": found, "now": now, "rule": RULE, "known": bool(facts.get("truth")),
        "forest": Markup(picture(settings, ALL, "forest") or ""),
        "proofs": _proofs(settings, found, readings, facts.get("truth") or {}),
        "runs": _runs(facts.get("airflow") or []), "has_runs": "airflow" in facts,
        "places": _places(settings, facts.get("places") or {}),
        "steps": next_steps(found, readings),
    }  # fmt: skip
    path.write_text(environment().get_template(REPORT).render(context), encoding="utf-8")
    return Path(str(path))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment of the self-contained pages: strict, escaped, with the filters of figures."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip
    made.filters |= {"coded": _coded, "count": count, "number": lambda value: f"{value:,}",
                     "words": lambda name: name.replace("_", " ")}  # fmt: skip
    return made


def _coded(sentence: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = (Markup("<code>{}</code>" if n % 2 else "{}").format(part) for n, part in enumerate(sentence.split("`")))
    return Markup("").join(parts)


# ------------------------------------------------------------------------------------------------------ the proof


def _proofs(
    settings: Settings, found: Mapping[str, Any], readings: Sequence[dict[str, Any]],
    truth: Mapping[str, Mapping[Any, float]],
) -> list[dict[str, Any]]:
    """Return one entry per issue with readings: a tile per horizon, pictures, and the tables behind them."""
    from loyalty.pictures import effects_picture

    curves, stayed = _curves(settings, found["last_closed"])
    proofs = []
    for issue in sorted({row["issue"] for row in readings}):
        mine = [row for row in readings if row["issue"] == issue]
        pooled = [row for row in mine if row["month"] == POOLED]
        main = main_rows(pooled)
        known = {int(months): effect for months, effect in truth.get(issue, {}).items()}
        promised = next((row["horizon_months"] for row in main if row["promised"]), 6)
        outcome = main[0]["outcome"]
        monthly = [row for row in mine if row["month"] != POOLED and (row["outcome"], row["design"]) == (outcome, main[0]["design"])]
        pictures = {name: picture(settings, issue, name) or "" for name in PICTURES}  # one not drawn yet is left out of the page
        with sessions(settings)() as session:
            forecasts = forecasts_beside(latest_forecasts(session, issue), main)
        if known and pictures["effects"]:
            pictures["effects"] = effects_picture(main, truth=known, forecast=forecasts)
        proofs.append({
            "issue": issue, "outcome": outcome, "primary": main[0]["primary"], "promised": promised, "design": main[0]["design"], "measured": measured(main[0]),
            "tiles": [_tile(settings, row, known.get(row["horizon_months"])) for row in main],
            "pictures": {name: Markup(svg) for name, svg in pictures.items()},
            "table": [row["said"] for row in pooled], "months": [row["said"] for row in monthly],
            "curve": _curve_rows(curves.get(issue, [])), "stayed": _stayed(stayed, issue),
            "forecasts": [_forecast(settings, outcome, each) for each in forecasts],
            "checks": _checks(main, promised), "looks": _looks(settings, issue),
        })  # fmt: skip
    return proofs


def _tile(settings: Settings, row: dict[str, Any], known: float | None) -> dict[str, Any]:
    """Return what stands on the tile of one horizon; one that cannot be read yet is as large as any other."""
    outcome, detail = row["outcome"], row["detail"]
    power = None if row["power"] is None else f"{row['power']:.2f}"
    smallest = detail.get("smallest_effect")
    return {
        "after": after(row), "verdict": verdict(row), "headline": HEADLINE[verdict(row)],
        "promised": row["promised"], "state": row["state"], "why": row["why"],
        "effect": amount(settings, outcome, row["effect"], signed=True),
        "interval": interval(settings, outcome, row["low"], row["high"]),
        "arms": ARMS_SAID[row["design"]], "contact": f"{row['n_contact']:,}", "hold_out": f"{row['n_hold_out']:,}",
        "means": (amount(settings, outcome, row["mean_contact"]), amount(settings, outcome, row["mean_hold_out"])),
        "power": power, "smallest": None if smallest is None else amount(settings, outcome, smallest, signed=True),
        "uneven": detail.get("sample_ratio_p") is not None and detail["sample_ratio_p"] < 0.001,
    } | _beside_truth(settings, row, known)  # fmt: skip


def _beside_truth(settings: Settings, row: dict[str, Any], known: float | None) -> dict[str, Any]:
    """Return the true effect of a made company, whether the interval holds it, and the power there was to see it."""
    if known is None:
        return {"truth": None, "covered": None, "truth_power": None}
    facts: dict[str, Any] = {"truth": amount(settings, row["outcome"], known, signed=True), "covered": None, "truth_power": None}
    if row["low"] is not None:
        power = power_of_interval(known, row["low"], row["high"], row["n_contact"] + row["n_hold_out"])
        facts |= {"covered": row["low"] <= known <= row["high"], "truth_power": f"{power:.2f}" if known else None}
    return facts


def _curves(settings: Settings, closed: str | None) -> tuple[dict[str, list[dict[str, Any]]], dict[tuple[str, int], Longer]]:
    if closed is None:
        return {}, {}
    with sessions(settings)() as session:
        cut = data_cut(settings, date.fromisoformat(closed))
        curves, stayed = retention_curves(settings, session, cut), time_to_leaving(settings, session, cut)
    return {str(issue): frame.to_dicts() for (issue,), frame in curves.group_by("issue", maintain_order=True)}, stayed


def _stayed(stayed: Mapping[tuple[str, int], Longer], issue: str) -> list[str]:
    """Say how much longer those contacted stayed, with what was not seen to the end."""
    return [
        f"within {count(months, 'month')}: {longer.contact.days:,.1f} against {longer.hold_out.days:,.1f} days on average, "
        f"{longer.days:+,.1f} ({longer.low:+,.1f} to {longer.high:+,.1f}); {longer.contact.censored_share:.0%} and "
        f"{longer.hold_out.censored_share:.0%} not yet seen to the end"
        for (name, months), longer in sorted(stayed.items()) if name == issue
    ]  # fmt: skip


def _forecast(settings: Settings, outcome: str, told: Mapping[str, Any]) -> str:
    """Say a forecast in words, the table behind what is dashed in the picture."""
    return (f"after {count(told['horizon_months'], 'month')}: {amount(settings, outcome, told['effect'], signed=True)} "
            f"({interval(settings, outcome, told['low'], told['high'])}), of {told['n_contact'] + told['n_hold_out']:,} units, made in {told['made_in']}")  # fmt: skip


def _looks(settings: Settings, issue: str) -> list[dict[str, str]]:
    """Return the newest looks as text, the table behind the picture."""
    with sessions(settings)() as session:
        looks = [look for look in looks_at(session, issue) if look.effect is not None][-20:]
    return [{"day": f"{look.day}", "outcome": look.outcome, "after": count(look.horizon_months, "month"),
             "effect": amount(settings, look.outcome, look.effect, signed=True),
             "interval": interval(settings, look.outcome, look.low, look.high), "found": look.found} for look in looks]  # fmt: skip


def _checks(main: Sequence[Mapping[str, Any]], promised: int) -> dict[str, Any]:
    """Return the arms' sizes at each stage of the promised reading, and what speaks against believing it."""
    row = next((row for row in main if row["horizon_months"] == promised), main[0])
    told = row["detail"].get("contamination") or {}
    return {"stages": row["detail"].get("stages", []), "doubts": doubts(row["detail"]), "told": told.get("held_out_but_told", 0),
            "not_told": told.get("contact_but_not_told", 0), "balance": row["detail"].get("balance")}  # fmt: skip


def _curve_rows(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return both arms' shares at every fourth week, the table behind the picture."""
    shares: dict[int, dict[str, Any]] = {}
    for row in curve:
        if row["weeks"] % 4 == 0:
            shares.setdefault(row["weeks"], {})[row["arm"]] = (f"{100 * row['still_there']:.1f} %", f"{row['at_risk']:,}")
    return [{"weeks": weeks, **arms} for weeks, arms in sorted(shares.items())]


# ------------------------------------------------------------------------------------------------ the rest of the page


def _runs(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the scheduler's runs by day, each with its tasks by name and how they ended."""
    found = []
    for run in sorted(runs, key=lambda run: (str(run.get("partition_key")), str(run.get("start_date")))):
        tasks: dict[str, list[str]] = {}
        for task in run.get("tasks", []):
            tasks.setdefault(task["task_id"], []).append(task.get("state") or "none")
        said = [f"{name}{f' x {len(states)}' if len(states) > 1 else ''}: {', '.join(sorted(set(states)))}"
                for name, states in tasks.items()]  # fmt: skip
        found.append({"day": run.get("partition_key") or "", "dag": run["dag_id"], "state": run["state"], "tasks": said})
    return found


def _places(settings: Settings, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return where everything is; what is not there yet says how it gets there."""
    found = []
    for key, (name, what, below) in PLACES.items():
        stated = str(given.get(key) or "")
        path = stated or (str(settings.root / below) if below and (settings.root / below).exists() else "")
        found.append({"name": name, "what": what, "path": path, "link": _link(settings, path), "way": WAYS[key]})
    return found


def _link(settings: Settings, path: str) -> str | None:
    """Return a link that holds wherever the storage root is moved to, or none."""
    root = Path(str(settings.root)).absolute()
    if path.startswith(("http://127.0.0.1", "http://localhost")):
        return path
    inside = path and Path(path).absolute().is_relative_to(root)
    return Path(path).absolute().relative_to(root).as_posix() if inside else None
