"""The reviewers that tests know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fulcrum.reviewers import Reviewer, Role, new_secret

if TYPE_CHECKING:
    from fulcrum.ledger import Ledger
    from fulcrum.sealing import Seal

NAMES = ("Ada", "Ada Okafor", "Bela Novak", "Bo", "Bob", "Cleo", "Cy", "Lea", "Mara Quint", "the truth")


def register(ledger: Ledger, *names: str, queues: tuple[str, ...] = (), role: Role = Role.REVIEWER) -> None:
    """Register people, those that tests know unless named, for every queue unless said."""
    for name in names or NAMES:
        ledger.reviewers.add(Reviewer(name=name, role=role, queues=queues), by="a test", replace=True)


class Authenticator:
    """A reviewer's app: it shows the code of the moment, by the ledger's clock."""

    def __init__(self, ledger: Ledger, name: str, seal: Seal) -> None:
        self.secret, self.now = new_secret(), ledger.store.now
        ledger.reviewers.enroll(name, seal.seal(self.secret))

    @property
    def code(self) -> str:
        from pyotp import TOTP

        return str(TOTP(self.secret).at(self.now()))

    @property
    def wrong(self) -> str:
        """Give a code that is none of these minutes."""
        from pyotp import TOTP

        totp, now = TOTP(self.secret), self.now()
        good = {totp.at(now + timedelta(seconds=30 * step)) for step in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", *(f"{n:06}" for n in range(8))) if code not in good)
