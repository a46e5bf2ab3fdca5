"""The frame around a playbook's words, in each language we speak: greeting, headings, how to check, ask and stop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """What every message says in one language; {company}, {check_page}, {phone}, {check_code} are put in."""

    hello: str
    what_happened: str
    what_we_did: str
    what_you_do: str
    genuine: str
    check_on_site: str
    check_or_call: str
    person: str
    reply: str
    or_call: str
    stop: str
    why: str
    stop_link: str
    why_link: str
    one_click: str
    do_it: str
    call_me: str
    wrong: str
    solved: str
    not_mine: str
    survey: str
    survey_link: str


FRAMES = {
    "en": Frame(
        hello="Hello", what_happened="What happened", what_we_did="What we did", what_you_do="What you need to do",
        genuine="Is this really from us?",
        check_on_site="The code of this message is {check_code}. To check it, type {check_page} into your browser "
                      "yourself and enter it there. We never ask for a password or a payment by e-mail.",
        check_or_call="The code of this message is {check_code}. To check it, type {check_page} into your browser "
                      "yourself and enter it there, or call {phone} and tell us the code. We never ask for a password or a payment by e-mail.",
        person="Talk to a person", reply="Just answer this message: a person will read it.",
        or_call="You can also call {phone}.", stop="Stop these messages",
        why="You get this service message because you are a customer of {company}.",
        stop_link="Stop messages of this kind",
        why_link="Why did I get this?",
        one_click="One click is enough",
        do_it="Please do it for me",
        call_me="Please call me",
        wrong="This was wrong",
        solved="It is solved already",
        not_mine="This is not my problem",
        survey="How was it for you?",
        survey_link="Tell us in one minute",
    ),
    "de": Frame(
        hello="Guten Tag", what_happened="Was passiert ist", what_we_did="Was wir getan haben",
        what_you_do="Was Sie tun müssen", genuine="Ist das wirklich von uns?",
        check_on_site="Der Code dieser Nachricht lautet {check_code}. Zum Prüfen geben Sie {check_page} selbst in Ihren "
                      "Browser ein und dort den Code. Wir fragen nie per E-Mail nach Passwörtern oder Zahlungen.",
        check_or_call="Der Code dieser Nachricht lautet {check_code}. Zum Prüfen geben Sie {check_page} selbst in Ihren "
                      "Browser ein und dort den Code, oder rufen {phone} an und nennen ihn uns. Wir fragen nie per E-Mail nach Passwörtern oder "
                      "Zahlungen.",
        person="Mit einem Menschen sprechen", reply="Antworten Sie einfach auf diese Nachricht: Ein Mensch liest sie.",
        or_call="Oder rufen Sie {phone} an.", stop="Diese Nachrichten beenden",
        why="Sie erhalten diese Servicenachricht, weil Sie Kundin oder Kunde von {company} sind.",
        stop_link="Nachrichten dieser Art beenden",
        why_link="Warum bekomme ich das?",
        one_click="Ein Klick genügt",
        do_it="Bitte erledigen Sie das für mich",
        call_me="Bitte rufen Sie mich an",
        wrong="Das war falsch",
        solved="Es ist schon gelöst",
        not_mine="Das betrifft mich nicht",
        survey="Wie war das für Sie?",
        survey_link="Sagen Sie es uns in einer Minute",
    ),
    "fr": Frame(
        hello="Bonjour", what_happened="Ce qui s’est passé", what_we_did="Ce que nous avons fait",
        what_you_do="Ce que vous devez faire", genuine="Ce message vient-il vraiment de nous ?",
        check_on_site="Le code de ce message est {check_code}. Pour le vérifier, saisissez vous-même {check_page} dans "
                      "votre navigateur, puis le code. Nous ne demandons jamais de mot de passe ni de paiement par "
                      "e-mail.",
        check_or_call="Le code de ce message est {check_code}. Pour le vérifier, saisissez vous-même {check_page} dans "
                      "votre navigateur, puis le code, ou appelez le {phone} et donnez-le-nous. Nous ne demandons jamais de mot de passe "
                      "ni de paiement par e-mail.",
        person="Parler à quelqu’un", reply="Répondez simplement à ce message : une personne le lira.",
        or_call="Vous pouvez aussi appeler le {phone}.", stop="Ne plus recevoir ces messages",
        why="Vous recevez ce message de service parce que vous êtes client de {company}.",
        stop_link="Ne plus recevoir ce type de messages",
        why_link="Pourquoi ce message ?",
        one_click="Un clic suffit",
        do_it="Faites-le pour moi",
        call_me="Appelez-moi",
        wrong="C’était une erreur",
        solved="C’est déjà réglé",
        not_mine="Cela ne me concerne pas",
        survey="Comment cela s’est-il passé ?",
        survey_link="Dites-le-nous en une minute",
    ),
    "es": Frame(
        hello="Hola", what_happened="Qué ha pasado", what_we_did="Qué hemos hecho", what_you_do="Qué tiene que hacer",
        genuine="¿Es realmente nuestro este mensaje?",
        check_on_site="El código de este mensaje es {check_code}. Para comprobarlo, escriba usted mismo {check_page} en su "
                      "navegador y allí el código. Nunca pedimos contraseñas ni pagos por correo electrónico.",
        check_or_call="El código de este mensaje es {check_code}. Para comprobarlo, escriba usted mismo {check_page} en su "
                      "navegador y allí el código, o llame al {phone} y díganoslo. Nunca pedimos contraseñas ni pagos por correo "
                      "electrónico.",
        person="Hablar con una persona", reply="Responda a este mensaje: lo leerá una persona.",
        or_call="También puede llamar al {phone}.", stop="Dejar de recibir estos mensajes",
        why="Recibe este mensaje de servicio porque es cliente de {company}.",
        stop_link="Dejar de recibir mensajes de este tipo",
        why_link="¿Por qué recibo esto?",
        one_click="Basta un clic",
        do_it="Háganlo por mí",
        call_me="Llámenme",
        wrong="Esto estuvo mal",
        solved="Ya está resuelto",
        not_mine="Esto no me afecta",
        survey="¿Qué le ha parecido?",
        survey_link="Cuéntenoslo en un minuto",
    ),
    "it": Frame(
        hello="Buongiorno", what_happened="Che cosa è successo", what_we_did="Che cosa abbiamo fatto",
        what_you_do="Che cosa deve fare", genuine="Il messaggio è davvero nostro?",
        check_on_site="Il codice di questo messaggio è {check_code}. Per verificarlo, digiti {check_page} nel suo browser "
                      "e lì il codice. Non chiediamo mai password o pagamenti via e-mail.",
        check_or_call="Il codice di questo messaggio è {check_code}. Per verificarlo, digiti {check_page} nel suo browser "
                      "e lì il codice, oppure chiami il {phone} e ce lo dica. Non chiediamo mai password o pagamenti via e-mail.",
        person="Parlare con una persona", reply="Risponda a questo messaggio: lo leggerà una persona.",
        or_call="Può anche chiamare il {phone}.", stop="Non ricevere più questi messaggi",
        why="Riceve questo messaggio di servizio perché è cliente di {company}.",
        stop_link="Non ricevere più messaggi di questo tipo",
        why_link="Perché ricevo questo messaggio?",
        one_click="Basta un clic",
        do_it="Fatelo voi per me",
        call_me="Chiamatemi",
        wrong="C’è stato un errore",
        solved="È già risolto",
        not_mine="Non mi riguarda",
        survey="Come è andata?",
        survey_link="Ce lo dica in un minuto",
    ),
    "nl": Frame(
        hello="Hallo", what_happened="Wat er is gebeurd", what_we_did="Wat wij hebben gedaan",
        what_you_do="Wat u moet doen", genuine="Komt dit echt van ons?",
        check_on_site="De code van dit bericht is {check_code}. Typ zelf {check_page} in uw browser om het na te gaan "
                      "en vul daar de code in. Wij vragen nooit per e-mail om een wachtwoord of een betaling.",
        check_or_call="De code van dit bericht is {check_code}. Typ zelf {check_page} in uw browser om het na te gaan "
                      "en vul daar de code in, of bel {phone} en noem ons de code. Wij vragen nooit per e-mail om een wachtwoord of een betaling.",
        person="Met een mens praten", reply="Antwoord gewoon op dit bericht: een mens leest het.",
        or_call="U kunt ook bellen: {phone}.", stop="Deze berichten stoppen",
        why="U krijgt dit servicebericht omdat u klant bent van {company}.",
        stop_link="Berichten van deze soort stoppen",
        why_link="Waarom krijg ik dit?",
        one_click="Eén klik is genoeg",
        do_it="Doe het voor mij",
        call_me="Bel mij",
        wrong="Dit klopte niet",
        solved="Het is al opgelost",
        not_mine="Dit gaat niet over mij",
        survey="Hoe was het voor u?",
        survey_link="Vertel het ons in een minuut",
    ),
}  # fmt: skip


def base_language(tag: str | None) -> str | None:
    """Return the language of a tag: `de` for `de-AT`, `DE` or `de_CH`."""
    return tag.replace("_", "-").partition("-")[0].strip().lower() or None if tag else None
