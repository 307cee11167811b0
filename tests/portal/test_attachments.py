"""The attachment page: draft, trial, submission, another's review, in force; each act only for whom it is meant."""

import pytest
from sqlalchemy import text

from exchange import entries
from exchange.access import local_administrator
from tests.exchange.small_city import PROVIDER, citizen_id
from tests.portal.test_connections import csrf_of
from tests.portal.test_drafting import city, form_of  # noqa: F401

HERE = "/entries/t_person/attach"
AUTHORITY = "11620400XX00B0001A"


@pytest.fixture
def published(hub, sign, city):
    """The editor's client; its draft of the register of people has been published."""
    client = sign("editor", login="editor")
    form = form_of(client.get("/connections/police/draft?table=t_person&schema=public"))
    assert client.post("/connections/police/draft", data=form).status_code == 303
    admin = local_administrator()
    entries.apply(hub, admin, entries.show_entry(hub, admin, "t_person").text, "t_person", publish=True)
    return client


@pytest.fixture
def authority(hub, sign, published):
    """A data administrator's client, whose region reaches the police."""
    with hub.engine.begin() as connection:
        connection.execute(text("insert into hub.regions values ('620400', '示例市', null, 1) on conflict do nothing"))
        connection.execute(text("update hub.departments set region_code = '620400'"))
        connection.execute(
            text(
                "insert into hub.departments (code, name, region_code, created_at)"
                f" values ('{AUTHORITY}', '示例市数据局', '620400', now())"
            )
        )
    return sign("data_admin", login="authority", department=AUTHORITY)


def act(client, what, **fields):
    """Sends one of the page's forms."""
    return client.post(f"{HERE}/{what}", data={"csrf": csrf_of(client.get(HERE))} | fields)


def test_from_draft_to_force(published, authority, hub):
    """Trial, submission and review of another person put the attachment in force; nothing is typed again."""
    page = published.get(HERE)
    assert "还没有试加载" in page.text and "提交挂接审核</button>" not in page.text
    assert "质量分 100" in _says(act(published, "try"))
    preview = published.get(f"{HERE}/preview")
    assert "张**" in preview.text and citizen_id(1) not in preview.text
    assert act(published, "submit").status_code == 303
    assert act(published, "decide", decision="approve").status_code == 403
    assert "待挂接审核" in authority.get("/attachments").text
    refused = act(authority, "decide", decision="return")
    assert refused.status_code == 200 and "没有写明退回意见" in refused.text
    assert act(authority, "decide", decision="approve", opinion="同意").status_code == 303
    assert authority.get(f"{HERE}.json").json()["view"]["state"] == "published"
    assert '"t_person"' in (hub.settings.directory / "dags.json").read_text()
    assert act(published, "revoke", reason="下线").status_code == 303
    assert act(authority, "decide", decision="approve").status_code == 303
    assert '"t_person"' not in (hub.settings.directory / "dags.json").read_text()


def _says(answer):
    from urllib.parse import unquote  # noqa: PLC0415

    return unquote(answer.headers["set-cookie"])


def test_mapping_and_schedule_are_changed_on_the_page(published):
    """The mapping form comes filled; a slow or wrong schedule is said in place."""
    page = published.get(f"{HERE}?connection=police&table=t_person&schema=public")
    form = form_of(page)
    assert form["source"][:2] == ["gmsfhm", "xm"] and "watermark:gxsj" in form["reading"]
    wrong = published.post(HERE, data=form | {"schedule": ["no cron"]})
    assert wrong.status_code == 200 and "cron" in wrong.text
    assert published.post(HERE, data=form | {"schedule": ["0 3 1 * *"]}).status_code == 303
    assert "更新周期" in published.get(HERE).text
    some = form | {"source": ["", *form["source"][1:]]}
    assert published.post(HERE, data=some).status_code == 303
    assert "没有对应的列" in published.get(HERE).text
    assert "t_front" in published.get(f"{HERE}?connection=police").text
    assert published.get("/attachments").status_code == 200


def test_others_are_kept_out(published, sign):
    """Another department's editor and roles without the action neither see nor change the attachment."""
    other = sign("editor", department="11620400XX00C0014G")
    token = csrf_of(other.get("/connections/new"))
    assert other.get(HERE).status_code == 403 and other.get(f"{HERE}/preview").status_code == 403
    for what in ("try", "submit", "revoke", "close", "decide"):
        fields = {"csrf": token, "reason": "x", "decision": "approve"}
        assert other.post(f"{HERE}/{what}", data=fields).status_code == 403, what
    assert other.get("/attachments.json").json()["attachments"] == []
    assert other.get("/api/v1/attachments/t_person").status_code == 403
    assert sign("analyst").get(HERE).status_code == 403
    reviewer = sign("dept_reviewer", department=PROVIDER)
    assert reviewer.get(HERE).status_code == 200 and act(reviewer, "try").status_code == 403
