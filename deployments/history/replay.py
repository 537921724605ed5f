"""Replays the four weeks after: every document through the real steps, by a given clock, with scripted people."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from deployments.history.make import AFTER
from deployments.history.people import People
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.ai.budget import Budget
from fulcrum.ai.endpoint import Endpoint
from fulcrum.cases import Delivery, Json, NewCase, case_id_of
from fulcrum.delivery import deliver_due
from fulcrum.due import WEEKDAYS
from fulcrum.errors import CaseNotFound, HistoryCutShort
from fulcrum.ledger import Ledger, migrate
from fulcrum.ledger.store import shown
from fulcrum.process import GateContext, Process, Stage
from fulcrum.report import Standing, report_of
from fulcrum.targets import Answer
from fulcrum.targets.sql import PostingTable
from fulcrum.working import ask, failure, judge, route

ZONE = ZoneInfo("Europe/Berlin")
RUNS_AT = (time(11), time(16))
"""When the process runs, from Monday to Friday."""
STEP = timedelta(milliseconds=20)
"""How long a step of a run takes by the replay's clock."""


class Clock:
    """A clock that stands still until it is moved on."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Say what time it is."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Go on to a moment; what was meant to happen earlier happens now."""
        self._now = max(self._now, moment)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A document of the history: when it arrives, its case, and what a person would make of it."""

    at: datetime
    case: NewCase
    told: Json


def replay(
    ledger_url: str,
    *,
    folder: Path,
    source: Path = AFTER,
    until: datetime | None = None,
    process: Process = INVOICE_INTAKE,
) -> datetime:
    """Take the history's documents in and have them worked off, as runs and people would; return the clock's end.

    The ledger is migrated. Outcomes are posted to the table `erp_postings` of a SQLite database in `folder`. `until`
    ends it earlier: what has not arrived by then is left out. A ledger that has the history is left as it is. Raises
    HistoryCutShort where it has the beginning of it.
    """
    whole = read_history(source, process)
    end = until or _last_afternoon(whole)
    arrivals = [each for each in whole if each.at < end]
    migrate(ledger_url)
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(arrivals[0].at)
    with Ledger.open(ledger_url, clock=clock) as ledger:
        if _knows(ledger, process, arrivals[-1]):
            return end
        if _knows(ledger, process, arrivals[0]):
            raise HistoryCutShort(url=shown(ledger_url))
        target = _Erp(PostingTable(f"sqlite:///{folder / 'erp.db'}", "erp_postings"), clock)
        _Replay(ledger, clock, process, target, arrivals, end).go()
    return end


def _knows(ledger: Ledger, process: Process, arrival: Arrival) -> bool:
    try:
        ledger.reading.history(case_id_of(process.name, arrival.case.external_id))
    except CaseNotFound:
        return False
    return True


def read_history(source: Path, process: Process) -> list[Arrival]:
    """Read the documents of a history, in the order of their arrival."""
    lines = source.read_text(encoding="utf-8").splitlines()
    return [_arrival(json.loads(line), process) for line in lines]


def _arrival(told: Json, process: Process) -> Arrival:
    at = datetime.fromisoformat(told["arrives_at"])
    said = {"id": told["external_id"], "text": told["text"], "received_on": at.date().isoformat()}
    case = process.case.model_validate(said).model_dump(mode="json")
    return Arrival(at, NewCase(external_id=told["external_id"], input=case), told)


def _last_afternoon(arrivals: Sequence[Arrival]) -> datetime:
    """Choose the end: ten past four on the day of the last document, when some cases still wait for a person."""
    return datetime.combine(arrivals[-1].at.astimezone(ZONE).date(), time(16, 10), ZONE)


class _Erp:
    """The target that outcomes are posted to, by the replay's clock."""

    def __init__(self, table: PostingTable, clock: Clock) -> None:
        self._table, self._clock = table, clock

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Write the deliveries."""
        self._clock.move_to(self._clock() + STEP)
        return self._table.deliver(deliveries, posting, self._clock())


class _Run:
    """One run, as a step of the real process sees it."""

    def __init__(self, replay: _Replay, run_id: str, standing: Standing) -> None:
        self.process, self.ledger, self.run_id = replay.process, replay.ledger, run_id
        self.standing, self.endpoint, self.budget = standing, replay.endpoint, Budget(None)
        self._loaded = replay.loaded

    def gate_context(self, taken: dict[str, str] | None = None) -> GateContext:
        """Give a gate what it checks against, as of the replay's day."""
        today = self.ledger.store.now().date()
        return GateContext(loaded=self._loaded, today=today, taken=taken or {}, catalogues=self.process.options)


