"""`kill -9` of portal or database in the middle of work: no answer without its record, no half-approved request,
no delivery twice; and a revocation that binds while everybody asks."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from catalog.migrate import upgrade
from exchange import entries
from exchange.auditing.chain import seal_pending
from exchange.auditing.verification import verify
from exchange.delivery import work
from exchange.delivery.subscriptions import NewSubscription, subscribe
from exchange.hub import open_hub
from exchange.keyed import clients, credentials
from exchange.sharing import decisions, grants
from exchange.sharing.table import STAGE_NAMES, Stage
from runtime.postgres import Cluster
from schemas.errors import HubError
from schemas.grants import Quota
from tests.auditing.conftest import AUDITOR
from tests.e2e.serving import Falling, Served, settings_in, until
from tests.exchange.conftest import ADMIN
from tests.exchange.small_city import PROVIDER
from tests.keyed import conftest as keyed
from tests.portal.conftest import PASSWORD, add_person
from tests.quiet_suite import without_gx
from tests.sharing.conftest import CHIEF, CONDITIONAL, CONSUMER, REASON, monday, sent, terms, written

# One worker, one cluster.
pytestmark = pytest.mark.xdist_group("kills")

AGREED = [("supply", 1, 1, STAGE_NAMES[Stage.SUPPLY])]
WAITING = [("provider_final", 0, 0, STAGE_NAMES[Stage.PROVIDER_FINAL])]


@pytest.fixture(scope="module")
def whole():
    """A PostgreSQL of its own, as durable as the product's but for the disk's own loss of power."""
    home = Path(os.environ["SHUQIAO_TEST_SESSION"]) / "kills"  # noqa: TID251
    for name in ("", "run", "secrets", "hub"):
        (home / name).mkdir(mode=0o711 if not name else 0o700, exist_ok=True)
    cluster = Cluster(home / "postgres", home / "run", home / "secrets", settings={"fsync": "off"})
    cluster.start()
    with cluster.connect() as server:
        server.execute("create database city")
    upgrade(cluster.url("city"))
    yield home / "hub", cluster
    cluster.stop()


@pytest.fixture(scope="module")
def served(whole):
    """A city with a register in use, a portal that serves it, a machine client's key and a reviewer's session."""
    folder, cluster = whole
    with open_hub(settings_in(folder, cluster.url("city")), monday()) as hub:
        with pytest.MonkeyPatch.context() as patched:
            without_gx(patched)
            keyed._fill(hub, folder)
            entries.apply(hub, ADMIN, written("wage", **CONDITIONAL), "w", publish=True)
        add_person(hub, "reviewer", "dept_reviewer", department=PROVIDER)
        made = Served(hub, cluster)
        new = clients.NewClient("综窗系统", "受理时核对身份信息", ("lookup",), ("127.0.0.1/32",), 90)
        client = clients.consent(hub, CHIEF, clients.open_client(hub, keyed.HEAD, new).id).id
        with hub.transaction() as connection:  # no client's rate stands in the way
            connection.execute(text("update hub.machine_clients set calls_a_minute = 1000000"))
        made.key = credentials.new_secret(hub, keyed.HEAD, client, "key").secret
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def granted(served, request):
    """A grant to look up, for one test; returns its request's number."""
    number = f"GX-{abs(hash(request.node.name)) % 10**6}"
    keyed.give(served.hub, number=number)
    return f"R-{number}"


def reviewer(served):
    """Signs the provider's reviewer in; returns what his program sends with each call."""
    given = {"login": "reviewer", "password": PASSWORD}
    answer = httpx.post(f"{served.url}/api/v1/session", json=given, timeout=30, trust_env=False)
    return {"authorization": f"Bearer {answer.json()['token']}"}


