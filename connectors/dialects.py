"""What differs between the databases reached through SQLAlchemy: drivers, transactions, clocks, error numbers.

Data, not behaviour. MySQL, MariaDB and SQLite are tested for real, the others by the same suite where a URL is given.
"""

from dataclasses import dataclass, field
from typing import Any

SECONDS = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family. `begin` opens a read-only snapshot; `clock` asks for UTC before that, `offset` for the seconds
    by which the server's own clock is ahead of UTC."""

    driver: str | None = None
    package: str = ""
    port: int | None = None
    connect: dict[str, Any] = field(default_factory=dict)
    begin: tuple[str, ...] = ()
    clock: str | None = None
    offset: str | None = None
    dates_as_text: bool = False
    own_transactions: bool = True


_MYSQL = Dialect(
    driver="pymysql",
    package="PyMySQL",
    port=3306,
    connect={"connect_timeout": SECONDS, "read_timeout": 1800, "charset": "utf8mb4"},
    begin=(
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION TRANSACTION READ ONLY",
        f"SET SESSION lock_wait_timeout = {SECONDS}, innodb_lock_wait_timeout = {SECONDS}",
        # A throttled reading pauses longer than the minute after which the server would hang up.
        "SET SESSION net_write_timeout = 3600, time_zone = '+08:00'",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    clock="SELECT UTC_TIMESTAMP(6)",
    offset="SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())",
    dates_as_text=True,
)
DIALECTS = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlite": Dialect(begin=("PRAGMA query_only = ON", "BEGIN")),
    "oracle": Dialect(
        driver="oracledb",
        package="oracledb",
        port=1521,
        connect={"tcp_connect_timeout": SECONDS},
        begin=("SET TRANSACTION READ ONLY",),
        clock="SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM DUAL",
        offset="SELECT ROUND((SYSDATE - CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE)) * 86400) FROM DUAL",
        own_transactions=False,
    ),
    "mssql": Dialect(
        driver="pymssql",
        package="pymssql",
        port=1433,
        connect={"login_timeout": SECONDS},
        begin=(f"SET LOCK_TIMEOUT {SECONDS * 1000}", "BEGIN TRANSACTION"),
        clock="SELECT SYSUTCDATETIME()",
        offset="SELECT DATEDIFF(SECOND, SYSUTCDATETIME(), SYSDATETIME())",
    ),
    # The vendors ship these with the server; neither is on the public package index in a current form.
    "kingbase": Dialect(
        package="ksycopg2 与 sqlalchemy-kingbase",
        port=54321,
        begin=("SET default_transaction_read_only = on", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        clock="SELECT clock_timestamp() AT TIME ZONE 'UTC'",
        offset="SELECT extract(timezone FROM clock_timestamp())",
    ),
    "dm": Dialect(
        driver="dmPython",
        package="dmPython 与 dmSQLAlchemy",
        port=5236,
        begin=("SET TRANSACTION READ ONLY",),
        own_transactions=False,
    ),
}

LOCKED = {1205, 1222, 3572, "ORA-00054", "55P03"}
NOT_PERMITTED = {1142, 1143, 1044, 1370, 229, 230, 916, "ORA-01031", "42501"}
NO_TABLE = {1146, 208, "ORA-00942", "42P01"}
NO_COLUMN = {1054, 207, "ORA-00904", "42703"}
NO_DATABASE = {1049, 4060, "ORA-12514", "3D000"}
LOG_IN_REFUSED = {1045, 1698, 1251, 1862, 18456, "ORA-01017", "ORA-28000", "ORA-28001", "28P01", "28000"}
