"""The doctor reads the sending domain in a real name server, and says what keeps mail from being believed."""

import pytest

from core.errors import MissingError
from core.settings import Domain
from outreach.domain import aligned, look_up
from tests.outreach.name_server import NameServer

GOOD = {
    "lumen.example": ["v=spf1 include:sendgrid.net -all", "some other proof"],
    "s1._domainkey.lumen.example": ["v=DKIM1; k=rsa; p=" + "A" * 380],
    "_dmarc.lumen.example": ["v=DMARC1; p=reject; rua=mailto:d@lumen.example"],
}


def ask(settings, records, **domain):
    with NameServer(records) as server:
        stated = Domain(name_server=server.address, **({"dkim_selectors": ("s1",)} | domain))
        outreach = settings.outreach.model_copy(update={"domain": stated})
        return look_up(settings.model_copy(update={"outreach": outreach}))


def wrong(verdicts):
    return {each.what: each.says for each in verdicts if each.wrong}


def test_a_domain_in_order_has_nothing_wrong(settings):
    found = ask(settings, GOOD)
    assert wrong(found) == {}
    assert [each.what for each in found] == ["SPF", "DKIM", "DMARC"]


@pytest.mark.parametrize(
    ("change", "what", "said"),
    [
        ({"lumen.example": ["nothing of the kind"]}, "SPF", "is missing"),
        ({"lumen.example": ["v=spf1 -all", "v=spf1 a -all"]}, "SPF", "stands there twice"),
        ({"lumen.example": ["v=spf1 +all"]}, "SPF", "anybody may send as you"),
        ({"lumen.example": ["v=spf1 " + " ".join(f"include:p{n}.example" for n in range(11)) + " -all"]}, "SPF", "11 look-ups"),
        ({"s1._domainkey.lumen.example": ["v=DKIM1; p="]}, "DKIM", "revoked"),
        ({"s1._domainkey.lumen.example": None}, "DKIM", "no key is there"),
        ({"_dmarc.lumen.example": None}, "DMARC", "is missing"),
        ({"_dmarc.lumen.example": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "DMARC", "two policies"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_way_out(settings, change, what, said):
    records = {name: texts for name, texts in (GOOD | change).items() if texts is not None}
    found = wrong(ask(settings, records))
    assert set(found) == {what}
    assert said in found[what]


def test_a_policy_of_none_is_told_but_is_no_fault(settings):
    found = ask(settings, GOOD | {"_dmarc.lumen.example": ["v=DMARC1; p=none"]})
    assert wrong(found) == {}
    assert "protects your customers" in found[-1].says


def test_the_policy_of_the_domain_above_counts_for_one_below(settings):
    company = settings.company.model_copy(update={"from_address": "care@mail.lumen.example"})
    records = {"mail.lumen.example": GOOD["lumen.example"], "s1._domainkey.mail.lumen.example": GOOD["s1._domainkey.lumen.example"],
               "_dmarc.lumen.example": ["v=DMARC1; p=reject; sp=quarantine"]}  # fmt: skip
    found = ask(settings.model_copy(update={"company": company}), records)
    assert found[-1].says == "_dmarc.lumen.example: p=quarantine"


def test_signing_and_bouncing_elsewhere_is_not_aligned(settings):
    records = GOOD | {"bounces.provider.example": ["v=spf1 -all"], "s1._domainkey.provider.example": ["p=AAAA"]}
    found = wrong(ask(settings, records, return_path="bounces.provider.example", signing_domain="provider.example"))
    assert "not aligned with lumen.example" in found["SPF"]
    assert "not aligned with lumen.example" in found["DKIM"]


def test_without_a_selector_nobody_can_look_for_a_key(settings):
    assert "dkim_selectors" in wrong(ask(settings, GOOD, dkim_selectors=()))["DKIM"]


def test_a_name_server_that_does_not_answer_is_said_so(settings, monkeypatch):
    monkeypatch.setattr("outreach.domain.SECONDS", 0.3)
    outreach = settings.outreach.model_copy(update={"domain": Domain(name_server="127.0.0.1:9")})
    with pytest.raises(MissingError, match="could not be asked for"):
        look_up(settings.model_copy(update={"outreach": outreach}))


@pytest.mark.parametrize(
    ("ours", "theirs", "strict", "fits"),
    [("a.example", "a.example", True, True), ("a.example", "m.a.example", False, True), ("a.example", "m.a.example", True, False),
     ("m.a.example", "a.example", False, True), ("a.example", "ba.example", False, False)],
)  # fmt: skip
def test_domains_are_aligned_when_one_lies_below_the_other(ours, theirs, strict, fits):
    assert aligned(ours, theirs, strict=strict) is fits
