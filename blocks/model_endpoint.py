"""The model that AI steps ask: the embedded one, or any OpenAI-compatible endpoint."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, ValidationError

from fulcrum.ai.endpoint import Endpoint
from fulcrum.errors import EndpointMisconfigured


def _default(field: str) -> Any:
    """Take a field's default from the endpoint itself, so that form and endpoint cannot differ."""
    return Endpoint.model_fields[field].default


class ModelEndpoint(Block):
    """An OpenAI-compatible model endpoint; left as it is, the model embedded in the process, which costs nothing."""

    _block_type_name = "Model Endpoint"
    _block_type_slug = "model-endpoint"
    _description = "Where AI steps get their answers: any OpenAI-compatible endpoint, or the embedded model."
    _code_example: ClassVar[str] = """```python
from blocks import ModelEndpoint

ModelEndpoint(base_url="https://api.openai.com/v1", model="gpt-5-mini", api_key="sk-...").save("default")
```"""

    base_url: str = Field(
        default=_default("base_url"),
        title="Base URL",
        description="Address up to and including /v1. `embedded:` is the model inside the process.",
    )
    model: str = Field(
        default=_default("model"), title="Model", description="The model's name at the endpoint.", min_length=1
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="Empty: the variable OPENAI_API_KEY of the worker, if it is set."
    )
    input_price: Decimal | None = Field(
        default=None,
        ge=0,
        title="Input price",
        description="Per million input tokens. Set both prices or none; with none the price list must know the model.",
    )
    output_price: Decimal | None = Field(
        default=None, ge=0, title="Output price", description="Per million output tokens."
    )
    currency: str = Field(
        default=_default("currency"),
        pattern="^[A-Z]{3}$",
        title="Currency",
        description="ISO 4217 code of the prices. The price list is in USD.",
    )
    concurrency: int = Field(
        default=_default("concurrency"),
        ge=1,
        le=1000,
        title="Calls at once",
        description="How many calls all workers together may have open at the endpoint.",
    )
    worker_concurrency: int | None = Field(
        default=_default("worker_concurrency"),
        ge=1,
        le=1000,
        title="Calls at once of a worker",
        description="How many of these one worker may have open. Empty: as many as are free.",
    )
    requests_per_minute: int | None = Field(
        default=_default("requests_per_minute"),
        ge=1,
        title="Requests a minute",
        description="How many calls all workers together may begin in a minute. Empty: no limit.",
    )
    tokens_per_minute: int | None = Field(
        default=_default("tokens_per_minute"),
        ge=1,
        title="Tokens a minute",
        description="How many tokens, in and out, all workers together may use in a minute. Empty: no limit.",
    )
    timeout_s: float = Field(
        default=_default("timeout_s"), gt=0, title="Time-out", description="Seconds that one attempt may take."
    )
    retries: int = Field(
        default=_default("retries"),
        ge=0,
        le=10,
        title="Retries",
        description="How often a call that did not get through (429, 5xx, time-out) is repeated.",
    )
    samples: int = Field(
        default=_default("samples"),
        ge=1,
        le=25,
        title="Samples",
        description="How often each question is asked. Above 1 their agreement is the confidence; each one is paid.",
    )
    temperature: float | None = Field(
        default=_default("temperature"),
        ge=0,
        le=2,
        title="Temperature",
        description="0 is the most predictable. Empty: not sent, for models that refuse it.",
    )
    seed: int | None = Field(
        default=_default("seed"), title="Seed", description="Makes answers repeatable where supported. Empty: not sent."
    )
    logprobs: bool = Field(
        default=_default("logprobs"),
        title="Log probabilities",
        description="Ask for the tokens' log probabilities, from which the confidence is computed.",
    )
    top_logprobs: int = Field(
        default=_default("top_logprobs"),
        ge=0,
        le=20,
        title="Alternatives",
        description="How many alternatives a token comes with when log probabilities are asked for.",
    )
    max_output_tokens: int = Field(
        default=_default("max_output_tokens"),
        ge=1,
        title="Output limit",
        description="Tokens that one answer may have at most.",
    )
    structured: bool = Field(
        default=_default("structured"),
        title="Structured output",
        description="Send the answer's JSON schema as a strict response_format. Off: the prompt spells it out.",
    )

    def endpoint(self) -> Endpoint:
        """Give the endpoint as AI steps use it, under the block's name; raise EndpointMisconfigured if unsound."""
        name = self._block_document_name or _default("name")
        values = {field: getattr(self, field) for field in Endpoint.model_fields if field != "name"}
        try:
            return Endpoint(name=name, **values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "prices"
            raise EndpointMisconfigured(endpoint=name, problem=f"{place}: {first['msg']}") from None


def load_endpoint(name: str) -> Endpoint:
    """Load the endpoint that a block configures; raise EndpointMisconfigured, also when there is no such block."""
    try:
        block = ModelEndpoint.load(name)
    except ValueError:
        problem = f"there is no block model-endpoint/{name}; make it in the Prefect UI under Blocks"
        raise EndpointMisconfigured(endpoint=name, problem=problem) from None
    assert isinstance(block, ModelEndpoint)  # noqa: S101 - Prefect's `load` is typed as possibly async
    return block.endpoint()
