"""Past customers most like a flagged one share what the model looks at, and their fate says what to expect."""

import numpy as np
import pytest

from detectors import boosted, learned
from detectors.similar import Past
from detectors.tuning import SHAPES


@pytest.fixture(scope="module")
def model(examples):
    known = examples()
    return boosted.fit(learned.GROWER, SHAPES[2:3], known.of(known.cutoff < 2), known.of(known.cutoff >= 2))


def test_those_like_a_customer_in_trouble_were_struck_more_often(model, examples):
    past, later = Past.seen(model, examples()), examples(1)
    many, none = (later.of_rows(np.flatnonzero(pick)[:20]) for pick in (later.numbers[:, 0] >= 4, later.numbers[:, 0] == 0))

    in_trouble = past.like(model, many.numbers, many.half)
    calm = past.like(model, none.numbers, none.half)

    assert np.mean([one.struck / one.of for one in in_trouble]) > 1.5 * np.mean([one.struck / one.of for one in calm])
    assert in_trouble[0].days == 5
    assert in_trouble[0].sentence().startswith(f"of the 20 past customers most like this one, {in_trouble[0].struck} had")
