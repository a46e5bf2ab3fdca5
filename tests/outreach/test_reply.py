"""What a machine wrote is told from what a person wrote, and a wish to stop from other words."""

import pytest

from outreach.event import Event, Kind, NotReadableError
from outreach.reply import Reply, read, read_posted

KEY = "0123456789abcdef" * 2


def mail(text="Thanks.", **headers):
    stated = {"From": "Ann <ann@example.org>", "Message-ID": "<1@example.org>", "In-Reply-To": f"<{KEY}@lumen.example>"}
    stated |= {name.replace("_", "-"): value for name, value in headers.items()}
    return ("".join(f"{name}: {value}\r\n" for name, value in stated.items()) + "\r\n" + text).encode()


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated; owner=x"}, {"Precedence": "bulk"},
     {"Precedence": "auto_reply"}, {"X_Autoreply": "yes"}, {"X_Auto_Response_Suppress": "All"}, {"Return_Path": "<>"},
     {"From": "MAILER-DAEMON@mx.example"}, {"From": "no-reply@shop.example"}, {"From": "bounces+7@shop.example"},
     {"List_Id": "<a.b>"}],
)  # fmt: skip
def test_a_machine_is_passed_over(headers):
    assert read(mail("stop, unsubscribe", **headers)) == []


@pytest.mark.parametrize("headers", [{"Auto_Submitted": "no"}, {"Precedence": "first-class"}, {"From": "noreen@example.org"}])
def test_a_person_is_heard(headers):
    (found,) = read(mail(**headers))
    assert isinstance(found, Reply)
    assert found.keys == (KEY,)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("STOP", "stop"), ("Please unsubscribe me", "stop"), ("Bitte keine weiteren E-Mails", "stop"), ("Je veux me désabonner", "stop"),
     ("Quiero darme de baja", "stop"), ("Voglio disiscrivermi", "stop"), ("Graag afmelden", "stop"), ("don't write to me again", "stop"),
     ("Thank you!", "reply"), ("My payment stopped working", "reply"), ("Wann geht es weiter?", "reply")],
)  # fmt: skip
def test_a_wish_to_stop_is_marked_for_a_person(text, kind):
    (found,) = read(mail(text))
    assert found.kind == kind


@pytest.mark.parametrize(
    "quoted",
    ["> Stop these messages", "On Tue, 31 Mar 2026 at 10:00, Lumen <care@lumen.example> wrote:\n> Stop these messages",
     "Am 31.03.2026 um 10:00 schrieb Lumen:\n\nStop these messages", "-----Original Message-----\nStop these messages",
     "Le mar. 31 mars 2026 à 10:00, Lumen a écrit :\nStop these messages"],
)  # fmt: skip
def test_what_we_wrote_ourselves_is_not_taken_for_their_wish(quoted):
    (found,) = read(mail(f"All is well.\n\n{quoted}\n"))
    assert (found.text, found.kind) == ("All is well.", "reply")


def test_html_alone_is_read_as_text():
    (found,) = read(mail("<p>All <b>is</b> well &amp; good</p>", Content_Type="text/html"))
    assert found.text.split() == ["All", "is", "well", "&", "good"]


@pytest.mark.parametrize("charset", ["x-unheard-of", "utf-16", "ascii"])
def test_any_charset_is_read_somehow(charset):
    (found,) = read(mail("Danke schön", Content_Type=f"text/plain; charset={charset}"))
    assert found.text


def test_a_complaint_that_comes_by_mail_is_an_event():
    report = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nspam\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{KEY}@lumen.example>\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n",
        Content_Type='multipart/report; report-type=feedback-report; boundary="b"', MIME_Version="1.0",
    )  # fmt: skip
    (found,) = read(report)
    assert isinstance(found, Event)
    assert (found.kind, found.message_key) == (Kind.COMPLAINED, KEY)


def form(**fields):
    parts = "".join(f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    return f"{parts}--xx--\r\n".encode(), "multipart/form-data; boundary=xx"


def test_a_posted_mail_is_read_raw_or_in_parts():
    raw = read_posted(*form(email=mail("It works.").decode()))
    parts = read_posted(*form(headers=f"From: Ann <ann@example.org>\r\nMessage-ID: <1@example.org>\r\n"
                                      f"Content-Type: multipart/alternative; boundary=zz\r\nIn-Reply-To: <{KEY}@lumen.example>",
                              text="It works, schön.", html="<p>no</p>"))  # fmt: skip

    assert (raw[0].keys, raw[0].text) == ((KEY,), "It works.")
    assert (parts[0].keys, parts[0].text, parts[0].source_id) == ((KEY,), "It works, schön.", raw[0].source_id)


def test_what_is_no_mail_says_so():
    with pytest.raises(NotReadableError, match="not an e-mail"):
        read(b"")
    with pytest.raises(NotReadableError, match="a multipart form was expected, got 'text/plain'"):
        read_posted(b"x", "text/plain")
    with pytest.raises(NotReadableError, match="headers were expected, got the fields spam"):
        read_posted(*form(spam="1"))
