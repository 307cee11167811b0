"""Rows at rest: keys, subjects, digest and seal, and the way back."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from lake.layout import Layout
from lake.rows import RowCoder, citizen_doc_types
from schemas.entry import Subject
from schemas.errors import ContractError, SealBroken, StateError
from schemas.identifiers import citizen_id
from tests.lake.people import (
    MARRIAGES,
    PEOPLE,
    RealKeys,
    append_only,
    coder_of,
    item,
    items_of,
    marriage,
    person,
)


def encode(entry, rows, **more):
    """Encodes rows of an entry."""
    return coder_of(entry).encode(items_of(entry, rows), pa.array(range(len(rows)), pa.int64()), **more)


def test_rows_come_back_exactly(coder):
    """Decoding an encoded batch gives every item back, nulls included."""
    rows = [person(1), person(2, memo="备注", picture=None), person(3, **dict.fromkeys(["name", "birth", "alive"]))]
    items = items_of(PEOPLE, rows)
    assert coder.decode(coder.encode(items, pa.array([1, 2, 3]))).equals(items)


def test_no_sealed_item_rests_in_plain(coder):
    """The batch at rest has no column of a sealed item, and no bytes of its values."""
    batch = encode(PEOPLE, [person(1, memo="秘密")])
    assert {"citizen_id", "name", "memo", "picture"}.isdisjoint(batch.schema.names)
    raw = b"".join(bytes(buffer) for column in batch.columns for buffer in column.buffers() if buffer)
    assert b"62040219900307" not in raw
    assert "测试".encode() not in raw
    assert "秘密".encode() not in raw


def test_a_seal_does_not_open_in_another_row(coder):
    """A sealed value moved to another row does not open."""
    batch = encode(PEOPLE, [person(1), person(2)])
    where = batch.schema.names.index("sealed")
    swapped = batch.set_column(where, "sealed", batch.column("sealed").take(pa.array([1, 0])))
    with pytest.raises(SealBroken):
        coder.decode(swapped)


def test_a_seal_does_not_open_in_another_dataset_or_item_list(coder):
    """A sealed value is bound to its dataset and to the list of sealed items."""
    batch = encode(PEOPLE, [person(1)])
    for other in (replace(PEOPLE, dataset="others"), replace(PEOPLE, items=PEOPLE.items[:-1])):
        with pytest.raises(SealBroken):
            coder_of(other).decode(batch, Layout.of(other))


def test_plain_items_need_no_seal(coder):
    """Asking for plain items alone opens nothing."""
    batch = encode(PEOPLE, [person(1)])
    cut = batch.drop_columns(["sealed"])
    assert coder.decode(cut, items=["region", "count"]).to_pylist() == [{"region": "620402", "count": 1}]


def test_equal_rows_have_equal_digests_and_any_change_another():
    """The digest follows each item, and nothing else."""
    base = encode(PEOPLE, [person(1)]).column("digest")[0]
    assert encode(PEOPLE, [person(1)]).column("digest")[0] == base
    for name, value in {"name": "别人", "birth": date(1990, 3, 8), "memo": "", "alive": None, "ratio": 0.25}.items():
        assert encode(PEOPLE, [person(1, **{name: value})]).column("digest")[0] != base


def test_the_digest_follows_the_layout_but_not_the_order_of_items():
    """Moving an item between plain and sealed changes every digest; listing items in another order changes none."""
    base = encode(PEOPLE, [person(1)]).column("digest")[0]
    turned = replace(PEOPLE, items=PEOPLE.items[::-1])
    assert encode(turned, [person(1)]).column("digest")[0] == base
    sealed = tuple(replace(i, level=4) if i.name == "region" else i for i in PEOPLE.items)
    assert encode(replace(PEOPLE, items=sealed), [person(1)]).column("digest")[0] != base


def test_each_subject_has_its_own_hash():
    """All people and bodies of a row can be looked up, by the type their number has."""
    coder = coder_of(MARRIAGES)
    rows = [marriage(1), marriage(2, second_id_type="414", second_id="E12345678"), marriage(3, second_id=None)]
    batch = encode(MARRIAGES, rows)
    assert batch.column("s_first_id")[0].as_py() == coder.lookup_hash("111", "620402198001010001")
    assert batch.column("s_second_id").to_pylist() == [
        coder.lookup_hash("111", "620402198101010001"),
        coder.lookup_hash("414", "E12345678"),
        None,
    ]
    assert batch.column("s_unit_code")[0].as_py() == coder.lookup_hash("001", "11620400XX00A0013M")


def test_a_number_without_a_type_code_goes_by_its_form():
    """A subject whose type code is missing is found by its number alone."""
    batch = encode(MARRIAGES, [marriage(1, second_id_type=None)])
    assert batch.column("s_second_id")[0].as_py() == coder_of(MARRIAGES).lookup_hash("111", "620402198101010001")


@pytest.mark.parametrize(
    "number",
    [
        "620402199003079878",
        "810000199408230021",
        "820000199408230022",
        "830000199408230024",
        "911124198108030024",
        "KAZ110090123105",
    ],
)
def test_doc_types_agree_with_the_identifier_rules(number):
    """The vectorised rule gives the document type that schemas.identifiers gives."""
    assert citizen_doc_types(pa.array([number])).to_pylist() == [citizen_id(number).doc_type]


def test_a_residence_permit_declared_as_citizen_is_found_by_its_own_type():
    """A permit number in an item of type 111 is hashed as 551, as the look-up will."""
    batch = encode(PEOPLE, [person(1, citizen_id="810000199408230021")])
    assert batch.column("s_citizen_id")[0].as_py() == coder_of(PEOPLE).lookup_hash("551", "810000199408230021")


def test_row_keys_are_length_prefixed_and_typed_as_text():
    """Parts of a key cannot run into each other, and one key given as texts finds the row."""
    entry = replace(PEOPLE, row_key=("region", "name", "birth"))
    rows = [person(1, region="62", name="0402甲"), person(1, region="620402", name="甲")]
    hashes = encode(entry, rows).column("key_hash").to_pylist()
    assert hashes[0] != hashes[1]
    assert coder_of(entry).row_key_hash("620402", "甲", "1990-03-07") == hashes[1]


def test_keys_of_rejected_rows_match_and_are_null_without_any_part():
    """A rejected row's key equals its published key; a row without any part of the key has none."""
    entry = replace(PEOPLE, row_key=("citizen_id", "region"))
    rows = [person(1), person(1, region=None), person(1, citizen_id=None, region=None)]
    keys = coder_of(entry).key_hashes(items_of(entry, rows)).to_pylist()
    assert keys[:2] == encode(entry, rows[:2]).column("key_hash").to_pylist()
    assert keys[0] != keys[1]
    assert keys[2] is None


