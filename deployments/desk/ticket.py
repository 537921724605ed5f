"""A ticket: what one delivery says, and what the desk adds to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fulcrum.cases import Effect

Key: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]


class Posted(BaseModel):
    """A delivery as a webhook target posts it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    key: Key
    process: str
    case_id: str
    external_id: str
    effect: Effect
    revision: int
    reverses: Key | None
    decided_by: str | None
    note: str | None
    posting: dict[str, Any]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.effect is Effect.REVERSAL) != (self.reverses is not None):
            raise ValueError("a reversal, and nothing else, names what it reverses")
        return self

    def canonical(self) -> str:
        """Write it so that equal deliveries are equal texts."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A delivery that the desk has; `withdrawn_by` is the id of the ticket that reversed it."""

    id: str
    received_at: datetime
    posted: Posted
    withdrawn_by: str | None = None


def id_of(number: int) -> str:
    """Name a ticket by its number: `HD-000001`."""
    return f"HD-{number:06d}"
