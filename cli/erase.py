"""`beforehand erase`: forget a customer, for good."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import LedgerError


def erase(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who erases; goes into the audit trail.")] = "",
) -> None:
    """Remove a customer from every table, file and log; a keyed hash stays, so that an import does not bring them back."""
    from outreach.erase import erase as forget

    if not actor.strip():
        raise LedgerError("erase: somebody must stand for it, got no name. Say --as NAME.")
    counts = forget(configured(), customer, by=actor, now=now())
    said = ", ".join(f"{number} in the {what}" if what != "files" else f"{number} files" for what, number in counts.items() if number)
    VOICE.result({"erased": counts}, [f"Erased: {said or 'there was nothing of them'}. What your own systems hold is yours to erase."])
