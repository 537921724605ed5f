"""A review as a form: the fields that a person edits, prefilled, and what their answer says (pure).

The form is made for both of Prefect's UIs, whose traps shape it:
- Neither shows a field that may be null as a plain input: every field is text, and blank means None. A field that the
  person clears is missing from the answer.
- Numbers lose their cents in a number input ("10.10" turns into 10.1): amounts are text with a pattern.
- The V1 UI hides what is above a tall form: reason and source text also stand in the form's first field, whose
  format `json-string` both UIs show as an editor of plain text, so that nothing in it can take effect.
- V1 resolves references only to `definitions`; V2 takes values for the schema, so some names of fields break it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError, create_model
from pydantic.fields import FieldInfo

from fulcrum.alike import Alike
from fulcrum.answering import ALLOWED, Said
from fulcrum.cases import Json, ReviewKind, Verdict
from fulcrum.errors import DecisionRefused
from fulcrum.evidence import evidence, excerpt, found, marked, one_line, plain, summarised
from fulcrum.form_fields import (
    CONFIG,
    OWN,
    Definition,
    definition,
    form_name,
    is_editable,
    is_simple,
    names_of,
    read,
    written,
)
from fulcrum.ledger import Dossier
from fulcrum.process import Process

NAME_AT_MOST = 120
EDITABLE_AT_MOST = 100_000
"""Characters of the longest text that a form lets a person edit."""

SOURCE = "source_text"

TAKES_EFFECT = frozenset({Verdict.APPROVE, Verdict.REPAIR})
"""The verdicts that say: what stands in this form takes effect."""


@dataclass(frozen=True, slots=True)
class Form:
    """A review's form: the model of its answer, what its fields hold at first, and the Markdown above it.

    `fields` are the edited fields of the outcome (or of the input, in a repair) by their names in the form.
    """

    review_id: str
    kind: ReviewKind
    model: type[BaseModel]
    evidence: str
    fields: Mapping[str, str]
    start: Json
    """What the fields hold before anybody edits them, by name in the form."""
    proposed: Json
    """The values behind `start`, by name in the outcome."""

    def schema(self) -> Json:
        """Give the form's JSON schema as both UIs read it."""
        schema = self.model.model_json_schema(ref_template="#/definitions/{model}")
        if "$defs" in schema:
            schema["definitions"] = schema.pop("$defs")
        return schema

    def said(self, answer: Json, *, asked: Collection[str] | None = None) -> Said:
        """Read an answer; raises DecisionRefused when it is none to this form.

        An answer from the UI is whole, it holds the source text: a field that it lacks was cleared. Any other (from a
        script) changes only what it names, except in an audit, where nothing is taken over from what was hidden.

        `asked` are the fields of the form that was answered, where another release may have made it. What that did not
        ask for stays as proposed. What is asked for no more is left out, unless it was to take effect.
        """
        known = frozenset(self.model.model_fields if asked is None else asked)
        answer = self._without_gone(answer, known)
        self._check(answer)
        whole = SOURCE in answer or self.kind is ReviewKind.AUDIT
        names = [name for name in self.fields if name in (known if whole else answer)]
        changes = {self.fields[name]: self._value(name, answer.get(name)) for name in names}
        return Said(
            verdict=Verdict(answer["verdict"]),
            reviewer=answer["reviewer"],
            note=answer.get("note"),
            changes=changes or None,
            code=answer.get("code"),
            colleague=answer.get("colleague"),
        )

    def _without_gone(self, answer: Json, asked: Collection[str]) -> Json:
        """Leave out what the answered form asked for and this one does not."""
        gone = [name for name in answer if name in asked and name not in self.model.model_fields]
        lost = [name for name in gone if name not in OWN and read(answer[name]) not in (None, [])]
        if lost and answer.get("verdict") in TAKES_EFFECT:
            problem = f"{', '.join(lost)} is asked for no more; decide what stands in this form now"
            raise DecisionRefused(review_id=self.review_id, problem=problem)
        return {name: value for name, value in answer.items() if name not in gone}

    def _check(self, answer: Json) -> None:
        if not answer:
            raise DecisionRefused(review_id=self.review_id, problem="the form was not filled in")
        try:
            self.model.model_validate(answer)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise DecisionRefused(review_id=self.review_id, problem=problems) from None

    def _value(self, name: str, given: Any) -> Any:
        """Turn what a field of the form holds into the outcome's value; what was not touched stays as proposed."""
        if given is not None and given == self.start.get(name):
            return self.proposed.get(self.fields[name])
        return read(given)


