"""Reading a contract: what is understood, what is refused, and that each refusal says where, what and what to do."""

import copy
import pickle
from pathlib import Path

import pytest
import yaml

from schemas import contract
from schemas.contract.document import parse
from schemas.contract.report import Report
from schemas.contract.vocabulary import places
from schemas.entry import Rule, Subject
from schemas.errors import ContractError

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
MINIMAL = (CONTRACTS / "minimal.yaml").read_text("utf-8")
FULL = (CONTRACTS / "full.yaml").read_text("utf-8")


def errors(text):
    """Lists the errors of a text."""
    return [problem for problem in contract.problems(text, "t.yaml") if problem.severity == "error"]


def document(text=MINIMAL):
    """Gives the plain document of a contract, to be changed."""
    return copy.deepcopy(dict(contract.load(text, "t.yaml").document))


def prop(name, text=MINIMAL):
    """Gives a document and the property `name` inside it."""
    whole = document(text)
    return whole, next(each for each in whole["schema"][0]["properties"] if each["name"] == name)


def set_custom(element, name, value):
    """Sets a custom property of an element."""
    listing = element.setdefault("customProperties", [])
    listing[:] = [each for each in listing if each["property"] != name]
    if value is not ...:
        listing.append({"property": name, "value": value})


def test_the_minimal_contract_is_read():
    """The minimal contract becomes an entry with its items, key, attachment and defaults."""
    entry = contract.load(MINIMAL, "minimal.yaml").entry
    assert (entry.dataset, entry.title, entry.version) == ("population", "人口基本信息", "1.0.0")
    assert entry.row_key == ("citizen_id",)
    assert [item.name for item in entry.subjects] == ["citizen_id"]
    assert entry.item("citizen_id").subject == Subject("本人", "111")
    assert entry.item("citizen_id").length == 18
    assert (entry.item("birth_date").kind, entry.item("birth_date").type) == ("date", "D")
    assert entry.item("sex_code").code_set == "gb_t_2261_1"
    assert [item.name for item in entry.sealed] == ["citizen_id", "name"]
    assert entry.source_columns == ("gmsfhm", "xm", "xb", "csrq")
    assert (entry.attachment.connector, entry.attachment.mode) == ("postgres", "snapshot")
    assert (entry.update_cycle, entry.schedule, entry.share_type) == ("2", "0 2 * * *", 1)
    assert (entry.thresholds.reject_ratio, entry.thresholds.fewer_rows) == (0.05, 0.1)
    assert entry.metadata["abstract"].startswith("公民身份号码")
    assert errors(MINIMAL) == []


def test_the_full_contract_is_read():
    """Every property of the richer contract arrives in the entry."""
    entry = contract.load(FULL, "full.yaml").entry
    attachment = entry.attachment
    assert (attachment.watermark_column, attachment.longest_transaction_seconds) == ("gxsj", 900)
    assert attachment.reading_window == ("22:00", "06:00")
    assert (attachment.comparison_days, attachment.rows_per_second, attachment.parallel_reads) == (14, 50000, 2)
    assert (entry.thresholds.minimum_rows, entry.thresholds.freshness_hours) == (100, 48)
    assert entry.order_item == "update_time"
    assert entry.item("holder_code").subject == Subject("持证主体", None, "holder_code_type")
    assert entry.item("issuer_code").subject == Subject("颁发机构", "001")
    assert entry.item("licence_no").null_tokens == ("无", "-")
    assert entry.item("valid_to").open_end
    assert (entry.item("fee").length, entry.item("fee").scale) == (8, 2)
    assert entry.item("status_desc").share_type == 2
    assert entry.metadata["classification"] == ["307005"]
    assert entry.metadata["region_code"] == "620400"


def test_the_full_contract_uses_every_property_of_the_vocabulary():
    """The richer example shows each property of an item, a table source and the thresholds at least once."""
    names = {each["property"] for element in _elements(yaml.safe_load(FULL)) for each in element}
    file_only = {"location", "format", "encoding", "delimiter", "sheet", "headerRow", "totalRows"}
    change_only = {"operationColumn", "timeColumn", "batchColumn", "guidColumn"}
    rest = {"noShareReason"}
    wanted = {*places()["item_custom"].keys, *places()["server_custom"].keys} - file_only - change_only - rest
    assert wanted <= names


