"""Moments of groups are those of their rows, and merge without them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from loyalty.moments import of_counts, of_rows


def by_hand(rows):
    apart = rows - rows.mean(axis=1, keepdims=True)
    return rows.mean(axis=1), np.einsum("an,bn->ab", apart, apart), np.einsum("an,bn,cn->abc", apart, apart, apart)


def close(moments, at, rows):
    return [np.allclose(ours[at], theirs, rtol=1e-9, atol=1e-7)
            for ours, theirs in zip((moments.mean, moments.second, moments.third), by_hand(rows), strict=True)]  # fmt: skip


@given(seed=st.integers(0, 1_000), p=st.integers(1, 4), away=st.sampled_from([0.0, 1e4]))
@effort(max_examples=30, deadline=None)
def test_every_group_has_the_moments_of_its_rows_and_all_together_those_of_all(seed, p, away):
    draw = np.random.default_rng(seed)
    rows, codes = draw.gamma(1, 1, (p, 400)) + away, draw.integers(0, 3, 400)
    moments = of_rows(list(rows), codes, 3)
    assert all(all(close(moments, group, rows[:, codes == group])) for group in range(3))
    assert all(close(moments[None].merged(), 0, rows))


def test_a_sum_of_variables_has_its_spread_and_skewness_in_the_moments():
    draw = np.random.default_rng(1)
    rows, weights = draw.gamma(1, 1, (3, 500)), np.array([1.0, -0.5, 0.2])
    squares, cubes = of_rows(list(rows), np.zeros(500, dtype=int), 1).along(weights)
    apart = weights @ rows - (weights @ rows).mean()
    assert (squares[0], cubes[0]) == (pytest.approx((apart**2).sum()), pytest.approx((apart**3).sum()))


def test_counts_of_a_population_are_rows_drawn_again():
    draw = np.random.default_rng(2)
    population = draw.gamma(1, 1, (50, 2))
    counts = draw.multinomial(300, np.full(50, 0.02), size=4).astype(float)
    moments = of_counts(population, counts)
    assert all(all(close(moments, at, np.repeat(population, counts[at].astype(int), axis=0).T)) for at in range(4))
