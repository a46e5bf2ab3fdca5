"""A customer's timeline in words: what each kind of entry is called, and what it says to a colleague."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from console.personal import said
from ledger.timeline import Entry
from outreach.by_hand import STOPS

KINDS = {"flag": "Flags and why", "trouble": "How flags ended", "message": "Messages", "reply": "Replies", "contact": "Contacts",
         "survey": "Surveys", "outcome": "Outcomes", "action": "What was done", "call": "Calls", "note": "Notes",
         "wish": "Wishes and stops", "arm": "Draws"}  # fmt: skip
SINGLE = {"flag": "Flag", "trouble": "End of a flag", "message": "Message", "reply": "Reply", "contact": "Contact", "survey": "Survey",
          "outcome": "Outcome", "action": "Done", "call": "Call", "note": "Note", "wish": "Wish", "arm": "Draw"}  # fmt: skip
ENDS = {"struck": "The trouble came", "over": "Over before it came", "expired": "Its time passed and nothing came",
        "rejected": "A person said that it is none"}  # fmt: skip
MESSAGE_STATES = {
    "planned": "is planned", "approved": "is approved and will go out", "claimed": "is being sent", "accepted": "was taken by the provider",
    "delivered": "was delivered", "delayed": "is delayed at the provider", "refused": "was refused by the provider",
    "uncertain": "may or may not have left: no machine sends it again", "dropped": "was dropped by the provider",
    "bounced": "came back: the address does not take it", "complained": "was marked as unwanted", "held_out": "was not sent: held out",
    "shadow": "was not sent: the playbook only watches", "suppressed": "was not sent: the gate refused",
}  # fmt: skip
CONTACTS = {"reply": "They answered", "stop": "They asked us to stop", "do_it": "They asked us to do it", "call_me": "They asked to be called",
            "solved": "They say it is solved", "not_mine": "They say it is not theirs"}  # fmt: skip
WISHES = {"hard_bounce": "No more messages: the address does not exist", "opt_out": f"No more messages: {STOPS['opt_out']}",
          "complaint": f"No more messages: {STOPS['complaint']}", "erased": "Erased", "wanted": "Wants to hear from us",
          "not_wanted": "Does not want to hear from us", "vulnerable": "To be called by a person: may need more care",
          "asked": "To be called by a person: they asked for it"}  # fmt: skip
VERDICTS = {"reached": "reached", "not_reached": "not reached", "wrong_number": "wrong number", "wants_no_calls": "wants no calls"}


@dataclass
class Told:
    """One entry as the page shows it."""

    at: datetime
    kind: str
    tag: str
    title: str
    lines: list[str] = field(default_factory=list)
    quote: str = ""                                                  # somebody's own words
    numbers: list[tuple[str, Any, Any]] = field(default_factory=list)  # feature, theirs, usual
    by: str = ""
    due: datetime | None = None
    whole_day: bool = False                                          # the day is known, not the hour
    likened: int | None = None                                       # the flag whose like can be looked for


def told(entry: Entry, role: str) -> Told:
    """Return an entry in words, for a colleague of this role."""
    return TELLERS[entry.kind](Told(entry.at, entry.kind, SINGLE[entry.kind], ""), entry.facts, role)


def plain(entry: Entry, role: str) -> dict[str, Any]:
    """Return an entry as a row of a file."""
    shown = told(entry, role)
    return {"at": shown.at, "kind": shown.kind, "what": shown.title, "more": " ".join(shown.lines), "words": shown.quote, "by": shown.by}


def _flag(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = f"{_words(facts['issue'])}, known by the end of {_day(facts['day'])}"
    until = facts["days_until"]
    shown.lines = [f"{facts['probability']:.0%} likely" + (f", in about {until:.0f} days" if until is not None else "")
                   + f" (detector: {_words(facts['detector'])})."]  # fmt: skip
    shown.lines += [f"{_upper(str(reason)).rstrip('.')}." for reason in facts["reasons"]] + _fate(facts)
    shown.numbers = [(_words(name), *_numbers(value)) for name, value in facts["evidence"].items()]
    shown.likened = facts["flag_id"] if facts["learned"] else None
    return shown


def _fate(facts: Mapping[str, Any]) -> list[str]:
    """Say what became of a flag before any arm was drawn."""
    if facts["replay"]:
        return ["From a day that was worked out afterwards: never acted on."]
    found = []
    if facts["label"]:
        found.append(f"A person says: {_words(facts['label'])}.")
    if facts["trimmed"]:
        found.append("A person took it out of its cohort before the draw.")
    elif facts["cohort"] and not facts["planned"]:
        found.append({"waiting": "Its cohort waits for a decision.", "held": "Its cohort is on hold.", "rejected": "Its cohort was rejected.",
                      "approved": "Its cohort is approved; nothing is planned yet."}.get(facts["cohort"], ""))  # fmt: skip
    if facts["passed"] is False:
        found.append(f"The gate refused: {', '.join(map(_words, facts['refused']))}.")
    if facts["left_out"]:
        found.append("The day's budget went to others.")
    return [each for each in found if each]


def _trouble(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = f"{ENDS.get(facts['state'], _words(facts['state']))}: {_words(facts['issue'])}"
    shown.lines, shown.whole_day = [f"Flagged as of {_day(facts['flagged_on'])}."], True
    return shown


def _message(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = f"{_upper(facts['message'])} about {_words(facts['issue'])} {MESSAGE_STATES.get(facts['state'], facts['state'])}"
    shown.lines = [f"By {_words(facts['channel'])}, playbook {facts['playbook'][:12]}."]
    if facts["reasons"]:
        shown.lines.append(f"Because: {', '.join(_words(str(reason)) for reason in facts['reasons'])}.")
    if facts["state"] in ("planned", "approved"):
        shown.due = datetime.fromisoformat(facts["due_at"])
    return shown


def _outcome(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = f"{_upper(_words(facts['outcome']))}: the {facts['message']} about {_words(facts['issue'])}"
    shown.lines = [said(_words(facts["detail"]), role)] if facts["detail"] else []
    return shown


def _contact(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = CONTACTS.get(facts["contact"], f"They reached us: {_words(facts['contact'])}")
    shown.quote = said(facts["text"], role)
    shown.lines = [f"Handled by {facts['handled_by']}." if facts["handled_at"] else "Nobody has looked at it yet."]
    shown.lines += [said(facts["note"], role)] if facts["note"] else []
    return shown


def _survey(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    scale = " of 5" if facts["of"] == "message" else f" ({facts['of'].upper()})"
    shown.title = f"They gave {facts['score']:g}{scale}"
    shown.quote = said(facts["text"], role)
    return shown


def _action(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = f"{_upper(_words(facts['what']))}: {_words(facts['state'])}, for {_words(facts['issue'])}"
    shown.lines = [f"Receipt {facts['receipt']}."] if facts.get("receipt") else []
    return shown


def _call(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    verdict = facts["verdict"]
    shown.title = f"Called: {VERDICTS.get(verdict, verdict)}" if verdict else "To be called"
    shown.quote = said(facts["says"], role)
    shown.by = facts["settled_by"] or facts["asked_by"] or ""
    return shown


def _note(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title, shown.by, shown.quote = "A note", facts["written_by"], said(facts["text"], role)
    return shown


def _wish(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    shown.title = WISHES.get(facts["wish"], _words(facts["wish"]))
    about = facts["topic"] if facts["topic"] != "all" else "everything"
    shown.lines = [f"About {_words(about)}" + (f", by {facts['channel']}." if facts.get("channel") else ".")] if about else []
    return shown


def _arm(shown: Told, facts: Mapping[str, Any], role: str) -> Told:
    arm = {"contact": "to be contacted", "hold_out": "held out"}[facts["arm"]]
    scope = "the whole programme" if facts["scope"] == "programme" else _words(facts["scope"])
    shown.title = f"Drawn {arm}: {scope}"
    shown.lines = [f"{facts['share']:.0%} are held out, {facts['mode']}, frozen until {_day(facts['until'])}."]
    return shown


def _numbers(value: Any) -> tuple[Any, Any]:
    return (value.get("value"), value.get("usual")) if isinstance(value, dict) else (value, None)


def _words(name: str) -> str:
    return name.replace("__", ": ").replace("_", " ")


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _day(iso: str) -> str:
    return f"{date.fromisoformat(iso):%-d %b %Y}"


TELLERS: dict[str, Callable[[Told, Mapping[str, Any], str], Told]] = {
    "flag": _flag, "trouble": _trouble, "message": _message, "outcome": _outcome, "contact": _contact, "reply": _contact,
    "survey": _survey, "action": _action, "call": _call, "note": _note, "wish": _wish, "arm": _arm,
}  # fmt: skip
