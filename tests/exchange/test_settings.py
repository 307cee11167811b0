"""Settings: documented, read in one place, wrong ones named without their value."""

from pathlib import Path

import pytest

from exchange import settings
from exchange.settings import Settings, as_markdown, environment_for, read_settings
from schemas.errors import SetupError


def test_configuration_page_is_current():
    """docs/configuration.md lists every setting as the code has it (write it anew with python -m exchange.settings)."""
    assert (settings.ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == as_markdown()
    assert len(Settings.model_fields) > 5
    assert all(field.description for field in Settings.model_fields.values())


def test_a_wrong_setting_is_named_without_its_value(monkeypatch):
    """A value that is not allowed gives a SetupError with the variable's name, and never shows the value."""
    monkeypatch.setenv("SHUQIAO_CRYPTO_SUITE", "secret-word")
    with pytest.raises(SetupError) as caught:
        read_settings()
    assert "SHUQIAO_CRYPTO_SUITE" in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_paths_follow_var(monkeypatch, tmp_path):
    """Every folder lies under `var` unless a setting says otherwise, and a child gets the folder in use."""
    monkeypatch.setenv("SHUQIAO_VAR", str(tmp_path))
    read = read_settings()
    assert read.key_file == tmp_path / "secrets" / "keys.json"
    assert (read.lake_root, read.directory) == (tmp_path / "lake", tmp_path / "directory")
    assert environment_for(read)["SHUQIAO_VAR"] == str(tmp_path)
    assert Settings(lake_url="/lake").lake_root == Path("/lake")
    assert Settings(workers=3).worker_count == 3
    assert Settings().worker_count >= 1


def test_a_child_process_reads_the_settings_that_its_parent_was_given(monkeypatch, tmp_path):
    """Whatever a hub was opened with, by environment or by code, a child process of it reads back the same."""
    given = Settings(
        var=tmp_path,
        database_url="postgresql://u:p@h/d",
        workers=3,
        crypto_suite="gm",
        oidc_roles={"clerk": "editor"},
        dags_file=tmp_path / "dags.py",
    )
    for name, value in environment_for(given).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == given


def test_the_database_url_is_not_shown():
    """The representation of the settings hides the password of the database."""
    assert "hidden" not in repr(Settings(database_url="postgresql://u:hidden@h/d"))
