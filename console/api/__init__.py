"""What other systems ask and tell us. One file, one ROUTER whose routes say which scope a token needs."""

ABOUT = """Flags and the holdout answer out, contacts and outcomes in. Every request carries `Authorization: Bearer bfh_...`, a token
made by `beforehand tokens make NAME --scope SCOPE`. Times carry their zone, days are UTC. Every refusal has the same shape, with
the field at fault. What stands here stays as it is as long as the address says v1: fields may be added, none are taken away."""
