"""Intervals are drawn in plain characters."""

from loyalty.wording import drawn


def test_an_interval_stands_where_it_lies_and_no_effect_is_the_middle():
    assert drawn(-1.0, 0.5, 1.0, reach=1.0, width=9) == "[---|-o-]"
    assert drawn(0.5, 0.75, 1.0, reach=1.0, width=9) == "    | [o]"
    assert drawn(None, None, None, reach=1.0) == ""
