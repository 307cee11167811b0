"""What an analyst's statement may be made of: node by node, argument by argument. Whatever is not listed is refused.

A statement is written anew from the tree that was checked, so that no comment, hint or trick of one parser reaches the
database. Messages name the kind of what was refused, never its text, which may hold a personal value.
"""

import logging
import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from schemas.errors import QueryError

# Its warnings quote the statement, which may hold a personal value.
logging.getLogger("sqlglot").disabled = True

ALLOWED = "只接受一条 SELECT 语句，只能引用已授权的数据集和数据项"
_LONGEST, _MOST_NODES = 20_000, 5_000

#: Nodes whose arguments are all named here; another argument that is set (QUALIFY, USING SAMPLE, EXCLUDE …) is refused.
_PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct", "with_"}
    ),
    exp.Union: frozenset({"this", "expression", "distinct", "with_", "order", "limit", "offset"}),
    exp.Intersect: frozenset({"this", "expression", "distinct", "with_", "order", "limit", "offset"}),
    exp.Except: frozenset({"this", "expression", "distinct", "with_", "order", "limit", "offset"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.From: frozenset({"this"}),
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Table: frozenset({"this", "alias"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Values: frozenset({"expressions", "alias"}),
    exp.Group: frozenset({"expressions", "all"}),
    exp.Order: frozenset({"expressions", "this"}),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Star: frozenset(),
    exp.Column: frozenset({"this", "table"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over"}),
    exp.In: frozenset({"this", "expressions", "query"}),
}
_NODES: tuple[type[exp.Expr], ...] = (
    exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Tuple, exp.Where, exp.Having, exp.Ordered,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Is, exp.Between, exp.Like, exp.ILike, exp.Exists, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod,
    exp.Neg, exp.DPipe, exp.Case, exp.If, exp.Filter, exp.WithinGroup, exp.WindowSpec, exp.IgnoreNulls, exp.Interval,
    exp.DataType, exp.DataTypeParam, exp.Var, exp.Extract, exp.CurrentDate, exp.Escape, exp.Any, exp.All,
)  # fmt: skip
_FUNCTIONS: tuple[type[exp.Expr], ...] = (
    exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Mode, exp.PercentileCont,
    exp.PercentileDisc, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr,
    exp.AnyValue, exp.ApproxDistinct, exp.ArgMax, exp.ArgMin, exp.LogicalAnd, exp.LogicalOr, exp.GroupConcat,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
    exp.PercentRank, exp.CumeDist, exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sqrt, exp.Ln, exp.Log, exp.Exp,
    exp.Pow, exp.Sign, exp.Trunc, exp.Greatest, exp.Least, exp.Coalesce, exp.Nullif, exp.Length, exp.Lower, exp.Upper,
    exp.Trim, exp.Substring, exp.Left, exp.Right, exp.Concat, exp.ConcatWs, exp.Replace, exp.SplitPart,
    exp.StrPosition, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace,
    exp.Pad, exp.Reverse, exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.Quarter, exp.Week, exp.WeekOfYear,
    exp.DayOfWeek, exp.DayOfWeekIso, exp.Dayname, exp.Monthname, exp.Hour, exp.Minute, exp.TimestampTrunc,
    exp.DateTrunc, exp.DateDiff, exp.DateAdd, exp.TimeToStr, exp.LastDay, exp.DateFromParts,
)  # fmt: skip
_TYPES = frozenset(
    {"TEXT", "VARCHAR", "INT", "BIGINT", "SMALLINT", "TINYINT", "DECIMAL", "DOUBLE", "FLOAT", "BOOLEAN", "DATE",
     "TIME", "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL"}
)  # fmt: skip
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?|\.[0-9]+([eE][+-]?[0-9]{1,3})?")
_WORD = re.compile(r"[A-Za-z_]{1,30}")
_JOINS = frozenset({"INNER", "OUTER", "CROSS", "SEMI", "ANTI"})
_BEGINS = ("SELECT", "WITH", "(")
_NAMES = {
    exp.Qualify: "QUALIFY", exp.Pivot: "PIVOT", exp.TableSample: "SAMPLE", exp.Lateral: "LATERAL", exp.Lambda: "LAMBDA",
    exp.Columns: "COLUMNS()", exp.Placeholder: "参数占位符", exp.PositionalColumn: "按位置引用列",
    exp.Dot: "取结构体成员",
    exp.Bracket: "下标", exp.Struct: "结构体", exp.Command: "命令", exp.Into: "INTO", exp.Star: "* 的变形",
}  # fmt: skip


def read(sql: str) -> exp.Query:
    """Returns the tree of one SELECT that is made of allowed parts alone; raises QueryError."""
    if len(sql) > _LONGEST or any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in sql):
        raise QueryError("语句过长或含有不是文字的字符", f"至多 {_LONGEST} 个字符的文本", "请缩短或重新输入")
    try:
        _begins(sql)
        trees = sqlglot.parse(sql, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        raise QueryError("语句不能解析", ALLOWED, "请检查语法，或改用较简单的写法") from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryError(f"收到 {len(trees)} 条语句", ALLOWED, "请每次只提交一条 SELECT 语句")
    tree = trees[0]
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise QueryError("语句不是查询", ALLOWED, "请改为 SELECT 语句")
    check(tree)
    return tree


def _begins(sql: str) -> None:
    first = next(iter(sqlglot.tokenize(sql, dialect="duckdb")), None)
    if first is not None and first.text.upper() not in _BEGINS:
        raise QueryError("语句不是以 SELECT 或 WITH 开头", ALLOWED, "请写完整的 SELECT 语句")


def check(tree: exp.Expr) -> None:
    """Refuses a tree that holds anything that is not listed in this module."""
    for count, node in enumerate(_walk(tree)):
        if count > _MOST_NODES:
            raise QueryError("语句过于复杂", "", "请拆成较简单的查询")
        _check_node(node)


def _walk(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from tree.walk()


def _check_node(node: exp.Expr) -> None:
    kind = type(node)
    if kind in _PARTS:
        extra = [name for name, value in node.args.items() if value and name not in _PARTS[kind]]
        if extra:
            raise _refused(extra[0].strip("_").upper())
    elif kind not in _NODES and kind not in _FUNCTIONS:
        raise _refused(_named(node))
    _check_detail(node)


def _check_detail(node: exp.Expr) -> None:
    if isinstance(node, exp.DataType) and (node.this.value not in _TYPES or node.args.get("nested")):
        raise _refused("类型转换到不允许的类型")
    if isinstance(node, exp.Literal) and not node.is_string and not _NUMBER.fullmatch(node.name):
        raise _refused("数字的写法")
    if isinstance(node, exp.Var) and not _WORD.fullmatch(node.name):
        raise _refused("不认识的词")
    if isinstance(node, exp.Star):
        holder = node.parent.parent if isinstance(node.parent, exp.Column) else node.parent
        if not isinstance(holder, exp.Select | exp.Count):
            raise _refused(_NAMES[exp.Star])
    _check_source(node)


def _check_source(node: exp.Expr) -> None:
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise _refused("表函数")
    if isinstance(node, exp.Join) and (node.args.get("kind") or "INNER") not in _JOINS:
        raise _refused("该种联接")
    if isinstance(node, exp.Window) and (node.args.get("over") or "OVER") != "OVER":
        raise _refused("该种窗口")


def _named(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return "不在许可表中的函数"
    return next((said for kind, said in _NAMES.items() if isinstance(node, kind)), type(node).__name__.upper())


def _refused(what: str) -> QueryError:
    return QueryError(f"语句中含有不允许的成分（{what}）", ALLOWED, "请删去后重试", code="QUERY_REFUSED")


def unknown(granted: str) -> QueryError:
    """The one answer for what is not there and what is not granted."""
    return QueryError(
        "语句引用了不存在或未授权的数据集或数据项", granted, "请按所列名称改写，或申请所需的数据项", code="QUERY_NAME"
    )
