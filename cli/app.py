"""The command `beforehand`: every verb calls the function of a day that a DAG task calls."""

import inspect
import json
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from cli.voice import VOICE, take_config, take_json
from core.errors import BeforehandError, ConfigError

VERBS = (
    "init",
    "doctor",
    "simulate",
    "pull",
    "quarantine",
    "features",
    "train",
    "backtest",
    "detect",
    "models",
    "missed",
    "watch",
    "review",
    "mode",
    "heldout",
    "act",
    "send",
    "brake",
    "gesture",
    "erase",
    "events",
    "inbox",
    "calls",
    "plan",
    "measure",
    "effect",
    "targeting",
    "run",
    "status",
    "demo",
    "up",
    "console",
    "preview",
    "people",
    "tokens",
)


Config = Annotated[str | None, typer.Option("--config", metavar="DIR", help="The configuration folder (default: config).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]
SHARED: dict[str, tuple[Any, Any]] = {"config": (Config, None), "as_json": (AsJson, False)}


def with_shared_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Return `verb` with --config and --json, so that they are understood after its name as well as before it."""

    def run(config: str | None = None, as_json: bool = False, **options: Any) -> None:
        take_config(config)
        take_json(as_json)
        verb(**options)

    own = inspect.signature(verb).parameters.values()
    shared = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
              for name, (kind, default) in SHARED.items()]  # fmt: skip
    run.__name__, run.__doc__ = verb.__name__, verb.__doc__
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = verb.__annotations__ | {name: kind for name, (kind, _) in SHARED.items()}
    return run


app = typer.Typer(
    name="beforehand",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Find the customers about to hit trouble, tell them first, and prove whether it earned their loyalty.",
)


@app.callback()
def options(config: Config = None, as_json: AsJson = False) -> None:
    """Take the options that every verb shares."""
    take_config(config)
    take_json(as_json)


for _verb in VERBS:
    app.command(_verb)(with_shared_options(getattr(import_module(f"cli.{_verb}"), _verb)))


def main() -> None:
    """Run the command; a known error ends in one sentence and status 2 (configuration) or 1 (anything else)."""
    for name in (signal.SIGTERM, signal.SIGHUP):  # a terminal that closes, a service that is stopped: clean up all the same
        signal.signal(name, signal.default_int_handler)
    try:
        app()
    except BeforehandError as error:
        if VOICE.as_json:
            sys.stdout.write(json.dumps({"error": str(error), "kind": type(error).__name__}) + "\n")
        sys.stderr.write(f"beforehand: {error}\n")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        sys.stderr.write("beforehand: stopped. What was finished stays; the same command goes on from there.\n")
        sys.exit(130)
