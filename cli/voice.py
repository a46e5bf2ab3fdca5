"""How a verb speaks: prose for a person on the terminal, or one JSON object for a program."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from core.settings import CONFIG_ENV, Settings, load_settings


class Voice:
    """Progress goes to standard error, the result to standard output."""

    def __init__(self) -> None:  # noqa: D107
        self.as_json = False

    @property
    def screen(self) -> Console:
        """Where progress is shown; wide enough for its sentences even when the output is piped."""
        return Console(stderr=True, highlight=False, soft_wrap=True, quiet=self.as_json)

    def say(self, sentence: str = "") -> None:
        """Tell a person what is going on; a program does not hear it."""
        self.screen.print(sentence, markup=False)

    def result(self, facts: dict[str, Any], sentences: Iterable[str] = ()) -> None:
        """End a verb: `facts` as JSON, or the same in `sentences`."""
        if self.as_json:
            sys.stdout.write(json.dumps(facts, default=str, indent=2) + "\n")
            return
        for sentence in sentences:
            sys.stdout.write(sentence + "\n")

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a plain table to standard output, unless a program is listening."""
        if self.as_json:
            return
        table = Table(*header, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        width = None if sys.stdout.isatty() else 140
        Console(highlight=False, width=width).print(table, markup=False)


VOICE = Voice()


def take_config(value: str | None) -> None:
    """Make the named folder the configuration of this process and of those it starts."""
    if value:
        os.environ[CONFIG_ENV] = value


def take_json(value: bool) -> None:
    """Switch to JSON."""
    VOICE.as_json = VOICE.as_json or bool(value)


def config_folder() -> Path:
    """Return the folder named by --config or the environment."""
    return Path(os.environ.get(CONFIG_ENV, "config"))


def configured() -> Settings:
    """Return the settings of the folder named by --config or the environment, read anew."""
    return load_settings(config_folder())
