"""What a FolderTarget adds to the contract: whole files whatever is killed, and files that are picked up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from blocks import FolderTarget
from fulcrum.cases import Delivery, Effect, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused
from fulcrum.targets.folder import CLAIMS, STAGING


class Posting(BaseModel):
    """A posting large enough to be cut in the middle."""

    supplier: str


def delivery(number: int = 1, size: int = 10) -> Delivery:
    """Make a delivery of a size in characters."""
    return Delivery(
        key=f"k{number}",
        case_id=f"case{number}",
        external_id=f"doc-{number}",
        process="invoice-intake",
        target="folder-target/erp",
        effect=Effect.POSTING,
        revision=1,
        posting={"supplier": "é" * size},
        business_key=f"b{number}",
    )


def test_what_a_file_says(tmp_path: Path) -> None:
    """A file holds the whole delivery under the idempotency key's name, readable by whom the umask allows."""
    (receipt,) = FolderTarget(folder=tmp_path).deliver([replace(delivery(), decided_by="Ada", note="fine")], Posting)
    assert receipt == Receipt("k1.json")
    content = json.loads((tmp_path / "k1.json").read_text(encoding="utf-8"))
    assert content.pop("delivered_at").endswith("+00:00")
    assert content == {
        "idempotency_key": "k1",
        "case_id": "case1",
        "external_id": "doc-1",
        "process": "invoice-intake",
        "target": "folder-target/erp",
        "effect": "posting",
        "revision": 1,
        "business_key": "b1",
        "reverses": None,
        "decided_by": "Ada",
        "note": "fine",
        "posting": {"supplier": "é" * 10},
    }
    made = tmp_path / "plain"
    made.touch()
    assert (tmp_path / "k1.json").stat().st_mode == made.stat().st_mode


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pydantic import BaseModel
from fulcrum.cases import Delivery, Effect
from fulcrum.targets.folder import PostingFolder

class Posting(BaseModel):
    supplier: str

def delivery(number):
    return Delivery(key=f"k{number}", case_id="c", external_id="d", process="p", target="t", effect=Effect.POSTING,
                    revision=1, posting={"supplier": "x" * 200_000}, business_key=f"b{number}")

folder = PostingFolder(Path(sys.argv[1]))
for number in range(100_000):
    folder.deliver([delivery(number)], Posting, datetime.now(UTC))
    print(number, flush=True)
