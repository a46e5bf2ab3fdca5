"""The pictures of the readings, drawn when the readings are written and kept below the storage root.

One folder an issue, one SVG a picture; the numbers behind each stand in the ledger and are printed as a table beside it. Those
that stand nowhere else, the retention curves, are kept beside their picture.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.settings import Settings
from core.storage import write_whole
from ledger.forecasts import Forecast, latest_forecasts
from ledger.looks import looks_at
from loyalty.curves import retention_curves
from loyalty.pictures import effects_picture, forest_picture, looks_picture, months_picture, retention_picture
from loyalty.readable import POOLED, Cut
from loyalty.row import HOLD_OUT

FOLDER = "pictures"
ALL = "all issues"
WEEKS_APART = 4  # of the retention curves' weeks, the ones that are kept as numbers
Row = Mapping[str, Any]


def draw_album(settings: Settings, session: Session, rows: Sequence[Row], cut: Cut) -> int:
    """Draw every issue's pictures anew, and the forest over all; return how many."""
    curves = {str(issue): frame.to_dicts()
              for (issue,), frame in retention_curves(settings, session, cut).group_by("issue", maintain_order=True)}  # fmt: skip
    drawn = 0
    for issue in sorted({row["issue"] for row in rows}):
        looks = [vars(look) for look in looks_at(session, issue)]
        mine = [row for row in rows if row["issue"] == issue]
        for name, svg in _of_issue(mine, curves.get(issue), looks, latest_forecasts(session, issue)):
            drawn += _keep(settings, issue, name, svg)
        _keep_curve(settings, issue, curves.get(issue) or [])
    promised = [row for row in rows if row["month"] == POOLED and row["detail"]["promised"]]
    return drawn + (_keep(settings, ALL, "forest", forest_picture(promised)) if promised else 0)


def picture(settings: Settings, issue: str, name: str) -> str | None:
    """Return a picture as it was drawn: effects, retention, months, looks; forest of ALL. None where there is none."""
    path = settings.root / FOLDER / issue / f"{name}.svg"
    return path.read_text(encoding="utf-8") if path.exists() else None


def curve(settings: Settings, issue: str) -> list[dict[str, Any]]:
    """Return the numbers behind the retention picture: weeks, arm, still_there, at_risk, every fourth week."""
    path = settings.root / FOLDER / issue / "retention.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def main_rows(pooled: Sequence[Any]) -> list[Any]:
    """Return the rows of the promised outcome and its design, or of the first one where nothing was promised, by horizon."""
    first = next((row for row in pooled if row["detail"]["primary"]), pooled[0])
    mine = [row for row in pooled if (row["outcome"], row["design"]) == (first["outcome"], first["design"])]
    return sorted(mine, key=lambda row: row["horizon_months"])


def forecasts_beside(forecasts: Sequence[Forecast], main: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the newest forecasts of the main outcome that were not withheld, to be drawn dashed beside its readings."""
    outcome, design = main[0]["outcome"], main[0]["design"]
    return [{name: getattr(each, name) for name in ("horizon_months", "effect", "low", "high", "made_in", "n_contact", "n_hold_out")}
            for each in forecasts if each.outcome == outcome and each.state == "forecast" and design == HOLD_OUT]  # fmt: skip


def _of_issue(
    rows: Sequence[Row], curve: Sequence[Row] | None, looks: Sequence[Row], forecasts: Sequence[Forecast]
) -> Iterable[tuple[str, str]]:
    main = main_rows([row for row in rows if row["month"] == POOLED])
    outcome, design = main[0]["outcome"], main[0]["design"]
    told = forecasts_beside(forecasts, main)
    promised = next((row["horizon_months"] for row in main if row["detail"]["promised"]), 6)
    monthly = [row for row in rows if row["month"] != POOLED and (row["outcome"], row["design"]) == (outcome, design)
               and row["horizon_months"] == promised]  # fmt: skip
    if any(row["n_contact"] + row["n_hold_out"] for row in main):
        yield "effects", effects_picture(main, forecast=told)
    if curve:
        yield "retention", retention_picture(curve)
    if any(row["state"] == "readable" for row in monthly):
        yield "months", months_picture(sorted(monthly, key=lambda row: row["month"]))
    watched = [look for look in looks if look["effect"] is not None]
    if watched:
        first = (watched[-1]["outcome"], min(look["horizon_months"] for look in watched))
        yield "looks", looks_picture([look for look in watched if (look["outcome"], look["horizon_months"]) == first],
                                     outcome=first[0])  # fmt: skip


def _keep(settings: Settings, issue: str, name: str, svg: str) -> int:
    (settings.place(FOLDER, issue) / f"{name}.svg").write_text(svg, encoding="utf-8")
    return 1


def _keep_curve(settings: Settings, issue: str, rows: Sequence[Row]) -> None:
    names = ("weeks", "arm", "still_there", "at_risk")
    kept = [{name: row[name] for name in names} for row in rows if row["weeks"] % WEEKS_APART == 0]
    write_whole(settings.place(FOLDER, issue) / "retention.json", json.dumps(kept).encode())
