"""The life of an attachment: guards, trial load with real rows, review by another person, in force, revoked."""

import json

import pytest
from sqlalchemy import text

from exchange import attachments, connections, drafting, entries, preview, sync, uploads
from exchange.access import Actor
from exchange.attachment_states import TRANSITIONS, next_state
from exchange.drafting import ItemChoice
from exchange.preview import masked
from exchange.upload_files import upload_attachment
from schemas.entry import Attachment, Item, Subject
from schemas.errors import ContractError, Denied, InputError, NotFound, StateError
from tests.exchange.small_city import PROVIDER, citizen_id, contract, people, unattached
from tests.exchange.test_uploads import workbook

EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER, "portal")
STRANGER = Actor("stranger", frozenset({"editor"}), "11620400XX00C0014G", "portal")
AUTHORITY = Actor("authority", frozenset({"data_admin"}), "11620400XX00B0001A", "portal", region="")
DATASET = "t_person"


@pytest.fixture
def city(hub, admin, police):
    """The police's connection with forty people."""
    police.put(people(40))
    connections.set_connection(hub, admin, "police", police.url)
    entries.apply(hub, admin, contract("other", server={"connector": "postgres", "connection": "police",
                                                        "table": "t_front", "mode": "snapshot"}), "other")  # fmt: skip
    return police


@pytest.fixture
def drafted(hub, admin, city):
    """A draft of the register of people, published by the local administrator; its attachment waits."""
    draft = drafting.propose(hub, EDITOR, "police", "t_person", "public")
    chosen = [ItemChoice(item.column) for item in draft.items if item.use]
    drafting.make(hub, EDITOR, "police", "public.t_person", draft.facts, chosen)
    return hub


def publish(hub, admin):
    """Puts the draft in force as the directory's life would."""
    shown = entries.show_entry(hub, admin, DATASET)
    return entries.apply(hub, admin, shown.text, DATASET, publish=True)


def listed(hub):
    """Names the datasets that the scheduler has."""
    path = hub.settings.directory / "dags.json"
    return [each["dataset"] for each in json.loads(path.read_text())["entries"]] if path.exists() else []


def test_only_listed_transitions_are_possible():
    """Every pair of command and state that the table does not name is refused."""
    states = {state for _, state in TRANSITIONS} | set(TRANSITIONS.values())
    for command in {command for command, _ in TRANSITIONS}:
        for state in states:
            if (command, state) in TRANSITIONS:
                assert next_state(state, command) == TRANSITIONS[command, state]
            else:
                with pytest.raises(StateError):
                    next_state(state, command)


def test_from_table_to_first_sync(drafted, admin, hub):
    """Published, tried, submitted, approved by another: only then scheduled and synced."""
    publish(hub, admin)
    assert DATASET not in listed(hub)
    with pytest.raises(StateError, match="挂接没有生效"):
        sync.run(hub, admin, DATASET)
    with pytest.raises(StateError, match="还没有试加载"):
        attachments.submit(hub, EDITOR, DATASET)
    tried = attachments.try_attachment(hub, EDITOR, DATASET)
    assert (tried.trial["rows"], tried.trial["accepted"], tried.trial["score"]) == (40, 40, 100)
    assert tried.lacks == ()
    assert attachments.submit(hub, EDITOR, DATASET).state == "publish_pending"
    done = attachments.decide(hub, AUTHORITY, DATASET, True, "")
    assert (done.state, done.reviewed_by) == ("published", "authority")
    assert DATASET in listed(hub)
    assert sync.run(hub, admin, DATASET).rows_after == 40
    asked = attachments.revoke(hub, EDITOR, DATASET, "系统下线")
    assert asked.state == "revoke_pending" and DATASET in listed(hub)
    assert attachments.decide(hub, AUTHORITY, DATASET, True, "").state == "revoked"
    assert DATASET not in listed(hub)


def test_a_published_entry_without_servers_gets_a_version_with_them(hub, admin, city):
    """An entry that is published first is attached later: mapping and schedule become its next version."""
    bare = contract("person", server={}).replace("gmsfhm", "citizen_no")
    start, end = bare.index("servers:"), bare.index("schema:")
    entries.apply(hub, admin, bare[:start] + bare[end:], "person", publish=True)
    proposal = preview.propose_attachment(hub, EDITOR, "person", "police", "t_person", "public")
    assert proposal.mapping == {"citizen_id": "gmsfhm", "name": "xm", "sex_code": "xb", "birth_date": "csrq"}
    assert proposal.attachment.watermark_column == "gxsj"
    saved = attachments.save(hub, EDITOR, "person", proposal.attachment, proposal.mapping, "5 2 * * *")
    assert saved.state == "created" and "还没有试加载" in saved.lacks
    attachments.try_attachment(hub, EDITOR, "person")
    attachments.submit(hub, EDITOR, "person")
    attachments.decide(hub, AUTHORITY, "person", True, "同意")
    shown = entries.show_entry(hub, admin, "person")
    assert (shown.published_version, shown.connection, shown.schedule) == (2, "police", "5 2 * * *")
    assert shown.contract_version == "1.0.1"


