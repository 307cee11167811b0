"""The one DuckDB factory. No other module opens a connection.

A connection reaches no file and no network, loads no extension and sees no Python variable: data comes in as registered
Arrow tables only. It spills only where the caller says that nothing but keyed hashes flows through it.
SQL of this room is built from identifiers that `quoted` has quoted, never from values.
"""

from pathlib import Path

import duckdb


def connect(memory_mb: int = 1024, *, spill: Path | None = None, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Opens an in-memory connection. `spill`: the run's own folder, for hashes only; None forbids spilling."""
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
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(name: str) -> str:
    """Quotes an identifier for DuckDB and PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'
