"""The effect of contacting on an outcome: one row a contact unit in, both arms' means, interval and power out.

Within a stratum (units drawn with one stored share of hold out) the effect is the difference of the arms' means, its
variance Welch's, after CUPED (Deng et al. 2013): value - theta * (covariate - its mean), theta = cov / var over both arms.
Over strata: effect = sum w_s d_s and variance = sum w_s^2 v_s with w_s = n_s / n, the unbiased estimate for a stratified
experiment whatever the effect is in each (Imbens and Rubin 2015, ch. 9); degrees of freedom after Satterthwaite (1946).
One stratum gives exactly what tea-tasting's `Mean` gives; all readings of a day are computed in one pass.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

ARMS = ("contact", "hold_out")
CONFIDENCE = 0.95
POWER = 0.8
LEAST_UNITS = 30            # fewer: not read
LEAST_EXPECTED = 10         # units a stratum's smaller arm is expected to hold: n * min(share, 1 - share)
LEAST_UNUSUAL_EVEN = 5      # of those whose value is not the commonest (leavers, buyers), expected in the smaller arm ...
LEAST_UNUSUAL_UNEVEN = 20   # ... when the arms are even, and when one is tiny; in between by the line between the two

RULE = (
    f"A reading needs {LEAST_UNITS} units from strata whose smaller arm is expected to hold at least {LEAST_EXPECTED}, and so "
    f"many with another value than the commonest that {LEAST_UNUSUAL_EVEN} of them (even arms) to {LEAST_UNUSUAL_UNEVEN} (one "
    "arm tiny) are expected in the smaller arm; with fewer the interval would cover less than it claims. Expected means by "
    "the stored share: whether to read is decided on both arms together, without looking at the arms."
)  # fmt: skip

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def read_effects(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return one row per `by` with both arms' n and means, effect, se, df, low, high, p_value, smallest_seen, sd, why.

    `rows` hold a contact unit each: `by`, arm, share (of hold out), value, covariate (null where there is none).
    n are the units compared; `left_out` counts those of strata too thin to compare. `why` is null for a reading; otherwise it
    says in words why there is none, the figures are null, and n are all units.
    """
    by = list(by)
    rows = rows.with_columns(
        pl.col("share").round(6), pl.col("value").cast(pl.Float64), pl.col("covariate").cast(pl.Float64)
    ).sort(*by, "share", "arm", "value", "covariate")  # sums of floats depend on the order: a rerun must not differ by a bit
    strata = _strata(rows, [*by, "share"])
    counted = strata.group_by(by, maintain_order=True).agg(
        pl.col("n_contact", "n_hold_out").sum(),
        (pl.col("n").filter(~pl.col("usable")).sum()).alias("left_out"),
        _sample_ratio().sum().alias("sample_ratio"),
        (pl.col("share").is_between(0, 1, closed="none")).sum().alias("shares"),
    )
    read = _combine(strata.filter("usable"), by)
    spread = _spread(rows.join(strata.filter("usable"), on=[*by, "share"], how="semi", maintain_order="left"), by)
    joined = counted.join(read, on=by, how="left").join(spread, on=by, how="left").sort(by)
    return _with_inference(joined).drop("sample_ratio", "shares", "unusual", "expected", "enough")


def power_to_see(effect: Numbers | float, se: Numbers, df: Numbers) -> Numbers:
    """Return the chance that a two-sided test at 5 % finds a true `effect` (shifted t; within 0.01 of the noncentral)."""
    from scipy.special import stdtr, stdtrit

    critical = stdtrit(df, (1 + CONFIDENCE) / 2)
    shift = np.abs(effect) / se
    return np.asarray(stdtr(df, shift - critical) + stdtr(df, -shift - critical))


def power_of_interval(effect: float, low: float, high: float, n: int) -> float:
    """Return the power that a reading of `n` units in all, with this 95 % interval, had to see a true `effect`."""
    from scipy.special import stdtrit

    df = np.array([n - 2.0])
    return float(power_to_see(effect, (high - low) / 2 / stdtrit(df, (1 + CONFIDENCE) / 2), df)[0])


def sample_ratio_p(n_contact: int, n_hold_out: int, share: float) -> float:
    """Return the chi-square p that arms this uneven come from a fair draw with `share` held out."""
    from scipy.special import chdtrc

    n = n_contact + n_hold_out
    return float(chdtrc(1, (n_hold_out - n * share) ** 2 / (n * share * (1 - share))))


