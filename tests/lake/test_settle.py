"""The uniqueness pass against a plain model of its rules."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.settle import ask, settle
from lake.staging import Staging
from schemas.errors import StorageError
from tests.lake.people import PEOPLE, append_only, coder_of, person, stage

SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MOMENTS = st.none() | st.integers(1, 3).map(lambda day: datetime(2026, 1, day, tzinfo=UTC))
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["620402", "620403"]), MOMENTS, st.sampled_from("IUD")), max_size=12
)


def settled(tmp_path, duck, entry, drawn, *, mode="snapshot", ordered=False, rows_in_order=True):
    """Settles drawn rows; returns the counts, why each dropped row went, and the staging."""
    rows = []
    for number, region, moment, op in drawn:
        marks = {"_time": moment} | ({"_op": op} if mode == "change_flag" else {})
        rows.append(person(number, region) | marks | ({"updated": moment} if ordered else {}))
    staging = Staging(tmp_path, "people", "run")
    stage(staging, coder_of(entry), entry, rows, parts=2)
    counts = settle(staging, duck, mode=mode, ordered=ordered, rows_in_order=rows_in_order)
    why = {row: word for word in ("duplicate", "conflict", "older") for row in staging.dropped_rows(word).tolist()}
    return counts, why, staging


def groups(drawn):
    """Groups (row number, region, moment) by key."""
    out = defaultdict(list)
    for row, (number, region, moment, _) in enumerate(drawn, 1):
        out[number].append((row, region, moment))
    return out.values()


def without_order(group):
    """Says what happens to equal keys without an order."""
    seen, out = set(), {}
    for row, region, _ in group:
        out[row] = "duplicate" if region in seen else "conflict"
        seen.add(region)
    return out if len(seen) > 1 else {row: why for row, why in out.items() if why == "duplicate"}


@SLOW
@given(ROWS)
def test_equal_keys_without_an_order(tmp_path, duck, drawn):
    """Equal rows leave the first; different rows of one key all conflict."""
    counts, why, _ = settled(tmp_path, duck, PEOPLE, drawn)
    expected = {row: word for group in groups(drawn) for row, word in without_order(group).items()}
    assert why == expected
    words = list(expected.values())
    assert (counts.duplicates, counts.conflicts, counts.older) == (words.count("duplicate"), words.count("conflict"), 0)


@SLOW
@given(ROWS)
def test_equal_keys_with_an_order(tmp_path, duck, drawn):
    """The newest wins, the others are older; a tie of different rows conflicts; no time is oldest."""
    entry = replace(PEOPLE, order_item="updated")
    counts, why, _ = settled(tmp_path, duck, entry, drawn, ordered=True)
    expected = {}
    for group in groups(drawn):
        newest = max(((moment is not None, moment or 0) for _, _, moment in group), key=str)
        top = [entry for entry in group if (entry[2] is not None, entry[2] or 0) == newest]
        expected |= {row: "older" for row, _, _ in group} | dict.fromkeys(e[0] for e in top)
        expected |= without_order(top)
    expected = {row: word for row, word in expected.items() if word}
    assert why == expected
    assert counts.older == list(expected.values()).count("older")
    assert counts.duplicates == len(expected) - counts.conflicts


@SLOW
@given(ROWS)
def test_the_last_change_of_a_key_wins(tmp_path, duck, drawn):
    """In change_flag one row a key goes on: the latest by time, then by place in the reading."""
    _, why, staging = settled(tmp_path, duck, PEOPLE, drawn, mode="change_flag")
    winners = set()
    for group in groups(drawn):
        winners.add(max(group, key=lambda e: (e[2] is not None, str(e[2]), e[0]))[0])
    assert set(why) == set(range(1, len(drawn) + 1)) - winners
    assert set(why.values()) <= {"older"}
    left = [row for share in staging.shares() for row in staging.read_share(share, ["row"])["row"].to_pylist()]
    assert set(left) == winners


def without_row_order(group):
    """Says what happens to changes of one moment: (row, region, operation)."""
    ops = {op for _, _, op in group}
    last = "D" if "D" in ops else "U" if "U" in ops else "I"
    top = [(row, region) for row, region, op in group if op == last]
    if {"D", "I"} <= ops or (last != "D" and len({region for _, region in top}) > 1):
        return dict.fromkeys((row for row, _, _ in group), "conflict") if len(group) > 1 else {}
    return dict.fromkeys((row for row, _, _ in group if row != top[-1][0]), "older")


@SLOW
@given(ROWS)
def test_changes_of_a_moment_without_an_order(tmp_path, duck, drawn):
    """Where the reading tells no order, an update is after the insertion, a deletion after it; the rest conflicts."""
    counts, why, _ = settled(tmp_path, duck, PEOPLE, drawn, mode="change_flag", rows_in_order=False)
    expected = {}
    for number in {number for number, *_ in drawn}:
        group = [(row, *facts) for row, (key, *facts) in enumerate(drawn, 1) if key == number]
        newest = max(str(moment or "") for _, _, moment, _ in group)
        top = [(row, region, op) for row, region, moment, op in group if str(moment or "") == newest]
        expected |= dict.fromkeys((row for row, *_ in group), "older")
        for row, *_ in top:
            del expected[row]
        expected |= without_row_order(top)
    assert why == expected
    assert counts.conflicts == list(expected.values()).count("conflict")
    assert counts.duplicates == counts.older == list(expected.values()).count("older")


@SLOW
@given(ROWS)
def test_rows_without_a_key_are_all_kept_apart(tmp_path, duck, drawn):
    """Append-only rows lose nothing: equal rows get keys of their own, which open."""
    entry = append_only(PEOPLE)
    counts, why, staging = settled(tmp_path, duck, entry, drawn)
    assert (counts.duplicates, counts.conflicts, why) == (0, 0, {})
    keys, people = [], []
    for share in staging.shares():
        table = staging.read_share(share)
        keys += table["key_hash"].to_pylist()
        people += [row for batch in table.to_batches() for row in coder_of(entry).decode(batch).to_pylist()]
    assert len(set(keys)) == len(drawn) == len(people)


def test_settling_twice_gives_the_same(tmp_path, duck):
    """A second call returns what the first wrote, without looking again."""
    drawn = [(1, "620402", None, "I"), (1, "620402", None, "I")]
    counts, _, staging = settled(tmp_path, duck, PEOPLE, drawn)
    duck.close()
    assert settle(staging, duck, mode="snapshot", ordered=False) == counts


@pytest.mark.parametrize("digits", [1, 2])
def test_shares_hold_each_row_once(tmp_path, duck, digits):
    """However finely the key space is cut, the shares together are the run."""
    staging = Staging(tmp_path, "people", "run")
    rows = [person(number) for number in range(300)]
    stage(staging, coder_of(PEOPLE), PEOPLE, rows)
    if digits == 2:
        staging.begin(10**8)
        import pyarrow as pa  # noqa: PLC0415

        from tests.lake.people import items_of  # noqa: PLC0415

        batch = coder_of(PEOPLE).encode(items_of(PEOPLE, rows), pa.array(range(1, 301)))
        staging.write_part(0, [batch])
        staging.finish({})
    assert staging.digits == digits
    found = [
        (share, key.hex())
        for share in staging.shares()
        for key in staging.read_share(share, ["key_hash"])["key_hash"].to_pylist()
    ]
    assert len(found) == 300
    assert all(key.startswith(share) for share, key in found)


def test_a_failure_of_the_set_engine_says_its_class_alone(duck):
    """A DuckDB error becomes a transient StorageError without its text, which may hold values."""
    with pytest.raises(StorageError, match="ConversionException") as caught:
        ask(duck, "SELECT CAST(name AS INT) FROM part", part=pa.table({"name": ["张三"]}))
    assert "张三" not in str(caught.value)
    assert caught.value.__cause__ is None
