"""Many readings, few surprises: p values adjusted for the family they belong to, by Holm (1979)."""

from collections.abc import Sequence

METHOD = "Holm"


def holm(p_values: Sequence[float | None], size: int | None = None) -> list[float | None]:
    """Return adjusted p values in the same order; those not there (yet) stay so and count in the family's `size` all the same."""
    size = len(p_values) if size is None else size
    order = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, at) in enumerate(order):
        highest = max(highest, min(1.0, (size - rank) * p))
        adjusted[at] = highest
    return adjusted
