"""`beforehand detect`: score a day's customers and open flags."""

from cli.options import Day, day_or_yesterday
from cli.play import detect_day, morning_after
from cli.voice import VOICE, configured


def detect(day: Day = None) -> None:
    """Compute features as of a day, score every issue, open flags and form cohorts."""
    settings, as_of = configured(), day_or_yesterday(day)
    flags = detect_day(settings, as_of, now=morning_after(as_of))
    VOICE.result({"day": as_of, "flags": flags}, [f"{as_of}: {flags} new flags. `beforehand review` shows the cohorts."])