def _elements(node):
    if isinstance(node, dict):
        if "customProperties" in node:
            yield node["customProperties"]
        for value in node.values():
            yield from _elements(value)
    elif isinstance(node, list):
        for value in node:
            yield from _elements(value)


def test_rules_carry_code_severity_and_items():
    """Quality rules become Rule objects; severity and code default to those of the finding."""
    rules = {rule.id: rule for rule in contract.load(FULL, "full.yaml").entry.rules}
    assert rules["valid_period"] == Rule(
        "valid_period",
        "expect_column_pair_values_a_to_not_be_after_b",
        {"column_A": "valid_from", "column_B": "valid_to"},
        "DATE_ORDER",
        "error",
        ("valid_from", "valid_to"),
    )
    conditional = rules["expect_column_values_to_be_present_when.status_desc.status"]
    assert (conditional.code, conditional.severity, conditional.items) == (
        "COND_MISSING",
        "warning",
        ("status_desc", "status"),
    )
    future = rules["expect_column_values_to_not_be_in_future.valid_from"]
    assert (future.kwargs, future.code, future.severity) == ({"column": "valid_from"}, "DATE_FUTURE", "error")
    assert rules["status_text"].kwargs["mostly"] == 0.99


def test_options_of_an_item_become_rules():
    """minLength, pattern, minimum and maximum are enforced as rules, never ignored."""
    rules = {rule.id: rule for rule in contract.load(FULL, "full.yaml").entry.rules}
    assert rules["licence_no.pattern"].expectation == "expect_column_values_to_match_regex"
    assert rules["licence_no.minLength"].kwargs == {"column": "licence_no", "min_value": 2}
    assert rules["fee.range"].kwargs == {"column": "fee", "min_value": 0, "max_value": 10000}
    assert (rules["fee.range"].code, rules["valid_from.range"].code) == ("NUMBER_RANGE", "DATE_RANGE")


def test_equal_rule_ids_are_told_apart():
    """Two rules of one name get two ids."""
    whole, item = prop("name")
    rule = {
        "type": "custom",
        "engine": "greatExpectations",
        "implementation": {"type": "expect_column_values_to_be_text_without_damage"},
    }
    item["quality"] = [rule, copy.deepcopy(rule)]
    ids = [rule.id for rule in contract.load(contract.dump(whole), "t").entry.rules]
    assert len(set(ids)) == len(ids) == 2


@pytest.mark.parametrize("text", [MINIMAL, FULL])
def test_dump_is_canonical_and_reads_back_the_same(text):
    """A dumped contract gives the same entry, and dumping it again the same text."""
    loaded = contract.load(text, "t")
    dumped = contract.dump(loaded.document)
    again = contract.load(dumped, "t")
    assert again.entry == loaded.entry
    assert contract.dump(again.document) == dumped
    assert contract.dump(dict(reversed(list(loaded.document.items())))) == dumped


@pytest.mark.parametrize("value", ["001", "010", "22:00", "yes", "1e5", "null", "~", "", "1.0", "true", " 甲 ", "a\nb"])
def test_dump_keeps_text_that_looks_like_something_else(value):
    """Codes, times and words stay text through dump and load."""
    text = contract.dump({"k": value, "v": [value]})
    assert parse(text, Report()).data == {"k": value, "v": [value]}


def test_an_entry_without_servers_has_no_attachment():
    """An entry may be registered before its table is attached."""
    whole = document()
    del whole["servers"]
    assert contract.load(contract.dump(whole), "t").entry.attachment is None


def test_an_entry_without_a_person_or_body_is_good():
    """A table with no subject in it is a good entry."""
    whole, item = prop("citizen_id")
    for name in ("subjectRole", "subjectType"):
        set_custom(item, name, ...)
    assert contract.load(contract.dump(whole), "t").entry.subjects == ()


