"""The embedded PostgreSQL lives exactly as long as somebody holds it, also when holders are killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from core.errors import LedgerError, MissingError
from ledger import postgres, server

REPOSITORY = Path(__file__).parents[2]
HOLDER = """
import sys
from ledger.server import hold
with hold(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def made():
    """A server's folder, made once; copying it takes less than initdb."""
    with tempfile.TemporaryDirectory(prefix="beforehand-tests-") as place:
        with server.hold(Path(place) / "pg"):
            pass
        yield Path(place) / "pg"


@pytest.fixture
def new():
    """A place for a server's folder, with nothing there; whatever a test does, nothing runs on it at the end."""
    with tempfile.TemporaryDirectory(prefix="beforehand-tests-") as place:
        yield Path(place) / "pg"
        assert server.stop_if_unheld(Path(place) / "pg")
        assert processes_on(Path(place) / "pg") == []


@pytest.fixture
def folder(made, new):
    """The folder of a server that has run before."""
    subprocess.run(["cp", "-a", made, new], check=True)
    return new


@contextmanager
def holder(folder):
    """Another process that holds the server until the block ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, cwd=REPOSITORY)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("\n", timeout=30)
    finally:
        process.kill()
        process.communicate()


def processes_on(folder):
    """Every living server process of the data folder: the postmaster names the folder, the others are its children."""
    found = [p for p in psutil.process_iter(["cmdline"]) if str(folder.resolve() / "data") in (p.info["cmdline"] or [])]
    return [p for p in found if postgres.is_alive(p)]


def answers(held):
    with psycopg.connect(host=str(held.sockets), user="beforehand", dbname="beforehand") as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_it_runs_while_held_and_not_after(new):
    with server.hold(new) as held:
        assert answers(held)
        assert server.holders(new) == [os.getpid()]
    assert processes_on(new) == []
    assert not held.sockets.exists()


def test_each_database_belongs_to_its_own_role(folder):
    with server.hold(folder) as held:
        for name in ("beforehand", "airflow"):
            with psycopg.connect(host=str(held.sockets), user=name, dbname=name) as connection:
                connection.execute("CREATE TABLE mine (n int)")
                assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [name]).fetchone() == (False,)


def test_it_is_reached_by_a_short_socket_and_by_no_port(folder):
    with server.hold(folder) as held:
        assert len(str(held.sockets / ".s.PGSQL.5432")) < 100
        [postmaster] = processes_on(folder)
        assert postmaster.net_connections(kind="inet") == []


def test_a_second_hold_in_one_process_does_not_end_the_first(folder):
    with server.hold(folder) as held:
        with server.hold(folder) as again:
            assert again == held
        assert answers(held)


def test_two_processes_share_it_and_the_last_one_stops_it(folder):
    with holder(folder):
        with server.hold(folder) as held:
            assert len(server.holders(folder)) == 2
        assert len(processes_on(folder)) == 1
        assert answers(held)
    assert processes_on(folder) == []


def test_a_server_whose_owner_was_killed_is_taken_over_and_stopped_at_the_end(folder):
    with holder(folder) as owner:
        [before] = processes_on(folder)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert processes_on(folder) == [before]
        with server.hold(folder) as held:
            assert processes_on(folder) == [before]
            assert server.holders(folder) == [os.getpid()]
            assert answers(held)
        assert processes_on(folder) == []


def test_a_process_id_given_to_somebody_else_since_is_not_taken_for_the_holder(folder):
    with server.hold(folder):
        (folder / "holders.json").write_text(f"[[{os.getpid()}, {time.time() - 3600}]]")
        assert server.holders(folder) == []


def test_what_was_committed_survives_the_killing_of_the_server(folder):
    with server.hold(folder) as held, psycopg.connect(held.url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.commit()
        [postmaster] = processes_on(folder)
        postmaster.kill()
    with server.hold(folder) as held, psycopg.connect(held.url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_after_a_crash_a_pid_file_that_names_another_process_does_not_keep_it_from_starting(folder):
    with server.hold(folder):
        left = (folder / "data" / "postmaster.pid").read_text().splitlines()
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    with server.hold(folder) as held:
        assert answers(held)


def test_a_server_whose_folder_was_removed_is_stopped_all_the_same(folder):
    with server.hold(folder):
        [running] = processes_on(folder)
        shutil.rmtree(folder)
    assert not postgres.is_alive(running)


def test_a_folder_removed_and_made_again_gets_a_server_of_its_own(folder):
    with holder(folder) as before:
        [old] = processes_on(folder)
        shutil.rmtree(folder)
        with server.hold(folder) as held:
            assert answers(held)
            assert not postgres.is_alive(old)
        before.kill()


def test_a_half_made_data_folder_is_made_anew(new):
    (new / "data.new" / "base").mkdir(parents=True)
    with server.hold(new) as held:
        assert answers(held)


def test_a_socket_that_was_swept_away_is_put_back(folder):
    with holder(folder):
        found = postgres.find_postmaster(postgres.Cluster(folder.resolve()))
        (found.sockets / ".s.PGSQL.5432").unlink()
        with server.hold(folder) as held:
            assert answers(held)


def test_it_starts_whatever_postgres_variables_are_set(folder, monkeypatch):
    for name, value in {"PGPORT": "7777", "PGDATA": "/nowhere", "LC_ALL": "xx_XX.UTF-8"}.items():
        monkeypatch.setenv(name, value)
    with server.hold(folder) as held, psycopg.connect(held.url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_does_not_start_says_what_its_log_says(folder):
    with server.hold(folder):
        pass
    (folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(LedgerError, match="no_such_setting"), server.hold(folder):
        pass


def test_data_of_a_version_that_is_not_installed_is_refused_with_the_way_out(new):
    (new / "data").mkdir(parents=True)
    (new / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(LedgerError, match=r"made by PostgreSQL 12, which is not installed.*DATABASE_URL"), server.hold(new):
        pass


def test_without_the_package_the_error_says_how_to_get_it(new, monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="make setup"), server.hold(new):
        pass
