"""A person's desk at a small hub, shared by the tests of bad inputs; how a refusal must read."""

import json
import re
from pathlib import Path

from typer.testing import Result

from tests.attack import city_hub
from tests.attack.city_hub import Shuqiao
from tests.exchange.small_city import contract
from tests.granted import opened
from tests.reading import select

SENTENCE = re.compile(r"\[[A-Z_]+\] [^。]*[\u4e00-\u9fff][^。]*。")


def publish(run: Shuqiao, folder: Path, dataset="person", **server: object) -> None:
    """Publishes an entry that reads a file of the folder."""
    path = folder.parent / f"{dataset}.yaml"
    facts = {"connector": "file", "connection": "files", "mode": "snapshot"} | server
    path.write_text(contract(dataset, server=facts), encoding="utf-8")
    with city_hub.without_gx():
        run.ok("entry", "apply", "--publish", path)


def state_of(run: Shuqiao) -> object:
    """Returns everything that a failed command must leave alone."""
    listed = json.loads(run.ok("dataset", "list", "--json").stdout)
    entries = json.loads(run.ok("entry", "list", "--json").stdout)
    with opened(run) as hub:
        answer = select(hub, "SELECT count(*), max(name), min(citizen_id) FROM person")
    return listed, entries, answer


def refused(done: Result, code: str, *words: str, exit_code: int = 2) -> str:
    """Checks that a command ended with one plain sentence: its code, these words, no traceback, nothing on stdout."""
    said = done.stderr.strip()
    assert done.exit_code == exit_code, (done.exit_code, said, done.stdout)
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in said and f"[{code}]" in said, said
    assert SENTENCE.search(said), said
    for word in words:
        assert word in said, (word, said)
    return said


def run_of(done) -> dict[str, object]:
    """Reads the object that a command printed."""
    return dict(json.loads(done.stdout))
