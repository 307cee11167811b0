"""Look-up by subject under a grant, from a real PostgreSQL: the granted rows of the subject, masked as granted."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from lake.disclosure import Disclosure
from lake.layout import Layout
from lake.one_look import Asked, served_in_one_look
from schemas.errors import StateError
from schemas.grants import GrantedItem, Predicate, RowFilter
from tests.lake.granted import grant, plain
from tests.lake.people import MARRIAGES, PEOPLE, Hub, coder_of, items_of, marriage
from tests.lake.test_serving import Served

LAYOUT = Layout.of(MARRIAGES)
CODER = coder_of(MARRIAGES)


def plan_of(items, rows=None) -> Disclosure:
    """Returns the plan of a grant over the marriages."""
    return Disclosure.of(grant("marriages", items, rows), MARRIAGES, LAYOUT)


@pytest.fixture
def served(tmp_path, duck, empty_database_url):
    """Three marriages; the husband of the first is the wife of the third."""
    found = Served(Hub(tmp_path, MARRIAGES, duck), empty_database_url)
    first, second = marriage(1), marriage(2)
    found.sync([first, second, marriage(3, second_id=first["first_id"])])
    yield found
    found.engine.dispose()


@dataclass(frozen=True)
class Looked:
    """The granted rows of a look-up: as they may leave, and at rest."""

    values: pa.RecordBatch
    at_rest: pa.RecordBatch


def look(served, plan, number, items, **limits):
    """Looks a number up, as the operations by key do."""
    asked = [Asked(CODER.lookup_hash("111", number), (item,)) for item in items]
    with served.engine.connect() as connection:
        found = served_in_one_look(connection, plan, asked, **limits)
    granted = plan.granted_rows(found.rows, CODER)
    return Looked(plan.opened(granted, CODER), granted)


NUMBER = marriage(1)["first_id"]


def test_the_granted_rows_of_a_subject_masked_as_granted(served):
    """In all roles, each row once, with the version and the hashes apart."""
    plan = plan_of([GrantedItem("first_id", "masked"), GrantedItem("second_id", "condition"), *plain("certificate_no")])
    found = look(served, plan, NUMBER, ["first_id", "second_id", "first_id"])
    assert sorted(found.values.to_pylist(), key=str) == sorted(
        [
            {"first_id": "620402********0001", "certificate_no": "J620402-2020-000001"},
            {"first_id": "620402********0003", "certificate_no": "J620402-2020-000003"},
        ],
        key=str,
    )
    assert found.values.schema.field("first_id").metadata == {b"masked": b"internal"}
    assert found.values.schema.field("certificate_no").metadata is None
    assert found.at_rest.column("version").to_pylist() == [1, 1]


def test_more_rows_than_a_look_up_gives_are_no_answer(served):
    """A part of the rows, and any part, would say that the rest is not there."""
    plan = plan_of(plain("certificate_no"))
    assert look(served, plan, NUMBER, ["first_id", "second_id"], limit=2).values.num_rows == 2
    with pytest.raises(StateError, match="LOOKUP_ROWS"):
        look(served, plan, NUMBER, ["first_id", "second_id"], limit=1)


def test_roles_that_are_not_granted_find_nothing(served):
    """Where the grant names a subject item, a subject is not found in another one."""
    plan = plan_of([GrantedItem("second_id", "condition"), *plain("certificate_no")])
    found = look(served, plan, NUMBER, ["first_id", "second_id"])
    assert found.values.to_pylist() == [{"certificate_no": "J620402-2020-000003"}]
    assert look(served, plan, NUMBER, ["first_id"]).values.num_rows == 0
    assert look(served, plan, NUMBER, []).values.num_rows == 0


def test_a_row_outside_of_the_grant_is_not_found(served):
    """The row filter binds for look-ups, on plain items and on sealed ones."""
    for predicate in (Predicate("registered", "<", ("2000-01-01",)), Predicate("certificate_no", "=", ("x",))):
        plan = plan_of(plain("certificate_no"), RowFilter(predicates=(predicate,)))
        found = look(served, plan, NUMBER, ["first_id", "second_id"])
        assert (found.values.num_rows, found.at_rest.num_rows) == (0, 0)


def test_no_readable_item_leaves_the_number_of_rows(served):
    """Whoever may read nothing learns only that there are rows."""
    found = look(served, plan_of([GrantedItem("first_id", "condition")]), NUMBER, ["first_id"])
    assert (found.values.num_columns, found.values.num_rows) == (0, 1)


def test_what_may_not_leave_is_no_name_of_the_plan():
    """Asking a plan for an item that is hidden or not granted is an error of ours, not an answer."""
    plan = plan_of([GrantedItem("first_id", "condition"), *plain("registered")])
    batch = CODER.encode(items_of(MARRIAGES, [marriage(1)]), pa.array([1], pa.int64()))
    for name in ("first_id", "second_id", "sealed"):
        with pytest.raises(KeyError):
            plan.reveal(batch, CODER, [name])
    assert plan.reveal(batch, CODER).to_pylist() == [{"registered": marriage(1)["registered"]}]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([*plain("registered"), GrantedItem("registered", "masked")], "GRANT_ITEMS"),
        ([GrantedItem("registered", "masked", mask="none")], "GRANT_MASK"),
    ],
)
def test_a_grant_that_says_two_things_gives_nothing(items, code):
    """An item twice, or a mask that there is not, closes the grant."""
    with pytest.raises(StateError, match=code):
        plan_of(items)


def test_a_grant_of_another_dataset_gives_nothing():
    """A plan is built over the grant's own dataset alone."""
    with pytest.raises(StateError, match="GRANT_DATASET"):
        Disclosure.of(grant("people", []), MARRIAGES, LAYOUT)


def test_an_item_that_the_dataset_no_longer_has_is_left_out():
    """A grant outlives an item; what is left of it binds."""
    plan = Disclosure.of(grant("people", plain("name", "gone")), PEOPLE, Layout.of(PEOPLE))
    assert list(plan.readable) == ["name"]
