"""The page of a backtest: what the detector would have found, beside what else one could have done, with its charts."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from console.backtest_pictures import pictures
from console.report import environment
from core.settings import Settings
from detectors.backtested import Backtested


def write_page(settings: Settings, done: Backtested, found: dict[str, Any], path: Path) -> Path:
    """Write the page of a backtest and return where it lies; `found` is what `done` reports as plain values."""
    drawn = [(title, Markup(svg), table) for title, svg, table in pictures(done, found)]  # our own SVG, no one else's text
    template = environment().get_template("backtest.html.j2")
    context = {"company": settings.company.name, "issue": done.issue, "found": found, "pictures": drawn,
               "interval": _interval, "share": _share, "figure": _figure}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.render(context), encoding="utf-8")
    return path


def _interval(values: list[float | None] | None) -> str:
    if not values or values[0] is None:
        return "–"
    return f"{values[0]:.3f}" + ("" if values[1] is None else f" ({values[1]:.3f} to {values[2]:.3f})")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
