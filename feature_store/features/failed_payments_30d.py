"""How many card payments failed in the last 30 days."""

from feature_store.feature import Feature, Measure

FEATURE = Feature(
    name="failed_payments_30d",
    measure=Measure(source="billing", aggregate="count", kind="payment_failed", window_days=30),
    empty=0,
    description="failed payments in 30 days",
)
