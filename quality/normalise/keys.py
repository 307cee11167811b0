"""Identifiers of persons, bodies and licences: the checks of schemas.identifiers over a column, as marks by row.

Holds no check of its own. A wrong identifier keeps its cleaned text; a placeholder becomes null with an info finding.
"""

from collections.abc import Callable
from datetime import date

import pyarrow as pa

from quality.normalise.cells import as_text, trimmed, without_tokens
from quality.normalise.shape import Context, ItemPlan, Normalised
from schemas.identifiers import vectorised
from schemas.identifiers.vectorised import Checked

_CHECKS: dict[str, Callable[[pa.Array], Checked]] = {
    "uscc": vectorised.usccs,
    "org_code": vectorised.org_codes,
    "registration_number": vectorised.registration_numbers,
    "licence_id": vectorised.licence_ids,
}


def identifiers_of(column: pa.Array, item: ItemPlan, context: Context) -> Normalised:
    """Reads an identifier column of any kind."""
    text, _ = without_tokens(trimmed(as_text(column)), item.null_tokens)
    if item.kind != "identifier":
        return checked(text, item.kind, context.data_date)
    types = context.doc_types.get(item.name)
    if types is None:
        types = pa.repeat(pa.scalar(item.doc_type, pa.string()), len(text))
    return checked_by_type(text, types, context.data_date)


def checked(text: pa.Array, kind: str, data_date: date) -> Normalised:
    """Normalises and checks a text column as one kind of identifier."""
    if kind == "citizen_id":
        return _normalised(vectorised.citizen_ids(text, data_date))
    return _normalised(_CHECKS[kind](text))


def checked_by_type(text: pa.Array, types: pa.Array, data_date: date) -> Normalised:
    """Normalises and checks each cell as the document type beside it says."""
    return _normalised(vectorised.identifiers_of_type(types, text, data_date))


def _normalised(result: Checked) -> Normalised:
    return Normalised(result.normalised, dict(result.findings), escalated=dict(result.escalated))
