"""A grammar's statements against canaries: no leak, no crash, and enough of them answered."""

from tests.lake.fuzz import LEAK, build, run
from tests.lake.granted import ask, grant, granted, plain, tries


def test_no_statement_of_the_grammar_leaks(tmp_path):
    """Each statement ends in rows without a canary or in a QueryError; a third and more are answered."""
    views = build(tmp_path)
    seen = run(views, tries(150), seed=tries(150))
    assert seen["answered"] > 15
    assert seen["QUERY_NAME"] > 15
    assert seen["CONDITION_USE"] > 2


def test_the_canaries_sing(tmp_path):
    """Under a grant that gives them, the canaries are found: the test above can fail."""
    build(tmp_path)
    open_views = granted(tmp_path, grant("people", plain("name", "memo", "citizen_id", "region", "birth", "amount")))
    for item in ("name", "memo", "citizen_id", "region", "birth", "amount"):
        assert LEAK.search(str(ask(open_views, f"SELECT CAST({item} AS VARCHAR) AS x FROM people"))), item
