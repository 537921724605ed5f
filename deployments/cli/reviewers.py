"""The register of reviewers: who may decide, how they prove who they are, how well it goes."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.errors import DecisionRefused, NotRegistered, ReviewerUnknown, UsageError
from fulcrum.reviewers import Reviewer, Role

if TYPE_CHECKING:
    from datetime import datetime

    from segno import QRCode

    from fulcrum.ledger import Ledger
    from fulcrum.sealing import Seal

NAME_AT_MOST = 200

WIDTH = 80
"""Of a terminal, in which a QR code has to fit."""


def add(
    name: str,
    *,
    queue: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    role: Role = Role.REVIEWER,
    by: str | None = None,
    replace: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Register somebody who may decide cases.

    Args:
        name: Their name, as they will write it in the form.
        queue: A queue that is theirs; repeat it for several. Without one every queue is.
        role: reviewer, or owner, who also sees how the reviewing goes.
        by: Who registers them; the user of this terminal unless given.
        replace: Change what is said of somebody who is registered, or let somebody in again who left.
    """
    shown = " ".join(name.split())
    if not shown or not shown.isprintable() or len(shown) > NAME_AT_MOST:
        raise UsageError(problem=f"a name has 1 to {NAME_AT_MOST} characters that can be shown")
    with open_ledger() as ledger:
        ledger.reviewers.add(Reviewer(name=shown, role=role, queues=queue), by=by or getpass.getuser(), replace=replace)
    where = ", ".join(queue) or "every queue"
    out.print(f"{shown} may decide what waits in {where}.", markup=False)


def listed(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the registered people.

    Args:
        json: Print them as one JSON list.
    """
    with open_ledger() as ledger:
        people, load, now = ledger.reviewers.all(), ledger.reviewers.load(), ledger.store.now()
    if json:
        names = ("name", "role", "queues", "active", "enrolled", "locked_until")
        print_json([{name: getattr(one, name) for name in names} | {"open": load.get(one.name, 0)} for one in people])
        return
    rows = [
        (
            one.name,
            one.role if one.active else "left",
            ", ".join(one.queues) or "every queue",
            _code(one, now),
            load.get(one.name, 0),
        )
        for one in people
    ]
    table(f"Reviewers: {len(people)}", ("name", "role", "queues", "code", "open"), rows, right=("open",))
    if not people:
        out.print("\nNobody may decide yet: fulcrum reviewers add NAME")


def _code(person: Reviewer, now: datetime) -> str:
    """Say whether somebody has a secret for codes, and until when too many wrong ones have locked them."""
    if person.active and person.locked_until is not None and now < person.locked_until:
        return f"locked until {person.locked_until:%H:%M} UTC"
    return "yes" if person.enrolled else "no"


def remove(name: str) -> None:
    """Let somebody decide no more; what they have decided stays on record.

    Args:
        name: Their name.
    """
    with open_ledger() as ledger:
        ledger.reviewers.leave(name)
        person = ledger.reviewers.find(name)
    out.print(f"{person.name if person else name} decides no more.", markup=False)


def enroll(name: str) -> None:
    """Give somebody a secret for their authenticator app, as a QR code to be scanned from this terminal.

    An earlier secret of theirs is void at once. Show it to nobody else: the codes prove who decided.

    Args:
        name: Their name.
    """
    from fulcrum.reviewers import new_secret  # noqa: PLC0415 - only here

    with open_ledger() as ledger:
        person = ledger.reviewers.find(name)
        if person is None or not person.active:
            raise ReviewerUnknown(name=name)
        secret = new_secret()
        ledger.reviewers.enroll(person.name, seal().seal(secret))
    _code_of(secret, person.name).terminal(out=sys.stdout, compact=True)
    grouped = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    out.print(f"Scan it with an authenticator app, or type this secret there:\n  {grouped}", markup=False)
    out.print(f"It is shown this once; an earlier one of {person.name} is void.", markup=False)


def key() -> None:
    """Print a new key for the reviewers' secrets, to be kept where workers and commands find it."""
    from fulcrum.sealing import VARIABLE, new_key  # noqa: PLC0415

    print(f"{VARIABLE}={new_key()}")  # noqa: T201 - to be redirected into a file


def report(
    process: str, *, by: str, code: str | None = None, json: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """Show how the reviewing of a process goes, person by person; for its owner only.

    Args:
        process: Name of the process.
        by: The name of an owner, as registered.
        code: Six digits of their authenticator app, where they have one.
        json: Print it as one JSON list.
    """
    from fulcrum.reviewing import quality  # noqa: PLC0415

    definition = find(process)
    with open_ledger() as ledger:
        _owner(ledger, definition.name, by, code)
        found = quality(ledger.reading.decisions(definition.name))
    if json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        out.print(f"Nobody has decided a case of {definition.name} yet.")
        return
    columns = ("decided", "median time", "never edited", "agreed")
    table(f"{definition.title}: how it is reviewed", ("name", *columns), [one.row() for one in found], right=columns)
    out.print(
        "\nTime is from queued to decided. Agreed: with the other person where two decided, with the AI in audits."
    )


def seal() -> Seal:
    """Give what opens reviewers' secrets: by the variable, or by the block at the server."""
    import os  # noqa: PLC0415

    from fulcrum.sealing import VARIABLE, Seal  # noqa: PLC0415

    if given := os.environ.get(VARIABLE, "").strip():
        return Seal(given)
    from deployments.stack import api  # noqa: PLC0415

    with api(say=say):
        from tasks.review_keys import reviewers_seal  # noqa: PLC0415

        return reviewers_seal()


def _owner(ledger: Ledger, process: str, name: str, code: str | None) -> None:
    """Let only an owner through, by a code where they have one."""
    from fulcrum.authority import proved  # noqa: PLC0415

    person, definition = ledger.reviewers.find(name), find(process)
    if person is None or not person.active:
        raise NotRegistered(name=name, owner=definition.owner.name, email=definition.owner.email)
    if person.role is not Role.OWNER:
        raise UsageError(problem=f"{person.name} is registered as a {person.role}; this is for the process's owner")
    if person.enrolled:
        try:
            proved(ledger, process, person, code, seal)
        except DecisionRefused as refusal:
            raise UsageError(problem=f"the report is not shown: {refusal.facts['problem']}") from None


def _code_of(secret: str, name: str) -> QRCode:
    """Draw the QR code of a secret; of a name that is too long for a terminal's width only the beginning is in it."""
    import segno  # noqa: PLC0415 - only here

    from fulcrum.reviewers import provisioning  # noqa: PLC0415

    drawn = segno.make(provisioning(secret, name), micro=False)
    wide = drawn.symbol_size()[0] > WIDTH
    return _code_of(secret, name[: len(name) * 3 // 4]) if wide else drawn
