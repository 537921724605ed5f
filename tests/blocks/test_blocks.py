"""What an operator configures: each block's form, its secrets, and what the rest of Fulcrum gets of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr, ValidationError

import blocks
from blocks import CaseLedger, FolderTarget, ModelEndpoint, SqlTarget, WebhookTarget, load_target
from fulcrum.ai.endpoint import Endpoint
from fulcrum.errors import EndpointMisconfigured, LedgerOutdated, UsageError
from fulcrum.ledger import Ledger, migrate

if TYPE_CHECKING:
    from conftest import RunningServer

CONCRETE = (ModelEndpoint, CaseLedger, SqlTarget, FolderTarget, WebhookTarget)


@pytest.mark.parametrize("block", CONCRETE)
def test_a_form_explains_itself(block: type[Block]) -> None:
    """Every block says what it is for, and every field has a title and a description."""
    schema = block.model_json_schema()
    assert block.get_description()
    assert block.get_code_example()
    assert all(field.get("title") and field.get("description") for field in schema["properties"].values())


@pytest.mark.parametrize(
    ("block", "slug"),
    [
        (ModelEndpoint, "model-endpoint"),
        (CaseLedger, "case-ledger"),
        (SqlTarget, "sql-target"),
        (FolderTarget, "folder-target"),
        (WebhookTarget, "webhook-target"),
    ],
)
def test_slugs(block: type[Block], slug: str) -> None:
    """References in process definitions name blocks by these slugs."""
    assert block.get_block_type_slug() == slug
    assert block.__name__ in blocks.__all__


def test_a_model_endpoint_left_as_it_is() -> None:
    """The form's defaults are the endpoint's own: the embedded model."""
    assert ModelEndpoint().endpoint() == Endpoint()
    assert ModelEndpoint().endpoint().embedded


def test_a_model_endpoint_has_all_of_the_endpoint_s_settings() -> None:
    """Whatever an endpoint can be told, the form asks for."""
    assert set(ModelEndpoint.model_fields) == set(Endpoint.model_fields) - {"name"}


def test_a_model_endpoint_filled_in() -> None:
    """What the form says arrives at the endpoint."""
    given: dict[str, Any] = {
        "base_url": "https://models.example/v1",
        "model": "m",
        "api_key": "sk-planted",
        "input_price": "0.25",
        "output_price": "2",
        "currency": "EUR",
        "samples": 3,
        "temperature": None,
    }
    endpoint = ModelEndpoint(**given).endpoint()
    assert endpoint == Endpoint(**given)
    assert (endpoint.key(), endpoint.input_price) == ("sk-planted", Decimal("0.25"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"base_url": "ftp://models.example"}, "base_url"),
        ({"base_url": "https://user:sk-planted@models.example/v1"}, "base_url"),
        ({"input_price": "1"}, "set together"),
    ],
)
def test_a_model_endpoint_that_is_not_sound(given: dict[str, Any], problem: str) -> None:
    """What the form cannot check is refused by name when the endpoint is asked for, without the values."""
    with pytest.raises(EndpointMisconfigured, match=problem) as refused:
        ModelEndpoint(**given).endpoint()
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("given", [{"samples": 0}, {"temperature": 3}, {"currency": "euro"}, {"timeout_s": 0}])
def test_a_model_endpoint_s_limits(given: dict[str, Any]) -> None:
    """The form refuses numbers that make no sense."""
    with pytest.raises(ValidationError):
        ModelEndpoint(**given)


def test_an_empty_case_ledger_is_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a URL the ledger is FULCRUM_LEDGER_URL's, else the one in FULCRUM_HOME."""
    monkeypatch.delenv("FULCRUM_LEDGER_URL", raising=False)
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path))
    assert CaseLedger().where() == f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv("FULCRUM_LEDGER_URL", "postgresql://db/fulcrum")
    assert CaseLedger(url=SecretStr("")).where() == "postgresql://db/fulcrum"
    assert CaseLedger(url=SecretStr("sqlite:////srv/l.db")).where() == "sqlite:////srv/l.db"


def test_a_case_ledger_opens(tmp_path: Path) -> None:
    """A migrated ledger opens; one that is not says so."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    block = CaseLedger(url=SecretStr(url))
    with pytest.raises(LedgerOutdated):
        block.open()
    migrate(url)
    ledger = block.open()
    assert isinstance(ledger, Ledger)
    ledger.store.close()


def test_blocks_round_trip_through_prefect(prefect_server: RunningServer, tmp_path: Path) -> None:
    """Saved and loaded each block is what it was; its secrets are masked wherever they are shown."""
    made: dict[str, Block] = {
        "model-endpoint": ModelEndpoint(api_key=SecretStr("sk-planted"), input_price=Decimal("0.25"), output_price=2),
        "case-ledger": CaseLedger(url=SecretStr("postgresql://u:planted@db/l")),
        "sql-target": SqlTarget(url=SecretStr("postgresql://u:planted@db/erp"), table="erp", schema_name="books"),
        "folder-target": FolderTarget(folder=tmp_path),
    }
    for slug, block in made.items():
        block.save("round-trip")
        loaded = Block.load(f"{slug}/round-trip")
        assert type(loaded) is type(block)
        assert loaded.model_dump() == block.model_dump()
        assert "planted" not in repr(loaded) + loaded.model_dump_json()
    assert ModelEndpoint.load("round-trip").endpoint().name == "round-trip"
    assert ModelEndpoint.load("round-trip").endpoint().key() == "none"
    target = load_target("sql-target/round-trip")
    assert isinstance(target, SqlTarget)
    assert target.url.get_secret_value() == "postgresql://u:planted@db/erp"
    with pytest.raises(UsageError, match="is no target"):
        load_target("case-ledger/round-trip")


def test_the_server_masks_secrets(prefect_server: RunningServer) -> None:
    """The API shows a saved block without its secrets unless it is asked for them by name."""
    from prefect.client.orchestration import get_client

    SqlTarget(url=SecretStr("postgresql://u:planted@db/erp")).save("masked")
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name("masked", "sql-target", include_secrets=False)
    assert document.data["table"] == "postings"
    assert "planted" not in document.model_dump_json()
