"""Conditions and masks: the Arrow form and the SQL form say the same, whatever the value."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.duck import connect
from lake.layout import Layout
from lake.masked_sql import masked_sql
from lake.terms import grant_terms, term
from schemas.errors import InputError, StateError
from schemas.grants import COMPARISONS, Predicate, RowFilter
from schemas.masks import MASKS, mask_array
from tests.lake.people import PEOPLE, items_of, person

LAYOUT = Layout.of(PEOPLE)
COLUMNS = {column.name: column for column in LAYOUT.columns}
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=24) | st.text(
    "0123456789X-*@·张三路镇乡街道号'\\\n", max_size=24
)
quick = settings(max_examples=30, deadline=None)


@pytest.fixture(scope="module")
def engine():
    """One connection for the module."""
    connection = connect(256)
    yield connection
    connection.close()


@quick
@given(st.lists(st.none() | TEXTS, max_size=8))
def test_a_mask_in_sql_gives_what_arrow_gives(engine, values):
    """Every rule, over any texts."""
    engine.register("t", pa.table({"v": pa.array(values, pa.string())}))
    for rule in MASKS:
        found = engine.sql(f"SELECT {masked_sql(rule, 'v', pa.string())} AS m FROM t").to_arrow_table()["m"]
        assert found.to_pylist() == mask_array(rule, pa.array(values, pa.string())).to_pylist()


def test_a_mask_in_sql_of_other_types(engine):
    """Dates, moments, numbers, truth values and nulls."""
    table = pa.Table.from_batches([items_of(PEOPLE, [person(1), person(2, birth=None, updated=None, count=None)])])
    engine.register("p", table)
    for rule in MASKS:
        for name in ("birth", "updated", "count", "alive", "amount", "score", "ratio", "picture"):
            said = masked_sql(rule, name, table.schema.field(name).type)
            found = engine.sql(f'SELECT {said} AS m FROM p ORDER BY "region", citizen_id').to_arrow_table()["m"]
            assert found.to_pylist() == mask_array(rule, table[name].combine_chunks()).to_pylist(), (rule, name)


VALUES = {
    "region": ["620402", "6204", "x'y"], "birth": ["1990-03-07", "1990-03-08"], "count": ["1", "7"], "alive": ["true"],
    "amount": ["12.5", "12.50", "3"], "score": ["1.2345"], "updated": ["2026-01-02T03:04:05Z", "2026-01-02 11:04:05"],
    "ratio": ["0.5"], "memo": ["x"],
}  # fmt: skip


@quick
@given(st.data())
def test_a_condition_in_sql_keeps_what_arrow_keeps(engine, data):
    """Every comparison over every type, nulls included."""
    item = data.draw(st.sampled_from(sorted(VALUES)))
    comparison = data.draw(st.sampled_from(COMPARISONS))
    count = {"between": 2, "is null": 0, "in": data.draw(st.integers(1, 3))}.get(comparison, 1)
    values = data.draw(st.lists(st.sampled_from(VALUES[item]), min_size=count, max_size=count))
    made = term(COLUMNS[item], comparison, values)
    rows = [person(n, "620402" if n % 2 else "620403") for n in range(8)] + [dict.fromkeys(COLUMNS)]
    table = pa.Table.from_batches([items_of(PEOPLE, rows)])
    engine.register("c", table)
    found = engine.sql(f"SELECT coalesce({made.sql()}, FALSE) AS m FROM c").to_arrow_table()["m"].to_pylist()
    assert found == made.mask(table[item].combine_chunks()).to_pylist()


@pytest.mark.parametrize(
    ("item", "comparison", "values"),
    [
        ("birth", "=", ["yesterday"]), ("count", "<", ["1; DROP"]), ("amount", "=", ["1.005"]), ("picture", "=", ["x"]),
        ("count", "between", ["1"]), ("count", "in", []), ("count", "like", ["1"]), ("alive", "=", ["maybe"]),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(item, comparison, values):
    """What does not fit the item is refused without repeating it."""
    with pytest.raises(InputError) as caught:
        term(COLUMNS[item], comparison, values)
    assert not any(value in str(caught.value) for value in values if len(value) > 1)


@pytest.mark.parametrize(
    "rows",
    [
        RowFilter("nothing", ("62",)), RowFilter("region", ()), RowFilter(None, ("62",)), RowFilter("region", ("",)),
        RowFilter("count", ("1",)), RowFilter(predicates=(Predicate("nothing", "=", ("1",)),)),
        RowFilter(predicates=(Predicate("count", "=", ("x",)),)),
    ],
)  # fmt: skip
def test_a_row_filter_that_does_not_fit_gives_nothing(rows):
    """A filter that can't be applied closes the grant instead of opening every row."""
    with pytest.raises(StateError, match="GRANT_FILTER"):
        grant_terms(rows, LAYOUT)
