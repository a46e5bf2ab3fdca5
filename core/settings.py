"""config/settings.toml: the company, where things are stored, and the limits everything stays within."""

import os
from datetime import time
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr
from upath import UPath

from core.strict import Strict, load_toml

CONFIG_ENV = "BEFOREHAND_CONFIG"


class Company(Strict):
    """Who speaks to the customers."""

    name: str
    from_address: str
    reply_to: str
    postal_address: str
    website: str = Field(pattern=r"^https://")
    phone: str | None = None
    language: str = "en"
    time_zone: str = "UTC"
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")


class Storage(Strict):
    """Where what is written while running lies; a folder or an object store's URL."""

    root: str = "var"


class Features(Strict):
    """How the default features are drawn from a source (see feature_store.defaults), where they are computed, how long kept."""

    windows_days: tuple[int, ...] = (1, 7, 28, 90)
    top_kinds: int = Field(default=20, ge=1)
    at_most: int = Field(default=300, ge=1)
    engine: Literal["polars", "spark"] = "polars"  # this machine, or a cluster
    master: str = "local[*]"                       # the Spark master's URL, spark://host:7077
    spark: dict[str, str] = Field(default_factory=dict)  # further Spark settings, as they stand in its own documentation
    keep_days: int = Field(default=0, ge=0)        # vectors older than this are removed unless something needs them; 0: never


class Training(Strict):
    """On which past days detectors learn."""

    every_days: int = Field(default=28, ge=1)      # distance between two training cutoffs
    cutoffs: int = Field(default=13, ge=2)         # how many of them, newest last
    calibrate_on: int = Field(default=3, ge=1)     # the newest cutoffs, kept for calibration and judgement
    least_troubles: int = Field(default=50, ge=1)  # fewer labelled troubles than this: no learned detector yet


class Review(Strict):
    """What a person must look at before a cohort may be acted on."""

    auto_approve_up_to: int = Field(default=0, ge=0)  # larger cohorts wait for a person; 0: all wait


class SendGrid(Strict):
    """How the sendgrid channel reaches its provider; the key is SENDGRID_API_KEY in the environment."""

    host: str = Field(default="https://api.sendgrid.com", pattern=r"^https?://")
    timeout_seconds: float = Field(default=20, gt=0, le=60)  # of connecting, and of each wait for an answer
    sandbox: bool = False                                    # the provider checks everything and delivers nothing


class Outreach(Strict):
    """Limits of every send, whatever the playbook."""

    channel: str = "mailbox"
    contact_unit: Literal["customer", "address", "account"] = "customer"
    assignment_salt: str = "beforehand"
    frozen_months: int = Field(default=18, ge=1)
    global_holdout: float = Field(default=0.0, ge=0, le=0.5)
    fresh_days: int = Field(default=4, ge=1)       # a score older than this never sends
    quiet_from: time = time(21)                    # local time
    quiet_until: time = time(8)
    lease_seconds: int = Field(default=300, ge=10)
    batch: int = Field(default=100, ge=1, le=1000)
    messages_per_unit_28d: int = Field(default=4, ge=1)
    paused: bool = False                           # nothing is planned or sent while this is true
    redirect_all_to: str | None = None             # rehearsals: every message goes to this address instead
    sendgrid: SendGrid = SendGrid()


class Loyalty(Strict):
    """What it means to this company that a customer stayed, bought, or called."""

    left_event: str | None = None                  # "source.kind" that ends the relation
    active_source: str | None = None               # or: a source whose silence means leaving ...
    active_within_days: int = Field(default=56, ge=1)   # ... when it lasts this long
    revenue: str | None = None                     # "source.kind.column" that adds up to what was bought
    contacts_source: str | None = None             # a source of contacts, or "source.kind" where not every kind is one
    settle_days: int = Field(default=3, ge=0)      # a horizon is read once this many days passed after it


class Settings(Strict):
    """Everything in settings.toml, and the folder it came from."""

    company: Company
    storage: Storage = Storage()
    features: Features = Features()
    training: Training = Training()
    review: Review = Review()
    outreach: Outreach = Outreach()
    loyalty: Loyalty = Loyalty()
    _folder: Path = PrivateAttr(default=Path("config"))

    @property
    def folder(self) -> Path:
        """The configuration folder these settings were read from."""
        return self._folder

    @property
    def root(self) -> UPath:
        """The storage root; a relative one stands beside the working folder."""
        return UPath(self.storage.root)

    def place(self, *parts: str) -> UPath:
        """Return a folder below the storage root, made if it is not there."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path


def load_settings(folder: Path | str) -> Settings:
    """Read settings.toml of a configuration folder. Raise ConfigError that names file, key and fix."""
    settings = load_toml(Path(folder) / "settings.toml", Settings)
    settings._folder = Path(folder)
    return settings


@lru_cache(maxsize=8)
def _load_once(folder: str) -> Settings:
    return load_settings(folder)


def current() -> Settings:
    """Return the settings of the folder named by BEFOREHAND_CONFIG (default `config`)."""
    return _load_once(os.environ.get(CONFIG_ENV, "config"))
