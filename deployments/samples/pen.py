"""A thin hand over reportlab's canvas: one page of A4, measured from the top left corner in points."""

from __future__ import annotations

from io import BytesIO

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
LEFT, RIGHT = 56.0, WIDTH - 56.0
INK, GREY = "#1B1B1B", "#6A6A6A"
_FACES = {"Helvetica": ("Helvetica", "Helvetica-Bold"), "Times": ("Times-Roman", "Times-Bold")}


class Pen:
    """Draws on one page; text comes out of the PDF in the order in which it was drawn."""

    def __init__(self, font: str, accent: str, title: str, author: str) -> None:
        """Open the page: `invariant` keeps time and chance out of the file, no compression keeps zlib's version out."""
        self._file = BytesIO()
        self._canvas = Canvas(self._file, pagesize=A4, invariant=1, pageCompression=0)
        self._canvas.setTitle(title)
        self._canvas.setAuthor(author)
        self._faces = _FACES[font]
        self.accent = accent

    def write(self, x: float, y: float, text: str, size: float = 9.5, *, bold: bool = False, ink: str = INK) -> None:
        """Write from `x` to the right; what stands side by side is read as one line."""
        # Not drawString: it ends each string with a line break, which readers of the text then see.
        line = self._canvas.beginText(x, HEIGHT - y)
        line.setFont(self._faces[bold], size)
        line.setFillColor(HexColor(ink))
        line.textOut(text)
        self._canvas.drawText(line)

    def write_right(
        self, x: float, y: float, text: str, size: float = 9.5, *, bold: bool = False, ink: str = INK
    ) -> None:
        """Write so that the text ends at `x`."""
        width = self._canvas.stringWidth(text, self._faces[bold], size)
        self.write(x - width, y, text, size, bold=bold, ink=ink)

    def lines(self, x: float, y: float, texts: tuple[str, ...], size: float = 9.5, *, ink: str = INK) -> float:
        """Write one line below the other; give back the height below the last."""
        for text in texts:
            self.write(x, y, text, size, ink=ink)
            y += size * 1.4
        return y

    def rule(self, y: float, *, left: float = LEFT, right: float = RIGHT, width: float = 0.6, ink: str = INK) -> None:
        """Draw a horizontal line."""
        self._canvas.setStrokeColor(HexColor(ink))
        self._canvas.setLineWidth(width)
        self._canvas.line(left, HEIGHT - y, right, HEIGHT - y)

    def box(
        self, x: float, y: float, width: float, height: float, *, ink: str | None = None, tint: float = 1.0
    ) -> None:
        """Fill a rectangle whose upper left corner is (x, y); `tint` below 1 mixes the ink with white."""
        self._canvas.setFillColor(_tinted(ink or self.accent, tint))
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def dot(self, x: float, y: float, radius: float, ink: str | None = None) -> None:
        """Fill a circle round (x, y)."""
        self._canvas.setFillColor(HexColor(ink or self.accent))
        self._canvas.circle(x, HEIGHT - y, radius, stroke=0, fill=1)

    def picture(self, image: object) -> None:
        """Lay an image over the whole page."""
        self._canvas.drawImage(image, 0, 0, WIDTH, HEIGHT)

    def done(self) -> bytes:
        """Close the page and give the file."""
        self._canvas.showPage()
        self._canvas.save()
        return self._file.getvalue()


def _tinted(ink: str, tint: float) -> Color:
    color = HexColor(ink)
    return Color(*(1 - (1 - part) * tint for part in (color.red, color.green, color.blue)))