def test_append_only_rows_need_a_word():
    """No row key is doubtful unless the contract says appendOnly; with both it is wrong."""
    whole, item = prop("citizen_id")
    item["primaryKey"] = False
    found = contract.problems(contract.dump(whole), "t")
    assert [(each.code, each.severity) for each in found] == [("CONTRACT_ROW_KEY", "warning")]
    set_custom(whole, "appendOnly", True)
    assert contract.problems(contract.dump(whole), "t") == []
    assert contract.load(contract.dump(whole), "t").entry.row_key == ()
    item["primaryKey"] = True
    assert [each.code for each in errors(contract.dump(whole))] == ["CONTRACT_VALUE"]


def test_row_key_follows_the_positions():
    """Several key items stand in the order of primaryKeyPosition."""
    whole = document()
    properties = whole["schema"][0]["properties"]
    properties[0] |= {"primaryKeyPosition": 2}
    properties[3] |= {"primaryKey": True, "primaryKeyPosition": 1}
    assert contract.load(contract.dump(whole), "t").entry.row_key == ("birth_date", "citizen_id")
    properties[3]["primaryKeyPosition"] = 2
    assert [each.code for each in errors(contract.dump(whole))] == ["CONTRACT_VALUE"]


def test_two_items_may_read_one_column_as_different_kinds():
    """One source column may give amount and currency; the same kind twice is refused."""
    whole = document()
    amount = {
        "name": "reg_capital", "physicalName": "zczj", "businessName": "注册资本", "physicalType": "N",
        "classification": "S1",
        "customProperties": [{"property": "kind", "value": "capital"}, {"property": "scale", "value": 6}],
    }  # fmt: skip
    currency = {
        "name": "currency_code", "physicalName": "zczj", "businessName": "币种", "physicalType": "C",
        "classification": "S1", "logicalTypeOptions": {"maxLength": 3},
        "customProperties": [{"property": "kind", "value": "capital_currency"}],
    }  # fmt: skip
    whole["schema"][0]["properties"] += [amount, currency]
    entry = contract.load(contract.dump(whole), "t").entry
    assert entry.source_columns.count("zczj") == 1
    whole["schema"][0]["properties"].append(amount | {"name": "other", "businessName": "另一个"})
    assert [each.code for each in errors(contract.dump(whole))] == ["CONTRACT_SOURCE_TWICE"]


def test_a_typo_names_line_and_meant_word():
    """A misspelt key is found at its line with the word that was meant, at every place of the document."""
    cases = [
        ("physicalName: xm", "phisicalName: xm", "physicalName"),
        ("version: 1.0.0", "verison: 1.0.0", "version"),
        ("{property: codeSet, value: gb_t_2261_1}", "{property: codeset, value: gb_t_2261_1}", "codeSet"),
        ("{property: share_type, value: 1}", "{property: share_typ, value: 1}", "share_type"),
        ("{property: mode, value: snapshot}", "{property: mod, value: snapshot}", "mode"),
        ("{maxLength: 50}", "{maxLenght: 50}", "maxLength"),
        ('{property: updateCycle, value: "2"}', '{property: updatecycle, value: "2"}', "updateCycle"),
        ("  purpose:", "  pupose:", "purpose"),
        ("kind: DataContract", "kid: DataContract", "kind"),
        ("    type: custom", "    typ: custom", "type"),
    ]
    for right, wrong, meant in cases:
        text = MINIMAL.replace(right, wrong, 1)
        line = text[: text.index(wrong)].count("\n") + 1
        found = [each for each in errors(text) if meant in each.next_step and "是否要写" in each.next_step]
        assert found, wrong
        assert found[0].line == line, wrong
        assert found[0].got, wrong
        assert found[0].allowed, wrong


