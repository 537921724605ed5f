"""The PDFs that no reader gets a text from: one cut off while it was sent, one scanned without a text layer."""

from __future__ import annotations

from io import BytesIO

from deployments.samples.pen import Pen

CUT, CUT_FROM = "2026-11-13_okkerveld_ON26-22011.pdf", "2026-10-29_tolmerin_26-11302.pdf"
SCAN = "2026-11-16_scan_0031.pdf"
_SLIP = """TAXIS MOSELLOR SARL
L-5499 REMICHON
RECEIPT NO  26-11-0417
DATE        14.11.2026
TOTAL EUR   22.40
THANK YOU"""


def damaged(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Make the unreadable PDFs, the cut one from the head of a sound one."""
    return {CUT: sound[CUT_FROM][:900], SCAN: _scan()}


def _scan() -> bytes:
    """Photograph a slip: a page that is one picture, in black and white, a little askew."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415
    from reportlab.lib.utils import ImageReader  # noqa: PLC0415

    page = Image.new("L", (620, 877), 255)
    slip = ImageDraw.Draw(page)
    slip.rectangle((120, 120, 500, 470), outline=150, width=2)
    slip.multiline_text((150, 160), _SLIP, fill=40, font=ImageFont.load_default(22), spacing=20)
    askew = page.rotate(1.7, fillcolor=255).convert("1")
    file = BytesIO()
    askew.save(file, "PNG")
    pen = Pen("Helvetica", "#000000", "Scan 0031", "Office copier")
    pen.picture(ImageReader(file))
    return pen.done()
