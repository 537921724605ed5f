"""A catalogue: the options of one field as data, each with what follows from it and examples (pure).

What a model may answer, what a form offers and what a gate accepts is built from it, so that people who know the work
change it without touching code. A change of it is a new version of the procedure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NoReturn, get_args

from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from fulcrum.cases import Json
from fulcrum.errors import CatalogueUnusable

NONE_OF_THESE = "none_of_these"
"""The option of what fits no other; it always leads to a person."""

LONGEST_NAME = 200

_OWN = frozenset({"name", "aliases", "examples"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: its name, other names that mean it, what follows from it, and texts that are about it."""

    name: str
    aliases: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] = field(default=(), repr=False)

    def to_json(self) -> Json:
        """Give the option as a catalogue's file says it."""
        told: Json = {"name": self.name}
        told |= {"aliases": list(self.aliases)} if self.aliases else {}
        return told | dict(self.facts) | {"examples": list(self.examples)}


@dataclass(frozen=True)
class Catalogue:
    """The options of the field that it is named for, in order.

    `follows` names further fields whose values the options give: those fields take these values alone.
    """

    field: str
    options: tuple[Option, ...]
    follows: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """List the options' names."""
        return tuple(option.name for option in self.options)

    @cached_property
    def version(self) -> str:
        """Hash what it says (12 hex digits)."""
        return sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def find(self, name: object) -> Option | None:
        """Find an option by its name or another name of it."""
        return self._by_name.get(name) if isinstance(name, str) else None

    def fact(self, name: object, fact: str) -> Any:
        """Say what follows from an option; None where there is no such option or it does not say."""
        option = self.find(name)
        return option.facts.get(fact) if option else None

    def to_json(self) -> Json:
        """Give the catalogue as its file says it."""
        told: Json = {"field": self.field} | ({"follows": list(self.follows)} if self.follows else {})
        return told | {"options": [option.to_json() for option in self.options]}

    def words(self) -> str:
        """Say what texts about each option speak of, where the options say it: `name: words.`, for a model to read."""
        said = [(option.name, str(option.facts.get("words") or "").strip().rstrip(".")) for option in self.options]
        return " ".join(f"{name}: {words}." for name, words in said if words)

    def choices(self) -> dict[str, tuple[str, ...]]:
        """Give what each field may hold that the catalogue decides: its own, and those that follow from it."""
        said = {name: [option.facts.get(name) for option in self.options] for name in self.follows}
        follow = {name: tuple(dict.fromkeys(v for v in values if isinstance(v, str))) for name, values in said.items()}
        return {self.field: self.names} | {name: values for name, values in follow.items() if values}

    @cached_property
    def _by_name(self) -> dict[str, Option]:
        named = {option.name: option for option in self.options}
        return {alias: option for option in self.options for alias in option.aliases} | named


Catalogues = Mapping[str, Catalogue]
"""Catalogues by the field that each is named for."""


def load_catalogue(path: Path) -> Catalogue:
    """Read a catalogue from a YAML file; raise CatalogueUnusable, with what is wrong and where."""
    import yaml  # noqa: PLC0415 - most processes have no catalogue

    try:
        return catalogue_of(yaml.safe_load(path.read_text(encoding="utf-8")), where=str(path))
    except FileNotFoundError:
        _refuse(str(path), "there is no such file")
    except (OSError, UnicodeDecodeError) as error:
        _refuse(str(path), f"it cannot be read as UTF-8 text ({type(error).__name__})")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        _refuse(str(path), f"it is no YAML{f', line {mark.line + 1}' if mark else ''}")


