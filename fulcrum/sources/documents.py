"""Read a case from a file that is one document: plain text or a PDF."""

from __future__ import annotations

from collections.abc import Callable

from fulcrum.cases import Json, NewCase
from fulcrum.sources.listing import SourceFile
from fulcrum.sources.originals import Originals
from fulcrum.sources.pdf import pdf_text
from fulcrum.sources.records import MAX_SHOWN, RecordReader, Unsound, decoded

MAX_FILE_BYTES = 50_000_000
"""Of one document; a larger file is named and not read."""


def read_document(
    file: SourceFile,
    reader: RecordReader,
    originals: Originals | None,
    attachment: Callable[[bytes, str], Json] | None,
) -> NewCase:
    """Read a .txt or .pdf as one case whose external id is the file's name; its bytes are kept among the originals.

    A text file is UTF-8. A PDF without text is sound only if its attachment says something.
    """
    try:
        content = _content(file)
    except OSError as error:
        return reader.unsound_file(file.name, f"cannot be read ({error.strerror})")
    except Unsound as refused:
        return reader.unsound_file(file.name, refused.reason)
    original = originals.keep(content, f".{file.kind}") if originals else None
    try:
        record = _pdf(content, file.name, attachment) if file.kind == "pdf" else {"text": _plain(content)}
        return reader.case_of({"file_name": file.name, **record, "id": file.name}, original)
    except Unsound as refused:
        shown = _shown(refused, content) if file.kind == "txt" else str(refused.record.get("text", ""))
        return reader.unsound_file(file.name, refused.reason, content, shown, original)


def _content(file: SourceFile) -> bytes:
    size = file.path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise Unsound(f"is {size:,} bytes long, more than {MAX_FILE_BYTES:,}")
    return file.path.read_bytes()


def _plain(content: bytes) -> str:
    return decoded(content).removeprefix("\ufeff")


def _shown(refused: Unsound, content: bytes) -> str:
    return str(refused.record.get("text") or content[: MAX_SHOWN * 4].decode(errors="replace"))


def _pdf(content: bytes, name: str, attachment: Callable[[bytes, str], Json] | None) -> Json:
    text = pdf_text(content)
    attached = attachment(content, name) if attachment else {}
    if not text.strip() and not attached:
        raise Unsound("has no text in it, perhaps it is a scan")
    return {**attached, "text": text}
