"""Data and models: how fresh and sound the sources are, what waits in quarantine, how right the detectors are, how the runs go."""

from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console import airflow, source_facts
from console import model_facts as facts
from console.auth import SignedIn, needs_role
from console.exports import exported, wanted
from console.render import at, render
from core import clock
from core.errors import ConfigError, MissingError, unknown_name
from core.settings import Settings
from feature_store import release
from feature_store.sources.configured import load_sources
from ledger.acts import Act
from ledger.database import sessions
from ledger.sign_ins import Visitor

ROUTER = APIRouter(include_in_schema=False)
NAV = (60, "Data and models", "/data", "viewer")
Approver = Annotated[Visitor, needs_role("approver")]
ROWS_SHOWN = 200
# Great Expectations' own pages: their style, nothing they would run or load from elsewhere.
DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
DOCS_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


@ROUTER.get("/data")
def data(request: Request, visitor: SignedIn) -> Response:
    """Show the sources, the models in use, and the steps of the route."""
    settings: Settings = request.app.state.settings
    found = source_facts.sources(settings)
    if kind := wanted(request):
        return exported([vars(each) for each in found], "sources", kind)
    with sessions(settings).begin() as session:
        known: dict[str, Any] = {"in_use": facts.in_use(session), "steps": facts.steps(session)}
    return render(request, "data.html.j2", sources=found, whole=clock.last_whole_day(clock.now()), has_docs=source_facts.has_docs(settings),
                  states=facts.STATES, **known)  # fmt: skip


@ROUTER.get("/data/airflow")
def runs(request: Request, visitor: SignedIn) -> Response:
    """Show how Airflow's runs go, as a part of the page of the data; that it does not answer is said there."""
    if "hx-request" not in request.headers:
        return RedirectResponse(at(request, "/data#airflow"), status_code=303)
    try:
        found, problem = airflow.dags(request), ""
    except MissingError as error:
        found, problem = [], str(error)
    return render(request, "airflow.html.j2", dags=found, problem=problem)


@ROUTER.get("/data/docs/{path:path}")
def docs(request: Request, visitor: SignedIn, path: str) -> Response:
    """Show a page of Data Docs: what Great Expectations found in the last pull of each source."""
    asked = PurePosixPath(path or "index.html")
    if asked.is_absolute() or ".." in asked.parts or asked.suffix not in DOCS_KINDS:
        raise HTTPException(404)
    file = request.app.state.settings.root.joinpath("data_docs", *asked.parts)
    if not file.is_file():
        raise HTTPException(404, "Data Docs were not written yet: they are after a pull that checked something.")
    return Response(file.read_bytes(), media_type=DOCS_KINDS[asked.suffix], headers={"content-security-policy": DOCS_POLICY})


@ROUTER.get("/data/quarantine/{source}")
def quarantine(request: Request, visitor: SignedIn, source: str) -> Response:
    """List the days of a source of which rows are in quarantine, with the reasons."""
    settings: Settings = request.app.state.settings
    _check_source(settings, source)
    found = source_facts.quarantine(settings, source)
    if kind := wanted(request):
        return exported([{"day": each["day"], **reason} for each in found for reason in each["reasons"]], f"quarantine-{source}", kind)
    return render(request, "quarantine.html.j2", source=source, days=found)


@ROUTER.get("/data/quarantine/{source}/{day}")
def quarantined(request: Request, visitor: SignedIn, source: str, day: date) -> Response:
    """Show the rows of one day that are in quarantine; what they held is for those who may decide about customers."""
    settings: Settings = request.app.state.settings
    _check_source(settings, source)
    try:
        rows = release.rows(settings, source, day)
    except MissingError as error:
        raise HTTPException(404, str(error)) from None
    rows = rows if visitor.role != "viewer" else rows.drop("original")
    if kind := wanted(request):
        return exported(rows, f"quarantine-{source}-{day}", kind)
    return render(request, "quarantined.html.j2", source=source, day=day, rows=rows.head(ROWS_SHOWN).to_dicts(), total=rows.height,
                  may_release=visitor.role in ("approver", "admin"), shows_rows="original" in rows.columns,
                  reasons=source_facts.by_reason(rows))  # fmt: skip


@ROUTER.post("/data/quarantine/{source}/{day}/release")
def let_out(
    request: Request, visitor: Approver, source: str, day: date, reason: Annotated[str, Form(max_length=2000)],
    note: Annotated[str, Form(max_length=2000)],
) -> Response:  # fmt: skip
    """Let the rows of one reason out of quarantine; the next pull of their day takes them in."""
    settings: Settings = request.app.state.settings
    _check_source(settings, source)
    if not note.strip():
        raise HTTPException(422, "Say in a few words why: the note stands in the audit trail.")
    now = clock.now()
    try:
        n = release.release(settings, source, day, reason, by=visitor.email, now=now)
    except (ConfigError, MissingError) as error:
        raise HTTPException(422, str(error)) from None
    with sessions(settings).begin() as session:
        detail = {"reason": reason, "rows": n, "note": note.strip()}
        session.add(Act(actor=visitor.email, act="release", subject=f"quarantine {source} {day}", detail=detail, at=now))
    source_facts.forget(settings)
    return RedirectResponse(at(request, f"/data/quarantine/{source}/{day}"), status_code=303)


@ROUTER.get("/data/models/{issue}")
def models(request: Request, visitor: SignedIn, issue: str) -> Response:
    """Show an issue's models, the one in use and those before, and what was seen of them."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        found, seen = facts.history(session, issue), facts.looks(session, issue)
    if not found and not (settings.folder / "issues" / f"{issue}.toml").exists():
        raise HTTPException(404, unknown_name("data", "issue", issue, sorted(path.stem for path in (settings.folder / "issues").glob("*.toml"))))
    if kind := wanted(request):
        return exported([{name: getattr(each, name) for name in ("day", "detector", "kind", "value", "n", "alarm", "why")} for each in seen],
                        f"watches-{issue}", kind)  # fmt: skip
    used = [each for each in found if each.state in facts.IN_USE]
    return render(request, "models.html.j2", issue=issue, models=found, used=used, states=facts.STATES, kinds=facts.KINDS,
                  trends={each.detector: facts.trend(seen, each.detector) for each in used},
                  may_roll_back=visitor.role in ("approver", "admin"),
                  predecessor={each.detector: facts.has_predecessor(found, each.detector) for each in used})  # fmt: skip


@ROUTER.post("/data/models/{issue}/rollback")
def roll_back(request: Request, visitor: Approver, issue: str, detector: Annotated[str, Form(max_length=100)]) -> Response:
    """Take the model in use out for good and put the one before it back."""
    from detectors.rollback import rollback  # what it loads to check a model is nothing that a page should wait for

    try:
        rollback(request.app.state.settings, issue, detector=detector, by=visitor.email, now=clock.now())
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None
    return RedirectResponse(at(request, f"/data/models/{issue}"), status_code=303)


def _check_source(settings: Settings, source: str) -> None:
    known = load_sources(settings)
    if source not in known:
        raise HTTPException(404, unknown_name("data", "source", source, known))
