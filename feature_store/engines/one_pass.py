"""Every measure of one source at one or many moments, from one pass over its files.

What the bands cannot give is left to the exact engine: other aggregates for everybody, and the last number of those
customers whose newest rows stand at one instant and differ.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.engines.bands import Bands, Values
from feature_store.engines.decode import Decoder
from feature_store.engines.exact import exactly
from feature_store.engines.kept import Kept
from feature_store.engines.readout import Readout
from feature_store.engines.wanted import Wanted, is_fast
from feature_store.feature import Measure
from feature_store.look import Look

Measured = Mapping[Measure, Values]
Looks = Callable[[datetime], Look | None]


@dataclass
class OnePass:
    """One source's measures over `roster` (customer_id and customer_hash, sorted by the hash) at moments, oldest first.

    `looks` gives the look at a moment, `widest` the one that holds all rows any of the moments needs. Several moments
    must be midnights.
    """

    source: str
    measures: Sequence[Measure]
    moments: Sequence[datetime]
    roster: pl.DataFrame
    widest: Look
    looks: Looks
    kept: Kept | None = None  # one moment only: where to slide from, and to

    @cached_property
    def hashes(self) -> NDArray[np.int64]:
        """The customers' hashes, sorted."""
        return self.roster["customer_hash"].to_numpy()

    def __iter__(self) -> Iterator[Measured]:
        """Yield, moment by moment, each measure's values in the roster's order; good until the next is asked for."""
        fast = tuple(m for m in self.measures if is_fast(m, self.moments, self.widest.kinds))
        others = [m for m in self.measures if m not in fast]
        for moment, found in zip(self.moments, self._fast(fast) if fast else self._none(), strict=True):
            exact = self.exactly(others, moment) if others else {}
            yield Both(found, {**exact, **self._settled(found, moment)}) if exact or found else found

    def _none(self) -> Iterator[Measured]:
        return iter([{}] * len(self.moments))

    def _fast(self, measures: tuple[Measure, ...]) -> Iterator[Readout]:
        decoder = Decoder(self.widest, Wanted(measures))
        left = self.widest.files.sort("recorded_on", "batch")
        bands = self.kept.slid(decoder, self.hashes, self.moments[0]) if self.kept else None
        if bands is not None:
            left = left.clear()
        else:
            bands = Bands(decoder.wanted, self.hashes, self.moments, decoder.whole_numbers)
        versions = self.widest.versions().collect() if self.widest.corrected.height else None
        for moment in self.moments:
            bands.open(moment)
            ready = left.filter(pl.col("recorded_on") <= moment.date(), pl.col("min.recorded_at") < moment)
            left = left.join(ready.select("path"), on="path", how="anti", maintain_order="left")
            for rows in decoder.ahead(ready.iter_rows(named=True), moment):
                bands.add(rows)
            if self.kept:
                self.kept.save(bands, decoder)
            counted = None if versions is None else decoder.from_frame(self.widest.newest_of(versions.lazy(), moment).collect())
            with bands.with_rows(counted) if counted is not None else nullcontext():
                found = Readout(bands)
                if moment == self.moments[-1]:
                    bands.let_go()
                yield found

    def _settled(self, found: Measured, moment: datetime) -> dict[Measure, Values]:
        """Return the last numbers again, exact for those where they hang on the order of rows at one instant."""
        uncertain = found.uncertain() if isinstance(found, Readout) else np.zeros(0, dtype=np.bool_)
        if not uncertain.any():
            return {}
        last = [m for m in found if m.aggregate == "last"]
        exact = self.exactly(last, moment, of=uncertain)
        settled = {m: found[m].copy() for m in last}
        for measure, values in settled.items():
            values[uncertain] = exact[measure]
        return settled

    def exactly(self, measures: list[Measure], moment: datetime, of: NDArray[np.bool_] | None = None) -> dict[Measure, Values]:
        """Return measures by the exact engine, of everybody or of some customers."""
        look, asked = self.looks(moment) or self.widest, self.roster if of is None else self.roster.filter(pl.Series(of))
        rows = look.lazy()
        if of is not None:
            rows = rows.filter(pl.col("customer_id").is_in(asked["customer_id"].implode()))
        return exactly(self.source, rows, measures, moment, asked["customer_id"])


class Both(Mapping[Measure, Values]):
    """Some measures given, the others read out when asked for."""

    def __init__(self, read_out: Measured, given: Measured) -> None:
        """Let what is given come first."""
        self._read_out, self._given = read_out, given

    def __getitem__(self, measure: Measure) -> Values:
        """Return one measure's values."""
        return self._given[measure] if measure in self._given else self._read_out[measure]

    def __iter__(self) -> Iterator[Measure]:
        """Go through all measures."""
        return iter({**dict.fromkeys(self._read_out), **dict.fromkeys(self._given)})

    def __len__(self) -> int:
        """Return how many measures there are."""
        return len(set(self._read_out) | set(self._given))
