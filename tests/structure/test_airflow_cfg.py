"""airflow.cfg holds only what we change, and nothing secret."""

import configparser
from importlib import resources

import pytest
import yaml

from tests.structure.house import ROOT

_PATH = ROOT / "airflow.cfg"
_SECRET = ("password", "secret", "key", "token", "conn", "jwt")


@pytest.fixture(scope="module")
def ours():
    """Our keys: (section, key) and value."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(_PATH.read_text("utf-8"))
    found = {(section, key): value for section in parser.sections() for key, value in parser.items(section)}
    assert found
    return found


@pytest.fixture(scope="module")
def defaults():
    """Airflow's own description of every key."""
    text = resources.files("airflow.config_templates").joinpath("config.yml").read_text("utf-8")
    return {
        (section, key): option
        for section, described in yaml.safe_load(text).items()
        for key, option in described["options"].items()
    }


def test_file_is_short():
    """The file has at most 40 lines."""
    assert len(_PATH.read_text("utf-8").splitlines()) <= 40


def test_every_key_is_airflows_own(ours, defaults):
    """Each key exists in the installed Airflow, so that a typo or a removed key is seen."""
    assert not ours.keys() - defaults.keys()


def test_no_key_repeats_a_default(ours, defaults):
    """No key has the value that Airflow gives it anyway."""
    assert not [key for key, value in ours.items() if str(defaults[key]["default"]) == value]


def test_nothing_is_secret(ours, defaults):
    """No key is one that Airflow marks sensitive, is named like a secret or holds a URL with a password."""
    for key, value in ours.items():
        assert not defaults[key].get("sensitive"), key
        assert not any(word in key[1] for word in _SECRET), key
        assert "@" not in value, key