def test_a_misspelt_value_names_the_meant_one():
    """A wrong kind, code set or expectation is answered with the near one and the allowed ones."""
    kind = errors(MINIMAL.replace("{property: kind, value: name}", "{property: kind, value: nmae}"))
    assert kind[0].code == "CONTRACT_VALUE"
    assert "name" in kind[0].next_step
    code_set = errors(MINIMAL.replace("gb_t_2261_1", "gb_t_2261_11"))
    assert [each.code for each in code_set] == ["CONTRACT_CODE_SET"]
    assert "gb_t_2261" in code_set[0].next_step
    rule = errors(FULL.replace("expect_column_values_to_not_be_in_future", "expect_column_values_not_in_future"))
    assert [each.code for each in rule] == ["CONTRACT_EXPECTATION"]
    assert "expect_column_values_to_not_be_in_future" in rule[0].next_step


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("id: population", "id"),
        ("name: 人口基本信息", "name"),
        ("version: 1.0.0", "version"),
        ("apiVersion: v3.1.0", "apiVersion"),
        ("  - {property: provider_name, value: 示例市公安局}", "provider_name"),
        ("  - {property: provider_code, value: 11620400XX00A0048G}", "provider_code"),
        ("  - {property: share_type, value: 1}", "share_type"),
        ('  - {property: updateCycle, value: "2"}', "updateCycle"),
        ("  purpose: 公民身份号码、姓名、性别和出生日期", "description"),
        ("        businessName: 姓名", "businessName"),
        ("        physicalType: D", "physicalType"),
        ("        classification: S3\n        logicalTypeOptions", "classification"),
        ("      - {property: connector, value: postgres}", "connector"),
        ("      - {property: mode, value: snapshot}", "mode"),
        ("      - {property: connection, value: public_security}", "connection"),
        ("      - {property: table, value: t_person}", "table"),
        ("          - {property: codeSet, value: gb_t_2261_1}", "codeSet"),
        ("        logicalTypeOptions: {maxLength: 50}", "maxLength"),
    ],
)
def test_a_missing_key_is_named(line, key):
    """Each thing that an entry needs is missed by name, with what it may be and the step to take."""
    assert line in MINIMAL
    first, _, rest = line.partition("\n")
    text = MINIMAL.replace(line, rest, 1) if rest else MINIMAL.replace(first + "\n", "", 1)
    found = [each for each in errors(text) if key in each.key + each.got + each.allowed + each.next_step]
    assert found
    assert found[0].code in ("CONTRACT_KEY_MISSING", "CONTRACT_ATTACHMENT", "CONTRACT_TYPE")
    assert found[0].next_step


def change(place, key, value):
    """Builds a change of one key of a document's place."""
    return lambda whole: place(whole).__setitem__(key, value)


def first_item(whole):
    """Finds the first item of a document."""
    return whole["schema"][0]["properties"][0]


def name_item(whole):
    """Finds the item `name`."""
    return whole["schema"][0]["properties"][1]


def birth_item(whole):
    """Finds the item `birth_date`."""
    return whole["schema"][0]["properties"][3]


def custom(place, key, value):
    """Builds a change of one custom property."""
    return lambda whole: set_custom(place(whole), key, value)


def root(whole):
    """Finds the root."""
    return whole


def server(whole):
    """Finds the one server."""
    return whole["servers"][0]


