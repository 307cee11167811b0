"""The samples of the three base areas without a system are handed in as files and published."""

from examples.uploads import hand_in_samples
from exchange import sync
from tests.exchange.conftest import admin, clock, hub, no_gx, settings  # noqa: F401


def test_samples_are_published_and_handed_in_again(hub, admin):
    """Each sample has no fault and is published whole; the same again is no change."""
    first = hand_in_samples(hub, admin)
    assert [(each.dataset, each.faulty_rows, each.run_state) for each in first] == [
        ("place_name", 0, "published"),
        ("penalty", 0, "published"),
        ("survey_indicator", 0, "published"),
    ], [(each.counts, each.faults[:2]) for each in first]
    again = [sync.show_run(hub, admin, each.run_id) for each in hand_in_samples(hub, admin)]
    assert [(run.inserted, run.updated, run.deleted, run.unchanged) for run in again] == [
        (0, 0, 0, 40),
        (0, 0, 0, 20),
        (0, 0, 0, 60),
    ]
