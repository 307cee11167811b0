"""docs/contract.md: its example is a good entry, and every key, kind and check stands in it."""

import re
from pathlib import Path
from typing import get_args

import pytest

from schemas import contract
from schemas.contract.expectations import expectations
from schemas.contract.lint import DirectoryFacts, lint
from schemas.contract.vocabulary import places
from schemas.entry import Kind
from schemas.findings import codes

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "contract.md").read_text("utf-8")
WORDS = set(re.findall(r"[A-Za-z_]+", TEXT))


def test_the_example_is_a_good_entry():
    """The document's first example loads without a problem and passes the lint."""
    example = re.search(r"```yaml\n(apiVersion.*?)```", TEXT, re.DOTALL).group(1)
    assert contract.problems(example, "docs/contract.md") == []
    loaded = contract.load(example, "docs/contract.md")
    assert loaded.entry.dataset == "teacher"
    assert [each for each in lint(loaded, DirectoryFacts()) if not each.passed] == []


@pytest.mark.parametrize(
    "place", ["root_custom", "item_custom", "server_custom", "thresholds", "legal_basis", "item_options"]
)
def test_every_property_is_documented(place):
    """Each property that a contract may carry is named in the document."""
    assert set(places()[place].keys) <= WORDS


def test_every_kind_is_documented():
    """Each kind of item is named in the document."""
    assert set(get_args(Kind)) == set(places()["item_custom"].keys["kind"].values)
    assert set(get_args(Kind)) <= WORDS


def test_every_own_expectation_is_documented():
    """Each expectation of the hub's own is named, in full or by its ending."""
    own = [name for name, facts in expectations().items() if facts.own]
    assert len(own) == 15
    assert all(name in TEXT or "…" + name.removeprefix("expect_column_values_to_be") in TEXT for name in own)


def test_every_lint_check_is_documented():
    """Each check of the lint stands in the table."""
    loaded = contract.load(re.search(r"```yaml\n(apiVersion.*?)```", TEXT, re.DOTALL).group(1), "t")
    for result in lint(loaded, DirectoryFacts()):
        assert re.search(rf"\b{re.escape(result.id)}\b", TEXT), result.id


def test_default_codes_of_expectations_exist():
    """The finding that each expectation gives is one of the findings."""
    assert {facts.code for facts in expectations().values()} <= set(codes())
