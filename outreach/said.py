"""What a message said that was sent: worded again from its playbook, or nothing where the words have been changed since."""

from core.settings import Settings
from ledger.customers import Customer
from ledger.messages import Message
from outreach import words
from outreach.compose import Composer, Recipient, first_name, language_of
from outreach.playbook import Playbook, load_playbooks
from outreach.skeleton import paragraphs


def subject_of(message: Message, customer: Customer | None, settings: Settings) -> str | None:
    """Return the subject under which a message went out."""
    spoken = _spoken(message, settings)
    if spoken is None:
        return None
    to = Recipient(message.key, "", customer.name if customer else None, customer.language if customer else None, message.day)
    return Composer(settings).letter(spoken, to, now=message.claimed_at or message.due_at).subject


def what_happened(message: Message, customer: Customer | None, settings: Settings) -> list[str]:
    """Return the paragraphs in which a message said what had happened, in the customer's language."""
    spoken = _spoken(message, settings)
    if spoken is None:
        return []
    said = spoken.message[language_of(spoken, customer.language if customer else None, settings)].what_happened
    name = first_name(customer.name) if customer else None
    known = {"company": settings.company.name, "website": settings.company.website.removeprefix("https://"), "check_code": ""}
    return paragraphs(words.render(said, known | ({"first_name": name} if name else {})))


def _spoken(message: Message, settings: Settings) -> Playbook | None:
    playbook = load_playbooks(settings).get(message.issue)
    if playbook is None or not message.playbook_version.startswith(playbook.version):
        return None
    return playbook.spoken(message.kind, done=not message.playbook_version.endswith("-doing"))
