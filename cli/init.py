"""`beforehand init`: write a commented configuration, from flags, questions and a look at the data's first rows."""

import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cli.voice import VOICE, config_folder
from core.errors import ConfigError, SourceError

TEMPLATES = Path(__file__).parent / "templates"
GUESSES = {
    "customer": ("customer_id", "customer", "account_id", "account", "user_id", "user", "household_id", "client_id"),
    "occurred": ("occurred_at", "created_at", "created", "timestamp", "time", "date", "datetime", "event_time"),
    "kind": ("kind", "type", "event_type", "event", "status", "action"),
    "event_id": ("event_id", "id", "uuid", "row_id", "transaction_id", "invoice_id"),
}


@dataclass(frozen=True)
class Answers:
    """What a configuration is written from."""

    name: str
    events: str
    customer: str = ""
    occurred: str = ""
    kind: str = ""
    event_id: str = ""
    trouble: str = ""
    columns: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    today: date = date.min


def init(
    name: Annotated[str | None, typer.Option(help="Your company's name, as customers know it.")] = None,
    events: Annotated[str | None, typer.Option(metavar="PATH", help="A file of events, or one a day with {day} in its name.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="COLUMN", help="Whose event it is.")] = None,
    occurred: Annotated[str | None, typer.Option(metavar="COLUMN", help="When it happened.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="COLUMN", help="What happened.")] = None,
    event_id: Annotated[str | None, typer.Option(metavar="COLUMN", help="What makes the row unique.")] = None,
    trouble: Annotated[str | None, typer.Option(metavar="KIND", help="The kind of event you want to foresee.")] = None,
) -> None:
    """Write a commented configuration folder; what is not said is looked up in the data, asked, or guessed."""
    folder = config_folder()
    if (folder / "settings.toml").exists():
        raise ConfigError(f"{folder / 'settings.toml'}: is there already. Name another folder with --config, or edit this one.")
    said = {"customer": customer, "occurred": occurred, "kind": kind, "event_id": event_id, "trouble": trouble}
    answers = Answers(_ask("Your company's name", name, "My company"), _ask("A file of events", events, "data/events-{day}.csv"))
    answers = replace(_look(answers, said), today=_today())
    written = [str(path) for path in _write(folder, answers)]
    VOICE.result({"folder": str(folder), "written": written, **_spoken(answers)}, _sentences(folder, written, answers))


def _today() -> date:
    from core.clock import now

    return now().date()


def _ask(question: str, said: str | None, guess: str) -> str:
    if said is not None:
        return said
    if VOICE.as_json or not sys.stdin.isatty():
        return guess
    return str(typer.prompt(question, default=guess, err=True))


def _look(answers: Answers, said: dict[str, str | None]) -> Answers:
    """Fill in the columns from the data's first rows, so that a newcomer need not know our words."""
    rows = _first_rows(answers.events)
    names = rows.columns if rows is not None else []
    for role, value in said.items():
        if value and role != "trouble" and names and value not in names:
            from core.errors import unknown_name

            raise ConfigError(unknown_name(f"init --{role.replace('_', '-')}", "column", value, names))
    chosen = {role: _ask(f"Column: {role}", said[role], _guess(role, names)) for role in GUESSES}
    kinds: list[str] = []
    if rows is not None and chosen["kind"] in names:
        kinds = rows[chosen["kind"]].cast(pl.String).drop_nulls().value_counts(sort=True)[chosen["kind"]].to_list()[:20]
    trouble = _ask("Which kind of event is trouble", said["trouble"], next((k for k in reversed(kinds)), "complaint"))
    taken = set(chosen.values())
    numbers = tuple(n for n in names if rows is not None and rows[n].dtype.is_numeric() and n not in taken)
    return replace(answers, customer=chosen["customer"], occurred=chosen["occurred"], kind=chosen["kind"],
                   event_id=chosen["event_id"], trouble=trouble, columns=tuple(names), numbers=numbers, kinds=tuple(kinds))


def _guess(role: str, names: list[str]) -> str:
    lower = {name.lower(): name for name in names}
    return next((lower[guess] for guess in GUESSES[role] if guess in lower), GUESSES[role][0])


def _first_rows(events: str) -> pl.DataFrame | None:
    """Return up to 10,000 rows of one file of the source, or None when there is none yet."""
    pattern = events.replace("{day}", "*").removeprefix("{root}/")
    found = sorted(Path().glob(pattern)) if not Path(pattern).is_absolute() else sorted(Path("/").glob(pattern[1:]))
    if not found:
        return None
    newest = found[-1]
    try:
        if ".parquet" in newest.name:
            return pl.read_parquet(newest, n_rows=10_000)
        if ".ndjson" in newest.name or ".jsonl" in newest.name:
            return pl.scan_ndjson(newest).head(10_000).collect()
        return pl.read_csv(newest, n_rows=10_000)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{newest}: cannot be read: {error}. CSV, NDJSON and Parquet are, each also gzipped.") from error


def _write(folder: Path, answers: Answers) -> list[Path]:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True,
                              keep_trailing_newline=True, autoescape=False)
    environment.filters["toml"] = lambda text: '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
    issue = "".join(c if c.isalnum() else "_" for c in answers.trouble.lower()).strip("_") or "trouble"
    files = {
        folder / "settings.toml": "settings.toml.j2",
        folder / "sources" / "events.toml": "source.toml.j2",
        folder / "issues" / f"{issue}.toml": "issue.toml.j2",
        folder / "playbooks" / f"{issue}.toml": "playbook.toml.j2",
    }
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.get_template(template).render(vars(answers) | {"issue": issue}), encoding="utf-8")
    return list(files)


def _spoken(answers: Answers) -> dict[str, str]:
    return {name: getattr(answers, name) for name in ("customer", "occurred", "kind", "event_id", "trouble")}


def _sentences(folder: Path, written: list[str], answers: Answers) -> list[str]:
    looked = f"I looked at {answers.events}: it has {', '.join(answers.columns)}." if answers.columns else (
        f"No file matches {answers.events} yet, so the columns are guesses; edit {folder / 'sources' / 'events.toml'}.")
    return [looked, "Written:", *(f"  {path}" for path in written),
            f"Next: `beforehand --config {folder} doctor`. The playbook is in shadow: nothing is sent."]  # fmt: skip
