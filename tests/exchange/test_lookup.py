"""A subject is found by every item that names it, in each of its roles, by documents of every type."""

import csv

import pytest
import yaml

from exchange import datasets, entries, sync
from schemas.errors import IdentifierError, InputError, NotFound
from tests.exchange.small_city import citizen_id, contract, csv_server
from tests.reading import look_up, select

COMPANY = "91620400XX00A0013M"


def table(dataset, columns, path):
    """Writes a contract of text columns: name -> (title, custom properties, primary key?)."""
    document = yaml.safe_load(contract(dataset, server=csv_server(path)))
    document["schema"][0]["properties"] = [
        {
            "name": name,
            "physicalName": name,
            "businessName": title,
            "physicalType": "C",
            "logicalType": "string",
            "logicalTypeOptions": {"maxLength": 18 if custom.get("kind") in {"citizen_id", "uscc"} else 32},
            "classification": "S4" if "subjectRole" in custom else "S2",
            "primaryKey": primary,
            "customProperties": [{"property": key, "value": value} for key, value in custom.items()],
        }
        for name, (title, custom, primary) in columns.items()
    ]
    if not any(primary for _, _, primary in columns.values()):
        document["customProperties"].append({"property": "appendOnly", "value": True})
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def publish(hub, admin, dataset, columns, path, rows):
    """Publishes a dataset of these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    entries.apply(hub, admin, table(dataset, columns, path), f"{dataset}.yaml", publish=True)
    done = sync.run(hub, admin, dataset)
    assert done.state == "published", done.hold_reasons
    return done


def test_a_marriage_is_found_by_both_persons(hub, admin, tmp_path):
    """A row with two persons is found by either, in the role in which it names them."""
    person = {"kind": "citizen_id", "subjectType": "111"}
    columns = {
        "no": ("登记证号", {"kind": "text"}, True),
        "a_id": ("男方公民身份号码", person | {"subjectRole": "本人"}, False),
        "b_id": ("女方公民身份号码", person | {"subjectRole": "配偶"}, False),
    }
    rows = [[f"J{n}", citizen_id(2 * n), citizen_id(2 * n + 1)] for n in range(30)]
    rows.append(["J99", citizen_id(0), citizen_id(61)])
    publish(hub, admin, "marriage", columns, tmp_path / "m.csv", rows)
    answer = look_up(hub, "marriage", citizen_id(0))
    assert sorted(row.values["no"] for row in answer.rows) == ["J0", "J99"]
    assert {row.roles for row in answer.rows} == {("本人",)}
    assert [row.roles for row in look_up(hub, "marriage", citizen_id(1)).rows] == [("配偶",)]
    with pytest.raises(IdentifierError, match="ID_LENGTH"):
        look_up(hub, "marriage", "12345")


def test_a_holder_is_found_by_a_number_of_any_type(hub, admin, tmp_path):
    """Where the row says the type, a person, a company and a passport holder are found by their number alone."""
    holder = {"kind": "identifier", "subjectRole": "持证主体", "subjectTypeItem": "holder_type"}
    columns = {
        "no": ("证照编号", {"kind": "text"}, True),
        "holder_type": ("持证主体代码类型", {"kind": "code", "codeSet": "holder_code_type"}, False),
        "holder": ("持证主体代码", holder, False),
    }
    rows = [["1", "111", citizen_id(1)], ["2", "001", COMPANY], ["3", "414", "E12345678"], ["4", "511", "12345678"]]
    publish(hub, admin, "holding", columns, tmp_path / "h.csv", rows)
    for key, number in ((citizen_id(1).lower(), "1"), (COMPANY, "2"), ("e12345678", "3"), ("12345678", "4")):
        [row] = look_up(hub, "holding", key).rows
        assert (row.values["no"], row.roles) == (number, ("持证主体",))
    for wrong in (COMPANY[:-1] + "0", citizen_id(1)[:-1], "1234567", " ", "无"):
        with pytest.raises(IdentifierError) as caught:
            look_up(hub, "holding", wrong)
        assert wrong.strip() == "" or wrong not in str(caught.value).replace("无效", "")


def test_a_company_dataset_and_one_without_subjects(hub, admin, tmp_path):
    """A company is found by its credit code; a table with no person or company in it is a good dataset too."""
    company = {"kind": "uscc", "subjectRole": "本单位", "subjectType": "001"}
    columns = {"uscc": ("统一社会信用代码", company, True)}
    publish(hub, admin, "company", columns, tmp_path / "c.csv", [[COMPANY]])
    assert len(look_up(hub, "company", COMPANY).rows) == 1
    with pytest.raises(IdentifierError, match="USCC"):
        look_up(hub, "company", citizen_id(1))
    plain = {"word": ("词", {"kind": "text"}, False)}
    publish(hub, admin, "words", plain, tmp_path / "w.csv", [["a"], ["a"], ["b"]])
    with pytest.raises(InputError, match="主体"):
        look_up(hub, "words", citizen_id(1))
    counted = select(hub, "select word, count(*) n from words group by word order by word")
    assert counted == [{"word": "a", "n": 2}, {"word": "b", "n": 1}]


def test_what_does_not_exist_is_said(hub, admin):
    """Unknown datasets are said to be unknown."""
    with pytest.raises(NotFound, match="没有数据集"):
        datasets.show_dataset(hub, admin, "person")
    with pytest.raises(NotFound, match="没有数据集"):
        datasets.versions(hub, admin, "nobody")
