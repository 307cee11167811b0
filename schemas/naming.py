"""What a column most likely is: name, title, kind and level of a data item, from comment, short name or standard.

Pure: knows words, no data. What it does not know it leaves unnamed; nothing is guessed into the directory.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

from pypinyin import Style, lazy_pinyin

from schemas.yaml_text import read_yaml

_CHINESE = re.compile("[一-鿿]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: A comment goes on after its first noun: `性别（1男2女）`, `状态:0正常`, `姓名，必填`.
_AFTER = re.compile(r"[\s:：,，;；。(（\[【/|\-—=].*$", re.DOTALL)
_LONGEST_TITLE = 64
#: Items whose title may stand at the end of a longer one, which then says whose it is.
_TAILS = frozenset({"citizen_id", "uscc", "name", "mobile", "telephone", "address", "region_code"})


@dataclass(frozen=True, slots=True)
class Term:
    """A known data item; `letter` is None where the column's own type decides."""

    name: str
    title: str
    kind: str
    letter: str | None = None
    code_set: str | None = None
    level: int = 2
    identifying: bool = False
    role: str | None = None
    open_end: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is proposed for a column. Without a title the column is unknown and stays out until somebody names it.

    `by` says what it rests on: the comment, a standard's name or short name, or nothing.
    """

    name: str
    title: str
    term: Term | None
    by: Literal["comment", "standard", "ending", "nothing"]


@dataclass(frozen=True, slots=True)
class _Book:
    titles: Mapping[str, Term]
    shorts: Mapping[str, Term]
    endings: Mapping[str, Term]
    tails: tuple[tuple[str, Term], ...]
    prefixes: tuple[str, ...]
    steering: frozenset[str]


def suggest(column: str, comment: str = "") -> Suggestion:
    """Proposes name, title and kind of a column."""
    title = title_of(comment) or title_of(column if _CHINESE.search(column) else "")
    known = term_of(title) if title else None
    if known is not None:
        return Suggestion(known.name, known.title, known, "comment")
    if title and (compound := _compound(title)) is not None:
        return Suggestion(name_of(column, compound.title), compound.title, compound, "comment")
    short = _short(column)
    by_short = _book().shorts.get(short)
    if title:
        # A comment that is no known title still says more than a short name that may mean several things.
        return Suggestion(name_of(column, title), title, _ending(short, title), "comment")
    if by_short is not None:
        return Suggestion(by_short.name, by_short.title, by_short, "standard")
    ending = _ending(short, "")
    return Suggestion(name_of(column, ""), "", ending, "ending" if ending else "nothing")


def title_of(comment: str) -> str:
    """Returns the noun with which a comment begins; empty where there is no Chinese in it."""
    text = unicodedata.normalize("NFKC", comment or "").strip().strip("\"'`“”")
    text = _AFTER.sub("", text).strip("*·. 、")
    return text[:_LONGEST_TITLE] if _CHINESE.search(text) else ""


def term_of(title: str) -> Term | None:
    """Finds the known item of a title or one of its synonyms."""
    return _book().titles.get(_folded(title))


def name_of(column: str, title: str) -> str:
    """Makes the name of an item: the column's own where it fits, else the pinyin of the title."""
    own = re.sub(r"[^a-z0-9_]+", "_", column.lower()).strip("_")
    if _NAME.fullmatch(own) and not _CHINESE.search(column):
        return own
    spelled = re.sub(r"[^a-z0-9]+", "_", "_".join(lazy_pinyin(title or column)).lower()).strip("_")[:50].strip("_")
    return spelled if _NAME.fullmatch(spelled) else f"item_{spelled}"[:60] if spelled else "item"


def initials(title: str) -> str:
    """Returns the pinyin initials of a title: 出生日期 → CSRQ."""
    return "".join(lazy_pinyin(title, style=Style.FIRST_LETTER)).upper()


def steers(column: str) -> bool:
    """Says whether a column belongs to a front-end exchange table's own bookkeeping."""
    return column.upper() in _book().steering


def _compound(title: str) -> Term | None:
    """Reads a title whose end is known: 申请人身份证号 is the citizen ID number of the 申请人."""  # glossary: as typed
    for word, term in _book().tails:
        front = title.removesuffix(word).rstrip("的")
        if front and title.endswith(word):
            whole = f"{front}{term.title}"[:_LONGEST_TITLE]
            return replace(term, name="", title=whole, role=front[:20] if term.role else None)
    return None


def _short(column: str) -> str:
    text = unicodedata.normalize("NFKC", column).strip().upper()
    if text in _book().shorts:
        return text
    for prefix in _book().prefixes:
        if text.startswith(prefix) and len(text) > len(prefix) + 1:
            text = text.removeprefix(prefix)
            break
    return text if text in _book().shorts else text.replace("_", "")


def _ending(short: str, title: str) -> Term | None:
    for each, term in _book().endings.items():
        if (title.endswith(term.title)) or (not title and len(short) > len(each) and short.endswith(each)):
            return term
    return None


def _folded(title: str) -> str:
    return re.sub(r"[\s的·]", "", unicodedata.normalize("NFKC", title)).upper()


@cache
def _book() -> _Book:
    raw: dict[str, Any] = read_yaml(resources.files("schemas").joinpath("naming.yaml").read_text("utf-8"))
    titles: dict[str, Term] = {}
    shorts: dict[str, Term] = {}
    derived: dict[str, Term] = {}
    for facts in raw["terms"]:
        term = _term(facts)
        for title in (term.title, *facts.get("also", [])):
            titles.setdefault(_folded(title), term)
            derived.setdefault(initials(title), term)
        for short in (*facts.get("short", []), term.name.upper()):
            shorts.setdefault(short, term)
    # A short name that a standard gives goes before one that only follows from the spelling.
    shorts = {short: term for short, term in derived.items() if len(short) > 2} | shorts
    endings = {facts["short"]: _term({"name": "", "level": 2, **facts}) for facts in raw["endings"]}
    tails = sorted(
        ((word, term) for word, term in titles.items() if term.name in _TAILS), key=lambda each: -len(each[0])
    )
    return _Book(titles, shorts, endings, tuple(tails), tuple(raw["prefixes"]), frozenset(raw["steering"]))


def _term(facts: Mapping[str, Any]) -> Term:
    return Term(
        name=facts["name"],
        title=facts["title"],
        kind=facts["kind"],
        letter=facts.get("letter"),
        code_set=facts.get("set"),
        level=facts["level"],
        identifying=facts.get("identifying", False),
        role=facts.get("role"),
        open_end=facts.get("open_end", False),
    )
