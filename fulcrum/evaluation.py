"""How good an AI step is on records whose truth is known; the ledger is not touched."""

from __future__ import annotations

import json
import time
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fulcrum.ai.confidence import agreement, consensus, field_confidence, overall
from fulcrum.ai.conversation import AHEAD, Conversation
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.judge import judge, repair
from fulcrum.ai.prices import cost
from fulcrum.ai.prompt import Example, request
from fulcrum.ai.question import Answer, Question
from fulcrum.cases import Json
from fulcrum.errors import SourceNotFound, SourceUnreadable
from fulcrum.examples import Known, Nearest, shown
from fulcrum.process import Process

EVER = datetime.max.replace(tzinfo=UTC)
"""When everything that is known was known before."""


@dataclass(frozen=True, slots=True)
class Record:
    """A labelled record: the case's input and what is true of it, by outcome field."""

    id: str
    input: Json
    truth: Json
    known_at: datetime | None = None
    """Since when the truth is known, where the record says it."""


@dataclass(slots=True)
class Prediction:
    """What the step said of a record; `outcome` is None where it had no sound answer."""

    record: Record
    samples: list[Json | None] = field(default_factory=list)
    field_confidence: dict[str, float] = field(default_factory=dict)
    confidence: float | None = None

    @property
    def outcome(self) -> Json | None:
        """Give the values that the samples agree on most."""
        return consensus(self.samples)

    def correct(self, outcome: type[BaseModel]) -> dict[str, bool]:
        """Compare with the truth, field by field, over the outcome's fields that the truth has."""
        said = self.outcome or {}
        return {
            name: same(said.get(name), true) for name, true in self.record.truth.items() if name in outcome.model_fields
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found."""

    process: str
    predictions: Sequence[Prediction]
    outcome: type[BaseModel]
    ai_cost: Decimal
    seconds: float

    def summary(self) -> Json:
        """Give accuracy, share answered and count by field, over all records that have the field's truth."""
        fields: dict[str, Json] = {}
        for prediction in self.predictions:
            for name, right in prediction.correct(self.outcome).items():
                told = fields.setdefault(name, {"accuracy": 0, "answered": 0, "n": 0})
                told["n"] += 1
                told["accuracy"] += right
                told["answered"] += (prediction.outcome or {}).get(name) is not None
        for told in fields.values():
            told["accuracy"] = round(told["accuracy"] / told["n"], 4)
            told["answered"] = round(told["answered"] / told["n"], 4)
        return {
            "process": self.process,
            "records": len(self.predictions),
            "fields": fields,
            "ai_cost": str(self.ai_cost),
            "seconds": round(self.seconds, 3),
        }


def load(path: Path, process: Process) -> list[Record]:
    """Read `{id, text, truth}` records from a JSONL file; raise SourceNotFound or SourceUnreadable with the line."""
    if not path.is_file():
        raise SourceNotFound(source=path)
    records = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                records.append(_record(path, number, line, process))
    return records


def evaluate(
    process: Process, endpoint: Endpoint, records: Iterable[Record], known: Sequence[Known] = ()
) -> Evaluation:
    """Ask the step about every record, with one repair as in a run, and keep what it says.

    A step that shows examples chooses them among what is `known`; a record is never shown as its own.
    """
    began = time.monotonic()
    step = process.step
    predictions: dict[str, Prediction] = {}
    records = list(records)
    questions = _questions(process, endpoint, records, _examples(process, records, known), predictions)
    spent = Decimal(0)
    again: deque[Question] = deque()
    with Conversation(endpoint) as conversation:
        while True:
            while conversation.outstanding < endpoint.concurrency * AHEAD:
                question = again.popleft() if again else next(questions, None)
                if question is None:
                    break
                conversation.send(question)
            answers = conversation.arrivals()
            if not answers and not again:
                break
            for answer in answers:
                spent += cost(endpoint, answer.tokens_in, answer.tokens_out)
                again.extend(_hear(step.outcome, predictions[answer.question.case_id], answer))
    for prediction in predictions.values():
        fields = agreement(prediction.outcome or {}, prediction.samples) or prediction.field_confidence
        prediction.confidence = overall(fields, process.review.required)
    return Evaluation(process.name, list(predictions.values()), step.outcome, spent, time.monotonic() - began)


def same(said: Any, true: Any) -> bool:
    """Tell whether an answer is right: amounts by value, dates by day, text without case, spaces and punctuation.

    A truth of None is matched by None alone.
    """
    if said is None or true is None:
        return said is None and true is None
    left, right = _number(said), _number(true)
    if right is not None and (_is_amount(said) or _is_amount(true)):
        return left == right
    if (day := _day(true)) is not None:
        return _day(said) == day
    return _letters(str(said)) == _letters(str(true)) if not isinstance(true, list | dict) else bool(said == true)


def _record(path: Path, number: int, line: str, process: Process) -> Record:
    try:
        found = json.loads(line)
        truth: Mapping[str, Any] = found["truth"]
        case = process.case.model_validate({**found, "id": str(found["id"])}).model_dump(mode="json")
        return Record(case["id"], case, dict(truth), _known_at(found.get("known_at")))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        reason = f"line {number} is no record with id, text and truth ({type(error).__name__})"
        raise SourceUnreadable(source=path, kind="labelled JSONL", reason=reason) from None


def _known_at(moment: Any) -> datetime | None:
    """Read a moment with its zone; raise ValueError or TypeError."""
    if moment is None:
        return None
    if (known_at := datetime.fromisoformat(moment)).tzinfo is None:
        msg = "a moment without a time zone"
        raise ValueError(msg)
    return known_at.astimezone(UTC)


def _examples(process: Process, records: Sequence[Record], known: Sequence[Known]) -> list[list[Example]]:
    step = process.step
    if not step.examples or not known:
        return [[] for _ in records]
    inputs, ids = [record.input for record in records], [record.id for record in records]
    return shown(step, Nearest(known, step.text), inputs, [EVER] * len(records), but=ids)


def _questions(
    process: Process,
    endpoint: Endpoint,
    records: Sequence[Record],
    examples: Sequence[Sequence[Example]],
    predictions: dict[str, Prediction],
) -> Iterator[Question]:
    step = process.step
    for number, (record, shows) in enumerate(zip(records, examples, strict=True)):
        name = str(number)
        predictions[name] = Prediction(record)
        asked = request(endpoint, step.prompt_text, step.outcome, step.text(record.input), shows)
        for sample in range(endpoint.samples):
            yield asked.question(name, step.name, sample)


def _hear(outcome: type[BaseModel], prediction: Prediction, answer: Answer) -> list[Question]:
    if answer.text is None:
        prediction.samples.append(None)
        return []
    judged = judge(outcome, answer.text)
    if judged.values is None and answer.question.attempt == 1:
        return [repair(answer.question, answer.text, judged.problem or "")]
    prediction.samples.append(judged.values)
    prediction.field_confidence = field_confidence(outcome, answer.text, answer.logprobs)
    return []


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_amount(value: Any) -> bool:
    """Tell an amount from a document's number such as 47110818: it has a point, or is a number to begin with."""
    return not isinstance(value, str) or "." in value


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())
