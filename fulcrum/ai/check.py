"""What an endpoint can do, found out by asking it once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fulcrum.ai.confidence import field_confidence
from fulcrum.ai.conversation import ask_once
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.judge import judge
from fulcrum.ai.prices import MILLION, cost
from fulcrum.ai.prompt import Example, request
from fulcrum.ai.question import Answer, Fault
from fulcrum.errors import PriceUnknown

PROMPT = "Return what the document says, as one JSON object of the given schema. What it does not say is null."
REMEDIES = {
    Fault.TIMEOUT: "it did not answer in time: is it up, and is timeout_s long enough?",
    Fault.CONNECTION: "nothing answers at base_url: is it up, is the address right?",
    Fault.RATE_LIMITED: "it is over its rate limit: lower concurrency, or ask for a higher limit",
    Fault.REFUSED: "it refuses us: check api_key, the account's funds, and that it has this model",
    Fault.SERVER_ERROR: "it fails: see the endpoint's own log",
    Fault.BAD_REQUEST: "it refuses the request: try logprobs off, structured off, or temperature unset",
    Fault.NO_CONTENT: "it answered with nothing",
    Fault.CUT: "its answer was cut: raise max_output_tokens",
    Fault.REFUSAL: "the model declined to answer",
}


class Door(BaseModel):
    """The tiny outcome that a check asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    colour: Literal["red", "green", "blue"] = Field(description="The door's colour. Labels: colour, color.")
    number: int | None = Field(description="The number on the door. Labels: number, no.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReport:
    """What one question told of an endpoint.

    Prices are per million tokens in `currency`, None when unknown; `latency_s` is that of the one call. `error` says
    why there was no answer. `confidence` names where a proposal's confidence will come from.
    """

    endpoint: str
    model: str
    error: Fault | None
    input_price: Decimal | None
    output_price: Decimal | None
    currency: str
    latency_s: float
    json_schema: bool
    confidence: str
    warnings: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Tell whether the endpoint answered with what was asked for."""
        return self.error is None and self.json_schema


def check(endpoint: Endpoint) -> EndpointReport:
    """Ask the endpoint once, with a tiny schema. Raises EndpointMisconfigured."""
    examples = [Example(text="Colour: blue\nNumber: 7", values={"colour": "blue", "number": 7})]
    asked = request(endpoint, PROMPT, Door, "Colour: red\nNumber: 12", examples)
    answer = ask_once(endpoint, asked.question("check", "check"))
    logprobs = bool(answer.text and field_confidence(Door, answer.text, answer.logprobs).keys() >= {"colour"})
    sound = bool(answer.text and judge(Door, answer.text).values)
    input_price, output_price = _prices(endpoint)
    return EndpointReport(
        endpoint=endpoint.name,
        model=answer.model,
        error=answer.error,
        input_price=input_price,
        output_price=output_price,
        currency=endpoint.currency,
        latency_s=answer.seconds,
        json_schema=sound,
        confidence=_source(endpoint, logprobs=logprobs),
        warnings=_warnings(endpoint, answer, sound=sound, logprobs=logprobs, priced=input_price is not None),
    )


def _prices(endpoint: Endpoint) -> tuple[Decimal, Decimal] | tuple[None, None]:
    """Find the prices of a million tokens in and out, at the tier of a short call."""
    try:
        return cost(endpoint, 1000, 0) * (MILLION // 1000), cost(endpoint, 0, 1000) * (MILLION // 1000)
    except PriceUnknown:
        return None, None


def _source(endpoint: Endpoint, *, logprobs: bool) -> str:
    if logprobs:
        return "logprobs"
    return f"agreement of {endpoint.samples} samples" if endpoint.samples > 1 else "none"


def _warnings(endpoint: Endpoint, answer: Answer, *, sound: bool, logprobs: bool, priced: bool) -> tuple[str, ...]:
    """Say in words what will go wrong, worst first."""
    alike = endpoint.samples > 1 and endpoint.temperature == 0 and not logprobs
    exposed = endpoint.base_url.startswith("http:") and not endpoint.loopback
    said = (
        (answer.error is not None, f"no answer: {REMEDIES.get(answer.error or Fault.UNAVAILABLE)}"),
        (not priced, "price unknown: no call will be made. Set input_price and output_price"),
        (answer.text is not None and not sound, "the answer does not fit the JSON schema: most cases need a repair"),
        (
            answer.text is not None and not logprobs and endpoint.samples == 1,
            "no logprobs and samples=1: nothing will ever clear; every case goes to a person",
        ),
        (alike, "samples at temperature 0 are alike: their agreement says nothing. Set a temperature"),
        (
            answer.text is not None and not answer.counted,
            "the answer counts no tokens: they and the cost are estimated",
        ),
        (exposed, "base_url is plain http to another machine: key and documents travel unencrypted"),
    )
    return tuple(text for holds, text in said if holds)
