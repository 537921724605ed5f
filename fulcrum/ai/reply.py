"""An endpoint's reply, or the failure to get one, as an answer. Nothing here keeps content in an error."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from fulcrum.ai.prompt import encodable
from fulcrum.ai.question import Answer, Fault, Question
from fulcrum.cases import Json

BYTES_PER_TOKEN = 4
"""A usual mean for European text (OpenAI's rule of thumb is 4 characters a token); used where nobody counted."""
STATUS_FAULTS = {
    401: Fault.REFUSED,
    402: Fault.REFUSED,
    403: Fault.REFUSED,
    404: Fault.REFUSED,
    408: Fault.TIMEOUT,
    409: Fault.SERVER_ERROR,
    429: Fault.RATE_LIMITED,
}
TOO_FEW_FUNDS = "insufficient_quota"
"""The error code of OpenAI's 429 that no waiting mends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """When a question was asked, and the seconds since."""

    at: datetime
    seconds: float


def failed(question: Question, asked: Asked, fault: Fault) -> Answer:
    """Answer a question that got no reply, or none that counts."""
    return Answer(
        question=question, asked_at=asked.at, seconds=asked.seconds, model=question.body["model"], error=fault
    )


def fault_of(error: BaseException) -> Fault:
    """Name the fault behind an exception of the client, by its status and its chain of causes.

    The chain is needed because the aiohttp transport reports a refused connection as a connect time-out.
    """
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        if getattr(error, "code", None) == TOO_FEW_FUNDS:
            return Fault.REFUSED
        known = Fault.SERVER_ERROR if status >= 500 else Fault.BAD_REQUEST  # noqa: PLR2004 - HTTP's own bound
        return STATUS_FAULTS.get(status, known)
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, TimeoutError):
            return Fault.TIMEOUT
        chain = chain.__cause__ or chain.__context__
    return Fault.CONNECTION


def answered(question: Question, asked: Asked, content: bytes) -> Answer:
    """Read a reply of status 200; one that is no chat completion is the server's error."""
    try:
        reply = json.loads(content)
        choices = reply["choices"]
        answer = _paid(question, asked, reply)
        return _completed(answer, choices[0]) if choices else replace(answer, error=Fault.NO_CONTENT)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return failed(question, asked, Fault.SERVER_ERROR)


def estimated_tokens(text: str) -> int:
    """Estimate a text's tokens from its length in UTF-8."""
    return ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def asked_tokens(body: Json) -> int:
    """Estimate the tokens of a request: its messages and its schema."""
    return estimated_tokens(json.dumps([body["messages"], body.get("response_format")], ensure_ascii=False))


def _paid(question: Question, asked: Asked, reply: Json) -> Answer:
    """Take over what the reply costs, before anything is made of its content."""
    counts = _counts(reply.get("usage") or {})
    text = str((reply["choices"] or [{}])[0].get("message", {}).get("content") or "")
    tokens_in, tokens_out = counts or (asked_tokens(question.body), estimated_tokens(text))
    return Answer(
        question=question,
        asked_at=asked.at,
        seconds=asked.seconds,
        model=str(reply.get("model") or question.body["model"]),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        counted=counts is not None,
    )


def _counts(usage: Json) -> tuple[int, int] | None:
    match usage:
        case {"prompt_tokens": int(tokens_in), "completion_tokens": int(tokens_out)} if min(tokens_in, tokens_out) >= 0:
            return tokens_in, tokens_out
    return None


def _completed(answer: Answer, choice: Json) -> Answer:
    """Take over the content, or the reason why it does not count."""
    message = choice["message"]
    reason = choice.get("finish_reason")
    if message.get("refusal") or reason == "content_filter":
        return replace(answer, error=Fault.REFUSAL)
    if reason == "length":
        return replace(answer, error=Fault.CUT)
    text = message.get("content")
    if not isinstance(text, str) or not text.strip():
        return replace(answer, error=Fault.NO_CONTENT)
    return replace(answer, text=encodable(text), logprobs=_tokens(choice))


def _tokens(choice: Json) -> list[Any] | None:
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    return tokens if isinstance(tokens, list) and tokens else None
