"""Keep a model with everything needed to trust it again: models/<sha>/model.skops and card.json.

The card holds the definitions of its features, the library versions, and golden rows: made-up customers (each number
drawn from another row, so that no row is anybody) with the probabilities they must be given.
"""

import hashlib
import importlib
import json
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from upath import UPath

from core.errors import ModelError
from core.settings import Settings
from core.storage import write_whole
from detectors.detector import Detector, Model, Numbers
from feature_store.feature import declaration
from feature_store.feature_set import FeatureSet

LIBRARIES = ("scikit-learn", "lightgbm", "skops", "numpy")
GOLDEN_ROWS = 20
TOLERANCE = 1e-6
TRUSTED = [  # what a stored model may be made of beyond the plain types that skops knows
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn._loss._loss.CyHalfBinomialLoss",
]


AT_HAND = 64
_LOADED: dict[tuple[Any, ...], "Stored"] = {}
_FITTING: set[tuple[str, str]] = set()  # models found to fit a feature set; both are named by what they hold


@dataclass(frozen=True)
class Stored:
    """A loaded model and what its card says."""

    sha: str
    model: Model
    card: dict[str, Any]


def store(settings: Settings, model: Model, card: dict[str, Any], frozen: FeatureSet, sample: Numbers) -> str:
    """Write the model and its card; return its sha, the same whenever the same data taught the same model."""
    listed = {f.name: declaration(f) for f in frozen.features}
    card = {
        **card,
        "feature_set": frozen.version,
        "features": [listed.get(name, {"name": name, "sign": card["detector"]}) for name in model.features],
        "libraries": {name: version(name) for name in LIBRARIES},
        "golden": _golden(model, sample),
    }
    sha = hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:16]
    folder = settings.place("models", sha)
    if not (folder / "card.json").exists():  # written last: a folder with a card is whole
        write_whole(folder / "model.skops", _skops().dumps(model.parts()))
        write_whole(folder / "card.json", json.dumps(card, indent=1).encode())
    return sha


def _golden(model: Model, sample: Numbers) -> dict[str, Any]:
    """Return made-up rows and their probabilities; every column is shuffled by itself."""
    rng, rows = np.random.default_rng(0), np.zeros((min(GOLDEN_ROWS, len(sample)), sample.shape[1]), dtype=np.float32)
    for column in range(sample.shape[1]):
        rows[:, column] = rng.choice(sample[:, column], len(rows))
    half = np.arange(len(rows)) & 1
    return {
        "rows": [[None if np.isnan(v) else float(v) for v in row] for row in rows],
        "probability": [round(float(p), 9) for p in model.probability(rows, half)],
    }


def load(settings: Settings, sha: str, detector: Detector, frozen: FeatureSet) -> Stored:
    """Return a model, checked against the features it will be given; raise ModelError when anything differs."""
    folder = settings.root.joinpath("models", sha)
    stored = _loaded(sha, detector, folder)
    if (sha, frozen.version) not in _FITTING:
        for problem in _differing(stored.card, frozen):
            raise ModelError(f"{folder}: {problem} in feature set {frozen.version}. Train again: beforehand train.")
        _FITTING.add((sha, frozen.version))
    return stored


def fits(settings: Settings, sha: str, frozen: FeatureSet) -> bool:
    """Whether every feature of a stored model is in a feature set and computed the same way."""
    card = card_of(settings, sha)
    return card is not None and not _differing(card, frozen)


def card_of(settings: Settings, sha: str) -> dict[str, Any] | None:
    """Return what a stored model's card says, or None where there is no such model."""
    card = settings.root.joinpath("models", sha, "card.json")
    return json.loads(card.read_text()) if card.exists() else None


def _differing(card: dict[str, Any], frozen: FeatureSet) -> list[str]:
    given = {f.name: json.loads(json.dumps(declaration(f))) for f in frozen.features}
    return [f"feature {f['name']!r} {'is defined differently' if f['name'] in given else 'does not exist'}"
            for f in card["features"] if "sign" not in f and given.get(f["name"]) != f]  # fmt: skip


def _loaded(sha: str, detector: Detector, folder: UPath) -> Stored:
    """Return a model, read and checked once a process for as long as its files stay as they are."""
    try:
        key = (str(folder), *(folder.joinpath(name).stat().st_mtime for name in ("card.json", "model.skops")))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: the model's files are not there. Train again: beforehand train.") from error
    if key not in _LOADED:
        while len(_LOADED) >= AT_HAND:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[key] = _load(sha, detector, folder)
    return _LOADED[key]


def _load(sha: str, detector: Detector, folder: UPath) -> Stored:
    try:
        card = json.loads((folder / "card.json").read_text())
        content = (folder / "model.skops").read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: the model's files are not there. Train again: beforehand train.") from error
    _check_libraries(folder, card)
    try:
        model = restored(detector, tuple(feature["name"] for feature in card["features"]), content, folder)
        _check_golden(folder, card, model)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder}: is not made of what this program makes models of ({type(error).__name__}: {error}). "
                         "Train again: beforehand train.") from error  # fmt: skip
    return Stored(sha, model, card)


def restored(detector: Detector, features: tuple[str, ...], content: bytes, where: object = "model.skops") -> Model:
    """Return the model of a stored file's content. Raise ModelError, starting with `where`, for types that are not trusted."""
    skops = _skops()
    unknown = set(skops.get_untrusted_types(data=content)) - set(TRUSTED)
    if unknown:
        raise ModelError(f"{where}: holds types that are not trusted: {', '.join(sorted(unknown))}. Train again.")
    return detector.restore(features, skops.loads(content, trusted=TRUSTED))


def _skops() -> Any:
    """Return `skops.io`; its import asks every loaded module for names, which Airflow's answer with a thousand warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("skops.io")


def _check_libraries(folder: UPath, card: dict[str, Any]) -> None:
    for name, trained_with in card["libraries"].items():
        if version(name) != trained_with:
            raise ModelError(f"{folder}: trained with {name} {trained_with}, here is {version(name)}. Train again: "
                             "beforehand train.")  # fmt: skip


def _check_golden(folder: UPath, card: dict[str, Any], model: Model) -> None:
    rows = np.array([[np.nan if v is None else v for v in row] for row in card["golden"]["rows"]], dtype=np.float32)
    wanted: NDArray[np.float64] = np.array(card["golden"]["probability"])
    if not len(rows):
        return
    off = float(np.abs(model.probability(rows, np.arange(len(rows)) & 1) - wanted).max())
    if off > TOLERANCE:
        raise ModelError(f"{folder}: golden rows come out {off:.2g} away from what was trained. Train again: "
                         "beforehand train.")  # fmt: skip