"""
"""A worker of its own; it leaves the block out, whose library takes seconds to import."""


def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    """After kill -9 every file is whole, every receipted delivery is there, and the rest can be delivered again."""
    receipted = -1
    for delay in (0.0, 0.001, 0.002, 0.004, 0.008):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert writer.stdout
        lines = [writer.stdout.readline() for _ in range(receipted + 7)]
        time.sleep(delay)
        writer.kill()
        lines += writer.stdout.readlines()
        writer.stdout.close()
        assert writer.wait() == -9
        receipted = max(int(line) for line in lines if line.strip().isdigit())
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")}
    assert {f"k{number}.json" for number in range(receipted + 1)} <= files.keys()
    assert {len(content["posting"]["supplier"]) for content in files.values()} == {200_000}
    again = FolderTarget(folder=tmp_path).deliver([delivery(n) for n in range(receipted + 5)], Posting)
    assert all(isinstance(answer, Receipt) for answer in again)
    assert [answer.repeated for answer in again] == [f"k{n}.json" in files for n in range(receipted + 5)]


def test_a_file_that_was_picked_up(tmp_path: Path) -> None:
    """A delivery whose file another system took away is not made again, and can still be reversed."""
    target = FolderTarget(folder=tmp_path)
    first = delivery()
    target.deliver([first], Posting)
    (tmp_path / "k1.json").unlink()
    assert target.deliver([first], Posting) == [Receipt("k1.json", repeated=True)]
    assert isinstance(target.deliver([replace(delivery(2), business_key="b1")], Posting)[0], DeliveryRefused)
    undone = replace(first, key="k1-undone", effect=Effect.REVERSAL, reverses="k1")
    assert target.deliver([undone], Posting) == [Receipt("k1-undone.json")]
    assert [path.name for path in tmp_path.glob("*.json")] == ["k1-undone.json"]


def test_nothing_of_a_case_stays_behind(tmp_path: Path) -> None:
    """Beside the files themselves only keys are kept: erasing a file erases the case's content."""
    FolderTarget(folder=tmp_path).deliver([delivery()], Posting)
    assert list((tmp_path / STAGING).iterdir()) == []
    assert [str(path.readlink()) for path in (tmp_path / CLAIMS).iterdir()] == ["k1", "k1"]


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    """A half file that a killed writer left goes after an hour; one that may be in use stays."""
    (tmp_path / STAGING).mkdir()
    old, new = tmp_path / STAGING / "old", tmp_path / STAGING / "new"
    for path in (old, new):
        path.write_text("{")
    os.utime(old, (time.time() - 7200,) * 2)
    FolderTarget(folder=tmp_path).deliver([delivery()], Posting)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_claim_whose_delivery_never_appeared(tmp_path: Path) -> None:
    """A business key claimed by a delivery that crashed is waited for; when that one is finished it is refused."""
    target = FolderTarget(folder=tmp_path)
    target.deliver([delivery(1)], Posting)
    for path in (tmp_path / "k1.json", tmp_path / CLAIMS / "done.k1"):
        path.unlink()
    other = replace(delivery(2), business_key="b1")
    assert isinstance(target.deliver([other], Posting)[0], DeliveryFailed)
    assert target.deliver([delivery(1)], Posting) == [Receipt("k1.json")]
    assert isinstance(target.deliver([other], Posting)[0], DeliveryRefused)


def test_a_claim_that_a_power_cut_lost(tmp_path: Path) -> None:
    """A file that is there without its claim gets it back when the delivery is tried again."""
    target = FolderTarget(folder=tmp_path)
    target.deliver([delivery()], Posting)
    for path in (tmp_path / CLAIMS).iterdir():
        path.unlink()
    assert target.deliver([delivery()], Posting) == [Receipt("k1.json", repeated=True)]
    assert isinstance(target.deliver([replace(delivery(2), business_key="b1")], Posting)[0], DeliveryRefused)


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"idempotency_key": "other"}'])
def test_a_file_of_another(tmp_path: Path, content: str) -> None:
    """A file that has the name and is not this delivery is neither overwritten nor taken for it."""
    (tmp_path / "k1.json").write_text(content)
    target = FolderTarget(folder=tmp_path)
    (answer,) = target.deliver([delivery()], Posting)
    assert isinstance(answer, DeliveryRefused)
    assert target.holds("k1") is None
    assert (tmp_path / "k1.json").read_text() == content


def test_keys_that_look_alike_as_names(tmp_path: Path) -> None:
    """Keys that differ only in capitals, or past a name's length, have files that differ on any file system."""
    keys = ["a/b", "a//b", "a", "A", "é", "É", "x" * 300 + "1", "x" * 300 + "2", ".a", "/a", "con:a"]
    batch = [replace(delivery(), key=key, business_key=None) for key in keys]
    answers = FolderTarget(folder=tmp_path).deliver(batch, Posting)
    assert [answer.repeated for answer in answers if isinstance(answer, Receipt)] == [False] * len(keys)
    assert len({path.name.lower() for path in tmp_path.glob("*.json")}) == len(keys)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where a file stands in the folder's place, deliveries fail for now with the system's code and no path."""
    place = tmp_path / "inbox"
    place.touch()
    answers = FolderTarget(folder=place).deliver([delivery(1), delivery(2)], Posting)
    assert [type(answer) for answer in answers] == [DeliveryFailed] * 2
    assert "NotADirectoryError" in str(answers[0])
    assert str(tmp_path) not in str(answers[0])
    with pytest.raises(DeliveryFailed, match="NotADirectoryError"):
        FolderTarget(folder=place).holds("k1")
