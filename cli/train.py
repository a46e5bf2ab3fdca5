"""`beforehand train`: teach every issue's detector from the past."""

from cli.options import Day, day_or_yesterday
from cli.play import morning_after, train_day
from cli.voice import VOICE, configured


def train(day: Day = None) -> None:
    """Train each learned issue as of a day, calibrate it on later days, and say whether it can be predicted."""
    settings, as_of = configured(), day_or_yesterday(day)
    models = train_day(settings, as_of, now=morning_after(as_of))
    rows = [[m["issue"], m["state"], _figure(m["scores"], "average_precision"), _figure(m["scores"], "base_rate")]
            for m in models]  # fmt: skip
    VOICE.table(f"Models as of {as_of}", ["issue", "state", "average precision", "base rate"], rows)
    VOICE.result({"day": as_of, "models": models}, [] if models else ["No issue asks for a learned detector."])


def _figure(scores: dict, name: str) -> str:
    return "-" if scores.get(name) is None else f"{scores[name]:.3f}"
