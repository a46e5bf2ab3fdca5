"""Tables as files: everything that was shown, and nothing that a spreadsheet would run."""

from datetime import date
from io import BytesIO

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from console.exports import FORMULA, exported, safe

ROWS = [{"customer": "=HYPERLINK(\"x\")", "n": -3, "on": date(2026, 3, 1), "why": ["late", "twice"]}, {"customer": "ann", "n": 4, "on": None, "why": []}]


def test_text_that_a_spreadsheet_would_run_is_written_as_text():
    said = exported(ROWS, "flags", "csv").body.decode()
    assert "'=HYPERLINK" in said
    assert ",-3," in said  # a number stays a number


def test_parquet_gives_back_every_row_with_its_types():
    table = pl.read_parquet(BytesIO(exported(ROWS, "flags", "parquet").body))
    assert table["customer"].to_list() == ["=HYPERLINK(\"x\")", "ann"]
    assert table.schema["on"] == pl.Date
    assert table["why"][0] == '["late", "twice"]'


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=20), min_size=1))
def test_no_text_whatever_begins_like_a_formula_afterwards(texts):
    assert not safe(pl.DataFrame({"text": texts}))["text"].str.contains(FORMULA).any()


def test_an_empty_table_is_a_file_all_the_same():
    assert exported([], "flags", "csv").status_code == 200