def catalogue_of(said: Any, *, where: str) -> Catalogue:
    """Make a catalogue of what a file or the ledger says; raise CatalogueUnusable."""
    if (
        not isinstance(said, dict)
        or not isinstance(said.get("field"), str)
        or not isinstance(said.get("options"), list)
    ):
        _refuse(where, "it needs `field`, a name, and `options`, a list")
    options = tuple(_option(entry, number, where) for number, entry in enumerate(said["options"], start=1))
    names = [name for option in options for name in (option.name, *option.aliases)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        _refuse(where, f"it names {repeated[0]} twice")
    if not options:
        _refuse(where, "it has no options")
    follows = said.get("follows") or []
    if not isinstance(follows, list) or not all(isinstance(name, str) for name in follows):
        _refuse(where, "its `follows` is no list of names")
    return Catalogue(said["field"], options, tuple(follows))


def from_labels(
    field: str, labels: Iterable[str], before: Catalogue | None, *, none: Sequence[str], facts: Mapping[str, Any]
) -> Catalogue:
    """Make a catalogue of labels, the most frequent first; what an option of `before` says of itself is kept.

    A new one says `facts`. Labels among `none` are other names of `none_of_these`, which is always there and last.
    """
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    aliases = tuple(sorted(label for label in counts if label in none and label != NONE_OF_THESE))
    named = sorted((label for label in counts if label not in {*none, NONE_OF_THESE}), key=lambda n: (-counts[n], n))
    kept = {option.name: option for option in (before.options if before else ())}
    options = [kept.get(name) or Option(name=name, facts=dict(facts)) for name in named]
    rest = kept.get(NONE_OF_THESE) or Option(name=NONE_OF_THESE, facts=dict(facts))
    last = Option(name=NONE_OF_THESE, aliases=aliases, facts=rest.facts, examples=rest.examples)
    return Catalogue(field, (*options, last), before.follows if before else ())


def bounded(model: type[BaseModel], catalogues: Catalogues) -> type[BaseModel]:
    """Let each field that a catalogue decides take its options alone; another model is given back as it is."""
    choices = {name: given for one in catalogues.values() for name, given in one.choices().items()}
    told = {name: catalogue.words() for name, catalogue in catalogues.items()}
    chosen = tuple((name, choices[name], told.get(name, "")) for name in model.model_fields if name in choices)
    return _bounded(model, chosen) if chosen else model


@lru_cache(maxsize=64)
def _bounded(model: type[BaseModel], chosen: tuple[tuple[str, tuple[str, ...], str], ...]) -> type[BaseModel]:
    fields = {name: _choice(model.model_fields[name], options, words) for name, options, words in chosen}
    made: type[BaseModel] = create_model(  # type: ignore[call-overload] # the fields' names are data
        model.__name__, __base__=model, __module__=model.__module__, **fields
    )
    return made


def _choice(info: FieldInfo, options: tuple[str, ...], words: str) -> tuple[Any, FieldInfo]:
    kind: Any = Literal[options]
    if words:
        info = copy(info)
        # What follows "Labels:" is for the model alone; forms and documents leave it out.
        info.description = f"{info.description or ''} Labels: {words}".strip()
    return (kind | None if NoneType in get_args(info.annotation) else kind, info)


def _option(entry: Any, number: int, where: str) -> Option:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        _refuse(where, f"option {number} has no name of up to {LONGEST_NAME} characters")
    for part in ("aliases", "examples"):
        if not all(isinstance(text, str) and text.strip() for text in _listed(entry, part, number, where)):
            _refuse(where, f"option {number} ({name}) has {part} that are no texts")
    facts = {key: value for key, value in entry.items() if key not in _OWN}
    aliases, examples = (tuple(_listed(entry, part, number, where)) for part in ("aliases", "examples"))
    return Option(name=name, aliases=aliases, facts=facts, examples=examples)


def _listed(entry: Json, part: str, number: int, where: str) -> list[Any]:
    said = entry.get(part) or []
    if not isinstance(said, list):
        _refuse(where, f"option {number} has {part} that are no list")
    return said


def _refuse(where: str, problem: str) -> NoReturn:
    raise CatalogueUnusable(where=where, problem=problem) from None