def test_append_only_rows_take_their_key_from_the_digest():
    """Without a row key equal rows share a stem; rejected rows have no key; the seal opens under any ordinal."""
    entry = append_only(PEOPLE)
    batch = encode(entry, [person(1), person(1), person(2)])
    keys = batch.column("key_hash").to_pylist()
    assert keys[0] == keys[1] != keys[2]
    assert all(key.endswith(bytes(4)) for key in keys)
    assert coder_of(entry).key_hashes(items_of(entry, [person(1)])).to_pylist() == [None]
    second = batch.set_column(1, "key_hash", pa.array([k[:28] + b"\0\0\0\1" for k in keys], pa.binary()))
    assert coder_of(entry).decode(second).num_rows == 3


def test_the_order_item_gives_the_time_unless_the_change_has_its_own():
    """An order item of a date is the row's time; in change_flag the change's own time stays."""
    ordered = replace(PEOPLE, order_item="birth")
    assert encode(ordered, [person(1)]).column("time")[0].as_py() == datetime(1990, 3, 7, tzinfo=UTC)
    own = pa.array([datetime(2026, 5, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    assert encode(ordered, [person(1)], op=pa.array(["U"]), time=own).column("time").equals(own)


def test_an_order_item_that_cannot_be_compared_is_refused():
    """An order item of text is refused when the coder is built."""
    with pytest.raises(ContractError, match="region"):
        coder_of(replace(PEOPLE, order_item="region"))


def test_an_entry_without_sealed_items_has_no_seal():
    """A table with no person in it is a good entry too."""
    entry = replace(PEOPLE, items=(item("region"), item("count", "integer", "I")), row_key=("region",))
    items = items_of(entry, [person(1)])
    batch = encode(entry, [person(1)])
    assert batch.column("sealed").null_count == 1
    assert coder_of(entry).decode(batch).equals(items)


def test_recode_moves_items_between_plain_and_sealed():
    """Rows of an older layout are opened and sealed under the new one; new items are null, keys stay."""
    older = encode(PEOPLE, [person(1), person(2)])
    table = pa.record_batch(
        [older.column(n) for n in Layout.of(PEOPLE).table_schema.names], Layout.of(PEOPLE).table_schema
    )
    moved = [
        replace(i, level=4) if i.name == "region" else replace(i, level=1, identifying=False) for i in PEOPLE.items
    ]
    newer = replace(PEOPLE, items=(*moved[:-1], item("added")))
    batch = coder_of(newer).recode(table, Layout.of(PEOPLE))
    assert batch.column("key_hash").equals(older.column("key_hash"))
    assert batch.column("digest").equals(encode(newer, [{**person(n), "added": None} for n in (1, 2)]).column("digest"))
    opened = coder_of(newer).decode(batch).to_pylist()
    assert [row["region"] for row in opened] == ["620402", "620402"]
    assert [row["added"] for row in opened] == [None, None]


def test_recode_refuses_values_that_do_not_fit():
    """A narrowed type is an error that asks for a full sync, never a damaged value."""
    older = encode(PEOPLE, [person(1, region="甘肃")])
    newer = replace(PEOPLE, items=tuple(replace(i, type="I") if i.name == "region" else i for i in PEOPLE.items))
    with pytest.raises(StateError, match="数据项类型"):
        coder_of(newer).recode(older, Layout.of(PEOPLE))


def test_layouts_travel_as_text():
    """A layout written as text reads back equal, subjects and scales included."""
    for entry in (PEOPLE, MARRIAGES, append_only(PEOPLE)):
        assert Layout.from_text(Layout.of(entry).text) == Layout.of(entry)


def test_a_subject_role_is_part_of_the_layout():
    """Making an item a subject changes the signature, since every row must get its hash."""
    named = tuple(replace(i, subject=Subject("本人", "111")) if i.name == "name" else i for i in PEOPLE.items)
    assert Layout.of(replace(PEOPLE, items=named)).signature != Layout.of(PEOPLE).signature


def test_keys_may_be_null_safe():
    """Keys and coder work on an empty batch."""
    assert RowCoder(PEOPLE, RealKeys(), None).key_hashes(items_of(PEOPLE, [])).to_pylist() == []  # type: ignore[arg-type]
    assert encode(PEOPLE, []).num_rows == 0
    assert coder_of(PEOPLE).decode(encode(PEOPLE, [])).num_rows == 0
