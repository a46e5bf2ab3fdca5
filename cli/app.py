"""The command `beforehand`: every verb calls the function of a day that a DAG task calls."""

import json
import sys
from importlib import import_module
from typing import Any

import typer

from cli.voice import VOICE, take_config, take_json
from core.errors import BeforehandError, ConfigError

VERBS = (
    "init", "doctor", "simulate", "pull", "features", "train", "detect", "review", "send", "measure",
    "run", "status", "demo", "up",
)  # fmt: skip


class Verb(typer.core.TyperCommand):
    """A command that takes --config and --json after its name as well as before it."""

    def __init__(self, *args: Any, **kwargs: Any):  # noqa: D107
        super().__init__(*args, **kwargs)
        self.params += [
            typer.core.TyperOption(
                param_decls=["--config"], metavar="DIR", expose_value=False, callback=take_config,
                help="The configuration folder (default: config).",
            ),
            typer.core.TyperOption(
                param_decls=["--json"], is_flag=True, expose_value=False, callback=take_json,
                help="Print one JSON object instead of prose.",
            ),
        ]  # fmt: skip


app = typer.Typer(
    name="beforehand",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Find the customers about to hit trouble, tell them first, and prove whether it earned their loyalty.",
)


@app.callback()
def options(
    config: str = typer.Option(None, "--config", metavar="DIR", help="The configuration folder (default: config)."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of prose."),
) -> None:
    """Take the options that every verb shares."""
    take_config(None, None, config)
    take_json(None, None, as_json)


for _verb in VERBS:
    app.command(_verb, cls=Verb)(getattr(import_module(f"cli.{_verb}"), _verb))


def main() -> None:
    """Run the command; a known error ends in one sentence and status 2 (configuration) or 1 (anything else)."""
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
