"""Deliveries as JSON files in a folder: each once and whole, whatever crashes and whoever else writes."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import count
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel, TypeAdapter

from fulcrum.cases import Delivery, Effect, Json, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused
from fulcrum.targets import Answer
from fulcrum.targets.fields import PostingField, check_keys, clean, fields_of, typed

CLAIMS, STAGING = ".claims", ".staging"
"""The sub-folders where what may stand only once is claimed, and where files are written before they appear."""

_STALE_SECONDS = 3600
_LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class PostingFolder:
    """A folder on a file system with hard and symbolic links.

    A file appears by a link from a finished one, and a link never overwrites: so it is whole, and the first of two
    writers wins. What may stand only once is claimed the same way before the file appears: a claim is a symbolic link
    whose text is the holder's key. Claims are never taken back; a reversed holder makes room for the next claim by
    number. So no lock is needed, and a crash between any two steps is mended by the same delivery tried again. Claims
    hold keys only, so that a file may be picked up, moved or erased and its delivery is still known.
    """

    folder: Path

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel], at: datetime) -> list[Answer]:
        """Write the deliveries in their order, each durable before its receipt is given."""
        fields = fields_of(posting)
        try:
            for sub in (CLAIMS, STAGING):
                (self.folder / sub).mkdir(parents=True, exist_ok=True)
            self._sweep()
            answers = [self._deliver(delivery, fields, at) for delivery in deliveries]
            for folder in (self.folder / CLAIMS, self.folder):
                _sync(folder)
        except OSError as error:
            return [_failure(error, delivery.target) for delivery in deliveries]
        return answers

    def holds(self, key: str) -> Receipt | None:
        """Look a delivery up by its idempotency key; raise DeliveryFailed when the folder cannot be read."""
        try:
            there = clean(key) in {_key_in(self.path(key)), _holder(self._claim_path("done", key))}
        except OSError as error:
            raise _failure(error, self.folder.name) from None
        return Receipt(self.path(key).name, repeated=True) if there else None

    def path(self, key: str) -> Path:
        """Say which file holds a delivery: its key, safe as a name on any system."""
        return self.folder / f"{_safe(clean(key))}.json"

    def _deliver(self, delivery: Delivery, fields: Sequence[PostingField], at: datetime) -> Answer:
        try:
            check_keys(delivery)
            with self._staged(_content(delivery, fields, at)) as written:
                self._claim(delivery)
                return self._publish(delivery, written)
        except (DeliveryRefused, DeliveryFailed) as answer:
            return answer
        except OSError as error:
            return _failure(error, delivery.target)

    @contextmanager
    def _staged(self, content: bytes) -> Iterator[Path]:
        """Write a file that nobody sees yet, durably; remove this name of it at the end."""
        path = self.folder / STAGING / uuid4().hex
        try:
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _publish(self, delivery: Delivery, written: Path) -> Receipt:
        path = self.path(delivery.key)
        fresh = self.holds(delivery.key) is None and _link(written, path)
        if not fresh and self.holds(delivery.key) is None:
            raise DeliveryRefused(target=delivery.target, reason=f"file {path.name} is there and is not this delivery")
        _claimed(self._claim_path("done", delivery.key), delivery.key)
        return Receipt(path.name, repeated=not fresh)

    def _claim(self, delivery: Delivery) -> None:
        """Claim what may stand only once.

        Raises DeliveryRefused when another delivery has it, DeliveryFailed when that one is not finished.
        """
        if delivery.reverses is not None:
            self._claim_reversal(delivery, delivery.reverses)
        elif delivery.effect is Effect.POSTING and delivery.business_key is not None:
            self._claim_business_key(delivery, delivery.business_key)

    def _claim_reversal(self, delivery: Delivery, original: str) -> None:
        if self.holds(original) is None:
            reason = f"{self.path(original).name} is not there to be reversed"
            raise DeliveryRefused(target=delivery.target, reason=reason)
        holder = _claimed(self._claim_path("reversal", original), delivery.key)
        if holder != clean(delivery.key):
            raise DeliveryRefused(target=delivery.target, reason=f"already reversed as {self.path(holder).name}")

    def _claim_business_key(self, delivery: Delivery, business_key: str) -> None:
        if self._is_reversed(delivery.key):
            return  # repeated after its reversal, it must not claim again
        digest = blake2b(clean(business_key).encode(), digest_size=20).hexdigest()
        for number in count():
            holder = _claimed(self._claim_path("business", f"{digest}.{number}"), delivery.key)
            if holder == clean(delivery.key):
                return
            if self.holds(holder) is None:
                reason = f"delivery {self.path(holder).name} of the same business key is not finished"
                raise DeliveryFailed(target=delivery.target, reason=reason)
            if not self._is_reversed(holder):
                raise DeliveryRefused(target=delivery.target, reason=f"already posted as {self.path(holder).name}")

    def _is_reversed(self, key: str) -> bool:
        reversal = _holder(self._claim_path("reversal", key))
        return reversal is not None and self.holds(reversal) is not None

    def _claim_path(self, what: str, key: str) -> Path:
        return self.folder / CLAIMS / f"{what}.{_safe(clean(key))}"

    def _sweep(self) -> None:
        """Remove what killed writers left behind, because it holds a case's content."""
        for left in (self.folder / STAGING).iterdir():
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()


def _content(delivery: Delivery, fields: Sequence[PostingField], at: datetime) -> bytes:
    own: Json = clean({name: value for name, value in asdict(delivery).items() if name not in {"posting", "attempts"}})
    own = {"idempotency_key": own.pop("key"), **own, "delivered_at": at.isoformat()}
    posting = TypeAdapter(Json).dump_python(typed(delivery, fields), mode="json")
    return _json(own | {"posting": posting})


def _json(content: Json) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def _claimed(path: Path, key: str) -> str:
    """Claim a name for a delivery; say whose it is now, by idempotency key."""
    with suppress(FileExistsError):
        os.symlink(clean(key), path)  # noqa: PTH211  see _holder
    return str(_holder(path))


def _holder(path: Path) -> str | None:
    """Read who has a claim; None when nobody has."""
    try:
        return os.readlink(path)  # noqa: PTH115  a Path would tidy the key: a//b is another delivery than a/b
    except FileNotFoundError:
        return None


def _safe(key: str) -> str:
    """Write a key as a file name: different keys stay different, also where capitals do not count."""
    name = quote(key, safe="")
    plain = len(name) <= _LONGEST_NAME and name == name.lower() and not name.startswith(".")
    return name if plain else f"{name[:_LONGEST_NAME].lstrip('.')}~{blake2b(key.encode(), digest_size=10).hexdigest()}"


def _key_in(path: Path) -> str | None:
    """Read whose delivery a file is; None when there is no file, or it is none of ours."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return ""
    return str(content.get("idempotency_key", "")) if isinstance(content, dict) else ""


def _link(written: Path, path: Path) -> bool:
    try:
        os.link(written, path)
    except FileExistsError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Make the folder's new names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failure(error: OSError, target: str) -> DeliveryFailed:
    code = errno.errorcode.get(error.errno or 0, "")
    return DeliveryFailed(target=target, reason=f"{type(error).__name__} {code}".rstrip())
