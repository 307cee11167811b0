"""Batches come to tables, folders and interfaces whole, once, in order, and never past a closed gate."""

import datetime as dt
import importlib.util
import io
import json
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.sink_registry import open_sink, sink_kinds
from schemas.delivery import Manifest, PartFile, Receipt, Shipment
from schemas.errors import Denied, HubError, InputError, SchemaDrift, SetupError, SourceDown, SourceError, StateError
from tests.connectors.conftest import mysql

SCHEMA = pa.schema(
    [
        ("cd_operation", pa.string()),
        ("cd_time", pa.timestamp("us", "UTC")),
        ("cd_batch", pa.string()),
        ("row_guid", pa.string()),
        ("name", pa.string()),
        ("born", pa.date32()),
        ("amount", pa.decimal128(20, 2)),
        ("count", pa.int64()),
        ("alive", pa.bool_()),
        ("seen", pa.timestamp("ms", "Asia/Shanghai")),
        ("tags", pa.list_(pa.string())),
        ("photo", pa.binary()),
    ]
)
MOMENT = dt.datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=dt.UTC)


class NoFaults:
    """No fault."""

    def reach(self, point):
        """Does nothing."""


class Trip(RuntimeError):
    """A process that ends here."""


class Fault:
    """Ends the work at one point."""

    def __init__(self, point):
        self.point = point

    def reach(self, point):
        """Raises at the point."""
        if point == self.point:
            raise Trip


def row(number, batch, operation="I"):
    """Makes one row."""
    guid = f"00000000-0000-0000-0000-{number:012d}"
    head = {"cd_operation": operation, "cd_time": MOMENT, "cd_batch": batch, "row_guid": guid}
    if operation == "D":
        return head
    return head | {
        "name": f"张{number}😀",
        "born": dt.date(1990, 1, 2),
        "amount": Decimal("12.30"),
        "count": 2**40,
        "alive": True,
        "seen": MOMENT.replace(microsecond=0),
        "tags": ["甲", "乙"],
        "photo": b"\x00\xff",
    }


