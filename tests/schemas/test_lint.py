"""The catalogue lint: each check passes on a good entry and says what is wrong on a bad one."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from schemas import contract
from schemas.contract import Contract
from schemas.contract.lint import DirectoryFacts, OtherEntry, lint, refused
from schemas.contract.lint_sharing import folded
from schemas.source import SourceColumn

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
FULL = contract.load((CONTRACTS / "full.yaml").read_text("utf-8"), "full")
MINIMAL = contract.load((CONTRACTS / "minimal.yaml").read_text("utf-8"), "minimal")
EVERY_ID = [*(f"L{n}" for n in range(1, 16)), "R-06", "R-07", "R-26"]
CODE = "11620400XX00A0048G"
COLUMNS = [SourceColumn(name, pa.string()) for name in FULL.entry.source_columns]


def entry_with(loaded=FULL, metadata=None, **facts):
    """Gives a contract whose entry differs in `facts` and `metadata` (None removes)."""
    merged = {**loaded.entry.metadata, **(metadata or {})}
    merged = {name: value for name, value in merged.items() if value is not None}
    return Contract(replace(loaded.entry, metadata=merged, **facts), loaded.document, loaded.text)


def item_with(name, loaded=FULL, **facts):
    """Gives a contract whose item `name` differs in `facts`."""
    items = tuple(replace(item, **facts) if item.name == name else item for item in loaded.entry.items)
    return entry_with(loaded, items=items)


def result(loaded, check, directory=None):
    """Gives the result of one check."""
    return next(each for each in lint(loaded, directory or DirectoryFacts()) if each.id == check)


def test_a_good_entry_passes_every_check():
    """The richer example passes all checks, with every list of the hub at hand."""
    directory = DirectoryFacts(
        information_systems=frozenset({"电子证照库"}),
        entries=(OtherEntry("population", "人口基本信息", CODE, "30700504001010010000000001/000999"),),
        organisations={CODE: "示例市行政审批局"},
        lead_departments={"population": "x"},
        tasks=frozenset(),
        columns=COLUMNS,
    )
    results = lint(FULL, directory)
    assert [each.id for each in results] == EVERY_ID
    assert [each for each in results if not each.passed] == []
    assert refused(results) == []
    assert all(each.says for each in results)


def test_an_entry_is_not_compared_with_itself():
    """The published version of the same entry is no other entry."""
    same = OtherEntry("licence", FULL.entry.title, CODE, FULL.entry.metadata["resource_code"])
    assert refused(lint(FULL, DirectoryFacts(entries=(same,)))) == []


def test_a_sparse_entry_gets_warnings_only():
    """What the national metadata asks for and the minimal entry lacks is said without refusing it."""
    failed = [each for each in lint(MINIMAL, DirectoryFacts()) if not each.passed]
    assert [each.id for each in failed] == ["L6", "L9"]
    assert refused(lint(MINIMAL, DirectoryFacts())) == []


def columns_without(name):
    """Gives the attached columns without one, with a near name in its place."""
    return [column for column in COLUMNS if column.name != name] + [SourceColumn(name + "1", pa.string())]


def column_typed(name, kind):
    """Gives the attached columns with one of another type."""
    return [SourceColumn(each.name, kind) if each.name == name else each for each in COLUMNS]


BASIS = [{"title": "某法", "article": "第三条"}]
CASES = [
    ("L1", FULL, DirectoryFacts(information_systems=frozenset({"电子证照 基本信息"}))),
    ("L2", FULL, DirectoryFacts(entries=(OtherEntry("other", "电子证照（基本）信息", CODE),))),
    ("L3", entry_with(metadata={"classification": ["101"]}), DirectoryFacts()),
    ("L3", FULL, DirectoryFacts(entries=(OtherEntry("o", "别的", "x", "30700504001010010000000001/000123"),))),
    ("L4", entry_with(provider_code="11620400XX00A0048H"), DirectoryFacts()),
    ("L4", FULL, DirectoryFacts(organisations={})),
    ("L4", FULL, DirectoryFacts(organisations={CODE: "别的局"})),
    ("L5", entry_with(metadata={"abstract": "电子证照基本信息。"}), DirectoryFacts()),
    ("L5", entry_with(metadata={"abstract": "——"}), DirectoryFacts()),
    ("L6", entry_with(metadata={"share_mode": "2"}), DirectoryFacts()),
    ("L6", entry_with(metadata={"format_category": "2"}), DirectoryFacts()),
    ("L6", entry_with(metadata={"format_category": "7"}), DirectoryFacts()),
    ("L6", entry_with(metadata={"share_mode_category": "2"}), DirectoryFacts()),
    ("L7", entry_with(items=()), DirectoryFacts()),
    ("L7", item_with("licence_no", title="电子证照标识"), DirectoryFacts()),
    ("L7", item_with("licence_no", length=None), DirectoryFacts()),
    ("L8", entry_with(metadata={"share_condition": "有条件"}), DirectoryFacts()),
    ("L8", entry_with(metadata={"share_condition": None}), DirectoryFacts()),
    ("L8", entry_with(share_type=1, metadata={"share_condition": "须经本局同意"}), DirectoryFacts()),
    ("L8", item_with("licence_no", share_type=3), DirectoryFacts()),
    ("L9", entry_with(metadata={"is_open": "1"}), DirectoryFacts()),
    ("L9", entry_with(metadata={"is_open": "1", "open_condition": "登录后查询"}), DirectoryFacts()),
    ("L10", entry_with(schedule="0 0 1 * *"), DirectoryFacts()),
    ("L10", entry_with(schedule="0 2 * * *", update_cycle="1"), DirectoryFacts()),
    ("L11", item_with("issuer_code", title="统一社会信用代码", length=20), DirectoryFacts()),
    ("L11", item_with("licence_no", title="申请人公民身份号码"), DirectoryFacts()),
    ("L11", item_with("citizen_id", MINIMAL, kind="text"), DirectoryFacts()),
    ("L12", item_with("citizen_id", MINIMAL, level=3), DirectoryFacts()),
    ("L12", item_with("holder_code", level=2), DirectoryFacts()),
    ("L12", item_with("holder_name", identifying=False), DirectoryFacts()),
    ("L13", entry_with(metadata={"secret_flag": "涉密"}), DirectoryFacts()),
    ("L13", entry_with(metadata={"secret_flag": "1"}), DirectoryFacts()),
    ("L14", entry_with(metadata={"unrelated_task_reason": None}), DirectoryFacts()),
    ("L14", entry_with(metadata={"related_task_flag": "1"}), DirectoryFacts()),
    ("L14", entry_with(metadata={"related_task_flag": "1", "related_tasks": ["T1"]}),
     DirectoryFacts(tasks=frozenset())),
    ("L15", FULL, DirectoryFacts(columns=[])),
    ("L15", FULL, DirectoryFacts(columns=columns_without("zzbh"))),
    ("L15", FULL, DirectoryFacts(columns=column_typed("zzbh", pa.list_(pa.string())))),
    ("L15", FULL, DirectoryFacts(columns=column_typed("yxqqs", pa.bool_()))),
    ("L15", FULL, DirectoryFacts(columns=column_typed("zzbh", pa.binary()))),
    ("L15", FULL, DirectoryFacts(columns=column_typed("gbf", pa.date32()))),
    ("R-06", entry_with(base_library="licence", items=tuple(
        replace(item, facts={"item_kind": "base"}) for item in FULL.entry.items)), DirectoryFacts()),
    ("R-06", entry_with(base_library="licence"), DirectoryFacts()),
    ("R-06", entry_with(base_library="licence", share_type=1), DirectoryFacts(lead_departments={"licence": "别的"})),
    ("R-07", entry_with(share_type=3), DirectoryFacts()),
    ("R-07", entry_with(share_type=3, metadata={"legal_basis": BASIS, "no_share_reason": "3"}), DirectoryFacts()),
    ("R-07", entry_with(share_type=3, metadata={"legal_basis": BASIS, "no_share_reason": "2"}), DirectoryFacts()),
    ("R-26", entry_with(metadata={"share_scope": None}), DirectoryFacts()),
    ("R-26", entry_with(share_type=3, metadata={"legal_basis": BASIS}), DirectoryFacts()),
]  # fmt: skip


@pytest.mark.parametrize(("check", "loaded", "directory"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_a_bad_entry_fails_its_check(check, loaded, directory):
    """Each violation fails the check of its id, with a sentence and a next step."""
    found = result(loaded, check, directory)
    assert not found.passed
    assert found.says
    assert found.next_step
    assert found.severity == ("warning" if check == "L10" else "error")


def test_every_check_has_a_case():
    """No check of the lint is untested."""
    assert {case[0] for case in CASES} == set(EVERY_ID)


@pytest.mark.parametrize(
    ("check", "loaded", "directory"),
    [
        ("L2", FULL, DirectoryFacts(entries=(OtherEntry("other", FULL.entry.title, "别的部门"),))),
        ("L3", entry_with(metadata={"resource_code": None}), DirectoryFacts()),
        ("L8", entry_with(share_type=1, metadata={"share_condition": "无条件"}), DirectoryFacts()),
        ("L8", entry_with(share_type=1, metadata={"share_condition": "供业务协同使用"}), DirectoryFacts()),
        ("L9", entry_with(items=(FULL.entry.item("status"),), metadata={"is_open": "1", "open_condition": "无"}),
         DirectoryFacts()),
        ("L10", entry_with(schedule=None), DirectoryFacts()),
        ("L10", entry_with(schedule="*/30 * * * *", update_cycle="1"), DirectoryFacts()),
        ("L12", item_with("holder_name", identifying=False, level=1), DirectoryFacts()),
        ("L14", entry_with(metadata={"related_task_flag": "1", "related_tasks": ["T1"]}),
         DirectoryFacts(tasks=frozenset({"T1"}))),
        ("L15", FULL, DirectoryFacts(columns=column_typed("yxqqs", pa.timestamp("us")))),
        ("L15", FULL, DirectoryFacts(columns=column_typed("gbf", pa.int64()))),
        ("R-06", entry_with(base_library="licence", share_type=1), DirectoryFacts(lead_departments={"licence": CODE})),
        ("R-07", entry_with(share_type=3, metadata={"legal_basis": BASIS, "no_share_reason": "1"}), DirectoryFacts()),
        ("R-07", entry_with(share_type=3, metadata={
            "legal_basis": [{**BASIS[0], "issuer": "国务院"}], "no_share_reason": "2"}), DirectoryFacts()),
    ],
)  # fmt: skip
def test_a_lawful_entry_passes(check, loaded, directory):
    """The near cases that are allowed pass."""
    assert result(loaded, check, directory).passed


def test_a_refused_basis_has_its_code():
    """Not sharing without a structured basis has the code that callers look for."""
    assert result(entry_with(share_type=3), "R-07").code == "SHARE_BASIS_MISSING"


def test_a_missing_column_names_the_likely_one():
    """A renamed column is named with the near one."""
    found = result(FULL, "L15", DirectoryFacts(columns=columns_without("zzbh")))
    assert "zzbh1" in found.next_step


def test_the_reading_columns_must_be_there():
    """The watermark column and the change-flag columns are looked for even where no item reads them."""
    items = tuple(item for item in FULL.entry.items if item.source != "gxsj")
    loaded = entry_with(items=items)
    columns = [column for column in COLUMNS if column.name != "gxsj"]
    assert "gxsj" in result(loaded, "L15", DirectoryFacts(columns=columns)).says
    flagged = replace(FULL.entry.attachment, mode="change_flag")
    found = result(entry_with(attachment=flagged), "L15", DirectoryFacts(columns=COLUMNS))
    assert "cd_operation" in found.says
    assert result(entry_with(attachment=None), "L15", DirectoryFacts(columns=COLUMNS)).passed


def test_names_are_folded():
    """Width, case, blanks and punctuation make no difference between names."""
    assert folded("ＡＢ（c） 证照、信息") == folded("abC证照信息")
    assert folded("证照信息") != folded("证照目录")


def test_wrong_noun_title_is_linted_as_an_identifier():
    """An item titled with the everyday word for the citizen ID must be one too."""
    assert not result(item_with("licence_no", title="身份证号"), "L11").passed
