"""Looking every day: false alarms over 18 months where nothing happens, and how soon harm stops a playbook."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom

from bench.loyalty import Report
from bench.loyalty_coverage import EXPERIMENTS, MEMBERS, drawn, population, together
from loyalty.effect import Effects, compare
from loyalty.moments import of_counts, of_sums
from loyalty.sequential import ALARM, sample_ratio_always_p, stretch
from loyalty.watch import PLANNED_UNITS, daily_interval

DAYS = 548                  # 18 months
UNITS_A_DAY = 10
PROGRAMMES = 1_000
HARM = {"hold_out": 0.06, "contact": 0.10}  # leave, of those held out and of those contacted
MOST = {"hold_out": 736, "contact": 6_624}  # drawn by when harm should have been seen


@dataclass(frozen=True)
class World:
    """What units do in a programme: each arm's outcomes to draw from, and the shares held out, each for as many days."""

    name: str
    contact: np.ndarray
    hold_out: np.ndarray
    shares: tuple[float, ...]


def measure(report: Report) -> dict[str, Any]:
    """Return the shares of false alarms, and of harmful playbooks that were stopped in time."""
    aa, bounds, ratio = _aa(report.draw(30))
    worlds = [_world(kind, skew, share) for kind, skew in (("retained", 4.0), ("mean", 2.0))
              for share in ((0.5,), (0.1,), (0.5, 0.02))]  # fmt: skip
    false = {world.name: _false_stops(world, report.draw(40 + n)) for n, world in enumerate(worlds)}
    paused, drawn_by_then, readable = _harm(report.draw(50))
    rows = [("A/A: p below 0.05 at one look", f"{aa:.2%}", f"{bounds[0]:.2%} to {bounds[1]:.2%}"),
            ("sample ratio alarms at daily looks", f"{ratio:.2%}", f"at most {ALARM:.0%}"),
            *((f"stops in 18 months of daily looks: {name}", f"{part:.2%}", "at most 5 %") for name, part in false.items()),
            ("harm (6 -> 10 % leave) stopped in time", f"{paused:.1%}", "at least 80 %"),
            ("units drawn when it stopped, median", f"{drawn_by_then:,.0f}", f"of {sum(MOST.values()):,}"),
            ("runs readable at the end", f"{readable:.1%}", ""),
            ("daily interval at the planned units, x one look's", f"{_width():.3f}", "at most 1.6")]  # fmt: skip
    report.table("Looking every day", ("what", "found", "goal"), rows)
    return {"aa_false": aa, "aa_within": bool(bounds[0] <= aa <= bounds[1]), "ratio_false": ratio, "daily_false": max(false.values()),
            "daily_width_x": _width(), "harm_paused": paused}  # fmt: skip


def _aa(draw: np.random.Generator) -> tuple[float, tuple[float, float], float]:
    """Return the share of false findings among 10,000 A/A experiments, its binomial limits, and of sample ratio alarms."""
    people = population("mean", 2.0)
    arms = [of_counts(people, drawn(1_000, EXPERIMENTS, draw)) for _ in range(2)]
    found = compare(together(*arms), np.full((EXPERIMENTS, 1), 0.5))
    limits = (binom.ppf(0.005, EXPERIMENTS, 0.05) / EXPERIMENTS, binom.ppf(0.995, EXPERIMENTS, 0.05) / EXPERIMENTS)
    held = draw.binomial(UNITS_A_DAY, 0.2, (PROGRAMMES, DAYS)).cumsum(axis=1).astype(float)
    units = UNITS_A_DAY * np.arange(1, DAYS + 1)
    p = sample_ratio_always_p(np.stack([units - held, held], axis=-1)[..., None, :], np.full((PROGRAMMES, DAYS, 1), 0.2))
    return float((found.p_value < 0.05).mean()), limits, float((p < ALARM).any(axis=1).mean())


def _world(kind: str, skew: float, shares: tuple[float, ...]) -> World:
    people = population(kind, skew)[:, 0]
    return World(f"{kind}, skew {skew:.0f}, {', then '.join(f'{share:.0%}' for share in shares)} held out", people, people, shares)


def _false_stops(world: World, draw: np.random.Generator) -> float:
    """Return the share of programmes that any of their daily looks would have stopped, or rewarded."""
    found = 0
    for _ in range(4):
        effects = daily(world, programmes=PROGRAMMES // 4, days=DAYS, a_day=UNITS_A_DAY, draw=draw)
        low, high, _ = daily_interval(effects, PLANNED_UNITS)
        found += int((effects.readable & ((low > 0) | (high < 0))).any(axis=1).sum())
    return found / PROGRAMMES


def daily(world: World, *, programmes: int, days: int, a_day: int, draw: np.random.Generator) -> Effects:
    """Return each programme's effects at each day's end, from all units so far."""
    stratum = np.arange(days) * len(world.shares) // days
    share = np.array(world.shares)
    held = draw.random((programmes, days, a_day)) < share[stratum][:, None]
    member = draw.integers(0, len(world.contact), held.shape)
    values = np.where(held, world.hold_out[member], world.contact[member])
    centre = float(world.hold_out.mean())
    here = stratum[:, None] == np.arange(len(share))
    sums = [np.stack([np.where(arm, (values - centre) ** power, 0.0).sum(axis=-1) for arm in (~held, held)], axis=-1)
            for power in range(4)]  # fmt: skip
    n, first, second, third = ((part[:, :, None] * here[..., None]).cumsum(axis=1) for part in sums)
    moments = of_sums(n, first[..., None], second[..., None, None], third[..., None, None, None], np.array([centre]))
    return compare(moments, np.broadcast_to(share, (programmes, days, len(share))))


def _harm(draw: np.random.Generator) -> tuple[float, float, float]:
    """Return in how many runs harm was shown before so many units were drawn, the units by then, and who could be read."""
    stays = {arm: (np.arange(MEMBERS) >= round(rate * MEMBERS)).astype(float) for arm, rate in HARM.items()}
    share = MOST["hold_out"] / sum(MOST.values())
    world = World("harm", stays["contact"], stays["hold_out"], (share,))
    a_day = 20
    days = sum(MOST.values()) // a_day
    stopped: list[bool] = []
    units: list[float] = []
    readable: list[bool] = []
    for _ in range(4):
        effects = daily(world, programmes=250, days=days, a_day=a_day, draw=draw)
        _, high, _ = daily_interval(effects, PLANNED_UNITS)
        harm = effects.readable & (high < 0)
        shown = np.asarray(harm.any(axis=1))
        stopped += shown.tolist()
        units += np.where(shown, (harm.argmax(axis=1) + 1) * a_day, np.nan).tolist()
        readable += effects.readable[:, -1].tolist()
    return float(np.mean(stopped)), float(np.nanmedian(units)), float(np.mean(readable))


def _width() -> float:
    from scipy.special import ndtri

    return float(stretch(np.array(1.0)) / ndtri(0.975))
