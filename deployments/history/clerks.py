"""The event log of the four weeks before: clerks who open, type in, check and correct, and an ERP that books by night.

A seeded simulation: each clerk does one thing at a time within working hours, papers wait in folders between two desks,
and whatever is found wrong goes back. People's work has its start and its end; what is paid for beside it has a cost.
"""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from random import Random
from zoneinfo import ZoneInfo

from fulcrum.due import WorkingHours

SEED = 20260914
FIRST_DAY = date(2026, 9, 14)
DAYS = 28
ZONE = ZoneInfo("Europe/Berlin")
OFFICE = WorkingHours(zone="Europe/Berlin", country="DE")

COLUMNS = ("case", "activity", "resource", "actor", "start", "end", "cost", "currency")
CLERKS = ("Anke Roth", "Jonas Feld", "Petra Lauer")
ON_A_WEEKDAY = (12, 19)
PRINTING = "0.45"
"""Euros that printing and filing a document cost beside the clerk's time."""

WORK = {"open the mail": (1.5, 3.0), "type it in": (5.0, 11.0), "check it": (2.5, 6.0), "correct it": (4.0, 10.0)}
"""The least and the most minutes that each activity takes."""
FOLDER = {"open the mail": 1.0, "type it in": 3.5, "check it": 4.0, "correct it": 5.5}
"""Working hours that a paper waits for each of them, on average."""
FOUND_WRONG = 0.22
"""The share of checks after which a paper goes back to whoever typed it in."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    case: str
    activity: str
    resource: str
    actor: str
    start: datetime
    end: datetime
    cost: str = ""
    currency: str = ""

    def row(self) -> tuple[str, ...]:
        """Give it as the CSV's columns, moments in UTC."""
        moments = (self.start.astimezone(UTC).isoformat(), self.end.astimezone(UTC).isoformat())
        return (self.case, self.activity, self.resource, self.actor, *moments, self.cost, self.currency)


def before_csv() -> str:
    """Write the log as CSV, in the order in which things ended."""
    lines = sorted(_Desk().work(), key=lambda line: (line.end, line.case))
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(line.row() for line in lines)
    return file.getvalue()


@dataclass(frozen=True, slots=True, order=True)
class _Paper:
    """A paper that waits for an activity from a moment on."""

    ready: datetime
    case: str
    activity: str
    typist: str = ""


class _Desk:
    def __init__(self) -> None:
        self._random = Random(SEED)  # noqa: S311 - a sample, and always the same one
        self._free = dict.fromkeys(CLERKS, datetime.combine(FIRST_DAY, time(9), ZONE).astimezone(UTC))
        self._waiting: list[_Paper] = []

    def work(self) -> Iterator[Line]:
        """Let everything that comes in be worked off."""
        for line in self._post():
            yield line
            heapq.heappush(self._waiting, _Paper(self._after("open the mail", line.end), line.case, "open the mail"))
        while self._waiting:
            yield from self._handle(heapq.heappop(self._waiting))

    def _post(self) -> Iterator[Line]:
        """Let the post arrive: by letter and by mail, on working days."""
        for offset in range(DAYS):
            today = FIRST_DAY + timedelta(days=offset)
            if today.weekday() not in OFFICE.days:
                continue
            opens = datetime.combine(today, time(7), ZONE)
            for number in range(1, self._random.randint(*ON_A_WEEKDAY) + 1):
                moment = opens + timedelta(seconds=round(self._random.triangular(0, 36000, 7200)))
                yield Line(f"{today.isoformat()}-{number:02}", "receive", "system", "post room", moment, moment)

    def _handle(self, paper: _Paper) -> Iterator[Line]:
        clerk = self._clerk(paper)
        start, end = self._minutes(clerk, paper)
        cost = (PRINTING, "EUR") if paper.activity == "open the mail" else ("", "")
        yield Line(paper.case, paper.activity, "human", clerk, start, end, *cost)
        follows = self._next(paper.activity)
        if follows == "post":
            night = datetime.combine(end.astimezone(ZONE).date() + timedelta(days=1), time(2), ZONE)
            yield Line(paper.case, "post", "system", "ERP", night, night + timedelta(minutes=1))
            return
        typist = clerk if paper.activity == "type it in" else paper.typist
        heapq.heappush(self._waiting, _Paper(self._after(follows, end), paper.case, follows, typist))

    def _next(self, activity: str) -> str:
        if activity == "check it":
            return "correct it" if self._random.random() < FOUND_WRONG else "post"
        return {"open the mail": "type it in"}.get(activity, "check it")

    def _clerk(self, paper: _Paper) -> str:
        """Choose who does it: whoever typed it in corrects it, and somebody else checks it."""
        if paper.activity == "correct it":
            return paper.typist
        able = [name for name in CLERKS if paper.activity != "check it" or name != paper.typist]
        return min(able, key=lambda name: self._free[name])

    def _minutes(self, clerk: str, paper: _Paper) -> tuple[datetime, datetime]:
        """Find the next stretch of a clerk's working day that is long enough; nothing is begun to be left overnight."""
        spent = timedelta(seconds=round(self._random.uniform(*WORK[paper.activity]) * 60))
        start = OFFICE.after(max(paper.ready, self._free[clerk]), timedelta(0))
        end = OFFICE.after(start, spent)
        if end - start > spent:
            start = OFFICE.after(end - spent, timedelta(0))
            end = start + spent
        self._free[clerk] = end + timedelta(seconds=self._random.randint(20, 150))
        return start, end

    def _after(self, activity: str, moment: datetime) -> datetime:
        """Say when a paper has come through its folder."""
        hours = self._random.expovariate(1 / FOLDER[activity])
        return OFFICE.after(moment, timedelta(seconds=round(hours * 3600)))
