"""An event that is written together with its answer, by one statement."""

from datetime import UTC, datetime

from catalog.stores import audit, keyed_calls
from catalog.stores.audit import Event

EVENT = Event(
    ts=datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC), actor_id="窗口\"三'号\\", actor_name="é\u2028😀",
    role="window,analyst", channel="api", action="API_CALL", object_type="keyed", object_id=None, dept_code="1162",
    entry_code="", items=("name", "a,b", "{}", 'x"y'), subject_key_hashes=("00ff",), row_count=2**31 - 1,
    error_code=None, duration_ms=0, detail={"way": "lookup", "n": [1, 2.5, None, True, {"深": "a\nb"}]},
    session_id="s", client_ip="127.0.0.1", purpose_code="basis", grant_id="GX-1", case_no="BJ（2026）1",
    request_sm3="ab",
)  # fmt: skip


def test_an_event_is_the_same_however_it_is_written(city):
    """The statement that writes answer and event at once leaves the very event that any other act would."""
    call = {"caller": "c", "request_id": "request-1", "digest": b"d", "sealed": b"s", "at": city.clock.now()}
    with city.transaction() as connection:
        before = audit.append(connection, EVENT)
        assert keyed_calls.add_answered(connection, call, EVENT)
        assert not keyed_calls.add_answered(connection, call, EVENT)
        one, other = audit.read(connection, after=before - 1)
    assert one.event == other.event == EVENT
    assert other.seq > one.seq
