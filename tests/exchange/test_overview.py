"""The overview's figures: freshness by update cycle and zero reports, reach, readiness, figures for a monitor."""

import pytest
from sqlalchemy import text

from exchange import entries, sync
from exchange.access import Actor
from exchange.overview import cycle_names, figures, show_overview
from exchange.readiness import readiness
from schemas.errors import InputError
from schemas.rules.book import book
from tests.exchange.small_city import PROVIDER, contract, csv_server, people, write_csv

EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER)
STRANGER = Actor("other", frozenset({"editor"}), "11620400XX00C0014G")


@pytest.fixture
def source(hub, admin, tmp_path):
    """Publishes `person`, updated every day, attached to a file of 20 people; returns the file."""
    path = tmp_path / "people.csv"
    write_csv(path, people(20))
    entries.apply(hub, admin, contract(server=csv_server(path)), "person.yaml", publish=True)
    return path


def late(hub, actor=EDITOR):
    """Lists (dataset, seriously late) of the overview."""
    return [(each.dataset, each.very_late) for each in show_overview(hub, actor).late]


def test_every_cycle_has_its_limits():
    """Each update cycle of the code set has both limits in the rules."""
    assert len(cycle_names()) == 8
    for cycle in cycle_names():
        assert book().number(f"CYCLE_{cycle}_LATE") < book().number(f"CYCLE_{cycle}_VERY_LATE")


def test_an_entry_without_data_is_measured_from_its_publication(hub, source, clock):
    """Published and never synced: in time on the day, late after the cycle's limit."""
    assert late(hub) == []
    clock.forward(days=3)
    assert late(hub) == [("person", False)]
    clock.forward(days=3)
    assert late(hub) == [("person", True)]


def test_a_zero_report_is_an_update(hub, admin, source, clock):
    """A declaration that nothing changed (零报告) counts as one."""
    sync.run(hub, admin, "person")
    clock.forward(hours=40)
    assert late(hub) == [("person", False)]
    with hub.transaction() as connection:
        connection.execute(
            text(
                "insert into hub.uploads (id, dataset, kind, state, uploaded_by, uploaded_at, submitted_at) "
                "values ('u1', 'person', 'no_change', 'declared', 'editor', :now, :now)"
            ),
            {"now": hub.clock.now()},
        )
    assert late(hub) == []


def test_without_the_list_the_contracts_say_the_cycle(hub, admin, source, clock):
    """A list of an older program, or none, changes nothing of what the overview says."""
    clock.forward(days=3)
    (hub.settings.directory / "dags.json").unlink()
    assert late(hub) == [("person", False)]


def test_another_department_sees_nothing_of_it(hub, admin, source, clock):
    """What is late, held or open elsewhere is not on a department's page."""
    sync.run(hub, admin, "person")
    clock.forward(days=5)
    seen = show_overview(hub, STRANGER)
    assert (seen.late_count, seen.entries, seen.today, seen.problems) == (0, 0, {}, 0)
    assert show_overview(hub, admin).late_count == 1


def test_figures_count_the_hub(hub, admin, source):
    """A monitor reads counts, ages and rows of published datasets."""
    write_csv(source, [*people(19), people(20)[-1] | {"xb": "7"}])
    sync.run(hub, admin, "person")
    found = figures(hub)
    assert (found.entries, found.attached, found.runs_today) == (1, 1, {"published": 1})
    assert (found.rows, found.problems, found.data_age) == ({"person": 19}, {"person": 1}, {"person": 0.0})


def test_ready_names_each_part(hub):
    """All parts of a whole hub are ready."""
    assert [(part.name, part.ready) for part in readiness(hub)] == [("database", True), ("lake", True), ("keys", True)]


def test_a_value_that_the_database_cannot_hold_is_the_askers(hub):
    """A NUL character or a number beyond all bounds is an input error, not a broken database."""
    with pytest.raises(InputError, match="INPUT_VALUE"), hub.transaction() as connection:
        connection.execute(text("select cast(:x as text)"), {"x": "\0"})
