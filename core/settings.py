"""config/settings.toml: the company, where things are stored, and the limits everything stays within."""

import os
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, field_validator
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
    logo: str | None = Field(default=None, pattern=r"^https://")  # a picture on the website, shown in messages; else the name
    language: str = "en"
    time_zone: str = "UTC"
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")


class Storage(Strict):
    """Where what is written while running lies; a folder or an object store's URL."""

    root: str = "var"


class Features(Strict):
    """How the default features are drawn from a source (see feature_store.drawing), where they are computed, how long kept."""

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


class Watching(Strict):
    """From when on a model in use alarms; fewer cases than stated say nothing."""

    stale_days: int = Field(default=120, ge=7)          # since it was last held against what happened; then it stops sending
    least_rows: int = Field(default=500, ge=50)         # customers at risk, to tell drift of scores and features
    score_shift: float = Field(default=0.25, gt=0)      # population stability index
    feature_shift: float = Field(default=0.5, gt=0)     # standard deviations
    least_troubles: int = Field(default=50, ge=10)      # expected, to tell calibration
    calibration_off: float = Field(default=1.25, gt=1)  # observed over expected, either way
    least_held_out: int = Field(default=50, ge=10)      # held-out flags, to tell live precision ...
    precision_days: int = Field(default=182, ge=7)      # ... of the newest so many days


class Review(Strict):
    """What a person must look at before a cohort may be acted on."""

    auto_approve_up_to: int = Field(default=0, ge=0)  # larger cohorts wait for a person; 0: all wait
    four_eyes_above: int = Field(default=1000, ge=0)  # a cohort of more customers needs two different approvers


class SendGrid(Strict):
    """How the sendgrid channel reaches its provider; the key is SENDGRID_API_KEY in the environment."""

    host: str = Field(default="https://api.sendgrid.com", pattern=r"^https?://")
    connect_seconds: float = Field(default=5, gt=0, le=60)   # until there is a connection; without one nothing was sent
    timeout_seconds: float = Field(default=20, gt=0, le=60)  # of each wait for an answer
    connect_attempts: int = Field(default=3, ge=1, le=10)    # with backoff and jitter; only where nothing can have been sent
    sandbox: bool = False                                    # the provider checks everything and delivers nothing


class Pace(Strict):
    """How many messages an hour the people can answer who must take what a message brings about."""

    answers_by_hour: tuple[int, ...] = ()                     # 24 numbers, the company's clock; none: no limit
    contacts_per_message: float = Field(default=0.1, gt=0)    # contacts that one message brings about

    @field_validator("answers_by_hour")
    @classmethod
    def _whole_day(cls, hours: tuple[int, ...]) -> tuple[int, ...]:
        if hours and (len(hours) != 24 or min(hours) < 0):
            raise ValueError(f"one number from 0 on for each of the 24 hours is needed, got {len(hours)}")
        return hours


class WarmUp(Strict):
    """How many messages a day a new domain may send, so that mailbox providers come to know it."""

    since: date | None = None                                 # the first day; None: the domain is known
    first_day: int = Field(default=50, ge=1)
    times_a_day: float = Field(default=1.3, gt=1)             # each day so many times the day before
    until: int = Field(default=5000, ge=1)                    # a day's number from which there is no limit


class BrakeLimits(Strict):
    """What stops sending by itself until a person lets it go on."""

    size_times: float = Field(default=3.0, gt=1)              # a cohort so many times its usual size ...
    size_at_least: int = Field(default=200, ge=1)             # ... and no smaller than this
    usual_of: int = Field(default=8, ge=2)                    # the usual size is the median of so many cohorts before


class Smtp(Strict):
    """How the smtp channel reaches a mail server; SMTP_USER and SMTP_PASSWORD are in the environment, where it wants them."""

    host: str = "localhost"
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    timeout_seconds: float = Field(default=20, gt=0, le=300)


class Webhook(Strict):
    """Where the webhook channel posts its cases; the secret they are signed with is BEFOREHAND_WEBHOOK_SECRET."""

    url: str | None = Field(default=None, pattern=r"^https?://")
    timeout_seconds: float = Field(default=20, gt=0, le=60)
    attempts: int = Field(default=3, ge=1, le=10)            # with backoff and jitter
    takes_key_once: bool = False                             # the receiver knows Idempotency-Key: asking again is safe


class Events(Strict):
    """What is kept of the events that providers post to us."""

    keep_bodies_days: int = Field(default=30, ge=2)          # as they came, addresses and all; read ones only
    hard_bounces_at_most: float = Field(default=0.02, gt=0, le=1)       # of a week's messages of an issue
    complaints_at_most: float = Field(default=0.001, gt=0, le=1)        # of a week's messages to one domain
    complaints_at_least: int = Field(default=3, ge=1)        # fewer say nothing, whatever their share


