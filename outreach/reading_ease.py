"""Reading ease after Flesch, in each language's own version: about 100 is very easy, 60 plain, below 30 hard.

English: Flesch 1948. German: Amstad 1978. French: Kandel and Moles 1958. Spanish: Fernandez Huerta 1959. Italian: Franchina and
Vacca 1972. Dutch: Douma 1960. Syllables are the parts a word may be hyphenated into (pyphen), which is a little fewer than it has.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from pyphen import Pyphen

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE = re.compile(r"[.!?:]+(?=\s|$)")


@dataclass(frozen=True)
class Formula:
    """ease = start - per_word x words a sentence - per_syllable x syllables a word."""

    dictionary: str
    start: float
    per_word: float
    per_syllable: float


FORMULAS = {
    "en": Formula("en_US", 206.835, 1.015, 84.6),
    "de": Formula("de_DE", 180.0, 1.0, 58.5),
    "fr": Formula("fr", 207.0, 1.015, 73.6),
    "es": Formula("es", 206.84, 1.02, 60.0),
    "it": Formula("it_IT", 217.0, 1.3, 60.0),
    "nl": Formula("nl_NL", 206.84, 0.93, 77.0),
}


def reading_ease(text: str, language: str) -> float | None:
    """Return how easily `text` reads; None for a language without a formula, or a text without words."""
    formula, words = FORMULAS.get(language), WORD.findall(text)
    if formula is None or not words:
        return None
    sentences = max(1, len(SENTENCE.findall(text)))
    syllables = sum(_syllables(word, formula.dictionary) for word in words)
    return formula.start - formula.per_word * len(words) / sentences - formula.per_syllable * syllables / len(words)


def _syllables(word: str, dictionary: str) -> int:
    return len(_hyphens(dictionary).positions(word.lower())) + 1


@lru_cache(maxsize=8)
def _hyphens(dictionary: str) -> Pyphen:
    return Pyphen(lang=dictionary, left=1, right=1)
