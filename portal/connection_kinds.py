"""Kinds of connections by name: what may be registered on a page, and what readers call the others."""

#: What a department's account may register, with the usual port.
KINDS: tuple[tuple[str, str], ...] = (
    ("postgresql", "PostgreSQL（5432）"),
    ("mysql", "MySQL（3306）"),
    ("mariadb", "MariaDB（3306）"),
    ("oracle", "Oracle（1521）"),
    ("mssql", "SQL Server（1433）"),
    ("kingbase", "人大金仓（54321）"),
    ("dm", "达梦（5236）"),
    ("sftp", "SFTP文件（22）"),
    ("ftp", "FTP文件（21）"),
    ("smb", "共享文件夹SMB（445）"),
    ("s3", "对象存储S3"),
)
#: Some are registered by the administrator of this machine alone.
KIND_NAMES = {kind: says.partition("（")[0] for kind, says in KINDS} | {"sqlite": "SQLite", "file": "文件夹"}
