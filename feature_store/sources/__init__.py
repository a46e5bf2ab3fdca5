"""Where facts come from: readers of files and databases, and the mapping of their columns to ours."""

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from core.settings import Settings


def contact_details(settings: "Settings", *, first: date, last: date) -> "pl.DataFrame":
    """Return how each customer is reached, the newest details of `first` to `last` (see sources.details)."""
    from feature_store.sources.details import contact_details as read

    return read(settings, first=first, last=last)
