"""How good the AI steps are on records whose truth is known; the ledger is not touched."""

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

from fulcrum.ai.confidence import agreement, carried, consensus, field_confidence
from fulcrum.ai.conversation import AHEAD, Conversation
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.judge import judge, repair
from fulcrum.ai.prices import cost
from fulcrum.ai.prompt import Example, request
from fulcrum.ai.question import Answer, Question
from fulcrum.cases import Json
from fulcrum.errors import SourceNotFound, SourceUnreadable
from fulcrum.examples import Known, Nearest, from_catalogues, shown
from fulcrum.process import AiStep, Process

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
    """What the AI steps said of a record, and what follows from it; `outcome` is None where one had no sound answer."""

    record: Record
    outcome: Json | None = None
    field_confidence: dict[str, float] = field(default_factory=dict)
    confidence: float | None = None

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
    """Ask every AI step about every record, with one repair as in a run, and keep what they say.

    A step that shows examples chooses them among what is `known` and those of its catalogues; a record is never shown
    as its own. What a gate would stop is asked all the same.
    """
    began = time.monotonic()
    predictions = [Prediction(record) for record in records]
    spent = Decimal(0)
    with Conversation(endpoint) as conversation:
        for step in process.ai_steps:
            spent += _Round(process, step, endpoint, known).hear_all(predictions, conversation)
    return Evaluation(process.name, predictions, process.outcome, spent, time.monotonic() - began)


class _Round:
    """One AI step, asked about all records."""

    def __init__(self, process: Process, step: AiStep, endpoint: Endpoint, known: Sequence[Known]) -> None:
        self._process, self._step, self._endpoint, self._known = process, step, endpoint, known
        self._answer = process.bounded(step.answer)
        self._first = process.place(step.name) == 0
        self._samples: dict[str, list[Json | None]] = {}
        self._sure: dict[str, dict[str, float]] = {}

    def hear_all(self, predictions: Sequence[Prediction], conversation: Conversation) -> Decimal:
        """Add the step's answers to the predictions that it can be asked about; return what it cost."""
        asked = [each for each in predictions if self._first or each.outcome is not None]
        questions = self._questions(asked)
        spent = Decimal(0)
        again: deque[Question] = deque()
        while True:
            while conversation.outstanding < self._endpoint.concurrency * AHEAD:
                question = again.popleft() if again else next(questions, None)
                if question is None:
                    break
                conversation.send(question)
            answers = conversation.arrivals()
            if not answers and not again:
                break
            for answer in answers:
                spent += cost(self._endpoint, answer.tokens_in, answer.tokens_out)
                again.extend(self._hear(answer))
        for number, prediction in enumerate(asked):
            self._conclude(prediction, str(number))
        return spent

    def _questions(self, asked: Sequence[Prediction]) -> Iterator[Question]:
        step = self._step
        texts = [step.text(each.record.input, each.outcome or {}) for each in asked]
        for number, (text, shows) in enumerate(zip(texts, self._examples(asked, texts), strict=True)):
            request_of = request(self._endpoint, step.prompt_text, self._answer, text, shows)
            for sample in range(self._endpoint.samples):
                yield request_of.question(str(number), step.name, sample)

    def _examples(self, asked: Sequence[Prediction], texts: Sequence[str]) -> list[list[Example]]:
        step = self._step
        known = [*self._known, *from_catalogues(self._process, step)] if step.examples else []
        if not known or not asked:
            return [[] for _ in asked]
        ids = [each.record.id for each in asked]
        return shown(self._process, step, Nearest(known, step.text), texts, [EVER] * len(asked), but=ids)

    def _hear(self, answer: Answer) -> list[Question]:
        name = answer.question.case_id
        samples = self._samples.setdefault(name, [])
        if answer.text is None:
            samples.append(None)
            return []
        judged = judge(self._answer, answer.text)
        if judged.values is None and answer.question.attempt == 1:
            return [repair(answer.question, answer.text, judged.problem or "")]
        samples.append(judged.values)
        self._sure[name] = field_confidence(self._answer, answer.text, answer.logprobs)
        return []

    def _conclude(self, prediction: Prediction, name: str) -> None:
        samples = self._samples.get(name, [])
        values = consensus(samples)
        if values is None:
            prediction.outcome, prediction.confidence = None, None
            return
        fields = agreement(values, samples) or self._sure.get(name, {})
        required = self._process.required_of(self._step)
        prediction.confidence = carried(fields, required, prediction.confidence, first=self._first)
        prediction.field_confidence |= fields
        prediction.outcome = self._process.complete(prediction.record.input, (prediction.outcome or {}) | values)


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
        return Record(case["id"], case, process.meant(dict(truth)), _known_at(found.get("known_at")))
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
