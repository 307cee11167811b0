"""An exported range verifies offline, by the script alone where the hub cannot be imported; every change shows."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from exchange import crypto
from exchange.auditing import export, offline
from exchange.auditing.anchors import make_anchor
from exchange.auditing.chain import seal_pending
from exchange.hub import open_hub
from exchange.settings import Settings
from schemas.errors import InputError, NotFound
from tests.auditing.conftest import AUDITOR, SECURITY, add

DAY = date(2026, 11, 22)


def unpacked(content: bytes, folder: Path) -> Path:
    """Unpacks an export; returns its folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        file.extractall(folder)
    return next(folder.iterdir())


def run(folder: Path, *options: str):
    """Runs the script of the export as its own process: isolated, elsewhere, without site packages or the hub."""
    command = [sys.executable, "-I", "-S", str(folder / export.SCRIPT), str(folder), *options]
    return subprocess.run(command, cwd="/", env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False)


@pytest.fixture
def exported(hub, tmp_path):
    """The folder of an export of ten events in batches, with an anchor over them and a later batch in the same day."""
    add(hub, 10, case_no="2026-办-1", items=["name", "sex_code"], subject_key_hashes=["ab" * 32])
    seal_pending(hub, size=4)
    make_anchor(hub, SECURITY)
    return unpacked(export.export_range(hub, AUDITOR, DAY, DAY).content, tmp_path / "out")


def test_an_export_verifies_without_the_hub(exported):
    """The script finds the export whole, says by which key, and can import nothing of ours."""
    done = run(exported, "--require-anchor")
    assert done.returncode == 0 and "核验通过" in done.stdout, done.stdout + done.stderr
    public = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))["public"]
    assert run(exported, "--public-key", public).stdout == "核验通过\n"
    assert run(exported, "--public-key", "ab" * 32).returncode == 1
    source = (exported / export.SCRIPT).read_text(encoding="utf-8")
    assert "import exchange" not in source and "from exchange" not in source
    barred = [sys.executable, "-I", "-S", "-c", "import exchange"]
    assert subprocess.run(barred, cwd="/", capture_output=True, check=False).returncode != 0


def _line(folder, number, change):
    path = folder / "records.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    read = json.loads(lines[number - 1])
    change(read)
    lines[number - 1] = json.dumps(read, ensure_ascii=False)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(folder, change):
    path = folder / "records.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")


def _manifest(folder, change):
    path = folder / "manifest.json"
    read = json.loads(path.read_text(encoding="utf-8"))
    change(read)
    path.write_text(json.dumps(read), encoding="utf-8")


CHANGES = [
    (lambda f: _line(f, 3, lambda r: r["facts"].update(actor_id="x")), "记录 3（链接 3）的内容与其散列不符"),
    (lambda f: _line(f, 5, lambda r: r["facts"].update(subject_key_hashes=[])), "记录 5（链接 5）"),
    (lambda f: _line(f, 6, lambda r: r.update(facts=None)), "链接 6 的记录已不在日志中"),
    (lambda f: _lines(f, lambda ls: ls[:3] + ls[4:]), "链接 4 缺失"),
    (lambda f: _lines(f, lambda ls: [*ls[:3], ls[4], ls[3], *ls[5:]]), "链接 4 的次序不对"),
    (lambda f: _lines(f, lambda ls: ls[:-2]), "链接 11 缺失"),
    (lambda f: _lines(f, lambda ls: [*ls[:4], ls[3], *ls[4:]]), "链接 4 重复"),
    (lambda f: _lines(f, lambda ls: ["{}", *ls[1:]]), "第 1 行不能读取"),
    (lambda f: _manifest(f, lambda m: m["batches"][1].update(sealed_at="2020")), "封存批次 2"),
    (lambda f: _manifest(f, lambda m: m.update(last_number=9, batches=m["batches"][:2])), "链接 10 起超出"),
    (lambda f: _manifest(f, lambda m: m.update(prev_sm3="1" * 64)), "链接 1 不接在前一条之后"),
    (
        lambda f: _manifest(f, lambda m: m.update(anchors=[m["anchors"][0].replace("2026-11-22", "2026-11-21")])),
        "的签名不符",
    ),
]


def test_a_changed_export_is_found(exported, tmp_path):
    """Each change of record, order, end, batch or anchor makes the script fail and say which."""
    for number, (change, said) in enumerate(CHANGES):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(exported, copy)
        change(copy)
        done = run(copy)
        assert done.returncode == 1 and said in done.stdout, (said, done.stdout + done.stderr)


