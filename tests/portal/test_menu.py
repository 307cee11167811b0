"""The menu: groups by the day's work, each place behind the action of its page."""

from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace

import pytest

from exchange.access import ACTIONS
from portal import pages
from portal.menu import GROUPS, menu_for
from portal.routes import DECLARED

ALL = [place for places in GROUPS.values() for place in places]


def desk(role):
    """Stands in for a desk of one role."""
    return SimpleNamespace(may=lambda action: role in ACTIONS[action].roles)


def test_each_place_asks_for_the_action_of_its_page():
    """A place is shown to those alone who may open it, and stands in one group."""
    for module in iter_modules(pages.__path__):
        import_module(f"portal.pages.{module.name}")
    assert {place.path: place.action for place in ALL} == {place.path: DECLARED["GET", place.path] for place in ALL}
    assert len({place.path for place in ALL}) == len(ALL) > 30


@pytest.mark.parametrize(("path", "group", "place"), [
    ("/query/q1", "使用数据", "在线查询"), ("/sharing/requests/SQ1/edit", "共享", "共享申请"),
    ("/sharing/new/person", "共享", ""), ("/me", "", ""),
])  # fmt: skip
def test_a_page_is_shown_in_its_group(path, group, place):
    """The group of a page is marked with its places below; a page of no group stands over the first one."""
    menu = menu_for(desk("analyst"), path)
    assert "".join(each.name for each in menu.groups if each.here) == group
    assert "".join(each.name for each in menu.places if each.here) == place
    assert len(menu.groups) == 5 and "密钥" not in [each.name for each in menu.places]
    assert menu.places[0].name == ("概览" if path == "/me" else menu.places[0].name)


def test_nobody_has_no_menu():
    """Before signing in there is none."""
    assert menu_for(None, "/") is None
