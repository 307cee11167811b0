"""A subscription under a real grant: what leaves, what is counted, and what stops it."""

import re
from contextlib import ExitStack
from datetime import date

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from catalog.stores import departments
from exchange.access import Actor
from exchange.delivery import work
from exchange.delivery.ports import HubGrants
from exchange.delivery.subscriptions import NewSubscription, show_subscription, subscribe
from exchange.sessions import SECOND_FACTOR
from exchange.sharing import decisions, freezes, grants, recalls, requests, usage
from portal.app import create_app
from schemas.errors import Denied
from schemas.grants import GrantedItem, Quota, RowFilter
from schemas.sharing import Content, Terms
from tests.delivery.conftest import ADMIN, clock, copied, hub, police, publish, world  # noqa: F401 - fixtures used here
from tests.delivery.stand_ins import CONSUMER
from tests.exchange import small_city
from tests.exchange.small_city import PROVIDER
from tests.portal.conftest import PASSWORD, add_person, code_at
from tests.portal.page_rules import Page

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


@pytest.fixture
def enter(hub):
    """Signs somebody in; returns the client."""
    with ExitStack() as left:
        served = create_app(hub)

        def work(login, role, code):
            add_person(hub, login, role, department=code)
            client = left.enter_context(TestClient(served, follow_redirects=False))
            once = code_at(hub.clock.now()) if role in SECOND_FACTOR else ""
            answer = client.post("/sign-in", data={"login": login, "password": PASSWORD, "code": once})
            assert answer.status_code == 303, answer.text
            return client

        yield work


def page(client, path):
    """Opens a page and holds it against the rules of all pages."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert Page(answer.text).faults == [], path
    return answer.text


def send(client, path, **fields):
    """Posts a form."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/me/password").text).group(1)
    return client.post(path, data={**fields, "csrf": token})


def test_the_pages_of_a_subscription(hub, granted, enter):
    """Under a grant a consumer subscribes, pauses, resumes, asks for everything anew and ends it, page by page."""
    manager = enter("cadmin", "dept_admin", CONSUMER)
    assert "没有订阅" in page(manager, "/deliveries")
    assert granted[1] in page(manager, f"/deliveries/new?grant={granted[1]}")
    form = {"grant": granted[1], "kind": "callback", "url": "https://u:hunter2@192.0.2.1/in", "token": "tok-secret"}
    wrong = send(manager, "/deliveries", **form | {"url": "ftp://u:hunter2@h/x"})
    assert "PLACE_URL" in wrong.text and "hunter2" not in wrong.text and "tok-secret" not in wrong.text
    assert "GRANT" in send(manager, "/deliveries", **form | {"grant": "GX1"}).text
    local = send(manager, "/deliveries", **form | {"kind": "folder", "url": "/etc"})
    assert "PLACE_LOCAL" in local.text
    store = {"kind": "folder", "url": "s3://bucket/p?endpoint_url=http://127.0.0.1:9000", "token": ""}
    assert "PLACE_LOCAL" in send(manager, "/deliveries", **form | store).text
    at = send(manager, "/deliveries", **form).headers["location"].partition("?")[0]
    shown = page(manager, at)
    assert "hunter2" not in shown and "https://192.0.2.1/in" in shown
    assert "REASON" in send(manager, f"{at}/pause", reason=" ").text
    assert send(manager, f"{at}/pause", reason="前置系统检修").status_code == 303
    assert "已暂停" in page(manager, at)
    assert send(manager, f"{at}/resume").status_code == 303
    assert send(manager, f"{at}/resend", reason="前置系统重建").status_code == 303
    assert "BATCH_UNKNOWN" in send(manager, f"{at}/receipts", batch_no="1", accepted="1").text
    provider = enter("padmin", "dept_admin", PROVIDER)
    assert at in page(provider, "/deliveries") and page(provider, at)
    assert send(provider, f"{at}/pause", reason="不归本部门").status_code == 404
    stranger = enter("sadmin", "dept_admin", AUTHORITY)
    assert at not in page(stranger, "/deliveries") and stranger.get(at).status_code == 404
    assert send(manager, f"{at}/close", reason="不再需要").status_code == 303
    assert "已终止" in page(manager, "/deliveries")
    assert page(manager, "/deliveries/keys")


def test_the_page_of_keys(hub, enter):
    """The security administrator sees the generations, changes the key with a reason, and retires an unused one."""
    guard = enter("guard", "security_admin", AUTHORITY)
    assert "用于封存" in page(guard, "/keys")
    assert "REASON" in send(guard, "/keys/rotate", reason="").text
    assert send(guard, "/keys/rotate", reason="年度更换").status_code == 303
    assert send(guard, "/keys/reencrypt").status_code == 303
    shown = page(guard, "/keys")
    assert shown.count("<tr><td") == 2
    assert send(guard, "/keys/2/retire", reason="年度更换").status_code == 200, "what seals is not retired"
    assert enter("cadmin", "dept_admin", CONSUMER).get("/keys").status_code == 403
