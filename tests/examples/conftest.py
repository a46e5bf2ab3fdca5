"""Play an example's whole route on its real data, once a module, in a folder and a ledger of its own."""

import contextlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

import psycopg
import pytest

from cli.app import main
from cli.voice import VOICE
from core.settings import load_settings
from ledger import database

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
DATA = Path(os.environ.get("BEFOREHAND_DATA", Path(__file__).parents[3] / "shared" / "data"))


class Played:
    """An example's configuration, its data, and the command line on both."""

    def __init__(self, folder, data):
        self.settings, self.data = load_settings(folder), data

    def run(self, *options):
        """Call `beforehand --json run` and return what it said as a program hears it."""
        return self.call("run", *options)

    def approve(self):
        """Let every playbook with a remedy go as far as its file says, as the example's README tells."""
        for row in self.call("mode")["playbooks"]:
            if row["file"] != row["runs"]:
                self.call("mode", row["issue"], row["file"], "--as", "Head of Service")

    def call(self, *words):
        """Call `beforehand --json` and return what it said as a program hears it."""
        said, before = io.StringIO(), VOICE.as_json
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(sys, "argv", ["beforehand", "--config", str(self.settings.folder), "--json", *words])
            try:
                with contextlib.suppress(SystemExit):  # a failed run says no figures, and json finds none
                    main()
            finally:
                VOICE.as_json = before
        return json.loads(said.getvalue())

    def rows(self, statement):
        """Return what a query finds in this example's ledger."""
        with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
            return connection.execute(statement).fetchall()

    def moved(self, home):
        """Return the settings of the same example with an empty lake below `home` and the feature sets of this one."""
        folder = shutil.copytree(self.settings.folder, home / "config")
        stated = (folder / "settings.toml").read_text()
        (folder / "settings.toml").write_text(stated.replace(str(self.settings.root), str(home / "var")))
        shutil.copytree(Path(str(self.settings.root)) / "vectors" / "sets", home / "var" / "vectors" / "sets")
        return load_settings(folder)

    def letters(self):
        """Return the files in the mailbox."""
        return sorted((Path(str(self.settings.root)) / "mailbox").rglob("*.eml"))


@pytest.fixture(scope="module")
def example(request, tmp_path_factory, embedded_server, migrated_template):
    """The example that the test module names in EXAMPLE, its storage in a folder of its own."""
    name = request.module.EXAMPLE
    home = tmp_path_factory.mktemp(name)
    folder = shutil.copytree(EXAMPLES / name, home / "config")
    stated = (folder / "settings.toml").read_text()
    (folder / "settings.toml").write_text(stated.replace(f'"var/{name}"', f'"{home / "var"}"'))
    ledger = f"example_{name}_{os.getpid()}"
    with psycopg.connect(host=str(embedded_server.sockets), user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {ledger} TEMPLATE {migrated_template} OWNER beforehand")
    with pytest.MonkeyPatch.context() as patch:
        url = f"postgresql+psycopg://beforehand@/{ledger}?host={embedded_server.sockets}"
        patch.setenv("DATABASE_URL", url)
        patch.setenv("BEFOREHAND_DATA", str(DATA))
        patch.setenv("BEFOREHAND_CONFIG", str(folder))
        played = Played(folder, DATA / name)
        played.approve()
        yield played
        database.forget(url)
