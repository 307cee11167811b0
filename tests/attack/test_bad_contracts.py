"""Bad contracts: one plain sentence with line, code and next step, and the directory stays as it was."""

import json
import os
from collections.abc import Callable

import pytest

from tests.attack.desk import publish, refused, state_of
from tests.exchange.small_city import person
from tests.granted import ask, grant, look_up, opened

TYPO = ("physicalName: gmsfhm", "physicalNmae: gmsfhm")
CONTRACTS: dict[str, tuple[Callable[[str], str | bytes], str, str]] = {
    "a typo in a key": (lambda text: text.replace(*TYPO), "CONTRACT_KEY_UNKNOWN", "physicalName"),
    "a duplicate item": (lambda text: text.replace("name: sex_code", "name: name"), "CONTRACT_ITEM_DUPLICATE", "重复"),
    "an unknown code set": (lambda text: text.replace("gb_t_2261_1", "gb_t_1"), "CONTRACT_CODE_SET", "gb_t_2261_1"),
    "a missing key": (lambda text: text.replace("version: 1.0.0\n", ""), "CONTRACT_KEY_MISSING", "version"),
    "a key twice": (lambda text: text.replace("status: active", "status: active\nstatus: active"),
                    "CONTRACT_KEY_DUPLICATE", "status"),
    "junk": (lambda text: os.urandom(2000), "FILE_ENCODING", "UTF-8"),
    "another encoding": (lambda text: text.encode("gb18030"), "FILE_ENCODING", "UTF-8"),
    "nothing": (lambda text: "", "CONTRACT_TYPE", "键值对"),
    "no YAML": (lambda text: text.replace("schema:", "schema: ["), "CONTRACT_YAML", "缩进"),
    "a bomb": (lambda text: "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "CONTRACT_YAML", "锚点"),
    "a hundred megabytes": (lambda text: "a: 1\n" * 20_000_000, "CONTRACT_YAML", "1 MB"),
    "code": (lambda text: 'a: !!python/object/apply:os.system ["true"]', "CONTRACT_YAML", "标签"),
    "a depth without end": (lambda text: "a: " + "[" * 9000, "CONTRACT_YAML", "30层"),
    "another's name": (lambda text: text.replace("- name: person\n", "- name: x\n").replace("id: person", "id: ../x"),
                       "CONTRACT_VALUE", "../x"),
    "a name of ours": (lambda text: text.replace("name: sex_code", "name: key_hash"), "CONTRACT_VALUE", "key_hash"),
    "a column of ours": (lambda text: text.replace("physicalName: xb", "physicalName: _row"), "CONTRACT_VALUE", "_row"),
    "side tables of another": (lambda text: text.replace("person", "person__side_x"), "CONTRACT_VALUE", "自用"),
    "a way out of the folder": (lambda text: text.replace("人口 名册.csv", "../x.csv"), "CONTRACT_ATTACHMENT", "相对"),
}  # fmt: skip


@pytest.mark.parametrize("what", CONTRACTS)
def test_a_bad_contract_is_refused(what, desk, folder):
    """`entry check` and `entry apply` say what is wrong with its code and next step; the directory stays as it was."""
    spoil, code, word = CONTRACTS[what]
    spoilt = spoil((folder.parent / "person.yaml").read_text(encoding="utf-8"))
    path = folder / "目录 条目.yaml"
    path.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    before = state_of(desk)
    refused(desk("entry", "apply", "--publish", path), code, word)
    checked = desk("entry", "check", path)
    assert checked.exit_code == 2 and (code in checked.stdout or code in checked.stderr)
    assert state_of(desk) == before


def test_a_contract_that_is_not_there(desk, folder):
    """A missing file and a folder are said to be unreadable."""
    refused(desk("entry", "apply", folder / "nope.yaml"), "FILE_UNREADABLE", "nope.yaml")
    refused(desk("entry", "check", folder), "FILE_UNREADABLE")


@pytest.mark.parametrize("dataset", ["runs", "connections", "pg_class", "table", "order"])
def test_a_dataset_may_be_named_like_anything(dataset, desk, folder):
    """A dataset named like a table of the hub, of PostgreSQL or a word of SQL is a dataset like any other."""
    publish(desk, folder, dataset, location="人口 名册.csv")
    assert json.loads(desk.ok("sync", "run", dataset, "--json").stdout)["inserted"] == 200
    with opened(desk) as hub:
        grant(hub, dataset)
    counted = ask(desk, f'SELECT count(*) AS n FROM "{dataset}"', "--json")
    assert json.loads(counted.stdout)["page"]["rows"] == [[200]], counted.stderr
    assert len(json.loads(look_up(desk, dataset, person(3)["gmsfhm"], "--json").stdout)["rows"]) == 1
