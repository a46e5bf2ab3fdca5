"""`beforehand targeting`: by what each issue's budget is spent, and how its ranking did on later weeks."""

from cli.voice import VOICE, configured
from ledger.database import sessions


def targeting() -> None:
    """Show, for every issue with a [targeting] budget, who is contacted first and why."""
    from core.clock import last_whole_day, now
    from detectors.issue import load_issues
    from ledger.targets import policy_in_force

    settings = configured()
    day = last_whole_day(now())
    rows = []
    with sessions(settings)() as session:
        for name, issue in load_issues(settings).items():
            if issue.targeting is None:
                continue
            policy = policy_in_force(session, name, day)
            first = "who is helped" if policy and policy.ranks_by == "benefit" else "risk"
            rows.append([name, first, policy.from_day if policy else None, policy.why if policy else "nothing was judged yet"])
    if rows:
        VOICE.table("Whom to contact first", ["issue", "ranked by", "since", "why"], rows)
    empty = ["No issue has a budget. [targeting] in config/issues/<issue>.toml: budget a day, cost of a contact, worth of the outcome."]
    VOICE.result({"targeting": [dict(zip(("issue", "ranked_by", "since", "why"), row, strict=True)) for row in rows]}, [] if rows else empty)
