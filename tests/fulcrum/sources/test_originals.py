"""The originals' folder: every document's bytes, under their hash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from fulcrum.errors import OriginalNotFound
from fulcrum.sources import Originals


def files(folder: Path) -> list[str]:
    """List the files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_bytes_are_kept_by_their_hash(tmp_path: Path) -> None:
    """They lie in a folder named by the hash's first two digits, and come back by it."""
    originals = Originals(tmp_path / "new" / "originals")
    digest = originals.keep(b"%PDF", ".pdf")
    assert digest == sha256(b"%PDF").hexdigest()
    assert files(originals.folder) == [f"{digest[:2]}/{digest}.pdf"]
    with originals.open(digest) as kept:
        assert kept.read() == b"%PDF"


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    """Whatever they are called, and however many keep them at a time."""
    originals = Originals(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda _: originals.keep(b"same", ".txt"), range(40)))
    digests.append(originals.keep(b"same", ".pdf"))
    assert len(set(digests)) == 1
    assert files(tmp_path) == [f"{digests[0][:2]}/{digests[0]}.txt"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is there wholly or not at all."""

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Originals(tmp_path).keep(b"abc", ".txt")
    assert files(tmp_path) == []


@pytest.mark.parametrize("suffix", ["/../../x", ".PDF", ".a b", "..", ".toolongtobetrue"])
def test_a_strange_suffix_is_left_out(tmp_path: Path, suffix: str) -> None:
    """A suffix is a hint; it never leads elsewhere."""
    digest = Originals(tmp_path).keep(b"abc", suffix)
    assert files(tmp_path) == [f"{digest[:2]}/{digest}"]


@pytest.mark.parametrize("digest", ["", "ab", "../../etc/passwd", "*" * 64, "a" * 64, "A" * 64])
def test_what_is_not_kept_is_not_found(tmp_path: Path, digest: str) -> None:
    """Neither an unknown hash nor what is no hash opens anything."""
    originals = Originals(tmp_path)
    originals.keep(b"abc")
    with pytest.raises(OriginalNotFound):
        originals.open(digest)
