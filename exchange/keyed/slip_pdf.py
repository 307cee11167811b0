"""A verification slip (核验凭证) as one A4 page, in a font that every PDF reader brings for Chinese. Reads nothing."""

import io
from collections.abc import Sequence

_LEFT, _RIGHT, _TOP = 60, 535, 770
_LINE, _WIDEST = 24, 30
_MOST_LINES = 24


def draw(title: str, lines: Sequence[tuple[str, str]], code: str, foot: Sequence[str]) -> bytes:
    """Draws the page: heading, lines of name and words, the code as text and QR, what the page is good for."""
    from reportlab.graphics import renderPDF  # noqa: PLC0415 - only where a slip is drawn
    from reportlab.graphics.barcode.qr import QrCodeWidget  # noqa: PLC0415
    from reportlab.graphics.shapes import Drawing  # noqa: PLC0415
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # noqa: PLC0415
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    stream = io.BytesIO()
    page = Canvas(stream, pagesize=A4, invariant=1)
    page.setTitle(title)
    page.setFont("STSong-Light", 20)
    page.drawCentredString(A4[0] / 2, _TOP, title)
    page.line(_LEFT, _TOP - 14, _RIGHT, _TOP - 14)
    page.setFont("STSong-Light", 12)
    height = _TOP - 44
    for name, words in _wrapped(lines):
        page.drawString(_LEFT, height, name)
        page.drawString(_LEFT + 110, height, words)
        height -= _LINE
    widget = QrCodeWidget(code)
    picture = Drawing(90, 90, transform=[90 / _size(widget), 0, 0, 90 / _size(widget), 0, 0])
    picture.add(widget)
    renderPDF.draw(picture, page, _RIGHT - 90, 60)
    page.setFont("STSong-Light", 10)
    for place, words in enumerate([f"验证码：{code}", *foot]):
        page.drawString(_LEFT, 130 - 18 * place, words)
    page.showPage()
    page.save()
    return stream.getvalue()


def _size(widget: object) -> float:
    bounds: tuple[float, float, float, float] = widget.getBounds()  # type: ignore[attr-defined]
    return bounds[2] - bounds[0]


def _wrapped(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Breaks long words into lines; one page holds so many and no more."""
    out: list[tuple[str, str]] = []
    for name, words in lines:
        parts = [words[at : at + _WIDEST] for at in range(0, len(words), _WIDEST)] or [""]
        out += [(name if place == 0 else "", part) for place, part in enumerate(parts)]
    return out if len(out) <= _MOST_LINES else [*out[: _MOST_LINES - 1], ("", "……（其余见系统记录）")]
