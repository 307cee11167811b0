"""Use-cases of search (目录检索): full text over names, abstracts and items with facets, for whoever may see the entry.

What was typed is recorded nowhere: somebody may type an ID number.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import yaml
from sqlalchemy import Connection

from catalog.stores import departments
from catalog.stores import entry_words as store
from catalog.stores.entries import State
from catalog.stores.entry_words import FACETS, Found, Hit, Wanted
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.entries import STATE_NAMES
from exchange.hub import Hub
from exchange.scope import reach_of
from exchange.search_words import make_missing, question_of
from schemas.codes import code_set

FACET_TITLES = {
    "category": "信息资源分类",
    "provider": "提供部门",
    "share": "共享类型",
    "cycle": "更新周期",
    "region": "行政区划",
}
PAGE = 20
_AROUND = 40
_ITEMS = 8
_SUGGESTED = 8
#: Near results that are ranked: any pair of characters is in half of the directory.
_NEAR = 1000
#: Entries whose words are made while somebody waits; a hub that has just got this table needs several searches.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks: words, one value of each facet, the page."""

    q: str = ""
    category: str = ""
    provider: str = ""
    share: str = ""
    cycle: str = ""
    region: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text, marked where it is what was asked for."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class HitView:
    """One entry found, with what was asked for marked in its name, abstract and items."""

    dataset: str
    title: Sequence[Part]
    abstract: Sequence[Part]
    items: Sequence[Sequence[Part]]
    provider_name: str
    share: str
    cycle: str
    code: str | None
    state: int
    state_name: str


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet and how many of the results have it."""

    value: str
    title: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """One facet with its values, most frequent first."""

    name: str
    title: str
    values: Sequence[FacetValue]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of results; `near` says that nothing had all of the words and these have some."""

    q: str
    hits: Sequence[HitView]
    total: int
    page: int
    pages: int
    near: bool
    facets: Sequence[Facet]


@use_case("search.find")
def find(hub: Hub, actor: Actor, asked: Asked) -> SearchPage:
    """Searches the directory; without words it is browsed by facets."""
    question = question_of(asked.q)
    page = max(1, min(asked.page, 500))
    with hub.transaction() as connection:
        make_missing(connection, _AT_ONCE)
        wanted = _wanted(connection, actor, asked, page)
        found = store.search(connection, replace(wanted, query=question.strict, words=question.marks))
        marks, near = question.marks, False
        for weaker in () if found.total else question.near:
            near, marks = True, question.pairs
            found = store.search(connection, replace(wanted, query=weaker, words=marks, most=_NEAR))
            if found.total:
                break
        record(connection, hub, actor, "search.find", None, row_count=found.total)
        names = {each.code: each.name for each in departments.list_all(connection)}
    return SearchPage(
        q=asked.q,
        hits=[_hit_view(hit, marks) for hit in found.hits],
        total=found.total,
        page=page,
        pages=max(1, -(-found.total // PAGE)),
        near=near and found.total > 0,
        facets=_facets(found, asked, names),
    )


@use_case("search.suggest")
def suggest(hub: Hub, actor: Actor, q: str) -> list[str]:
    """Suggests names of entries for what is being typed, from the first character on."""
    question = question_of(q)
    with hub.transaction() as connection:
        wanted = _wanted(connection, actor, Asked(q), 1)
        asked = replace(wanted, query=question.strict, words=question.marks, limit=_SUGGESTED)
        found = store.search(connection, asked) if question.strict else Found([], 0)
        record(connection, hub, actor, "search.suggest", None, row_count=len(found.hits))
    return list(dict.fromkeys(hit.title for hit in found.hits))


def _wanted(connection: Connection, actor: Actor, asked: Asked, page: int) -> Wanted:
    codes = reach_of(connection, actor).codes
    facets = {name: value for name in FACETS if (value := getattr(asked, name))}
    mine = None if codes is None else sorted(codes)
    return Wanted(None, (), facets, mine, PAGE, (page - 1) * PAGE)


def _hit_view(hit: Hit, marks: Sequence[str]) -> HitView:
    facts = hit.facets
    items = [title for title in str(facts.get("items", "")).split("、") if title]
    pattern = _pattern(marks)
    meant = [title for title in items if pattern and pattern.search(title)] or items
    return HitView(
        dataset=hit.dataset,
        title=marked(hit.title, marks),
        abstract=marked(_excerpt(str(facts.get("abstract", "")), marks), marks),
        items=[marked(title, marks) for title in meant[:_ITEMS]],
        provider_name=str(facts.get("provider_name", "")),
        share=_name("share", str(facts.get("share")), {}),
        cycle=_name("cycle", str(facts.get("cycle")), {}),
        code=hit.code,
        state=hit.state,
        state_name=STATE_NAMES[State(hit.state)],
    )


def _pattern(marks: Sequence[str]) -> re.Pattern[str] | None:
    words = sorted((word for word in marks if word), key=len, reverse=True)
    return re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE) if words else None


def marked(text: str, marks: Sequence[str]) -> list[Part]:
    """Cuts a text into parts, those marked that were asked for."""
    pattern = _pattern(marks)
    if pattern is None:
        return [Part(text, False)]
    parts, end = [], 0
    for match in pattern.finditer(text):
        if match.start() > end:
            parts.append(Part(text[end : match.start()], False))
        parts.append(Part(match.group(), True))
        end = match.end()
    return [*parts, Part(text[end:], False)] if end < len(text) else parts


def _excerpt(text: str, marks: Sequence[str]) -> str:
    """Returns the stretch of a text around the first word that was asked for."""
    pattern = _pattern(marks)
    match = pattern.search(text) if pattern else None
    start = max(0, match.start() - _AROUND) if match else 0
    end = start + 4 * _AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _facets(found: Found, asked: Asked, departments_: Mapping[str, str]) -> list[Facet]:
    facets = []
    for name in FACETS:
        chosen = getattr(asked, name)
        counted = sorted(found.counts.get(name, {}).items(), key=lambda pair: (-pair[1], pair[0]))
        values = [FacetValue(v, _name(name, v, departments_), count, v == chosen) for v, count in counted]
        if chosen and not any(each.chosen for each in values):
            values.append(FacetValue(chosen, _name(name, chosen, departments_), 0, True))
        facets.append(Facet(name, FACET_TITLES[name], values))
    return facets


def _name(facet: str, value: str, departments_: Mapping[str, str]) -> str:
    if facet == "provider":
        return departments_.get(value, value)
    if facet == "category":
        return _class_names().get(value, value)
    sets = {"share": "share_type", "cycle": "update_cycle", "region": "gbt2260_any"}
    return code_set(sets[facet]).codes.get(value, value)


@cache
def _class_names() -> Mapping[str, str]:
    raw = yaml.safe_load(resources.files("schemas.forms").joinpath("classes.yaml").read_text("utf-8"))
    return {str(code): str(name) for code, name in raw.items()}
