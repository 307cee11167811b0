"""The city's applications: one granted by rule, one by two sides, one that waits; each is in the verified log."""

from pathlib import Path

import pytest
import yaml

from examples import sharing
from exchange import entries
from exchange.hub import open_hub
from exchange.sharing import drift
from tests.exchange.conftest import ADMIN, clock, no_gx, settings  # noqa: F401
from tests.exchange.small_city import citizen_id
from tests.structure.house import ROOT


@pytest.fixture
def city(settings, clock):
    """A hub with the entries that are asked for, nothing attached."""
    with open_hub(settings, clock) as hub:
        for wish in sharing.WISHES:
            path = Path(ROOT / "examples" / "contracts" / f"{wish.dataset}.yaml")
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            document.pop("servers", None)
            text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
            entries.apply(hub, ADMIN, text, path.name, publish=True)
        yield hub


def test_applications_and_their_proof(city):
    """Two grants and a request that waits come once; the log verifies with the application in it."""
    made = sharing.tell(city)
    assert [each.stage for each in made] == ["supply", "supply", "compliance"]
    assert [bool(each.grant) for each in made] == [True, True, False]
    assert sharing.tell(city) == []
    assert drift.drift_report(city, ADMIN).drifts == []
    assert sharing.looked_up(city, [citizen_id(1), "nobody"]) is None  # nothing is synced yet
    lines = list(sharing.proof(city, sharing.sealed_and_verified(city)))
    assert sum(line.startswith("● 申请") for line in lines) == 3
    for line, what in ((lines[-3], made[0].number), (lines[-2], "柳窗 按号码调用 population")):
        assert what in line and "环" in line and "None" not in line
    assert "核验通过" in lines[-1]


def test_nothing_is_asked_of_what_is_not_there(settings, clock):
    """Without the entries nothing is applied for, and the log verifies all the same."""
    with open_hub(settings, clock) as hub:
        assert sharing.tell(hub) == []
        assert "核验通过" in list(sharing.proof(hub, sharing.sealed_and_verified(hub)))[-1]
