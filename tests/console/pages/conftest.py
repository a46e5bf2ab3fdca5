"""A company that has been operating for a while, with people of every role."""

import shutil

import pytest

from bench.operating import operate
from core.settings import load_settings
from tests.console.house import add_people
from tests.outreach.test_lint import CONFIG


@pytest.fixture
def operating(settings):
    """Settings of a company with a past, and its last whole day."""
    for kind in ("playbooks", "issues", "sources"):
        shutil.copytree(CONFIG / kind, settings.folder / kind, dirs_exist_ok=True)
    opened = load_settings(settings.folder)
    add_people(opened)
    return opened, operate(opened)
