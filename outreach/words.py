"""The little language of a playbook's words: text, `{{ field }}`, a default, and `{% if field is defined %}`.

Nothing else is understood, so a message is its words with values put in, whichever channel puts them in.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import ConfigError, unknown_name

FIELDS = {
    "first_name": "the customer's first name; not always known",
    "company": "the company's name",
    "website": "the company's website, without https://",
    "check_code": "the short code by which the customer can check that the message is ours",
}
MAY_BE_UNKNOWN = frozenset({"first_name"})
FILTERS = ("default",)
TESTS = ("defined", "undefined")
ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.If, nodes.Test,
           nodes.Not, nodes.And, nodes.Or)  # fmt: skip
SAMPLE = {"first_name": "Maximiliane", "company": "Company", "website": "company.example", "check_code": "0000-0000"}

LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)
MONEY = r"(?:[€$£¥₹₽₺]|\b(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|JPY|INR|CAD|AUD|euros?|dollars?|pounds?|cents?|francs?)\b)"
AMOUNT = re.compile(rf"{MONEY}\s*\d[\d.,']*|\d[\d.,'\s]*{MONEY}", re.IGNORECASE)

SALE = re.compile(
    r"\b(?:buy|purchase|discounts?|special offer|on sale|\d+ ?% off|upgrade (?:now|today|to)|order now|limited time|"
    r"kaufen|rabatte?|sonderangebote?|jetzt bestellen|schnäppchen|"
    r"acheter|achetez|remises?|promotions?|offre spéciale|comprar|compre|descuentos?|oferta especial|"
    r"acquist(?:a|are|i)|sconti?|offerta speciale|kopen|koop|korting|aanbieding(?:en)?)\b", re.IGNORECASE)  # fmt: skip

ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
ENVIRONMENT.filters = {name: ENVIRONMENT.filters[name] for name in FILTERS}
ENVIRONMENT.tests = {name: ENVIRONMENT.tests[name] for name in TESTS}
ENVIRONMENT.globals = {}


def check(where: str, source: str) -> None:
    """Raise ConfigError that names the place and the fix unless `source` can be rendered for every customer."""
    try:
        tree = ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{where}: {error.message}, got {source.splitlines()[error.lineno - 1].strip()!r}.") from error
    for node in _walk(tree):
        _check_node(where, node)
    for known in (SAMPLE, {name: value for name, value in SAMPLE.items() if name not in MAY_BE_UNKNOWN}):
        try:
            said = render(source, known)
        except UndefinedError as error:
            raise ConfigError(f"{where}: a customer may have no first_name, got {source.strip()!r}. "
                              "Write {{ first_name | default('there') }} or {% if first_name is defined %}.") from error
        if not said:
            raise ConfigError(f"{where}: it says nothing, got {source!r}. Write what the customer should read.")


def check_not_for_sale(where: str, source: str) -> None:
    """Raise ConfigError where a service message sells something: who is in trouble is not sold to, and trusts us less."""
    if found := SALE.search(source):
        raise ConfigError(f"{where}: a service message sells nothing, got {found.group()!r}. Leave it out; help first.")


def render(source: str, values: Mapping[str, str]) -> str:
    """Return the words with their values; a field without a value raises jinja2's UndefinedError."""
    return _template(source).render(values).strip()


def longest(source: str, company: str) -> str:
    """Return the words as a customer of `company` with a long first name would see them."""
    return render(source, SAMPLE | {"first_name": "M" * 16, "company": company})


@lru_cache(maxsize=1024)
def _template(source: str) -> Template:
    return ENVIRONMENT.from_string(source)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _check_node(where: str, node: nodes.Node) -> None:
    if not isinstance(node, ALLOWED):
        raise ConfigError(f"{where}: {type(node).__name__.lower()} is not understood in a message's words, line "
                          f"{node.lineno}. Known: {{{{ field }}}}, {{{{ field | default('...') }}}}, "
                          "{% if field is defined %} ... {% else %} ... {% endif %}.")
    if isinstance(node, nodes.Name) and node.name not in FIELDS:
        raise ConfigError(unknown_name(where, "field", node.name, FIELDS))
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise ConfigError(unknown_name(where, "filter", node.name, FILTERS))
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise ConfigError(unknown_name(where, "test", node.name, TESTS))
