"""A formula: a free Narwhals expression, the way out where no aggregate fits. Exact on every engine, and slower.

It is code, so a stored definition names its function and the function's fingerprint; one that was changed since is
refused instead of giving other numbers under an old name.
"""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import narwhals as nw

from core.errors import ConfigError, LookaheadError

OFFERED = {"kind": nw.String(), "age_days": nw.Float64(), "day": nw.Int64()}


@dataclass(frozen=True)
class Formula:
    """An aggregation over one customer's rows in the window: `of()` returns a Narwhals expression giving one number.

    It may name kind, age_days (before the moment), day (number since 1970, UTC) and the `columns` it asks for; no row
    after the moment is ever among them. `of` is a function of a module, so that its definition can be found again.
    """

    of: Callable[[], nw.Expr]
    columns: tuple[str, ...] = ()
    code: str = field(init=False)

    def __post_init__(self) -> None:
        """Fingerprint the code, and refuse what reads anything but the rows it is offered."""
        object.__setattr__(self, "code", hashlib.sha256(_source(self.of).encode()).hexdigest()[:12])
        self._check()

    @property
    def name(self) -> str:
        """Where the function stands: module:function."""
        return f"{self.of.__module__}:{self.of.__qualname__}"

    def as_plain(self) -> dict[str, Any]:
        """Return the formula as plain JSON values."""
        return {"name": self.name, "code": self.code, "columns": list(self.columns)}

    def _check(self) -> None:
        if inspect.getclosurevars(self.of).nonlocals or inspect.signature(self.of).parameters:
            raise LookaheadError(f"{self.name}: it takes or closes over values of its surroundings, which may hold what came "
                                 "after the moment. Write a plain function without arguments.")  # fmt: skip
        for name in sorted({*self.columns} & {*OFFERED, "customer_id"}):
            raise ConfigError(f"{self.name}: column {name!r} is offered anyway. Leave it out of columns.")
        rows = {name: nw.new_series(name, [], kind, backend="polars") for name, kind in OFFERED.items()}
        rows |= {name: nw.new_series(name, [], nw.Float64(), backend="polars") for name in self.columns}
        frame = nw.from_dict({"customer_id": nw.new_series("customer_id", [], nw.String(), backend="polars"), **rows})
        try:
            frame.group_by("customer_id").agg(self.of().alias("value"))
        except Exception as error:
            known = ", ".join([*OFFERED, *self.columns])
            raise ConfigError(f"{self.name}: the formula cannot be computed: {str(error).splitlines()[0]}. It may name: "
                              f"{known}.") from error  # fmt: skip


def formula_named(name: str, code: str, columns: list[str]) -> Formula:
    """Return the formula a stored definition names. Raise ConfigError when its code is gone or was changed since."""
    module, _, function = name.partition(":")
    try:
        found = Formula(getattr(import_module(module), function), tuple(columns))
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name}: the formula of a stored feature is gone. Put it back, or train again: beforehand train.") from error
    if found.code != code:
        raise ConfigError(f"{name}: the formula was {code} when its feature set was frozen and is {found.code} now. Give the new "
                          "one another name, or train again: beforehand train.")  # fmt: skip
    return found


def _source(function: Callable[[], nw.Expr]) -> str:
    try:
        return inspect.getsource(function)
    except OSError as error:
        raise ConfigError(f"{function.__qualname__}: its source cannot be read. Write it into a file of feature_store/features.") from error
