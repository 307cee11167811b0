"""Search: words, pairs, synonyms, facets, whose drafts are found, freshness."""

from dataclasses import replace

import pytest

from catalog.stores import audit as audit_store
from catalog.stores import entry_words
from exchange import entries, entry_odcs, search
from exchange.access import Actor
from exchange.search import Asked
from exchange.search_words import question_of, tokens
from tests.exchange.small_city import PROVIDER, contract

EDITOR = Actor("editor", frozenset({"editor"}), PROVIDER, "portal")
OTHER = Actor("other", frozenset({"editor"}), "11620400XX00C0014G", "portal")
SERVER = {"connector": "file", "location": "/nowhere.csv", "format": "csv", "mode": "snapshot"}


def put(hub, admin, dataset, title, abstract="人口的基本情况", *, publish=True, **changes):
    """Registers an entry of this name and abstract."""
    text = contract(dataset, server=SERVER, **changes).replace(f"name: 人口{dataset}", f"name: {title}")
    text = text.replace("公民身份号码、姓名、性别和出生日期等人口信息", abstract)
    entries.apply(hub, admin, text, f"{dataset}.yaml", publish=publish)


@pytest.fixture
def city(hub, admin):
    """Three entries in force and a draft."""
    put(hub, admin, "person", "常住人口登记信息")
    put(hub, admin, "company", "企业设立登记信息", "由市场监管部门登记的企业名称和统一社会信用代码", share_type=2,
        share_condition="用于业务协同", share_scope="各政务部门，业务协同")  # fmt: skip
    put(hub, admin, "park", "公园绿地", "城市公园的位置和面积", classification=["209001"])
    put(hub, admin, "draft_one", "未定稿的登记信息", publish=False)


def names(found):
    """Lists the datasets found."""
    return [hit.dataset for hit in found.hits]


def test_tokens():
    """Text is cut into pairs, the last character of a run and whole Latin words; full-width letters are plain."""
    assert list(tokens("人口登记ＡＰＩ-v2")) == ["人口", "口登", "登记", "记", "api", "v2"]
    assert question_of(" ，。 ").strict is None
    assert question_of("口").strict == "(('口':*))"


#: What is typed, and the entries it finds: old words find new ones, one character is enough.
FOUND = {
    "登记信息": {"person", "company"},
    "人口": {"person"},
    "口": {"person"},
    "地": {"park"},
    "企业 登记": {"company"},
    "企业设立": {"company"},
    "身份证号": {"person", "company", "park"},
    "工商局": {"company"},
    "PERSON": {"person"},
    "出生日期": {"person", "company", "park"},
    "'; drop table hub.entries --": set(),
}


def test_what_is_found(hub, city):
    """Names, abstracts and items are searched; old words find new ones; one character is enough."""
    for q, expected in FOUND.items():
        found = search.find(hub, OTHER, Asked(q))
        assert (set(names(found)), found.total) == (expected, len(expected)), q


def test_a_name_comes_before_an_abstract(hub, admin, city):
    """What has the words in its name comes first, and the words are marked."""
    put(hub, admin, "other_one", "综合情况", "包括公园绿地在内")
    found = search.find(hub, OTHER, Asked("公园绿地"))
    assert names(found) == ["park", "other_one"]
    assert [(part.text, part.marked) for part in found.hits[0].title] == [("公园绿地", True)]
    assert [part.text for part in found.hits[1].abstract if part.marked] == ["公园绿地"]


def test_near_results(hub, city):
    """Where nothing has all of the words, what has some of them is offered as near."""
    found = search.find(hub, OTHER, Asked("公园人流统计年报"))
    assert found.near and names(found)[0] == "park"
    nothing = search.find(hub, OTHER, Asked("卫星"))
    assert (nothing.total, nothing.near, nothing.hits) == (0, False, [])


def test_drafts_are_found_by_their_department(hub, city, admin):
    """A draft is found by its own department and the administrator, never by another's editor."""
    assert "draft_one" in names(search.find(hub, EDITOR, Asked("未定稿")))
    assert "draft_one" in names(search.find(hub, admin, Asked("未定稿")))
    assert names(search.find(hub, OTHER, Asked("未定稿"))) == []
    assert "未定稿的登记信息" not in search.suggest(hub, OTHER, "登记")
    counts = {v.value: v.count for f in search.find(hub, OTHER, Asked()).facets for v in f.values}
    assert counts["2"] == 3  # the cycle of three entries: the draft is not even counted


