"""Sealed frames: whole folders come back, anything cut, moved, reordered or changed does not."""

import json
import shutil

import pyarrow as pa
import pytest

from lake.frames import FrameStore, part_name
from schemas.errors import InputError, NotFound, SealBroken, StorageError
from tests.lake.people import RealFrames

FOLDER = "landing/people/run1"


def batches(count: int, rows: int = 10) -> list[pa.RecordBatch]:
    """Returns numbered batches with a name in each row."""
    return [
        pa.record_batch({"n": list(range(i * rows, (i + 1) * rows)), "name": ["张三丰"] * rows}) for i in range(count)
    ]


@pytest.fixture
def store(tmp_path) -> FrameStore:
    """A store over a fresh root."""
    return FrameStore(tmp_path, RealFrames())


def fill(store: FrameStore, folder: str = FOLDER, count: int = 6, part_rows: int = 20) -> None:
    """Writes a finished folder."""
    with store.writer(folder, part_rows) as writer:
        for batch in batches(count):
            writer.append(batch)
        writer.commit({"cursor": "2026-01-01"})


def numbers(store: FrameStore, folder: str = FOLDER) -> list[int]:
    """Reads the folder's numbers."""
    return [n for batch in store.reader(folder) for n in batch.column("n").to_pylist()]


def test_batches_come_back_in_order_over_several_parts(store):
    """Rows, facts, schema and order survive; parts hold about as many rows as asked."""
    fill(store)
    reader = store.reader(FOLDER)
    assert numbers(store) == list(range(60))
    assert (reader.rows, reader.facts, len(reader.parts)) == (60, {"cursor": "2026-01-01"}, 3)
    assert [reader.part_rows(name) for name in reader.parts] == [20, 20, 20]
    assert reader.schema.names == ["n", "name"]
    assert store.exists(FOLDER)


def test_no_value_rests_in_plain(store):
    """Neither numbers' names nor texts can be found in any file."""
    fill(store)
    raw = b"".join(path.read_bytes() for path in store.path(FOLDER).iterdir())
    assert "张三丰".encode() not in raw


def test_an_empty_reading_is_a_folder_without_parts(store):
    """A reading of no rows exists, with its schema."""
    schema = pa.schema([("n", pa.int64())])
    with store.writer(FOLDER) as writer:
        writer.append(pa.record_batch({"n": pa.array([], pa.int64())}))
        writer.commit({}, schema)
    reader = store.reader(FOLDER)
    assert (reader.rows, reader.parts, list(reader), reader.schema) == (0, (), [], schema)


def test_a_writer_that_stops_leaves_nothing(store):
    """Without a commit the folder does not exist, and none of its bytes is left."""
    with pytest.raises(ValueError, match="source"), store.writer(FOLDER, 10) as writer:
        for batch in batches(3):
            writer.append(batch)
        raise ValueError("source went away")
    assert not store.exists(FOLDER)
    assert not store.path(FOLDER).exists()
    with pytest.raises(NotFound):
        store.reader(FOLDER)


def test_a_part_without_manifest_does_not_exist(store):
    """What a killed writer left is not read, and the next writer clears it."""
    store.write_part(FOLDER, 7, batches(1))
    assert not store.exists(FOLDER)
    fill(store)
    assert not (store.path(FOLDER) / part_name(7)).exists()


def test_workers_write_parts_that_one_commit_names(store):
    """Parts written on their own, in any order and twice, become one folder in the order they are named."""
    store.begin(FOLDER)
    second = store.write_part(FOLDER, 1, batches(2)[1:])
    store.write_part(FOLDER, 0, batches(1))
    first = store.write_part(FOLDER, 0, batches(1))
    empty = store.write_part(FOLDER, 2, [])
    store.commit(FOLDER, [first, second, empty], {}, batches(1)[0].schema)
    assert numbers(store) == list(range(20))
    assert store.reader(FOLDER).parts == (part_name(0), part_name(1))


def test_a_failing_worker_leaves_no_part(store):
    """A part whose rows fail half-way is removed."""

    def failing():
        yield from batches(3)
        raise ValueError("row")

    with pytest.raises(ValueError, match="row"):
        store.write_part(FOLDER, 0, failing())
    assert list(store.path(FOLDER).iterdir()) == []


def corrupt(path, change) -> None:
    """Rewrites a file."""
    path.write_bytes(change(bytearray(path.read_bytes())))


