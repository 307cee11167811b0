"""Statements from a grammar, thrown at grants over canaries: `python -m tests.lake.fuzz 20000`.

The grammar knows more than is allowed: items that are not granted, hidden ones, functions that read files, stars in all
forms. A statement must end in rows without a canary or in a QueryError. Not a test; tests/lake/test_fuzz.py runs some.
"""

import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlglot import exp

from lake.analysis import Granted, Limits
from lake.duck import connect
from schemas.errors import HubError
from tests.lake.granted import CANARY, USUAL, WEDDINGS, ask, granted, numbered, wed
from tests.lake.people import MARRIAGES, PEOPLE, Hub

#: A value that no grant gives: a name or memo in the clear, a full number, a row of another region, a hidden birthday
#: (all lie after 2100), a hidden sum (all begin with 77700).
LEAK = re.compile(rf"{CANARY}|6204021990\d{{8}}|62040219800101\d{{4}}|110101|21\d\d-\d\d-\d\d|77700\d")
LIMITS = Limits(memory_mb=256, seconds=3, rows=2_000)
OPEN = {
    "people": ["citizen_id", "name", "region", "count", "updated"],
    "marriages": ["first_id", "registered", "unit_code"],
}
HASHES = {"people": ["key_hash", "s_citizen_id"], "marriages": ["key_hash", "s_first_id"]}
CLOSED = {"people": ["memo", "picture", "score", "alive", "digest", "sealed", "flags", "rowid", "nothing"],
          "marriages": ["second_id", "certificate_no", "s_second_id", "bucket", "s_unit_code"]}  # fmt: skip
HIDDEN = {"people": ["birth", "amount"], "marriages": []}
FUNCTIONS = ["min", "max", "any_value", "upper", "reverse", "length", "hex", "md5", "to_json", "struct_pack", "list",
             "string_agg", "first", "histogram", "typeof", "coalesce", "year", "hash", "row", "unnest", "alias",
             "error", "read_text", "getenv", "left", "concat", "mode", "count", "sum", "arg_max", "encode"]  # fmt: skip


def build(root: Path) -> dict[str, Granted]:
    """Publishes the canaries and opens the usual grants over them."""
    with connect(256) as duck:
        people = [
            {**numbered(n), "birth": date(2100, 1, 1) + timedelta(days=n * 137), "amount": Decimal(777000000) + n}
            for n in range(120)
        ]
        Hub(root, PEOPLE, duck).sync(people)
        Hub(root, MARRIAGES, duck).sync([wed(n) for n in range(60)])
    return granted(root, USUAL, WEDDINGS)


TAME = ["upper", "length", "lower", "reverse", "coalesce"]


