"""`python -m examples generate|changes|table …`: makes the fictional city, its next day, or one large table."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from examples import changes, city
from examples.planting import Plan
from examples.tables import Sizes
from examples.writing import write_csv, write_parquet

_SIZES = {
    "population": "population",
    "legal-entities": "legal_entities",
    "licences": "licences",
    "subsidy-people": "subsidy_people",
    "marriages": "marriages",
    "deaths": "deaths",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except ValueError as error:
        print(f"examples: {error}", file=sys.stderr)  # noqa: T201
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples", description="A small fictional city for the hub.")
    commands = parser.add_subparsers(required=True)
    _add_generate(commands.add_parser("generate", help="make the departments' databases and files"))
    _add_changes(commands.add_parser("changes", help="apply the next day's changes to the sources of a city"))
    _add_table(commands.add_parser("table", help="make one table of any size, for measurements"))
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    _add_plan(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the city's files and its answer key")
    parser.add_argument("--scale", type=float, default=1.0, help="multiply every table's default size")
    for flag, name in _SIZES.items():
        parser.add_argument(f"--{flag}", dest=name, type=int, help=f"default {getattr(Sizes(), name)}")
    parser.add_argument("--postgres-url", help="server of the departments' databases; an account that may create them")
    parser.add_argument("--prefix", default="", help="put before the databases' names")
    parser.add_argument("--reader", default="hub_reader", help="the hub's read-only account at the departments")
    parser.add_argument(
        "--reader-password-file", type=Path, help="file with that account's password; without it none is made"
    )
    parser.set_defaults(run=_generate)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the city")
    parser.add_argument("--postgres-url", help="server of the departments' databases; without it only files change")
    parser.add_argument("--day", type=int, help="must be the day after the last one; default: that one")
    parser.add_argument("--at", type=datetime.fromisoformat, help="time written into databases, Beijing time")
    parser.set_defaults(run=_changes)


def _add_table(parser: argparse.ArgumentParser) -> None:
    _add_plan(parser)
    parser.add_argument("dataset", choices=list(city.CONTRACTS))
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--to", required=True, help="a .csv or .parquet file, or a PostgreSQL URL")
    parser.set_defaults(run=_table)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--defect-ratio", type=float, default=0.02, help="share of planted defects")
    parser.add_argument("--dirt-ratio", type=float, default=0.02, help="share of harmlessly untidy rows")
    parser.add_argument("--min-per-kind", type=int, default=0, help="at least so many rows of each kind; tables grow")


def _plan(chosen: argparse.Namespace) -> Plan:
    return Plan(chosen.defect_ratio, chosen.dirt_ratio, chosen.min_per_kind)


def _generate(chosen: argparse.Namespace) -> int:
    sizes = {name: getattr(chosen, name) or int(getattr(Sizes(), name) * chosen.scale) for name in _SIZES.values()}
    server = None
    if chosen.postgres_url:
        password = (
            chosen.reader_password_file.read_text(encoding="utf-8").strip() if chosen.reader_password_file else None
        )
        reader = (chosen.reader, password) if password else None
        server = city.Server(chosen.postgres_url, reader, chosen.prefix)
    made = city.generate(chosen.out, seed=chosen.seed, sizes=Sizes(**sizes), plan=_plan(chosen), server=server)
    for dataset, rows in made.rows.items():
        if server or dataset in city.FILES:
            print(f"{dataset}\t{rows}")  # noqa: T201
    return 0


def _changes(chosen: argparse.Namespace) -> int:
    server = city.Server(chosen.postgres_url) if chosen.postgres_url else None
    for dataset, change in changes.apply(chosen.out, server=server, day=chosen.day, at=chosen.at).items():
        print(f"{dataset}\tupdated {change.updated}\tdeleted {change.deleted}\tinserted {change.inserted}")  # noqa: T201
    return 0


def _table(chosen: argparse.Namespace) -> int:
    start = time.perf_counter()
    plan = _plan(chosen)
    if "://" in chosen.to:
        rows = city.load_table(chosen.to, chosen.dataset, chosen.rows, seed=chosen.seed, plan=plan)
    else:
        write = {".csv": write_csv, ".parquet": write_parquet}.get(Path(chosen.to).suffix)
        if write is None:
            raise ValueError(f"--to {Path(chosen.to).suffix!r}: give a .csv or .parquet file or a PostgreSQL URL")
        rows = write(Path(chosen.to), city.batches(chosen.dataset, chosen.rows, seed=chosen.seed, plan=plan))
    print(f"{chosen.dataset}\t{rows}\t{time.perf_counter() - start:.1f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
