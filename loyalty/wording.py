"""How a reading is said: amounts in the outcome's own unit, and one sentence that claims no more than was seen."""

from typing import Any

from core.settings import Settings

MORE = {"retained": ("more stayed", "fewer stayed"), "revenue": ("bought for more", "bought for less"),
        "purchases": ("bought more often", "bought less often"),
        "days_there": ("stayed longer", "stayed less long"), "contacts": ("contacted us more", "contacted us less"),
        "contacts_induced": ("contacted us more about our message", "contacted us less about our message"),
        "complaints": ("complained more", "complained less"), "unsubscribes": ("unsubscribed more", "unsubscribed less"),
        "referrals": ("brought more customers", "brought fewer customers"), "csat": ("are more content", "are less content"),
        "ces": ("find it easier", "find it harder"), "nps": ("would recommend us more", "would recommend us less")}  # fmt: skip
BETTER = {"retained": 1, "days_there": 1, "revenue": 1, "purchases": 1, "contacts": -1, "contacts_induced": -1,
          "complaints": -1, "unsubscribes": -1, "referrals": 1, "csat": 1, "ces": 1, "nps": 1}  # fmt: skip
NAMES = {"csat": "satisfaction (CSAT, 1 to 5)", "ces": "ease (CES, 1 to 7)", "nps": "would recommend (NPS question, 0 to 10)", "days_there": "days until leaving", "contacts_induced": "of these, about our message"}


DESIGNS = {"hold_out": "", "delay": "by a randomised delay: told now against told {hours} h later at most, read over those hours alone",
           "discontinuity": "by discontinuity at the score threshold: flagged just above against scored just below; it holds near the threshold, not for all",
           "survey": "asked of a random sample of both arms; only those who answered can count"}  # fmt: skip
ARMS_SAID = {"hold_out": ("contacted", "held out"), "delay": ("told now", "told later"),
             "discontinuity": ("flagged, near the threshold", "scored just below it"), "survey": ("asked, contacted", "asked, held out")}  # fmt: skip
DESIGN_NAMES = {"delay": "randomised delay", "discontinuity": "at the threshold", "survey": "survey of both arms"}


def measured(row: dict[str, Any]) -> str:
    """Say by which design a reading was made; nothing where some were simply held out."""
    return DESIGNS[row["design"]].format(hours=row["detail"].get("promise_hours"))


def after(row: dict[str, Any]) -> str:
    """Return "1 month", "18 months", or "48 hours" for a randomised delay."""
    hours = row["detail"].get("promise_hours")
    return count(row["horizon_months"], "month") if row["horizon_months"] else f"up to {hours} hours" if hours else "the hours promised"


def count(number: int, noun: str) -> str:
    """Return "1 month", "6 months"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount(settings: Settings, outcome: str, value: float | None, *, signed: bool = False) -> str:
    """Return a mean, or with `signed` a difference, in the outcome's unit: per cent, money or a count a unit."""
    if value is None:
        return ""
    sign = "+" if signed else ""
    if outcome == "retained":
        return f"{100 * value:{sign}.1f}{' points' if signed else ' %'}"
    if outcome == "revenue" and (settings.loyalty.revenue or "").endswith("_cents"):
        return f"{value / 100:{sign},.2f} {settings.company.currency}"
    if outcome == "days_there":
        return f"{value:{sign},.1f} days"
    return f"{value:{sign},.3f}" if abs(value) < 100 else f"{value:{sign},.0f}"


def interval(settings: Settings, outcome: str, low: float | None, high: float | None) -> str:
    """Return a 95 % interval in words, the unit said once."""
    if low is None or high is None:
        return ""
    first, last = amount(settings, outcome, low, signed=True), amount(settings, outcome, high, signed=True)
    number, _, unit = first.partition(" ")
    return f"{number} to {last}" if unit and last.endswith(unit) else f"{first} to {last}"


def verdict(row: dict[str, Any]) -> str:
    """Name what a reading shows: better | worse | unclear | not_yet | unreadable."""
    if row["state"] != "readable":
        return str(row["state"])
    if row["low"] <= 0 <= row["high"]:
        return "unclear"
    return "better" if row["effect"] * BETTER[row["outcome"]] > 0 else "worse"


def sentence(settings: Settings, row: dict[str, Any]) -> str:
    """Say what a reading shows, or why there is none, and of whom it speaks where some are silent or not told."""
    if row["state"] != "readable":
        return f"{'not yet' if row['state'] == 'not_yet' else 'cannot be read'}: {row['why']}"
    return _shown(settings, row) + _of_whom(row)


def _shown(settings: Settings, row: dict[str, Any]) -> str:
    if row["detail"].get("bounds"):
        return str(row["detail"]["bounds"])
    if verdict(row) == "unclear":
        seen = amount(settings, row["outcome"], row["smallest_seen"])
        seen = seen.replace(" %", " points") if row["outcome"] == "retained" else seen
        return f"no difference seen; one of {seen} would have been, four times in five"
    more, less = MORE[row["outcome"]]
    return f"{more if row['effect'] > 0 else less} of those contacted" if row["outcome"] == "retained" else (
        f"those contacted {more if row['effect'] > 0 else less}")  # fmt: skip


def _of_whom(row: dict[str, Any]) -> str:
    """Say how many answered a survey, or how many on either side of a threshold were told."""
    answered, told = row["detail"].get("answered"), row["detail"].get("told")
    if answered:
        return f"; {answered[0]} of {row['n_contact']} contacted and {answered[1]} of {row['n_hold_out']} held out answered"
    if told:
        return f"; {told['above'] or 0:.0%} of those above and {told['below'] or 0:.0%} of those below were told"
    return ""


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def printable(settings: Settings, row: dict[str, Any]) -> dict[str, str]:
    """Return a reading as text, one entry a column, ready for a terminal."""
    outcome = row["outcome"]
    named = [name for name in (DESIGN_NAMES.get(row["design"]), None if row["detail"]["primary"] else "exploratory") if name]
    mark = f" ({', '.join(named)})" if named else ""
    read = row["detail"].get("months_read", 0)
    return {
        "issue": row["issue"],
        "outcome": NAMES.get(outcome, outcome) + mark,
        "assigned in": row["month"] if row["month"] != "pooled" else f"{count(read, 'month')} pooled",
        "after": after(row),
        "contacted": f"{row['n_contact']:,}",
        "held out": f"{row['n_hold_out']:,}",
        "mean contacted": amount(settings, outcome, row["mean_contact"]),
        "mean held out": amount(settings, outcome, row["mean_hold_out"]),
        "effect": amount(settings, outcome, row["effect"], signed=True),
        "95 % interval": interval(settings, outcome, row["low"], row["high"]),
        "p": _p(row["p_value"]),
        "p adjusted": _p(row["detail"].get("p_adjusted")),
        "power": "" if row["power"] is None else f"{row['power']:.2f}",
        "reading": sentence(settings, row),
    }


def drawn(low: float | None, effect: float | None, high: float | None, *, reach: float, width: int = 21) -> str:
    """Return an interval in plain characters: [ and ] its ends, o the effect, | no effect; `reach` is either edge's distance from it."""
    if low is None or effect is None or high is None or reach <= 0:
        return ""
    middle = width // 2
    place = [middle + round(max(-1.0, min(1.0, value / reach)) * middle) for value in (low, effect, high)]
    line = ["-" if place[0] < at < place[2] else " " for at in range(width)]
    line[middle] = "|"
    line[place[0]], line[place[2]], line[place[1]] = "[", "]", "o"
    return "".join(line)
