"""Rows of what was drawn by lot: every month of assignment, and all of them pooled, at each horizon, for each outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from loyalty.integrity import balance
from loyalty.outcomes import BREAKDOWNS, KEYS
from loyalty.readable import POOLED, Cut, cells, why_not_yet, why_nothing_pooled
from loyalty.row import FIGURES, KEY, Row, blank, power, promise
from loyalty.strata import RULE, read_effects

RAW = "revenue, not capped"
Measures = dict[tuple[str, str], Row]
Values = Callable[[pl.DataFrame], pl.DataFrame]     # of windows that are over: (assignment_id, horizon_months, outcome, value, covariate)


@dataclass(frozen=True)
class Checks:
    """What was found of the integrity of each issue's pooled readings."""

    stages: dict[tuple[str, int], list[Row]]
    contamination: dict[str, Row]

    def beside(self, row: Row, read: "Read") -> Row:
        """Return a row with the checks that concern it, what it is made of, and the outcome it is a breakdown of."""
        if row["month"] == POOLED:
            key = tuple(row[name] for name in KEY)
            row["detail"] |= {"stages": self.stages.get((row["issue"], row["horizon_months"]), []),
                              "contamination": self.contamination.get(row["issue"]), "balance": read.apart.get(key),
                              **read.made_of.get(key, {})}  # fmt: skip
        return row | {"detail": row["detail"] | {"breakdown_of": BREAKDOWNS.get(row["outcome"])}}


