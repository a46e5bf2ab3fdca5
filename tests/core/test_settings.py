"""settings.toml says who we are and where things lie; what it leaves out has careful defaults."""

import pytest

from core.errors import ConfigError
from core.settings import current, load_settings

COMPANY = """
[company]
name = "Lumen Broadband"
from_address = "care@lumen.example"
reply_to = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website = "https://lumen.example"
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "settings.toml").write_text(text)
        return tmp_path

    return write


def test_the_company_alone_is_enough_and_nothing_is_approved_unseen(write):
    settings = load_settings(write(COMPANY))
    assert settings.review.auto_approve_up_to == 0
    assert settings.outreach.channel == "mailbox"
    assert str(settings.root) == "var"
    assert settings.folder.joinpath("settings.toml").is_file()


def test_a_place_below_the_root_is_made_when_asked_for(write, tmp_path):
    settings = load_settings(write(f'{COMPANY}[storage]\nroot = "{tmp_path}/var"\n'))
    assert settings.place("lake", "billing").is_dir()


def test_the_root_may_be_an_object_store(write):
    settings = load_settings(write(f'{COMPANY}[storage]\nroot = "memory://beforehand"\n'))
    settings.place("vectors").joinpath("a.txt").write_text("here")
    assert settings.root.joinpath("vectors", "a.txt").read_text() == "here"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (COMPANY.replace("https:", "http:"), r"company\.website: String should match pattern"),
        (COMPANY.replace("reply_to", "replyto"), r"key 'company\.replyto' does not exist\. Did you mean 'reply_to'\?"),
        (f"{COMPANY}[revue]\n", r"key 'revue' does not exist\. Did you mean 'review'\?"),
        (f"{COMPANY}[outreach]\nglobal_holdout = 0.9\n", r"outreach\.global_holdout: Input should be less than or equal to 0\.5"),
        (f"{COMPANY}[outreach]\ncontact_unit = 'house'\n", r"outreach\.contact_unit: .*'customer', 'address' or 'account'"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(write, text, says):
    folder = write(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load_settings(folder)
    assert str(caught.value).startswith(str(folder / "settings.toml"))


def test_the_current_settings_are_those_of_the_folder_the_environment_names(write, monkeypatch):
    folder = write(COMPANY)
    monkeypatch.setenv("BEFOREHAND_CONFIG", str(folder))
    assert current().folder == folder
    assert current() is current()
