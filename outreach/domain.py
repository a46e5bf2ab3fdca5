"""The sending domain in DNS: whether mailbox providers can tell that our mail is ours (SPF, DKIM, DMARC), and aligned.

SPF: RFC 7208. DKIM: RFC 6376. DMARC and alignment: RFC 7489; relaxed alignment is read as "the same domain or one below the
other", which is stricter than a list of public suffixes and needs none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from core.errors import MissingError
from core.settings import Settings

SECONDS = 5.0
LOOKUPS_AT_MOST = 10  # RFC 7208, 4.6.4
LOOKS_UP = ("include:", "a", "mx", "ptr", "exists:", "redirect=")


@dataclass(frozen=True)
class Verdict:
    """What was found of one thing; `wrong` things keep mail from arriving, others only make it likelier to be doubted."""

    what: str
    says: str
    wrong: bool = False


def look_up(settings: Settings) -> list[Verdict]:
    """Return what DNS says of the From domain. Raise MissingError when no name server answers."""
    domain = settings.company.from_address.rpartition("@")[2].lower()
    resolver = _resolver(settings)
    dmarc = _dmarc(resolver, domain)
    return [*_spf(resolver, settings, domain, dmarc), *_dkim(resolver, settings, domain, dmarc), *_policy(domain, dmarc)]


def aligned(ours: str, theirs: str, *, strict: bool) -> bool:
    """Say whether two domains are aligned."""
    return ours == theirs or (not strict and (ours.endswith(f".{theirs}") or theirs.endswith(f".{ours}")))


def _resolver(settings: Settings) -> Resolver:
    resolver = Resolver()
    server = settings.outreach.domain.name_server
    if server:
        host, _, port = server.partition(":")
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = [host], int(port or 53)
    resolver.lifetime = SECONDS
    return resolver


def _texts(resolver: Resolver, name: str) -> list[str]:
    try:
        answer = resolver.resolve(name, "TXT")
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException as error:
        raise MissingError(f"DNS: {name} could not be asked for: {type(error).__name__}. "
                           "Is this machine online? [outreach.domain] name_server names another server.") from error
    return ["".join(part.decode("utf-8", "replace") for part in record.strings) for record in answer]


def _spf(resolver: Resolver, settings: Settings, domain: str, dmarc: dict[str, str]) -> Iterator[Verdict]:
    bounce = (settings.outreach.domain.return_path or domain).lower()
    found = [each for each in _texts(resolver, bounce) if each.lower().split(" ")[0] == "v=spf1"]
    if len(found) != 1:
        how = "is missing: add a TXT record v=spf1 that names your provider and ends in -all" if not found else "stands there twice: merge them"
        yield Verdict("SPF", f"{bounce}: v=spf1 {how}", wrong=True)
        return
    terms = found[0].lower().split()[1:]
    lookups = sum(term.lstrip("+-~?").startswith(LOOKS_UP) and not term.startswith("all") for term in terms)
    if not terms or not (terms[-1] in ("-all", "~all") or terms[-1].startswith("redirect=")):
        yield Verdict("SPF", f"{bounce}: ends in {terms[-1] if terms else 'nothing'!r}, so anybody may send as you. End it in -all", wrong=True)
    elif lookups > LOOKUPS_AT_MOST:
        yield Verdict("SPF", f"{bounce}: {lookups} look-ups, more than {LOOKUPS_AT_MOST}: receivers give up", wrong=True)
    elif not aligned(domain, bounce, strict=dmarc.get("aspf") == "s"):
        yield Verdict("SPF", f"{bounce} is not aligned with {domain}: bounces must go to the From domain or one below it", wrong=True)
    else:
        yield Verdict("SPF", f"{bounce}: {terms[-1]}, aligned")


def _dkim(resolver: Resolver, settings: Settings, domain: str, dmarc: dict[str, str]) -> Iterator[Verdict]:
    signer = (settings.outreach.domain.signing_domain or domain).lower()
    if not aligned(domain, signer, strict=dmarc.get("adkim") == "s"):
        yield Verdict("DKIM", f"{signer} is not aligned with {domain}: sign with the From domain or one below it", wrong=True)
    if not settings.outreach.domain.dkim_selectors:
        yield Verdict("DKIM", "no selector is named: [outreach.domain] dkim_selectors, as your provider shows them", wrong=True)
    for selector in settings.outreach.domain.dkim_selectors:
        name = f"{selector}._domainkey.{signer}"
        keys = [tags for tags in map(_tags, _texts(resolver, name)) if "p" in tags]
        if not keys:
            yield Verdict("DKIM", f"{name}: no key is there: add the record your provider shows", wrong=True)
        elif not keys[0]["p"]:
            yield Verdict("DKIM", f"{name}: the key is revoked (p= is empty)", wrong=True)
        else:
            yield Verdict("DKIM", f"{name}: there, aligned")


def _dmarc(resolver: Resolver, domain: str) -> dict[str, str]:
    """Return the tags of the policy at the domain, else at the nearest domain above it that has one."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        name = ".".join(labels[start:])
        found = [tags for tags in map(_tags, _texts(resolver, f"_dmarc.{name}")) if tags.get("v") == "DMARC1"]
        if len(found) == 1:
            return found[0] | {"at": name}
        if found:
            return {"at": name, "twice": "yes"}
    return {}


def _policy(domain: str, dmarc: dict[str, str]) -> Iterator[Verdict]:
    policy = dmarc.get("sp", dmarc.get("p", "")) if dmarc.get("at") != domain else dmarc.get("p", "")
    where = f"_dmarc.{dmarc.get('at', domain)}"
    if dmarc.get("twice"):
        yield Verdict("DMARC", f"{where}: two policies, so none counts: keep one", wrong=True)
    elif policy not in ("none", "quarantine", "reject"):
        yield Verdict("DMARC", f"{where}: is missing: add a TXT record v=DMARC1; p=quarantine; rua=mailto:...", wrong=True)
    elif policy == "none":
        yield Verdict("DMARC", f"{where}: p=none asks receivers to do nothing; quarantine or reject protects your customers")
    else:
        yield Verdict("DMARC", f"{where}: p={policy}")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
