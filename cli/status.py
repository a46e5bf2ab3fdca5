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
    return [f"Known up to {found['last_closed']}. Nothing waits for a person."]
