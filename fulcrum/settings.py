"""Where Fulcrum keeps its state and how its local stack runs: read from FULCRUM_* variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PACKAGE_PARENT = Path(__file__).resolve().parents[1]
"""The folder that holds the `fulcrum` package: the repository's root in a checkout."""


def project_root() -> Path:
    """Find the folder that `prefect.yaml` lies in: the checkout's root; without a checkout the working folder."""
    return PACKAGE_PARENT if (PACKAGE_PARENT / "prefect.yaml").is_file() else Path.cwd()


class Settings(BaseModel):
    """The settings of one command; each field `x` is the variable FULCRUM_X."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=lambda: project_root() / ".fulcrum", validate_default=True)
    """The folder of all state; absolute. Nothing is written outside it."""
    ledger_url: str = Field(default_factory=lambda data: f"sqlite:///{data['home'] / 'ledger.db'}")
    """The ledger's SQLAlchemy URL."""
    port: int = Field(default=4200, ge=0, le=65535)
    """The local Prefect server's port; 0 takes any free one."""
    desk_port: int = Field(default=4280, ge=0, le=65535)
    """The sample help desk's port, or any free one where that is taken; 0 takes any free one."""
    alerts_port: int = Field(default=4281, ge=0, le=65535)
    """The port that alerts are received on; with 0, `fulcrum up` receives none."""
    heartbeat_url: str | None = None
    """Where the review desk's clock sends its signs of life, as to a `fulcrum alerts listen` on another machine."""
    runs_at_once: int = Field(default=2, ge=1)
    """How many process runs the local worker of the pool `fulcrum` runs at once."""
    reviews_at_once: int = Field(default=4, ge=1)
    """How many answered reviews the local worker of the pool `reviews` handles at once."""
    reviews_per_worker: int = Field(default=500, ge=1)
    """After so many reviews a worker of type `review-desk` starts itself anew, so that nothing grows for ever."""

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take what is not given from the environment; an empty variable is none."""
        variables = {name: os.environ.get(f"FULCRUM_{name.upper()}") for name in cls.model_fields}
        return {name: value for name, value in variables.items() if value} | given

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Anchor a relative home at the working folder of the command that reads it, not of its children."""
        return Path(os.path.abspath(home.expanduser()))  # noqa: PTH100 - keeps symbolic links as the operator wrote them

    @field_validator("ledger_url", mode="after")
    @classmethod
    def _anchored(cls, url: str) -> str:
        """Anchor a relative SQLite file at the working folder, as the home is."""
        scheme, slashes, file = url.partition(":///")
        relative = scheme.startswith("sqlite") and file and not file.startswith(("/", ":", "file:"))
        return f"{scheme}{slashes}{Path.cwd() / file}" if relative else url

    @property
    def logs(self) -> Path:
        """Name the folder of the stack's log files."""
        return self.home / "logs"


def settings() -> Settings:
    """Read the settings afresh from the environment."""
    return Settings()