def form_of(
    process: Process,
    dossier: Dossier,
    *,
    problem: str | None = None,
    before: Json | None = None,
    asked: Collection[str] | None = None,
    like: Sequence[Alike] = (),
) -> Form:
    """Make the form of a review.

    A decision's fields are prefilled from the proposal, an audit's are blank, a repair's are the input's text and
    optional fields. Asked again, `problem` is why, and the fields hold what the person answered `before`, in a form
    that `asked` for these fields. `like` are decided cases that are like this one.
    """
    kind = dossier.review.kind
    edited, proposed = _edited(process, dossier)
    fields = {form_name(name): name for name in edited}
    start = {shown_as: written(edited[name].annotation, proposed.get(name)) for shown_as, name in fields.items()}
    shown = start | _answered(before, {*fields, "reviewer", "note", "verdict"}, asked)
    needed = process.review.required if kind is not ReviewKind.REPAIR else ()
    made = {
        shown_as: definition(edited[name], name, shown.get(shown_as), _hint(dossier, edited[name], name, needed))
        for shown_as, name in fields.items()
    }
    lists = {name: made[name] for name in made if isinstance(shown.get(name), list)}
    single = {name: made[name] for name in made if name not in lists}
    model: type[BaseModel] = create_model(  # type: ignore[call-overload] # the fields' names are data
        "Review",
        __config__=CONFIG,
        **{SOURCE: _source(process, dossier, problem, like), **single, **_decision(process, kind, shown), **lists},
    )
    return Form(
        review_id=dossier.review.id,
        kind=kind,
        model=model,
        evidence=evidence(process, dossier, problem, like),
        fields=fields,
        start=start,
        proposed=proposed,
    )