REFUSED = [
    ("duplicate item", change(name_item, "name", "citizen_id"), "CONTRACT_ITEM_DUPLICATE"),
    ("reserved item name", change(name_item, "name", "digest"), "CONTRACT_VALUE"),
    ("item name in capitals", change(name_item, "name", "Name"), "CONTRACT_VALUE"),
    ("hash column's name", change(name_item, "name", "s_citizen_id"), "CONTRACT_VALUE"),
    ("unknown letter", change(name_item, "physicalType", "VARCHAR(10)"), "CONTRACT_VALUE"),
    ("unknown level", change(name_item, "classification", "S5"), "CONTRACT_VALUE"),
    ("logical type of another letter", change(name_item, "logicalType", "date"), "CONTRACT_VALUE"),
    ("required is no flag", change(name_item, "required", "是"), "CONTRACT_TYPE"),
    ("length is no number", change(name_item, "logicalTypeOptions", {"maxLength": "50"}), "CONTRACT_TYPE"),
    ("length is zero", change(name_item, "logicalTypeOptions", {"maxLength": 0}), "CONTRACT_VALUE"),
    ("a key the hub would ignore", change(name_item, "unique", True), "CONTRACT_KEY_REFUSED"),
    ("enum", change(name_item, "enum", [{"value": "a"}]), "CONTRACT_KEY_REFUSED"),
    ("a price", change(root, "price", {"priceAmount": 1}), "CONTRACT_KEY_REFUSED"),
    ("unknown kind", custom(name_item, "kind", "nombre"), "CONTRACT_VALUE"),
    ("kind of another letter", custom(name_item, "kind", "date"), "CONTRACT_VALUE"),
    ("code set without code", custom(name_item, "codeSet", "gb_t_2261_1"), "CONTRACT_VALUE"),
    ("open end of a text", custom(name_item, "openEnd", True), "CONTRACT_VALUE"),
    ("scale of a text", custom(name_item, "scale", 2), "CONTRACT_VALUE"),
    ("subject type that does not exist", lambda w: (set_custom(first_item(w), "kind", "identifier"),
     set_custom(first_item(w), "subjectType", "777"), first_item(w).update(logicalTypeOptions={"maxLength": 18})),
     "CONTRACT_CODE_SET"),
    ("subject of a text", lambda w: set_custom(first_item(w), "kind", "text"), "CONTRACT_VALUE"),
    ("identifier without subject", custom(name_item, "kind", "identifier"), "CONTRACT_KEY_MISSING"),
    ("subject type item missing", lambda w: (set_custom(first_item(w), "subjectType", ...),
     set_custom(first_item(w), "subjectTypeItem", "doc_type")), "CONTRACT_REFERENCE"),
    ("region of another code set", lambda w: (set_custom(w["schema"][0]["properties"][2], "kind", "region")),
     "CONTRACT_CODE_SET"),
    ("scale above precision", lambda w: (birth_item(w).update(physicalType="N"), set_custom(birth_item(w), "scale", 4),
     set_custom(birth_item(w), "precision", 2)), "CONTRACT_VALUE"),
    ("length of a number", lambda w: birth_item(w).update(physicalType="N", logicalTypeOptions={"maxLength": 4}),
     "CONTRACT_VALUE"),
    ("range of a text", change(name_item, "logicalTypeOptions", {"maxLength": 50, "minimum": 1}), "CONTRACT_VALUE"),
    ("minimum length above length", change(name_item, "logicalTypeOptions", {"maxLength": 5, "minLength": 6}),
     "CONTRACT_VALUE"),
    ("bad pattern", change(name_item, "logicalTypeOptions", {"maxLength": 5, "pattern": "^a$"}), "CONTRACT_PATTERN"),
    ("bound that is no date", change(birth_item, "logicalTypeOptions", {"minimum": "1900-02-30"}), "CONTRACT_TYPE"),
    ("minimum above maximum", change(birth_item, "logicalTypeOptions",
     {"minimum": "2000-01-01", "maximum": "1999-01-01"}), "CONTRACT_VALUE"),
    ("bound that is no number", lambda w: birth_item(w).update(physicalType="N", logicalTypeOptions={"minimum": True}),
     "CONTRACT_TYPE"),
    ("position without key", change(name_item, "primaryKeyPosition", 2), "CONTRACT_VALUE"),
    ("custom property twice", lambda w: w["customProperties"].append(w["customProperties"][0]),
     "CONTRACT_KEY_DUPLICATE"),
    ("custom property without value", lambda w: w["customProperties"].append({"property": "x"}),
     "CONTRACT_KEY_MISSING"),
    ("name that is a list", change(first_item, "name", []), "CONTRACT_TYPE"),
    ("blank name", change(root, "name", "  "), "CONTRACT_VALUE"),
    ("long name", change(root, "name", "名" * 129), "CONTRACT_VALUE"),
    ("negative count", custom(root, "record_count", -1), "CONTRACT_VALUE"),
    ("unknown key of a team", change(root, "team", {"nme": "甲"}), "CONTRACT_ODCS"),
    ("unknown status", change(root, "status", "live"), "CONTRACT_VALUE"),
    ("subject without role", custom(first_item, "subjectRole", ...), "CONTRACT_KEY_MISSING"),
    ("subject type of a body", custom(first_item, "subjectType", "001"), "CONTRACT_VALUE"),
    ("both subject types", custom(first_item, "subjectTypeItem", "name"), "CONTRACT_KEY_MISSING"),
    ("unknown custom property", custom(name_item, "zzz", 1), "CONTRACT_KEY_UNKNOWN"),
    ("bad cron", lambda w: w["slaProperties"][1].update(value="0 25 * * *"), "CONTRACT_CRON"),
    ("cron of six fields", lambda w: w["slaProperties"][1].update(value="0 0 2 * * *"), "CONTRACT_CRON"),
    ("cron word", lambda w: w["slaProperties"][1].update(value="@daily"), "CONTRACT_CRON"),
    ("cron that never fires", lambda w: w["slaProperties"][1].update(value="0 0 30 2 *"), "CONTRACT_CRON"),
    ("unknown cycle", lambda w: w["slaProperties"][0].update(value="9"), "CONTRACT_VALUE"),
    ("cycle twice", lambda w: w["slaProperties"].append(w["slaProperties"][0]), "CONTRACT_KEY_DUPLICATE"),
    ("reject ratio above one", custom(root, "thresholds", {"rejectRatio": 5}), "CONTRACT_VALUE"),
    ("negative threshold", custom(root, "thresholds", {"fewerRows": -0.1}), "CONTRACT_VALUE"),
    ("unknown threshold", custom(root, "thresholds", {"rejectRato": 0.1}), "CONTRACT_KEY_UNKNOWN"),
    ("thresholds are no map", custom(root, "thresholds", 0.1), "CONTRACT_TYPE"),
    ("order item missing", custom(root, "orderItem", "updated"), "CONTRACT_REFERENCE"),
    ("order item of text", custom(root, "orderItem", "name"), "CONTRACT_VALUE"),
    ("provider code too short", custom(root, "provider_code", "123"), "CONTRACT_VALUE"),
    ("two versions' parts", change(root, "version", "1.0"), "CONTRACT_VALUE"),
    ("dataset name", change(root, "id", "Population"), "CONTRACT_VALUE"),
    ("change table's name", change(root, "id", "population__changes"), "CONTRACT_VALUE"),
    ("table of another name", lambda w: w["schema"][0].update(name="people"), "CONTRACT_VALUE"),
    ("two tables", lambda w: w["schema"].append(w["schema"][0]), "CONTRACT_VALUE"),
    ("no table", change(root, "schema", []), "CONTRACT_KEY_MISSING"),
    ("two servers", lambda w: w["servers"].append(w["servers"][0]), "CONTRACT_VALUE"),
    ("server type", change(server, "type", "postgres"), "CONTRACT_VALUE"),
    ("server key of ODCS", change(server, "database", "d"), "CONTRACT_KEY_UNKNOWN"),
    ("unknown mode", custom(server, "mode", "full"), "CONTRACT_VALUE"),
    ("unknown connector", custom(server, "connector", "mongo"), "CONTRACT_VALUE"),
    ("watermark without column", custom(server, "mode", "watermark"), "CONTRACT_ATTACHMENT"),
    ("reading window", custom(server, "readingWindow", "22-6"), "CONTRACT_VALUE"),
    ("parallel reads", custom(server, "parallelReads", 0), "CONTRACT_VALUE"),
    ("a secret", custom(server, "connection", "postgresql://u:geheim@h/d"), "CONTRACT_VALUE"),
    ("legal basis without article", custom(root, "legal_basis", [{"title": "某法"}]), "CONTRACT_KEY_MISSING"),
    ("unknown api version", change(root, "apiVersion", "v2.2.0"), "CONTRACT_VALUE"),
    ("minimum of a date is a map", change(birth_item, "logicalTypeOptions", {"exclusiveMinimum": "1900-01-01"}),
     "CONTRACT_KEY_REFUSED"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "apply", "code"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_bad_contract_is_refused_with_reason_and_step(what, apply, code):
    """Each misfit is refused with its code, what was got and what to do; load raises and says the same."""
    whole = document()
    apply(whole)
    text = contract.dump(whole)
    found = errors(text)
    assert code in [each.code for each in found], what
    problem = next(each for each in found if each.code == code)
    assert problem.line > 1 or problem.key in ("apiVersion", ""), what
    assert problem.got, what
    assert problem.next_step, what
    assert "geheim" not in str([each.says for each in found])
    with pytest.raises(ContractError) as raised:
        contract.load(text, "t.yaml")
    assert problem.got in str(raised.value)
    assert "t.yaml" in str(raised.value)


def file_contract(**facts):
    """Gives a document attached to a file."""
    whole = document()
    listing = [{"property": "connector", "value": "file"}, {"property": "mode", "value": "snapshot"}]
    whole["servers"][0]["customProperties"] = listing + [
        {"property": name, "value": value} for name, value in facts.items()
    ]
    return contract.dump(whole)


def test_a_file_is_attached_by_location_and_its_format_found():
    """The format follows from the file's name; what belongs to a workbook arrives."""
    attachment = contract.load(
        file_contract(location="in/*.csv.gz", delimiter="\t", encoding="gb18030"), "t"
    ).entry.attachment
    assert (attachment.format, attachment.delimiter, attachment.encoding) == ("csv", "\t", "gb18030")
    attachment = contract.load(
        file_contract(location="a.XLSX", sheet="发放", headerRow=3, totalRows=["合计"]), "t"
    ).entry.attachment
    assert (attachment.format, attachment.sheet, attachment.header_row) == ("workbook", "发放", 3)
    assert attachment.total_rows == ("合计",)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, "CONTRACT_ATTACHMENT"),
        ({"location": "in/data.bin"}, "CONTRACT_ATTACHMENT"),
        ({"location": "in/a.csv", "encoding": "latin-1"}, "CONTRACT_VALUE"),
        ({"location": "in/a.csv", "delimiter": "||"}, "CONTRACT_VALUE"),
        ({"location": "in/a.xlsx", "sheet": -1}, "CONTRACT_TYPE"),
        ({"location": "sftp://u:geheim@host/a.csv"}, "CONTRACT_SECRET"),
        ({"location": "s3://bucket/a.csv?secret=geheim", "format": "csv"}, "CONTRACT_SECRET"),
    ],
)
def test_a_file_that_cannot_be_read_as_told_is_refused(facts, code):
    """A file needs a place, a known format and encoding, and no password in its address."""
    found = errors(file_contract(**facts))
    assert [each.code for each in found] == [code]
    assert "geheim" not in found[0].says


