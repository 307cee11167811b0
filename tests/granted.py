"""A department that was granted whole datasets of a hub of the command line, with an account that signs in there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from typer.testing import Result

from catalog.stores import accounts, entries
from catalog.stores import grants as store
from exchange.access import Actor
from exchange.contracts import entry_from
from exchange.hub import Hub, open_hub
from exchange.settings import Settings
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.sharing import Terms, terms_json
from tests.attack.city_hub import Shuqiao
from tests.portal.conftest import PASSWORD, add_person

CONSUMER, LOGIN = "11620400XX00B0031G", "asker"
ASKER = Actor(LOGIN, frozenset({"analyst", "window"}), CONSUMER, account=LOGIN)
AS_ASKER = ("--login", LOGIN, "--purpose", "basis")


@contextmanager
def opened(run: Shuqiao) -> Iterator[Hub]:
    """Opens the hub of a command line."""
    facts = {name.removeprefix("SHUQIAO_").lower(): value for name, value in run.env.items()}
    with open_hub(Settings.model_validate(facts)) as hub:
        yield hub


def grant(hub: Hub, *datasets: str) -> None:
    """Puts grants of all items and rows in force, as approved requests would; opens the account where it is not."""
    with hub.transaction() as connection:
        known = accounts.find_by_login(connection, LOGIN)
    if known is None:
        add_person(hub, LOGIN, "analyst", "window", department=CONSUMER)
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for dataset in datasets:
        with hub.transaction() as connection:
            stored = entries.find(connection, dataset)
            assert stored is not None and stored.published_version is not None
            version = entries.find_version(connection, dataset, stored.published_version)
            assert version is not None
            items = tuple(GrantedItem(each.name, "plain") for each in entry_from(version.contract, dataset).items)
            terms = Terms(items, RowFilter(), ("basis",), ("lookup", "query"), date(2099, 1, 1), quota=Quota(10_000))
            facts = {"dataset": dataset, "entry_version": version.number, "consumer": CONSUMER}
            facts |= {"provider": stored.provider_code, "created_at": now}
            connection.execute(
                text(
                    "insert into hub.share_requests (number, dataset, entry_version, consumer, provider, share_type,"
                    " stage, content, created_by, created_at, updated_at) values (:number, :dataset, :entry_version,"
                    " :consumer, :provider, 1, 'active', '{}', 'x', :created_at, :created_at)"
                ),
                facts | {"number": f"R-{dataset}"},
            )
            store.add(connection, facts | {
                "number": f"G-{dataset}", "request": f"R-{dataset}", "terms": terms_json(terms), "state": "active",
                "valid_from": now, "valid_until": now + timedelta(days=20_000),
            })  # fmt: skip


def ask(run: Shuqiao, statement: str, *options: object) -> Result:
    """Runs a statement by the command line as the account."""
    return run("query", "run", statement, *AS_ASKER, *options, input=PASSWORD + "\n")


def look_up(run: Shuqiao, dataset: str, key: str, *options: object) -> Result:
    """Looks a number up by the command line as the account; the number goes in behind the password."""
    asked = ("dataset", "lookup", dataset, "-", *AS_ASKER, "--case", "BJ-2026-000123", *options)
    return run(*asked, input=f"{PASSWORD}\n{key}\n")
