"""What the customer paid in the last 90 days, in cents."""

from feature_store.feature import Feature, Measure

FEATURE = Feature(
    name="paid_cents_90d",
    measure=Measure(source="billing", aggregate="sum", column="amount_cents", kind="payment_succeeded", window_days=90),
    empty=0,
    description="paid in 90 days",
)