def approve(served, number, headers):
    """Agrees to a request over HTTP; says whether that was answered with yes."""
    url = f"{served.url}/api/v1/sharing/requests/{number}/approve"
    try:
        answer = httpx.post(url, json={"opinion": "同意"}, headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def stands(served, number):
    """Says how a request stands: its stage, its grants, the events of its approval, what its open tasks ask for."""
    return served.rows(
        "select stage, (select count(*) from hub.grants where request = each.number),"
        " (select count(*) from hub.audit_events where object_id = each.number and detail->>'from' = 'provider_final'),"
        " (select string_agg(distinct split_part(title, '：', 1), ',') from hub.tasks"
        "  where link like '%' || each.number and state = 'open')"
        " from hub.share_requests as each where each.number = :n", n=number,
    )  # fmt: skip


def recorded(served):
    """Counts the events of look-ups by their own number, answers that were given again apart."""
    query = (
        "select detail->>'request_id', count(*) from hub.audit_events where detail->>'request_id' is not null"
        " and detail->>'repeated' is null group by 1"
    )
    return dict(served.rows(query))


@pytest.mark.parametrize("victim", ["portal", "database"])
def test_a_kill_in_the_middle_of_look_ups_and_approvals(served, granted, victim):
    """What was answered is recorded once; each request is agreed to wholly or not at all; then the hub goes on."""
    numbers = [sent(served.hub).number for _ in range(6)]
    for number in numbers:
        decisions.pass_on(served.hub, CHIEF, number)
    headers, agreed = reviewer(served), []
    with served.asked() as load, ThreadPoolExecutor(3) as pool:
        until(lambda: len(load.answered) >= 10)
        for number in numbers:
            pool.submit(lambda each: approve(served, each, headers) and agreed.append(each), number)
        until(lambda: len(agreed) >= 2)
        served.kill(victim)
        until(lambda: load.unanswered)
    served.heal(victim)
    for number in numbers:
        assert stands(served, number) in ([AGREED] if number in agreed else [AGREED, WAITING]), number
    events = recorded(served)
    assert {events.get(f"request-{number:06d}") for number in load.answered} == {1}
    headers = reviewer(served)
    assert all(approve(served, each, headers) for each in numbers if stands(served, each) == WAITING)
    assert all(stands(served, each) == AGREED for each in numbers)
    for number in load.unanswered[:20]:  # the client asks again under the same number
        assert served.ask(number).status_code == httpx.codes.OK
        assert recorded(served)[f"request-{number:06d}"] == 1
    seal_pending(served.hub)
    assert verify(served.hub, AUDITOR).holds


def test_a_revocation_binds_within_ten_seconds_while_everybody_asks(served):
    """Look-ups without a pause are refused soon after the revocation, in a process that was told nothing."""
    with served.hub.transaction() as connection:  # those of other tests
        connection.execute(text("update hub.grants set state = 'revoked' where state = 'active'"))
    number = sent(served.hub, "person", terms(quota=Quota(keys_a_day=100_000))).number
    with served.asked() as load:
        until(lambda: len(load.answered) >= 10)
        grants.revoke_by_authority(served.hub, CHIEF, number, REASON)
        began = time.monotonic()
        until(lambda: sum(map(_not_granted, load.refused)) >= 6, 15)
    assert load.last - began < 10


def _not_granted(refusal):
    """Tells a refusal for want of a grant from one for the quota of those that ended before."""
    return refusal["error"]["code"].startswith("GRANT")


@pytest.mark.parametrize("point", ["delivery.part_written", "delivery.after_commit"])
def test_a_database_killed_in_the_middle_of_a_delivery(served, granted, tmp_path, point):
    """The batch that the consumer got is the one that the hub knows afterwards, once, however often it was tried."""
    grant = granted.removeprefix("R-")
    new = NewSubscription("person", grant, CONSUMER, "folder", str(tmp_path), {"receipt": "none"})
    identifier = subscribe(served.hub, ADMIN, new).id
    falling = replace(served.hub, faults=Falling(served.cluster, point))
    with pytest.raises(HubError):
        work.run(falling, ADMIN, identifier)
    served.heal("database")
    served.hub.clock.forward(hours=1)
    done = work.run(served.hub, ADMIN, identifier)
    assert (done.state, done.rows) == ("acknowledged", 40)
    assert [each.name for each in tmp_path.iterdir()] == [done.batch_no]
    assert served.rows("select batch_no from hub.delivery_batches where subscription_id = :i", i=identifier) == [
        (done.batch_no,)
    ]
    query = "select count(*) from hub.audit_events where object_id = :i and detail->>'state' = 'acknowledged'"
    assert served.rows(query, i=identifier) == [(1,)]
    assert served.rows("select calls, rows from hub.grant_uses where grant_number = :g", g=grant) == [(1, 40)]
