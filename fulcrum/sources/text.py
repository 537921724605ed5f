"""Text as both databases can hold it, and short fingerprints of content."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

REPLACEMENT = "\ufffd"

# PostgreSQL's text takes no NUL, and UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def fingerprint(content: bytes) -> str:
    """Hash content to 8 hex digits, enough to tell one version of a record from the next."""
    return sha256(content).hexdigest()[:8]


def storable(text: str) -> str:
    """Replace what SQLite or PostgreSQL cannot store, NUL and lone surrogates, by U+FFFD."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def storable_id(text: str) -> str:
    """Make an id storable; one that had to be changed gets a fingerprint, so that two such ids stay two."""
    clean = storable(text)
    return clean if clean == text else f"{clean}#{fingerprint(text.encode(errors='surrogatepass'))}"


def storable_value(value: Any) -> Any:
    """Make every string in a JSON value storable, keys too."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): storable_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable_value(item) for item in value]
    return value
