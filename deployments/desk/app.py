"""The desk over HTTP: it takes tickets, tells whether it has one, and shows the newest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import ValidationError
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from deployments.desk import HOST, TICKETS
from deployments.desk.page import page
from deployments.desk.store import NotTaken, Store
from deployments.desk.ticket import Posted

if TYPE_CHECKING:
    from starlette.requests import Request

SHOWN = 200
"""How many tickets the page shows at most."""

_LARGEST = 1_000_000
_REPLAYED = {"Idempotency-Replayed": "true"}
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class HelpDesk:
    """The desk's answers. Without a secret it takes whatever is posted to it, signed or not."""

    store: Store
    secret: str | None = None

    async def take(self, request: Request) -> JSONResponse:
        """Answer POST /tickets: 201 for a new ticket, 200 for one that is there, else 4xx with the reason."""
        body = await _read(request)
        self._verify(request, body)
        posted = _posted(request, body)
        ticket, new = await run_in_threadpool(self.store.take, posted)
        if new:
            return JSONResponse({"id": ticket}, HTTPStatus.CREATED)
        return JSONResponse({"id": ticket}, headers=_REPLAYED)

    def find(self, request: Request) -> JSONResponse:
        """Answer GET /tickets?key=...: 200 with the id of the ticket under the key, or 404."""
        key = request.query_params.get("key")
        if not key:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"Ask with a key: {TICKETS}?key=...")
        found = self.store.find(key)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no ticket under this key.")
        return JSONResponse({"id": found})

    def show(self, _: Request) -> HTMLResponse:
        """Answer GET /: the newest tickets."""
        return HTMLResponse(page(self.store.newest(SHOWN), self.store.count()), headers=_PAGE_HEADERS)

    async def health(self, _: Request) -> JSONResponse:
        """Answer GET /health with the id of this process, so that whoever started it knows it from another desk."""
        return JSONResponse({"pid": os.getpid()})

    def _verify(self, request: Request, body: bytes) -> None:
        if self.secret is None:
            return
        try:
            Webhook(self.secret).verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: a signature of another form, a body not in UTF-8
            reason = (
                "The signature is missing, wrong or more than five minutes off."
                " Sign with the secret in the file help-desk.secret of FULCRUM_HOME."
            )
            raise HTTPException(HTTPStatus.UNAUTHORIZED, reason) from None


def app_of(desk: HelpDesk) -> Starlette:
    """Make the ASGI app of a desk; it answers only requests that name this machine, so that no web page reaches it."""
    return Starlette(
        routes=[
            Route(TICKETS, desk.take, methods=["POST"]),
            Route(TICKETS, desk.find, methods=["GET"]),
            Route("/health", desk.health, methods=["GET"]),
            Route("/", desk.show, methods=["GET"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        exception_handlers={HTTPException: _refusal, NotTaken: _refusal},
    )


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A ticket has at most {_LARGEST} bytes.")
    return body


def _posted(request: Request, body: bytes) -> Posted:
    """Read the delivery, and hold its key to the header's, where a target percent-encodes what no header may have."""
    key = request.headers.get("idempotency-key")
    if not key:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The header Idempotency-Key is missing.")
    try:
        posted = Posted.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"This is no delivery: {_problems(error)}.") from None
    if unquote(key) != posted.key:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The header Idempotency-Key and the body's key differ.")
    return posted


def _problems(error: ValidationError) -> str:
    """Say what is wrong with which field, without its value."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return "; ".join(": ".join([*map(str, one["loc"]), one["msg"]]) for one in found)


def _refusal(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotTaken):
        return JSONResponse({"error": str(error)}, error.status)
    status, reason = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return JSONResponse({"error": reason}, status, headers=getattr(error, "headers", None))
