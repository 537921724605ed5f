"""What comes in and what goes out: the complaint, the answer to it, and what the register books."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Severity = Literal["minor", "standard", "severe"]
FactKind = Literal["amount", "date", "account", "event"]


class Complaint(BaseModel):
    """One complaint, as text."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    id: str = Field(description="What the source calls it; a complaint is taken in once under it.")
    text: str = Field(description="What the complaint says.")
    received_on: date | None = Field(default=None, description="The day it came in; the answer is due 15 days later.")
    channel: str | None = Field(default=None, description="How it came in: web, letter or phone.")
    state: str | None = Field(default=None, description="The state that the customer lives in.")

    @model_validator(mode="before")
    @classmethod
    def _public_form(cls, given: Any) -> Any:
        """Read the day and the state where a public register of complaints has them."""
        register = given.get("received") if isinstance(given, dict) else None
        if not isinstance(register, dict):
            return given
        return {"received_on": register.get("Date received"), "state": register.get("State")} | given


class Classified(BaseModel):
    """What the model is asked first: what it is about."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    product: Name = Field(description="The product that the complaint is about.")
    issue: Name = Field(description="What has gone wrong with it.")
    severity: Severity = Field(
        description="How much is at stake for the customer. Labels: minor: question, confusing, suggestion, compliment."
        " standard: wrong, error, dispute, refused, late, fee."
        " severe: foreclosure, eviction, homeless, threatened, violence, suicide, scammed, savings."
    )


class Quote(BaseModel):
    """A piece of the complaint, letter for letter."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: FactKind = Field(description="What it tells: an amount, a date, an account, or what happened.")
    quote: str = Field(description="The words as they stand in the complaint.")


class Quoted(BaseModel):
    """What the model is asked next: the facts, in the complaint's own words."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    facts: tuple[Quote, ...] = Field(description="The facts that matter to an answer, at most eight.")


class Fact(BaseModel):
    """A fact with its place: the characters from `start` up to `end` of the complaint's text; -1 where it is not."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: FactKind = Field(description="What it tells.")
    quote: str = Field(description="The complaint's own words.")
    start: int = Field(default=-1, description="Where it begins.")
    end: int = Field(default=-1, description="Where it ends.")


class ComplaintAnswer(BaseModel):
    """The answer to a complaint: what it is about, what is at stake, its facts, the letter, and when that is due."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    product: Name = Field(description="The product that the complaint is about.")
    issue: Name = Field(description="What has gone wrong with it.")
    severity: Severity = Field(description="How much is at stake; a severe one needs two people.")
    facts: tuple[Fact, ...] = Field(default=(), description="The facts, in the complaint's own words.")
    opening: Name | None = Field(default=None, description="The paragraph that the letter opens with.")
    finding: Name | None = Field(default=None, description="The paragraph that takes the facts up.")
    next_step: Name | None = Field(default=None, description="The paragraph that says what happens next.")
    closing: Name | None = Field(default=None, description="The paragraph that the letter closes with.")
    draft: str | None = Field(default=None, description="The letter; put together anew when a paragraph is changed.")
    deadline: date | None = Field(default=None, description="The day by which it is to be answered.")


class ComplaintRecord(BaseModel):
    """An answered complaint as the register books it."""

    model_config = ConfigDict(frozen=True)

    product: str
    issue: str
    severity: Severity
    deadline: date | None
    paragraphs: str
    facts: str
    letter: str | None
