"""The one DuckDB factory. No other module opens a connection.

A connection reaches no network and no file but those it was opened for, loads no extension and sees no Python
variable: other data comes in as registered Arrow tables only. It spills only where the caller says that nothing but
keyed hashes flows through it. SQL of this room is built from identifiers that `quoted` has quoted, never from values.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb


def connect(
    memory_mb: int = 1024, *, spill: Path | None = None, threads: int = 2, files: Sequence[Path] = ()
) -> duckdb.DuckDBPyConnection:
    """Opens an in-memory connection.

    `spill`: the run's own folder, for hashes only; None forbids spilling. `files`: the only files that it may read.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": f"{memory_mb}MB",
            "threads": str(threads),
            "temp_directory": str(spill) if spill else "",
            "preserve_insertion_order": "false",
        },
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute("SET enable_progress_bar = false")
    if files:
        connection.execute(f"SET allowed_paths = {path_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(name: str) -> str:
    """Quotes an identifier for DuckDB and PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def path_list(files: Sequence[Path]) -> str:
    """Writes paths as a DuckDB list of texts."""
    return "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"
