"""Every setting of the hub: name, default, unit, help. The only module that reads the environment; opens no file."""

import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import SetupError

ROOT = Path(__file__).resolve().parent.parent


def _field(default: Any, says: str, unit: str = "", **limits: Any) -> Any:
    return Field(default=default, description=says, json_schema_extra={"unit": unit}, **limits)


class Settings(BaseSettings):
    """The settings, each read from `SHUQIAO_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SHUQIAO_", extra="ignore", frozen=True, hide_input_in_errors=True)

    var: Path = _field(ROOT / "var", "Folder of all state: lake, landing, secrets, logs, the embedded servers.", "path")
    database_url: SecretStr | None = _field(
        None, "Hub database (PostgreSQL family). Unset: the embedded PostgreSQL is found or started.", "URL"
    )
    lake_url: str | None = _field(None, "Where the lake rests. Unset: the folder `lake` under `var`.", "path")
    crypto_suite: Literal["international", "gm"] = _field(
        "international", "`international` (HMAC-SHA-256, AES-256-GCM) or `gm` (HMAC-SM3, SM4-GCM).", "name"
    )
    keys_file: Path | None = _field(None, "The key file (mode 0600). Unset: `secrets/keys.json` under `var`.", "path")
    audit_key_file: Path | None = _field(
        None,
        "The key that signs the audit log's anchors (mode 0600), of the security administrator. "
        "Unset: `audit-key/anchor.json` under `var`.",
        "path",
    )
    workers: int = _field(0, "Processes that validate parts of a batch. 0: one a core.", "processes", ge=0, le=256)
    memory_mb: int = _field(1024, "Memory that set work (uniqueness, comparison, queries) may take.", "MiB", ge=128)
    query_seconds: float = _field(600.0, "How long the database may work on one query.", "seconds", gt=0)
    batch_rows: int = _field(50_000, "Rows read and validated at a time.", "rows", ge=100, le=1_000_000)
    lock_wait_seconds: float = _field(
        60.0, "How long a reading waits for a free parallel-read slot of its source.", "seconds", ge=0
    )
    dags_file: Path = _field(
        ROOT / "dags" / "shuqiao_dags.py", "The DAG file that is touched when an entry is published.", "path"
    )
    airflow_url: str | None = _field(
        None, "Address of Airflow's API and pages. Unset: that of the embedded stack, as recorded under `var`.", "URL"
    )
    airflow_user: str = _field("admin", "Airflow's user as whom schedules are changed.", "name")
    airflow_password_file: Path | None = _field(
        None, "A file that holds that user's password. Unset: the embedded stack's own.", "path"
    )
    oidc_issuer: str | None = _field(
        None, "Issuer of single sign-on (OpenID Connect); https, or http on this machine. Unset: none.", "URL"
    )
    oidc_client_id: str | None = _field(None, "The hub's client identifier at that issuer.", "name")
    oidc_client_secret: SecretStr | None = _field(None, "The hub's client secret at that issuer.", "text")
    oidc_name: str = _field("统一身份认证", "What the button on the sign-in page calls it.", "name")
    oidc_login_claim: str = _field("preferred_username", "The claim with the login name.", "name")
    oidc_department_claim: str = _field("department", "The claim with the department's credit code (USCC).", "name")
    oidc_roles_claim: str = _field("roles", "The claim with the person's roles.", "name")
    oidc_roles: dict[str, str] = _field(
        {}, "The issuer's roles → the hub's (`editor`, …); roles of authority cannot be given so.", "JSON"
    )
    node: str = _field(
        "SHUQIAO01", "This hub's node code, part of every batch number.", "name", pattern=r"^[A-Za-z0-9]{1,18}$"
    )
    trusted_proxies: list[str] = _field(
        [],
        "Networks (CIDR) of proxies whose `X-Forwarded-For` says where a person or machine client calls from.",
        "JSON",
    )
    fault: str | None = _field(None, "Crash tests only: `point:kill|enospc|raise[:nth]`.", "text")

    @property
    def secrets(self) -> Path:
        """Returns the folder of secrets."""
        return self.var / "secrets"

    @property
    def key_file(self) -> Path:
        """Returns the path of the key file."""
        return self.keys_file or self.secrets / "keys.json"

    @property
    def audit_key(self) -> Path:
        """Returns the path of the key that signs anchors."""
        return self.audit_key_file or self.var / "audit-key" / "anchor.json"

    @property
    def audit(self) -> Path:
        """Returns the folder of the anchor file and of archives of the audit log."""
        return self.var / "audit"

    @property
    def lake_root(self) -> Path:
        """Returns the folder of the lake."""
        return Path(self.lake_url) if self.lake_url else self.var / "lake"

    @property
    def directory(self) -> Path:
        """Returns the folder of the generated list of entries."""
        return self.var / "directory"

    @property
    def worker_count(self) -> int:
        """Returns how many processes validate: the setting, or the cores that this process may use."""
        return self.workers or len(os.sched_getaffinity(0))


def read_settings() -> Settings:
    """Reads the settings from the environment; raises SetupError naming each wrong one, never its value."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "、".join(sorted({f"SHUQIAO_{str(problem['loc'][0]).upper()}" for problem in error.errors()}))
        raise SetupError(
            f"环境变量 {wrong} 的值不可用", "允许的值见 docs/configuration.md", "请改正后重试", code="SETTING"
        ) from None
    return settings.model_copy(update={"var": settings.var.expanduser().absolute()})


def environment_for(settings: Settings) -> dict[str, str]:
    """Returns the environment that a child process of the hub gets: this one's, with the settings in use."""
    child = dict(os.environ)  # noqa: TID251 - this module is where the environment is read
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None:
            child[f"SHUQIAO_{name.upper()}"] = _for_environment(value)
    child["SHUQIAO_VAR"] = str(settings.var)
    return child


def _for_environment(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def as_markdown() -> str:
    """Returns docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        "Every setting is an environment variable; none has to be set. Written by `python -m exchange.settings`.",
        "",
        "| variable | default | unit | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        unit = extra.get("unit", "") if isinstance(extra, dict) else ""
        default = field.default
        shown = "" if default is None else f"`{_shown(default)}`"
        lines.append(f"| `SHUQIAO_{name.upper()}` | {shown} | {unit} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, Path):
        return default.relative_to(ROOT).as_posix()
    return str(default)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
