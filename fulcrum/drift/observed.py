"""What is watched of one handled case: figures, names from closed lists, marks; none of what it says (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from fulcrum.cases import Json

BUCKETS = 4096
"""How many buckets words are hashed into: three hexadecimal digits."""

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One handled case, as it is watched.

    The first word of a name says what it belongs to: `input length`, `output total`, `confidence`, `model seconds`,
    `gate: REASON OF RULE`; anything else counts as input. A number or category that is not there has no value; a flag
    that is not there is not raised. The values of `categories` are shown in reports, so they come from closed lists
    (options of a catalogue, languages, versions), never from what a case says.

    `at` is when it was routed. `words` are distinct bucket numbers as `hashed` gives them, each below BUCKETS, else a
    ValueError. `reason` is the route's reason code: rates of correction are comparable only within one. `changed` are
    the fields that a person corrected, None where no person has decided. `level` and `threshold` are those under which
    it was routed.
    """

    case_id: str
    at: datetime
    numbers: Mapping[str, float] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    words: tuple[int, ...] = ()
    reason: str
    changed: tuple[str, ...] | None = None
    level: str
    threshold: float

    def __post_init__(self) -> None:
        if self.words and not 0 <= min(self.words) <= max(self.words) < BUCKETS:
            raise ValueError(f"a word's bucket is a number from 0 to {BUCKETS - 1}")

    def as_json(self) -> Json:
        """Give it as values that JSON has; words take three letters each, what is not finite is a string."""
        return {
            "id": self.case_id,
            "at": self.at.isoformat(),
            "n": {name: _plain(number) for name, number in self.numbers.items()},
            "c": dict(self.categories),
            "f": {name: int(raised) for name, raised in self.flags.items()},
            "w": "".join(f"{bucket:03x}" for bucket in self.words),
            "r": self.reason,
            "x": None if self.changed is None else list(self.changed),
            "l": self.level,
            "t": _plain(self.threshold),
        }

    @classmethod
    def from_json(cls, data: Json) -> Observed:
        """Read what `as_json` gives."""
        words: str = data["w"]
        return cls(
            case_id=data["id"],
            at=datetime.fromisoformat(data["at"]),
            numbers={name: float(number) for name, number in data["n"].items()},
            categories=data["c"],
            flags={name: bool(raised) for name, raised in data["f"].items()},
            words=tuple(int(words[start : start + 3], 16) for start in range(0, len(words), 3)),
            reason=data["r"],
            changed=None if data["x"] is None else tuple(data["x"]),
            level=data["l"],
            threshold=float(data["t"]),
        )


def hashed(text: str, salt: str) -> tuple[int, ...]:
    """Give the buckets of a text's words, each once, in order of their numbers: neither order nor count is kept.

    Without the salt nobody can look up which bucket a word is in. Digits are all alike, so that a new amount or number
    is no new word.
    """
    key = blake2b(salt.encode()).digest()
    words = {_DIGIT.sub("0", word) for word in _WORD.findall(text.casefold())}
    return tuple(sorted({_bucket(word, key) for word in words}))


def _bucket(word: str, key: bytes) -> int:
    # What is no text, half a pair of surrogates, is a word as well.
    data = word.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, key=key).digest(), "big") % BUCKETS


def _plain(number: float) -> float | str:
    return number if math.isfinite(number) else str(number)
