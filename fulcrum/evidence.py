"""What a reviewer reads above the form, in Markdown in which nothing that a document says can take effect (pure)."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from fulcrum.alike import Alike
from fulcrum.cases import Json, ReasonCode, ReviewKind
from fulcrum.ledger import Dossier
from fulcrum.process import Process

MARK = "▶"
"""What a line begins with in which fields were found. A source text that has the sign itself shows `>`."""

SHOWN_AT_MOST = 6000
"""Characters of a source text that the form shows; two thirds of them from its beginning."""

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
_KNOWN_AT_MOST = 200
_QUOTE_AT_MOST = 90


def evidence(process: Process, dossier: Dossier, problem: str | None = None, like: Sequence[Alike] = ()) -> str:
    """Say why the case is here, what was proposed and what else is known of it, the most important first.

    `problem` is why the person's last answer was refused, `like` are decided cases that are like this one. An audit
    shows nothing of the proposal.
    """
    parts = [f"**Your last answer was not taken:** {escaped(problem)}"] if problem else []
    parts.append(f"**Why it is here:** {escaped(dossier.review.reason)}")
    if dossier.review.kind is ReviewKind.AUDIT:
        parts.append("Fill the form in from the source text alone; it is compared with the AI's proposal afterwards.")
    elif dossier.proposal is not None:
        parts.append(_proposal_table(process, dossier))
    parts += [f"**The checks:** {escaped(said)}"] if (said := checks(dossier)) else []
    parts += [_alike_table(process, like)] if like else []
    parts.append("\n".join(f"- {name}: {escaped(value)}" for name, value in known(process, dossier)))
    return "\n\n".join(parts)


def known(process: Process, dossier: Dossier) -> list[tuple[str, str]]:
    """List what else is known of a case: where it came from and when, and which versions proposed."""
    review, case, proposal = dossier.review, dossier.case, dossier.proposal
    facts = [("Source", case.external_id), ("Received", f"{case.received_at:%Y-%m-%d %H:%M} UTC")]
    facts += [(_title(name), str(value)) for name, value in _small(process, case.input)]
    facts += [("Due", f"{review.due_at:%Y-%m-%d %H:%M} UTC"), ("Queue", review.queue), ("Case", case.id)]
    if proposal is not None and review.kind is not ReviewKind.AUDIT:
        by = proposal.model or f"the rules of {process.title}"
        facts.append(("Proposed by", f"{by}, procedure {proposal.sop_version}, prompt {proposal.prompt_version}"))
    return facts


def checks(dossier: Dossier) -> str:
    """Say what the gates have found in what was proposed; nothing where it was not judged, or the case is an audit."""
    code = dossier.review.code
    if code is ReasonCode.GATE:
        broken = dossier.review.reason.split("; ")
        return f"{len(broken)} rules are broken" if len(broken) > 1 else "one rule is broken"
    passed = {ReasonCode.LOW_CONFIDENCE, ReasonCode.NO_CONFIDENCE, ReasonCode.AUTONOMY, ReasonCode.HALTED}
    return "none of the rules is broken" if code in passed else ""


def summarised(process: Process, like: Sequence[Alike]) -> str:
    """Name the decided cases that are like this one in a line of plain text."""
    named = (f"{plain(_label(process, one))} ({one.decided_at:%Y-%m-%d})" for one in like)
    return f"Approved before, and like it: {'; '.join(named)}." if like else ""


def marked(text: str, dossier: Dossier) -> str:
    """Mark in a source text the lines in which the AI has found its values, with their fields."""
    proposal = dossier.proposal
    clean = text.replace(MARK, ">")
    if proposal is None or dossier.review.kind is not ReviewKind.DECIDE:
        return clean
    lines = clean.split("\n")
    texts = [one_line(line) for line in lines]
    named: dict[int, list[str]] = {}
    for name, quote in proposal.evidence.items():
        place = _place(texts, quote)
        if place is not None:
            sure = _percent(proposal.field_confidence.get(name))
            named.setdefault(place, []).append(f"{_title(name).lower()} {sure}".strip())
    for place, names in named.items():
        # In front, because the V1 UI does not wrap a long line.
        lines[place] = f"{MARK} {', '.join(names)}: {lines[place].strip()}"
    return "\n".join(lines)


def _place(texts: Sequence[str], quote: str) -> int | None:
    """Find the line that has a quote, or where no line has all of it, the one that it begins in."""
    wanted = one_line(quote.replace(MARK, ">"))
    if not wanted:
        return None
    for place, text in enumerate(texts):
        if wanted in text:
            return place
    # Where each line that is not blank begins once they stand behind each other as the quote does.
    filled = [place for place, text in enumerate(texts) if text]
    starts = [0, *accumulate(len(texts[place]) + 1 for place in filled)]
    begins = " ".join(texts[place] for place in filled).find(wanted)
    return None if begins < 0 else filled[bisect_right(starts, begins) - 1]


def found(dossier: Dossier, field: str) -> str:
    """Say how sure the AI is of a field and where it found it, in words that read as Markdown and as plain text."""
    proposal = dossier.proposal
    if proposal is None or dossier.review.kind is ReviewKind.AUDIT:
        return ""
    said = []
    if field in proposal.field_confidence:
        said.append(f"{_percent(proposal.field_confidence[field])} sure.")
    if proposal.evidence.get(field):
        said.append(f"Found in: {quoted(proposal.evidence[field])}")
    return " ".join(said)


def excerpt(text: str, case_id: str) -> str:
    """Cut a long text to its head and its tail and say how to see the whole; control characters are taken out."""
    clean = printable(text, keep="\n\t")
    if len(clean) <= SHOWN_AT_MOST:
        return clean
    head, tail = SHOWN_AT_MOST * 2 // 3, SHOWN_AT_MOST // 3
    left_out = (
        f"[... {len(clean) - head - tail:,} characters are left out here; the whole text: fulcrum case {case_id} ...]"
    )
    return f"{clean[:head]}\n\n{left_out}\n\n{clean[-tail:]}"


def escaped(text: str) -> str:
    """Write any text as one line of Markdown that shows it as it is: every sign that could be markup is escaped."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def plain(text: str) -> str:
    """Write any text so that it shows no markup, link or tag whether it is read as Markdown or as plain text."""
    line = one_line(text).translate(str.maketrans("<>[]`*\\~_", "‹›()'·/- "))  # noqa: RUF001 - they look alike on purpose
    return re.sub(r"(?i)(://|www\.|@)", r" \1 ", line).strip()


