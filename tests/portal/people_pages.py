"""What the tests of people's pages share: sending a form of a page, and the house rules of a page."""

import re

from tests.portal.page_rules import Page


def csrf(client, path):
    """Returns the form's token of a page."""
    page = client.get(path)
    assert page.status_code == 200, (path, page.status_code, page.text[:600])
    return re.search(r'name="csrf" value="([^"]+)"', page.text).group(1)


def post(client, form, to=None, *, files=None, **data):
    """Sends a form of a page."""
    return client.post(to or form, data={"csrf": csrf(client, form), **data}, files=files)


def check_page(text):
    """Asserts that a page keeps the house rules."""
    assert Page(text).faults == []
