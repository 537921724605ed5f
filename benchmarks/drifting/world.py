"""A process that reads a bank's messages: what it was taught, how it handles a message, what people then correct."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.drifting.german import german
from fulcrum.drift import Observed, hashed
from fulcrum.language import language_of
from fulcrum.routing import draw

TAUGHT, TAUGHT_BADLY = 20, 2
"""Messages an intent that the model learns from, and a worse one."""
SURE, AUDIT = 0.35, 0.05
"""The confidence from which a case clears, and the share of those that is audited."""
URGENT, DEGRADED = 0.02, 0.005
"""How often people correct the priority, and how often no answer comes: no data has these, so they are drawn."""
LANGUAGES = ("en", "de", "fr", "es", "it", "nl")
FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)
SALT = "benchmark"


@dataclass(frozen=True)
class Message:
    """A message and what is true of it; an intent that the process does not know is still its truth."""

    id: str
    text: str
    intent: str


class Model:
    """A classifier that says an intent and how sure it is."""

    def __init__(self, taught: Sequence[Message]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.naive_bayes import MultinomialNB
        from sklearn.pipeline import make_pipeline

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        self._pipeline = make_pipeline(words, MultinomialNB(alpha=0.02))
        self._pipeline.fit([each.text for each in taught], [each.intent for each in taught])

    def say(self, messages: Sequence[Message]) -> list[tuple[str, float]]:
        """Answer for all of them."""
        sure = self._pipeline.predict_proba([each.text for each in messages])
        return [(str(self._pipeline.classes_[row.argmax()]), float(row.max())) for row in sure]


class World:
    """The messages that there are, and what the process makes of them: one case each, as people would correct it.

    `stable` are messages of the intents that the process knows; `worse` the same as a model reads them that was taught
    less; `others` of intents that it does not know; `german` what the name says.
    """

    def __init__(self, data: Path, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a world that is the same each time
        messages = _read(data / "banking77.dev.jsonl")
        self._random.shuffle(messages)
        unknown = set(sorted({each.intent for each in messages})[::4])
        taught, coming = _split([each for each in messages if each.intent not in unknown], TAUGHT)
        good, worse = Model(taught), Model(_split(taught, TAUGHT_BADLY)[0])
        self.stable, self.worse = self._handled(coming, good), self._handled(coming, worse)
        self.others = self._handled([each for each in messages if each.intent in unknown], good)
        texts = [Message(f"german-{number}", text, intent) for number, (text, intent) in enumerate(german())]
        self.german = self._handled(texts, good)

    def _handled(self, messages: Sequence[Message], model: Model) -> list[Observed]:
        answers = model.say(messages)
        return [self._case(message, *answer) for message, answer in zip(messages, answers, strict=True)]

    def _case(self, message: Message, intent: str, sure: float) -> Observed:
        seconds = self._random.lognormvariate(-1.0, 0.4)
        wrong = ("intent",) * (intent != message.intent) + ("priority",) * (self._random.random() < URGENT)
        text = message.text
        return routed(
            Observed(
                case_id=message.id,
                at=FIRST,
                numbers={
                    "input length": float(len(text)),
                    "confidence": sure,
                    "model seconds": seconds,
                    "model cost": 1e-6 * (200 + len(text) / 4),
                },
                categories={
                    "input language": language_of(text, LANGUAGES) or "none",
                    "output intent": intent,
                    "output team": re.split(r"[_ ]", intent)[0],
                    "model version": "reader-1",
                    "segment": "question" if "?" in text else "statement",
                },
                flags={
                    "gate: fewer than five words": len(text.split()) < 5,
                    "gate: a figure in the text": bool(re.search(r"\d", text)),
                    "degraded": self._random.random() < DEGRADED,
                },
                words=hashed(text, SALT),
                reason="",
                changed=wrong,
                level="supervised",
                threshold=SURE,
            )
        )


def routed(case: Observed) -> Observed:
    """Route a case by its confidence; a draw says what is audited."""
    if case.numbers["confidence"] < SURE:
        return replace(case, reason="low-confidence")
    return replace(case, reason="audit" if draw(case.case_id, SALT) < AUDIT else "sufficient")


def seen(case: Observed) -> Observed:
    """Give a case as the ledger has it: what nobody has looked at, nobody has corrected."""
    return replace(case, changed=None) if case.reason == "sufficient" else case


def _read(file: Path) -> list[Message]:
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [Message(each["id"], each["text"], each["truth"]["label"]) for each in records]


def _split(messages: Sequence[Message], each_intent: int) -> tuple[list[Message], list[Message]]:
    """Take the first messages of each intent; return them and the others."""
    met: Counter[str] = Counter()
    first, others = [], []
    for message in messages:
        met[message.intent] += 1
        (first if met[message.intent] <= each_intent else others).append(message)
    return first, others