class _Replay:
    """What happens in the four weeks: an agenda of moments, each with what is done then."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        process: Process,
        target: _Erp,
        arrivals: Sequence[Arrival],
        end: datetime,
    ) -> None:
        self.ledger, self.clock, self.process = ledger, clock, process
        self.endpoint, self.loaded = Endpoint(), process.context()
        self._targets = dict.fromkeys(process.targets, target)
        self._arrivals, self._end = arrivals, end
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._run: _Run | None = None
        told = {case_id_of(process.name, each.case.external_id): each.told for each in arrivals}
        self._people = People(ledger, process, told, self._at, self._settle)

    def go(self) -> None:
        """Do what is on the agenda until the end, in the order of time."""
        standing = Standing(self.process.autonomy, self.process.review.threshold)
        if self.ledger.runs.standing(self.process.name) is None:
            reason = "as the process is defined"
            self.ledger.runs.set_standing(self.process.name, standing, by=self.process.owner.name, reason=reason)
        self._plan(standing)
        while self._agenda and self._agenda[0][0] <= self._end:
            moment, _, happens = heapq.heappop(self._agenda)
            self.clock.move_to(moment)
            happens()
        self.clock.move_to(self._end)

    def _plan(self, standing: Standing) -> None:
        for arrival in self._arrivals:
            self._at(arrival.at, partial(self._take_in, arrival, standing))
        for day in _days(self._arrivals[0].at, self._end):
            for moment in RUNS_AT if day.weekday() in WEEKDAYS else ():
                self._at(datetime.combine(day, moment, ZONE), self._work)
        self._people.plan(self._arrivals[0].at.astimezone(ZONE).date(), self._end)

    def _at(self, moment: datetime, happens: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), happens))

    def _take_in(self, arrival: Arrival, standing: Standing) -> None:
        """Take a document in, under the run that will work on it."""
        if self._run is None:
            run_id = f"history-{self.clock():%Y%m%d-%H%M}"
            self._run = _Run(self, run_id, standing)
            versions = {"sop_version": self.process.sop_version, "prompt_version": self.process.prompt_version}
            self.ledger.runs.begin(run_id, self.process.name, standing=standing, **versions)
        self.ledger.intake.take_in(self._run.run_id, self.process.name, [arrival.case])

    def _work(self) -> None:
        """Work off what has come in, as a run of the process does, and end the run."""
        run, self._run = self._run, None
        if run is None:
            return
        intake, outcome = (
            next(g for g in self.process.gates if g.stage is stage) for stage in (Stage.INTAKE, Stage.OUTCOME)
        )
        began = self.clock()
        while batch := self.ledger.leases.claim(self.process.name, run.run_id):
            checked, result = judge(run, batch, intake)
            if (failed := failure(self.process, intake, result)) is not None:
                raise failed
            self._tick()
            answered, _ = ask(run, checked.batch, self.process.ai_steps[0])
            self._tick()
            cleared, _ = route(run, judge(run, answered, outcome)[0])
            self._tick()
            self._settle(cleared.case_ids, run.run_id)
        self.ledger.runs.end(run.run_id, self._figures(run, began))

    def _figures(self, run: _Run, began: datetime) -> Json:
        report = report_of(
            self.ledger.runs.account(run.run_id), run_id=run.run_id, process=self.process.name, duplicates=0,
            changed=0, currency=self.endpoint.currency, seconds=(self.clock() - began).total_seconds(),
        )  # fmt: skip
        return report.model_dump(mode="json")

    def _settle(self, case_ids: Sequence[str], run_id: str | None = None) -> None:
        """Deliver what is due of some cases."""
        if case_ids:
            deliver_due(self.ledger, self.process, self._targets, run_id=run_id, case_ids=case_ids)

    def _tick(self) -> None:
        self.clock.move_to(self.clock() + STEP)


def _days(first: datetime, last: datetime) -> Iterator[date]:
    day = first.astimezone(ZONE).date()
    while day <= last.astimezone(ZONE).date():
        yield day
        day += timedelta(days=1)
