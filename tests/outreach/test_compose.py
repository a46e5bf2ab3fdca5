"""A message says the same in text and HTML, to the right person, in their language, under headers providers ask for."""

import re
from datetime import date
from email import message_from_bytes
from email.policy import default
from html import unescape

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.settings import Company, Settings, Storage
from outreach import words
from outreach.compose import Composer, Recipient, first_name
from outreach.keyed_hash import check_code
from outreach.playbook import Later, load_playbook
from tests.outreach.house import NOW, PLAYBOOK

KEY = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    root = tmp_path_factory.mktemp("compose")
    who = Company(name="Lumière & Söhne", from_address="care@lumen.example", reply_to="help@lumen.example",
                  postal_address="1 Harbour Street\n20457 Hamburg", website="https://lumen.example", phone="+49 40 555 01")  # fmt: skip
    return Settings(company=who, storage=Storage(root=str(root)))


@pytest.fixture(scope="module")
def playbook(company, tmp_path_factory):
    path = tmp_path_factory.mktemp("playbooks") / "payment_failing.toml"
    path.write_text(PLAYBOOK.format(mode="live", holdout=0.5, more=""))
    return load_playbook(path, company.company)


def write(company, playbook, *, name="Zoë Müller", language="en", key=KEY):
    to = Recipient(key, "zoe@example.org", name, language, date(2026, 3, 31))
    return Composer(company).letter(playbook, to, now=NOW)


def visible(html):
    body = re.sub(r"<style.*?</style>|<title>.*?</title>|<!--.*?-->|<div style=\"display:none.*?</div>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_any_mail_program_reads_it(company, playbook):
    mail = message_from_bytes(write(company, playbook).as_bytes(), policy=default)

    assert not mail.defects
    assert mail["From"] == "Lumière & Söhne <care@lumen.example>"
    assert mail["To"] == "Zoë Müller <zoe@example.org>"
    assert mail["Reply-To"] == "help@lumen.example"
    assert mail["Subject"] == "Everything stays switched on"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == f"<{KEY}@lumen.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(rf"<https://lumen\.example/service-messages/stop/{KEY}\.[\w.-]+>", mail["List-Unsubscribe"])
    assert mail["List-Id"] == "<account-notices.service-messages.lumen.example>"
    assert len(mail["Feedback-ID"].split(":")) == 4
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_no_line_is_longer_than_mail_allows(company, playbook):
    raw = write(company, playbook, name="Ż" * 70).as_bytes()

    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_text_and_html_say_the_same_things(company, playbook):
    letter = write(company, playbook)
    html, text = visible(letter.html), " ".join(letter.text.split())

    for said in ("Hello Zoë,", "Something went wrong with your last payment.", "We try again by ourselves.",
                 "Zoë, you need not do anything.", check_code(company, KEY), "Just answer this message",
                 "lumen.example/service-messages/check into your browser", "Stop messages of this kind", "+49 40 555 01", "1 Harbour Street, 20457 Hamburg"):  # fmt: skip
        said = " ".join(said.split())
        assert said in html.replace("\xa0", " "), said
        assert said in text.replace("\xa0", " "), said
    assert letter.stop_url in letter.html
    assert letter.stop_url in letter.text


def test_every_link_leads_to_the_customers_pages_and_html_and_text_have_the_same(company, playbook):
    letter = write(company, playbook)
    in_html, in_text = (set(re.findall(r"https?://[^\s\"<>]+", body)) for body in (linked(letter.html), letter.text))

    assert in_html == in_text
    assert {link.split("/")[4] for link in in_text} == {"stop", "why", "answer"}
    assert all(link.startswith("https://lumen.example/service-messages/") for link in in_text)
    assert "src=" not in letter.html


def linked(html):
    return " ".join(re.findall(r'href="([^"]*)"', html))


def test_a_logo_says_in_words_whose_it_is(company, playbook):
    who = company.company.model_copy(update={"logo": "https://lumen.example/logo.png"})
    letter = write(company.model_copy(update={"company": who}), playbook)

    assert re.search(r'<img alt="Lumière &amp; Söhne"[^>]*src="https://lumen\.example/logo\.png"', letter.html)


def test_a_survey_asks_on_its_own_page_and_says_so_in_its_feedback_id(company, playbook):
    letter = write(company, asking(playbook))

    assert "/service-messages/survey/" in letter.text
    assert "/service-messages/answer/" not in letter.text
    assert dict(letter.skeleton.headers)["Feedback-ID"].split(":")[2] == "survey"


def asking(playbook):
    words = {"en": playbook.message["en"].model_copy(update={"subject": "How was it?"})}
    return playbook.model_copy(update={"survey": Later(message=words)}).spoken("survey", done=True)


def test_a_word_without_a_value_blocks_the_message(company, playbook):
    said = playbook.message["en"].model_copy(update={"what_we_did": "We gave back [%amount%]."})

    with pytest.raises(ConfigError, match=r"no value for 'amount'\. Known: first_name"):
        write(company, playbook.model_copy(update={"message": {"en": said}}))


@pytest.mark.parametrize(
    ("language", "greeting"),
    [("de-AT", "Guten Tag Zoë,"), ("DE", "Guten Tag Zoë,"), ("fr", "Hello Zoë,"), (None, "Hello Zoë,"), ("", "Hello Zoë,")],
)
def test_a_customer_is_written_to_in_their_language_or_the_companys(company, playbook, language, greeting):
    assert write(company, playbook, language=language).text.startswith(greeting)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Ann Lee", "Ann"), ("Dr. Ann Lee", "Ann"), ("Jean-Luc", "Jean-Luc"), ("O'Neill", "O'Neill"), ("  Zoë ", "Zoë"),
        (None, None), ("", None), ("Win https://evil.example now", None), ("www.evil.example", None), ("a@b.example", None),
        ("Ann\r\nBcc: all@example.org", None), ("[%check_code%]", None), ("<b>Ann</b>", None), ("x" * 41, None), ("A1", None),
    ],
)  # fmt: skip
def test_only_what_looks_like_a_name_is_greeted(name, called):
    assert first_name(name) == called


