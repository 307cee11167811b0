"""The people of the city: distinct, valid and the same however they are asked for."""

import numpy as np

from examples import places
from examples.people import People, adults, citizens
from schemas.codes import code_set
from tests.examples.literal import citizen_id_faults


def test_people_are_distinct_and_valid() -> None:
    """A quarter of a million people have as many numbers, valid by a second computation, with fictional sequences."""
    people = People(5, np.arange(250_000))
    numbers = people.number.to_pylist()
    assert len(set(numbers)) == len(numbers)
    full = [number for number in numbers[:40_000] if len(number) == 18]
    assert [number for number in full if citizen_id_faults(number)] == []
    assert {number[14:17] for number in full} <= {str(sequence) for sequence in range(985, 995)}


def test_numbers_agree_with_birth_and_sex() -> None:
    """Birth date and sex of a person are those that the number says."""
    people = People(5, np.arange(20_000))
    for number, birth, sex in zip(
        people.number.to_pylist(), people.birth.tolist(), people.sex.to_pylist(), strict=True
    ):
        ymd = f"{birth:%Y%m%d}"
        assert (number[6:14] == ymd) if len(number) == 18 else (number[7:13] == ymd[2:])
        assert int(number[16 if len(number) == 18 else 13]) % 2 == (1 if sex == "1" else 0)


def test_every_sort_of_holder_is_there() -> None:
    """Residence permits, both permanent-residence cards, abolished regions and X checks occur among clean people."""
    people = People(1, np.arange(20_000))
    numbers, types = people.number.to_pylist(), people.doc_type.to_pylist()
    assert {number[:2] for number in numbers} >= {"81", "82", "83"}
    assert {len(number) for number, kind in zip(numbers, types, strict=True) if kind == "553"} == {15, 18}
    assert any(number.endswith("X") for number in numbers)
    assert any(int(number[:6]) in places.ABOLISHED_REGIONS for number in numbers if number[:6].isdigit())
    names = people.name.to_pylist()
    assert any("·" in name for name in names)
    assert any(name[0] in "䶮㛃" or "䶮" in name for name in names)


def test_old_cards_end_with_2023() -> None:
    """Nobody born after the 2017 form of the permanent-residence card ended holds one."""
    people = People(1, np.arange(200_000))
    old = np.array([len(number) == 15 for number in people.number.to_pylist()])
    assert old.sum() == 200
    assert people.birth[old].max() <= np.datetime64("2023-11-30")
    assert people.birth.max() > np.datetime64("2024-01-01")


def test_any_slice_gives_the_same_people() -> None:
    """A person does not depend on who is asked for together with them."""
    whole = People(9, np.arange(3_000))
    part = People(9, np.arange(2_500, 2_600))
    for name in ("number", "name", "address", "mobile"):
        assert getattr(part, name).to_pylist() == getattr(whole, name).slice(2_500, 100).to_pylist()


def test_region_codes_are_real() -> None:
    """Regions used as current are current in GB/T 2260, abolished ones once were."""
    current, ever = code_set("gbt2260_current"), code_set("gbt2260_any")
    assert [code for code in (*places.OTHER_REGIONS, *places.DISTRICTS) if not current.contains(str(code))] == []
    for code in places.ABOLISHED_REGIONS:
        assert ever.contains(str(code))
        assert not current.contains(str(code))


def test_drawn_adults_are_adult() -> None:
    """Drawn holders are living citizens of 24 or more, of the wanted sex."""
    people = People(2, adults(2, "test", np.arange(2_000), 5_000, male=True))
    assert people.age.min() >= 24
    assert people.male.all()
    assert people.citizen.all()
    assert not people.dead.any()


def test_ranked_citizens_are_distinct() -> None:
    """Every rank gives another citizen, within the population where it is large enough."""
    index = citizens(4, np.arange(1_900), 2_000, 1_900)
    assert len(set(index.tolist())) == 1_900
    assert index.max() < 2_000
    assert People(4, index).citizen.all()
