"""What a call costs, before it is made and after. An unknown price is an error, never 0."""

from __future__ import annotations

from decimal import Decimal
from math import ceil

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.question import Answer, Question
from fulcrum.ai.reply import asked_tokens
from fulcrum.cases import ModelCall
from fulcrum.errors import PriceUnknown

MILLION = 1_000_000
CAUTION = Decimal("1.5")
"""How far tokens may exceed their estimate: digits and rare words make shorter tokens than prose."""


def cost(endpoint: Endpoint, tokens_in: int, tokens_out: int) -> Decimal:
    """Price one call's tokens, in the endpoint's currency. Raises PriceUnknown.

    The endpoint's own prices come first, then the offline snapshot of genai-prices, by address and model, then by
    model. Discounts for cached input are left out, so the bill is never below what is due.
    """
    if endpoint.embedded:
        return Decimal(0)
    if endpoint.input_price is not None and endpoint.output_price is not None:
        return (endpoint.input_price * tokens_in + endpoint.output_price * tokens_out) / MILLION
    return _listed(endpoint, tokens_in, tokens_out)


def estimate(endpoint: Endpoint, question: Question) -> Decimal:
    """Price a question before it is asked, erring high: its text with a margin, and the longest answer.

    Raises PriceUnknown.
    """
    tokens_in = ceil(asked_tokens(question.body) * CAUTION)
    return cost(endpoint, tokens_in, endpoint.max_output_tokens)


def model_call(endpoint: Endpoint, answer: Answer, field_confidence: dict[str, float] | None = None) -> ModelCall:
    """Make the record of a call, with its cost. Raises PriceUnknown."""
    question = answer.question
    return ModelCall(
        key=question.key,
        case_id=question.case_id,
        step=question.step,
        sample=question.sample,
        attempt=question.attempt,
        model=answer.model,
        answer=answer.text,
        error=None if answer.error is None else answer.error.value,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=cost(endpoint, answer.tokens_in, answer.tokens_out),
        currency=endpoint.currency,
        seconds=answer.seconds,
        asked_at=answer.asked_at,
        field_confidence=field_confidence,
    )


def _listed(endpoint: Endpoint, tokens_in: int, tokens_out: int) -> Decimal:
    """Price by the snapshot that genai-prices ships; it is never brought up to date over the network."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - its snapshot takes a tenth of a second to load

    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out)
    try:
        return calc_price(usage, endpoint.model, provider_api_url=endpoint.base_url).total_price
    except LookupError:
        pass
    try:
        return calc_price(usage, endpoint.model).total_price
    except LookupError:
        raise PriceUnknown(model=endpoint.model, endpoint=endpoint.name) from None
