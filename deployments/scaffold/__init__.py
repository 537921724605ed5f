"""A new process, made of templates: its folder under `flows/`, its test and its stanza in `prefect.yaml`."""

from __future__ import annotations

from deployments.scaffold.files import Scaffold, scaffold
from deployments.scaffold.names import Naming

__all__ = ["Naming", "Scaffold", "scaffold"]
