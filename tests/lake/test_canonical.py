"""Canonical row bytes: one to one with the row, and readable back."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import canonical
from lake.canonical import pack, unpack
from schemas.errors import SealBroken

VALUES = {
    pa.string(): st.text(max_size=6),
    pa.large_string(): st.text(max_size=6),
    pa.binary(): st.binary(max_size=6),
    pa.large_binary(): st.binary(max_size=6),
    pa.date32(): st.dates(date(1800, 1, 1), date(2200, 1, 1)),
    pa.timestamp("ms", "Asia/Shanghai"): st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    ),
    pa.decimal128(38, 4): st.decimals(-(10**30), 10**30, places=4),
    pa.decimal128(20, 2): st.decimals(-(10**15), 10**15, places=2),
    pa.bool_(): st.booleans(),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.list_(pa.string()): st.lists(st.none() | st.text(max_size=3), max_size=3),
}


@pytest.fixture(scope="module", params=[-1, canonical._FEW], ids=["over arrays", "row by row"], autouse=True)
def way(request):
    """Rows are unpacked in two ways, which must be the same to whoever asks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(canonical, "_FEW", request.param)
        yield


@st.composite
def tables(draw):
    """Draws columns of some types, with nulls, and a slice of them."""
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    rows = draw(st.integers(0, 6))
    columns = [pa.array(draw(st.lists(st.none() | VALUES[k], min_size=rows, max_size=rows)), k) for k in kinds]
    start = draw(st.integers(0, rows))
    return kinds, [column.slice(start) for column in columns]


@settings(max_examples=80, deadline=None)
@given(tables())
def test_unpack_gives_back_what_was_packed(drawn):
    """Every type, null and slice comes back exactly."""
    kinds, columns = drawn
    packed = pack(columns, len(columns[0]))
    again = unpack(packed.to_pylist(), kinds)
    assert [column.to_pylist() for column in again] == [column.to_pylist() for column in columns]
    assert [column.type for column in again] == kinds


@settings(max_examples=80, deadline=None)
@given(tables())
def test_different_rows_never_share_their_bytes(drawn):
    """Two rows of the same types have equal bytes only if all their values are equal, sign of zero included."""
    _, columns = drawn
    packed = pack(columns, len(columns[0])).to_pylist()
    rows = list(zip(*(map(_exact, column.to_pylist()) for column in columns), strict=True))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (packed[i] == packed[j]) == (one == other)


def _exact(value):
    return (math.copysign(1, value), value) if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("one", "other"),
    [(["ab", "c"], ["a", "bc"]), (["", None], [None, ""]), (["a", None], ["a", ""]), (["a\0", ""], ["a", "\0"])],
)
def test_text_cannot_move_between_columns(one, other):
    """Neighbouring texts, empty texts and nulls are told apart."""
    packed = pack([pa.array(pair, pa.string()) for pair in zip(one, other, strict=True)], 2).to_pylist()
    assert packed[0] != packed[1]


def test_the_bytes_under_a_null_do_not_count():
    """A null is a null whatever the producer left in its place."""
    dirty = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x02"), pa.array([7, 1], pa.int64()).buffers()[1]])
    assert pack([dirty], 2).to_pylist() == pack([pa.array([None, 1], pa.int64())], 2).to_pylist()


def test_every_nan_is_the_same_value():
    """NaN has one canonical form."""
    odd = pa.array([float("nan"), -float("nan")], pa.float64())
    assert len(set(pack([odd], 2).to_pylist())) == 1


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"", lambda b: b"\x09" + b[1:]])
def test_bytes_of_other_types_are_refused(damage):
    """Cut, longer or foreign bytes raise SealBroken, never garbage."""
    good = pack([pa.array(["汉字"]), pa.array([Decimal(5)], pa.decimal128(38, 4))], 1).to_pylist()[0]
    with pytest.raises(SealBroken):
        unpack([damage(good)], [pa.string(), pa.decimal128(38, 4)])


def test_a_length_beyond_the_bytes_is_refused():
    """A length field that points outside is refused before anything is read."""
    with pytest.raises(SealBroken):
        unpack([b"\x01\x00\x00\x00\x09abc"], [pa.string()])


def test_a_type_without_a_form_is_refused():
    """An unknown Arrow type is a programming error, said by its name."""
    with pytest.raises(TypeError, match="int8"):
        pack([pa.array([1], pa.int8())], 1)
