"""A request as it is built: the prompt, examples of decided cases, and the document at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import BaseModel

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.question import Question, request_hash, request_key
from fulcrum.ai.schema import response_format
from fulcrum.cases import Json

TEXT_CHARS = 60_000
"""Most characters of a document that are sent (about 15,000 tokens): its head and its tail."""
EXAMPLE_CHARS = 6_000
"""Most characters of an example's document."""
TAIL_SHARE = 0.25
_TAG = re.compile(r"<(?=\s*/?\s*document)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A decided case as the model is shown it: what was read, and the right outcome as JSON."""

    text: str
    values: Json


@dataclass(frozen=True, kw_only=True)
class Request:
    """A whole request, before it belongs to a case."""

    endpoint: Endpoint
    messages: tuple[Json, ...] = field(repr=False)
    format: Json = field(repr=False)

    @cached_property
    def hash(self) -> str:
        """Hash what is asked: prompt, examples, document, schema, parameters and model."""
        return request_hash(self._body(sample=0))

    def question(self, case_id: str, step: str, sample: int = 0) -> Question:
        """Ask it for a case; samples count from 0."""
        key = request_key(case_id, step, self.hash, sample, 1)
        return Question(case_id=case_id, step=step, key=key, body=self._body(sample), sample=sample)

    def _body(self, sample: int) -> Json:
        content = {"messages": list(self.messages), "response_format": self.format}
        return self.endpoint.parameters(sample) | content


def request(
    endpoint: Endpoint, prompt: str, outcome: type[BaseModel], text: str, examples: Sequence[Example] = ()
) -> Request:
    """Build the request that asks for one document's outcome."""
    schema = response_format(outcome)
    system = prompt if endpoint.structured else f"{prompt}\n\n{_spelled_out(schema)}"
    messages = [{"role": "system", "content": encodable(system)}]
    for example in examples:
        messages += _shown(example)
    messages.append({"role": "user", "content": document(text)})
    sent = schema if endpoint.structured else {"type": "json_object"}
    return Request(endpoint=endpoint, messages=tuple(messages), format=sent)


def document(text: str, limit: int = TEXT_CHARS) -> str:
    """Fence a document off from the instructions, so that it cannot end the fence itself."""
    return f"<document>\n{_TAG.sub('&lt;', encodable(clipped(text, limit)))}\n</document>"


def clipped(text: str, limit: int) -> str:
    """Keep head and tail of a text that is too long, and say in it what is missing: totals stand at the end."""
    if len(text) <= limit:
        return text
    tail = int(limit * TAIL_SHARE)
    missing = len(text) - limit
    return f"{text[: limit - tail]}\n[... {missing} characters are left out here ...]\n{text[-tail:]}"


def encodable(text: str) -> str:
    """Replace lone surrogates, which no request can carry, and NUL, which not every database can keep."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _shown(example: Example) -> list[Json]:
    answer = json.dumps(example.values, ensure_ascii=False, separators=(",", ":"))
    return [
        {"role": "user", "content": document(example.text, EXAMPLE_CHARS)},
        {"role": "assistant", "content": encodable(answer)},
    ]


def _spelled_out(schema: Json) -> str:
    spelled = json.dumps(schema["json_schema"]["schema"], ensure_ascii=False)
    return f"Answer with one JSON object that follows this JSON schema, and nothing else:\n{spelled}"