class Grammar:
    """Makes statements; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._depth = 0
        self._temper = "wild"
        self._scope: list[tuple[str, str]] = []

    def statement(self) -> str:
        """Returns one statement as text, some of them distorted."""
        self._depth, self._scope = 0, []
        self._temper = self._draw.choice(["tame", "tame", "tame", "hidden", "wild"])
        text = self._query().sql(dialect="duckdb")
        return self._distorted(text) if self._one_in(3 if self._temper == "wild" else 9) else text

    def _pick(self, tame: list[str], wild: list[str]) -> str:
        return self._draw.choice(tame + wild if self._temper == "wild" else tame)

    def _one_in(self, n: int) -> bool:
        return self._draw.randrange(n) == 0

    def _query(self) -> exp.Expr:
        self._depth += 1
        outer, self._scope = self._scope, []
        query = self._select()
        if self._one_in(8):
            kind = self._draw.choice([exp.union, exp.except_, exp.intersect])
            query = kind(query, self._select(), distinct=self._one_in(2))
        if self._one_in(8) and self._depth < 3:
            query = query.with_("c", as_=self._query())
        self._scope = outer
        self._depth -= 1
        return query

    def _source(self) -> exp.Expr:
        if self._depth < 3 and self._one_in(5):
            alias = f"q{self._draw.randrange(9)}"
            self._scope.append((alias, "people"))
            return exp.Subquery(this=self._query(), alias=exp.TableAlias(this=exp.to_identifier(alias)))
        name = self._pick(
            ["people"] * 5 + ["marriages"] * 3, ["c", "register", "duckdb_tables", "information_schema.tables"]
        )
        alias = f"t{len(self._scope)}" if self._temper != "wild" else self._draw.choice([name, "p", "m", "t"])
        self._scope.append((alias, name if name in OPEN else "people"))
        return exp.to_table(name).as_(alias) if alias != name else exp.to_table(name)

    def _select(self) -> exp.Select:
        self._scope = []
        if self._temper == "hidden" and self._one_in(2):
            return self._counting()
        select = exp.Select().from_(self._source())
        for _ in range(self._draw.choice([0, 0, 0, 1, 2])):
            source = self._source()
            on = self._equality() if self._one_in(2) else self._condition()
            select = select.join(
                source, on=on, join_type=self._pick(["", "", "left"], ["full", "semi", "cross", "natural", "asof"])
            )
        counting = self._one_in(3)
        outputs = (
            [exp.Count(this=exp.Star())] if counting else [self._output() for _ in range(self._draw.randint(1, 4))]
        )
        keys = [self._column() for _ in range(self._draw.randint(0, 2))] if counting else []
        select = select.select(*keys, *outputs)
        if keys:
            select = select.group_by(*[key.copy() for key in keys])
        if self._one_in(2):
            select = select.where(self._condition())
        if self._one_in(6):
            select = select.having(self._condition())
        if self._one_in(4):
            select = select.order_by(self._value())
        return select.limit(self._draw.randrange(1, 50)) if self._one_in(3) else select

    def _counting(self) -> exp.Select:
        condition = exp.GTE(
            this=exp.column("birth"), expression=exp.Literal.string(f"{self._draw.randrange(2099, 2140)}-06-01")
        )
        self._scope = [("people", "people")]
        keys = [exp.column("region")] if self._one_in(2) else [self._column()] if self._one_in(4) else []
        select = exp.Select().from_("people").select(*keys, exp.Count(this=exp.Star())).where(condition)
        select = select.group_by(*[key.copy() for key in keys]) if keys else select
        return select.where(self._condition()) if self._one_in(3) else select

    def _output(self) -> exp.Expr:
        roll = self._draw.randrange(12)
        if roll == 0:
            return exp.Star()
        if roll == 1:
            return exp.column(exp.Star(), table=self._alias())
        if self._temper != "wild":
            return self._value()
        if roll == 2:
            return exp.column(self._alias())
        if roll == 3:
            return exp.Anonymous(this="columns", expressions=[exp.Literal.string(".*")])
        return exp.alias_(self._value(), self._draw.choice(["x", "y", "name", "birth"])) if roll < 7 else self._value()

    def _alias(self) -> str:
        return self._draw.choice(self._scope)[0] if self._scope else "people"

    def _column(self) -> exp.Expr:
        alias, dataset = self._draw.choice(self._scope) if self._scope else ("people", "people")
        pools = [OPEN[dataset]] * 12 + [HASHES[dataset]]
        if self._temper != "tame":
            pools = [OPEN[dataset]] * 5 + [HIDDEN[dataset]] * 4 + [CLOSED[dataset]] * (self._temper == "wild")
        pool = self._draw.choice([pool for pool in pools if pool])
        return exp.column(self._draw.choice(pool), table=None if self._temper == "wild" and self._one_in(2) else alias)

    def _literal(self) -> exp.Expr:
        if self._temper != "wild":
            return exp.Literal.string(self._draw.choice(["2010-01-01", "2098-01-01", "620402", "5"]))
        texts = ["2010-01-01", "620402", "x", "6204", "张*", "0", "%"]
        return (
            exp.Literal.number(self._draw.randrange(200))
            if self._one_in(2)
            else exp.Literal.string(self._draw.choice(texts))
        )

    def _value(self) -> exp.Expr:  # noqa: PLR0911 - one return a kind of expression
        self._depth += 1
        try:
            roll = self._draw.randrange(14) if self._depth < 5 else self._draw.randrange(7)
            if roll < 6:
                return self._column()
            if roll == 6:
                return self._literal()
            if roll == 7:
                return self._call()
            if roll == 8:
                return exp.cast(
                    self._value(),
                    self._draw.choice(
                        ["varchar"] if self._temper != "wild" else ["varchar", "int", "date", "blob", "json"]
                    ),
                )
            if roll == 9:
                return exp.case().when(self._condition(), self._value()).else_(self._value())
            if roll == 10 and self._depth < 4:
                return exp.Subquery(this=self._query())
            if roll == 11:
                return exp.Window(
                    this=exp.func(self._draw.choice(["max", "lag", "count"]), self._value()),
                    partition_by=[self._value()],
                )
            return self._draw.choice([exp.DPipe, exp.Add, exp.Div])(this=self._value(), expression=self._value())
        finally:
            self._depth -= 1

    def _call(self) -> exp.Expr:
        if self._temper != "wild":
            return exp.Anonymous(this=self._draw.choice(TAME), expressions=[exp.cast(self._column(), "varchar")])
        values = [self._value() for _ in range(self._draw.randint(1, 2))]
        return exp.Anonymous(this=self._draw.choice(FUNCTIONS), expressions=values)

    def _equality(self) -> exp.Expr:
        return exp.EQ(this=self._column(), expression=self._column())

    def _condition(self) -> exp.Expr:
        self._depth += 1
        try:
            roll = self._draw.randrange(8) if self._depth < 5 else self._draw.randrange(3)
            sign = self._draw.choice([exp.EQ, exp.NEQ, exp.LT, exp.GTE, exp.Like])
            if roll < 3:
                return sign(this=self._column(), expression=self._literal())
            if roll == 3:
                return sign(this=self._value(), expression=self._value())
            if roll == 4:
                return exp.Not(this=exp.paren(self._condition()))
            if roll == 5:
                return exp.In(this=self._column(), expressions=[self._literal(), self._literal()])
            if roll == 6 and self._depth < 4:
                return exp.Exists(this=self._query())
            return self._draw.choice([exp.and_, exp.or_])(self._condition(), self._condition())
        finally:
            self._depth -= 1

    def _distorted(self, text: str) -> str:
        words = text.split(" ")
        at = self._draw.randrange(len(words))
        roll = self._draw.randrange(6)
        if roll == 0:
            words[at] = words[at].swapcase()
        elif roll == 1:
            words.insert(at, "/* ' */")
        elif roll == 2:
            words[at] = words[at].translate({97: 0x430, 101: 0x435, 111: 0x43E})
        elif roll == 3:
            words.insert(
                at,
                self._draw.choice(["QUALIFY 1 = 1", "USING SAMPLE 3", ";", "--", "LATERAL", "FROM people", "'", '"']),
            )
        elif roll == 4:
            words.append(
                self._draw.choice(
                    ["; SELECT * FROM people", "UNION ALL BY NAME SELECT * FROM people", "INTO x", "-- x"]
                )
            )
        else:
            del words[at]
        return " ".join(words)


def run(views: Mapping[str, Granted], statements: int, seed: int = 0) -> Counter[str]:
    """Throws statements at the grants; counts answers and refusals. Raises AssertionError for a leak or a crash."""
    grammar, seen = Grammar(seed), Counter[str]()
    for _ in range(statements):
        sql = grammar.statement()
        try:
            rows = ask(views, sql, LIMITS)
        except HubError as error:
            seen[error.code] += 1
            assert not LEAK.search(str(error)), sql
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {sql}") from error
        else:
            seen["answered"] += 1
            seen["rows"] += len(rows)
            found = LEAK.search(str([list(row.values()) for row in rows]))
            assert found is None, f"{found}: {sql}"
    return seen


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(
            f"{run(build(Path(folder)), int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)}\n"
        )
