"""Personal details on colleagues' pages: who may read them, and what everybody else is shown in their place."""

import re
from dataclasses import dataclass

from ledger.customers import Customer
from ledger.people import may

UNMASKED_FOR = "approver"   # this role and those above it read names, addresses and telephone numbers
FIELDS = ("name", "address", "phone")
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<!\w)\+?\d[\d\s()/.-]{6,}\d(?!\w)")


@dataclass(frozen=True)
class Details:
    """A customer's details as one role may see them; `unmasked` names what was really shown."""

    name: str | None
    address: str | None
    phone: str | None
    unmasked: tuple[str, ...]


def details(customer: Customer | None, role: str) -> Details:
    """Return the name, address and telephone number of a customer, masked unless the role may see them."""
    known = {field: getattr(customer, field) if customer else None for field in FIELDS}
    if may_see(role):
        return Details(**known, unmasked=tuple(field for field in FIELDS if known[field]))
    return Details(_initials(known["name"]), _masked_address(known["address"]), _masked_phone(known["phone"]), unmasked=())


def may_see(role: str) -> bool:
    """Whether a role reads personal details as they are."""
    return may(role, UNMASKED_FOR)


def said(words: str, role: str) -> str:
    """Return what somebody wrote, without the addresses and numbers in it unless the role may see them."""
    return words if may_see(role) else NUMBER.sub("[number]", ADDRESS.sub("[address]", words))


def _initials(name: str | None) -> str | None:
    return " ".join(f"{part[0]}." for part in name.split()) if name else None


def _masked_address(address: str | None) -> str | None:
    if not address:
        return None
    own, _, domain = address.partition("@")
    return f"{own[:1]}…@{domain[:1]}….{domain.rpartition('.')[2]}" if domain else "…"


def _masked_phone(phone: str | None) -> str | None:
    return f"… {re.sub(r'[^0-9]', '', phone)[-2:]}" if phone else None
