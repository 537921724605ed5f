"""From a chat to a question: the document, the labelled examples before it, the instructions and the schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fulcrum.ai.embedded.lines import cut

MODEL = "fulcrum-embedded-1"
_OPEN, _CLOSE = "<document>", "</document>"
_MOST_EXAMPLES = 64
_MOST_CHOICES = 16
_MOST_TOP = 20


class BadRequest(Exception):
    """A request that cannot be answered; told as an error body of the OpenAI API."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        """Take what is wrong, the parameter it is wrong with, and the HTTP status."""
        super().__init__(message)
        self.message, self.param, self.code, self.status = message, param, code, status


@dataclass(frozen=True, slots=True)
class Question:
    """One request, read: `examples` are documents with their answers, `schema` is None where none was asked for."""

    document: str
    examples: tuple[tuple[str, dict[str, Any]], ...]
    schema: Any
    choices: int
    logprobs: bool
    top: int
    prompt_tokens: int


def read_question(body: object) -> Question:
    """Read a request's body; raise BadRequest where it has not the form of a chat completion."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    if body.get("model") != MODEL:
        wanted = str(body.get("model"))[:80]
        raise BadRequest(
            f"The model `{wanted}` does not exist; this is {MODEL}.", param="model", code="model_not_found", status=404
        )
    if body.get("stream"):
        raise BadRequest("This model does not stream; leave `stream` out.", param="stream")
    turns = _turns(body.get("messages"))
    last = max((i for i, (role, _) in enumerate(turns) if role == "user"), default=None)
    if last is None:
        raise BadRequest("There is no user message in `messages`.", param="messages")
    return Question(
        document=document_of(turns[last][1]),
        examples=_examples(turns[:last]),
        schema=_schema(body.get("response_format")),
        choices=_count(body, "n", 1, 1, _MOST_CHOICES),
        logprobs=bool(body.get("logprobs")),
        top=_count(body, "top_logprobs", 0, 0, _MOST_TOP),
        prompt_tokens=sum(pieces(text) for _, text in turns),
    )


def document_of(message: str) -> str:
    """Give the text between the first opening tag and the last closing one; without tags the whole message."""
    start = message.find(_OPEN)
    if start < 0:
        return cut(message)
    end = message.rfind(_CLOSE)
    return cut(message[start + len(_OPEN) : end if end > start else len(message)].strip("\n"))


def pieces(text: str) -> int:
    """Count the pieces of a text as one for every four characters, rounded up."""
    return -(-len(text) // 4)


def _turns(messages: object) -> list[tuple[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("`messages` must be a list with at least one message.", param="messages")
    found = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest("Each message must be an object with a role and a content.", param=f"messages[{place}]")
        found.append((message["role"], _content(message.get("content"), place)))
    return found


def _content(content: object, place: int) -> str:
    """Give a message's text: a string, or a list of parts of which the texts count; None is empty."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    raise BadRequest("A message's content must be a string or a list of parts.", param=f"messages[{place}].content")


def _examples(turns: list[tuple[str, str]]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Pair each user message with the JSON object that the next assistant message is."""
    found = []
    for (role, text), (after, answer) in pairwise(turns):
        if role != "user" or after != "assistant":
            continue
        try:
            outcome = json.loads(answer)
        except (ValueError, RecursionError):
            continue
        if isinstance(outcome, dict):
            found.append((document_of(text), outcome))
    return tuple(found[-_MOST_EXAMPLES:])


def _schema(asked: object) -> Any:
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise BadRequest("`response_format` must be an object.", param="response_format")
    kind = asked.get("type")
    if kind == "json_object":
        return {"type": "object"}
    if kind == "text":
        return None
    inner = asked.get("json_schema")
    if kind != "json_schema" or not isinstance(inner, dict) or not isinstance(inner.get("schema"), (dict, bool)):
        raise BadRequest(
            "`response_format` must be text, json_object, or json_schema with a `json_schema.schema`.",
            param="response_format",
        )
    return inner["schema"]


def _count(body: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"`{name}` must be a whole number from {least} to {most}.", param=name)
    return value
