"""What a look has found: a line, which never holds a secret, and never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from fulcrum.errors import FulcrumError


class Verdict(StrEnum):
    """What a look says; what could not be looked at is no fault of its own."""

    OK = "ok"
    WRONG = "wrong"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, the verdict, what was found, and what to do about it where something is wrong."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Line:
    """Say that something is as it should be."""
    return Line(check, Verdict.OK, found)


def wrong(check: str, found: str, remedy: str = "") -> Line:
    """Say that something is wrong, and what to do."""
    return Line(check, Verdict.WRONG, found, remedy)


def unchecked(check: str, why: str) -> Line:
    """Say that something could not be looked at."""
    return Line(check, Verdict.UNCHECKED, why)


def guarded(check: str, look: Callable[[], Iterable[Line]]) -> Iterator[Line]:
    """Give the lines of a look; what it raises is a line as well.

    Only what Fulcrum says itself is repeated: the words of others may quote an address with its password.
    """
    try:
        yield from look()
    except FulcrumError as error:
        yield wrong(check, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other looks go on
        status = getattr(getattr(error, "response", None), "status_code", None)
        answered = f", status {status}" if status else ""
        yield wrong(check, f"the look itself failed ({type(error).__name__}{answered})", REMEDIES.get(status, LOOK))


LOOK = "see the settings that it depends on"
SIGN_IN = "it wants to know who asks: set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
REMEDIES: dict[int | None, str] = {401: SIGN_IN, 403: SIGN_IN}
