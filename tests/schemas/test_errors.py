"""The error tree: one root, stable codes, three sentences, safe to send between processes."""

import pickle

import pytest

from schemas import errors
from schemas.errors import HubError


def _tree(kind):
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


KINDS = [kind for kind in _tree(HubError) if kind.__module__ == "schemas.errors"]


def test_there_is_one_root():
    """Every exception of the module descends from HubError and stands in the tree of the docstring."""
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(KINDS) == len(classes) > 15
    assert all(issubclass(kind, HubError) for kind in classes)
    assert all(kind.__name__ in errors.__doc__ for kind in classes)


def test_codes_are_distinct():
    """Each kind has a code of its own."""
    codes = [kind.default_code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isupper() for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind):
    """Code and sentences arrive unchanged in another process, with an own code too."""
    for error in (kind("收到甲", "允许乙", "请做丙"), kind("收到甲", code="OWN")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own error
        assert type(again) is kind
        assert (again.code, again.got, again.allowed, again.next_step) == (
            error.code,
            error.got,
            error.allowed,
            error.next_step,
        )
        assert str(again) == str(error)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_text_of_an_error_has_code_and_sentences(kind):
    """Str gives the code and each sentence once, with one full stop."""
    assert str(kind("收到甲。", "允许乙；", "请做丙")) == f"[{kind.default_code}] 收到甲；允许乙；请做丙。"
    assert str(kind("收到甲")) == f"[{kind.default_code}] 收到甲。"


def test_only_passing_troubles_are_transient():
    """What trying again may cure is marked, and nothing else."""
    assert {kind.__name__ for kind in KINDS if kind.transient} == {"Busy", "SourceDown", "StorageError"}


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (errors.ContractError, errors.InputError),
        (errors.NotFound, errors.InputError),
        (errors.Held, errors.StateError),
        (errors.SchemaDrift, errors.SourceError),
        (errors.SourceDown, errors.SourceError),
    ],
)
def test_a_caller_may_catch_a_family(kind, parent):
    """Kinds stand under their family."""
    assert issubclass(kind, parent)
