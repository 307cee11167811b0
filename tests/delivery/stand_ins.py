"""Stand-ins for the room of grants: a book of grants that a test changes, a file of another process."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

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


def standing(**changes):
    """Makes a book with one grant."""
    return GrantBook(grant(**changes))


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