def test_a_customer_without_a_name_is_greeted_without_one(company, playbook):
    text = write(company, playbook, name=None).text

    assert text.startswith("Hello,\n")
    assert "You need not do anything." in text


@given(name=st.text(max_size=60))
@hypothesis_settings(max_examples=150, deadline=None)
def test_no_name_breaks_a_message_or_adds_a_header(company, playbook, name):
    letter = write(company, playbook, name=name)
    mail = letter.email()

    assert not mail.defects
    assert len(mail.items()) == 13
    assert mail["To"].addresses[0].addr_spec == "zoe@example.org"
    assert "[%" not in letter.text + letter.html + letter.subject


@given(name=st.sampled_from(["Ann", "O'Neill", "Zoë", None]))
def test_values_put_into_the_skeleton_read_as_if_rendered_for_the_customer(company, playbook, name):
    letter = write(company, playbook, name=name)
    known = {"company": company.company.name, "website": "lumen.example", "check_code": check_code(company, KEY)}
    said = playbook.message["en"].what_you_do

    assert words.render(said, known | ({"first_name": name} if name else {})) in letter.text.replace("\n", " ")


def test_the_check_code_is_short_keyed_and_the_same_again(company, tmp_path):
    elsewhere = company.model_copy(update={"storage": Storage(root=str(tmp_path))})

    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", check_code(company, KEY))
    assert check_code(company, KEY) == check_code(company, KEY) != check_code(elsewhere, KEY)


def test_the_secret_is_for_its_owners_eyes(company, playbook):
    write(company, playbook)

    assert (company.root / "secret.key").stat().st_mode & 0o077 == 0
