"""A row of readings: what it is about, its figures or the reason why there are none, and what was promised beforehand."""

from typing import Any

import numpy as np

from loyalty.effect import power_to_see

KEY = ("issue", "month", "horizon_months", "outcome")
FIGURES = ("mean_contact", "mean_hold_out", "effect", "low", "high", "p_value", "power", "smallest_seen")
HOLD_OUT, DELAY, DISCONTINUITY, SURVEY = "hold_out", "delay", "discontinuity", "survey"  # designs
HOURS = 0                   # the horizon of a delay: its hours, less than any month
Row = dict[str, Any]


def blank(key: tuple, design: str, cell: Row, promised: Row) -> Row:
    """Return a row without figures."""
    return {**dict(zip(KEY, key, strict=True)), "design": design, **dict.fromkeys(FIGURES), "n_contact": cell["n_contact"],
            "n_hold_out": cell["n_hold_out"], "detail": promised | progress(cell)}  # fmt: skip


def promise(key: tuple, design: str, measure: Row) -> Row:
    """Say whether this is what the playbook promised to be judged by, or exploratory."""
    primary = measure.get("outcome") == key[-1] and measure.get("design", HOLD_OUT) == design
    horizon = HOURS if design == DELAY else measure.get("horizon_months", key[2])
    return {"primary": primary, "promised": primary and horizon == key[2], "measure": measure.get("version"),
            "smallest_effect": measure.get("smallest_effect") if primary else None,
            "promise_hours": measure.get("promise_hours") if design == DELAY else None}  # fmt: skip


def progress(cell: Row) -> Row:
    """Say how far the units of a month, or of all months, are on their way to the horizon."""
    months = cell.get("months")
    if months is None:
        return {"units": cell["units"], "ready": cell["ready"], "observed": cell["observed"],
                "readable_from": cell["readable_from"].isoformat()}  # fmt: skip
    waiting = [each["readable_from"] for each in months if not each["matured"]]
    return {"units": cell["units"], "ready": cell["ready"], "observed": cell["observed"], "months": len(months), "months_read": len(months) - len(waiting),
            "readable_from": min(waiting).isoformat() if waiting else None}  # fmt: skip


def power(promised: Row, se: float, df: float) -> float | None:
    """Return the power to see the promised outcome's smallest effect that matters; other outcomes promised none."""
    smallest = promised.get("smallest_effect")
    return None if smallest is None else float(power_to_see(float(smallest), np.array([se]), np.array([df]))[0])
