"""Words of entries for full-text search: pairs of characters in a `tsvector` with a GIN index, facets beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT, insert

from catalog.stores.entries import State
from catalog.tables import entries
from catalog.tables_work import entry_words

#: Facets that results are counted and narrowed by.
FACETS = ("category", "provider", "share", "cycle", "region")
_GONE = (State.REVOKED, State.DELETED)
_VISIBLE = (State.PUBLISHED, State.REVOKE_PENDING, State.REVOKE_REJECTED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched: a `tsquery` (None: everything), whole words that rank titles, facets, whose entries.

    `departments` are those whose unpublished entries are seen; None means all. No more than `most` are looked at.
    """

    query: str | None
    words: Sequence[str]
    facets: Mapping[str, str]
    departments: Sequence[str] | None
    limit: int = 20
    offset: int = 0
    most: int = 100_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry found."""

    dataset: str
    title: str
    code: str | None
    state: int
    updated_at: datetime
    facets: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, how many there are in all, and how many by each value of each facet."""

    hits: Sequence[Hit]
    total: int
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def save(connection: Connection, dataset: str, words: Sequence[str], facets: Mapping[str, Any]) -> None:
    """Records the words of an entry."""
    vector = func.array_to_tsvector(cast(sorted(set(words)), ARRAY(TEXT)))
    statement = insert(entry_words).values(dataset=dataset, words=vector, facets=facets)
    changed = {"words": statement.excluded.words, "facets": statement.excluded.facets}
    connection.execute(statement.on_conflict_do_update(index_elements=["dataset"], set_=changed))


def missing(connection: Connection, limit: int) -> list[str]:
    """Lists entries that have no words; two counts say at once that there are none."""
    held, worded = select(func.count()).select_from(entries), select(func.count()).select_from(entry_words)
    if connection.execute(select(held.scalar_subquery() == worded.scalar_subquery())).scalar_one():
        return []
    query = select(entries.c.dataset).outerjoin(entry_words, entry_words.c.dataset == entries.c.dataset)
    return list(connection.execute(query.where(entry_words.c.dataset.is_(None)).limit(limit)).scalars())


def named_systems(connection: Connection) -> list[tuple[str, str]]:
    """Lists (dataset, name of the information system that its contract names)."""
    system = entry_words.c.facets["system"].astext
    rows = connection.execute(select(entry_words.c.dataset, system).where(system.is_not(None)))
    return [(dataset, name) for dataset, name in rows]


_MOST_RANKED = 24
_VALUES = {name: f"w.facets ->> '{name}'" for name in FACETS} | {"provider": "e.provider_code"}
_COLUMNS = ", ".join(f"{value} as {name}" for name, value in _VALUES.items())
# The hits carry short columns only: with the texts of ten thousand entries they would not fit into memory.
_HITS = f"""
select e.dataset, e.title, {_COLUMNS}
from hub.entries e join hub.entry_words w on w.dataset = e.dataset
where e.state <> all(:gone) and (cast(:codes as text[]) is null or e.state = any(:visible)
      or e.provider_code = any(cast(:codes as text[])))
"""
_SEARCH = """
with hits as materialized ({hits}),
page as (
  select dataset, title, {rank} as rank from hits order by rank desc, title, dataset limit :limit offset :offset),
counted as (
  select {names}, count(*) as entries from hits group by grouping sets ({sets}))
select (select count(*) from hits) as total,
  (select coalesce(jsonb_agg(jsonb_build_array({names}, entries)), '[]') from counted) as counts,
  (select coalesce(jsonb_agg(to_jsonb(found) order by place), '[]') from
    (select e.dataset, e.title, e.code, e.state, e.updated_at, w.facets,
       row_number() over (order by p.rank desc, p.title, p.dataset) as place
     from page p join hub.entries e using (dataset) join hub.entry_words w using (dataset)) found) as hits
"""


def search(connection: Connection, wanted: Wanted) -> Found:
    """Finds entries; reads words by the index only."""
    where, values = _HITS, _values(wanted)
    if wanted.query is not None:
        where += " and w.words @@ cast(:query as tsquery)"
    for name in wanted.facets:
        where += f" and {_VALUES[name]} = :facet_{name}"
    where += " limit :most"
    sets, names = ", ".join(f"({name})" for name in FACETS), ", ".join(FACETS)
    rank = _rank(len(wanted.words))
    statement = text(_SEARCH.format(hits=where, sets=sets, names=names, rank=rank))
    row = connection.execute(statement.columns(counts=JSONB, hits=JSONB), values).one()
    counts: dict[str, dict[str, int]] = {name: {} for name in FACETS}
    for *facets, entries_ in row.counts:
        for name, value in zip(FACETS, facets, strict=True):
            if value is not None:
                counts[name][value] = entries_
    return Found([_hit(each) for each in row.hits], row.total, counts)


def _rank(words: int) -> str:
    """Writes how names are ranked: one that is a word, begins with one, holds one; each word counts."""
    parts = [
        f"case when title = :word_{at} then 8 when starts_with(title, :word_{at}) then 2"
        f" when strpos(title, :word_{at}) > 0 then 1 else 0 end"
        for at in range(min(words, _MOST_RANKED))
    ]
    return " + ".join(parts) or "0"


def _values(wanted: Wanted) -> dict[str, Any]:
    unknown = set(wanted.facets) - set(FACETS)
    assert not unknown, unknown  # noqa: S101 - names of facets are ours, values are bound
    return {
        "gone": [int(state) for state in _GONE],
        "visible": [int(state) for state in _VISIBLE],
        "codes": None if wanted.departments is None else list(wanted.departments),
        "query": wanted.query,
        **{f"word_{at}": word for at, word in enumerate(wanted.words[:_MOST_RANKED])},
        "limit": wanted.limit,
        "offset": wanted.offset,
        "most": wanted.most,
        **{f"facet_{name}": value for name, value in wanted.facets.items()},
    }


def _hit(row: Mapping[str, Any]) -> Hit:
    moment = datetime.fromisoformat(row["updated_at"])
    return Hit(row["dataset"], row["title"], row["code"], row["state"], moment, row["facets"])
