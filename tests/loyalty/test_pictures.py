"""Pictures stand by themselves, follow the page's colour, and are readable without any."""

import re

import pytest

from loyalty.pictures import effects_picture, months_picture, retention_picture

FIGURES = {"effect": 0.03, "low": 0.01, "high": 0.05}
NONE = dict.fromkeys(FIGURES)


def row(months, state="readable", **also):
    figures = FIGURES if state == "readable" else NONE
    return {"outcome": "retained", "horizon_months": months, "state": state, **figures, **also}


PICTURES = {
    "effects": lambda: effects_picture([row(1), row(6), row(18, "not_yet")], truth={1: 0.02, 6: 0.04}),
    "months": lambda: months_picture([row(6, month="2025-01"), row(6, "unreadable", month="2025-02")]),
    "retention": lambda: retention_picture([
        {"arm": arm, "weeks": week, "still_there": 0.99 ** (week * pace)}
        for arm, pace in (("contact", 1), ("hold_out", 2)) for week in range(10)
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_names_no_outside_address_and_no_ink_of_its_own(name):
    svg = PICTURES[name]()
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert "http" not in svg
    assert "currentColor" in svg
    inks = set(re.findall(r"#[0-9a-f]{6}", svg))
    assert inks <= {"#3d74b8"}, "one accent, and the page's own colour"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_drawn_twice_is_the_same(name):
    assert PICTURES[name]() == PICTURES[name]()


def test_what_is_not_yet_readable_is_said_in_the_picture():
    assert "not yet" in PICTURES["effects"]()


def test_the_arms_differ_without_colour():
    svg = PICTURES["retention"]()
    assert 'stroke-dasharray="5,3"' in svg
    assert "held out" in svg
    assert "contacted" in svg


def test_nothing_readable_still_draws():
    assert "unreadable" in effects_picture([row(1, "unreadable"), row(6, "not_yet")])
