"""Documents: a .txt or .pdf file is a case, and so is one that cannot be read."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pypdf import PdfReader, PdfWriter

from fulcrum.cases import Json, NewCase
from fulcrum.sources import Originals, pdf, read

ADVERSARIAL = Path(__file__).resolve().parents[3] / "../shared/data/adversarial/naughty_strings.json"


class Paper(BaseModel):
    """A case model with fields that only documents fill."""

    id: str
    text: str
    file_name: str | None = None
    read_by_machine: dict[str, str] | None = None


def pdf_of(*pages: str) -> bytes:
    """Print each text on a page of its own."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out)
    for page in pages:
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 720 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def locked(user: str, owner: str) -> bytes:
    """Encrypt a PDF."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of("Total 12.00"))))
    writer.encrypt(user, owner, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def one(path: Path, content: bytes, attachment: Callable[[bytes, str], Json] | None = None) -> NewCase:
    """Read the one case of a file of this content."""
    path.write_bytes(content)
    (case,) = read(str(path), case=Paper, attachment=attachment)
    return case


def test_a_text_file_is_a_case_and_its_original_is_kept(tmp_path: Path) -> None:
    """The file's name is the external id, its text the input without a byte order mark, its bytes are kept."""
    content = "\ufeffTotal: 12,00 €\r\n".encode()
    (tmp_path / "a.TXT").write_bytes(content)
    originals = Originals(tmp_path / "kept")
    (case,) = read(str(tmp_path / "a.TXT"), case=Paper, originals=originals)
    assert (case.external_id, case.unsound) == ("a.TXT", None)
    assert case.input == {"id": "a.TXT", "text": "Total: 12,00 €\r\n", "file_name": "a.TXT", "read_by_machine": None}
    assert case.original is not None
    with originals.open(case.original) as kept:
        assert kept.read() == content


def test_an_empty_text_file_is_a_case_without_text(tmp_path: Path) -> None:
    """It can be read; that an empty document is refused is the intake gate's business."""
    case = one(tmp_path / "a.txt", b"")
    assert (case.unsound, case.input["text"]) == (None, "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"abc \xe4 Geb\xfchr", "the file is not valid UTF-8 (byte 4)"),
        (b"\xef\xbb\xbfabc \xe4", "the file is not valid UTF-8 (byte 7)"),
        (b"a" * 1_000_001, "the file has a text of 1,000,001 characters, more than 1,000,000"),
    ],
    ids=["latin-1", "after a mark", "too long"],
)
def test_an_unsound_text_file_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    """No encoding is guessed; what can be shown of it is there to be repaired, and the original is kept."""
    (tmp_path / "a.txt").write_bytes(content)
    originals = Originals(tmp_path / "kept")
    (case,) = read(str(tmp_path / "a.txt"), case=Paper, originals=originals)
    assert case.unsound == reason
    assert case.external_id.startswith("a.txt#")
    assert case.input == {"id": "a.txt", "text": content.decode(errors="replace")[:100_000]}
    assert case.original is not None
    assert originals.path(case.original).read_bytes() == content


def test_a_file_too_large_is_named_and_not_read(tmp_path: Path) -> None:
    """A file above the limit is one unsound case."""
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(50_000_001)
    (case,) = read(str(tmp_path / "a.pdf"), case=Paper)
    assert case.unsound == "the file is 50,000,001 bytes long, more than 50,000,000"


def test_a_pdf_is_a_case(tmp_path: Path) -> None:
    """Its pages' texts are joined by a form feed."""
    case = one(tmp_path / "a.pdf", pdf_of("Invoice 17", "Total 12.00"))
    assert case.unsound is None
    assert [page.strip() for page in case.input["text"].split("\f")] == ["Invoice 17", "Total 12.00"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no PDF that can be read"),
        (b"%PDF-1.7 and then nothing", "is no PDF that can be read"),
        (pdf_of("Invoice 17")[:300], "is no PDF that can be read"),
        (locked("secret", "secret"), "is an encrypted PDF that needs a password"),
        (pdf_of("", ""), "has no text in it, perhaps it is a scan"),
        (pdf_of(*["a"] * 201), "has 201 pages, more than 200"),
        (pdf_of(*["\n".join(["x" * 6000] * 40)] * 5), "has more than 1,000,000 characters of text"),
    ],
    ids=["empty", "header only", "cut off", "locked", "no text", "too many pages", "too much text"],
)
def test_an_unsound_pdf_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    """A PDF without text to be had is an unsound case, never an exception."""
    case = one(tmp_path / "a.pdf", content)
    assert case.unsound is not None
    assert case.unsound.startswith(f"the file {reason}")
    assert case.external_id.startswith("a.pdf#")
    assert case.input == {"id": "a.pdf", "text": ""}


