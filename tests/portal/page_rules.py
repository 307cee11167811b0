"""What every page must keep to, read off its HTML; and a crawler that finds the pages by their links."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from fastapi.testclient import TestClient

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_ADDRESSES = {"href", "src", "action", "formaction", "srcset", "data", "poster"}
_SVG = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Page(HTMLParser):
    """Reads one page; `faults` lists what breaks a rule, `links` where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.links: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._ids: Counter[str] = Counter()
        self._labelled: set[str] = set()
        self._fields: list[tuple[str, dict[str, str]]] = []
        self._seen: Counter[str] = Counter()
        self._said: dict[int, str] = {}
        self.feed(text)
        self.close()
        self._finish(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes note of an element."""
        facts = {name: value or "" for name, value in attrs}
        inside = {name for name, _ in self._open}
        if "svg" not in inside:
            self._seen[tag] += 1
        if "id" in facts:
            self._ids[facts["id"]] += 1
        self._plain_rules(tag, facts)
        for name in _ADDRESSES & set(facts):
            self._address(tag, facts[name])
        self._label_rules(tag, facts, within_label="label" in inside)
        if tag == "caption":
            next((kept for name, kept in reversed(self._open) if name == "table"), {})["captioned"] = "yes"
        if tag == "thead":
            next((kept for name, kept in reversed(self._open) if name == "table"), {})["headed"] = "yes"
        if tag not in _VOID:
            self._open.append((tag, facts))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes note of an element that closes itself, as in SVG."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def _plain_rules(self, tag: str, facts: dict[str, str]) -> None:
        if "style" in facts or any(name.startswith("on") for name in facts):
            self.faults.append(f"<{tag}> has inline style or script")
        if tag == "th" and "scope" not in facts:
            self.faults.append("<th> without scope")
        if tag == "img" and "alt" not in facts:
            self.faults.append("<img> without alt")

    def _label_rules(self, tag: str, facts: dict[str, str], *, within_label: bool) -> None:
        if tag == "label":
            self._labelled.add(facts.get("for", ""))
        if tag not in {"input", "select", "textarea"} or facts.get("type") in {"hidden", "submit", "button"}:
            return
        if not within_label and not {"aria-label", "aria-labelledby"} & set(facts):
            self._fields.append((tag, facts))

    def handle_endtag(self, tag: str) -> None:
        """Closes an element; an element closed out of order is a fault."""
        if tag in _VOID:
            return
        if not self._open or self._open[-1][0] != tag:
            if tag not in {"p", "li", "td", "th", "tr", "option"}:
                self.faults.append(f"</{tag}> closes nothing")
            while (
                self._open
                and self._open[-1][0] in {"p", "li", "td", "th", "tr", "option"}
                and (any(name == tag for name, _ in self._open))
                and self._open[-1][0] != tag
            ):
                self._open.pop()
            if not self._open or self._open[-1][0] != tag:
                return
        name, facts = self._open.pop()
        if name == "table" and "captioned" not in facts:
            self.faults.append("<table> without caption")
        if name == "table" and "headed" not in facts and "fields" not in facts.get("class", "").split():
            self.faults.append("<table> without headings, by which its script sorts it")

    def _address(self, tag: str, address: str) -> None:
        if address in _SVG or address.startswith("data:"):
            return
        parts = urlsplit(address)
        if parts.scheme in {"http", "https"} or parts.netloc:
            local = parts.hostname in {"127.0.0.1", "localhost", "testserver"}
            if not local:
                self.faults.append(f"<{tag}> leads outside: {parts.netloc}")
        elif parts.scheme == "javascript":
            self.faults.append(f"<{tag}> has a script address")
        elif tag == "a":
            self.links.append(address)

    def _finish(self, text: str) -> None:
        if not text.lower().lstrip().startswith("<!doctype html>"):
            self.faults.append("no doctype")
        for tag, wanted in (("h1", 1), ("title", 1), ("main", 1)):
            if self._seen[tag] != wanted:
                self.faults.append(f"{self._seen[tag]} <{tag}>")
        self.faults += [f"id {name} stands {count} times" for name, count in self._ids.items() if count > 1]
        for tag, facts in self._fields:
            if facts.get("id", "?") not in self._labelled:
                self.faults.append(f"<{tag} name={facts.get('name')}> without label")
        self.faults += [f"<{name}> is not closed" for name, _ in self._open if name not in {"p", "li"}]


def crawl(client: TestClient, start: str = "/", most: int = 100) -> Iterator[tuple[str, int, Page | None]]:
    """Follows every link within the portal; yields address, status and the page (None for a file)."""
    waiting, seen = [start], {start}
    shapes: Counter[str] = Counter()
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        answer = client.get(address)
        if answer.is_redirect:
            _add(answer.headers["location"], address, waiting, seen, shapes)
            continue
        html = answer.headers.get("content-type", "").startswith("text/html")
        page = Page(answer.text) if html else None
        yield address, answer.status_code, page
        for link in page.links if page else ():
            _add(link, address, waiting, seen, shapes)


def _add(link: str, base: str, waiting: list[str], seen: set[str], shapes: Counter[str]) -> None:
    parts = urlsplit(urljoin(base, link))
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    table_file = parts.path.endswith((".xlsx", ".csv")) and "table=" in parts.query
    if parts.netloc or address in seen or parts.path.startswith("/static/") or table_file:
        return
    # A list with sort and filter links leads to itself in hundreds of ways: a few of each are enough.
    shapes[parts.path if parts.query else address] += 1
    if shapes[parts.path if parts.query else address] > 3:
        return
    seen.add(address)
    waiting.append(address)
