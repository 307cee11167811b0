"""The words that users see: term, English, name in code, synonyms and wrong nouns, read from glossary.yaml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from schemas.yaml_text import read_yaml

#: Official titles are quoted as they are.
_TITLE = re.compile(r"《[^》]*》")


@dataclass(frozen=True, slots=True)
class Term:
    """One noun. `wrong` are nouns that no message may use for it; `synonyms` are allowed."""

    term: str
    english: str
    snake: str
    synonyms: tuple[str, ...]
    wrong: tuple[str, ...]


@cache
def terms() -> tuple[Term, ...]:
    """Lists all terms in the order of the file."""
    raw = read_yaml(resources.files("schemas").joinpath("glossary.yaml").read_text("utf-8"))
    return tuple(
        Term(entry["term"], entry["english"], entry["snake"], tuple(entry["synonyms"]), tuple(entry["wrong"]))
        for entry in raw
    )


@cache
def _by_snake() -> Mapping[str, str]:
    return {term.snake: term.term for term in terms()}


def word(snake: str) -> str:
    """Returns the Chinese word for a name in code, such as a state or a mode; raises KeyError."""
    return _by_snake()[snake]


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], Mapping[str, str]]:
    right = {word_ for term in terms() for word_ in (term.term, *term.synonyms)}
    wrong = {word_: term.term for term in terms() for word_ in term.wrong}
    return _any_of(right), _any_of(wrong), wrong


def _any_of(words: Mapping[str, str] | set[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word_) for word_ in sorted(words, key=len, reverse=True)))


def wrong_words(text: str) -> list[tuple[str, str]]:
    """Finds the wrong nouns in a text, each with the right one; official titles in 《》 are left out."""
    right, wrong, meant = _patterns()
    rest = right.sub("\0", _TITLE.sub("\0", text))
    return [(found.group(), meant[found.group()]) for found in wrong.finditer(rest)]
