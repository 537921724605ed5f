"""What a model's answer is worth: sound values of the outcome, or the problem to show it (pure)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from fulcrum.ai.prompt import encodable
from fulcrum.ai.question import Question, request_hash, request_key
from fulcrum.ai.spans import object_part
from fulcrum.cases import Json

PROBLEMS_SHOWN = 10
BAD_ANSWER_CHARS = 20_000
"""Most characters of a bad answer that are shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The outcome's values as canonical JSON, or the problem. One of the two is None.

    The problem names fields and what is wrong with them. It is for the model; it may quote keys the model made up, so
    it is no line of a log.
    """

    values: Json | None = field(default=None, repr=False)
    problem: str | None = field(default=None, repr=False)


class _UnsoundError(ValueError):
    """The text is no JSON that means one thing."""


def judge(outcome: type[BaseModel], text: str) -> Judged:
    """Judge an answer: one JSON object, alone or in a Markdown fence, that the outcome model accepts."""
    start, end = object_part(text)
    try:
        said = _decoded(text[start:end])
        sound = outcome.model_validate_json(json.dumps(said))
        return Judged(values=sound.model_dump(mode="json"))
    except ValidationError as error:
        return Judged(problem=_told(error))
    except _UnsoundError as error:
        return Judged(problem=str(error))


def repair(question: Question, answer_text: str, problem: str) -> Question:
    """Ask again, once: the same request, the bad answer and what is wrong with it."""
    correction = (
        f"That answer does not fit: {problem}\n"
        "Answer again with the whole corrected JSON object and nothing else. What the document does not say is null."
    )
    messages = [
        *question.body["messages"],
        {"role": "assistant", "content": encodable(answer_text[:BAD_ANSWER_CHARS])},
        {"role": "user", "content": encodable(correction)},
    ]
    body = question.body | {"messages": messages}
    attempt = question.attempt + 1
    key = request_key(question.case_id, question.step, request_hash(body), question.sample, attempt)
    return replace(question, body=body, key=key, attempt=attempt)


def _decoded(text: str) -> Json:
    """Decode JSON that means one thing. Raises _UnsoundError for the rest."""
    try:
        said = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        msg = f"it is not one JSON object: {error.msg} at character {error.pos + 1}."
        raise _UnsoundError(msg) from None
    except _UnsoundError:
        raise
    except (ValueError, RecursionError):
        msg = "it holds a number that is too long, or is nested too deep."
        raise _UnsoundError(msg) from None
    if not isinstance(said, dict):
        msg = "it is JSON but not an object."
        raise _UnsoundError(msg)
    return said


def _distinct(pairs: list[tuple[str, Any]]) -> Json:
    """Refuse an object that says a field twice, and characters that no database keeps."""
    members = dict(pairs)
    if len(members) < len(pairs):
        msg = "it gives the same field twice."
        raise _UnsoundError(msg)
    for key, value in pairs:
        if any(isinstance(text, str) and _unkeepable(text) for text in (key, value)):
            msg = f"{encodable(key)} holds a character that is not text."
            raise _UnsoundError(msg)
    return members


def _unkeepable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text)


def _no_number(_constant: str) -> float:
    msg = "NaN and Infinity are no JSON numbers; a value that is not known is null."
    raise _UnsoundError(msg)


def _told(error: ValidationError) -> str:
    """Say what is wrong, field by field, without repeating the input."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, fault['loc'])) or 'the object'}: {fault['msg']}" for fault in faults[:PROBLEMS_SHOWN]]
    more = [f"and {len(faults) - PROBLEMS_SHOWN} more"] if len(faults) > PROBLEMS_SHOWN else []
    return "; ".join(shown + more)
