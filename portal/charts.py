"""Charts as SVG, made here: bars, lines, a sparkline, each with a title and words for readers. Knows no use-case."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 440, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 10, 26
_WIDEST_BAR = 32.0
#: At most so many labels stand under a chart.
_LABELS = 6
_BAR = Markup('<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')


@dataclass(frozen=True, slots=True)
class Point:
    """One value: the label under it, the words a reader gets, and a kind that colours it (good, bad, warn or none)."""

    label: str
    value: float
    says: str = ""
    kind: str = ""


def nice_top(most: float) -> float:
    """Returns the round figure at the top of an axis that holds `most`."""
    if most <= 0:
        return 1.0
    power = 1.0
    while most > 10 * power:
        power *= 10
    while most <= power:
        power /= 10
    return next(step * power for step in (2, 4, 5, 8, 10) if step * power >= most)


def figure(value: float) -> str:
    """Writes a value on an axis: 1.2万, 3,000, 0.5."""
    if value >= 100_000_000:
        return f"{value / 100_000_000:g} 亿"
    if value >= 10_000:
        return f"{value / 10_000:g} 万"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def bars(name: str, title: str, points: Sequence[Point], unit: str = "") -> Markup:
    """Draws bars, first to last from left to right; `name` makes ids unique on the page."""
    if not points:
        return Markup("")
    top = nice_top(max(point.value for point in points))
    step = (_WIDTH - _LEFT - _RIGHT) / len(points)
    width = min(max(step * 0.7, 1.0), _WIDEST_BAR)
    drawn = [
        _BAR.format(
            point.kind,
            _LEFT + step * place + (step - width) / 2,
            _y(point.value, top),
            width,
            _y(0, top) - _y(point.value, top),
            point.says or f"{point.label}：{figure(point.value)}{unit}",
        )
        for place, point in enumerate(points)
    ]
    return _chart(name, title, points, top, unit, Markup("").join(drawn))


def lines(name: str, title: str, points: Sequence[Point], unit: str = "") -> Markup:
    """Draws one line with a dot at each value."""
    if not points:
        return Markup("")
    top = nice_top(max(point.value for point in points))
    places = [(_x(place, len(points)), _y(point.value, top)) for place, point in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [
        Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>').format(
            point.kind, x, y, point.says or f"{point.label}：{figure(point.value)}{unit}"
        )
        for point, (x, y) in zip(points, places, strict=True)
    ]
    drawn = Markup('<polyline class="line" points="{}"/>').format(path) + Markup("").join(dots)
    return _chart(name, title, points, top, unit, drawn)


def sparkline(title: str, values: Sequence[float]) -> Markup:
    """Draws a small line without axes, for a table's cell."""
    if len(values) < 2:
        return Markup("")
    top, step = max(*values, 1e-9), 96 / (len(values) - 1)
    path = " ".join(f"{2 + step * place:.1f},{22 - 20 * value / top:.1f}" for place, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 100 24" width="100" height="24" role="img" aria-label="{}">'
        '<polyline class="line" points="{}"/></svg>'
    ).format(title, path)


def _x(place: int, count: int) -> float:
    span = _WIDTH - _LEFT - _RIGHT
    return _LEFT + span / 2 if count == 1 else _LEFT + span * (place + 0.5) / count


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(max(value, 0.0), top) / top)


def _chart(name: str, title: str, points: Sequence[Point], top: float, unit: str, drawn: Markup) -> Markup:
    """Puts axes and words around what is drawn."""
    says = _words(points, unit)
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{n}-t {n}-d">'
        '<title id="{n}-t">{title}</title><desc id="{n}-d">{says}</desc>{axes}{drawn}</svg>'
    ).format(w=_WIDTH, h=_HEIGHT, n=name, title=title, says=says, axes=_axes(points, top, unit), drawn=drawn)


def _words(points: Sequence[Point], unit: str) -> str:
    values = [point.value for point in points]
    last = points[-1]
    return (
        f"共 {len(points)} 个值，最小 {figure(min(values))}{unit}，最大 {figure(max(values))}{unit}，"
        f"最近一个（{last.label}）{figure(last.value)}{unit}"
    )


def _axes(points: Sequence[Point], top: float, unit: str) -> Markup:
    drawn = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        drawn.append(
            Markup(
                '<line class="axis" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(_LEFT, _WIDTH - _RIGHT, y, y, _LEFT - 6, y + 4, f"{figure(top * share)}{unit if share else ''}")
        )
    every = -(-len(points) // _LABELS)
    for place in range(0, len(points), every):
        x = _x(place, len(points))
        label = escape(points[place].label)
        drawn.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, _HEIGHT - 8, label))
    return Markup("").join(drawn)
