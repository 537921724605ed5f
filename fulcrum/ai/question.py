"""What goes to a model and what comes back: the question that is paid for, and its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from fulcrum.cases import Json


class Fault(StrEnum):
    """Why a question has no answer, in a word that can be logged."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    """The endpoint does not serve us: key, permission, quota, or no such model."""
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    """Not asked, because the endpoint failed too often just before."""
    BAD_REQUEST = "bad_request"
    NO_CONTENT = "no_content"
    CUT = "cut"
    """The answer was longer than the limit; its tokens are paid."""
    REFUSAL = "refusal"
    """The model, or a filter before it, declined to answer."""

    @property
    def transient(self) -> bool:
        """Tell whether the fault is the endpoint's, so that the same question may be answered later."""
        return self not in {Fault.BAD_REQUEST, Fault.NO_CONTENT, Fault.CUT, Fault.REFUSAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One paid question. `body` is the whole request as the endpoint gets it, `key` its content key."""

    case_id: str
    step: str
    key: str
    body: Json = field(repr=False)
    sample: int = 0
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question; `text` is None exactly when `error` says why.

    Tokens are the endpoint's count; `counted` is False where it gave none and they are estimated. `seconds` is the
    time from asking to the answer, retries included. `logprobs` is the endpoint's token list as it came.
    """

    question: Question
    asked_at: datetime
    model: str
    text: str | None = field(default=None, repr=False)
    error: Fault | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = True
    seconds: float = 0.0
    logprobs: list[Any] | None = field(default=None, repr=False)

    @property
    def transient(self) -> bool:
        """Tell whether the same question may be answered later."""
        return self.error is not None and self.error.transient


def request_key(case_id: str, step: str, request_hash: str, sample: int, attempt: int) -> str:
    """Derive the content key (SHA-256, 64 hex digits) under which an answer is paid once."""
    content = json.dumps([case_id, step, request_hash, sample, attempt])
    return sha256(content.encode()).hexdigest()


def request_hash(body: Json) -> str:
    """Hash a whole request over its canonical JSON (SHA-256, 64 hex digits)."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(canonical.encode()).hexdigest()
