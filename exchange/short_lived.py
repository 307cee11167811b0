"""Use-case of every hour: what was kept for minutes, hours or a day goes, also where nobody asks for anything."""

from dataclasses import asdict, dataclass

from catalog.stores import verification_slips
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed import batch, quota
from exchange.queries import results


@dataclass(frozen=True, slots=True)
class Gone:
    """How many went: results of queries, results of batches, answers by request id, slips past their years."""

    results: int
    batches: int
    answers: int
    slips: int


@use_case("retention.short")
def remove_short_lived(hub: Hub, actor: Actor) -> Gone:
    """Removes results of queries and batches, kept answers and slips whose time is over; a second run does nothing."""
    swept, purged, answers = results.sweep(hub), batch.purge(hub, actor), quota.drop_kept(hub)
    with hub.transaction() as connection:
        gone = Gone(swept, purged, answers, verification_slips.drop_over(connection, hub.clock.now()))
        record(connection, hub, actor, "retention.short", None, detail=asdict(gone))
    return gone
