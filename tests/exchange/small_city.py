"""A very small city for the tests of exchange: a contract text, rows of fictional people, sources of three modes."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import yaml

PROVIDER = "11620400XX00A0048G"
START = datetime(2026, 11, 20, 2, tzinfo=UTC)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def citizen_id(number: int) -> str:
    """Makes the fictional citizen ID of person `number` (sequences 985-994)."""
    day = datetime(1960, 1, 1, tzinfo=UTC) + timedelta(days=number // 10)
    body = f"620402{day:%Y%m%d}{985 + number % 10}"
    check = "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]
    return body + check


def person(number: int, *, version: int = 1, updated: datetime = START) -> dict[str, str]:
    """Makes the row of person `number`; `version` changes what is not the key."""
    key = citizen_id(number)
    return {
        "gmsfhm": key,
        "xm": f"张{'甲乙丙丁戊己庚辛壬癸'[number % 10]}{'一二三四五六七八九十'[version % 10]}",
        "xb": "1" if int(key[16]) % 2 else "2",
        "csrq": f"{key[6:10]}-{key[10:12]}-{key[12:14]}",
        "gxsj": updated.strftime("%Y-%m-%d %H:%M:%S+00"),
    }


def people(count: int, *, start: int = 0) -> list[dict[str, str]]:
    """Makes `count` people."""
    return [person(number) for number in range(start, start + count)]


def contract(dataset: str = "person", *, server: dict[str, object], **changes: object) -> str:
    """Writes the contract of a register of people; `changes` are root custom properties."""
    base: dict[str, object] = {
        "provider_name": "示例市公安局",
        "provider_code": PROVIDER,
        "share_type": 1,
        "share_mode_category": "1",
        "share_mode": "1",
        "format_category": "3",
        "classification": ["307005"],
        "region_code": "620400",
        "is_open": "0",
    }
    columns = [
        _item("citizen_id", "gmsfhm", "公民身份号码", "C", "S4", maxLength=18, primaryKey=True,
              custom={"kind": "citizen_id", "subjectRole": "本人", "subjectType": "111"}),
        _item("name", "xm", "姓名", "C", "S3", maxLength=50, custom={"kind": "name", "identifying": True}),
        _item("sex_code", "xb", "性别代码", "C", "S2", maxLength=1,
              custom={"kind": "code", "codeSet": "gb_t_2261_1"}),
        _item("birth_date", "csrq", "出生日期", "D", "S3", custom={"kind": "date"}),
    ]  # fmt: skip
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": dataset,
        "name": f"人口{dataset}",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": "公民身份号码、姓名、性别和出生日期等人口信息"},
        "customProperties": _custom(base | changes),
        "slaProperties": [{"property": "updateCycle", "value": "2"}, {"property": "schedule", "value": "0 2 * * *"}],
        "servers": [{"server": "source", "type": "custom", "customProperties": _custom(server)}],
        "schema": [{"name": dataset, "physicalName": "t_person", "properties": columns}],
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def unattached(dataset: str = "person") -> str:
    """Writes the same contract without any attachment."""
    whole = contract(dataset, server={"connector": "file", "location": "/nowhere.csv", "mode": "snapshot"})
    document = yaml.safe_load(whole)
    del document["servers"]
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def _item(name: str, source: str, title: str, letter: str, level: str, **facts: object) -> dict[str, object]:
    custom = facts.pop("custom", {})
    primary = facts.pop("primaryKey", False)
    item: dict[str, object] = {
        "name": name,
        "physicalName": source,
        "businessName": title,
        "physicalType": letter,
        "required": True,
        "classification": level,
        "customProperties": _custom(custom),  # type: ignore[arg-type]
    }
    if primary:
        item["primaryKey"] = True
    if facts:
        item["logicalType"] = "string"
        item["logicalTypeOptions"] = facts
    return item


def _custom(facts: dict[str, object]) -> list[dict[str, object]]:
    return [{"property": name, "value": value} for name, value in facts.items()]


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """Writes the rows as a department would."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["gmsfhm", "xm", "xb", "csrq", "gxsj"])
        writer.writeheader()
        writer.writerows(rows)


class Department:
    """A department's PostgreSQL database with a register of people and a front-end exchange table."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self.connect() as connection:
            connection.execute("create table t_person (gmsfhm text, xm text, xb text, csrq text, gxsj timestamptz)")
            connection.execute(
                "create table t_front (gmsfhm text, xm text, xb text, csrq text, gxsj timestamptz, "
                "cd_operation text, cd_time timestamptz, cd_batch text, row_guid text)"
            )

    def connect(self) -> psycopg.Connection:
        """Opens a connection that commits each statement."""
        return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)

    def put(self, rows: list[dict[str, str]]) -> None:
        """Inserts or replaces people."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.executemany("delete from t_person where gmsfhm = %(gmsfhm)s", rows)
            cursor.executemany("insert into t_person values (%(gmsfhm)s,%(xm)s,%(xb)s,%(csrq)s,%(gxsj)s)", rows)

    def remove(self, keys: list[str]) -> None:
        """Deletes people."""
        with self.connect() as connection:
            connection.execute("delete from t_person where gmsfhm = any(%s)", [keys])

    def change(self, operation: str, rows: list[dict[str, str]], moment: datetime) -> None:
        """Writes rows into the front-end table."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "insert into t_front values (%(gmsfhm)s,%(xm)s,%(xb)s,%(csrq)s,%(gxsj)s,%(op)s,%(at)s,'1',"
                "gen_random_uuid()::text)",
                [row | {"op": operation, "at": moment} for row in rows],
            )


def csv_server(path: Path) -> dict[str, object]:
    """Describes an attachment to one CSV file."""
    return {"connector": "file", "location": str(path), "format": "csv", "mode": "snapshot"}


def table_server(mode: str = "snapshot", **more: object) -> dict[str, object]:
    """Describes an attachment to the department's table."""
    table = "t_front" if mode == "change_flag" else "t_person"
    facts: dict[str, object] = {"connector": "postgres", "connection": "police", "table": table, "mode": mode}
    if mode == "watermark":
        facts["watermarkColumn"] = "gxsj"
    return facts | more