@dataclass(frozen=True)
class Read:
    """By KEY: what was read, the balance before it, and the shares and versions a pooled reading is made of."""

    effects: dict[tuple, Row] = field(default_factory=dict)
    apart: dict[tuple, Row] = field(default_factory=dict)
    made_of: dict[tuple, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """The units of one design with their windows (loyalty.units.windows), what makes their outcomes, and what they are made of."""

    design: str
    spread: pl.DataFrame
    values: Values
    makeup: Callable[[pl.DataFrame, pl.DataFrame], dict[tuple, Row]]
    horizons: Sequence[int]
    checks: Checks


def drawn_rows(drawn: Drawn, issues: dict[str, list[str]], cut: Cut, measures: Measures) -> list[Row]:
    """Return the rows of some issues, each with its outcomes, readable or not."""
    found = cells(drawn.spread, cut)
    read = _read(drawn, found, measures)
    rows: list[Row] = []
    for issue, outcomes in issues.items():
        mine = found.filter(pl.col("issue") == issue).to_dicts()
        for outcome in outcomes:
            for cell in mine + [pooled_cell(issue, months, mine) for months in drawn.horizons]:
                key = (issue, cell["month"], cell["horizon_months"], outcome)
                measure = measures.get((issue, cell["month"]), {})
                rows.append(drawn.checks.beside(_row(key, drawn.design, cell, read.effects, cut, measure), read))
    return rows


def pooled_cell(issue: str, horizon_months: int, mine: list[Row]) -> Row:
    """Sum up an issue's months at a horizon."""
    months = [cell for cell in mine if cell["horizon_months"] == horizon_months]
    sums: Row = {name: sum(cell[name] for cell in months) for name in ("units", "ready", "n_contact", "n_hold_out")}
    seen = sum(cell["units"] * cell["observed"] for cell in months)
    sums["observed"] = seen / sums["units"] if sums["units"] else 0.0
    return {"issue": issue, "month": POOLED, "horizon_months": horizon_months, "months": months, **sums,
            "matured": any(cell["matured"] for cell in months)}  # fmt: skip


def why_not_matured(cell: Row, cut: Cut) -> str:
    """Say from when a month, or the first of the pooled ones, can be read."""
    months = cell.get("months")
    return why_not_yet(cell, cut) if months is None else why_nothing_pooled(months, cut)


def _read(drawn: Drawn, found: pl.DataFrame, measures: Measures) -> Read:
    """Read every matured month, and all matured months of an issue together."""
    ripe = drawn.spread.join(found.filter("matured"), on=["issue", "month", "horizon_months"], how="semi").filter("counts")
    if ripe.is_empty():
        return Read()
    columns = ["assignment_id", "horizon_months", "issue", "month", "arm", "share", "first"]
    units = ripe.select(columns).join(drawn.values(ripe), on=["assignment_id", "horizon_months"])
    pooled = units.filter("first").with_columns(pl.lit(POOLED).alias("month"))
    units = capped(pl.concat([units, pooled]), measures)
    made_of = drawn.makeup(units.filter(pl.col("month") == POOLED), ripe.select("assignment_id", "starts_on").unique())
    effects = {tuple(row[name] for name in KEY): row for row in read_effects(units, KEY).to_dicts()}
    return Read(effects, balance(units, list(KEY)), made_of)


def capped(units: pl.DataFrame, measures: Measures) -> pl.DataFrame:
    """Cap revenue where the measure says so, and keep the raw amounts as a reading of their own beside it."""
    caps = [(issue, month, float(m["cap"])) for (issue, month), m in measures.items() if m.get("cap") is not None]
    if not caps:
        return units
    schema = {"issue": pl.String, "month": pl.String, "cap": pl.Float64}
    units = units.join(pl.DataFrame(caps, schema=schema, orient="row"), on=["issue", "month"], how="left")
    capped = pl.col("outcome").eq("revenue") & pl.col("cap").is_not_null()
    raw = units.filter(capped).with_columns(pl.lit(RAW).alias("outcome"))
    limits = [
        pl.when(capped).then(pl.min_horizontal(name, "cap")).otherwise(name).alias(name) for name in ("value", "covariate")
    ]
    return pl.concat([units.with_columns(limits), raw]).drop("cap")


def _row(key: tuple, design: str, cell: Row, effects: dict[tuple, Row], cut: Cut, measure: Row) -> Row:
    """Return a ledger row: the figures, or the reason why there are none."""
    promised = promise(key, design, measure)
    row = blank(key, design, cell, promised)
    read = effects.get(key)
    if not cell["matured"]:
        return row | {"state": "not_yet", "why": why_not_matured(cell, cut)}
    if read is None:
        return row | {"state": "unreadable", "why": _why_no_values(key[-1], cell)}
    row["detail"] |= _beside(read) | _raw(effects.get((*key[:-1], RAW)), measure)
    row |= {"n_contact": read["n_contact"], "n_hold_out": read["n_hold_out"]}
    if read["why"]:
        return row | {"state": "unreadable", "why": read["why"]}
    row |= {name: read[name] for name in FIGURES if name in read} | {"power": power(promised, read["se"], read["df"])}
    return row | {"state": "readable", "why": None}


def _why_no_values(outcome: str, cell: Row) -> str:
    if not cell["units"]:
        return "every unit of this month was drawn before and had not had this horizon yet, so it is counted there"
    return f"settings.toml does not say how to find it: set loyalty.{KEYS.get(outcome, 'revenue')}"


def _beside(read: Row) -> Row:
    """Return what stands beside the figures: sample ratio, spread, strata, relative difference."""
    base, effect = read["mean_hold_out"], read["effect"]
    names = ("sample_ratio_p", "sd", "se", "df", "skewness", "lean", "strata", "left_out", "raw_mean_contact", "raw_mean_hold_out")
    relative = effect / base if effect is not None and base else None
    return {name: read[name] for name in names} | {"relative": relative, "rule": RULE if read["why"] else None}


def _raw(read: Row | None, measure: Row) -> Row:
    if read is None:
        return {}
    means = {f"mean_{arm}": read[f"raw_mean_{arm}"] for arm in ("contact", "hold_out")}
    return {"cap": measure["cap"], "raw": means | {name: read[name] for name in ("effect", "low", "high", "p_value", "why")}}
