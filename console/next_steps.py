"""What a person would do next, the most pressing first, given the figures and the readings."""

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty.readable import POOLED
from loyalty.wording import after, count, verdict

NOTHING_YET = (
    "Nothing has been pulled yet. `beforehand pull` fetches yesterday, `beforehand run --from DAY --to DAY` plays past days."
)


def next_steps(found: Mapping[str, Any], readings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences that each name what to do, and with which command or file."""
    if not found["sources"]:
        return [NOTHING_YET]
    steps = [*_what_is_wrong(found), *_what_waits(found), *_what_was_read(readings), *_what_is_due(readings)]
    return steps or ["Nothing waits for a person."]


def _what_is_wrong(found: Mapping[str, Any]) -> list[str]:
    steps = [f"Sending has stopped: {found['problem']}"] if found["problem"] else []
    steps += [f"{source['source']}: rows do not reconcile. `beforehand doctor` says where to look."
              for source in found["sources"] if not source["reconciles"]]  # fmt: skip
    steps += [f"{issue['issue']}: {count(issue['uncertain'], 'message')} without an answer from the provider; settle what "
              "became of them, none is sent again by the machine." for issue in found["issues"] if issue["uncertain"]]  # fmt: skip
    return steps


def _what_waits(found: Mapping[str, Any]) -> list[str]:
    steps = []
    if found["cohorts_waiting"]:
        flags = sum(cohort["size"] for cohort in found["cohorts"])
        number = found["cohorts_waiting"]
        verb = "waits" if number == 1 else "wait"
        steps.append(f"{count(number, 'cohort')} of {count(flags, 'flag')} {verb} for a person: `beforehand review`.")
    silent = [issue["issue"] for issue in found["issues"] if issue["shadow"] and not issue["sent"] + issue["held_out"]]
    steps += [f"{name}: its messages were only rehearsed. Look at the shadow page; `mode = \"pilot\"` in "
              f"config/playbooks/{name}.toml writes to the first customers." for name in silent]  # fmt: skip
    return steps


def _what_was_read(readings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what to do about readings of promised outcomes that show harm, once an issue."""
    harmful: dict[str, str] = {}
    for row in readings:
        if row["month"] == POOLED and row["primary"] and verdict(dict(row)) == "worse":
            harmful.setdefault(row["issue"], after(dict(row)))
    return [f"{issue}: after {time} those contacted did worse than those left alone. Set `mode = \"shadow\"` in "
            f"config/playbooks/{issue}.toml and change what it says or does." for issue, time in harmful.items()]  # fmt: skip


def _what_is_due(readings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say when the next reading of a promised outcome falls due."""
    days = [row["detail"]["readable_from"] for row in readings
            if row["primary"] and row["state"] == "not_yet" and row["detail"].get("readable_from")]  # fmt: skip
    return [f"The next reading can be made from {min(days)}: `beforehand measure`, or the scheduler by itself."] if days else []
