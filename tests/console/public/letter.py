"""The links of Ann's letter, and what the ledger keeps of what she does with them."""

from sqlalchemy import select

from core import clock
from outreach.links import Links


def link(house, purpose, now=None):
    return Links(house.settings).url(purpose, house.message("ann").key, now or clock.now()).removeprefix("https://lumen.example")


def rows(house, table):
    with house.open() as session:
        return list(session.scalars(select(table)))
