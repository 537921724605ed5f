"""The embedded model as an ASGI app that speaks the OpenAI API: chat completions and models.

It is no language model: `fill` fills a JSON schema from a document by layout, labels, arithmetic and similarity.
"""

from __future__ import annotations

import json
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from fulcrum.ai.embedded.fill import fill
from fulcrum.ai.embedded.reading import MODEL, BadRequest, Question, read_question
from fulcrum.ai.embedded.schema import read_schema
from fulcrum.ai.embedded.tokens import Token, sentence_tokens, tokens_of

if TYPE_CHECKING:
    from starlette.requests import Request

FINGERPRINT = "fulcrum-embedded-1.1"
"""Changes whenever the same request may get another answer."""
NO_SCHEMA = (
    "I am no language model: I fill a JSON schema from a document. Send `response_format` of type json_schema"
    " and the document between <document> and </document>."
)
_CREATED = 1_767_225_600
_LARGE = 1_000_000


async def complete(request: Request) -> JSONResponse:
    """Answer POST /v1/chat/completions."""
    raw = await request.body()
    if len(raw) > _LARGE:
        return await run_in_threadpool(_completion, raw)
    return _completion(raw)


async def list_models(_: Request) -> JSONResponse:
    """Answer GET /v1/models: the one model."""
    return JSONResponse({"object": "list", "data": [_MODEL_CARD]})


async def show_model(request: Request) -> JSONResponse:
    """Answer GET /v1/models/{model}."""
    if request.path_params["model"] != MODEL:
        return _refusal(BadRequest("There is no such model.", param="model", code="model_not_found", status=404))
    return JSONResponse(_MODEL_CARD)


_MODEL_CARD = {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "fulcrum"}


def _completion(raw: bytes) -> JSONResponse:
    try:
        question = read_question(_parse(raw))
    except BadRequest as refused:
        return _refusal(refused)
    return JSONResponse(_answer(question, raw))


def _parse(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error


def _answer(question: Question, raw: bytes) -> dict[str, Any]:
    if question.schema is None:
        tokens = sentence_tokens(NO_SCHEMA)
    else:
        tokens = tokens_of(fill(read_schema(question.schema), question.document, question.examples))
    written = sum(1 for token in tokens if token.text) * question.choices
    return {
        "id": f"chatcmpl-{blake2b(raw, digest_size=12).hexdigest()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "system_fingerprint": FINGERPRINT,
        "choices": [_choice(place, tokens, question) for place in range(question.choices)],
        "usage": {
            "prompt_tokens": question.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": question.prompt_tokens + written,
        },
    }


def _choice(place: int, tokens: list[Token], question: Question) -> dict[str, Any]:
    shown = [token.to_json(question.top) for token in tokens] if question.logprobs else None
    return {
        "index": place,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "".join(token.text for token in tokens), "refusal": None},
        "logprobs": {"content": shown, "refusal": None} if shown is not None else None,
    }


def _refusal(refused: BadRequest) -> JSONResponse:
    error = {"message": refused.message, "type": "invalid_request_error", "param": refused.param, "code": refused.code}
    return JSONResponse({"error": error}, status_code=refused.status)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _refusal(BadRequest("There is no such address or method here.", status=status))


app = Starlette(
    routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", list_models, methods=["GET"]),
        Route("/v1/models/{model}", show_model, methods=["GET"]),
    ],
    exception_handlers={HTTPException: _http_error},
)
"""The ASGI app; it keeps no state."""
