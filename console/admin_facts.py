"""The limits everything stays within, as an admin reads them: what, how much, and which key of settings.toml changes it."""

from dataclasses import dataclass

from core.settings import Settings


@dataclass(frozen=True)
class Limit:
    """One limit in words, its value, and where it is changed."""

    says: str
    value: str
    key: str


def limits(settings: Settings) -> list[Limit]:
    """Return the limits in force."""
    o, review = settings.outreach, settings.review.auto_approve_up_to
    hours = f"{sum(o.pace.answers_by_hour):,} answers a day" if o.pace.answers_by_hour else "no limit by the hour"
    days = [name for name, may in (("weekends", o.write_on_weekends), ("public holidays", o.write_on_holidays)) if not may]
    return [
        Limit("Cohorts approved without a person", f"up to {review:,} customers" if review else "none: all wait", "[review] auto_approve_up_to"),
        Limit("Messages to one customer in 28 days", f"at most {o.messages_per_customer_28d}", "[outreach] messages_per_customer_28d"),
        Limit("Messages to one inbox in 28 days", f"at most {o.messages_per_unit_28d}", "[outreach] messages_per_unit_28d"),
        Limit("Nothing is sent at night", f"{o.quiet_from:%H:%M} to {o.quiet_until:%H:%M}, the customer's time", "[outreach] quiet_from, quiet_until"),
        Limit("Nothing is sent on", " and ".join(days) or "no day is left out", "[outreach] write_on_weekends, write_on_holidays"),
        Limit("A score may be acted on for", f"{o.fresh_days} days", "[outreach] fresh_days"),
        Limit("Messages that people can answer", hours, "[outreach.pace] answers_by_hour"),
        Limit("Of all customers, never written to", f"{o.global_holdout:.0%}", "[outreach] global_holdout"),
        Limit("A cohort brakes from", f"{o.brake.size_times:g} times its usual size, and {o.brake.size_at_least:,} customers", "[outreach.brake]"),
        Limit("Bounces and complaints brake from", f"{o.events.hard_bounces_at_most:.1%} and {o.events.complaints_at_most:.1%} of a week's messages",
              "[outreach.events]"),
        Limit("Every message goes to", o.redirect_all_to or "the customer it is for", "[outreach] redirect_all_to"),
        Limit("May approve", ", ".join(o.approvers) or "everybody with the role approver", "[outreach] approvers"),
        Limit("A sign-in lasts", f"{settings.console.sign_in_hours} hours", "[console] sign_in_hours"),
    ]  # fmt: skip
