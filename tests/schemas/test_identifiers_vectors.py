"""Every test vector of the published tables and of the rules around them."""

from datetime import date

import pytest

from schemas.identifiers import citizen_id, licence_id, org_code, registration_number, uscc

TODAY = date(2026, 11, 22)

CITIZENS = [
    # value, normalised (None: as given), kind, findings
    ("620402199003079879", None, "citizen_18", ()),
    ("620402199003079860", None, "citizen_18", ()),
    ("410602198402299913", None, "citizen_18", ()),
    ("130434200101019888", None, "citizen_18", ()),
    ("530102197811209945", None, "citizen_18", ()),
    ("210302202506309931", None, "citizen_18", ()),
    ("110103196508159897", None, "citizen_18", ("ID_REGION_ABOLISHED",)),
    ("320502197010019925", None, "citizen_18", ("ID_REGION_ABOLISHED",)),
    ("512901199205059910", None, "citizen_18", ("ID_REGION_ABOLISHED",)),
    ("422421199309099905", None, "citizen_18", ("ID_REGION_ABOLISHED",)),
    ("62040220000101986X", None, "citizen_18", ()),
    ("62040219910615988x", "62040219910615988X", "citizen_18", ()),
    ("６２０４０２１９９１０６１５９８８Ｘ", "62040219910615988X", "citizen_18", ()),
    (" 620402 19900307\u30009879 ", "620402199003079879", "citizen_18", ()),
    ("810000199504129935", None, "residence_permit_hk", ()),
    ("820000200309269921", None, "residence_permit_mo", ()),
    ("830000198807189918", None, "residence_permit_tw", ()),
    ("962840198102039915", None, "permanent_residence_2023", ()),
    ("911392199211119926", None, "permanent_residence_2023", ()),
    ("USA620481020315", None, "permanent_residence_2017", ()),
    ("620402900307987", "620402199003079879", "citizen_15", ()),
    ("130434780615990", "130434197806159907", "citizen_15", ("ID_REGION_NOT_YET",)),
    ("620402199003079878", None, "citizen_18", ("ID_CHECK",)),
    ("620402199030079879", None, "citizen_18", ("ID_DATE", "ID_CHECK")),
    ("410602198502299910", None, "citizen_18", ("ID_DATE",)),
    ("620402199013019917", None, "citizen_18", ("ID_DATE",)),
    ("62040219900431990X", None, "citizen_18", ("ID_DATE",)),
    ("62040220991231991X", None, "citizen_18", ("ID_FUTURE_BIRTH",)),
    ("620402189912319914", None, "citizen_18", ("ID_REGION_NOT_YET",)),
    ("00000019900101991X", None, "citizen_18", ("ID_PROVINCE",)),
    ("990402199001019913", None, "permanent_residence_2023", ("ID_PROVINCE",)),
    ("620499199001019919", None, "citizen_18", ("ID_REGION_UNKNOWN",)),
    ("410602000229991", None, "citizen_15", ("ID_DATE",)),
    ("6.20402199003079E+17", None, "unknown", ("ID_EXCEL_PRECISION_LOSS",)),
    ("620402********9879", None, "unknown", ("ID_MASKED",)),
]

USCCS = [
    ("91620400XX00A0013M", None, ()),
    ("92620402XX00A0021A", None, ()),
    ("93410600XX00A003XT", None, ()),
    ("11620400XX00A0048G", None, ()),
    ("12210300XX00A00564", None, ()),
    ("13530000XX00A0064Q", None, ()),
    ("51530000XX00A0072M", None, ()),
    ("52130434XX00A0080F", None, ()),
    ("53410600XX00A00997", None, ()),
    ("31530000XX00A01013", None, ()),
    ("81620402XX00A011XR", None, ()),
    ("A1110000XX00A0128G", None, ()),
    ("N2410602XX00A0136U", None, ()),
    ("Y1110000XX00A0144H", None, ()),
    ("91620400XX00002460", None, ()),
    ("91620400XX00004810", None, ()),
    ("91620400xx00a0013m", "91620400XX00A0013M", ()),
    ("91620400XX00A0013N", None, ("USCC_CHECK",)),
    ("91620400XX00A0010C", None, ("USCC_ORG_CHECK",)),
    ("91620400XI00A0013M", None, ("USCC_CHARSET",)),
    ("91620400XO00A0013M", None, ("USCC_CHARSET",)),
    ("9X620400XX00A0013Y", None, ("USCC_CATEGORY",)),
    ("96620400XX00A00136", None, ("USCC_CATEGORY",)),
    ("91620400XX00A0013", None, ("USCC_LENGTH",)),
]

LICENCE = "1.2.156.3005.2.11100000XX00B0019R001.11620400XX00A0048G.2026000001"
LICENCES = [
    (f"{LICENCE}.001.N", ()),
    (f"{LICENCE}.002.L", ()),
    ("1.2.156.3005.2.11100000XX00B0019R017.11620400XX00A0048G.A1B2C3D4E5F60718293A4B5C6D7E8F90.001.5", ()),
    (f"{LICENCE}.001.M", ("LICENCE_CHECK",)),
]


@pytest.mark.parametrize(("value", "normalised", "kind", "codes"), CITIZENS)
def test_citizen_vectors(value, normalised, kind, codes):
    """Each citizen vector gives exactly its normalised form, kind and findings."""
    result = citizen_id(value, TODAY)
    assert (result.normalised, result.kind, result.codes()) == (normalised or value, kind, codes)
    assert result.ok == all(finding.severity != "error" for finding in result.findings)


@pytest.mark.parametrize(("value", "normalised", "codes"), USCCS)
def test_uscc_vectors(value, normalised, codes):
    """Each USCC vector gives exactly its normalised form and findings."""
    result = uscc(value)
    assert (result.normalised, result.codes()) == (normalised or value, codes)


@pytest.mark.parametrize(("value", "codes"), LICENCES)
def test_licence_vectors(value, codes):
    """Each licence identifier of the table is judged as it says."""
    result = licence_id(value)
    assert (result.normalised, result.codes(), result.ok) == (value, codes, not codes)


@pytest.mark.parametrize("value", ["XX000006X", "XX0000190", "XX000006-X"])
def test_org_code_vectors(value):
    """Organisation codes verify, with and without the hyphen."""
    assert org_code(value).ok
    assert org_code(value).normalised == value.replace("-", "")


@pytest.mark.parametrize("value", ["620400000990012", "410600600990025", "210300400990034"])
def test_registration_vectors(value):
    """The registration numbers of the table verify."""
    assert registration_number(value).ok
