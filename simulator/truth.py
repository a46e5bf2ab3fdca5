"""Read truth.toml: how hard the made company's troubles are to see, and what a message truly changes."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.strict import Strict, load_toml

TRUTH = Path(__file__).with_name("truth.toml")
DAYS_A_MONTH = 30.4375

Share = Annotated[float, Field(ge=0, le=1)]
Times = Annotated[float, Field(ge=0, le=10)]
Days = Annotated[int, Field(ge=1)]


def per_day(monthly: float) -> float:
    """Return a monthly rate as a daily one."""
    return monthly / DAYS_A_MONTH


class Population(Strict):
    """Who joins, and on what terms."""

    joining_per_month: Share
    yearly_share: Share
    plan_change: Share


class Telemetry(Strict):
    """How much the service is used."""

    sessions_per_day: Share
    pace_spread: float = Field(ge=0, le=2)
    weekend_times: Times
    lull: Share
    lull_times: Times
    lull_days: Days
    background_errors: Share
    offline_share: Share


class Leaving(Strict):
    """How customers leave when nobody says anything."""

    base: Share
    yearly_times: Times
    fade_weeks: float = Field(gt=0)


class MessageEffect(Strict):
    """How an effect fades, the same for every issue."""

    fades_days: float = Field(gt=0)


class IssueTruth(Strict):
    """What one trouble does to leaving, and what a message about it does."""

    hazard_times: Times
    extra_at_signs: Share
    extra_at_trouble: Share
    asks: Share


class Issues(Strict):
    """The four troubles of the made company."""

    payment_failing: IssueTruth
    app_trouble: IssueTruth
    fee_shock: IssueTruth
    sudden_call: IssueTruth


class Payment(Strict):
    """How cards expire and invoices fail."""

    card_lasts_days: Days
    notice_days: Days
    renewed_in_time: Share
    short_share: Share
    short_fails: Share
    other_fails: Share
    retry_days: tuple[Days, ...] = Field(min_length=1)
    suspended_from_days: Days
    dead_card_strikes: Share
    short_strikes: Share


class App(Strict):
    """How releases break things."""

    release_every_days: Days
    bad_in_four: int = Field(ge=0, le=4)
    takes_release: Share
    breaks: Share
    errors_per_day: Share
    strikes: Share
    least_days: Days
    mean_more_days: float = Field(gt=0)


class Fee(Strict):
    """How fees are introduced and resented."""

    every_days: Days
    charged_within: Days
    hurts: Share
    use_times: Times
    strikes: Share
    least_days: Days
    mean_more_days: float = Field(gt=0)
    lasts_days: Days


class Sudden(Strict):
    """Calls that nothing foretells."""

    calls: Share


class Desk(Strict):
    """Contacts about nothing in particular."""

    small_talk: Share


class Purchases(Strict):
    """Add-ons ordered."""

    orders: Share
    corrected: Share
    voided: Share


class Dirt(Strict):
    """Broken rows among the good ones."""

    bad_share: Share


class Truth(Strict):
    """Everything in truth.toml."""

    population: Population
    telemetry: Telemetry
    leaving: Leaving
    message: MessageEffect
    issues: Issues
    payment: Payment
    app: App
    fee: Fee
    sudden: Sudden
    desk: Desk
    purchases: Purchases
    dirt: Dirt

    @property
    def effects(self) -> dict[str, IssueTruth]:
        """The truth of each issue, by its name."""
        return {name: getattr(self.issues, name) for name in Issues.model_fields}

    @property
    def sha(self) -> str:
        """A hash of every number, to tell two made companies apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_truth(path: Path = TRUTH) -> Truth:
    """Return the frozen truth. Raise ConfigError that names file, key and fix."""
    return load_toml(path, Truth)
