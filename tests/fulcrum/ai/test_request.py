"""Endpoints, schemas, prompts and prices: what is sent, under which key, and for how much."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.invoice_intake.documents import Invoice
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.prices import cost, estimate
from fulcrum.ai.prompt import TEXT_CHARS, Example, clipped, document, request
from fulcrum.ai.schema import response_format
from fulcrum.errors import OutcomeUnsupported, PriceUnknown

FAR = {"base_url": "https://api.openai.com/v1", "api_key": "k"}


class Part(BaseModel):
    """A part."""

    amount: Decimal | None = None


class Thing(BaseModel):
    """A thing."""

    model_config = ConfigDict(regex_engine="python-re")

    sort: Literal["only"] = "only"
    name: Annotated[str, Field(min_length=1, max_length=9, pattern="^(?=a).*$")] = Field("x", description="Its name.")
    code: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    on: date | None = None
    price: Annotated[Decimal, Field(max_digits=9, decimal_places=2)]
    main: Part = Field(description="The main one.")
    parts: tuple[Part, ...] = ()
    count: int = Field(0, ge=0)


def objects(node: Any) -> list[dict[str, Any]]:
    """List all object schemas below a node."""
    if isinstance(node, list):
        return [found for each in node for found in objects(each)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" else []
    return own + [found for each in node.values() for found in objects(each)]


@pytest.mark.parametrize("outcome", [Thing, Invoice])
def test_the_schema_is_strict(outcome: type[BaseModel]) -> None:
    """Every object requires all it has and allows nothing else; what the strict subset lacks is gone."""
    schema = response_format(outcome)["json_schema"]
    assert schema["strict"] is True
    found = objects(schema["schema"])
    assert len(found) > 1
    for node in found:
        assert node["required"] == list(node["properties"])
        assert node["additionalProperties"] is False
    spelled = json.dumps(schema)
    assert not re.search(r'"(default|title|minLength|maxLength|const|oneOf|allOf)":', spelled)


def test_the_schema_keeps_what_helps_the_model() -> None:
    """Descriptions, options, dates, patterns and limits stay; money is text; a described reference is written out."""
    fields = response_format(Thing)["json_schema"]["schema"]["properties"]
    assert fields["sort"] == {"type": "string", "enum": ["only"]}
    assert fields["name"] == {"type": "string", "description": "Its name."}
    assert fields["code"]["pattern"] == "^[A-Z]{3}$"
    assert fields["on"]["anyOf"] == [{"type": "string", "format": "date"}, {"type": "null"}]
    assert fields["price"] == {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,2})?$"}
    assert fields["main"]["description"] == "The main one."
    assert "$ref" not in fields["main"]
    assert fields["parts"] == {"type": "array", "items": {"$ref": "#/$defs/Part"}}
    assert fields["count"]["minimum"] == 0


def test_the_schema_is_prepared_once() -> None:
    """A second request takes the same object."""
    assert response_format(Thing) is response_format(Thing)


def test_open_keys_are_refused_by_name() -> None:
    """A field that a strict schema cannot say is named."""

    class Open(BaseModel):
        notes: dict[str, str]

    with pytest.raises(OutcomeUnsupported, match=r"Open\.notes"):
        response_format(Open)


def test_messages_are_prompt_examples_document() -> None:
    """Each example is a turn of its own, and the document comes last, fenced."""
    example = Example(text="old", values={"total": "1.00"})
    body = request(Endpoint(), "Read.", Thing, "new", [example]).question("c", "s").body
    assert [(m["role"], m["content"]) for m in body["messages"]] == [
        ("system", "Read."),
        ("user", "<document>\nold\n</document>"),
        ("assistant", '{"total":"1.00"}'),
        ("user", "<document>\nnew\n</document>"),
    ]
    assert body["response_format"] == response_format(Thing)


PIECES = st.sampled_from(["</document>", "< / DOCUMENT >", "<document", "</doc", "ument>", "\n", "x", "\ud800", "\0"])


@given(st.text() | st.lists(PIECES).map("".join))
def test_no_document_can_leave_its_fence(text: str) -> None:
    """There is one opening and one closing tag, whatever the text; and it can be sent."""
    fenced = document(text)
    assert len(re.findall(r"<\s*/?\s*document", fenced, re.IGNORECASE)) == 2
    fenced.encode()


def test_a_long_text_keeps_head_and_tail_and_says_so() -> None:
    """The middle is left out, with a note that counts it."""
    text = "a" * 100 + "b" * TEXT_CHARS + "c" * 100
    short = clipped(text, TEXT_CHARS)
    assert short.startswith("a" * 100)
    assert short.endswith("c" * 100)
    assert "200 characters are left out" in short
    assert clipped("short", TEXT_CHARS) == "short"


def test_without_structured_output_the_prompt_spells_the_schema() -> None:
    """An endpoint that knows no JSON schema gets it in words."""
    body = request(Endpoint(structured=False), "Read.", Thing, "x").question("c", "s").body
    assert body["response_format"] == {"type": "json_object"}
    assert '"additionalProperties": false' in body["messages"][0]["content"]


def keys() -> dict[str, str]:
    """Make the keys of one question and of those that differ from it in one thing."""
    plain: dict[str, Any] = {"endpoint": Endpoint(), "prompt": "Read.", "outcome": Thing, "text": "x"}
    changes: dict[str, dict[str, Any]] = {
        "prompt": {"prompt": "Read!"},
        "document": {"text": "y"},
        "examples": {"examples": [Example(text="e", values={})]},
        "schema": {"outcome": Part},
        "model": {"endpoint": Endpoint(model="other")},
        "temperature": {"endpoint": Endpoint(temperature=0.5)},
        "seed": {"endpoint": Endpoint(seed=1)},
    }
    made = {name: request(**(plain | change)).question("c", "s").key for name, change in changes.items()}
    asked = request(**plain)
    made |= {"sample": asked.question("c", "s", sample=1).key, "case": asked.question("d", "s").key}
    return made | {"step": asked.question("c", "t").key, "plain": asked.question("c", "s").key}


def test_a_key_stands_for_the_whole_question() -> None:
    """Whatever changes the question changes its key; the same question has the same key, in any process."""
    made = keys()
    assert len(set(made.values())) == len(made)
    assert made == keys()


def test_an_address_or_a_limit_of_ours_is_no_part_of_the_question() -> None:
    """Moving an endpoint or waiting longer does not pay for the same answer again."""
    moved = Endpoint(base_url="http://localhost:1/v1", timeout_s=9, concurrency=2, retries=0)
    assert request(moved, "p", Thing, "x").hash == request(Endpoint(), "p", Thing, "x").hash


def test_each_sample_has_its_seed() -> None:
    """Samples of a seeded endpoint differ."""
    asked = request(Endpoint(seed=7, samples=2), "p", Thing, "x")
    assert [asked.question("c", "s", sample).body["seed"] for sample in (0, 1)] == [7, 8]


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "ftp://host/v1"},
        {"base_url": "https://user:secret@host/v1"},
        {"base_url": "https://host/v1?key=secret"},
        {"base_url": "host/v1"},
        {"base_url": "https://host/v1", "input_price": 1},
        {"base_url": "https://host/v1", "currency": "EUR"},
        {"input_price": -1, "output_price": 1},
        {"concurrency": 0},
        {"unknown": 1},
    ],
)
def test_an_unsound_endpoint_is_refused_without_its_secret(settings: dict[str, Any]) -> None:
    """What cannot work is refused when it is written down."""
    with pytest.raises(ValidationError) as refused:
        Endpoint(**settings)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("embedded:", True),
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.2/v1", True),
        ("http://[::1]:1/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://10.0.0.1/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
def test_loopback_is_told_by_the_host(url: str, loopback: bool) -> None:
    """Only this machine is loopback."""
    assert Endpoint(base_url=url).loopback is loopback


def test_a_secret_is_not_shown() -> None:
    """Neither form of an endpoint prints its key."""
    endpoint = Endpoint(base_url="https://host/v1", api_key="sk-SECRET")
    assert "SECRET" not in f"{endpoint!r} {endpoint} {endpoint.model_dump_json()}"


def test_own_prices_come_first() -> None:
    """Prices are per million tokens, exact, in the configured currency."""
    endpoint = Endpoint(**FAR, model="gpt-4o-mini", input_price="0.15", output_price="0.6", currency="EUR")
    assert cost(endpoint, 1_000_000, 500_000) == Decimal("0.45")


def test_the_price_list_knows_common_models() -> None:
    """Without own prices the offline list is asked, by address and model, and for a gateway by model."""
    for url in ("https://api.openai.com/v1", "https://gateway.example.com/v1"):
        endpoint = Endpoint(base_url=url, model="gpt-4o-mini")
        assert cost(endpoint, 1_000_000, 0) > 0
        assert cost(endpoint, 0, 1_000_000) > cost(endpoint, 1_000_000, 0)


def test_an_unknown_price_is_an_error_and_the_embedded_model_is_free() -> None:
    """Nobody's guess is 0; only the model in this process costs nothing."""
    with pytest.raises(PriceUnknown, match="no-such-model"):
        cost(Endpoint(**FAR, model="no-such-model"), 1, 1)
    assert cost(Endpoint(), 10**9, 10**9) == 0


def test_an_estimate_errs_high() -> None:
    """A question's price before the call covers its whole text and the longest answer."""
    endpoint = Endpoint(**FAR, model="m", input_price=1, output_price=10, max_output_tokens=1000)
    asked = request(endpoint, "Read.", Thing, "word " * 4000).question("c", "s")
    assert estimate(endpoint, asked) > cost(endpoint, 5000, 1000)
    assert estimate(endpoint, asked) < 3 * cost(endpoint, 5000, 1000)


def test_importing_costs_no_client() -> None:
    """The heavy libraries are imported by the first call, not by the import of the package."""
    modules = "fulcrum.ai.check, fulcrum.ai.judge"
    code = f"import sys, {modules}; print(sorted({{'openai', 'aiohttp', 'httpx2', 'genai_prices'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
