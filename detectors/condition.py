"""Conditions on features, as one line of a configuration file: `billing__count_28d >= 1`, `plan_cents is missing`."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from core.errors import ConfigError, unknown_name

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
               "!=": operator.ne}  # fmt: skip
COMPARED = re.compile(r"^\s*(\S+)\s*(>=|<=|==|!=|>|<)\s*(-?\d+(?:\.\d+)?)\s*$")
KNOWN = re.compile(r"^\s*(\S+)\s+is\s+(missing|known)\s*$")


@dataclass(frozen=True)
class Condition:
    """One feature held against a number, or asked whether it is there."""

    feature: str
    comparison: str
    number: float | None = None

    def expression(self) -> pl.Expr:
        """Return the condition on vectors; a missing value fulfils nothing but `is missing`."""
        value = pl.col(self.feature)
        if self.number is None:
            return value.is_null() if self.comparison == "missing" else value.is_not_null()
        return COMPARISONS[self.comparison](value, self.number).fill_null(False)

    def check(self, where: object, features: Iterable[str]) -> None:
        """Raise ConfigError that starts with `where` and offers the nearest name when there is no such feature."""
        names = set(features)
        if self.feature not in names:
            raise ConfigError(unknown_name(where, "feature", self.feature, names))


def parse(text: str) -> Condition:
    """Return the condition written in `text`; raise ValueError that says how one is written."""
    compared, known = COMPARED.match(text), KNOWN.match(text)
    if compared:
        return Condition(compared[1], compared[2], float(compared[3]))
    if known:
        return Condition(known[1], known[2])
    raise ValueError(f"not a condition. Write 'feature >= number' ({', '.join(COMPARISONS)}) or 'feature is missing'")


def all_hold(conditions: Iterable[Condition]) -> pl.Expr:
    """Return the expression that every condition holds; true without any."""
    return pl.all_horizontal([pl.lit(True), *(c.expression() for c in conditions)])