def test_an_export_made_anew_does_not_fit_its_anchor(exported):
    """Who changes a record and computes all hashes of the export again fails at the anchor."""
    path = exported / "records.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    records[2]["facts"]["actor_id"] = "nobody"
    previous, heads = records[0]["prev_sm3"], {}
    for each in records:
        each["prev_sm3"] = previous
        previous = each["record_sm3"] = heads[each["number"]] = offline.link(each["facts"], previous)
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    manifest = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    before = manifest["batches"][0]["prev_sm3"]
    for batch in manifest["batches"]:
        batch["head_sm3"], batch["prev_sm3"] = heads[batch["last_number"]], before
        facts = {name: value for name, value in batch.items() if name not in {"prev_sm3", "batch_sm3"}}
        before = batch["batch_sm3"] = offline.link(facts, before)
    (exported / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = run(exported)
    assert done.returncode == 1 and "在签署后被重新计算" in done.stdout
    manifest["anchors"] = []
    (exported / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert run(exported).returncode == 0 and "不能排除整条链被重新计算" in run(exported).stdout
    assert run(exported, "--require-anchor").returncode == 1


def test_a_later_range_goes_on_from_the_one_before(hub, clock, tmp_path, exported):
    """A range in the middle verifies too: its first link follows the head of the batch before, tied by the anchor."""
    clock.forward(days=1)
    add(hub, 3)
    seal_pending(hub)
    clock.forward(days=1)
    add(hub, 3)
    make_anchor(hub, SECURITY)
    middle = unpacked(export.export_range(hub, AUDITOR, date(2026, 11, 23), date(2026, 11, 23)).content, tmp_path / "m")
    done = run(middle, "--require-anchor")
    assert done.returncode == 0, done.stdout
    manifest = json.loads((middle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["first_number"] > 1 and manifest["batches"][-1]["last_number"] > manifest["last_number"]


def test_a_range_without_records_is_refused(hub):
    """Days without sealed records, and days the wrong way round, are told in plain words."""
    add(hub)
    with pytest.raises(NotFound, match="没有已封存"):
        export.export_range(hub, AUDITOR, date(2020, 1, 1), date(2020, 1, 2))
    with pytest.raises(InputError, match="早于"):
        export.export_range(hub, AUDITOR, date(2020, 1, 2), date(2020, 1, 1))


def test_a_folder_that_is_no_export_is_told(tmp_path, exported):
    """Exit status 2 and one sentence."""
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-I", "-S", str(exported / export.SCRIPT), str(tmp_path / "empty")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "manifest.json" in done.stderr and "Traceback" not in done.stderr


def test_the_national_suite_verifies_with_its_key(settings, clock, tmp_path):
    """In `gm` the script needs the key file; without it the signature is said to be unchecked."""
    facts = settings.model_dump() | {"crypto_suite": "gm", "database_url": settings.database_url}
    with open_hub(Settings(**facts), clock) as hub:
        add(hub, 3)
        make_anchor(hub, SECURITY)
        folder = unpacked(export.export_range(hub, AUDITOR, DAY, DAY).content, tmp_path / "out")
        done = run(folder)
        assert done.returncode == 0 and "--hmac-key" in done.stdout and "没有已核验的锚点" in done.stdout
        assert run(folder, "--hmac-key", str(hub.settings.audit_key), "--require-anchor").returncode == 0


@quick(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_sm3_in_plain_python_is_sm3(message):
    """Our own SM3 gives what OpenSSL's gives, for every length around the block's."""
    assert offline.sm3_plain(message) == crypto.sm3(message)
    assert offline.hmac_sm3(message[:80], message) == crypto.KeyedHash("gm", message[:80]).digest(message)


def test_sm3_vector():
    """The standard's first example."""
    assert offline.sm3_plain(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@quick(max_examples=15, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
def test_ed25519_in_plain_python_agrees(secret, message, bit):
    """A signature of the library fits; with any bit of it turned, or over another message, it doesn't."""
    public, signature = crypto.ed25519_public(secret), crypto.ed25519_sign(secret, message)
    assert offline.ed25519_fits(public, message, signature)
    turned = bytearray(signature)
    turned[bit // 8] ^= 1 << bit % 8
    assert not offline.ed25519_fits(public, message, bytes(turned))
    assert not offline.ed25519_fits(public, message + b"x", signature)
    assert not offline.ed25519_fits(public[:31], message, signature)
