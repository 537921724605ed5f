"""A stanza put at the end of `prefect.yaml`, as text: its comments and anchors stay as people wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deployments.scaffold.names import Naming
from fulcrum.errors import ScaffoldRefused

DECLARED = "prefect.yaml"

OTHER = "choose another name"


def extended(file: Path, naming: Naming, stanza: str) -> str:
    """Give the file's text with a stanza at its end; raise ScaffoldRefused where it has one or takes none there."""
    before = file.read_bytes().decode("utf-8", errors="surrogateescape")
    stanzas = _stanzas(before, naming)
    if any(one.get("name") == naming.name for one in stanzas if isinstance(one, dict)):
        raise ScaffoldRefused(name=naming.name, problem=f"{DECLARED} has a stanza of that name", remedy=OTHER)
    after = before.rstrip() + "\n" + stanza
    found = _stanzas(after, naming)
    if found[: len(stanzas)] != stanzas or [one["name"] for one in found[len(stanzas) :]] != [naming.name]:
        raise ScaffoldRefused(
            name=naming.name, problem=f"{DECLARED} does not end with its deployments", remedy="move them to its end"
        )
    return after


def _stanzas(text: str, naming: Naming) -> list[Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = f"{DECLARED} takes no stanza at its end ({getattr(error, 'problem', 'it is no YAML')}{line})"
        raise ScaffoldRefused(name=naming.name, problem=problem, remedy="mend the file") from None
    found = content.get("deployments") if isinstance(content, dict) else None
    if not isinstance(found, list):
        problem = f"{DECLARED} has no list of deployments"
        raise ScaffoldRefused(name=naming.name, problem=problem, remedy="mend the file")
    return found
