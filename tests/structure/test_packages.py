"""The lock is complete and names no host; our top-level names are ours alone."""

import re
import tomllib
from importlib.metadata import distributions, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.structure.house import ROOMS, ROOT


def _pins():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    assert len(found) > 100
    return found


def _wanted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return [Requirement(line) for line in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]


def test_every_line_is_a_pin():
    """Each line of the lock fixes one version; none names an index, a host or a path."""
    for pin in _pins():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
        assert pin.url is None
    assert "://" not in (ROOT / "requirements.txt").read_text("utf-8")


def test_lock_meets_every_range():
    """Each package that pyproject.toml names is in the lock, at a version that its range allows."""
    pins = {}
    for pin in _pins():
        if pin.marker is None or pin.marker.evaluate():
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    for wanted in _wanted():
        found = pins.get(canonicalize_name(wanted.name))
        assert found is not None, f"{wanted.name} is not in requirements.txt: run make lock"
        assert wanted.specifier.contains(found, prereleases=True), (wanted, found)


def test_lock_holds_what_packages_need():
    """What each locked and installed package needs is in the lock too: nothing is resolved at installation."""
    names = {canonicalize_name(pin.name) for pin in _pins()}
    missing = set()
    for package in distributions():
        if canonicalize_name(package.name) not in names:
            continue
        for line in package.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                missing |= {canonicalize_name(needed.name)} - names
    assert not missing - {"pip"}


def test_names_do_not_collide():
    """No installed distribution brings a top-level package of a name of ours."""
    taken = packages_distributions()
    for room in (*ROOMS, "benchmarks"):
        assert set(taken.get(room, [])) <= {"shuqiao"}, room
