"""`beforehand status`: what came in, who is flagged, what was sent, what can be read."""

from cli.measure import tell_readings
from cli.voice import VOICE, configured


def status() -> None:
    """Show the state of the whole route, and whether the counts reconcile."""
    from console.figures import figures
    from loyalty.reading import table

    settings = configured()
    found, readings = figures(settings), table(settings)
    tell_figures(found)
    tell_readings(readings)
    tell_waiting(found["waiting"])
    VOICE.result({"figures": found, "readings": readings}, next_step(found))


def tell_figures(found: dict) -> None:
    """Print the sources, how well each trouble can be told beforehand, and what became of the flags by issue."""
    VOICE.table(
        "Sources", ["source", "last day", "read", "kept", "quarantined", "dropped"],
        [[s["source"], s["last"], *(f"{s[n]:,}" for n in ("read", "kept", "quarantined", "dropped"))] for s in found["sources"]],
    )  # fmt: skip
    VOICE.table(
        "Detectors, judged on days they did not learn from",
        ["issue", "detector", "as of", "verdict", "average precision", "base rate", "skill (95 %)"],
        [[m["issue"], m["detector"], m["trained_on"], m["state"].replace("_", " "), *_judged(m["scores"])] for m in found["models"]],
    )  # fmt: skip
    VOICE.table(
        "Issues", ["issue", "detector", "flags", "open", "sent", "held out", "suppressed", "waiting", "shadow", "reconciles"],
        [[i["issue"], i["model"], i["flags"], i["open"], i["sent"], i["held_out"], i["suppressed"], i["waiting"],
          i["shadow"], "yes" if i["reconciles"] else "NO"] for i in found["issues"]],
    )  # fmt: skip


def tell_waiting(waiting: dict) -> None:
    """Print the gestures, messages and calls that wait for a person."""
    if waiting["gestures"]:
        VOICE.table(
            "Gestures that wait for somebody's word",
            ["gesture", "issue", "customer", "cents", "why", "asked by", "approved by"],
            [[g["gesture"], g["issue"], g["customer_id"], g["cents"], str(g["why"]).replace("_", " "), g["asked_by"],
              g["first_by"] or "-"] for g in waiting["gestures"]],
        )  # fmt: skip
    if waiting["messages"]:
        VOICE.say(f"Messages that wait for somebody's word: {', '.join(map(str, waiting['messages']))}. "
                  "`beforehand send --approve MESSAGE --by NAME` lets one go.")  # fmt: skip
    if waiting["calls"]:
        VOICE.say(f"{waiting['calls']} calls are to be made: `beforehand calls`.")


def _judged(scores: dict) -> list[str]:
    """Return average precision, base rate and skill with its interval; a dash where nothing could be judged."""
    if scores.get("average_precision") is None:
        return ["-", "-", "-"]
    interval = f"{scores['skill']:+.3f} ({scores['skill_low']:+.3f} to {scores['skill_high']:+.3f})"
    return [f"{scores['average_precision']:.3f}", f"{scores['base_rate']:.3f}", interval]


def next_step(found: dict) -> list[str]:
    """Say what a person would do next, given what there is."""
    if not found["sources"]:
        return ["Nothing has been pulled yet. `beforehand pull` fetches yesterday, `beforehand run` plays past days."]
    if found["cohorts_waiting"]:
        return [f"{found['cohorts_waiting']} cohorts wait for a person: `beforehand review`."]
    if waiting := len(found["waiting"]["gestures"]):
        return [f"{waiting} gestures wait for a person: `beforehand gesture --approve NUMBER --as NAME`, or `--decline`."]
    return [f"Known up to {found['last_closed']}. Nothing waits for a person."]
