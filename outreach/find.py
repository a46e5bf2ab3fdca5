"""Find a customer by what they say on the telephone: their id, address, number, or the code in a message of ours.

Every look-up is by an index, on the value in the form in which it is kept; nothing is searched through.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.customers import PHONE_END, PHONE_ENDS, Customer
from ledger.messages import Message
from outreach.genuine import find_by_code

AT_MOST = 20
NUMBER = re.compile(r"[\d\s+()/.\-]+")


@dataclass(frozen=True)
class Found:
    """A customer, and by what they were found."""

    customer_id: str
    by: str                  # customer id | address | telephone | message code | message


def find(session: Session, settings: Settings, asked: str, *, limit: int = AT_MOST) -> list[Found]:
    """Return the customers that `asked` may mean, each once, the surest first."""
    words = asked.replace("\0", "").strip()
    if not words:
        return []
    once: dict[str, Found] = {}
    for found in _each(session, settings, words, limit):
        once.setdefault(found.customer_id, found)
    return list(once.values())[:limit]


def is_known(session: Session, customer_id: str) -> bool:
    """Whether anything is known of a customer: details, a flag, or an arm."""
    return bool(_known(session, [customer_id]))


def _known(session: Session, names: list[str]) -> list[str]:
    return list(session.scalars(KNOWN, {"names": names}))


def _each(session: Session, settings: Settings, words: str, limit: int) -> Iterator[Found]:
    yield from _all(_known(session, list(dict.fromkeys((words, words.upper(), words.lower())))), "customer id")
    if "@" in words:
        holders = select(Customer.customer_id).where(Customer.address == words.lower()).order_by(Customer.customer_id).limit(limit)
        yield from _all(session.scalars(holders), "address")
        return
    yield from _all((message.customer_id for message in find_by_code(session, settings, words)), "message code")
    yield from _all(session.scalars(select(Message.customer_id).where(Message.key == words.lower())), "message")
    if NUMBER.fullmatch(words):
        yield from _all(_by_phone(session, words, limit), "telephone")


def _by_phone(session: Session, words: str, limit: int) -> Iterator[str]:
    """Yield who has this number, with or without the prefixes of country and town in either of the two."""
    asked = re.sub(r"\D", "", words)
    if len(asked) < PHONE_ENDS - 2:
        return
    for customer_id, phone in session.execute(BY_PHONE, {"end": asked[-PHONE_ENDS:], "limit": 5 * limit}):
        kept = re.sub(r"\D", "", phone)
        if _bare(kept).endswith(_bare(asked)) or _bare(asked).endswith(_bare(kept)):
            yield customer_id


def _bare(digits: str) -> str:
    return digits.lstrip("0")


def _all(customers: Iterable[str], by: str) -> Iterator[Found]:
    return (Found(customer, by) for customer in customers)


KNOWN = text("""
    SELECT n.name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n(name, place)
    WHERE EXISTS (SELECT 1 FROM customers c WHERE c.customer_id = n.name)
       OR EXISTS (SELECT 1 FROM flags f WHERE f.customer_id = n.name)
       OR EXISTS (SELECT 1 FROM assignments a WHERE a.customer_id = n.name)
    ORDER BY n.place
""")
BY_PHONE = text(f"""
    SELECT customer_id, phone FROM customers WHERE phone IS NOT NULL AND {PHONE_END} = :end
    ORDER BY customer_id LIMIT :limit
""".replace("::", "\\:\\:"))