def quoted(text: str) -> str:
    """Quote a piece of a source text as a code span, in which no markup takes effect."""
    return f"`{_shortened(text).replace('`', chr(39))}`"


def _shortened(text: str) -> str:
    line = one_line(text)
    return f"{line[:_QUOTE_AT_MOST]}{'…' if len(line) > _QUOTE_AT_MOST else ''}"


def one_line(text: str) -> str:
    """Bring a text onto one line, without control characters and repeated blanks."""
    return " ".join(printable(text, keep="\n\t\r").split())


def printable(text: str, *, keep: str = "") -> str:
    """Take out what a screen or a database cannot show: control, direction and format signs, unpaired surrogates."""
    return "".join(c for c in text if c in keep or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def _proposal_table(process: Process, dossier: Dossier) -> str:
    """List what was proposed in the outcome's order; what is absent is left out, or the table buries the form."""
    proposal = dossier.proposal
    assert proposal is not None  # noqa: S101 - the caller has looked
    rows = ["| Field | Proposed | Sure | Found in |", "| --- | --- | --- | --- |"]
    for name in process.outcome.model_fields:
        value, sure = proposal.values.get(name), proposal.field_confidence.get(name)
        if value not in (None, "", []):
            where = escaped(_shortened(proposal.evidence.get(name) or ""))
            rows.append(f"| {_title(name)} | {_cell(value)} | {_percent(sure)} | {where} |")
    overall = "unknown" if proposal.confidence is None else _percent(proposal.confidence)
    return "\n".join(rows) + f"\n\nThe AI's confidence in all of it: {overall}"


def _alike_table(process: Process, like: Sequence[Alike]) -> str:
    rows = ["| Approved before, and like it | Decided | Alike |", "| --- | --- | --- |"]
    rows += [
        f"| {escaped(_label(process, one))} | {one.decided_at:%Y-%m-%d} | {_percent(one.similarity)} |" for one in like
    ]
    return "\n".join(rows)


def _label(process: Process, one: Alike) -> str:
    return one_line(process.review.label(one.values)) or one_line(one.external_id.rpartition("/")[2])


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        return f"{len(value)} entries" if len(value) != 1 else "1 entry"
    return escaped(str(value)[:_KNOWN_AT_MOST])


def _small(process: Process, case_input: Json) -> list[tuple[str, Any]]:
    """Find the short facts of a case's input: no text, no nested data, not its id."""
    names = [name for name in process.case.model_fields if name not in {"id", "text"}]
    values = [(name, case_input.get(name)) for name in names]
    return [(n, v) for n, v in values if isinstance(v, str | int | float) and len(str(v)) <= _KNOWN_AT_MOST and v != ""]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
