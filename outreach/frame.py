"""The frame around a playbook's words, in each language we speak: greeting, headings, how to check, ask and stop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """What every message says in one language; {company}, {website}, {phone}, {check_code} are put in."""

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


FRAMES = {
    "en": Frame(
        hello="Hello", what_happened="What happened", what_we_did="What we did", what_you_do="What you need to do",
        genuine="Is this really from us?",
        check_on_site="The code of this message is {check_code}. To check it, type {website} into your browser yourself "
                      "and ask us there. We never ask for a password or a payment by e-mail.",
        check_or_call="The code of this message is {check_code}. To check it, type {website} into your browser yourself "
                      "or call {phone}, and give us the code. We never ask for a password or a payment by e-mail.",
        person="Talk to a person", reply="Just answer this message: a person will read it.",
        or_call="You can also call {phone}.", stop="Stop these messages",
        why="You get this service message because you are a customer of {company}.",
        stop_link="Stop messages of this kind",
    ),
    "de": Frame(
        hello="Guten Tag", what_happened="Was passiert ist", what_we_did="Was wir getan haben",
        what_you_do="Was Sie tun müssen", genuine="Ist das wirklich von uns?",
        check_on_site="Der Code dieser Nachricht lautet {check_code}. Zum Prüfen geben Sie {website} selbst in Ihren Browser "
                      "ein und fragen uns dort. Wir fragen nie per E-Mail nach Passwörtern oder Zahlungen.",
        check_or_call="Der Code dieser Nachricht lautet {check_code}. Zum Prüfen geben Sie {website} selbst in Ihren Browser "
                      "ein oder rufen {phone} an und nennen uns den Code. Wir fragen nie per E-Mail nach Passwörtern oder "
                      "Zahlungen.",
        person="Mit einem Menschen sprechen", reply="Antworten Sie einfach auf diese Nachricht: Ein Mensch liest sie.",
        or_call="Oder rufen Sie {phone} an.", stop="Diese Nachrichten beenden",
        why="Sie erhalten diese Servicenachricht, weil Sie Kundin oder Kunde von {company} sind.",
        stop_link="Nachrichten dieser Art beenden",
    ),
    "fr": Frame(
        hello="Bonjour", what_happened="Ce qui s’est passé", what_we_did="Ce que nous avons fait",
        what_you_do="Ce que vous devez faire", genuine="Ce message vient-il vraiment de nous ?",
        check_on_site="Le code de ce message est {check_code}. Pour le vérifier, saisissez vous-même {website} dans votre "
                      "navigateur et posez-nous la question. Nous ne demandons jamais de mot de passe ni de paiement par "
                      "e-mail.",
        check_or_call="Le code de ce message est {check_code}. Pour le vérifier, saisissez vous-même {website} dans votre "
                      "navigateur ou appelez le {phone}, et donnez-nous le code. Nous ne demandons jamais de mot de passe "
                      "ni de paiement par e-mail.",
        person="Parler à quelqu’un", reply="Répondez simplement à ce message : une personne le lira.",
        or_call="Vous pouvez aussi appeler le {phone}.", stop="Ne plus recevoir ces messages",
        why="Vous recevez ce message de service parce que vous êtes client de {company}.",
        stop_link="Ne plus recevoir ce type de messages",
    ),
    "es": Frame(
        hello="Hola", what_happened="Qué ha pasado", what_we_did="Qué hemos hecho", what_you_do="Qué tiene que hacer",
        genuine="¿Es realmente nuestro este mensaje?",
        check_on_site="El código de este mensaje es {check_code}. Para comprobarlo, escriba usted mismo {website} en su "
                      "navegador y pregúntenos allí. Nunca pedimos contraseñas ni pagos por correo electrónico.",
        check_or_call="El código de este mensaje es {check_code}. Para comprobarlo, escriba usted mismo {website} en su "
                      "navegador o llame al {phone} y díganos el código. Nunca pedimos contraseñas ni pagos por correo "
                      "electrónico.",
        person="Hablar con una persona", reply="Responda a este mensaje: lo leerá una persona.",
        or_call="También puede llamar al {phone}.", stop="Dejar de recibir estos mensajes",
        why="Recibe este mensaje de servicio porque es cliente de {company}.",
        stop_link="Dejar de recibir mensajes de este tipo",
    ),
    "it": Frame(
        hello="Buongiorno", what_happened="Che cosa è successo", what_we_did="Che cosa abbiamo fatto",
        what_you_do="Che cosa deve fare", genuine="Il messaggio è davvero nostro?",
        check_on_site="Il codice di questo messaggio è {check_code}. Per verificarlo, digiti {website} nel suo browser e "
                      "ce lo chieda lì. Non chiediamo mai password o pagamenti via e-mail.",
        check_or_call="Il codice di questo messaggio è {check_code}. Per verificarlo, digiti {website} nel suo browser "
                      "oppure chiami il {phone} e ci dica il codice. Non chiediamo mai password o pagamenti via e-mail.",
        person="Parlare con una persona", reply="Risponda a questo messaggio: lo leggerà una persona.",
        or_call="Può anche chiamare il {phone}.", stop="Non ricevere più questi messaggi",
        why="Riceve questo messaggio di servizio perché è cliente di {company}.",
        stop_link="Non ricevere più messaggi di questo tipo",
    ),
    "nl": Frame(
        hello="Hallo", what_happened="Wat er is gebeurd", what_we_did="Wat wij hebben gedaan",
        what_you_do="Wat u moet doen", genuine="Komt dit echt van ons?",
        check_on_site="De code van dit bericht is {check_code}. Typ zelf {website} in uw browser om het na te gaan en vraag "
                      "het ons daar. Wij vragen nooit per e-mail om een wachtwoord of een betaling.",
        check_or_call="De code van dit bericht is {check_code}. Typ zelf {website} in uw browser of bel {phone} om het na te "
                      "gaan, en geef ons de code. Wij vragen nooit per e-mail om een wachtwoord of een betaling.",
        person="Met een mens praten", reply="Antwoord gewoon op dit bericht: een mens leest het.",
        or_call="U kunt ook bellen: {phone}.", stop="Deze berichten stoppen",
        why="U krijgt dit servicebericht omdat u klant bent van {company}.",
        stop_link="Berichten van deze soort stoppen",
    ),
}  # fmt: skip


def base_language(tag: str | None) -> str | None:
    """Return the language of a tag: `de` for `de-AT`, `DE` or `de_CH`."""
    return tag.replace("_", "-").partition("-")[0].strip().lower() or None if tag else None
