"""What comes in and what goes out: the customer's message, what it wants, and the ticket at the help desk."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LanguageCode = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]


class Message(BaseModel):
    """One message of a customer."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    id: str = Field(description="What the source calls it; a message is taken in once under it.")
    text: str = Field(description="What the customer wrote.")
    channel: str | None = Field(default=None, description="How it came in: e-mail, web form or chat.")
    sender: str | None = Field(default=None, description="Who wrote it.")
    received_on: date | None = Field(default=None, description="The day it came in.")


class Intent(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    intent: Name = Field(
        description="What the customer wants; the one of the options that the message is about."
        " none_of_these: the message fits no other option."
    )


class Routing(BaseModel):
    """Where a message goes: what it wants, who answers it, how soon, in which language."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    intent: Name = Field(description="What the customer wants.")
    team: Name | None = Field(default=None, description="Who answers; follows from the intent.")
    priority: Name | None = Field(default=None, description="How soon; follows from the intent.")
    language: LanguageCode | None = Field(
        default=None, description="The language of the message, as its code: en, de or fr."
    )


class Ticket(BaseModel):
    """A routing as the help desk books it."""

    model_config = ConfigDict(frozen=True)

    intent: str
    team: str
    priority: str
    language: str


def ticket_of(routing: Routing) -> Ticket:
    """Book a routing; one without a team, a priority or a language is none."""
    return Ticket.model_validate(routing.model_dump())
