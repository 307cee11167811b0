"""Results as files, without a hub: what a reader gets back, and the mark that nobody sees."""

import csv
import io

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.queries import formats
from exchange.spreadsheets import guarded

SEAL = formats.Seal("演示部门 asker 2026-11-23 按授权 SQ-1 导出", "9f00c0ffee31a58d")
#: What CSV must quote, what table programs would run, and anything else that can be encoded.
TEXTS = st.text(st.one_of(st.sampled_from(",\"\r\n \t=+-@'#"), st.characters(codec="utf-8", exclude_characters="\0")))
WIDTHS = st.integers(1, 3)


def written(rows, names):
    """Writes rows of texts as CSV, in batches of 50."""
    schema = pa.schema([(name, pa.string()) for name in names])
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
    return b"".join(formats.write("csv", schema, table.to_batches(max_chunksize=50), SEAL))


@st.composite
def tables(draw):
    """Draws rows of any texts, 64 or more of which start with a cell that needs no quotes, in any order."""
    width = draw(WIDTHS)
    odd = draw(st.lists(st.tuples(*[TEXTS] * width), max_size=30))
    plain = [(f"第{at}行", *draw(st.tuples(*[TEXTS] * (width - 1)))) for at in range(draw(st.integers(64, 70)))]
    return draw(st.permutations(odd + plain))


@settings(deadline=None, max_examples=50)
@given(tables())
def test_any_texts_keep_the_mark_and_the_cells(rows):
    """The mark is read back whatever the cells hold, and csv and pandas read every cell as it was."""
    names = [f"列{at}" for at in range(len(rows[0]))]
    content = written(rows, names)
    assert formats.mark_of("csv", content) == SEAL.mark
    told = [[guarded(cell) for cell in row] for row in rows]
    text = content.decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [names, *told, [f"# {SEAL.words}"]]
    frame = pd.read_csv(io.StringIO(text, newline=""), dtype=str, keep_default_na=False)
    assert frame.to_numpy().tolist()[:-1] == told


@pytest.mark.parametrize("odd", ["甲,乙", '"甲"', "甲\r\n乙", " 甲", ""])
def test_a_first_cell_that_needs_quotes_carries_no_bit(odd):
    """Neither what must be quoted anyway nor a row that would be a blank line takes a place of the mark's."""
    rows = [(each,) for at in range(formats.MARK_BITS) for each in (odd, f"第{at}行")]
    assert formats.mark_of("csv", written(rows, ["名称"])) == SEAL.mark
    assert formats.mark_of("csv", written(rows[:-1], ["名称"])) is None


def test_a_first_cell_without_a_value_carries_a_bit():
    """A missing value in the first cell counts like any other when the row has more cells."""
    assert formats.mark_of("csv", written([(None, "甲")] * formats.MARK_BITS, ["名称", "备注"])) == SEAL.mark
