"""A query gives what is granted and nothing else, is recorded before its rows leave, and ends with its grant."""

import threading
import time

import pytest

from catalog.stores import queries as store
from exchange import sync
from exchange.queries import approval, exports, formats, running, saved
from exchange.sharing import freezes, grants
from schemas.errors import Denied, HubError, InputError, NotFound, QueryError, StateError
from schemas.grants import RowFilter
from tests.exchange.conftest import ADMIN
from tests.queries.conftest import ANALYST, COLLEAGUE, PEOPLE, SECRETS, STRANGER, events, grant, publish, terms
from tests.sharing.conftest import CHIEF, HEAD, NOTICE, OWN_REVIEWER, REASON

MEN = sum(each["xb"] == "1" for each in PEOPLE)


def test_a_query_gives_what_is_granted_and_is_recorded(office):
    """Granted rows, masked items, the version named; one event with grant, purpose, items and count."""
    answer = running.run(office, ANALYST, "SELECT name, sex_code FROM person ORDER BY name", "basis")
    assert answer.query.rows == MEN and {row[1] for row in answer.page.rows} == {"1"}
    assert not {row[0] for row in answer.page.rows} & {each["xm"] for each in PEOPLE}
    (dataset,) = answer.query.datasets
    assert (dataset.version, dataset.late) == (1, False)
    event = events(office, action="QUERY", object_id="person", result="success")[-1]
    assert (event["grant_id"], event["purpose_code"], event["row_count"]) == (dataset.grant, "basis", MEN)
    assert event["items"] == ["name", "sex_code"] and event["request_sm3"]


@pytest.mark.parametrize(
    ("actor", "sql", "purpose", "code"),
    [
        (ANALYST, "SELECT * FROM closed", "basis", "GRANT_NONE"),
        (STRANGER, "SELECT * FROM person", "basis", "GRANT_NONE"),
        (ANALYST, "SELECT * FROM nowhere", "basis", "DATASET_UNKNOWN"),
        (ANALYST, "SELECT birth_date FROM person", "basis", "QUERY_NAME"),
        (ANALYST, "SELECT * FROM person", "checking", "GRANT_PURPOSE"),
        (ANALYST, "SELECT * FROM person", "nonsense", "PURPOSE"),
        (ANALYST, "SELECT * FROM person; SELECT 1", "basis", "QUERY"),
        (ANALYST, "COPY person TO '/tmp/x'", "basis", "QUERY"),
        (ANALYST, "SELECT * FROM read_csv('/etc/passwd')", "basis", "QUERY_REFUSED"),
        (ANALYST, "SELECT '\ud800' FROM person", "basis", "QUERY"),
        (HEAD, "SELECT * FROM person", "basis", "DENIED"),
    ],
)
def test_what_is_not_granted_is_denied_and_recorded(office, actor, sql, purpose, code):
    """Each denial has its reason and its event; no statement is in the log."""
    with pytest.raises(HubError) as refused:
        running.run(office, actor, sql, purpose)
    assert refused.value.code == code
    event = events(office, actor_id=actor.name, result="denied")[-1]
    assert event["error_code"] == code
    assert "SELECT" not in str(event) and "COPY" not in str(event)


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_no_way_out_leaks(office, kind):
    """No file of any format holds a number, a name or a woman; each carries watermark, mark and manifest."""
    done = exports.download(office, ANALYST, "SELECT * FROM person", "basis", kind)
    content = b"".join(done.file.pieces)
    if kind in ("csv", "json"):
        text = content.decode("utf-8-sig")
        assert not [each for each in SECRETS if each in text]
        assert done.export.number in text
    assert formats.mark_of(kind, content) == exports.mark_for(office, done.export.number)
    with office.transaction() as connection:
        manifest = store.find_export(connection, done.export.number).manifest
    assert manifest["rows"] == MEN and manifest["bytes"] == len(content) and len(manifest["sm3"]) == 64
    with pytest.raises(StateError) as again:
        exports.fetch(office, ANALYST, done.export.number)
    assert again.value.code == "EXPORT_FETCHED"


