"""Every error the product raises on purpose, as one small tree; the class says who mends it.

BeforehandError
├── ConfigError       a file under the configuration folder is wrong: mend the file
├── SourceError       a source could not be read: mend the source or its access
├── GateError         a day of data failed an expectation: mend the source or the suite
├── CheckBrokeError   an expectation could not be evaluated: mend the suite
├── LookaheadError    a feature was asked to see the future: mend the caller
├── ModelError        a model does not fit its features or libraries: train again
├── LedgerError       the database is missing, newer than this program, or does not reconcile
├── DeliveryError     a provider refused or did not answer: see the ledger
└── MissingError      something is not installed or not there yet: the hint says how to get it
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BeforehandError(Exception):
    """Base of the tree; catch it only at an edge (a task, a verb, a route)."""


class ConfigError(BeforehandError):
    """A file under the configuration folder is wrong."""


class SourceError(BeforehandError):
    """A source could not be read."""


class GateError(BeforehandError):
    """A day of data failed an expectation."""


class CheckBrokeError(BeforehandError):
    """An expectation could not be evaluated, so nothing is known about the data."""


class LookaheadError(BeforehandError):
    """A feature was asked to see the future."""


class ModelError(BeforehandError):
    """A model does not fit the features or libraries it is used with."""


class LedgerError(BeforehandError):
    """The ledger cannot be reached, is of another version, or does not reconcile."""


class DeliveryError(BeforehandError):
    """A provider refused a message, or did not answer."""


class MissingError(BeforehandError):
    """Something is not installed, or does not exist yet."""


def unknown_name(where: object, kind: str, name: str, known: Iterable[str]) -> str:
    """Word the commonest mistake the same way everywhere: where, what, the nearest valid name, all names."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{where}: {kind} {name!r} does not exist.{hint} Known: {', '.join(names)}."
