"""Generates the whole fictional city: departments' databases and files, and the answer key of what was planted in them.

`generate` writes under one folder and, with a PostgreSQL URL, into the departments' own databases. The same seed and
sizes give the same bytes. Nothing here knows the hub.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psycopg
import pyarrow as pa

from examples import databases
from examples.datasets import subsidy_payment
from examples.planting import Answer, Plan, Planter
from examples.registry import TABLES
from examples.tables import Frame, Sizes
from examples.workbook import LARGEST, Workbook
from examples.writing import DepartmentCsv, copy, create_sqlite, create_table

_HERE = Path(__file__).parent
#: Dataset -> its contract.
CONTRACTS = {dataset: _HERE / "contracts" / f"{dataset}.yaml" for dataset in TABLES}
DEPARTMENTS = _HERE / "departments.yaml"

#: Datasets that live in PostgreSQL: dataset -> database, which is also the connection's name.
DATABASES = {"population": "police", "licence": "approval", "death": "health"}
#: Datasets that live in files under the city's folder.
FILES = {
    "legal_entity": Path("market_regulation") / "legal_entity.csv",
    "subsidy_payment": Path("civil_affairs") / "subsidy_payment.xlsx",
    "marriage": Path("civil_affairs") / "marriage.sqlite",
}

Stretch = tuple[pa.RecordBatch, list[Answer]]


@dataclass(frozen=True, slots=True)
class Server:
    """The departments' PostgreSQL server.

    `url` is of an account that may create databases, `reader` the account and password that the hub gets.
    """

    url: str
    reader: tuple[str, str] | None = None
    prefix: str = ""

    def reader_url(self) -> str:
        """Gives the URL with which the hub reads."""
        return databases.with_account(self.url, *self.reader) if self.reader else self.url


@dataclass(frozen=True, slots=True)
class City:
    """A generated city: folder, seed, sizes, plan, the day of its sources (0: as generated) and the names' prefix."""

    folder: Path
    seed: int
    sizes: Sizes
    plan: Plan
    day: int = 0
    prefix: str = ""

    @property
    def rows(self) -> dict[str, int]:
        """Gives the number of rows that each dataset was generated with."""
        return {dataset: self.sizes.of(dataset) for dataset in TABLES}

    def planter(self, dataset: str) -> Planter:
        """Gives the maker of a dataset's rows as generated."""
        return Planter(Frame(self.seed, self.sizes), TABLES[dataset], self.sizes.of(dataset), self.plan)

    def answers_file(self, day: int = 0) -> Path:
        """Names the answer key of a day."""
        return self.folder / ("answers.jsonl" if day == 0 else f"answers-day-{day}.jsonl")

    def answers(self, day: int = 0) -> list[dict[str, object]]:
        """Reads the answer key of a day."""
        with self.answers_file(day).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def save(self) -> None:
        """Writes city.json, from which `load` knows the city again; no address and no password."""
        facts = {
            "seed": self.seed,
            "day": self.day,
            "prefix": self.prefix,
            "sizes": asdict(self.sizes),
            "plan": asdict(self.plan),
        }
        (self.folder / "city.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> City:
    """Reads a generated city's facts; raises ValueError where there is no city."""
    path = folder / "city.json"
    if not path.is_file():
        raise ValueError(f"no city in {folder}: run `python -m examples generate --out …` first")
    facts = json.loads(path.read_text(encoding="utf-8"))
    return City(folder, facts["seed"], Sizes(**facts["sizes"]), Plan(**facts["plan"]), facts["day"], facts["prefix"])


def generate(
    out: Path, *, seed: int = 1, sizes: Sizes | None = None, plan: Plan | None = None, server: Server | None = None
) -> City:
    """Generates the city under `out`; without a server the departments' databases are left out."""
    plan = plan or Plan()
    made = City(out, seed, enlarged(sizes or Sizes(), plan), plan, 0, server.prefix if server else "")
    if made.sizes.of("subsidy_payment") > LARGEST:
        raise ValueError(f"a sheet holds at most {LARGEST} payments, twelve a person: ask for fewer subsidy people")
    out.mkdir(parents=True, exist_ok=True)
    if server:
        databases.create_databases(server.url, database_names(server.prefix))
    with made.answers_file().open("w", encoding="utf-8", newline="\n") as answers:
        for dataset in TABLES:
            for answer in _write(made, dataset, server):
                answers.write(json.dumps(answer.as_json(), ensure_ascii=False) + "\n")
    if server and server.reader:
        databases.grant_reader(server.url, database_names(server.prefix), *server.reader)
    made.save()
    return made


def database_names(prefix: str = "") -> list[str]:
    """Names the departments' databases."""
    return sorted(prefix + name for name in set(DATABASES.values()))


def connections(city_dir: Path, postgres_url: str | None, prefix: str = "") -> dict[str, str]:
    """Gives the URL of every connection that the contracts name; without a server only those of files.

    `postgres_url` is the reading account's on the departments' server; its database is replaced.
    """
    folder = city_dir.resolve()
    named = {
        "market_files": f"file://{(folder / FILES['legal_entity']).parent}",
        "civil_files": f"file://{(folder / FILES['subsidy_payment']).parent}",
        "civil": f"sqlite:///{folder / FILES['marriage']}",
    }
    if postgres_url:
        named |= {name: databases.with_database(postgres_url, prefix + name) for name in sorted(DATABASES.values())}
    return named


def enlarged(sizes: Sizes, plan: Plan) -> Sizes:
    """Makes tables large enough that the wanted rows of each kind stay under the limit of rejected rows."""
    if not plan.min_per_kind:
        return sizes
    least = {name: int(plan.counts(table, None)[0] / plan.largest_share) for name, table in TABLES.items()}
    return replace(
        sizes,
        population=max(sizes.population, least.get("population", 0)),
        legal_entities=max(sizes.legal_entities, least.get("legal_entity", 0)),
        licences=max(sizes.licences, least.get("licence", 0)),
        subsidy_people=max(sizes.subsidy_people, least.get("subsidy_payment", 0) // 12 + 1),
        marriages=max(sizes.marriages, least.get("marriage", 0)),
        deaths=max(sizes.deaths, least.get("death", 0)),
    )


def batches(dataset: str, rows: int, *, seed: int = 1, plan: Plan | None = None) -> Iterator[pa.RecordBatch]:
    """Streams one table of any size with bounded memory, for measurements."""
    for batch, _ in stretches(dataset, rows, seed=seed, plan=plan):
        yield batch


def stretches(
    dataset: str, rows: int, *, seed: int = 1, plan: Plan | None = None
) -> Iterator[tuple[pa.RecordBatch, list[Answer]]]:
    """Streams one table with its answers. Other tables keep their default sizes, the population grows along."""
    frame = Frame(seed, replace(Sizes(), population=max(rows, Sizes().population)))
    yield from Planter(frame, TABLES[dataset], rows, plan or Plan()).stretches()


def load_table(url: str, dataset: str, rows: int, *, seed: int = 1, plan: Plan | None = None) -> int:
    """Loads one table of any size into the database at `url`; returns the number of rows."""
    table = TABLES[dataset]
    with psycopg.connect(databases.plain_url(url)) as connection:
        create_table(connection, table)
        return copy(connection, table, batches(dataset, rows, seed=seed, plan=plan))


def _write(made: City, dataset: str, server: Server | None) -> Iterator[Answer]:
    planter = made.planter(dataset)
    if dataset in FILES:
        path = made.folder / FILES[dataset]
        path.parent.mkdir(parents=True, exist_ok=True)
        yield from write_file(path, planter, planter.stretches())
    elif server:
        answers: list[Answer] = []
        url = databases.with_database(server.url, server.prefix + DATABASES[dataset])
        with psycopg.connect(url) as connection:
            create_table(connection, planter.table)
            copy(connection, planter.table, kept(planter.stretches(), answers))
        yield from answers


def write_file(path: Path, planter: Planter, rows: Iterable[Stretch]) -> Iterator[Answer]:
    """Writes a dataset's file; yields the answers with the place of their row in the file."""
    answers: list[Answer] = []
    marked = ((batch, _records(found, answers)) for batch, found in rows)
    if path.suffix == ".csv":
        text = DepartmentCsv(path, planter.table.columns, "gb18030")
        text.write(marked)
        yield from (replace(a, row={**a.row, "line": text.lines[a.record]}) for a in answers)
    elif path.suffix == ".xlsx":
        book = Workbook(path, planter.table.columns, subsidy_payment.SHEET, subsidy_payment.TITLE)
        book.write(marked)
        yield from (replace(a, row={**a.row, "cell_row": book.cell_rows[a.record]}) for a in answers)
    else:
        create_sqlite(path, planter.table, kept(rows, answers))
        yield from answers


def _records(found: list[Answer], answers: list[Answer]) -> set[int]:
    """Keeps the answers; gives the records that are planted or share a planted row's fate."""
    answers.extend(found)
    partners = {int(answer.partner["record"]) for answer in found if answer.partner}
    return {answer.record for answer in found} | partners


def kept(rows: Iterable[Stretch], answers: list[Answer]) -> Iterator[pa.RecordBatch]:
    """Yields the batches and keeps their answers."""
    for batch, found in rows:
        answers.extend(found)
        yield batch