def test_facts_that_would_be_ignored_are_doubtful():
    """A delimiter for a database table is reported as having no effect."""
    whole = document()
    set_custom(server(whole), "delimiter", ";")
    found = contract.problems(contract.dump(whole), "t")
    assert [(each.code, each.severity) for each in found] == [("CONTRACT_UNUSED", "warning")]


def test_files_are_read_whole():
    """A file with an incremental mode is refused."""
    whole = document(file_contract(location="a.csv"))
    set_custom(server(whole), "mode", "change_flag")
    assert [each.code for each in errors(contract.dump(whole))] == ["CONTRACT_ATTACHMENT"]


def test_change_flag_needs_a_row_key():
    """I/U/D rows cannot be applied without a primary key."""
    whole, item = prop("citizen_id")
    item["primaryKey"] = False
    set_custom(server(whole), "mode", "change_flag")
    set_custom(whole, "appendOnly", True)
    assert [each.code for each in errors(contract.dump(whole))] == ["CONTRACT_ATTACHMENT"]


def with_rule(implementation, **facts):
    """Gives a contract with one more rule on the table."""
    whole = document(FULL)
    rule = {"type": "custom", "engine": "greatExpectations", "implementation": implementation, **facts}
    whole["schema"][0]["quality"].append(rule)
    return contract.dump(whole)


