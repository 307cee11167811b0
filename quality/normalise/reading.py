"""One entrance for every kind: picks the reader of an item's kind and gives the column its Arrow type."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pyarrow as pa

from quality.normalise import capital, dates, keys, numbers, texts
from quality.normalise.shape import IDENTIFIER_KINDS, Context, ItemPlan, Normalised, arrow_type
from quality.normalise.statistics import DERIVED

__all__ = ["Context", "ItemPlan", "Normalised", "arrow_type", "normalise"]

Reader = Callable[[pa.Array, ItemPlan], Normalised]

_READERS: dict[str, Reader] = {
    "text": texts.texts,
    "name": texts.texts,
    "address": texts.texts,
    "mobile": texts.telephones,
    "telephone": texts.telephones,
    "date": dates.dates,
    "datetime": dates.datetimes,
    "integer": numbers.numbers,
    "decimal": numbers.numbers,
    "amount": numbers.numbers,
    "capital": capital.amounts,
    "capital_currency": capital.currencies,
    "bool": numbers.truths,
}


def normalise(column: pa.Array | pa.ChunkedArray, item: ItemPlan, context: Context) -> Normalised:
    """Reads a landing column as its item's kind; never raises for a value, whatever the column's type."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    read = _reader(item, context)(column, item)
    target = arrow_type(item)
    if read.values.type == target:
        return read
    return replace(read, values=_fitted(read.values, target))


def _reader(item: ItemPlan, context: Context) -> Reader:
    if item.kind in DERIVED:
        return partial(_derived, context=context)
    if item.kind in IDENTIFIER_KINDS:
        return partial(keys.identifiers_of, context=context)
    if item.kind in {"code", "region"}:
        return partial(texts.codes, code_set=context.code_sets.get(item.code_set or ""))
    if item.kind == "binary":
        return _bytes
    if item.kind == "date" and item.type == "T":
        return dates.datetimes
    return _READERS[item.kind]


def _derived(column: pa.Array, item: ItemPlan, context: Context) -> Normalised:
    below = normalise(column, item.below(), context)
    return Normalised(DERIVED[item.kind](below.values, context.data_date), {})


def _bytes(column: pa.Array, item: ItemPlan) -> Normalised:
    target = arrow_type(item)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type) or pa.types.is_string(column.type):
        return Normalised(column.cast(target), {})
    return texts.texts(column, item)


def _fitted(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(values.type) and pa.types.is_string(target):
        return values.cast(pa.int8()).cast(target)
    if pa.types.is_timestamp(values.type) and pa.types.is_date(target):
        return values.cast(pa.timestamp("ms"), safe=False).cast(target, safe=False)
    return values.cast(target)
