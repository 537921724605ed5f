"""Where Fulcrum's state lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulcrum.settings import project_root, settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FULCRUM_HOME", "FULCRUM_LEDGER_URL", "FULCRUM_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_state_lies_in_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wherever the command is called from."""
    monkeypatch.chdir(tmp_path)
    assert project_root() == Path(__file__).resolve().parents[2]
    assert settings().home == project_root() / ".fulcrum"
    assert settings().ledger_url == f"sqlite:///{project_root()}/.fulcrum/ledger.db"
    assert settings().port == 4200


@pytest.mark.parametrize(
    ("home", "expected"), [("state", "{cwd}/state"), ("/srv/x/../fulcrum", "/srv/fulcrum"), ("", "{root}/.fulcrum")]
)
def test_the_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str, expected: str) -> None:
    """A relative one is taken from the working folder, an empty one is none; the ledger follows it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FULCRUM_HOME", home)
    wanted = Path(expected.format(cwd=tmp_path, root=project_root()))
    assert settings().home == wanted
    assert settings().ledger_url == f"sqlite:///{wanted}/ledger.db"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///cases.db", "sqlite:///{cwd}/cases.db"),
        ("sqlite:////srv/cases.db", "sqlite:////srv/cases.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://user:secret@db/cases", "postgresql+psycopg://user:secret@db/cases"),
    ],
)
def test_a_ledger_in_a_relative_file_is_anchored_where_it_was_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, expected: str
) -> None:
    """Workers run in another folder and have to mean the same file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FULCRUM_LEDGER_URL", given)
    assert settings().ledger_url == expected.format(cwd=tmp_path)


def test_settings_are_read_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable set later counts."""
    assert settings().port == 4200
    monkeypatch.setenv("FULCRUM_PORT", "4321")
    assert settings().port == 4321
