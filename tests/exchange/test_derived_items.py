"""Derived items rest in plain beside sealed ones, follow every change, and answer statistics that open nothing."""

import pytest
import yaml

from exchange import entries, sync
from lake.layout import Layout
from schemas import contract as contracts
from schemas.errors import ContractError
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import contract, csv_server, people, write_csv
from tests.reading import select

DERIVED = {"birth_year": "gmsfhm", "age_band": "csrq", "sex_of": "gmsfhm", "city_of": "gmsfhm"}


def text(path, change=lambda item: None, **server):
    """Writes the contract with every derived item; `change` edits each of them."""
    document = yaml.safe_load(contract(server=csv_server(path) | server))
    items = document["schema"][0]["properties"]
    next(each for each in items if each["name"] == "birth_date")["classification"] = "S4"
    for kind, source in DERIVED.items():
        item = {
            "name": kind, "physicalName": source, "businessName": f"派生{kind}", "physicalType": "C",
            "classification": "S2", "customProperties": [{"property": "kind", "value": kind}],
        }  # fmt: skip
        change(item)
        items.append(item)
    return yaml.safe_dump(document, allow_unicode=True)


def test_derived_items_rest_in_plain_and_follow_their_rows(hub, clock, tmp_path):
    """Number and birthday are sealed, what statistics need is not; who has grown older is updated, nobody else."""
    path = tmp_path / "p.csv"
    rows = people(120)
    write_csv(path, rows)
    entries.apply(hub, ADMIN, text(path), "person", publish=True)
    assert sync.run(hub, ADMIN, "person").state == "published"
    layout = Layout.of(contracts.load(text(path), "person").entry)
    assert {"citizen_id", "birth_date", "name"} <= {column.name for column in layout.sealed}
    assert not {column.name for column in layout.sealed} & set(DERIVED)
    found = select(hub, f"SELECT citizen_id, birth_date, {', '.join(DERIVED)} FROM person")
    for row in found:
        assert row["birth_year"] == f"{row['birth_date']:%Y}" and row["city_of"] == "620400"
        assert row["sex_of"] == ("1" if int(row["citizen_id"][16]) % 2 else "2")
        assert row["age_band"] == "65-69"
    assert len(found) == 120 and sync.run(hub, ADMIN, "person").updated == 0
    clock.forward(days=366 * 4)
    assert sync.run(hub, ADMIN, "person").updated == 120
    assert {row["age_band"] for row in select(hub, "SELECT age_band FROM person")} == {"70-74"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"physicalName": "xb"}, "没有数据项以所需的kind读取"),
        ({"classification": "S1"}, "定为S1"),
        ({"required": True}, "被设为必填、主键或主体标识"),
    ],
)
def test_a_derived_item_that_makes_no_sense_is_refused(tmp_path, change, said):
    """Without an item beneath, too open, or as a key: told with its place."""
    with pytest.raises(ContractError, match=said):
        contracts.load(text(tmp_path / "p.csv", lambda item: item.update(change)), "person")


def test_ages_are_not_kept_where_nobody_reads_again():
    """Rows of a front-end table come once: an age band of theirs would grow wrong."""
    whole = yaml.safe_load(text("p.csv"))
    whole["servers"][0]["customProperties"] = [
        {"property": name, "value": value}
        for name, value in {
            "connector": "postgres",
            "connection": "police",
            "table": "t_front",
            "mode": "change_flag",
        }.items()
    ]
    with pytest.raises(ContractError, match="年龄段不会更新"):
        contracts.load(yaml.safe_dump(whole, allow_unicode=True), "person")