def test_guards(drafted, admin, hub):
    """An unpublished entry, a slow schedule, a missing column, a bad table: each is refused with its reason."""
    assert "目录条目尚未发布" in attachments.show(hub, EDITOR, DATASET).lacks
    publish(hub, admin)
    held = attachments.show(hub, EDITOR, DATASET)
    here = Attachment("postgres", "snapshot", "police", schema="public", table="t_person")
    slow = attachments.save(hub, EDITOR, DATASET, here, held.mapping, "0 3 1 * *")
    assert any("更新周期" in lack for lack in slow.lacks)
    some = attachments.save(hub, EDITOR, DATASET, here, {"citizen_id": "gmsfhm"}, "0 3 * * *")
    assert any("没有对应的列" in lack for lack in some.lacks)
    attachments.save(hub, EDITOR, DATASET, here, held.mapping | {"name": "nope"}, "0 3 * * *")
    with pytest.raises(ContractError, match="nope"):
        attachments.try_attachment(hub, EDITOR, DATASET)
    with pytest.raises(ContractError):
        attachments.save(hub, EDITOR, DATASET, here, held.mapping, "not a cron")
    with pytest.raises(InputError, match="没有数据项"):
        attachments.save(hub, EDITOR, DATASET, here, {"x": "y"}, "0 3 * * *")


def test_a_bad_table_fails_the_trial(drafted, admin, hub, city):
    """A score under the limit forbids submission; findings are counted by code and hold no value."""
    publish(hub, admin)
    with city.connect() as connection:
        connection.execute("update t_person set gmsfhm = '62040219900307987' || right(gmsfhm, 1)")
    tried = attachments.try_attachment(hub, EDITOR, DATASET)
    assert tried.trial["score"] < 60 and tried.trial["findings"]
    assert "62040219900307987" not in repr(tried)
    with pytest.raises(StateError, match="质量分"):
        attachments.submit(hub, EDITOR, DATASET)


def test_review_is_anothers(drafted, admin, hub):
    """Who submitted does not review; a return needs words, and opens the way to mend."""
    publish(hub, admin)
    both = Actor("both", frozenset({"data_admin", "editor"}), PROVIDER, "portal", region="")
    attachments.try_attachment(hub, both, DATASET)
    attachments.submit(hub, both, DATASET)
    with pytest.raises(Denied, match="自己提交"):
        attachments.decide(hub, both, DATASET, True, "")
    with pytest.raises(InputError, match="意见"):
        attachments.decide(hub, AUTHORITY, DATASET, False, " ")
    returned = attachments.decide(hub, AUTHORITY, DATASET, False, "请说明用途")
    assert (returned.state, returned.opinion) == ("publish_rejected", "请说明用途")
    assert DATASET not in listed(hub)


