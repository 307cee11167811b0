"""Views, and look-ups and queries under a grant at the terminal, on a generated city."""

import json
import stat

from tests.cli.conftest import DATASETS
from tests.exchange.small_city import citizen_id
from tests.granted import AS_ASKER, ask, look_up, opened
from tests.portal.conftest import PASSWORD, add_person
from tests.reading import select


def found(done) -> list[dict[str, object]]:
    """Reads the rows of a look-up."""
    return json.loads(done.stdout)["rows"]


def rows(hub, statement) -> list[dict[str, object]]:
    """Reads rows as they are held, without a grant."""
    with opened(hub) as other:
        return select(other, statement)


def test_lists_and_views(hub):
    """Datasets, versions, entries and connections as tables and as JSON of the same things."""
    listed = json.loads(hub.ok("dataset", "list", "--json").stdout)
    assert [view["dataset"] for view in listed] == sorted(DATASETS)
    table = hub.ok("dataset", "list").stdout
    assert all(view["title"] in table and str(view["rows"]) in table for view in listed)
    shown = json.loads(hub.ok("dataset", "show", "population", "--json").stdout)
    assert {item["name"]: item["sealed"] for item in shown["items"]}["citizen_id"] is True
    assert {problem["code"] for problem in shown["open_problems"]}
    assert "公民身份号码" in hub.ok("dataset", "show", "population").stdout
    (version,) = json.loads(hub.ok("dataset", "versions", "population", "--json").stdout)
    assert (version["version"], version["kind"], version["inserted"]) == (1, "同步", shown["rows"])
    entry = json.loads(hub.ok("entry", "show", shown["dataset"], "--json").stdout)
    assert json.loads(hub.ok("entry", "show", entry["code"], "--json").stdout) == entry
    assert "人口基础信息" in hub.ok("entry", "show", entry["code"]).stdout
    assert "口令" not in hub.ok("connection", "list").stdout


def test_look_up_by_person(hub):
    """A person is found in any writing of the number, with the role; one who is not there gives no row."""
    key = rows(hub, "SELECT citizen_id FROM population WHERE doc_type = '111' LIMIT 1")[0]["citizen_id"]
    wide = "".join(chr(ord(character) + 0xFEE0) for character in key)
    for typed in (key, f" {key[:6]} {key[6:].lower()} ", wide):
        (row,) = found(look_up(hub, "population", typed, "--json"))
        assert row["values"]["citizen_id"] == key and row["roles"] == ["本人"]
    assert found(look_up(hub, "population", citizen_id(9), "--json")) == []
    shown = look_up(hub, "population", key)
    assert "本人" in shown.stdout and "查到，授权 G-population，版本 1" in shown.stderr


def test_look_up_of_payments(hub):
    """A person with twelve payments has twelve rows."""
    statement = "SELECT person_id AS p, count(*) AS n FROM subsidy_payment GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    person, count = rows(hub, statement)[0].values()
    assert count > 1 and len(found(look_up(hub, "subsidy_payment", person, "--json"))) == count


def test_look_up_by_either_spouse(hub):
    """A marriage is found by each of its two persons, in the role that each has."""
    statement = "SELECT registration_no, person_id, spouse_id FROM marriage WHERE spouse_id_type = '111' LIMIT 1"
    pair = rows(hub, statement)[0]
    for item, role in (("person_id", "本人"), ("spouse_id", "配偶")):
        answers = found(look_up(hub, "marriage", pair[item], "--json"))
        roles = {row["values"]["registration_no"]: row["roles"] for row in answers}
        assert roles[pair["registration_no"]] == [role]


def test_look_up_by_company_and_by_its_head(hub):
    """A company is found by its code; by its legal representative's number it is found in that role."""
    company = rows(hub, "SELECT uscc, legal_rep_id FROM legal_entity WHERE legal_rep_id_type = '111' LIMIT 1")[0]
    (row,) = found(look_up(hub, "legal_entity", company["uscc"], "--json"))
    assert row["roles"] == ["本单位"]
    heads = found(look_up(hub, "legal_entity", company["legal_rep_id"], "--json"))
    assert ["法定代表人"] in [each["roles"] for each in heads]


def test_nobody_looks_up_without_a_grant(hub):
    """The machine's administrator has no look-up of his own; an account without a grant is told what to apply for."""
    key = citizen_id(9)
    bare = hub("dataset", "lookup", "population", key)
    assert bare.exit_code == 2 and "缺少选项 --login" in bare.stderr and key not in bare.stderr
    with opened(hub) as other:
        add_person(other, "nobody", "window")
    asked = ("dataset", "lookup", "population", key, "--login", "nobody", "--purpose", "basis", "--case", "BJ-2026-1")
    refused = hub(*asked, input=PASSWORD + "\n")
    assert refused.exit_code == 4 and "GRANT_NONE" in refused.stderr and refused.stdout == ""
    gone = hub("dataset", "query", "SELECT 1")
    assert gone.exit_code == 2 and "shuqiao query run" in gone.stderr and "按授权查询" in gone.stderr


def test_a_query_under_a_grant(hub, tmp_path):
    """The granted rows as a table, as JSON and as a file that is there whole, for its owner alone."""
    statement = "SELECT sex_code, count(*) AS n FROM population GROUP BY 1 ORDER BY 1"
    asked = json.loads(ask(hub, statement, "--json").stdout)
    assert [dict(zip(("sex_code", "n"), row, strict=True)) for row in asked["page"]["rows"]] == rows(hub, statement)
    assert "授权 G-population" in ask(hub, statement).stderr
    path = tmp_path / "结果 1.csv"
    done = hub("query", "download", statement, "-o", path, *AS_ASKER, input=PASSWORD + "\n")
    assert done.exit_code == 0 and done.stdout == "" and str(path) in done.stderr, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and "sex_code,n" in path.read_text(encoding="utf-8-sig")
    again = hub("query", "download", statement, "-o", path, *AS_ASKER, input=PASSWORD + "\n")
    assert again.exit_code == 2 and "OUTPUT_UNWRITABLE" in again.stderr


def test_nothing_but_data_on_standard_output(hub):
    """Progress bars and sentences stay away from pipes."""
    done = hub.ok("sync", "run", "marriage", "--json")
    assert done.stderr == "" and json.loads(done.stdout)["unchanged"] > 0
