"""The search page and its API: marks, facet links, empty state, suggestions, no draft of others."""

import pytest

from tests.exchange.conftest import ADMIN
from tests.exchange.test_search import put
from tests.portal.conftest import OTHER


@pytest.fixture
def city(hub):
    """Two entries in force, one draft."""
    put(hub, ADMIN, "person", "常住人口登记信息")
    put(
        hub, ADMIN, "company", "企业设立登记信息<b>", share_type=2, share_condition="用于业务协同", share_scope="各部门"
    )
    put(hub, ADMIN, "draft_one", "未定稿的登记信息", publish=False)


def test_search_page(sign, city):
    """Words are marked, facets are links with counts, titles are escaped; another's draft is not there."""
    client = sign("editor", department=OTHER)
    page = client.get("/search", params={"q": "登记"})
    assert page.status_code == 200, page.text
    assert "<mark>登记</mark>" in page.text and "共 2 条" in page.text and "<b>" not in page.text
    assert 'href="/search?q=%E7%99%BB%E8%AE%B0&amp;share=2"' in page.text and "未定稿" not in page.text
    narrowed = client.get("/search", params={"q": "登记", "share": "2"})
    assert "共 1 条" in narrowed.text and "取消" in narrowed.text
    data = client.get("/search.json", params={"q": "常住人口"}).json()
    assert [hit["dataset"] for hit in data["found"]["hits"]] == ["person"]
    assert "未定稿" in sign("editor").get("/search", params={"q": "登记"}).text


def test_empty_state_and_bad_input(sign, city):
    """Nothing found has a next step; too long a question is refused in plain words."""
    client = sign("analyst", department=OTHER)
    assert "没有找到相符的目录条目" in client.get("/search", params={"q": "卫星"}).text
    assert client.get("/search", params={"q": "长" * 101}).status_code == 422
    assert client.get("/search", params={"page": "0"}).status_code == 422
    assert client.get("/search").status_code == 200


def test_suggestions_and_api(sign, city):
    """Suggestions come for one character; the API gives the same hits."""
    client = sign("analyst", department=OTHER)
    assert client.get("/search/suggest.json", params={"q": "常"}).json()["names"] == ["常住人口登记信息"]
    assert client.get("/api/v1/search", params={"q": "常住"}).json()["total"] == 1
    assert client.get("/api/v1/search/suggestions", params={"q": "企"}).json() == ["企业设立登记信息<b>"]
