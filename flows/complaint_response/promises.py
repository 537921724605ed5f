"""Sentences that bind the company (pure)."""

from __future__ import annotations

import re

from flows.complaint_response.paragraphs import sentences

_BINDS = re.compile(
    r"\b(?:we|you) (?:will|shall|promise|guarantee|agree|commit)\b|\b(?:we|you)['\u2019]ll\b"
    r"|\bguarantee\w*|\bcompensat\w*|\bwaive\w*|\bwe are (?:refunding|crediting|paying)\b",
    re.IGNORECASE,
)


def promises_in(text: str) -> list[str]:
    """Find the sentences that promise something, blanks folded."""
    return [sentence for sentence in sentences(text) if _BINDS.search(sentence)]
