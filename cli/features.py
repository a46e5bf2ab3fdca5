"""`beforehand features`: compute the vectors of a day."""

from cli.options import Day, day_or_yesterday
from cli.voice import VOICE, configured


def features(day: Day = None) -> None:
    """Compute every customer's features as of a day and keep them."""
    from feature_store.build import build_day, vectors

    settings, as_of = configured(), day_or_yesterday(day)
    path = build_day(day=as_of, settings=settings)
    frame = vectors(settings, as_of)
    facts = {"day": as_of, "customers": frame.height, "features": frame.width - 2, "path": path}
    VOICE.result(facts, [f"{as_of}: {frame.height:,} customers x {frame.width - 2} features in {path}."])
