"""A cluster's worker gives each customer in its batches what this process gives them."""

import numpy as np
import polars as pl
import pyarrow as pa

from detectors.detector import numbers_of, unit_code
from detectors.intervened import contact_units
from detectors.rule import DETECTOR
from detectors.score_spark import scorer
from tests.detectors.test_models import CARD, MODEL, SAMPLE, frozen, kept  # noqa: F401


def batches(rows):
    return iter(pa.record_batch({"customer_id": part["customer_id"].to_arrow().cast(pa.string()), "failures": part["failures"].to_arrow()})
                for part in (rows[:3], rows[3:]))  # fmt: skip


def test_every_customer_is_scored_by_the_stored_model_whatever_batch_they_are_in(company, kept):  # noqa: F811
    content = (kept[1] / "model.skops").read_bytes()
    rows = pl.DataFrame({"customer_id": ["a", "b", "c", "d", "e"], "failures": SAMPLE[:, 0]})
    shared = pl.DataFrame({"customer_id": ["b"], "unit_id": ["household"]})

    scored = pl.concat([pl.DataFrame(batch) for batch in scorer(DETECTOR, MODEL.features, content, shared)(batches(rows))])

    half = unit_code(contact_units(rows["customer_id"], shared)) & 1
    assert scored["customer_id"].to_list() == rows["customer_id"].to_list()
    assert np.array_equal(scored["probability"].to_numpy(), MODEL.probability(numbers_of(rows, MODEL.features), half))
