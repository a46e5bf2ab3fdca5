"""A mistake in an example's configuration ends with the file, the key and the fix, and exit status 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import main

HOUSE = Path(__file__).parents[2]
EXAMPLES = HOUSE / "config" / "examples"

WRONG = {
    "a key that does not exist": (
        "ravenstack", "settings.toml", "auto_approve_up_to = 50", "auto_aprove_up_to = 50",
        ["review.auto_aprove_up_to", "Did you mean 'auto_approve_up_to'?"],
    ),
    "a key of an event that does not exist": (
        "ravenstack", "sources/departures.toml", "occurred_at =", "occured_at =",
        ["event.0.occured_at", "Did you mean 'occurred_at'?"],
    ),
    "today's state used as a fact": (
        "ravenstack", "sources/accounts.toml", 'industry = "industry"', 'industry = "industry", left = "churn_flag"',
        ["column 'churn_flag' is listed in `ignore` and used"],
    ),
    "an attribute without a date": (
        "ravenstack", "sources/accounts.toml", 'valid_from = "signup_date"', 'occurred_at = "signup_date"',
        ["'country' has no date of its own", "Give valid_from", "static = ['country']"],
    ),
    "another currency than the company's": (
        "ravenstack", "sources/subscriptions.toml", 'currency      = "USD"', 'currency      = "EUR"',
        ["currency is 'EUR' and the company's is 'USD'", "convert first"],
    ),
    "a whole file without the day until which its times are believed": (
        "completejourney", "sources/redemptions.toml", "history_until = 2017-10-01", "",
        ["history_until is missing", "for instance history_until = "],
    ),
    "a trouble that no source reports": (
        "ravenstack", "issues/ticket_coming.toml", '"tickets.opened"', '"tickets.openned"',
        ["trouble", "'tickets.openned' does not exist", "Did you mean 'tickets.opened'?"],
    ),
    "a detector that does not exist": (
        "completejourney", "issues/gone_quiet.toml", 'detector     = "learned"', 'detector     = "learnt"',
        ["detector 'learnt' does not exist", "Did you mean 'learned'?"],
    ),
    "a condition that cannot be read": (
        "completejourney", "issues/gone_quiet.toml", "purchases__distinct_days_90d >= 4", "purchases__distinct_days_90d => 4",
        ["at_risk", "Write 'feature >= number'"],
    ),
    "nobody held out": (
        "completejourney", "playbooks/gone_quiet.toml", "holdout    = 0.5", "holdout    = 0",
        ["holdout: without anyone held out nothing can be measured", "never_hold_out = true"],
    ),
    "a message that names an amount where others see it": (
        "ravenstack", "playbooks/errors_mounting.toml", "A note from {{ company }} about your account", "Your $20 credit",
        ["message.en.subject: names no amount", "Say it inside the message"],
    ),
}  # fmt: skip


DAYS = ("run", "--from", "2024-04-01", "--to", "2024-04-07")


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Call the command line's own entry point; return its exit status and what it said."""

    def run(folder):
        monkeypatch.setenv("BEFOREHAND_CONFIG", "config")  # --config overwrites it; put back afterwards
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["beforehand", "--config", str(folder), *DAYS])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_names_file_key_and_fix_and_ends_with_status_2(tmp_path, monkeypatch, command, mistake):
    example, file, right, wrong, said = WRONG[mistake]
    folder = shutil.copytree(EXAMPLES / example, tmp_path / "config")
    text = (folder / file).read_text()
    assert text.count(right) >= 1, f"{file} of {example} no longer says {right!r}"
    (folder / file).write_text(text.replace(right, wrong, 1))
    monkeypatch.setenv("BEFOREHAND_DATA", str(tmp_path / "data"))

    status, error = command(folder)

    assert status == 2, error
    assert f"beforehand: {folder / file}: " in error
    for words in said:
        assert words in error
    assert not (tmp_path / "var").exists(), "a wrong configuration must leave nothing behind"


def test_data_that_is_nowhere_is_said_in_the_same_words(tmp_path, monkeypatch, command):
    folder = shutil.copytree(EXAMPLES / "ravenstack", tmp_path / "config")
    monkeypatch.delenv("BEFOREHAND_DATA", raising=False)

    status, error = command(folder)

    assert status == 2, error
    assert "the environment variable BEFOREHAND_DATA is not set" in error


def test_a_program_of_its_own_ends_with_status_2_and_one_sentence(tmp_path):
    folder = shutil.copytree(EXAMPLES / "completejourney", tmp_path / "config")
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace("every_days   = 14", "every_days   = 0"))
    beforehand = [sys.executable, "-c", "from cli.app import main; main()", "--config", str(folder), *DAYS]

    ended = subprocess.run(beforehand, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
                           env=os.environ | {"PYTHONPATH": str(HOUSE)})  # fmt: skip

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"beforehand: {settings}: training.every_days: Input should be greater than or equal to 1, got 0.\n"