def test_pages_follow_each_other(office):
    """Pages hold every row once; another account finds nothing; a page after the end is empty."""
    answer = running.run(office, ANALYST, "SELECT name FROM person", "basis")
    rows, after = list(answer.page.rows), answer.page.next
    while after is not None:
        page = running.page(office, ANALYST, answer.query.id, after, 40)
        rows, after = rows + list(page.rows), page.next
    assert len(rows) == MEN
    assert not running.page(office, ANALYST, answer.query.id, MEN + 5).rows
    with pytest.raises(NotFound):
        running.page(office, COLLEAGUE, answer.query.id)
    with pytest.raises(NotFound):
        running.cancel(office, COLLEAGUE, answer.query.id)


#: Three hundred people to the fifth: no machine ends it by itself.
SLOW = (
    "SELECT count(*) AS n FROM {0} a CROSS JOIN {0} b CROSS JOIN {0} c CROSS JOIN {0} d CROSS JOIN {0} e "
    "WHERE a.sex_code > b.sex_code"
)


def begun(hub, sql, caught):
    """Runs a statement in a thread; returns it and the query's number once it runs."""

    def work():
        try:
            running.run(hub, ANALYST, sql, "basis")
        except HubError as error:
            caught.append(error)

    known = {each.id for each in saved.history(hub, ANALYST)}
    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(100):
        new = [e.id for e in saved.history(hub, ANALYST) if e.id not in known and e.state == "running"]
        if new:
            return thread, new[0]
        time.sleep(0.1)
    raise AssertionError(caught)


@pytest.mark.parametrize("how", ["cancel", "freeze", "revoke"])
def test_a_running_query_is_stopped(office, how):
    """Cancelling from elsewhere, a freeze and a revocation stop it within ten seconds; nothing of it can be read."""
    caught = []
    number = grant(office, "closed", terms(rows=RowFilter())) if how == "revoke" else None
    thread, query_id = begun(office, SLOW.format("closed" if number else "open"), caught)
    at = time.monotonic()
    frozen = None
    if how == "cancel":
        running.cancel(office, ANALYST, query_id)
    elif number:
        grants.revoke(office, HEAD, number, REASON, NOTICE)
    else:
        frozen = freezes.freeze(office, CHIEF, "dataset", "open", REASON)
    thread.join(15)
    assert time.monotonic() - at < 10 and not thread.is_alive()
    assert caught[0].code == ("QUERY_CANCELLED" if how == "cancel" else "GRANT_NONE")
    if frozen:
        freezes.lift(office, CHIEF, frozen.id, REASON)
    with pytest.raises(StateError):
        running.page(office, ANALYST, query_id)


def test_an_export_with_plain_items_is_agreed_to_first(office):
    """Own reviewer, then the provider, see a masked preview; then it is fetched once, while the grant binds."""
    with pytest.raises(Denied) as direct:
        exports.download(office, ANALYST, "SELECT name FROM open", "basis", "csv")
    assert direct.value.code == "EXPORT_APPROVAL"
    query = running.run(office, ANALYST, "SELECT name, sex_code FROM open", "basis").query
    assert len(query.causes) == 2
    made = exports.export(office, ANALYST, query.id, "csv", "用于年度统计分析")
    assert made.state == "own_review" and len(made.preview) == 20
    assert not [row for row in made.preview if row[0] in {each["xm"] for each in PEOPLE}]
    with pytest.raises(NotFound):
        approval.show_export(office, HEAD, made.number)  # not yet the provider's
    with pytest.raises(Denied):
        exports.fetch(office, ANALYST, made.number)
    assert approval.agree(office, OWN_REVIEWER, made.number).state == "provider_review"
    with pytest.raises(Denied):
        approval.agree(office, OWN_REVIEWER, made.number)
    assert approval.agree(office, HEAD, made.number).state == "approved"
    with pytest.raises(NotFound):
        exports.fetch(office, COLLEAGUE, made.number)
    content = b"".join(exports.fetch(office, ANALYST, made.number).pieces)
    assert content.count(b"\r\n") == len(PEOPLE) + 2