def _strata(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return one row per stratum: both arms' n, and CUPED-adjusted and raw means and variances (ddof 1)."""
    whole = rows.group_by(keys, maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("covariate").mean().alias("centre"),
        pl.cov("value", "covariate").alias("shared"),
        pl.col("covariate").var().alias("width"),
    )
    theta = pl.when(pl.col("width") > 0).then(pl.col("shared") / pl.col("width")).otherwise(0.0)
    adjusted = pl.col("value") - pl.col("theta") * (pl.col("covariate") - pl.col("centre")).fill_null(0.0)
    rows = rows.join(whole.with_columns(theta.fill_null(0.0).fill_nan(0.0).alias("theta")), on=keys, maintain_order="left")
    arms = [
        expression
        for arm in ARMS
        for here in [pl.col("arm") == arm]
        for expression in (
            here.sum().alias(f"n_{arm}"),
            pl.col("adjusted").filter(here).mean().alias(f"mean_{arm}"),
            pl.col("adjusted").filter(here).var().alias(f"var_{arm}"),
            pl.col("value").filter(here).mean().alias(f"raw_mean_{arm}"),
        )
    ]
    found = rows.with_columns(adjusted.alias("adjusted")).group_by(keys, maintain_order=True).agg(pl.len().alias("n"), *arms)
    expected = pl.col("n") * pl.min_horizontal("share", 1 - pl.col("share"))
    both = (pl.col("n_contact") >= 2) & (pl.col("n_hold_out") >= 2)
    return found.with_columns(((expected >= LEAST_EXPECTED - 1e-9) & both).alias("usable"))


def _sample_ratio() -> pl.Expr:
    """Give the squared, standardised distance of the held out from their expected number, zero where nobody could be."""
    expected = pl.col("n") * pl.col("share")
    spread = expected * (1 - pl.col("share"))
    return pl.when(spread > 0).then((pl.col("n_hold_out") - expected) ** 2 / spread).otherwise(0.0)


def _combine(strata: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Weigh the strata of each `by` by their units."""
    weight = pl.col("n") / pl.col("n").sum().over(by)
    squares = {arm: pl.col("weight") ** 2 * pl.col(f"var_{arm}") / pl.col(f"n_{arm}") for arm in ARMS}
    weighed = strata.with_columns(weight.alias("weight"))
    return weighed.group_by(by, maintain_order=True).agg(
        pl.len().alias("strata"),
        pl.col("n").sum().alias("n"),
        *(pl.col(f"n_{arm}").sum().alias(f"used_{arm}") for arm in ARMS),
        *(pl.col(f"{kind}_{arm}").dot("weight").alias(f"{kind}_{arm}") for kind in ("mean", "raw_mean") for arm in ARMS),
        (squares["contact"] + squares["hold_out"]).sum().alias("variance"),
        sum((squares[arm] ** 2 / (pl.col(f"n_{arm}") - 1)).sum() for arm in ARMS).alias("fourth"),  # type: ignore[union-attr]
    )


def _spread(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return what is known of both arms together: sd, how many differ from the commonest value, whether that is enough."""
    commonest = pl.col("value").mode(maintain_order=True).first()
    smaller = pl.min_horizontal("share", 1 - pl.col("share"))
    needed = LEAST_UNUSUAL_EVEN + (LEAST_UNUSUAL_UNEVEN - LEAST_UNUSUAL_EVEN) * (1 - 2 * smaller)
    differs = pl.col("value") != commonest
    return rows.group_by(by, maintain_order=True).agg(
        pl.col("value").std().alias("sd"),
        differs.sum().cast(pl.Int64).alias("unusual"),
        smaller.filter(differs).sum().alias("expected"),
        (smaller / needed).filter(differs).sum().alias("enough"),
    )


def _with_inference(read: pl.DataFrame) -> pl.DataFrame:
    """Add effect, interval, p and smallest effect; null them, with the reason, where the rule says not to read."""
    from scipy.special import chdtrc, stdtr, stdtrit

    read = read.with_columns(_why().alias("why"), pl.col("n").fill_null(0), pl.col("strata").fill_null(0))
    readable = read["why"].is_null().to_numpy()
    se = np.sqrt(_numbers(read, "variance"))
    with np.errstate(divide="ignore", invalid="ignore"):
        df = _numbers(read, "variance") ** 2 / _numbers(read, "fourth")
        effect = _numbers(read, "mean_contact") - _numbers(read, "mean_hold_out")
        half = stdtrit(df, (1 + CONFIDENCE) / 2) * se
        figures = {
            "effect": effect, "se": se, "df": df, "low": effect - half, "high": effect + half,
            "p_value": 2 * stdtr(df, -np.abs(effect) / se),
            "smallest_seen": (stdtrit(df, (1 + CONFIDENCE) / 2) + stdtrit(df, POWER)) * se,
        }  # fmt: skip
    ratio = chdtrc(np.maximum(_numbers(read, "shares"), 1), _numbers(read, "sample_ratio"))
    names = [f"{kind}_{arm}" for kind in ("mean", "raw_mean") for arm in ARMS]
    means = [pl.when(pl.lit(readable)).then(name).alias(name) for name in names]
    used = [pl.when(pl.lit(readable)).then(f"used_{arm}").otherwise(f"n_{arm}").alias(f"n_{arm}") for arm in ARMS]
    return read.with_columns(
        *means,
        *used,
        *(pl.Series(name, np.where(readable, values, np.nan)).fill_nan(None) for name, values in figures.items()),
        pl.Series("sample_ratio_p", ratio),
    ).drop("variance", "fourth", "used_contact", "used_hold_out")


def _why() -> pl.Expr:
    """Say why a reading cannot be made; looks at the arms only to know that both have spread at all."""
    units, unusual = pl.col("n").fill_null(0), pl.col("unusual").fill_null(0)
    everybody = pl.col("n_contact") + pl.col("n_hold_out")
    least = (pl.col("expected") / pl.col("enough")).ceil().cast(pl.Int64, strict=False)
    needed = pl.when(pl.col("enough") > 0).then(pl.format(" and {} are needed", least)).otherwise(pl.lit(""))
    return (
        pl.when(everybody == 0).then(pl.lit("nobody was drawn"))
        .when(pl.col("shares") == 0).then(pl.lit("one arm is empty by design: the stored share of hold out is 0 or 1"))
        .when(units < LEAST_UNITS).then(pl.format(
            f"too few: {{}} of {{}} units can be compared (drawn with a share that is expected to leave at least {LEAST_EXPECTED} "
            f"in the smaller arm), {LEAST_UNITS} are needed", units, everybody))
        .when(pl.col("enough") < 1 - 1e-9).then(pl.format(
            "too little happened: {} of {} units differ from the commonest value, so the smaller arm is expected to hold {} of "
            "them{}",
            unusual, units, pl.col("expected").round(1), needed))
        .when(pl.col("variance") <= 0).then(pl.lit("no spread within either arm"))
    )  # fmt: skip


def _numbers(frame: pl.DataFrame, column: str) -> Numbers:
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
