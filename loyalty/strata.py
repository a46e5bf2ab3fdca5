"""Effects of many readings in one pass, from one row a contact unit: grouped by reading, stored share and arm."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from loyalty import skew
from loyalty.effect import ARMS, LEAST_EXPECTED, LEAST_UNITS, Effects, compare
from loyalty.moments import Moments, Numbers, of_rows

RULE = (
    f"A reading needs {LEAST_UNITS} units from strata whose smaller arm is expected to hold at least {LEAST_EXPECTED}, and "
    "values of which no handful decides it: squared skewness by the number of units (those of a stratum whose share tells less "
    "count for less) at most "
    f"{skew.MOST_WEIGHT}, and the skewness of the difference of means, as the stored share lets expect it, at most "
    f"{skew.MOST_LEANING}; beyond, the interval would cover less than it claims. Whether to read is decided on both arms "
    "together, without looking at the arms."
)
FIGURES = ("effect", "se", "df", "low", "high", "p_value", "smallest_seen")


def read_effects(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return one row per `by` with both arms' n and means, effect, se, df, low, high, p_value, smallest_seen, sd, why.

    `rows` hold a contact unit each: `by`, arm, share (of hold out), value, covariate (null where there is none).
    n are the units compared; `left_out` counts those of strata too thin to compare. `why` is null for a reading; otherwise it
    says in words why there is none, the figures are null, and n are all units.
    """
    readings, found, n, share = effects_of(rows, by)
    return readings.with_columns(*_columns(found, n, share))


def effects_of(rows: pl.DataFrame, by: Sequence[str]) -> tuple[pl.DataFrame, Effects, Numbers, Numbers]:
    """Return the readings (one row per `by`), their effects, and the units (reading, stratum, arm) and shares of their strata."""
    by = list(by)
    rows = rows.with_columns(
        pl.col("share").round(6), pl.col("value").cast(pl.Float64), pl.col("covariate").cast(pl.Float64)
    ).sort(*by, "share", "arm", "value", "covariate")  # sums of floats depend on the order: a rerun must not differ by a bit
    known = pl.col("covariate").fill_null(pl.col("covariate").mean().over([*by, "share"])).fill_null(0.0)
    rows = rows.with_columns(known)
    strata = rows.select(*by, "share").unique(maintain_order=True)
    readings = strata.select(by).unique(maintain_order=True).with_row_index("reading")
    strata = strata.join(readings, on=by, maintain_order="left").with_columns(
        pl.int_range(pl.len()).over("reading").alias("stratum")
    )
    moments, share = _grouped(rows, strata, by)
    return readings.drop("reading"), compare(moments, share), moments.n, share


def sample_ratio_p(n_contact: int, n_hold_out: int, share: float) -> float:
    """Return the chi-square p that arms this uneven come from a fair draw with `share` held out."""
    return float(_ratio_p(np.array([[[n_contact, n_hold_out]]], dtype=float), np.array([[share]]))[0])


def _grouped(rows: pl.DataFrame, strata: pl.DataFrame, by: list[str]) -> tuple[Moments, Numbers]:
    """Return moments with the axes reading, stratum, arm, and the shares; readings with fewer strata are filled up empty."""
    size = (strata["reading"].n_unique(), int(strata["stratum"].to_numpy().max(initial=-1)) + 1, 2)
    placed = rows.join(strata, on=[*by, "share"], maintain_order="left")
    place = (pl.col("reading").cast(pl.Int64) * size[1] + pl.col("stratum")) * 2 + (pl.col("arm") == ARMS[1])
    codes = placed.select(place.cast(pl.Int64)).to_series().to_numpy()
    columns = [placed["value"].to_numpy(), placed["covariate"].to_numpy()]
    flat = of_rows(columns, codes, int(np.prod(size)))
    share = np.zeros(size[:2])
    share[strata["reading"].to_numpy(), strata["stratum"].to_numpy()] = strata["share"].to_numpy()
    return Moments(*(part.reshape(*size, *part.shape[1:]) for part in (flat.n, flat.mean, flat.second, flat.third))), share


def _columns(found: Effects, n: Numbers, share: Numbers) -> list[pl.Series]:
    """Return the effects as columns, nulled with the reason where they may not be read."""
    readable, drawn = found.readable, n.sum(axis=-2)
    figures = {name: getattr(found, name) for name in FIGURES}
    figures |= {f"mean_{arm}": found.means[..., at] for at, arm in enumerate(ARMS)}
    whole = {f"n_{arm}": np.where(readable, found.n[..., at], drawn[..., at]) for at, arm in enumerate(ARMS)}
    whole |= {"left_out": found.everybody - found.units, "strata": found.strata}
    beside = {"sample_ratio_p": _ratio_p(n, share), "sd": np.where(found.units > 1, found.sd, np.nan),
              "skewness": found.skewness, "lean": found.lean}  # fmt: skip
    beside |= {f"raw_mean_{arm}": np.where(found.units > 0, found.raw[..., at], np.nan) for at, arm in enumerate(ARMS)}
    return [
        *(pl.Series(name, values.astype(np.int64)) for name, values in whole.items()),
        *(pl.Series(name, np.where(readable, values, np.nan)).fill_nan(None) for name, values in figures.items()),
        *(pl.Series(name, values).fill_nan(None) for name, values in beside.items()),
        pl.Series("why", [why_not(found, at) for at in range(len(readable))], dtype=pl.String),
    ]


def _ratio_p(n: Numbers, share: Numbers) -> Numbers:
    """Return the chi-square p of the arms' sizes over strata; those in which nobody could be held out say nothing."""
    from scipy.special import chdtrc

    total = n.sum(axis=-1)
    spread = total * share * (1 - share)
    counts = spread > 0
    distance = np.where(counts, (n[..., 1] - total * share) ** 2 / np.where(counts, spread, 1.0), 0.0)
    return np.asarray(chdtrc(np.maximum(counts.sum(axis=-1), 1), distance.sum(axis=-1)))


def why_not(found: Effects, at: int) -> str | None:
    """Say why a reading cannot be made, or nothing; looks at the arms only to know that both have spread at all."""
    units, everybody = int(found.units[at]), int(found.everybody[at])
    weight = float(found.skewness[at]) ** 2 / max(float(found.worth[at]), 1.0)
    if everybody == 0:
        return "nobody was drawn"
    if not found.comparable[at]:
        return "one arm is empty by design: the stored share of hold out is 0 or 1"
    if found.too_few[at]:
        return (f"too few: {units} of {everybody} units can be compared (drawn with a share that is expected to leave at least "
                f"{LEAST_EXPECTED} in the smaller arm), {LEAST_UNITS} are needed")  # fmt: skip
    if not found.sd[at] > 0:
        return f"nothing happened: all {units} units have the same value"
    if found.too_skewed[at]:
        more = max(weight / skew.MOST_WEIGHT, (float(found.lean[at]) / skew.MOST_LEANING) ** 2)
        return (f"too little happened, or too few decide it: the values' skewness is {found.skewness[at]:.1f} among {units:,} "
                f"units; about {int(np.ceil(units * more)):,} such units are needed")  # fmt: skip
    return None if found.se[at] > 0 else "no spread within either arm"
