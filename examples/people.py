"""The people of the fictional city: person number n -> identifier, birth, sex, name; a pure function of (seed, n).

Sequences are 985–994, practically never issued. Distinct person numbers have distinct identifiers (an affine
permutation of region × day × sequence). Nothing here knows a table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from examples import places
from examples.draws import Bools, Days, Draws, Ints, joined, strings, where, ymd
from examples.numbers import Bytes, citizen_ids, icao_check, matrix, texts, with_id_check

FIRST_BIRTH = np.datetime64("1925-01-01", "D")
LAST_BIRTH = np.datetime64("2026-06-30", "D")
#: The day on which the city is photographed; nothing in a clean row is later.
TODAY = np.datetime64("2026-11-20", "D")
_BIRTH_DAYS = int((LAST_BIRTH - FIRST_BIRTH).astype(int)) + 1
#: The 2017 form of the permanent-residence card ended on 2023-12-01; nobody born later holds one.
_BIRTH_DAYS_2017 = int((np.datetime64("2023-11-30", "D") - FIRST_BIRTH).astype(int)) + 1
_SEQUENCES = 10

#: Of each thousand people: class -> how many. `local` numbers were issued by the city's districts.
_CLASSES = {"hongkong": 3, "taiwan": 2, "resident": 3, "resident_2017": 1, "local": 841, "other": 150}
_STARTS = dict(zip(_CLASSES, np.cumsum([0, *_CLASSES.values()])[:-1].tolist(), strict=True))
_DOC_TYPES = {
    "hongkong": "551",
    "taiwan": "552",
    "resident": "553",
    "resident_2017": "553",
    "local": "111",
    "other": "111",
}
_NATIONS = (840, 392, 398, 643, 704, 586, 410, 826)
_NATION_LETTERS = ("USA", "JPN", "KAZ", "RUS", "VNM", "PAK", "KOR", "GBR")
_PROVINCES = (62, 11, 31, 44, 53)


@dataclass(frozen=True)
class People:
    """Facts of the people with the given numbers, column by column."""

    seed: int
    index: Ints

    @cached_property
    def draws(self) -> Draws:
        """The streams of this city's people."""
        return Draws(self.seed, "people")

    @cached_property
    def _class(self) -> npt.NDArray[np.str_]:
        place = (self.index * 617) % 1000
        bounds = np.cumsum(list(_CLASSES.values()))
        return np.array(list(_CLASSES))[np.searchsorted(bounds, place, side="right")]

    def _of(self, kind: str) -> Bools:
        return np.asarray(self._class == kind)

    @cached_property
    def _core(self) -> tuple[Ints, Ints, Ints]:
        """Region, birth-day number and sequence."""
        block, place = self.index // 1000, (self.index * 617) % 1000
        region = np.zeros(len(self.index), dtype=np.int64)
        day = np.zeros(len(self.index), dtype=np.int64)
        sequence = np.zeros(len(self.index), dtype=np.int64)
        spaces = self._spaces()
        ranks = {kind: block * count + (place - _STARTS[kind]) for kind, count in _CLASSES.items()}
        local_room = len(spaces["local"]) * _BIRTH_DAYS * _SEQUENCES
        overflow = self._of("local") & (ranks["local"] >= local_room)
        ranks["other"] = np.where(overflow, 2 * (ranks["local"] - local_room) + 1, 2 * ranks["other"])
        for kind, regions in spaces.items():
            mask = self._of(kind) & ~overflow | (overflow if kind == "other" else False)
            room_days = _BIRTH_DAYS_2017 if kind == "resident_2017" else _BIRTH_DAYS
            room = len(regions) * room_days * _SEQUENCES
            spot = (ranks[kind][mask] * _coprime(room) + self.seed * 7919) % room
            region[mask] = np.array(regions)[spot % len(regions)]
            day[mask] = spot // len(regions) % room_days
            sequence[mask] = spot // len(regions) // room_days + 985
        return region, day, sequence

    def _spaces(self) -> dict[str, tuple[int, ...]]:
        nations = tuple(900000 + province * 1000 + nation for province in _PROVINCES for nation in _NATIONS)
        return {
            "hongkong": (810000, 820000),
            "taiwan": (830000,),
            "resident": nations,
            "resident_2017": tuple(range(len(_NATION_LETTERS))),
            "local": tuple(places.DISTRICTS),
            "other": places.OTHER_REGIONS + places.ABOLISHED_REGIONS,
        }

    @cached_property
    def birth(self) -> Days:
        """Days of birth."""
        return np.asarray(FIRST_BIRTH + self._core[1].astype("timedelta64[D]"))

    @cached_property
    def male(self) -> Bools:
        """True for men: the parity of the sequence."""
        return np.asarray(self._core[2] % 2 == 1)

    @cached_property
    def sex(self) -> pa.Array:
        """GB/T 2261.1 codes."""
        return where(self.male, "1", "2")

    @cached_property
    def age(self) -> Ints:
        """Whole years on TODAY."""
        return np.asarray((20261120 - ymd(self.birth)) // 10000)

    @cached_property
    def number(self) -> pa.Array:
        """Identifier: citizen number, residence permit or permanent-residence number."""
        region, _, sequence = self._core
        full = texts(citizen_ids(region, ymd(self.birth), sequence))
        old = self._of("resident_2017")
        if not old.any():
            return full
        return pc.replace_with_mask(full, pa.array(old), strings(self._numbers_2017(old)))

    def _numbers_2017(self, mask: Bools) -> list[str]:
        region, _, sequence = (column[mask] for column in self._core)
        made = []
        for nation, born, order in zip(region, ymd(self.birth[mask]), sequence, strict=True):
            body = f"{_NATION_LETTERS[nation]}6204{int(born) % 1_000_000:06d}{int(order) % 10}"
            made.append(body + icao_check(body))
        return made

    @cached_property
    def doc_type(self) -> pa.Array:
        """Document type codes (GB/T 36903)."""
        return strings([_DOC_TYPES[kind] for kind in self._class.tolist()])

    @cached_property
    def citizen(self) -> Bools:
        """True where the number is a citizen's."""
        return np.asarray(self._of("local") | self._of("other"))

    @cached_property
    def ethnicity(self) -> pa.Array:
        """GB/T 3304 codes; foreigners have 98."""
        drawn = self.draws.weighted("mz", self.index, {"01": 86, "03": 8, "04": 2, "05": 1, "26": 1, "11": 1, "10": 1})
        return where(self._of("resident") | self._of("resident_2017"), "98", drawn)

    @cached_property
    def name(self) -> pa.Array:
        """Names: mostly two or three characters, some compound, with · or in Latin letters."""
        draws, index = self.draws, self.index
        surname = draws.pick("surname", index, strings(list(places.SURNAMES)))
        surname = where(
            draws.chance("compound", index, 0.01), draws.pick("c", index, strings([*places.COMPOUND_SURNAMES])), surname
        )
        first = draws.pick("g1", index, strings(list(places.GIVEN)))
        second = draws.pick("g2", index, strings(list(places.GIVEN)))
        han = joined(surname, first, where(draws.chance("two", index, 0.75), second, ""))
        dotted = self._two("uy", places.MINORITY_NAMES, "·")
        tibetan = self._two("bo", places.TIBETAN_NAMES, "")
        code = self.ethnicity
        named = pc.if_else(pc.equal(code, "05"), dotted, pc.if_else(pc.equal(code, "04"), tibetan, han))
        return pc.if_else(pc.equal(code, "98"), self._two("la", places.LATIN_NAMES, " "), named)

    def _two(self, tag: str, names: tuple[str, ...], between: str) -> pa.Array:
        values = strings(list(names))
        return joined(
            self.draws.pick(tag + "1", self.index, values), between, self.draws.pick(tag + "2", self.index, values)
        )

    @cached_property
    def dead(self) -> Bools:
        """True for one person in twenty-five."""
        return np.asarray(self.index % 25 == 7)

    @cached_property
    def death(self) -> Days:
        """Day of death, meant only where `dead`."""
        first = np.maximum(self.birth, np.datetime64("2015-01-01", "D"))
        span = (np.datetime64("2026-10-31", "D") - first).astype(np.int64) + 1
        drawn = (self.draws.bits("death", self.index) % span.astype(np.uint64)).astype("timedelta64[D]")
        return np.asarray(first + drawn)

    @cached_property
    def mobile(self) -> pa.Array:
        """Mobile numbers in ranges that no operator holds."""
        front = self.draws.pick("operator", self.index, strings(["160", "161", "163", "164", "168", "169"]))
        tail = (self.index * 7_368_787 + self.draws.below("mobile", self.index, 3)) % 100_000_000
        return joined(front, pc.utf8_lpad(pc.cast(pa.array(tail), pa.string()), width=8, padding="0"))

    @cached_property
    def address(self) -> pa.Array:
        """Addresses in the city, down to the room."""
        district = self.district
        names = strings([places.DISTRICTS[code] for code in district.tolist()])
        town = self.draws.chance("town", self.index, 0.6)
        road = self.draws.pick("road", self.index, strings(list(places.ROADS)))
        village = self.draws.pick("village", self.index, strings(list(places.VILLAGES)))
        house = pc.cast(pa.array(self.draws.below("house", self.index, 400) + 1), pa.string())
        room = pc.cast(pa.array(self.draws.below("room", self.index, 1800) + 101), pa.string())
        return joined(
            "甘肃省",
            places.CITY,
            names,
            where(town, joined(road, house, "号", room, "室"), joined(village, house, "号")),
        )

    @cached_property
    def district(self) -> Ints:
        """Region code of the household registration."""
        codes = np.array(list(places.DISTRICTS), dtype=np.int64)
        return np.asarray(codes[self.draws.below("district", self.index // 3, len(codes))])


def adults(seed: int, family: str, index: Ints, population: int, male: bool | None = None) -> Ints:
    """Draws for each row the number of a living adult among the first `population` people."""
    draws = Draws(seed, family)
    chosen = draws.below("adult0", index, population)
    open_rows = np.arange(len(index))
    for attempt in range(1, 200):
        people = People(seed, chosen[open_rows])
        unfit = (people.age < 24) | people.dead | (people.age > 90) | ~people.citizen
        if male is not None:
            unfit |= people.male != male
        open_rows = open_rows[unfit]
        if not len(open_rows):
            break
        chosen[open_rows] = draws.below(f"adult{attempt}", index[open_rows], population)
    return chosen


def citizens(seed: int, rank: Ints, population: int, wanted: int) -> Ints:
    """Gives a different citizen for each rank below `wanted`; of the first `population` people where they suffice."""
    special = _STARTS["local"]
    block = 1000 - special
    room = max(population // 1000, -(-wanted // block), 1) * block
    spread = (rank * _coprime(room) + seed * 7919) % room
    # 617 · 953 = 588001 ≡ 1 (mod 1000): the inverse of the scattering in `_class`.
    return np.asarray(spread // block * 1000 + (special + spread % block) * 953 % 1000)


def _coprime(room: int) -> int:
    step = 1_000_003
    while np.gcd(step, room) != 1:
        step += 2
    return step


def fifteen(number: str) -> str:
    """Writes an 18-digit number of the twentieth century in its 15-digit form."""
    return number[:6] + number[8:17]


def with_birth(number: str, ymd: str) -> str:
    """Puts another birth date into a citizen number, with the right check character."""
    made: Bytes = with_id_check(matrix([number[:6] + ymd + number[14:17]]))
    return made.tobytes().decode("ascii")
