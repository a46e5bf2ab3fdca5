"""`beforehand measure`: read loyalty at 1, 6 and 18 months."""

from cli.options import Day, day_or_yesterday
from cli.play import measure as measure_past
from cli.play import morning_after
from cli.voice import VOICE, configured
from core.settings import Settings


def measure(day: Day = None) -> None:
    """Issue the readings that are due as of a day, and print the pooled ones."""
    from loyalty.reading import table

    settings, as_of = configured(), day_or_yesterday(day)
    counts = measure_past(settings, as_of, now=morning_after(as_of))
    rows = table(settings)
    tell_readings(rows)
    tell_forecasts(settings)
    VOICE.result({"day": as_of, "counts": counts, "readings": rows}, [] if rows else ["Nobody has been assigned yet."])


def tell_forecasts(settings: Settings) -> None:
    """Print forecasts apart from the readings, with how former ones did, or why there is none."""
    from ledger.database import sessions
    from ledger.forecasts import latest_forecasts
    from loyalty.forecasts import scored

    with sessions(settings)() as session:
        newest = [f for f in latest_forecasts(session) if f.outcome == "retained"]
        kept = scored(session)
    rows = [[f.issue, f"{f.horizon_months} months", f.outcome, f.n_contact, f.n_hold_out,
             f"{f.effect:+.3f} ({f.low:+.3f} to {f.high:+.3f})" if f.effect is not None and f.low is not None and f.high is not None else f.why]
            for f in newest]  # fmt: skip
    if rows:
        VOICE.table("Forecast from the first month, not a reading", ["issue", "at", "outcome", "contacted", "held out", "effect (95 %)"], rows)
    if kept:
        VOICE.say(f"Of {len(kept)} former forecasts, {sum(f['agrees'] for f in kept)} agree with what was read since, within both intervals.")


def tell_readings(rows: list[dict], *, truth: dict | None = None) -> None:
    """Print pooled readings of the primary outcome, a line each; beside the made company's known truth if given."""
    from loyalty.wording import DESIGN_NAMES, after, drawn

    wanted = [row for row in rows if row["month"] == "pooled" and (row["primary"] or row["design"] == "survey")]
    reach = _reach(wanted)
    lines = [[r["issue"], after(r), ", ".join([r["outcome"], *filter(None, [DESIGN_NAMES.get(r["design"])])]), r["n_contact"], r["n_hold_out"], _effect(r),
              drawn(r["low"], r["effect"], r["high"], reach=reach[r["outcome"]]), _number(r["power"]), *([] if truth is None else _known(truth, r))] for r in wanted]  # fmt: skip
    header = ["issue", "after", "outcome", "contacted", "held out", "effect (95 %)", "no effect |", "power"]
    VOICE.table("Loyalty, contacted minus held out", header + ([] if truth is None else ["truth", "its power"]), lines)


def _reach(rows: list[dict]) -> dict[str, float]:
    """Return the farthest end of any interval of each outcome, so that all of an outcome are drawn to one scale."""
    found: dict[str, float] = {}
    for row in rows:
        ends = [abs(row[name] or 0.0) for name in ("low", "high")]
        found[row["outcome"]] = max(found.get(row["outcome"], 0.0), *ends)
    return found


def _known(truth: dict, row: dict) -> list[str]:
    """Return the true effect, and the power the reading had to see just that."""
    from loyalty.effect import power_of_interval

    known = truth.get(row["issue"], {}).get(row["horizon_months"]) if row["design"] == "hold_out" else None
    if known is None:
        return ["-", "-"]
    if row["state"] != "readable" or not known:
        return [f"{known:+.3f}", "-"]
    power = power_of_interval(known, row["low"], row["high"], row["n_contact"] + row["n_hold_out"])
    return [f"{known:+.3f}", f"{power:.2f}"]


def _effect(row: dict) -> str:
    if row["state"] != "readable":
        return row["why"] or row["state"]
    return f"{row['said']['effect']} ({row['said']['95 % interval']})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
