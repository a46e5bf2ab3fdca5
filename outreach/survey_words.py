"""The words of the survey that a random sample of both arms gets: the same for everybody, and nothing of any trouble."""

FRAMES = {
    "en": ("Your opinion of {{ company }}", "One question, one minute.", "We ask some of our customers, chosen by lot, for their opinion."),
    "de": ("Ihre Meinung zu {{ company }}", "Eine Frage, eine Minute.", "Wir fragen einige durch das Los bestimmte Kundinnen und Kunden nach ihrer Meinung."),
    "fr": ("Votre avis sur {{ company }}", "Une question, une minute.", "Nous demandons leur avis à quelques clients tirés au sort."),
    "es": ("Su opinión sobre {{ company }}", "Una pregunta, un minuto.", "Pedimos su opinión a algunos clientes elegidos al azar."),
    "it": ("La sua opinione su {{ company }}", "Una domanda, un minuto.", "Chiediamo un’opinione ad alcuni clienti scelti a sorte."),
    "nl": ("Uw mening over {{ company }}", "Eén vraag, één minuut.", "We vragen enkele door het lot gekozen klanten naar hun mening."),
}
QUESTIONS = {
    "csat": {
        "en": "How satisfied are you with {{ company }} at the moment?",
        "de": "Wie zufrieden sind Sie zurzeit mit {{ company }}?",
        "fr": "Êtes-vous satisfait de {{ company }} en ce moment ?",
        "es": "¿En qué medida está satisfecho con {{ company }} en este momento?",
        "it": "Quanto è soddisfatto di {{ company }} in questo momento?",
        "nl": "Hoe tevreden bent u op dit moment over {{ company }}?",
    },
    "ces": {
        "en": "How easy is it for you to get what you need from {{ company }}?",
        "de": "Wie leicht bekommen Sie bei {{ company }}, was Sie brauchen?",
        "fr": "Vous est-il facile d’obtenir de {{ company }} ce dont vous avez besoin ?",
        "es": "¿Hasta qué punto le resulta fácil conseguir lo que necesita de {{ company }}?",
        "it": "Quanto le è facile ottenere da {{ company }} ciò che le serve?",
        "nl": "Hoe gemakkelijk krijgt u bij {{ company }} wat u nodig hebt?",
    },
    "nps": {
        "en": "How likely are you to recommend {{ company }} to a friend?",
        "de": "Wie wahrscheinlich ist es, dass Sie {{ company }} weiterempfehlen?",
        "fr": "Quelle est la probabilité que vous recommandiez {{ company }} à un proche ?",
        "es": "¿Qué probabilidad hay de que recomiende {{ company }} a un amigo?",
        "it": "Quanto è probabile che consigli {{ company }} a un amico?",
        "nl": "Hoe waarschijnlijk is het dat u {{ company }} aanbeveelt aan een bekende?",
    },
}


def question(kind: str, language: str, company: str) -> str:
    """Return what is asked, in a language."""
    return QUESTIONS[kind][language].replace("{{ company }}", company)


def survey_words(kind: str) -> dict[str, dict[str, str]]:
    """Map each language to the parts of the letter; what we did and what one must do is nothing."""
    return {language: {"subject": subject, "preview": preview, "what_happened": f"{chosen}\n\n{QUESTIONS[kind][language]}",
                       "what_we_did": "", "what_you_do": ""}
            for language, (subject, preview, chosen) in FRAMES.items()}  # fmt: skip
