"""How many units a reading needs, and what a number of units can see."""

import math
from dataclasses import dataclass

import numpy as np

from loyalty.effect import CONFIDENCE, POWER, power_to_see


@dataclass(frozen=True)
class Size:
    """How many units each arm needs."""

    contact: int
    hold_out: int

    @property
    def units(self) -> int:
        """Both arms together."""
        return self.contact + self.hold_out


def sd_of_rate(rate: float) -> float:
    """Return the standard deviation of a yes-or-no outcome with this base rate."""
    return math.sqrt(rate * (1 - rate))


def sd_of_moved_rate(rate: float, effect: float) -> float:
    """Return the larger standard deviation of a yes-or-no outcome that an effect of this size raised or lowered."""
    return max(sd_of_rate(min(max(moved, 0.0), 1.0)) for moved in (rate - effect, rate + effect))


def units_needed(
    *, sd: float, effect: float, share: float = 0.5, power: float = POWER, sd_contacted: float | None = None
) -> Size:
    """Return the units that find a true difference of `effect` with `power` at 5 %, two-sided, `share` of them held out.

    Closed form: (z_0.975 + z_power)^2 / effect^2 * (sd^2 / share + sd_contacted^2 / (1 - share)), plus z_0.975^2 / 2 for the
    t test (Guenther 1981), spread over the arms by share. `sd_contacted` is `sd` where the effect leaves the spread as it is;
    a rate that falls from 90 % spreads more (`sd_of_moved_rate`), so harm would be missed more often than promised.
    """
    from scipy.special import ndtri

    if not 0 < share < 1 or effect == 0:
        raise ValueError(f"units_needed: share {share} and effect {effect} compare nothing. Give 0 < share < 1 and an effect.")
    critical = ndtri((1 + CONFIDENCE) / 2)
    spread = sd**2 / share + (sd if sd_contacted is None else sd_contacted) ** 2 / (1 - share)
    units = ((critical + ndtri(power)) / effect) ** 2 * spread + critical**2 / 2
    return Size(contact=math.ceil(units * (1 - share)), hold_out=math.ceil(units * share))


def power_of(size: Size, *, sd: float, effect: float) -> float:
    """Return the chance that arms of these sizes show a true difference of `effect`."""
    se = sd * math.sqrt(1 / size.contact + 1 / size.hold_out)
    return float(power_to_see(effect, np.array([se]), np.array([size.units - 2.0]))[0])


def smallest_effect(size: Size, *, sd: float, power: float = POWER) -> float:
    """Return the difference that arms of these sizes show with `power`."""
    from scipy.special import stdtrit

    df = size.units - 2.0
    return float((stdtrit(df, (1 + CONFIDENCE) / 2) + stdtrit(df, power)) * sd * math.sqrt(1 / size.contact + 1 / size.hold_out))
