"""The documents of the four weeks after: when each arrives, what it says, what a person would make of it (seeded)."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from deployments.history.paper import Paper, Sender, text_of
from deployments.samples.papers import SAMPLES, cents
from fulcrum.cases import Json

SEED = 20261019
FIRST_DAY = date(2026, 10, 19)
DAYS = 26
ZONE = ZoneInfo("Europe/Berlin")

ON_A_WEEKDAY = (12, 19)
AT_A_WEEKEND = (0, 2)
"""How few and how many documents come in a day."""

TROUBLE = (
    ("plain", 78), ("no currency", 5), ("misprint", 4), ("duplicate", 3), ("stranger", 3), ("reminder", 3),
    ("other account", 2), ("blank", 2),
)  # fmt: skip
"""What is the matter with a document, and how many of a hundred have it."""


def records() -> list[Json]:
    """Make every document of the four weeks, in the order of their arrival."""
    return list(_Inbox().arrive())


class _Inbox:
    def __init__(self) -> None:
        self._random = Random(SEED)  # noqa: S311 - a sample, and always the same one
        self._senders, self._weights, self._strangers = _senders()
        self._counters: dict[str, int] = {}
        self._plain: list[Paper] = []
        self._order = 500

    def arrive(self) -> Iterator[Json]:
        for offset in range(DAYS):
            today = FIRST_DAY + timedelta(days=offset)
            for number, moment in enumerate(self._moments(today), start=1):
                record = self._record(today)
                name = f"mail/{today.isoformat()}-{number:02}"
                yield {"arrives_at": moment.isoformat(), "external_id": name, **record}

    def _moments(self, today: date) -> list[datetime]:
        """Draw when the day's documents arrive: most between seven and five, with a peak in the morning."""
        few, many = ON_A_WEEKDAY if today.weekday() < 5 else AT_A_WEEKEND  # noqa: PLR2004 - Saturday is 5
        opens = datetime.combine(today, time(6, 30), ZONE)
        hours = [self._random.triangular(0, 13, 3.5) for _ in range(self._random.randint(few, many))]
        return sorted(opens + timedelta(seconds=round(hour * 3600)) for hour in hours)

    def _record(self, today: date) -> Json:
        names, shares = zip(*TROUBLE, strict=True)
        trouble = self._random.choices(names, shares)[0]
        if trouble == "duplicate" and not self._plain:
            trouble = "plain"
        if trouble == "blank":
            note = "an empty page of the scanner"
            return {"text": "\f \n" * self._random.randint(1, 3), "verdict": "discard", "note": note}
        if trouble == "duplicate":
            return self._told(self._random.choice(self._plain[-60:]), "reject", "posted already: it was sent twice")
        if trouble == "stranger":
            return self._told(self._paper(self._random.choice(self._strangers), today), "approve")
        paper = self._paper(self._random.choices(self._senders, self._weights)[0], today)
        return self._reminder(paper) if trouble == "reminder" else self._with(trouble, paper)

    def _with(self, trouble: str, paper: Paper) -> Json:
        """Let something be wrong on an invoice; a receipt has nothing of that."""
        receipt = paper.sender.layout == "receipt"
        if trouble == "other account" and not receipt:
            note = "the account is not the supplier's, who knows nothing of a new one"
            return self._told(replace(paper, iban="LT399990041799003344"), "reject", note)
        if trouble == "no currency" and not receipt:
            return self._told(replace(paper, currency_shown=False), "approve")
        if trouble == "misprint" and not receipt:
            return self._told(
                replace(paper, misprinted=Decimal(self._random.choice(("0.90", "10.00", "-9.00")))), "approve"
            )
        self._plain.append(paper)
        return self._told(paper, "approve")

    def _told(self, paper: Paper, verdict: str, note: str | None = None) -> Json:
        said: Json = {"text": text_of(paper), "truth": paper.truth, "verdict": verdict}
        return said | ({"note": note} if note else {})

    def _reminder(self, paper: Paper) -> Json:
        text = (
            f"{paper.sender.name}\n{paper.sender.address}\n\nPAYMENT REMINDER\n\nOur records show that invoice"
            f" {paper.number} is still open.\nIf you have paid meanwhile, please regard this letter as void.\n"
        )
        return {"text": text, "truth": {}, "verdict": "reject", "note": "a reminder, no invoice"}

    def _paper(self, sender: Sender, today: date) -> Paper:
        chance = self._random
        issued = today - timedelta(days=chance.choice((0, 1, 1, 2, 3, 4)))
        items = chance.sample(sender.items, chance.randint(1, len(sender.items)))
        if sender.order and chance.random() < 0.07:  # noqa: PLR2004 - one in fourteen is a large order
            items = [(text, low, high, 12 * most) for text, low, high, most in items]
        order = self._next_order() if sender.order else None
        due = None if sender.layout == "receipt" else issued + timedelta(days=sender.days)
        lines = tuple(
            (text, chance.randint(-(-most // 3), most), cents(Decimal(str(chance.uniform(low, high)))))
            for text, low, high, most in items
        )
        iban = None if sender.layout == "receipt" else sender.iban
        return Paper(sender=sender, number=self._number(sender), issued_on=issued, due_on=due, order=order,
                     lines=lines, iban=iban)  # fmt: skip

    def _next_order(self) -> str:
        self._order += 1
        return f"PO-26-{self._order:04}"

    def _number(self, sender: Sender) -> str:
        """Count a supplier's documents on, in the form of its numbers."""
        self._counters[sender.name] = self._counters.get(sender.name, self._random.randint(10, 60)) + 1
        digits = iter(str(self._counters[sender.name]).zfill(sender.number.count("N")))
        return "".join(next(digits) if char == "N" else char for char in sender.number)


def _senders() -> tuple[list[Sender], list[int], list[Sender]]:
    told = tomllib.loads((Path(__file__).parent / "suppliers.toml").read_text(encoding="utf-8"))
    with (SAMPLES / "suppliers.csv").open(encoding="utf-8", newline="") as file:
        master = {row["supplier_id"]: row for row in csv.DictReader(file)}
    known = [_sender(entry, master[entry["id"]]) for entry in told["supplier"]]
    strangers = [_sender(entry, {**entry, "currency": "EUR"}) for entry in told["stranger"]]
    return known, [entry["weight"] for entry in told["supplier"]], strangers


def _sender(entry: Json, master: Json) -> Sender:
    items: Sequence[Any] = entry["items"]
    plain = {name: entry[name] for name in ("address", "language", "layout", "number")}
    return Sender(
        name=master["name"],
        currency=master["currency"],
        iban=master["iban"],
        vat=Decimal(str(entry["vat"])),
        days=entry.get("days", 0),
        order=entry.get("order", False),
        items=tuple((str(text), low, high, most) for text, low, high, most in items),
        **plain,
    )