class Domain(Strict):
    """What the doctor looks for in DNS, so that mailbox providers can tell that our mail is ours."""

    dkim_selectors: tuple[str, ...] = ()                      # as the provider shows them: s1, s2
    signing_domain: str | None = None                         # of the DKIM signature (d=); the From domain when not stated
    return_path: str | None = None                            # the domain bounces go to; the From domain when not stated
    name_server: str | None = None                            # host:port to ask instead of this machine's own


class Outreach(Strict):
    """Limits of every send, whatever the playbook."""

    channel: str = "mailbox"
    contact_unit: Literal["customer", "address", "account"] = "customer"
    assignment_salt: str = "beforehand"
    frozen_months: int = Field(default=18, ge=1)
    global_holdout: float = Field(default=0.0, ge=0, le=0.5)
    fresh_days: int = Field(default=5, ge=1)       # a score older than this never sends; four closed days fit in (Easter)
    quiet_from: time = time(21)                    # local time
    quiet_until: time = time(8)
    lease_seconds: int = Field(default=300, ge=10)
    batch: int = Field(default=100, ge=1, le=1000)
    messages_per_unit_28d: int = Field(default=4, ge=1)
    messages_per_customer_28d: int = Field(default=4, ge=1)
    write_on_weekends: bool = False                # false: never on the weekend of the customer's country; a playbook may differ
    write_on_holidays: bool = False                # false: never on a public holiday there
    approvers: tuple[str, ...] = ()                # who may raise a mode, lift a brake, grant; empty: whoever gives a name
    needs_events: dict[str, Literal["vulnerable", "asked"]] = Field(default={})  # "source.kind" that says a person should call
    outbound_events: tuple[str, ...] = ()          # "source.kind": somebody else contacted a customer
    complaint_events: tuple[str, ...] = ()         # "source.kind": a complaint that no provider reported to us
    pace: Pace = Pace()
    warm_up: WarmUp = WarmUp()
    brake: BrakeLimits = BrakeLimits()
    paused: bool = False                           # nothing is planned or sent while this is true
    redirect_all_to: str | None = None             # rehearsals: every message goes to this address instead
    sendgrid: SendGrid = SendGrid()
    smtp: Smtp = Smtp()
    webhook: Webhook = Webhook()
    events: Events = Events()
    domain: Domain = Domain()


class Loyalty(Strict):
    """What it means to this company that a customer stayed, bought, or called."""

    left_event: str | None = None                  # "source.kind" that ends the relation
    active_source: str | None = None               # or: a source whose silence means leaving ...
    active_within_days: int = Field(default=56, ge=1)   # ... when it lasts this long
    revenue: str | None = None                     # "source.kind.column" that adds up to what was bought
    contacts_source: str | None = None             # a source of contacts, or "source.kind" where not every kind is one
    complaints: str | None = None                  # "source.kind" of a complaint
    referrals: str | None = None                   # "source.kind" of a customer who brought another
    induced: tuple[str, ...] = ()                  # "source.kind" of contacts that our own messages bring about
    settle_days: int = Field(default=3, ge=0)      # a horizon is read once this many days passed after it


class OpenId(Strict):
    """An identity provider of your own; its client secret is BEFOREHAND_OIDC_SECRET in the environment."""

    name: str                                      # on the button: "Sign in with ..."
    issuer: str = Field(pattern=r"^https?://")
    client_id: str


class Console(Strict):
    """How people reach the pages."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=1, le=65535)
    address: str | None = Field(default=None, pattern=r"^https?://")  # where people reach it; http://host:port when not stated
    secure: bool = False                           # reached over HTTPS alone: cookies say so, browsers remember it
    sign_in_hours: int = Field(default=12, ge=1, le=168)
    oidc: OpenId | None = None
    airflow: str | None = Field(default=None, pattern=r"^https?://")  # where Airflow answers: told of approvals, its runs are shown
    airflow_user: str = "admin"                    # who tells it; the password is BEFOREHAND_AIRFLOW_PASSWORD in the environment

    @property
    def url(self) -> str:
        """Where people reach the pages, without a slash at the end."""
        return (self.address or f"http://{self.host}:{self.port}").rstrip("/")


class Settings(Strict):
    """Everything in settings.toml, and the folder it came from."""

    company: Company
    storage: Storage = Storage()
    features: Features = Features()
    training: Training = Training()
    watch: Watching = Watching()
    review: Review = Review()
    outreach: Outreach = Outreach()
    loyalty: Loyalty = Loyalty()
    console: Console = Console()
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
