"""Words of an entry and of a question (检索词): pairs of characters, whole Latin words, old and new terms as synonyms.

The embedded PostgreSQL has no Chinese parser: text is cut into pairs of characters here, on both sides alike.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from catalog.stores import entries
from catalog.stores import entry_words as store
from catalog.stores.entries import StoredEntry
from exchange.contracts import entry_from
from schemas.entry import Entry
from schemas.glossary import terms

_RUNS = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+|[a-z0-9]+")
_LATIN = re.compile(r"[a-z0-9]+")
_LONGEST_QUESTION = 100
_MOST_PIECES = 12
#: Item titles kept beside the words, for snippets; the words themselves hold all.
_ITEMS_SHOWN = 600


def folded(text: str) -> str:
    """Returns a text as it is compared: full-width letters as plain ones, small letters."""
    return unicodedata.normalize("NFKC", text).casefold()


def tokens(text: str) -> Iterator[str]:
    """Yields what a text is found by: each pair of characters, the last character of each run, each Latin word."""
    for run in _RUNS.findall(folded(text)):
        if _LATIN.fullmatch(run):
            yield run[:60]
            continue
        yield from (run[place : place + 2] for place in range(len(run) - 1))
        yield run[-1]


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the database and the page need it.

    `strict` asks for every piece (None: nothing to look for); `near` are weaker questions, tried in turn: three
    characters in a row, any pair. `marks` are the words to mark, `pairs` those to mark in near results.
    """

    strict: str | None
    near: tuple[str, ...]
    marks: tuple[str, ...]
    pairs: tuple[str, ...] = ()


def question_of(text: str) -> Question:
    """Reads what a person typed: pieces by blanks, marks and known terms; a known term stands for its synonyms too."""
    alternatives = [_alternatives(piece) for piece in _pieces(folded(text[:_LONGEST_QUESTION]))][:_MOST_PIECES]
    if not alternatives:
        return Question(None, (), ())
    strict = " & ".join("(" + " | ".join(_all_of(each) for each in group) + ")" for group in alternatives)
    words = dict.fromkeys(word for group in alternatives for word in group)
    lists = [_query_tokens(word) for word in words]
    pairs = dict.fromkeys(pair for each in lists for pair in each)
    rows = dict.fromkeys(f"({a} & {b})" for each in lists for a, b in pairwise(each))
    near = tuple(" | ".join(each) for each in (rows, pairs) if each)
    return Question(strict, near, tuple(words), tuple(pair.strip("':*") for pair in pairs))


def _pieces(text: str) -> Iterator[str]:
    for run in _RUNS.findall(text):
        yield from (piece for piece in _known().split(run) if piece)


def _alternatives(piece: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((piece, *_synonyms().get(piece, ()))))


def _all_of(word: str) -> str:
    return "(" + " & ".join(_query_tokens(word)) + ")"


def _query_tokens(word: str) -> list[str]:
    """Returns the lexemes of a word: a single character and a Latin word also find what begins with them."""
    found: list[str] = []
    for run in _RUNS.findall(word):
        if len(run) == 1 or _LATIN.fullmatch(run):
            found.append(f"'{run}':*")
        else:
            found += [f"'{run[place : place + 2]}'" for place in range(len(run) - 1)]
    return list(dict.fromkeys(found))


@cache
def _synonyms() -> Mapping[str, tuple[str, ...]]:
    """Maps every noun of the glossary, old, new or wrong, to the others of its meaning."""
    found: dict[str, tuple[str, ...]] = {}
    for term in terms():
        group = tuple(folded(word) for word in (term.term, *term.synonyms, *term.wrong))
        for word in group:
            found[word] = tuple(dict.fromkeys((*found.get(word, ()), *(each for each in group if each != word))))
    return found


@cache
def _known() -> re.Pattern[str]:
    words = sorted((word for word in _synonyms() if _RUNS.fullmatch(word)), key=len, reverse=True)
    return re.compile("(" + "|".join(re.escape(word) for word in words if len(word) > 1) + ")")


def refresh_words(connection: Connection, dataset: str) -> None:
    """Brings the words of an entry up to date: of the version in force, or else of its newest draft."""
    stored = entries.find(connection, dataset)
    if stored is None:
        return
    number = stored.published_version
    version = (
        entries.find_version(connection, dataset, number) if number else entries.latest_version(connection, dataset)
    )
    if version is None:
        return
    entry = entry_from(version.contract, f"{dataset} v{version.number}")
    store.save(connection, dataset, list(tokens(_text(stored, entry))), _facets(stored, entry))


def make_missing(connection: Connection, limit: int) -> int:
    """Makes the words of entries that have none yet; returns of how many."""
    found = store.missing(connection, limit)
    for dataset in found:
        refresh_words(connection, dataset)
    return len(found)


def _text(stored: StoredEntry, entry: Entry) -> str:
    facts = entry.metadata
    parts = [entry.title, str(facts.get("abstract") or ""), entry.provider_name, entry.dataset, stored.code or ""]
    parts += [str(tag) for tag in facts.get("tags") or ()]
    parts += [str(facts.get("source_system") or "")]
    parts += [text for item in entry.items for text in (item.title, item.name)]
    return "\n".join(parts)


def _facets(stored: StoredEntry, entry: Entry) -> dict[str, Any]:
    classes = entry.metadata.get("classification") or ()
    paths = [classes] if isinstance(classes, str) else list(classes)
    region = str(entry.metadata.get("region_code") or "")
    return {
        "category": paths[0][:3] if paths else None,
        "provider": entry.provider_code,
        "provider_name": entry.provider_name,
        "share": str(entry.share_type),
        "cycle": entry.update_cycle,
        "region": region[:6] or None,
        "system": entry.metadata.get("source_system"),
        "abstract": str(entry.metadata.get("abstract") or "")[:1000],
        "items": "、".join(item.title for item in entry.items)[:_ITEMS_SHOWN],
    }
