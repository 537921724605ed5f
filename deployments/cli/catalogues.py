"""Showing and changing the options that a process chooses among: its catalogues, which are data."""

from __future__ import annotations

from getpass import getuser
from pathlib import Path
from typing import Annotated

import yaml
from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import in_force, open_ledger
from fulcrum.catalogue import NONE_OF_THESE, Catalogue, from_labels, load_catalogue
from fulcrum.errors import UsageError
from fulcrum.ledger import Ledger
from fulcrum.process import Process

NOT_ONE = ("oos", "out_of_scope", "none", "other", NONE_OF_THESE)
"""Labels that usually say that a text fits no option."""


def show(process: str, *, field: str | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the options that are in force, and who has put them there.

    Args:
        process: Name of the process, as ticket-triage.
        field: Of which field; only needed where a process has several catalogues.
        json: Print the catalogue as one JSON object.
    """
    with open_ledger() as ledger:
        catalogue = _chosen(in_force(ledger, process), field)
        changes = [change for change in ledger.catalogues.changes(process) if change["field"] == catalogue.field]
    if json:
        print_json(catalogue.to_json() | {"version": catalogue.version})
        return
    rows = [
        (option.name, *(option.facts.get(name) for name in catalogue.follows), len(option.examples))
        for option in catalogue.options
    ]
    title = f"{process}: {len(rows)} options of {catalogue.field}, version {catalogue.version}"
    table(title, ("option", *catalogue.follows, "examples"), rows, right=("examples",))
    if changes:
        newest = changes[0]
        out.print(f"Set by {newest['set_by']} on {newest['set_at']:%Y-%m-%d}: {newest['reason']}", markup=False)
    else:
        out.print("As the process ships them.")


def take(
    process: str,
    file: Path | None = None,
    *,
    field: str | None = None,
    none: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = NOT_ONE,
    set: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),  # noqa: A002 - the option's name
    by: str | None = None,
    reason: str | None = None,
) -> None:
    """Put another catalogue in force from the next run on: from a file, or made of the labels of the loaded examples.

    Options that were there keep what follows from them. The change is a new version of the procedure.

    Args:
        process: Name of the process, as ticket-triage.
        file: A YAML file, as `fulcrum catalogue export` writes it. Left out: the labels of the loaded examples.
        field: Of which field; only needed where a process has several catalogues.
        none: Labels that say that a text fits no option.
        set: What follows from a new option, as team=front_desk; by default what follows from none_of_these.
        by: The name of the person who answers for it; the system's user when left out.
        reason: Why.
    """
    with open_ledger() as ledger:
        definition = in_force(ledger, process)
        before = _chosen(definition, field)
        if file is not None:
            found = _of_field(load_catalogue(file), before.field, file)
        else:
            found = _from_examples(ledger, definition, before, none, dict(_assignment(item) for item in set))
        said = reason or (f"imported from {file.name}" if file is not None else "the labels of the loaded examples")
        changed = ledger.catalogues.put(definition.name, found, by=(by or getuser()).strip(), reason=said.strip())
        version = ledger.catalogues.bind(definition).sop_version
    told = f"{len(found.options)} options of {found.field}, version {found.version}"
    done = f"From the next run on, under procedure {version}." if changed else "It is in force already."
    out.print(f"{told}. {done}", markup=False)


def export(process: str, file: Path, *, field: str | None = None) -> None:
    """Write the catalogue in force to a YAML file, to be edited and imported.

    Args:
        process: Name of the process, as ticket-triage.
        file: Where to; a file that is there is not overwritten.
        field: Of which field; only needed where a process has several catalogues.
    """
    with open_ledger() as ledger:
        catalogue = _chosen(in_force(ledger, process), field)
    text = yaml.safe_dump(catalogue.to_json(), allow_unicode=True, sort_keys=False, width=120)
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise UsageError(problem=f"{file} cannot be written: {error.strerror}.") from None
    out.print(f"Wrote {file}. Edit it, then: fulcrum catalogue import {process} {file}", markup=False)


def _chosen(process: Process, field: str | None) -> Catalogue:
    fields = ", ".join(process.options)
    if not process.catalogues:
        raise UsageError(problem=f"{process.name} has no catalogue; its options are in its code")
    if field is None and len(process.catalogues) > 1:
        raise UsageError(problem=f"{process.name} has several catalogues; name one with --field: {fields}")
    found = process.options.get(field or process.catalogues[0].field)
    if found is None:
        raise UsageError(problem=f"{process.name} has no catalogue of {field}; it has {fields}")
    return found


def _of_field(found: Catalogue, field: str, file: Path) -> Catalogue:
    if found.field != field:
        raise UsageError(problem=f"{file} has the options of {found.field}, not of {field}")
    return found


def _from_examples(
    ledger: Ledger, process: Process, before: Catalogue, none: tuple[str, ...], facts: dict[str, str]
) -> Catalogue:
    """Make a catalogue of what the examples that hold now are labelled with."""
    known = ledger.examples.known(process.name, ledger.store.now())
    labels = [process.meant(one.values).get(before.field) for one in known if one.until is None]
    named = [label for label in labels if isinstance(label, str) and label.strip()]
    if not named:
        remedy = f"load some: fulcrum examples load {process.name} FILE"
        raise UsageError(problem=f"no example of {process.name} has a {before.field}; {remedy}")
    rest = before.find(NONE_OF_THESE)
    given = {name: rest.facts[name] for name in before.follows if rest and name in rest.facts}
    return from_labels(before.field, named, before, none=none, facts=given | facts)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UsageError(problem=f"--set takes name=value, not {text}")
    return name, value
