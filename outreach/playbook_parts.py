"""The parts of a playbook beside its words: what is done, who speaks, and what may be given."""

from typing import Any, Literal

from pydantic import Field, model_validator

from core.strict import Strict


class Fix(Strict):
    """The action itself. It is done in both arms, which differ by the message alone, unless the action is what is tested."""

    what: str = Field(pattern=r"^[a-z][a-z0-9_]*$")        # retry_payment | waive_fee | extend | roll_back_setting | ...
    hook: str                                              # file | sql | webhook
    tests: Literal["the message", "the action"]            # stated in every playbook that does something
    parameters: dict[str, Any] = Field(default={}, alias="with")  # what the hook needs, told on to the other side


class Person(Strict):
    """When a person calls instead of a machine writing: by need, never by what the customer is worth."""

    grave: bool = False                                    # the trouble itself is grave
    within_days: float | None = Field(default=None, gt=0)  # it strikes so soon
    after_failures: int | None = Field(default=None, ge=1) # it struck so often within a year before
    when: tuple[Literal["vulnerable", "asked"], ...] = ("vulnerable", "asked")


class Surprise(Strict):
    """A small gift once something was put right, as far as the month's budget reaches; of a flag at most once."""

    share: float = Field(gt=0, le=0.2)                     # of the fixes that are done, both arms alike; of our own mistakes all
    cents: int = Field(gt=0)


class Amends(Strict):
    """What may be given to a customer, and how far a colleague may go alone."""

    what: str = Field(pattern=r"^[a-z][a-z0-9_]*$")        # credit | free_month | ...
    hook: str
    cents: int = Field(gt=0)                               # what one gesture usually costs, in the company's currency
    authority_cents: int = Field(gt=0)                     # up to here nobody needs to ask
    four_eyes_above_cents: int = Field(gt=0)               # above it two others approve; below, one beside who asked
    budget_cents_a_month: int = Field(gt=0)
    surprise: Surprise | None = None
    parameters: dict[str, Any] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _in_order(self) -> "Amends":
        if not self.cents <= self.authority_cents <= self.four_eyes_above_cents:
            raise ValueError("cents, authority_cents and four_eyes_above_cents must not fall")
        if self.surprise is not None and self.surprise.cents > self.authority_cents:
            raise ValueError(f"surprise.cents must lie within authority_cents, since nobody is asked, got {self.surprise.cents}")
        return self
