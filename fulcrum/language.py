"""Which language a text is in, by rule: a statistical identifier, so that no model is asked (pure)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

READ_CHARS = 2_000
"""Characters that are looked at; a language shows in the first sentences."""


def language_of(text: str, among: tuple[str, ...]) -> str | None:
    """Name the likeliest of some languages (ISO 639-1 codes); None where the text has no letter to tell by.

    py3langid's model knows 139 languages; a short text is told rightly more often among the few that can be expected.
    """
    read = text[:READ_CHARS]
    if not any(character.isalpha() for character in read):
        return None
    return str(_identifier(among).classify(read)[0])


@lru_cache(maxsize=8)
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - its model takes most of a second

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(among))
    return identifier
