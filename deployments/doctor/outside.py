"""What lies outside: the model endpoints that are asked, and the targets that are delivered to."""

from __future__ import annotations

import os
import socket
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from blocks import FolderTarget, SqlTarget, Target, WebhookTarget, load_endpoint, load_target
from deployments.doctor.lines import Line, ok, wrong
from deployments.doctor.machine import sqlite_file
from fulcrum.ai.endpoint import Endpoint
from fulcrum.errors import DeliveryFailed, EndpointMisconfigured

SOON_S = 5.0
NOBODYS_KEY = "fulcrum:doctor"
"""An idempotency key that no delivery has: a target that says so has answered."""


def look_at_endpoint(name: str, *, ask: bool) -> Line:
    """Ask an endpoint for its models, or with `ask` a question, which may cost."""
    check = f"model {name}"
    try:
        endpoint = load_endpoint(name)
        key = endpoint.key()
    except EndpointMisconfigured as error:
        return wrong(check, str(error.facts["problem"]), f"mend the block model-endpoint/{name}")
    if ask:
        return _asked(check, endpoint)
    if endpoint.embedded:
        return ok(check, "the embedded model, within this process")
    try:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"{endpoint.base_url}/models", headers=headers, timeout=SOON_S)
    except httpx.HTTPError as error:
        remedy = "is it up, and is base_url right?"
        return wrong(check, f"{endpoint.base_url} does not answer ({type(error).__name__})", remedy)
    return _answered(check, endpoint, answer)


def look_at_target(reference: str) -> Line:
    """Ask a target whether it has a delivery that nobody has made; nothing is written."""
    check = f"target {reference}"
    try:
        target = load_target(reference)
    except ValueError:
        return wrong(check, "there is no such block", "fulcrum bootstrap, or make it in the UI under Blocks")
    place = _not_yet(target)
    if place is not None:
        return _to_be_made(check, place)
    if isinstance(target, WebhookTarget) and not target.status_url:
        return _connected(check, target)
    try:
        target.holds(NOBODYS_KEY)
    except DeliveryFailed as error:
        return wrong(check, f"does not answer: {error.facts['reason']}", f"mend it, or the block {reference}")
    return ok(check, "answers")


def _asked(check: str, endpoint: Endpoint) -> Line:
    from fulcrum.ai.check import REMEDIES  # noqa: PLC0415 - the OpenAI client takes a second
    from fulcrum.ai.check import check as ask  # noqa: PLC0415 - the same

    told = ask(endpoint)
    if told.error is not None:
        return wrong(check, f"gave no answer: {told.error.value.replace('_', ' ')}", REMEDIES.get(told.error, ""))
    if told.warnings:
        return wrong(check, told.warnings[0], f"fulcrum model check --block {endpoint.name}")
    return ok(check, f"answered in {told.latency_s:.2f} s, as the schema asks")


def _answered(check: str, endpoint: Endpoint, answer: httpx.Response) -> Line:
    """Judge an answer by its status alone, and by the names of models where it lists them."""
    status = answer.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        remedy = f"correct api_key in the block model-endpoint/{endpoint.name}, or OPENAI_API_KEY"
        return wrong(check, f"{endpoint.base_url} refuses the key (status {status})", remedy)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return wrong(check, f"{endpoint.base_url} answers with status {status}", "see the endpoint's own log")
    if not answer.is_success:
        return ok(check, f"{endpoint.base_url} answers, and has no list of models; --ask asks it")
    listed = _models(answer)
    if listed and endpoint.model not in listed:
        return ok(check, f"{endpoint.base_url} answers, and does not list {endpoint.model}; --ask asks it")
    return ok(check, f"{endpoint.base_url} answers")


def _models(answer: httpx.Response) -> set[str]:
    try:
        return {str(each["id"]) for each in answer.json()["data"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _not_yet(target: Target) -> Path | None:
    """Name the file or folder that a target's first delivery is going to make; None where it is there, or elsewhere."""
    if isinstance(target, FolderTarget):
        place: Path | None = target.folder
    else:
        place = sqlite_file(target.url.get_secret_value()) if isinstance(target, SqlTarget) else None
    return None if place is None or place.exists() else place


def _to_be_made(check: str, place: Path) -> Line:
    there = next(each for each in place.absolute().parents if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return ok(check, f"{place.name} is made with the first delivery")
    return wrong(check, f"{place.name} cannot be made in {there}", "let the worker write there, or mend the block")


def _connected(check: str, target: WebhookTarget) -> Line:
    """Reach a receiver that has no status address: only its door can be tried without delivering something."""
    parts = urlsplit(target.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=SOON_S).close()
    except OSError as error:
        return wrong(check, f"{parts.hostname}:{port} cannot be reached ({type(error).__name__})", "is it up?")
    return ok(check, f"{parts.hostname}:{port} can be reached; without a status address it cannot be asked")