BETWEEN = "expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("implementation", "facts", "code"),
    [
        ({"type": BETWEEN, "column": "fee", "min_valu": 0}, {}, "CONTRACT_KEY_UNKNOWN"),
        ({"type": BETWEEN, "kwargs": {"column": "fee", "minvalue": 0}}, {}, "CONTRACT_KEY_UNKNOWN"),
        ({"type": BETWEEN, "min_value": 0}, {}, "CONTRACT_KEY_MISSING"),
        ({"type": BETWEEN, "column": "fees", "min_value": 0}, {}, "CONTRACT_REFERENCE"),
        ({"type": BETWEEN, "column": "fee", "mostly": 1.5}, {}, "CONTRACT_VALUE"),
        ({"type": BETWEEN, "column": "fee", "kwargs": [1]}, {}, "CONTRACT_TYPE"),
        ({"column": "fee"}, {}, "CONTRACT_KEY_MISSING"),
        ({"type": BETWEEN, "column": "fee"}, {"severity": "fatal"}, "CONTRACT_VALUE"),
        ({"type": BETWEEN, "column": "fee"}, {"customProperties": [{"property": "code", "value": "NO_SUCH"}]},
         "CONTRACT_VALUE"),
        ({"type": "expect_column_values_to_be_in_code_set", "column": "status", "code_set": "nope"}, {},
         "CONTRACT_CODE_SET"),
        ({"type": "expect_compound_columns_to_be_unique", "column_list": ["fee", "nope"]}, {}, "CONTRACT_REFERENCE"),
        ({"type": "expect_query_results_to_match_comparison"}, {}, "CONTRACT_EXPECTATION"),
        ({"type": "expect_column_values_to_match_regex", "column": "licence_no", "regex": r"^\d{6}$"}, {},
         "CONTRACT_PATTERN"),
        ({"type": "expect_column_values_to_match_regex_list", "column": "licence_no",
          "regex_list": [r"\A[0-9]\z", "x"]}, {}, "CONTRACT_PATTERN"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused(implementation, facts, code):
    """Unknown expectations, arguments, items, code sets, finding codes and patterns are refused."""
    assert [each.code for each in errors(with_rule(implementation, **facts))] == [code]


def test_rules_of_other_engines_are_refused():
    """SQL and library checks are not silently dropped."""
    whole = document(FULL)
    whole["schema"][0]["quality"].append({"type": "sql", "query": "SELECT 1", "mustBe": 1})
    assert "CONTRACT_VALUE" in [each.code for each in errors(contract.dump(whole))]


def test_a_rule_without_engine_is_refused():
    """A custom rule names its engine and its implementation."""
    whole = document(FULL)
    whole["schema"][0]["quality"].append({"type": "custom", "implementation": {"type": BETWEEN}})
    assert "CONTRACT_KEY_MISSING" in [each.code for each in errors(contract.dump(whole))]


def test_all_problems_come_at_once_in_the_order_of_lines():
    """One look gives every problem, sorted; the error lists them all."""
    text = MINIMAL.replace("id: population", "id: Population").replace("value: snapshot", "value: full")
    text = text.replace("gb_t_2261_1", "nope_nope")
    found = errors(text)
    assert len(found) == 3
    assert [each.line for each in found] == sorted(each.line for each in found)
    with pytest.raises(ContractError) as raised:
        contract.load(text, "three.yaml")
    message = str(raised.value)
    assert "three.yaml有3处问题" in message
    assert all(f"第{each.line}行" in message for each in found)
    assert str(pickle.loads(pickle.dumps(raised.value))) == message  # noqa: S301 - our own error


def test_a_long_list_of_problems_is_cut():
    """More than twenty problems are counted, not printed."""
    whole = document()
    for index in range(30):
        set_custom(whole, f"unknown_{index}", 1)
    with pytest.raises(ContractError, match="另有10处未列出"):
        contract.load(contract.dump(whole), "t")
