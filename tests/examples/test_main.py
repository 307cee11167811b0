"""The command line of the example city."""

from pathlib import Path

import psycopg
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from examples import city, databases
from examples.__main__ import main
from examples.city import Server

SMALL = ["--scale", "0.02", "--subsidy-people", "20"]


def test_generate_and_change(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """One command makes all sources and a second one their next day; both say what they did."""
    secret = tmp_path / "secret"
    secret.write_text("long enough\n")
    prefix = server.prefix + "m_"
    arguments = ["--out", str(tmp_path / "city"), "--postgres-url", server.url]
    account = ["--reader", f"{prefix}reader", "--reader-password-file", str(secret), "--prefix", prefix]
    try:
        assert main(["generate", *arguments, *account, *SMALL]) == 0
        assert "population\t400" in capsys.readouterr().out
        assert main(["changes", *arguments, "--at", "2026-11-21T10:00"]) == 0
        assert capsys.readouterr().out.count("\n") == 6
        url = databases.with_account(server.url, f"{prefix}reader", "long enough")
        named = city.connections(tmp_path / "city", url, prefix)
        with psycopg.connect(named["approval"]) as database:
            assert database.execute("SELECT count(*) > 0 FROM dzzz_xx").fetchone() == (True,)
    finally:
        databases.drop_databases(server.url, city.database_names(prefix))


def test_files_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a server only the files are made and said to be made."""
    assert main(["generate", "--out", str(tmp_path), *SMALL]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(city.FILES)


def test_one_table_for_measurements(tmp_path: Path, server: Server) -> None:
    """One table of any size goes to CSV, Parquet or PostgreSQL with the same rows."""
    for target in ("t.csv", "t.parquet"):
        assert main(["table", "licence", "--rows", "700", "--to", str(tmp_path / target)]) == 0
    assert pa_csv.read_csv(tmp_path / "t.csv").num_rows == pq.read_table(tmp_path / "t.parquet").num_rows == 700
    name = f"{server.prefix}bench"
    databases.create_databases(server.url, [name])
    try:
        url = databases.with_database(server.url, name)
        assert main(["table", "death", "--rows", "700", "--to", url, "--defect-ratio", "0", "--dirt-ratio", "0"]) == 0
        with psycopg.connect(url) as database:
            assert database.execute("SELECT count(*) FROM qz_swxx").fetchone() == (700,)
    finally:
        databases.drop_databases(server.url, [name])


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done is said in one line, without a trace."""
    assert main(["table", "licence", "--rows", "10", "--to", str(tmp_path / "t.txt")]) == 2
    assert main(["changes", "--out", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
