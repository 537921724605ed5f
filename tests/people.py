"""The reviewers that tests know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fulcrum.reviewers import Reviewer, Role, new_secret

if TYPE_CHECKING:
    from datetime import datetime

    from fulcrum.ledger import Ledger
    from fulcrum.sealing import Seal

NAMES = ("Ada", "Ada Okafor", "Bela Novak", "Bo", "Bob", "Cleo", "Cy", "Lea", "Mara Quint", "the truth")


def register(ledger: Ledger, *names: str, queues: tuple[str, ...] = (), role: Role = Role.REVIEWER) -> None:
    """Register people, those that tests know unless named, for every queue unless said."""
    for name in names or NAMES:
        ledger.reviewers.add(Reviewer(name=name, role=role, queues=queues), by="a test", replace=True)


class Authenticator:
    """A registered person's app, by the ledger's clock."""

    def __init__(self, ledger: Ledger, name: str, seal: Seal) -> None:
        self.secret, self._now = new_secret(), ledger.store.now
        ledger.reviewers.enroll(name, seal.seal(self.secret))

    @property
    def code(self) -> str:
        """Give the code of the moment."""
        return code_at(self.secret, self._now())

    @property
    def next_code(self) -> str:
        """Give the code of the next half minute, which is good already: for whoever has just used up this one."""
        return code_at(self.secret, self._now() + timedelta(seconds=30))

    @property
    def wrong_code(self) -> str:
        """Give a code that is not of these minutes."""
        near = {code_at(self.secret, self._now() + timedelta(seconds=30 * step)) for step in range(-4, 5)}
        return next(code for code in map("{:06}".format, range(10)) if code not in near)


def code_at(secret: str, moment: datetime) -> str:
    """Give the code that an authenticator app shows of a secret."""
    from pyotp import TOTP

    return TOTP(secret).at(moment)
