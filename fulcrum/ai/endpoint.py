"""A model endpoint as it is configured: where it is, what it costs, how it is asked."""

from __future__ import annotations

import os
from decimal import Decimal
from functools import cached_property
from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from fulcrum.cases import Json
from fulcrum.errors import EndpointMisconfigured

EMBEDDED = "embedded:"
"""The base URL that means the model inside this process."""
KEY_VARIABLE = "OPENAI_API_KEY"
Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Endpoint(BaseModel):
    """Any OpenAI-compatible endpoint; by default the embedded model.

    Prices are per million tokens, in `currency`; without them the price list knows the model or nobody does.
    `timeout_s` is the seconds of one attempt, `retries` how often the client repeats a failed one. `samples` above 1
    asks each question so often, for the agreement. None leaves `temperature` or `seed` out of the request.
    `concurrency` calls are made at once by all workers together, and `worker_concurrency` of them by one (None: all).
    `requests_per_minute` and `tokens_per_minute` hold for all workers together as well (None: no limit).
    `structured` sends the outcome's schema as a strict `response_format`; without it the prompt spells the schema out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(default="default", min_length=1)
    base_url: str = EMBEDDED
    model: str = Field(default="fulcrum-embedded-1", min_length=1)
    api_key: SecretStr | None = None
    input_price: Price | None = None
    output_price: Price | None = None
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    concurrency: int = Field(default=32, ge=1, le=1000)
    worker_concurrency: int | None = Field(default=None, ge=1, le=1000)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    timeout_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    retries: int = Field(default=2, ge=0, le=10)
    samples: int = Field(default=1, ge=1, le=25)
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    seed: int | None = None
    logprobs: bool = True
    top_logprobs: int = Field(default=5, ge=0, le=20)
    max_output_tokens: int = Field(default=2048, ge=1)
    structured: bool = True

    @field_validator("base_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        """Keep the embedded marker or an HTTP address that holds no secret."""
        if url == EMBEDDED:
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            msg = "must be embedded: or an http(s) address without a user, a password or a query"
            raise ValueError(msg)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _priced_whole(self) -> Self:
        """Refuse half a price, and a currency that no price is given in."""
        if (self.input_price is None) is not (self.output_price is None):
            msg = "input_price and output_price are set together or not at all"
            raise ValueError(msg)
        if self.input_price is None and not self.embedded and self.currency != "USD":
            msg = "the price list is in USD: set input_price and output_price to use another currency"
            raise ValueError(msg)
        return self

    @property
    def at_once(self) -> int:
        """Say how many calls one worker may make at once."""
        return min(self.concurrency, self.worker_concurrency or self.concurrency)

    @property
    def embedded(self) -> bool:
        """Tell whether the model is the one inside this process."""
        return self.base_url == EMBEDDED

    @cached_property
    def loopback(self) -> bool:
        """Tell whether requests stay on this machine."""
        host = "localhost" if self.embedded else urlsplit(self.base_url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False

    def key(self) -> str:
        """Find the API key at the time of use: its own, else the environment's.

        A loopback endpoint needs none. Raises EndpointMisconfigured where one is needed and missing.
        """
        if self.embedded:
            return "none"
        found = self.api_key.get_secret_value() if self.api_key else os.environ.get(KEY_VARIABLE, "")
        if not found.strip() and not self.loopback:
            problem = f"it has no API key. Set api_key in the block model-endpoint/{self.name}, or {KEY_VARIABLE}"
            raise EndpointMisconfigured(endpoint=self.name, problem=problem)
        return found.strip() or "none"

    def parameters(self, sample: int = 0) -> Json:
        """List what a request asks for besides its content; each sample has a seed of its own."""
        asked: Json = {"model": self.model, self._limit_name: self.max_output_tokens}
        if self.temperature is not None:
            asked["temperature"] = self.temperature
        if self.seed is not None:
            asked["seed"] = self.seed + sample
        if self.logprobs:
            asked |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return asked

    @property
    def _limit_name(self) -> str:
        """Name the output limit: OpenAI's reasoning models refuse the old name, other servers the new one."""
        host = urlsplit(self.base_url).hostname or ""
        return "max_completion_tokens" if host.endswith(("openai.com", "openai.azure.com")) else "max_tokens"