def shipment(sequence, rows, kind="changes", batch=None, parts=2):
    """Makes a batch of two files."""
    batch = batch or f"20261122HUB{sequence:06d}"
    held = {}
    size = max(1, -(-len(rows) // parts))
    for number, start in enumerate(range(0, len(rows), size), 1):
        sink = io.BytesIO()
        made = [row(n, batch, op) for n, op in rows[start : start + size]]
        pq.write_table(pa.Table.from_pylist(made, schema=SCHEMA), sink)
        content = sink.getvalue()
        held[f"part-{number:05d}.parquet"] = (
            PartFile(f"part-{number:05d}.parquet", len(made), len(content), "0" * 64),
            content,
        )
    manifest = Manifest(
        batch_no=batch,
        sequence=sequence,
        kind=kind,
        previous=None,
        node_from="HUB",
        node_to="X",
        subscription="dy1",
        entry_code="person",
        contract_version="1.0.0",
        schema_sm3="0" * 64,
        row_count=len(rows),
        columns=tuple((f.name, str(f.type)) for f in SCHEMA),
        min_time=None,
        max_time=None,
        data_version=sequence,
        data_time=None,
        files=tuple(part for part, _ in held.values()),
        created_at="2026-11-22T10:00:00+08:00",
        key_id="k",
    )
    return Shipment(manifest, "c2ln", "parquet", lambda part: held[part.name][1])


ALL = [(number, "I") for number in range(6)]


def let_pass():
    """A gate that is open."""


class Gate:
    """A gate that closes after so many chunks."""

    def __init__(self, passes):
        self.passes = passes

    def __call__(self):
        """Denies when it is closed."""
        self.passes -= 1
        if self.passes < 0:
            raise Denied("授权已失效", code="GRANT_OVER")


class Database:
    """A consumer's front-end database."""

    def __init__(self, url, ask):
        self.url, self.ask = url, ask

    def sink(self, table="sq_person"):
        """Opens the sink of a table."""
        return open_sink("table", self.url, {"table": table})


@pytest.fixture(params=["postgres", "mariadb"])
def front(request):
    """An empty front-end database of each family."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")

        def ask(query):
            with psycopg.connect(url, autocommit=True) as connection:
                found = connection.execute(query)
                return found.fetchall() if found.description else []
    else:
        url = request.getfixturevalue("mysql_url")

        def ask(query):
            with mysql(url) as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())

    for name in ("sq_person", "sq_batches"):
        ask(f"DROP TABLE IF EXISTS {name}")
    yield Database(url, ask)
    for name in ("sq_person", "sq_batches"):
        ask(f"DROP TABLE IF EXISTS {name}")


def test_kinds_are_the_modules():
    """The kinds of place are the modules of the folder, and no other name is imported."""
    assert sink_kinds() == ("callback", "folder", "table")
    with pytest.raises(SourceError):
        open_sink("os", "x", {})


def test_a_table_gets_rows_with_their_types(front):
    """Table and control table are made, and each value arrives as what it is."""
    receipt = front.sink().deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    assert receipt == Receipt("20261122HUB000001", 6, 0, ())
    query = (
        "SELECT cd_operation, cd_batch, name, born, amount, count, alive, tags, photo FROM sq_person ORDER BY row_guid"
    )
    first = front.ask(query)[0]
    assert [*first[:6], bool(first[6])] == [
        "I", "20261122HUB000001", "张0😀", dt.date(1990, 1, 2), Decimal("12.30"), 2**40, True,
    ]  # fmt: skip
    assert json.loads(first[7]) == ["甲", "乙"] and bytes(first[8]) == b"\x00\xff"
    [(moment,)] = front.ask("SELECT cd_time FROM sq_person LIMIT 1")
    local = moment.astimezone(dt.timezone(dt.timedelta(hours=8))) if moment.tzinfo else moment
    assert local.replace(tzinfo=None).isoformat() == "2026-11-22T10:00:00.123456"
    [(batch, kind, count)] = front.ask("SELECT batch_no, kind, row_count FROM sq_batches")
    assert (batch, kind, count) == ("20261122HUB000001", "full", 6)


def test_a_table_takes_a_batch_number_once(front):
    """A repeated batch changes nothing and gives the same receipt."""
    sink = front.sink()
    sink.deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    assert sink.deliver(shipment(1, ALL, "full"), Gate(0), NoFaults()).accepted == 6
    assert front.ask("SELECT count(*) FROM sq_person")[0][0] == 6
    assert sink.receipt("20261122HUB000001").accepted == 6
    assert sink.receipt("20261122HUB000009") is None
    with pytest.raises(StateError, match="DELIVERY_FOREIGN"):
        sink.deliver(shipment(1, ALL[:2], "full"), let_pass, NoFaults())
    assert front.ask("SELECT count(*) FROM sq_person")[0][0] == 6


def test_batches_come_in_order(front):
    """A batch before its turn waits (transient), one after it is refused, and a full batch may close a gap."""
    sink = front.sink()
    sink.deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    with pytest.raises(StateError, match="DELIVERY_ORDER") as early:
        sink.deliver(shipment(3, [(7, "I")]), let_pass, NoFaults())
    assert early.value.transient
    sink.deliver(shipment(2, [(0, "D"), (7, "I")]), let_pass, NoFaults())
    sink.deliver(shipment(3, [(8, "I")]), let_pass, NoFaults())
    with pytest.raises(StateError, match="DELIVERY_ORDER") as late:
        sink.deliver(shipment(2, [(9, "I")], batch="20261122HUB999999"), let_pass, NoFaults())
    assert not late.value.transient
    assert [n for (n,) in front.ask("SELECT count(*) FROM sq_person")] == [9]
    sink.deliver(shipment(6, [(1, "I")], "full"), let_pass, NoFaults())
    assert front.ask("SELECT count(*), min(cd_batch) FROM sq_person")[0] == (1, "20261122HUB000006")


@pytest.mark.parametrize("point", ["delivery.part_written", "delivery.before_commit"])
def test_a_table_holds_nothing_of_a_batch_that_was_cut_off(front, point):
    """What is cut off before the commit leaves no row and no line; after it the repeat finds it there."""
    sink = front.sink()
    with pytest.raises(Trip):
        sink.deliver(shipment(1, ALL, "full"), let_pass, Fault(point))
    assert front.ask("SELECT count(*) FROM sq_person")[0][0] == 0 == front.ask("SELECT count(*) FROM sq_batches")[0][0]
    with pytest.raises(Trip):
        sink.deliver(shipment(1, ALL, "full"), let_pass, Fault("delivery.after_commit"))
    sink.deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    assert front.ask("SELECT count(*) FROM sq_person")[0][0] == 6


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_a_closed_gate_leaves_nothing_in_the_table(front, passes):
    """A grant that ends before any chunk, or before the commit, leaves the table as it was."""
    with pytest.raises(Denied):
        front.sink().deliver(shipment(1, ALL, "full"), Gate(passes), NoFaults())
    assert front.ask("SELECT count(*) FROM sq_person")[0][0] == 0


def test_the_gate_is_asked_before_each_chunk_and_before_the_commit(front):
    """A full batch of two files asks before it empties the table, before each file's rows and before the commit."""
    gate = Gate(100)
    front.sink().deliver(shipment(1, ALL, "full"), gate, NoFaults())
    assert gate.passes == 100 - 4


def test_a_table_of_another_shape_is_refused(front):
    """A table that lacks a granted item, and a value that does not fit, are told without any value."""
    front.ask("CREATE TABLE sq_person (cd_operation varchar(1), row_guid varchar(36))")
    with pytest.raises(SchemaDrift, match="cd_time"):
        front.sink().deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    front.ask("DROP TABLE sq_person")
    columns = ", ".join(f"{f.name} varchar(36)" for f in SCHEMA if f.name != "name")
    front.ask(f"CREATE TABLE sq_person ({columns}, name varchar(1))")
    with pytest.raises(HubError) as caught:
        front.sink().deliver(shipment(1, ALL, "full"), let_pass, NoFaults())
    assert "张" not in str(caught.value) and caught.value.__cause__ is None and caught.value.__context__ is None
    assert front.ask("SELECT count(*) FROM sq_batches")[0][0] == 0


def test_a_table_of_a_server_that_is_down_is_transient():
    """A server that does not answer is tried again; its password is not in the message."""
    for url in ("postgresql://u:hunter2@127.0.0.1:1/d", "mysql://u:hunter2@127.0.0.1:1/d"):
        with pytest.raises(SourceDown) as caught:
            open_sink("table", url, {"table": "t"}).deliver(shipment(1, ALL), let_pass, NoFaults())
        assert "hunter2" not in str(caught.value)


def test_a_mysql_table_without_transactions_is_refused(request):
    """A MyISAM table cannot take a batch whole or not at all."""
    url = request.getfixturevalue("mysql_url")
    with mysql(url) as cursor:
        cursor.execute("DROP TABLE IF EXISTS sq_isam")
        columns = ", ".join(f"`{f.name}` text" for f in SCHEMA)
        cursor.execute(f"CREATE TABLE sq_isam ({columns}) ENGINE=MyISAM")
    with pytest.raises(SourceError, match="InnoDB"):
        open_sink("table", url, {"table": "sq_isam"}).deliver(shipment(1, ALL, "full"), let_pass, NoFaults())


@pytest.fixture(params=["file", "memory"])
def inbox(request, tmp_path):
    """A folder on disk, and one of another file system of fsspec."""
    if request.param == "file":
        return str(tmp_path / "inbox")
    return f"memory://inbox-{tmp_path.name}"


def files_of(sink):
    """Lists what lies in the folder."""
    files, root = sink._opened()
    return sorted(path.rpartition("/")[2] for path in files.find(root)) if files.exists(root) else []


def test_a_folder_gets_parts_and_then_the_manifest(inbox):
    """Parts and manifest lie there under their names, nothing under a temporary one; a repeat writes nothing."""
    sink = open_sink("folder", inbox, {})
    assert sink.deliver(shipment(1, ALL, "full"), let_pass, NoFaults()) is None
    assert files_of(sink) == ["manifest.json", "part-00001.parquet", "part-00002.parquet"]
    sink.deliver(shipment(1, ALL, "full"), Gate(0), NoFaults())
    files, root = sink._opened()
    manifest = json.loads(files.cat_file(f"{root}/20261122HUB000001/manifest.json"))
    assert manifest["signature"] == "c2ln" and manifest["row_count"] == 6
    with pytest.raises(StateError, match="DELIVERY_FOREIGN"):
        sink.deliver(shipment(1, ALL[:2], "full"), let_pass, NoFaults())


@pytest.mark.parametrize("point", ["delivery.part_written", "delivery.before_commit"])
def test_a_folder_without_a_manifest_is_written_again(inbox, point):
    """A batch that was cut off has no manifest; the next try makes it whole."""
    sink = open_sink("folder", inbox, {"receipt": "none"})
    with pytest.raises(HubError):
        sink.deliver(shipment(1, ALL, "full"), let_pass, Fault(point))
    assert "manifest.json" not in files_of(sink)
    assert sink.deliver(shipment(1, ALL, "full"), let_pass, NoFaults()) == Receipt("20261122HUB000001", 6)
    assert files_of(sink) == ["manifest.json", "part-00001.parquet", "part-00002.parquet"]


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_a_closed_gate_leaves_nothing_in_the_folder(inbox, passes):
    """A grant that ends before any chunk, or before the manifest, leaves no file there."""
    sink = open_sink("folder", inbox, {})
    with pytest.raises(Denied):
        sink.deliver(shipment(1, ALL, "full"), Gate(passes), NoFaults())
    assert files_of(sink) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"batch_no": "other", "accepted": 1}', b'{"batch_no": "B", "accepted": -1}',
     b'{"batch_no": "B", "accepted": true}', b'{"batch_no": "B", "accepted": "6"}', b"\xff"],
)  # fmt: skip
def test_a_receipt_that_is_none_is_refused(tmp_path, content):
    """Whatever is no receipt of this batch is told as such."""
    (tmp_path / "B").mkdir()
    (tmp_path / "B" / "ack.json").write_bytes(content)
    with pytest.raises(SourceError, match="RECEIPT"):
        open_sink("folder", str(tmp_path), {}).receipt("B")


