"""What every channel promises; a new file is covered the day it lands."""

import inspect

import pytest

from core.errors import ConfigError
from outreach.channel import channel, channels


@pytest.fixture(params=sorted(channels()))
def each(request):
    return channels()[request.param]


def test_it_is_found_by_its_files_name(each):
    assert channel(each.name) is each
    assert type(each).__module__ == f"outreach.channels.{each.name}"


def test_it_says_whether_it_keeps_our_keys(each):
    assert isinstance(each.keeps_keys, bool)


def test_nothing_in_nothing_out(each, settings, monkeypatch):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.test")

    assert list(each.send([], settings=settings, now=None)) == []
    assert each.holds([], settings=settings) == set()


def test_it_explains_itself(each):
    assert inspect.getdoc(type(each))


def test_a_channel_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match=r"outreach\.channel: channel 'sendgird' does not exist\. Did you mean 'sendgrid'"):
        channel("sendgird")
