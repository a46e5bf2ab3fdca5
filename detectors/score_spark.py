"""Score vectors where they lie: the stored model inside the cluster's workers, batch by batch, with mapInArrow.

Only customer ids and probabilities come back. Model and halves are those of detectors.score, so are the numbers.
"""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from core.settings import Settings
from detectors.detector import Detector, numbers_of, unit_code
from detectors.intervened import contact_units
from detectors.models import restored
from feature_store.engines.spark import cluster


def probabilities(
    settings: Settings, sha: str, features: tuple[str, ...], detector: Detector, *, path: str, shared: pl.DataFrame
) -> pl.DataFrame:
    """Return customer_id and probability of everyone in the vectors at `path`, which the workers must reach.

    The model `sha` was loaded and checked here before; `shared` are the customers whose contact unit is not theirs alone.
    """
    session = cluster(settings)
    content = settings.root.joinpath("models", sha, "model.skops").read_bytes()
    scored = scorer(detector, features, content, shared)
    columns = session.read.parquet(path).select("customer_id", *features)
    return pl.DataFrame(columns.mapInArrow(scored, "customer_id string, probability double").toArrow())


def scorer(
    detector: Detector, features: tuple[str, ...], content: bytes, shared: pl.DataFrame
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a worker does with its batches; the model is made of `content` once a task."""

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model: Any = None
        for batch in batches:
            model = model or restored(detector, features, content)
            rows = pl.DataFrame(pa.Table.from_batches([batch]))
            half = unit_code(contact_units(rows["customer_id"], shared)) & 1
            probability = model.probability(numbers_of(rows, features), half)
            yield pa.RecordBatch.from_arrays([batch.column(0), pa.array(probability)], names=["customer_id", "probability"])

    return score