def test_an_approved_export_ends_with_its_grant(office):
    """A revocation between approval and fetching leaves nothing to fetch."""
    number = grant(office, "closed", terms())
    made = exports.export(
        office, ANALYST, running.run(office, ANALYST, "SELECT * FROM closed", "basis").query.id, "csv"
    )
    assert made.state == "approved"
    grants.revoke(office, HEAD, number, REASON, NOTICE)
    with pytest.raises(Denied) as over:
        exports.fetch(office, ANALYST, made.number)
    assert over.value.code == "GRANT_NONE"


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_an_export_that_is_read_slowly_ends_with_its_grant(office, monkeypatch, kind):
    """Whoever takes a file a piece at a time gets nothing more ten seconds after the grant is frozen, in any format."""
    now = [0.0]
    monkeypatch.setattr(exports, "monotonic", lambda: now[0])
    monkeypatch.setattr(exports, "_PIECE_BYTES", 100)
    pieces = exports.download(office, ANALYST, "SELECT name, sex_code FROM person", "basis", kind).file.pieces
    assert next(pieces)
    frozen = freezes.freeze(office, CHIEF, "dataset", "person", REASON)
    with pytest.raises(HubError) as over:
        for _ in pieces:
            now[0] += 1.0
    freezes.lift(office, CHIEF, frozen.id, REASON)
    assert over.value.code == "GRANT_NONE" and now[0] <= 10
    assert events(office, action="EXPORT", result="denied")[-1]["error_code"] == "GRANT_NONE"


def test_statements_rest_sealed_and_are_one_s_own(office):
    """History and kept statements are the account's alone; the database holds no word of them."""
    sql = "SELECT count(*) AS n FROM person WHERE name = '张金丝雀'"
    running.run(office, ANALYST, sql, "basis")
    assert sql in {each.sql for each in saved.history(office, ANALYST)}
    assert not saved.history(office, COLLEAGUE)
    kept = saved.save(office, ANALYST, "常用", sql, "basis")
    assert kept[0].sql == sql and not saved.saved(office, COLLEAGUE)
    with office.transaction() as connection:
        stored = store.saved(connection, ANALYST.name)[0]
    assert "金丝雀".encode() not in stored.sealed_sql
    with pytest.raises(NotFound):
        saved.forget(office, COLLEAGUE, kept[0].id)
    saved.forget(office, ANALYST, kept[0].id)
    with pytest.raises(QueryError):
        running.run(office, ANALYST, "SELECT name FROM person WHERE citizen_id = '1'", "basis")


def test_hidden_items_are_counted_on_the_current_version_alone(office):
    """A version before, of one person more, would tell his hidden value; ordinary statements may read it."""
    folder = office.settings.var.parent
    publish(office, folder, "moved")
    grant(office, "moved")
    office.clock.forward(hours=1)
    path = folder / "moved.csv"
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8")
    assert sync.run(office, ADMIN, "moved").state == "published"
    counting = "SELECT count(*) AS n FROM moved a JOIN moved b ON a.citizen_id = b.citizen_id"
    assert running.run(office, ANALYST, "SELECT count(*) AS n FROM moved", "basis", "1").page.rows
    assert running.run(office, ANALYST, counting, "basis").page.rows
    with pytest.raises(InputError) as refused:
        running.run(office, ANALYST, counting, "basis", "1")
    assert (
        refused.value.code == "AS_OF" and events(office, actor_id="asker", result="denied")[-1]["error_code"] == "AS_OF"
    )