def test_analysts_and_windows_find_what_is_published(hub, city):
    """Who only uses data finds no draft of the own department, neither as a result nor in the counts."""
    for role in ("analyst", "window"):
        user = replace(EDITOR, roles=frozenset({role}))
        found = search.find(hub, user, Asked("登记"))
        assert "draft_one" not in names(found) and search.suggest(hub, user, "未定稿") == []
        assert {v.value: v.count for f in search.find(hub, user, Asked()).facets for v in f.values}["2"] == 3
        assert "draft_one" not in {each.dataset for each in entries.list_entries(hub, user)}
    both = replace(EDITOR, roles=frozenset({"analyst", "editor"}))
    assert "draft_one" in names(search.find(hub, both, Asked("未定稿")))


def test_a_draft_that_a_file_changed_is_found_by_its_new_name(hub, admin, city):
    """What the form, the workbook or a file writes is searched at once, and the old name finds it no longer."""
    text = entries.show_entry(hub, admin, "draft_one").text
    entry_odcs.import_contract(hub, admin, "a.yaml", text.replace("未定稿的登记信息", "湿地候鸟名录"))
    assert names(search.find(hub, EDITOR, Asked("湿地候鸟"))) == ["draft_one"]
    assert "draft_one" not in names(search.find(hub, EDITOR, Asked("未定稿")))


def test_facets(hub, city):
    """Results are counted by each facet with its official name, and narrowed by it."""
    found = search.find(hub, OTHER, Asked("登记"))
    shares = {facet.name: {value.title: value.count for value in facet.values} for facet in found.facets}
    assert shares["share"] == {"无条件共享": 1, "有条件共享": 1}
    assert shares["cycle"] == {"每日": 2}
    assert list(shares["category"]) == ["部门·省（自治区、直辖市）及其下各级政务部门"] or shares["category"]
    narrowed = search.find(hub, OTHER, Asked("登记", share="2"))
    assert names(narrowed) == ["company"]
    assert [v.chosen for f in narrowed.facets if f.name == "share" for v in f.values] == [True]
    assert names(search.find(hub, OTHER, Asked(category="209"))) == ["park"]
    assert search.find(hub, OTHER, Asked("登记", share="9")).total == 0


def test_the_version_in_force_is_searched(hub, admin, city):
    """A draft of a published entry changes nothing in search until it is in force; a revoked entry is gone."""
    text = contract("park", server=SERVER, classification=["209001"]).replace("name: 人口park", "name: 森林湿地")
    text = text.replace("version: 1.0.0", "version: 1.1.0")
    entries.apply(hub, admin, text, "park.yaml")
    assert names(search.find(hub, OTHER, Asked("公园"))) == ["park"]
    assert names(search.find(hub, OTHER, Asked("森林"))) == []
    entries.apply(hub, admin, text, "park.yaml", publish=True)
    assert names(search.find(hub, OTHER, Asked("森林"))) == ["park"]
    assert search.find(hub, OTHER, Asked("公园")).total == 0
    entries.revoke(hub, admin, "park", "职责调整")
    assert names(search.find(hub, OTHER, Asked("森林"))) == []


def test_missing_words_are_made(hub, city):
    """A hub whose entries have no words yet makes them at the first search."""
    with hub.transaction() as connection:
        connection.execute(entry_words.entry_words.delete())
    assert names(search.find(hub, OTHER, Asked("人口"))) == ["person"]


def test_what_was_typed_is_not_recorded(hub, city):
    """The audit event holds a count, never the words."""
    search.find(hub, OTHER, Asked("620402196001019857"))
    search.suggest(hub, OTHER, "620402196001019857")
    with hub.transaction() as connection:
        assert "620402196001019857" not in repr(audit_store.read(connection))


def test_suggestions(hub, city):
    """Names of entries come from the first character on."""
    assert search.suggest(hub, OTHER, "公") == ["公园绿地"] or "公园绿地" in search.suggest(hub, OTHER, "公")
    assert search.suggest(hub, OTHER, "公园") == ["公园绿地"]
    assert search.suggest(hub, replace(OTHER, roles=frozenset({"audit_admin"})), "") == []


def test_pages(hub, admin, city, monkeypatch):
    """Pages follow each other without a gap."""
    monkeypatch.setattr(search, "PAGE", 2)
    first, second = (search.find(hub, OTHER, Asked("", page=number)) for number in (1, 2))
    assert (first.pages, len(first.hits), len(second.hits)) == (2, 2, 1)
    assert not set(names(first)) & set(names(second))
