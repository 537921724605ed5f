"""The text of a PDF, within limits of pages, size and time, whatever the file is made of."""

from __future__ import annotations

import logging
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fulcrum.sources.records import MAX_TEXT, Unsound

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_PAGES = 200
MAX_PAGE_BYTES = 5_000_000
"""Of one page's drawing instructions, unpacked; a page of print has some ten thousand."""
MAX_SECONDS = 30.0
"""For one file; the largest PDFs of suppliers take a few."""


def pdf_text(content: bytes) -> str:
    """Extract the text, pages joined by a form feed. Raises Unsound with the reason when there is no reading it."""
    # It logs what it finds odd in a file, which may be content.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    from pypdf.errors import DependencyError, FileNotDecryptedError, WrongPasswordError  # noqa: PLC0415 - 0.3 s

    try:
        return _text(content)
    except Unsound:
        raise
    except (DependencyError, FileNotDecryptedError, WrongPasswordError):
        raise Unsound("is an encrypted PDF that needs a password") from None
    except Exception as error:  # noqa: BLE001 - a broken PDF fails anywhere, in any way
        raise Unsound(f"is no PDF that can be read, broken or cut off ({type(error).__name__})") from None


def _text(content: bytes) -> str:
    from pypdf import PdfReader  # noqa: PLC0415

    deadline = time.monotonic() + MAX_SECONDS
    reader = PdfReader(BytesIO(content))
    count = _pages(reader)
    texts: list[str] = []
    length = 0
    for number in range(count):
        texts.append(_page_text(reader.pages[number], number + 1, deadline))
        length += len(texts[-1]) + 1
        if length > MAX_TEXT + 1:
            raise Unsound(f"has more than {MAX_TEXT:,} characters of text")
    return "\f".join(texts)


def _pages(reader: PdfReader) -> int:
    count = len(reader.pages)
    if count == 0:
        raise Unsound("is a PDF without pages")
    if count > MAX_PAGES:
        raise Unsound(f"has {count:,} pages, more than {MAX_PAGES}")
    return count


def _page_text(page: PageObject, number: int, deadline: float) -> str:
    drawing = page.get_contents()
    if drawing is not None and len(drawing.get_data()) > MAX_PAGE_BYTES:
        raise Unsound(f"has a page {number} too large to be read as text")

    def in_time(*_operand: Any) -> None:
        if time.monotonic() > deadline:
            raise Unsound(f"took more than {MAX_SECONDS:.0f} seconds to read, up to page {number}")

    in_time()
    return page.extract_text(visitor_operand_before=in_time)
