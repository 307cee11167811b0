"""Stand-ins for the rooms of grants and rewriting: a book of grants, a disclosure that drops and masks."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from exchange.delivery.ports import Ports
from schemas.errors import Denied
from schemas.grants import Grant, GrantedItem, Predicate, Quota, RowFilter

CONSUMER = "11620400XX00A0050C"
NUMBER = "SQ2026001"
ITEMS = (GrantedItem("name", "masked"), GrantedItem("sex_code", "plain"), GrantedItem("birth_date", "condition"))


def grant(**changes):
    """Makes a grant of name (masked) and sex, with birth dates as condition only."""
    made = Grant(
        number=NUMBER,
        dataset="person",
        consumer=CONSUMER,
        items=ITEMS,
        rows=RowFilter(),
        purposes=("checking",),
        ways=("subscription",),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
        quota=Quota(),
    )
    return replace(made, **changes)


class GrantBook:
    """Grants that a test changes; `asked` counts the questions, `until` lets so many pass."""

    def __init__(self, *grants):
        self.grants = {each.number: each for each in grants}
        self.asked = 0
        self.until = None

    def binding(self, number, at):
        """Returns the grant or denies it."""
        self.asked += 1
        if number not in self.grants or (self.until is not None and self.asked > self.until):
            raise Denied(f"授权 {number} 已失效", "", "", code="GRANT_OVER")
        return self.grants[number]


def disclose(given, batches):
    """Masks to the first character, drops what is not given and rows outside one `=` or `<` predicate."""
    for batch in batches:
        for predicate in given.rows.predicates:
            column = batch.column(predicate.item).cast(pa.string())
            test = {"=": pc.equal, "<": pc.less}[predicate.comparison]
            batch = batch.filter(test(column, predicate.values[0]))  # noqa: PLW2901
        columns = [batch.column("row_guid")]
        for name in given.readable():
            column = batch.column(name)
            if given.item(name).state == "masked":
                column = pc.binary_join_element_wise(pc.utf8_slice_codeunits(column, 0, 1), "**", "")
            columns.append(column)
        yield pa.record_batch(columns, names=["row_guid", *given.readable()])


def leaky(given, batches):
    """A disclosure with a fault: hands everything through."""
    yield from batches


def ports(book=None, disclosure=disclose):
    """Both ports."""
    return Ports(book or GrantBook(grant()), disclosure)


class FileGrants:
    """Grants of another process: a file says whether they hold."""

    def __init__(self, path: Path):
        self.path = path

    def binding(self, number, at):
        """Returns the grant as long as the file says so."""
        if not json.loads(self.path.read_text())["holds"]:
            raise Denied("授权已失效", "", "", code="GRANT_OVER")
        return grant()


ONLY_MEN = RowFilter(predicates=(Predicate("sex_code", "=", ("1",)),))
