"""One file is one extension, and its name is the file's."""

import sys
from importlib import import_module, invalidate_caches

import pytest

from core.errors import ConfigError
from core.registry import discover


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package of extension files; returns a function that takes their names and texts and imports it."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def write(**files):
        folder = tmp_path / "kinds_of_thing"
        folder.mkdir()
        (folder / "__init__.py").write_text('"""Things."""\n')
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        invalidate_caches()
        return import_module("kinds_of_thing")

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def thing(name):
    return f"from types import SimpleNamespace\nTHING = SimpleNamespace(name={name!r})\n"


def test_every_file_with_the_constant_is_found_by_its_name(package):
    found = discover(package(red=thing("red"), blue=thing("blue"), notes="X = 1\n"), "THING")
    assert {name: item.name for name, item in found.items()} == {"red": "red", "blue": "blue"}


def test_a_name_that_is_not_the_files_is_refused(package):
    with pytest.raises(ConfigError, match=r"kinds_of_thing\.red: THING\.name is 'rde'\. It must be the file's name 'red'\."):
        discover(package(red=thing("rde")), "THING")
