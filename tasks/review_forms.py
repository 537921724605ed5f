"""A review's form on the Prefect server: the inputs of a suspended run, saved, read, asked again, forgotten.

A run that was created Suspended carries in its state where its form lies: the inputs `suspended-answer-N-schema` and
`-description`. The server checks an answer against the schema, keeps it as `-response` and schedules the run. N counts
how often the person was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound, Pause, PrefectHTTPStatusError
from prefect.states import Suspended
from prefect.utilities.engine import propose_state_sync

from fulcrum.cases import Json
from fulcrum.forms import Form

PATIENCE = timedelta(days=3650)
"""How long a run may stand suspended before the server fails it: what is overdue is the process's matter, not its."""

_PREFIX = "suspended-"
_INPUT = re.compile(r"suspended-answer-(\d+)-(schema|description|response)")
_MOST_INPUTS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a person was asked in a run, and the newest answer; None when there is none.

    `fields` are those of the form that it answers, which an older release may have made; None where it is gone.
    """

    times: int
    answer: Json | None
    fields: frozenset[str] | None = None


def suspended(attempt: int) -> State[Any]:
    """Make the state of a run that waits for the answer to its form."""
    key = pause_key(attempt)
    state: State[Any] = Suspended(timeout_seconds=int(PATIENCE.total_seconds()), pause_key=key)
    state.state_details.run_input_keyset = {
        part: f"{_PREFIX}{key}-{part}" for part in ("schema", "description", "response")
    }
    return state


def pause_key(attempt: int) -> str:
    """Name the form of an attempt; a run that suspends under a key it has used would be wedged."""
    return f"answer-{attempt}"


def save_form(client: SyncPrefectClient, flow_run_id: UUID, form: Form, attempt: int) -> None:
    """Save a form under its attempt; one that is there already stays as it is, a run that is gone needs none."""
    keyset = suspended(attempt).state_details.run_input_keyset or {}
    # A form shows once its schema is there, so that comes last.
    for part, value in (("description", form.evidence), ("schema", form.schema())):
        try:
            client.create_flow_run_input(flow_run_id, keyset[part], json.dumps(value))
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise


def read_answer(client: SyncPrefectClient, flow_run_id: UUID) -> Asked:
    """Read the newest answer that was given in a run."""
    found = client.filter_flow_run_input(flow_run_id, key_prefix=_PREFIX, limit=_MOST_INPUTS, exclude_keys=set())
    parts: dict[str, dict[int, Any]] = {"schema": {}, "description": {}, "response": {}}
    times = 0
    for item in found:
        if matched := _INPUT.fullmatch(item.key):
            times = max(times, int(matched[1]))
            parts[matched[2]][int(matched[1])] = _decoded(item.value)
    newest = max(parts["response"], default=0)
    answer, schema = parts["response"].get(newest), parts["schema"].get(newest)
    asked = schema.get("properties") if isinstance(schema, dict) else None
    fields = frozenset(asked) if isinstance(asked, dict) else None
    return Asked(times, answer if isinstance(answer, dict) else None, fields)


def ask_again(client: SyncPrefectClient, flow_run_id: UUID, form: Form, attempt: int) -> NoReturn:
    """Suspend this run anew with a form of its own; the earlier forms are forgotten."""
    save_form(client, flow_run_id, form, attempt)
    state = propose_state_sync(client, suspended(attempt), flow_run_id)
    forget_forms(client, flow_run_id, before=attempt)
    raise Pause(state=state)


def forget_forms(client: SyncPrefectClient, flow_run_id: UUID, *, before: int | None = None) -> None:
    """Delete what a run's forms and answers hold of the case; with `before` only those of earlier attempts."""
    for key in _of_attempts(form_keys(client, flow_run_id), before):
        # Another run of the same clean-up may have been faster.
        with suppress(ObjectNotFound):
            client.delete_flow_run_input(flow_run_id, key)


def form_keys(client: SyncPrefectClient, flow_run_id: UUID) -> list[str]:
    """Name the inputs that hold a run's forms and answers; none of a run that is gone."""
    with suppress(ObjectNotFound):
        found = client.filter_flow_run_input(flow_run_id, key_prefix=_PREFIX, limit=_MOST_INPUTS, exclude_keys=set())
        return [item.key for item in found]
    return []


def _of_attempts(keys: Iterable[str], before: int | None) -> list[str]:
    matched = [(key, _INPUT.fullmatch(key)) for key in keys]
    return [key for key, match in matched if before is None or (match and int(match[1]) < before)]


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None