def frames_of(raw: bytearray) -> list[bytes]:
    """Splits a part into its header and frames."""
    out, at = [bytes(raw[:26])], 26
    while at < len(raw):
        size = 9 + int.from_bytes(raw[at : at + 8], "big")
        out.append(bytes(raw[at : at + size]))
        at += size
    return out


def flip(raw: bytearray, at: int) -> bytearray:
    """Flips one bit."""
    raw[at] ^= 1
    return raw


DAMAGE = {
    "last frame cut": lambda raw: b"".join(frames_of(raw)[:-1]),
    "all frames cut": lambda raw: raw[:26],
    "cut inside a frame": lambda raw: raw[:-5],
    "cut inside a frame's head": lambda raw: raw[:30],
    "frames reordered": lambda raw: b"".join([frames_of(raw)[n] for n in (0, 2, 1, 3, 4)]),
    "a frame in place of another": lambda raw: b"".join([frames_of(raw)[n] for n in (0, 1, 1, 3, 4)]),
    "frame repeated": lambda raw: b"".join([frames_of(raw)[n] for n in (0, 1, 1, 2, 3, 4)]),
    "bytes appended": lambda raw: raw + b"x",
    "a bit flipped": lambda raw: flip(raw, len(raw) - 3),
    "last flag flipped": lambda raw: flip(raw, 26 + 8),
    "magic changed": lambda raw: flip(raw, 0),
    "file id changed": lambda raw: flip(raw, 20),
    "length enlarged": lambda raw: flip(raw, 26),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_part_is_refused(store, name):
    """Whatever is done to a part's bytes, reading it raises SealBroken."""
    fill(store, count=8, part_rows=40)
    corrupt(store.path(FOLDER) / part_name(0), DAMAGE[name])
    with pytest.raises(SealBroken):
        numbers(store)


def test_a_part_of_another_folder_or_place_is_refused(store):
    """A part put in the place of another, of this or another run, does not open; nor does an older try of itself."""
    fill(store)
    fill(store, "landing/people/run2")
    one, two = store.path(FOLDER), store.path("landing/people/run2")
    for source in (two / part_name(0), one / part_name(1)):
        kept = (one / part_name(0)).read_bytes()
        shutil.copy(source, one / part_name(0))
        with pytest.raises(SealBroken):
            numbers(store)
        (one / part_name(0)).write_bytes(kept)
    older = (one / part_name(0)).read_bytes()
    fill(store)
    present = (one / part_name(0)).read_bytes()
    for raw in (older, present[:26] + older[26:]):
        (one / part_name(0)).write_bytes(raw)
        with pytest.raises(SealBroken):
            numbers(store)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body | {"rows": 40, "parts": body["parts"][:2]},
        lambda body: body | {"facts": {"cursor": "2027-01-01"}},
        lambda body: body | {"seal": "AAAA"},
        lambda body: body | {"seal": "A"},
    ],
)
def test_a_changed_manifest_is_refused(store, change):
    """A manifest that drops a part or changes a fact does not open."""
    fill(store)
    path = store.path(FOLDER) / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(SealBroken):
        store.reader(FOLDER)


def test_a_manifest_of_another_folder_is_refused(store):
    """A whole folder moved to another run does not open."""
    fill(store)
    shutil.copytree(store.path(FOLDER), store.path("landing/people/run9"))
    with pytest.raises(SealBroken):
        store.reader("landing/people/run9")


def test_a_full_disk_is_transient_and_leaves_nothing(store):
    """When no byte can be written the error says so, may be tried again, and the part is gone."""
    store.begin(FOLDER)
    (store.path(FOLDER) / part_name(0)).symlink_to("/dev/full")
    with pytest.raises(StorageError, match="磁盘空间不足") as caught:
        store.write_part(FOLDER, 0, batches(40, 1000))
    assert caught.value.transient
    assert list(store.path(FOLDER).iterdir()) == []


def test_names_stay_inside_the_root(store):
    """A folder name that would leave the lake is refused."""
    for folder in ("landing/../run1", "landing/people/../../x", "landing//x", "landing/people/"):
        with pytest.raises(InputError):
            store.path(folder)


def test_a_missing_part_is_a_storage_error(store):
    """A part that is gone is named, without a path."""
    fill(store)
    (store.path(FOLDER) / part_name(1)).unlink()
    with pytest.raises(StorageError, match="ENOENT"):
        numbers(store)


def test_remove_takes_everything(store):
    """A removed folder does not exist; removing it again is no error."""
    fill(store)
    store.remove(FOLDER)
    store.remove(FOLDER)
    assert not store.exists(FOLDER)
