"""A city of canaries and an ear at every way out of it: what is sent is decoded and searched. Not a test.

Each value that no grant gives carries a marker: names, numbers and birthdays of everybody, an item that nobody was
granted, and every item of the rows outside of the row filter. The names of `open` are granted to its analyst alone.
"""

import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from sqlalchemy import text

from catalog.stores import departments
from exchange import entries, sync
from schemas.grants import GrantedItem, Predicate, Quota, RowFilter
from schemas.sharing import Terms
from tests.attack.scanner import Scanner, Truth
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER, citizen_id, contract, csv_server
from tests.interfaces.conftest import DATASET as PENSION
from tests.interfaces.conftest import attach
from tests.interfaces.conftest import grant as grant_interface
from tests.interfaces.provider import answer, row
from tests.queries.conftest import grant
from tests.sharing.conftest import AUTHORITY, CONDITIONAL, CONSUMER, OTHER, written

PEOPLE = 60
#: Middle of a name: every mask hides it. The second one stands in the names of `open`.
CANARY, NIGHTINGALE = "丝雀笼", "莺歌声"
OUTSIDE, MEMO = "城外之人", "无权之言"
_LAST = "甲乙丙丁戊己庚辛壬癸"
EVERY_WAY = ("lookup", "reuse", "verify", "compare", "subscription", "query", "file")
MEN = RowFilter(predicates=(Predicate("sex_code", "=", ("1",)),))
STATES = {"citizen_id": "masked", "name": "masked", "sex_code": "plain", "town": "plain", "birth_date": "condition"}


def person(number: int, middle: str = CANARY) -> dict[str, str]:
    """Makes a person; women live outside of the rows that are granted."""
    key = citizen_id(number)
    man = int(key[16]) % 2
    return {
        "gmsfhm": key, "xm": f"金{middle}{_LAST[number // 10]}{_LAST[number % 10]}", "xb": "1" if man else "2",
        "csrq": f"{key[6:10]}-{key[10:12]}-{key[12:14]}", "town": f"{'城内居民' if man else OUTSIDE}{number:02d}",
        "memo": f"{MEMO}{number:02d}",
    }  # fmt: skip


EVERYBODY = [person(number) for number in range(PEOPLE)]
MAN, OTHER_MAN = [each for each in EVERYBODY if each["xb"] == "1"][:2]
WOMAN = next(each for each in EVERYBODY if each["xb"] == "2")


def terms(states: dict[str, str], rows: RowFilter = MEN, **changes: object) -> Terms:
    """Makes the terms of a grant of these items by every way."""
    compared = {"condition": ("=", "<", ">=")}
    items = tuple(GrantedItem(name, state, comparisons=compared.get(state, ())) for name, state in states.items())
    facts = {
        "items": items, "rows": rows, "purposes": ("basis",), "ways": EVERY_WAY, "ends": date(2027, 11, 22),
        "quota": Quota(keys_a_day=100_000, rows_an_export=1000), "minimum_rows": 10,
    }  # fmt: skip
    return Terms(**facts | changes)  # type: ignore[arg-type]


def fill(hub, folder, provider, url) -> dict[str, str]:
    """Publishes `register` and `second` (masked), `open` (names in plain), `closed` (not granted) and an interface.

    Returns the numbers of the requests by dataset.
    """
    with hub.transaction() as connection:
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1)"))
        for code in (PROVIDER, CONSUMER, AUTHORITY, OTHER):
            departments.save(connection, code, f"部门{code[10:14]}", hub.clock.now())
        connection.execute(text("update hub.departments set region_code = '620400'"))
    for dataset, middle in (("register", CANARY), ("second", CANARY), ("open", NIGHTINGALE), ("closed", CANARY)):
        _publish(hub, folder, dataset, [person(number, middle) for number in range(PEOPLE)])
    few = Quota(keys_a_day=100_000, rows_an_export=5)
    numbers = {
        "register": grant(hub, "register", terms(STATES)),
        "second": grant(hub, "second", terms(STATES)),
        "open": grant(hub, "open", terms({"name": "plain"}, quota=few, provider_reviews_exports=True)),
    }
    provider.behave = lambda key: answer(row(key, xm=EVERYBODY[0]["xm"]))
    entries.apply(hub, ADMIN, written(PENSION, region=True, share_mode="3", **CONDITIONAL), "a", publish=True)
    attach(hub, url)
    hidden = {"citizen_id": "condition", "name": "masked", "sex_code": "plain", "birth_date": "condition"}
    numbers[PENSION] = grant_interface(hub, states=hidden).number
    return numbers


def _publish(hub, folder, dataset: str, rows: list[dict[str, str]]) -> None:
    path = folder / f"{dataset}.csv"
    path.write_text("\n".join([",".join(rows[0]), *(",".join(each.values()) for each in rows)]) + "\n", "utf-8")
    document = yaml.safe_load(contract(dataset, server=csv_server(path), **CONDITIONAL))
    for name, level in (("town", "S1"), ("memo", "S3")):
        document["schema"][0]["properties"].append(
            {"name": name, "physicalName": name, "businessName": {"town": "住地", "memo": "备注"}[name],
             "physicalType": "C", "classification": level, "logicalType": "string",
             "logicalTypeOptions": {"maxLength": 40}}
        )  # fmt: skip
    entries.apply(hub, ADMIN, yaml.safe_dump(document, allow_unicode=True), dataset, publish=True)
    assert sync.run(hub, ADMIN, dataset).state == "published"