def test_sftp_needs_its_driver():
    """SFTP goes through fsspec with paramiko; without it the error names the package."""
    if importlib.util.find_spec("paramiko"):
        pytest.skip("paramiko is installed")
    sink = open_sink("folder", "sftp://u:hunter2@127.0.0.1:1/in", {})
    with pytest.raises(SetupError, match="paramiko") as caught:
        sink.deliver(shipment(1, ALL), let_pass, NoFaults())
    assert "hunter2" not in str(caught.value)


@contextmanager
def consumer(answer):
    """Runs a consumer's interface; `answer(headers, body)` gives status and body."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = b""
            try:
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            except ValueError:  # the hub hung up in the middle
                self.close_connection = True
                return
            seen.append((dict(self.headers), body))
            status, content = answer(self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/in", seen
    finally:
        server.shutdown()
        server.server_close()


def acknowledge(headers, body):
    """Answers with a receipt."""
    return 200, json.dumps({"batch_no": headers["Shuqiao-Batch"], "accepted": 6, "rejected": 0, "errors": []}).encode()


def test_a_callback_gets_batch_and_signature_and_answers_with_the_receipt():
    """One POST carries manifest and files; headers name batch, key and signature; the answer is the receipt."""
    with consumer(acknowledge) as (url, seen):
        sent = shipment(1, ALL, "full")
        receipt = open_sink("callback", url, {"token": "tok"}).deliver(sent, let_pass, NoFaults())
    assert receipt.accepted == 6
    [(headers, body)] = seen
    assert headers["Shuqiao-Signature"] == "c2ln" and headers["Authorization"] == "Bearer tok"
    assert body.count(b"PAR1") == 4 and sent.signed_manifest in body
    for part in sent.manifest.files:
        assert sent.read(part) in body


@pytest.mark.parametrize(
    ("status", "transient", "code"),
    [(503, True, "SOURCE_DOWN"), (429, True, "SOURCE_DOWN"), (425, True, "DELIVERY_ORDER"),
     (401, False, "SOURCE_REFUSED"),
     (400, False, "SOURCE_UNREADABLE"), (302, False, "SOURCE_UNREADABLE"), (200, False, "RECEIPT")],
)  # fmt: skip
def test_a_callback_that_does_not_take_the_batch(status, transient, code):
    """Each answer has its meaning; a redirect is not followed, the consumer's words are not repeated."""
    with consumer(lambda headers, body: (status, "含个人信息的话".encode())) as (url, seen):
        with pytest.raises(HubError) as caught:
            open_sink("callback", url, {}).deliver(shipment(1, ALL), let_pass, NoFaults())
        assert len(seen) == 1
    assert (caught.value.code, caught.value.transient) == (code, transient)
    assert "个人信息" not in str(caught.value)