def test_a_pdf_locked_only_against_changes_is_read(tmp_path: Path) -> None:
    """An owner's password does not keep a reader out."""
    assert "Total 12.00" in one(tmp_path / "a.pdf", locked("", "secret")).input["text"]


def test_a_page_of_endless_drawing_is_not_read(tmp_path: Path) -> None:
    """A page that unpacks to more than the limit is refused before it is interpreted."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of("a"))))
    from pypdf.generic import DecodedStreamObject, NameObject

    drawing = DecodedStreamObject()
    drawing.set_data(b"0 0 m " * 1_000_000)
    writer.pages[0][NameObject("/Contents")] = writer._add_object(drawing.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    assert out.tell() < 100_000
    assert one(tmp_path / "a.pdf", out.getvalue()).unsound == "the file has a page 1 too large to be read as text"


def test_reading_a_pdf_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the time limit the file is given up, with the page that was reached."""
    monkeypatch.setattr(pdf, "MAX_SECONDS", -1.0)
    case = one(tmp_path / "a.pdf", pdf_of("Invoice 17"))
    assert case.unsound is not None
    assert case.unsound.endswith("seconds to read, up to page 1")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_pdf_is_a_case(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is cut out of a PDF or overwritten, there is one case and no exception."""
    content = bytearray(pdf_of("Invoice 17", "Total 12.00"))
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    content[start:end] = data.draw(st.binary(max_size=20))
    case = one(tmp_path / "a.pdf", bytes(content))
    assert (case.unsound is None) == bool(case.input["text"].strip())


def test_an_attachment_fills_fields_of_the_case(tmp_path: Path) -> None:
    """What the process reads from the PDF's bytes is part of the input, whatever else it may say."""

    def attachment(content: bytes, name: str) -> Json:
        assert content.startswith(b"%PDF")
        return {"read_by_machine": {"name": name}, "id": "not this", "unknown": 1}

    case = one(tmp_path / "a.pdf", pdf_of("Invoice 17"), attachment)
    assert case.input["read_by_machine"] == {"name": "a.pdf"}
    assert (case.input["id"], case.external_id, case.unsound) == ("a.pdf", "a.pdf", None)


def test_a_pdf_without_text_but_with_an_attachment_is_sound(tmp_path: Path) -> None:
    """What a machine wrote needs no text beside it."""
    case = one(tmp_path / "a.pdf", pdf_of(""), lambda _content, _name: {"read_by_machine": {"total": "1"}})
    assert (case.unsound, case.input["text"].strip()) == (None, "")


def test_naughty_strings_are_file_names_and_texts_like_any_other(tmp_path: Path) -> None:
    """Every name that the file system takes is read, each as a case of its own."""
    if not ADVERSARIAL.exists():
        pytest.skip(f"no data at {ADVERSARIAL}")
    strings: list[str] = json.loads(ADVERSARIAL.read_text(encoding="utf-8"))
    written: dict[str, str] = {}
    for string in strings:
        name = f"{string}.txt"
        if "/" not in name and "\0" not in name and len(os.fsencode(name)) <= 255:
            (tmp_path / name).write_bytes(string.encode(errors="replace"))
            written[name] = string.removeprefix("\ufeff")
    found = {case.external_id: case for case in read(str(tmp_path), case=Paper)}
    assert len(written) > 300
    assert set(found) == set(written)
    assert all(found[name].unsound is None and found[name].input["text"] == written[name] for name in written)


def test_names_that_are_no_text_stay_apart(tmp_path: Path) -> None:
    """Two file names that differ only in bytes that are no UTF-8 are two cases, and can be stored."""
    for name in (b"a\xff.txt", b"a\xfe.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"hello")
    names = [case.external_id for case in read(str(tmp_path), case=Paper)]
    assert len(set(names)) == 2
    assert all(name.encode().startswith("a\ufffd.txt#".encode()) for name in names)
