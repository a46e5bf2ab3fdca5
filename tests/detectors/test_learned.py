"""The learned detectors: nobody is calibrated on trees that saw them, what moved a customer adds up, imbalance is kept."""

import numpy as np
import pytest

from detectors import boosted, learned, lightgbm
from detectors.issue import Issue
from detectors.tuning import ROWS_TO_TRY_ON, SHAPES, choose, folds

ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})
GROWERS = {"learned": learned.GROWER, "lightgbm": lightgbm.GROWER}
SHAPE = SHAPES[2]


@pytest.fixture(params=GROWERS)
def grower(request):
    return GROWERS[request.param]


def halves(known):
    return known.of(known.cutoff < 2), known.of(known.cutoff >= 2)


@pytest.mark.parametrize("few_rows", [0, 40_000])
def test_what_moved_a_customer_adds_up_to_their_log_odds(grower, few_rows, examples, monkeypatch):
    monkeypatch.setattr(boosted, "FEW_ROWS", few_rows)
    model = boosted.fit(grower, (SHAPE,), *halves(examples()))
    later = examples(1).of(np.arange(3000) < 200)

    odds, moved = model.odds(later.numbers, later.half), model.moved_by(later.numbers, later.half)

    assert len(model.sets) == (5 if few_rows else 2)
    for half in (0, 1):
        base = (odds - moved.sum(axis=1))[later.half == half]
        assert base == pytest.approx(base[0], abs=1e-6)
    assert np.abs(moved).mean(axis=0).argmax() == later.features.index("failures")


def test_of_two_sets_a_customer_is_scored_by_the_one_that_did_not_learn_from_their_half(examples, monkeypatch):
    monkeypatch.setattr(boosted, "FEW_ROWS", 0)
    known = examples()
    model = boosted.fit(learned.GROWER, (SHAPE, SHAPES[0]), *halves(known))
    other = known.of(known.half == 1)
    order = np.argsort(other.cutoff >= 2, kind="stable")
    grown = learned.GROWER.grow(other.numbers[order], other.struck[order], other.weight[order], SHAPE)

    odds = model.odds(known.numbers, known.half)

    mine = known.half == 0
    assert odds[mine] == pytest.approx(grown.decision_function(known.numbers[mine]), abs=1e-9)


def test_the_calibration_never_sees_a_customer_through_trees_that_learned_from_them(grower, examples, monkeypatch):
    seen = []

    class Watching:
        def grow(self, numbers, struck, weight, shape):
            return {row.tobytes() for row in numbers}

        def odds(self, trees, numbers):
            seen.extend(row.tobytes() in trees for row in numbers)
            return np.zeros(len(numbers))

    known = examples()
    known.numbers[:, 1] = np.arange(len(known.struck))  # every row is somebody
    boosted.fit(Watching(), (SHAPE,), *halves(known))

    assert len(seen) > 1000
    assert not any(seen)


def test_every_row_is_learned_from_and_weighs_what_it_stands_for(examples):
    taught = []

    class Counting:
        def grow(self, numbers, struck, weight, shape):
            taught.append((len(numbers), weight.sum()))

        def odds(self, trees, numbers):
            return np.zeros(len(numbers))

    known = examples()
    known.weight[:] = np.linspace(0.5, 3, len(known.weight))
    boosted.fit(Counting(), (SHAPE,), *halves(known))

    assert sum(rows for rows, _ in taught) == 4 * len(known.struck)
    assert sum(weight for _, weight in taught) == pytest.approx(4 * known.weight.sum())


def test_of_many_calm_rows_some_are_learned_from_that_weigh_as_much(examples, monkeypatch):
    monkeypatch.setattr(boosted, "CALM_AT_LEAST", 100)
    monkeypatch.setattr(boosted, "CALM_A_TROUBLE", 2)
    known, taught = examples(n=30_000), []

    class Counting:
        def grow(self, numbers, struck, weight, shape):
            taught.append((int(struck.sum()), len(struck), np.average(struck, weights=weight)))

        def odds(self, trees, numbers):
            return np.zeros(len(numbers))

    boosted.fit(Counting(), (SHAPE,), *halves(known))

    for struck, rows, rate in taught:
        assert rows == pytest.approx(3 * struck, rel=0.05)
        assert rate == pytest.approx(known.struck.mean(), rel=0.1)
    assert sum(struck for struck, _, _ in taught) == 4 * known.struck.sum()  # five sets, each blind to a fifth: nobody struck is left out


def test_weights_count_in_the_trees_and_not_in_their_bins(examples):
    known = examples(n=4_000)
    heavy = np.where(known.struck, 3.0, 1.0)

    plain, weighed = (learned.GROWER.grow(known.numbers, known.struck, weight, SHAPE) for weight in (np.ones(len(heavy)), heavy))

    for one, other in zip(plain._bin_mapper.bin_thresholds_, weighed._bin_mapper.bin_thresholds_, strict=True):
        assert one == pytest.approx(other)
    assert weighed.decision_function(known.numbers).mean() > plain.decision_function(known.numbers).mean() + 0.5
    assert "_bin_data" not in vars(weighed)


def test_shapes_are_tried_on_later_days_and_other_contact_units_than_they_learned_from(examples):
    found = folds(examples(days=8))

    assert len(found) == 3
    for fold in found:
        assert fold.learn.cutoff.max() < fold.judge.cutoff.min()
        assert not set(fold.learn.unit) & set(fold.judge.unit)
    assert found[0].judge.cutoff.min() < found[2].judge.cutoff.min()


def test_the_budget_of_rows_is_kept_and_the_base_rate_with_it(examples):
    known = examples(n=60_000, days=6)

    for fold in folds(known):
        assert len(fold.learn.struck) <= ROWS_TO_TRY_ON * 1.5
        assert np.average(fold.learn.struck, weights=fold.learn.weight) == pytest.approx(known.struck.mean(), rel=0.05)


def test_a_shape_that_learns_better_is_chosen(grower, examples):
    hopeless = boosted.Shape(rounds=1, learning_rate=0.001, leaves=2, least_rows=1000, columns=0.5)

    assert choose(grower, examples(), (hopeless, SHAPE)) == (SHAPE,)


def test_shapes_that_order_as_well_as_the_best_take_turns_in_the_sets_that_are_averaged(grower, examples):
    chosen = choose(grower, examples(), (SHAPE,) * 5)
    taught = []

    class Noting:
        def grow(self, numbers, struck, weight, shape):
            taught.append(shape)

        def odds(self, trees, numbers):
            return np.zeros(len(numbers))

    boosted.fit(Noting(), SHAPES[:4], *halves(examples()))

    assert chosen == (SHAPE, SHAPE, SHAPE, SHAPE)
    assert sorted(map(SHAPES.index, taught)) == [0, 0, 1, 2, 3]


def test_one_try_takes_the_first_shape_untried(examples):
    class Untouched:
        def grow(self, *given):
            raise AssertionError("nothing is to be tried")

    assert choose(Untouched(), examples(), SHAPES[:1]) == SHAPES[:1]
