"""`python -m ledger.migrations "Add the notes"`: write the next migration from what the tables now say.

It compares the tables with a throw-away database that has all migrations so far; read what it wrote before you commit it.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from alembic import command

from ledger.database import MIGRATIONS, config, migrate
from ledger.server import hold


def write(message: str) -> None:
    """Write versions/<next number>_<message>.py."""
    number = len(list((MIGRATIONS / "versions").glob("[0-9]*.py"))) + 1
    with TemporaryDirectory() as folder, hold(Path(folder) / "pg") as server:
        engine = sa.create_engine(server.url)
        if number > 1:
            migrate(engine)
        with engine.begin() as connection:
            command.revision(config(connection), message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    write(sys.argv[1])