def test_a_callback_may_answer_later():
    """202 means that the receipt comes later."""
    with consumer(lambda headers, body: (202, b"")) as (url, _):
        assert open_sink("callback", url, {}).deliver(shipment(1, ALL), let_pass, NoFaults()) is None


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_a_closed_gate_cuts_a_callback_off(passes):
    """A grant that ends in the middle cuts the request off: the consumer never has a whole batch."""
    with consumer(acknowledge) as (url, seen):
        with pytest.raises(Denied):
            open_sink("callback", url, {}).deliver(shipment(1, ALL), Gate(passes), NoFaults())
        assert seen == []


def test_a_callback_that_is_down_is_transient():
    """An interface that does not answer is tried again, its password not shown."""
    with pytest.raises(SourceDown) as caught:
        open_sink("callback", "http://u:hunter2@127.0.0.1:1/in", {}).deliver(shipment(1, ALL), let_pass, NoFaults())
    assert "hunter2" not in str(caught.value)


def test_a_manifest_survives_its_way_through_json():
    """What was written is what is read, and any change of it is another text."""
    manifest = shipment(1, ALL).manifest
    again = Manifest.from_facts(json.loads(manifest.canonical()))
    assert again == manifest and again.canonical() == manifest.canonical()
    assert replace(manifest, row_count=7).canonical() != manifest.canonical()
    assert asdict(manifest)["files"][0]["rows"] == 3


@pytest.mark.parametrize("table", ["", "a b", "t;--", "1t", "x" * 64, "表"])
def test_a_name_that_is_no_table_is_refused(table):
    """Only plain names reach SQL."""
    with pytest.raises(InputError):
        open_sink("table", "postgresql://h/d", {"table": table})
