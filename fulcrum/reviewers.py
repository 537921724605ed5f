"""Who may decide: registered reviewers, who is asked next, and the codes that prove who one is (pure)."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ISSUER = "Fulcrum"
"""What an authenticator app lists the secret under."""

WINDOW = 1
"""How many steps of 30 s a code may be old or early: typing takes a while and clocks differ (RFC 6238, 5.2)."""

MOST_WRONG = 5
"""So many wrong codes in a row lock a reviewer."""

LOCKED = timedelta(minutes=15)
"""For how long."""


class Role(StrEnum):
    """What a registered person is: who decides cases, or who answers for a process and sees how it is decided."""

    REVIEWER = "reviewer"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """A registered person; without `queues` every queue is theirs."""

    name: str
    role: Role
    queues: tuple[str, ...] = ()
    active: bool = True
    enrolled: bool = False
    """Whether they have a secret that their codes follow from."""
    locked_until: datetime | None = None

    def decides(self, queue: str) -> bool:
        """Tell whether a queue is theirs."""
        return self.active and (not self.queues or queue in self.queues)


def key_of(name: str) -> str:
    """Give what two spellings of one person's name share: case, accents' form and blanks aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def same_person(one: str, other: str) -> bool:
    """Tell whether two names are one person's."""
    return key_of(one) == key_of(other)


def assigned(
    reviewers: Iterable[Reviewer], queue: str, load: Mapping[str, int], *, but: Collection[str] = ()
) -> str | None:
    """Choose who is asked about a case: of those whose queue it is the one with the fewest open cases, then by name.

    `load` counts the open cases by name; `but` names people who may not decide this one.
    """
    barred = {key_of(name) for name in but}
    able = [one.name for one in reviewers if one.decides(queue) and key_of(one.name) not in barred]
    return min(able, key=lambda name: (load.get(name, 0), name), default=None)


def matched(secret: str, code: str, now: datetime) -> int | None:
    """Find the step of time that a six-digit code is of, near enough to now; None where it is of none.

    TOTP as of RFC 6238: SHA-1, 30 s, six digits, which is what authenticator apps take.
    """
    from pyotp import TOTP  # noqa: PLC0415 - only where codes are asked for

    totp = TOTP(secret)
    # As bytes, because texts are compared only where they are ASCII, and anything may be typed.
    given, step = "".join(code.split()).encode(errors="replace"), totp.timecode(now)
    # Compared with each, so that the time it takes says nothing of which one it was.
    steps = [
        near
        for near in range(step - WINDOW, step + WINDOW + 1)
        if hmac.compare_digest(totp.generate_otp(near).encode(), given)
    ]
    return max(steps, default=None)


def new_secret() -> str:
    """Draw a secret: 160 bits in base32, as RFC 4226 recommends."""
    from pyotp import random_base32  # noqa: PLC0415 - see above

    return random_base32()


def provisioning(secret: str, name: str) -> str:
    """Write the address that an authenticator app reads a secret from."""
    from pyotp import TOTP  # noqa: PLC0415 - see above

    return TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
