"""A subscription under a real grant: what leaves, what is counted, and what stops it."""

from datetime import date

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from catalog.stores import departments
from exchange.access import Actor
from exchange.delivery import work
from exchange.delivery.ports import HubGrants
from exchange.delivery.subscriptions import NewSubscription, show_subscription, subscribe
from exchange.sharing import decisions, freezes, grants, recalls, requests, usage
from schemas.errors import Denied
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.sharing import Content, Terms
from tests.delivery.conftest import ADMIN, clock, copied, hub, police, publish, world  # noqa: F401 - fixtures used here
from tests.delivery.stand_ins import CONSUMER
from tests.exchange import small_city
from tests.exchange.small_city import PROVIDER

AUTHORITY = "11620400XX00C0014G"


def person(name, role, code):
    """Makes an actor."""
    return Actor(name, frozenset({role}), code, "portal", title=name, region="6204")


ASKER, OWN_HEAD = person("asker", "analyst", CONSUMER), person("own_head", "dept_reviewer", CONSUMER)
CHIEF, HEAD = person("chief", "data_admin", AUTHORITY), person("head", "dept_reviewer", PROVIDER)


@pytest.fixture
def granted(hub):
    """A request for a subscription, taken to its grant; returns the request's and the grant's number."""
    with hub.transaction() as connection:
        known = {each.code for each in departments.list_all(connection)}
        for code in {AUTHORITY, PROVIDER} - known:
            departments.save(connection, code, f"部门{code[-4:]}", hub.clock.now())
        connection.execute(text("insert into hub.regions (code, name, level) values ('620400', '示例市', 1) "
                                "on conflict do nothing"))  # fmt: skip
        connection.execute(text("update hub.departments set region_code = '620400'"))
    items = (GrantedItem("name", "masked", "hidden"), GrantedItem("sex_code", "plain"))
    asked = Terms(items=items, rows=RowFilter(), purposes=("basis",), ways=("subscription",), ends=date(2027, 11, 20),
                  quota=Quota(rows_an_export=500))  # fmt: skip
    wanted = Content("person", asked, legal_basis="《社会保险法》第七十四条", scenario="办理待遇资格认证时核对性别",
                     security="专人使用，只在政务外网内查询，不留存", responsible="王某某",
                     phone="0943-8220000")  # fmt: skip
    number = requests.draft(hub, ASKER, wanted).number
    requests.submit(hub, ASKER, number)
    moved = requests.send(hub, OWN_HEAD, number)
    if moved.stage == "necessity":
        moved = decisions.confirm(hub, CHIEF, number)
    else:
        decisions.pass_on(hub, CHIEF, number)
        moved = decisions.approve(hub, HEAD, number)
    return number, moved.grant


@pytest.fixture
def subscribed(hub, granted, tmp_path):
    """A subscription to a folder under the grant."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    new = NewSubscription("person", granted[1], CONSUMER, "folder", str(folder), {"receipt": "none"})
    return subscribe(hub, ADMIN, new).id, folder


def test_a_delivery_under_a_grant_gives_what_it_gives_and_is_counted(hub, granted, subscribed):
    """The granted items leave as the grant says; the use is counted once with its rows."""
    identifier, folder = subscribed
    done = work.run(hub, ADMIN, identifier)
    [part] = (folder / done.batch_no).glob("part-*")
    rows = pq.read_table(part).to_pylist()
    assert len(rows) == 40 and {row["name"] for row in rows} == {"***"}
    assert set(rows[0]) == {"cd_operation", "cd_time", "cd_batch", "row_guid", "name", "sex_code"}
    [used] = usage.usage(hub, OWN_HEAD)
    assert (used.way_name, used.calls, used.rows) == ("订阅推送", 1, 40)
    assert work.run(hub, ADMIN, identifier).batch_no is None
    assert [each.calls for each in usage.usage(hub, OWN_HEAD)] == [1]


def test_the_first_delivery_is_the_supply(hub, granted, subscribed):
    """A request that waits for its supply is in use from its first delivery on."""
    with hub.transaction() as connection:
        connection.execute(text("update hub.share_requests set stage = 'supply', supplied_at = null"))
    work.run(hub, ADMIN, subscribed[0])
    with hub.transaction() as connection:
        row = connection.execute(text("select stage, supplied_at from hub.share_requests")).one()
    assert row.stage == "active" and row.supplied_at == hub.clock.now()


@pytest.mark.parametrize("stop", ["revoke", "freeze", "recall"])
def test_what_ends_a_grant_stops_what_is_ready_to_leave(hub, granted, subscribed, stop):
    """A revocation, a freeze or a recall between preparing and sending: nothing leaves, and the batch is taken back."""
    number, _ = granted
    identifier, folder = subscribed
    work.prepare(hub, ADMIN, identifier)
    if stop == "revoke":
        grants.revoke_by_authority(hub, CHIEF, number, "用途已经终止，收回授权")
    elif stop == "freeze":
        freezes.freeze(hub, CHIEF, "department", CONSUMER, "发现异常使用，先行冻结")
    else:
        recalls.raise_recall(hub, CHIEF, "person", 1, "发布的数据有误，先行召回")
    with pytest.raises(Denied):
        work.send(hub, ADMIN, identifier)
    assert not list(folder.rglob("*"))
    assert show_subscription(hub, ADMIN, identifier).batches[0]["state"] == "withdrawn"
    with pytest.raises(Denied):
        work.prepare(hub, ADMIN, identifier)


def test_a_batch_of_a_recalled_version_stays_when_a_newer_one_is_there(
    hub,
    granted,
    subscribed,
    police,
    publish,
):
    """The grant binds again with the next version; what was prepared from the recalled one does not leave."""
    identifier, folder = subscribed
    work.prepare(hub, ADMIN, identifier)
    recalls.raise_recall(hub, CHIEF, "person", 1, "发布的数据有误，先行召回")
    police.put([small_city.person(70)])
    publish()
    with pytest.raises(Denied, match="RECALLED"):
        work.send(hub, ADMIN, identifier)
    done = work.run(hub, ADMIN, identifier)
    assert done.kind == "full" and (folder / done.batch_no).is_dir()


def test_an_unknown_grant_binds_nothing(hub):
    """A number that is none is answered like one that has ended."""
    with pytest.raises(Denied, match="GRANT_OVER"):
        HubGrants(hub).binding("GX20260101000001", hub.clock.now())