def name_of(process: Process, dossier: Dossier) -> str:
    """Name a review in 120 characters, as `Invoice ACME 2024-17, 1,210.00 EUR: total does not add up`.

    An audit's name does not reveal the proposal.
    """
    review, proposal = dossier.review, dossier.proposal
    hidden = review.kind is not ReviewKind.DECIDE or proposal is None or not proposal.values
    label = one_line("" if hidden or proposal is None else process.review.label(proposal.values))
    label = label or one_line(dossier.case.external_id.rpartition("/")[2]) or process.title
    reason = one_line(review.reason)
    room = max(NAME_AT_MOST - len(reason) - 2, NAME_AT_MOST // 2)
    return _cut(f"{_cut(label, room)}: {reason}", NAME_AT_MOST)


def _edited(process: Process, dossier: Dossier) -> tuple[dict[str, FieldInfo], Json]:
    """Choose the fields that a person edits and what they hold at first."""
    if dossier.review.kind is ReviewKind.REPAIR:
        given = dossier.case.input
        chosen = {
            name: field
            for name, field in process.case.model_fields.items()
            if (name == "text" or not field.is_required()) and is_simple(field.annotation) and _fits(given.get(name))
        }
        return chosen, {name: given.get(name) for name in chosen}
    outcome = process.bounded(process.outcome)
    chosen = {name: field for name, field in outcome.model_fields.items() if is_editable(field.annotation)}
    blank = dossier.review.kind is ReviewKind.AUDIT or dossier.proposal is None
    values = {} if blank or dossier.proposal is None else dossier.proposal.values
    return chosen, {name: values.get(name) for name in chosen}


def _decision(process: Process, kind: ReviewKind, shown: Json) -> dict[str, Definition]:
    means = {
        Verdict.APPROVE: "approve: what stands in this form takes effect",
        Verdict.REJECT: "reject: it is refused for good, for the reason in the note",
        Verdict.ESCALATE: f"escalate: {process.owner.name} decides",
        Verdict.REPAIR: "repair: it goes back into the process as it stands in this form",
        Verdict.DISCARD: "discard: nothing is done with it",
        Verdict.HAND_ON: "hand_on: the colleague named below is asked instead",
    }
    words = ". ".join(means[verdict] for verdict in ALLOWED[kind])
    choices: Any = Literal[tuple(verdict.value for verdict in ALLOWED[kind])]
    name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
    note = Annotated[str, StringConstraints(max_length=2000)]
    text = Annotated[str, StringConstraints(max_length=200)]
    why = "Why; needed to reject." if Verdict.REJECT in ALLOWED[kind] else "Why, if that is worth keeping."
    known: Json = {"default": shown["reviewer"]} if shown.get("reviewer") else {}
    return {
        "verdict": (choices, Field(title="Verdict", description=f"{words}.")),
        "reviewer": (
            name,
            Field(title="Reviewer", description="Your name; it is kept with the decision.", json_schema_extra=known),
        ),
        **_proof(process, kind),
        "colleague": (text, Field("", title="Colleague", description="Whom to hand it on to; only for that.")),
        "note": (note, Field(str(shown.get("note") or "")[:2000], title="Note", description=why)),
    }


def _proof(process: Process, kind: ReviewKind) -> dict[str, Definition]:
    """Ask for a code where the process may need one."""
    if process.review.verified is None or kind is ReviewKind.REPAIR:
        return {}
    digits = Annotated[str, StringConstraints(pattern=r"^\s*([0-9]{3} ?[0-9]{3})?\s*$")]
    words = "The six digits in your authenticator app, where several people must approve or much is at stake."
    return {"code": (digits, Field("", title="Code", description=words))}


def _source(process: Process, dossier: Dossier, problem: str | None, like: Sequence[Alike]) -> Definition:
    """Show the source text, with the reason above it."""
    shown = _text(process, dossier)
    said = [f"Your last answer was not taken: {_sentence(problem)}"] if problem else []
    said.append(f"Why it is here: {_sentence(dossier.review.reason)}")
    said += [known] if (known := summarised(process, like)) else []
    said.append(f"Received {dossier.case.received_at:%Y-%m-%d %H:%M} UTC. For reading: edits in this box are ignored.")
    title = f"What came in: {plain(dossier.case.external_id)[:NAME_AT_MOST]}"
    extra: Json = {"format": "json-string"}
    return (str, Field(shown, title=title, description=" ".join(said), json_schema_extra=extra))


def _hint(dossier: Dossier, field: FieldInfo, name: str, needed: Sequence[str]) -> str:
    """Say what belongs into a field; labels are there for the model, not for a person."""
    parts = [(field.description or "").split(" Labels:")[0]]
    if "date" in names_of(field.annotation):
        parts.append("YYYY-MM-DD.")
    if name in needed:
        parts.append("Needed to approve.")
    parts.append(found(dossier, name) if dossier.review.kind is ReviewKind.DECIDE else "")
    return " ".join(part for part in parts if part)


def _answered(before: Json | None, names: set[str], asked: Collection[str] | None) -> Json:
    """Keep of an earlier answer what a form can hold; a field that was asked for and that it lacks was cleared."""
    if before is None:
        return {}
    kept = {name: value for name, value in before.items() if name in names and isinstance(value, str | list)}
    lacking = [name for name in names if name not in before and (asked is None or name in asked)]
    cleared = dict.fromkeys(lacking, "") if SOURCE in before else {}
    return cleared | kept


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _text(process: Process, dossier: Dossier) -> str:
    given = dossier.case.input
    if dossier.review.kind is ReviewKind.REPAIR:
        text = given.get("text")
        if isinstance(text, str) and text.strip() and _fits(text):
            return "(Mend the text in its own field below.)"
    else:
        text = process.text(given)
    if not isinstance(text, str) or not text.strip():
        return "(There is no text.)"
    return marked(excerpt(text, dossier.case.id), dossier)


def _fits(value: Any) -> bool:
    return not isinstance(value, str) or len(value) <= EDITABLE_AT_MOST


def _sentence(text: str) -> str:
    return f"{plain(text).rstrip('.')}."