def _markers(*words: str, but: dict[str, str] | None = None) -> Scanner:
    """Looks for the words, all birthdays, and all numbers but that of one person, which the asker gave himself."""
    values = dict.fromkeys([CANARY, OUTSIDE, MEMO, *words], "text")
    values |= {each["gmsfhm"]: "id" for each in EVERYBODY if each is not but}
    values |= dict.fromkeys({each["csrq"] for each in EVERYBODY}, "text")
    days = {each["csrq"].replace("-", "") for each in EVERYBODY if not but or each["csrq"] != but["csrq"]}
    return Scanner(Truth(values | dict.fromkeys(days, "text")))


#: What nobody gets; what nobody gets but the analyst of `open` in his own answers; what is searched for in a workbook
#: that comes back with its maker's numbers, and in answers that repeat the number that was asked for.
NOBODY, OTHERS = _markers(), _markers(NIGHTINGALE)
VALUES = Scanner(Truth(dict.fromkeys([CANARY, NIGHTINGALE, OUTSIDE, MEMO, *(p["csrq"] for p in EVERYBODY)], "text")))
ABOUT = {each["gmsfhm"]: _markers(NIGHTINGALE, but=each) for each in (MAN, WOMAN)}


def found_in(content: bytes, place: str, scanner: Scanner) -> set[tuple[str, str]]:
    """Returns where in an answer a marker stands and how it was written: decoded, whatever the format."""
    return {(hit.place, hit.how) for part, name in _decoded(content, place) for hit in scanner.bytes(part, name)}


def words_of(content: bytes) -> str:
    """Returns all that stands in an answer, as text."""
    return "\n".join(part.decode("utf-8", "replace") for part, _ in _decoded(content, ""))


def _decoded(content: bytes, place: str) -> Iterator[tuple[bytes, str]]:
    yield content, place
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            for name in file.namelist():
                yield name.encode(), place
                yield from _decoded(file.read(name), f"{place}!{name}")
    elif content[:4] == b"PAR1":
        with pq.ParquetFile(io.BytesIO(content)) as file:
            yield _told(file.read(), file.metadata.metadata), f"{place} (parquet)"
    elif content[:4] == b"\xff\xff\xff\xff":
        table = pa.ipc.open_stream(io.BytesIO(content)).read_all()
        yield _told(table, table.schema.metadata), f"{place} (arrow)"
    elif content[:4] == b"%PDF":
        yield pdf_text(content).encode(), f"{place} (pdf)"
    elif content[:1] in (b"{", b"["):
        with suppress(ValueError):
            yield from _values(json.loads(content), place)


def _told(table: pa.Table, facts: object) -> bytes:
    fields = [(field.name, field.metadata) for field in table.schema]
    return repr([table.to_pydict(), facts, fields]).encode()


def _values(value: object, place: str) -> Iterator[tuple[bytes, str]]:
    """Looks into the texts of an answer in JSON: a file may stand in one as Base64."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each, place)
    elif isinstance(value, str) and len(value) > 200 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
        yield from _decoded(base64.b64decode(value), f"{place} (base64)")


def pdf_text(content: bytes) -> str:
    """Reads the words of a PDF that reportlab wrote: streams packed in ASCII85, texts in UTF-16."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
    pages = [zlib.decompress(base64.a85decode(each.strip(), adobe=True)) for each in streams if b"~>" in each]
    words = [_unescaped(each) for page in pages for each in re.findall(rb"\(((?:\\.|[^\\)])*)\)", page, re.DOTALL)]
    return "\n".join(words)


def _unescaped(word: bytes) -> str:
    def plain(match: re.Match[bytes]) -> bytes:
        said = match.group(1)
        letters = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
        return bytes([int(said, 8)]) if said.isdigit() else letters.get(said, said)

    raw = re.sub(rb"\\([0-7]{1,3}|.)", plain, word, flags=re.DOTALL)
    return raw.decode("utf-16-be", "replace") + raw.decode("latin-1")


class Ear:
    """Stands before the application and hears what leaves it; `leaks` are the answers with a marker in them.

    `own`: an address in which one of these words stands is searched for the markers beside it.
    """

    def __init__(self, app) -> None:
        self.app = app
        self.own: dict[str, Scanner] = {}
        self.answered: dict[tuple[str, str], set[int]] = {}
        self.leaks: set[tuple[str, str]] = set()
        self.scanner = OTHERS
        self.heard = 0

    async def __call__(self, scope, receive, send) -> None:
        """Passes one request through and searches its answer, head and body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        heads, body = [], bytearray()

        async def listened(message) -> None:
            if message["type"] == "http.response.start":
                heads.append((message["status"], repr(message["headers"]).encode()))
            body.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, listened)
        route = getattr(scope.get("route"), "path", scope["path"])
        [(status, head)] = heads
        self.answered.setdefault((scope["method"], route), set()).add(status)
        place = f"{scope['method']} {scope['path']}"
        scanner = next((each for word, each in self.own.items() if word in scope["path"]), self.scanner)
        for part in (head, bytes(body)):
            self.leaks |= found_in(part, place, scanner)
        self.heard += 1
