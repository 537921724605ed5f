"""The scripted people of the history: when they sit down at the queue, and what they make of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from fulcrum.answering import Said
from fulcrum.cases import Json, Review, ReviewKind, Verdict
from fulcrum.deciding import decide
from fulcrum.ledger import Dossier, Ledger
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer, Role, new_secret, same_person
from fulcrum.sealing import Seal, new_key

SEED = 42
ZONE = ZoneInfo("Europe/Berlin")
CLERKS = ("Jonas Feld", "Petra Lauer")
SITTINGS = (time(9, 10), time(16, 12))
"""When the clerk of the day sits down at the queue, give or take, on working days."""
LATE = timedelta(minutes=12)
"""By how much a sitting begins later at most."""
PAUSE = (60, 360)
"""The fewest and the most seconds that a decision takes after the one before, or after sitting down."""
MOST = 12
"""Decisions that a sitting has at most: then other work calls."""
ABSENT = 0.1
"""The share of sittings that do not take place, for want of time."""


class People:
    """Two clerks who take turns by the day, and decide what waits, one case after another."""

    def __init__(
        self,
        ledger: Ledger,
        process: Process,
        told: Mapping[str, Json],
        at: Callable[[datetime, Callable[[], None]], None],
        settle: Callable[[Sequence[str]], None],
    ) -> None:
        self._ledger, self._process, self._told = ledger, process, told
        self._at, self._settle = at, settle
        self._random = Random(SEED)  # noqa: S311 - a sample, and always the same one
        self._seal = Seal(new_key())
        self._secrets = {name: new_secret() for name in CLERKS}
        for name, secret in self._secrets.items():
            reviewer = Reviewer(name=name, role=Role.REVIEWER, queues=(process.review.queue,))
            ledger.reviewers.add(reviewer, by=process.owner.name, replace=True)
            ledger.reviewers.enroll(name, self._seal.seal(secret))

    def plan(self, first: date, last: datetime) -> None:
        """Put the sittings of all days on the agenda."""
        hours = self._process.review.due.hours
        day = first
        while day <= last.astimezone(ZONE).date():
            # Who sits down in the morning is not who did the afternoon before, so that two can approve the same.
            name = CLERKS[day.toordinal() % len(CLERKS)]
            for begins in SITTINGS:
                moment = datetime.combine(day, begins, ZONE) + self._random.random() * LATE
                works = hours is None or hours.after(moment, timedelta(0)) == moment
                if works and self._random.random() > ABSENT:
                    self._next(name, moment, MOST)
            day += timedelta(days=1)

    def _next(self, name: str, moment: datetime, left: int) -> None:
        """Let somebody decide a case some minutes after a moment."""
        later = moment + timedelta(seconds=self._random.randint(*PAUSE))
        if left:
            self._at(later, lambda: self._decide(name, later, left))

    def _decide(self, name: str, moment: datetime, left: int) -> None:
        """Decide the oldest case that somebody may decide, and go on to the next."""
        # A ledger may have cases of its own beside the history's, which nobody here has the truth of.
        known = [review for review in self._ledger.reviews.open(self._process.name) if review.case_id in self._told]
        mine = [review for review in known if _may(name, review)]
        if not mine:
            return
        dossier = self._ledger.reviews.dossiers(mine[:1])[0]
        decide(self._ledger, self._process, dossier.review.id, self._said(name, dossier), seal=lambda: self._seal)
        self._settle([dossier.case.id])
        self._next(name, moment, left - 1)

    def _said(self, name: str, dossier: Dossier) -> Said:
        """Say what a person who knows the truth would: what differs from what is proposed is corrected."""
        told = self._told[dossier.case.id]
        verdict, code = Verdict(told["verdict"]), self._code(name)
        if dossier.review.kind is ReviewKind.REPAIR:
            return Said(verdict=Verdict.DISCARD, reviewer=name, note=told.get("note"))
        if verdict is not Verdict.APPROVE:
            return Said(verdict=verdict, reviewer=name, note=told["note"], code=code)
        blind = dossier.review.kind is ReviewKind.AUDIT or dossier.proposal is None
        shown = {} if blind or dossier.proposal is None else dossier.proposal.values
        truth = {field: told["truth"].get(field) for field in self._process.outcome.model_fields if field in HEAD}
        changes = {field: value for field, value in truth.items() if value != shown.get(field)}
        return Said(verdict=verdict, reviewer=name, changes=changes, code=code)

    def _code(self, name: str) -> str:
        """Read the code of the moment off somebody's authenticator."""
        from pyotp import TOTP  # noqa: PLC0415 - as in `fulcrum.reviewers`

        return TOTP(self._secrets[name]).at(self._ledger.store.now())


def _may(name: str, review: Review) -> bool:
    """Tell whether somebody has not approved a case yet that another person has to approve as well."""
    return not any(same_person(name, other) for other in review.approved_by)


HEAD = (
    "document_kind", "supplier_name", "document_number", "issued_on", "due_on", "purchase_order", "iban", "currency",
    "net", "tax", "total",
)  # fmt: skip
"""The fields that people check; the lines of a document are left as they were read."""
