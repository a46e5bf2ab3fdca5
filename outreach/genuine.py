"""Is it really from us? Find the message a customer reads a code from, so that whoever answers the phone can say yes or no."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.messages import SENT, Message, State
from outreach.keyed_hash import key_prefix

MAY_HAVE_ARRIVED = (State.CLAIMED, *SENT, State.UNCERTAIN)
MISREAD = str.maketrans("OILU", "011V")  # letters our codes do not have, and what they were


def find_by_code(session: Session, settings: Settings, code: str) -> list[Message]:
    """Return the messages that carry this code, newest first; none means that we did not send it.

    A code is short, so compare the customer and the date too. Spaces, dashes, case and look-alike letters do not matter.
    """
    asked = "".join(each for each in code.upper() if each.isalnum()).translate(MISREAD)
    begins = key_prefix(settings, asked)
    if begins is None:
        return []
    named = (Message.key >= begins, Message.key < f"{begins}g")  # keys are hexadecimal: the index of keys finds it
    return list(session.scalars(select(Message).where(*named, Message.state.in_(MAY_HAVE_ARRIVED)).order_by(Message.due_at.desc())))
