"""The approved paragraphs that letters are made of: files with an owner and a version (pure, but for reading them)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import yaml

from fulcrum.errors import ParagraphUnusable

PARTS = ("opening", "finding", "next_step", "closing")
"""The parts of a letter, in order."""

PLACES = frozenset({"received_on", "deadline", "product", "issue", "quotes"})
"""What a paragraph may leave open."""

MOST_QUOTES = 6

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_PLACE = re.compile(r"\{(\w+)\}")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """An approved paragraph: what it is for, who answers for its words, and the words.

    `products`, `issues` and `severities` are None where it goes with any. `words` say when to take it.
    """

    id: str
    part: str
    owner: str
    version: int
    approved_on: date
    products: frozenset[str] | None
    issues: frozenset[str] | None
    severities: frozenset[str] | None
    words: str
    body: str

    def fits(self, product: str | None, issue: str | None, severity: str | None) -> bool:
        """Tell whether it goes with a complaint of this kind."""
        asked = ((self.products, product), (self.issues, issue), (self.severities, severity))
        return all(allowed is None or said in allowed for allowed, said in asked)

    @property
    def narrowness(self) -> int:
        """Count what it is made for alone; the narrower of two says more."""
        return 4 * (self.issues is not None) + 2 * (self.products is not None) + (self.severities is not None)


def load_paragraphs(folder: Path) -> dict[str, Paragraph]:
    """Read the paragraphs of a folder by their ids, the files' names; raise ParagraphUnusable with file and reason."""
    found = {path.stem: _paragraph(path) for path in sorted(folder.glob("*.md"))}
    for part in PARTS:
        if not any(one.part == part and one.products is one.issues is None for one in found.values()):
            _refuse(folder, f"no {part} goes with any product and issue")
    return found


def chosen(
    paragraphs: Mapping[str, Paragraph],
    part: str,
    said: object,
    product: str | None,
    issue: str | None,
    severity: str | None,
) -> str | None:
    """Choose the paragraph of a part: the one that was said, where it fits, else the narrowest that does."""
    fitting = [one for one in paragraphs.values() if one.part == part and one.fits(product, issue, severity)]
    if any(one.id == said for one in fitting):
        return str(said)
    return max(fitting, key=lambda one: one.narrowness).id if fitting else None


def letter(paragraphs: Iterable[Paragraph], fills: Mapping[str, str | None]) -> str | None:
    """Put paragraphs together, what they leave open filled in; None where something that one needs is not known."""
    texts = [filled(one.body, fills) for one in paragraphs]
    known = [text for text in texts if text is not None]
    return "\n\n".join(known) if known and len(known) == len(texts) else None


def filled(body: str, fills: Mapping[str, str | None]) -> str | None:
    """Fill a paragraph in; None where something that it needs is not known."""
    if any(not fills.get(name) for name in _PLACE.findall(body)):
        return None
    return _PLACE.sub(lambda match: str(fills[match[1]]), body)


def quoted(quotes: Iterable[str]) -> str:
    """Write quotes one below the other, each in quotation marks."""
    return "\n".join(f"- “{' '.join(quote.split())}”" for quote in list(quotes)[:MOST_QUOTES])


def sentences(text: str) -> list[str]:
    """Cut a text into its sentences, blanks folded."""
    return [" ".join(match[0].split()) for match in _SENTENCE.finditer(text) if match[0].strip()]


def _paragraph(path: Path) -> Paragraph:
    try:
        matched = _FRONT.match(path.read_text(encoding="utf-8"))
        head: Any = yaml.safe_load(matched[1]) if matched else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        _refuse(path, f"cannot be read ({type(error).__name__})")
    if matched is None or not isinstance(head, dict):
        _refuse(path, "does not begin with its facts between two lines of ---")
    body = matched[2].strip()
    for problem in _problems(head, body):
        _refuse(path, problem)
    return Paragraph(
        id=path.stem,
        part=head["part"],
        owner=head["owner"],
        version=head["version"],
        approved_on=head["approved_on"],
        products=_some(head["products"]),
        issues=_some(head["issues"]),
        severities=_some(head["severities"]),
        words=head["words"],
        body=body,
    )


def _problems(head: Mapping[str, Any], body: str) -> Iterable[str]:
    kinds = {"part": str, "owner": str, "version": int, "approved_on": date, "words": str}
    for name, kind in kinds.items():
        if not isinstance(head.get(name), kind) or head[name] == "":
            yield f"has no {name}"
    if head.get("part") not in PARTS:
        yield f"is of no part of a letter: {', '.join(PARTS)}"
    for name in ("products", "issues", "severities"):
        if head.get(name) != "any" and not isinstance(head.get(name), list):
            yield f"does not say its {name}: any, or a list"
    if not body:
        yield "has no words"
    if unknown := sorted(set(_PLACE.findall(body)) - PLACES):
        yield f"leaves {', '.join(unknown)} open, which nothing fills"


def _some(said: str | Collection[str]) -> frozenset[str] | None:
    return None if said == "any" else frozenset(said)


def _refuse(path: Path, problem: str) -> NoReturn:
    raise ParagraphUnusable(path=path, problem=problem) from None