def test_another_department_cannot_touch(drafted, admin, hub):
    """Another department neither sees nor changes a draft's attachment; roles without the action are refused."""
    for act in (
        lambda: attachments.show(hub, STRANGER, DATASET),
        lambda: attachments.try_attachment(hub, STRANGER, DATASET),
        lambda: attachments.submit(hub, STRANGER, DATASET),
        lambda: attachments.revoke(hub, STRANGER, DATASET, "x"),
        lambda: attachments.close(hub, STRANGER, DATASET),
        lambda: preview.preview(hub, STRANGER, DATASET),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(Denied):
        attachments.decide(hub, EDITOR, DATASET, True, "")
    assert attachments.list_attachments(hub, STRANGER) == []


@pytest.mark.parametrize(
    "attachment",
    [
        Attachment("file", "snapshot", location="/etc/passwd", format="csv"),
        Attachment("file", "snapshot", location="memory://x.csv", format="csv"),
        Attachment("file", "snapshot", location="uploads/t_person/../../secrets/k.csv", format="csv"),
    ],
)
def test_portal_accounts_name_no_path_of_this_machine(drafted, hub, attachment):
    """Only the local administrator attaches a file without a connection."""
    with pytest.raises(Denied, match="文件位置"):
        attachments.save(hub, EDITOR, DATASET, attachment, {}, "0 3 * * *")


@pytest.mark.parametrize(
    "url",
    ["/etc", "file:///etc", "sqlite:////etc/x.db", "memory://", "postgresql://u:p@/d", "postgresql://u:p@%2Ftmp/d",
     "postgresql://u:p@h/d?host=/tmp", "mysql://u:p@h/d?read_default_file=/etc/passwd", "duckdb:///x"],
)  # fmt: skip
def test_portal_accounts_connect_to_the_network_only(drafted, hub, url):
    """A connection of a department's account points to a system on the network, never to this machine's files."""
    with pytest.raises(Denied, match="网络"):
        connections.set_connection(hub, EDITOR, "mine", url)


def test_a_preview_is_masked_and_leaves_no_value(drafted, hub):
    """The preview shows twenty masked rows; the log holds no value of them."""
    shown = preview.preview(hub, EDITOR, DATASET)
    assert len(shown.rows) == 20
    row = dict(zip(shown.titles, shown.rows[1], strict=True))
    assert row["公民身份号码"] == "620***********" + row["公民身份号码"][-4:] and row["姓名"] == "张**"
    with hub.engine.connect() as connection:
        events = connection.execute(text("select string_agg(e::text, '') from hub.audit_events e")).scalar_one()
    assert "张" not in events and all(citizen_id(number) not in events + repr(shown) for number in range(20))


@pytest.mark.parametrize(
    ("kind", "level", "identifying", "value", "shows"),
    [
        ("citizen_id", 4, False, "620402199003079879", "620***********9879"),
        ("name", 3, True, "张三", "张*"),
        ("name", 1, False, "银桥市某公司", "银桥市某公司"),
        ("mobile", 3, True, "13800001234", "138****1234"),
        ("address", 3, True, "银桥市白银区某路1号", "银桥市白银区****"),
        ("text", 2, False, "见620402199003079879", "见620****9879"),
        ("text", 4, False, "abc", "a***"),
        ("date", 3, False, "1990-03-07", "1990-**-**"),
        ("code", 2, False, "01", "01"),
        ("text", 2, False, None, ""),
    ],
)
def test_masks(kind, level, identifying, value, shows):
    """Each kind is masked in its own way."""
    letter = "D" if kind == "date" else "C"
    subject = Subject("本人", "111") if kind == "citizen_id" else None
    item = Item("a", "a", "甲", letter, kind, level=level, identifying=identifying, subject=subject)
    assert masked(value, item) == shows


def test_a_department_without_a_system_attaches_by_upload(hub, admin):
    """Template before anything is in force, a filled file tries it, the authority agrees, then files are taken."""
    entries.apply(hub, admin, unattached(), "person", publish=True)
    mapping = {item["name"]: item["source"] for item in attachments.show(hub, EDITOR, "person").items}
    saved = attachments.save(hub, EDITOR, "person", upload_attachment("person"), mapping, "")
    assert saved.upload and saved.lacks == ("还没有试填报",)
    with pytest.raises(StateError, match="没有可以读取的表"):
        attachments.try_attachment(hub, EDITOR, "person")
    assert uploads.data_template(hub, EDITOR, "person").content[:2] == b"PK"
    with pytest.raises(StateError, match="不是文件填报"):
        uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(2)))
    with pytest.raises(InputError, match="没有记录"):
        attachments.try_uploaded(hub, EDITOR, "person", "a.xlsx", workbook([]))
    with pytest.raises(InputError, match="缺少数据项"):
        attachments.try_uploaded(hub, EDITOR, "person", "a.csv", "姓名\n甲\n".encode())
    bad = attachments.try_uploaded(hub, EDITOR, "person", "a.xlsx", workbook([people(1)[0] | {"xb": "9x"}]))
    assert bad.trial["rejected"] == 1 and "不足" in bad.lacks[0]
    tried = attachments.try_uploaded(hub, EDITOR, "person", "a.xlsx", workbook(people(5)))
    assert (tried.trial["rows"], tried.trial["score"], tried.lacks) == (5, 100, ())
    with pytest.raises(Denied):
        attachments.try_uploaded(hub, STRANGER, "person", "a.xlsx", workbook(people(1)))
    attachments.submit(hub, EDITOR, "person")
    assert attachments.decide(hub, AUTHORITY, "person", True, "").state == "published"
    assert "person" not in listed(hub)
    view = uploads.check(hub, EDITOR, "person", "a.xlsx", workbook(people(5)))
    assert uploads.submit(hub, EDITOR, view.id).run_state == "published"
