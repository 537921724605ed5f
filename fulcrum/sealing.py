"""Secrets at rest: sealed with a key that lies elsewhere (Fernet: AES-128-CBC and HMAC-SHA256)."""

from __future__ import annotations

from fulcrum.errors import KeyUnusable

VARIABLE = "FULCRUM_REVIEWERS_KEY"
"""The variable that holds the key."""

SECRET = "fulcrum-reviewers-key"  # noqa: S105 - the name of a block
"""The Prefect Secret block that holds the key where the variable does not."""


class Seal:
    """Seals and opens texts with one key; raises KeyUnusable where the key is none, or another one sealed a text."""

    def __init__(self, key: str) -> None:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - only where codes are asked for

        try:
            self._fernet = Fernet(key.strip())
        except ValueError:
            raise KeyUnusable(problem="it is no Fernet key (32 bytes in URL-safe base64)") from None

    def seal(self, text: str) -> str:
        """Seal a text."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Open what this key has sealed."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see above

        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise KeyUnusable(problem="it is not the key that the reviewer's secret was sealed with") from None


def new_key() -> str:
    """Draw a key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - see above

    return Fernet.generate_key().decode()
