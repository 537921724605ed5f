"""How much is at stake for a customer: a rule over what a complaint says. Others may raise what it finds (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from flows.complaint_response.facts import amounts_in

RANKS = ("minor", "standard", "severe")
LARGE = Decimal(10_000)
"""From this amount on a loss is severe, in the customer's own currency."""

_AT_STAKE = re.compile(
    r"\b(?:foreclos\w*|evict\w*|homeless\w*|los(?:e|ing|t) (?:my|our|her|his|the) (?:home|house|job|car)|repossess\w*"
    r"|suicid\w*|kill (?:my|him|her)self|end my life|take my (?:own )?life|hurt me|harm(?:ed)? me|violen\w*"
    r"|threaten\w*|have me arrested|jail|cancer|chemo\w*|stroke|heart attack|dialysis|oxygen|hospice|terminal\w*"
    r"|dementia|alzheimer\w*|wheelchair|elderly|vulnerable"
    r"|(?:7[5-9]|8\d|9\d)[- ]years?[- ]old|cannot (?:eat|feed|buy food)|insulin)\b",
    re.IGNORECASE,
)
"""A threat to home, livelihood, safety or health, or somebody who cannot defend themselves."""

_STOLEN = re.compile(
    r"\bidentity (?:theft|was stolen|stolen)|stolen identity|stole my identity|impersonat\w*", re.IGNORECASE
)
_SCAM = re.compile(r"\bscam\w*|\bdefraud\w*", re.IGNORECASE)


def severity_of(text: str, *, least: str | None, said: str | None) -> str:
    """Say how severe a complaint is: the highest of its issue's least severity, what its text shows, and what is said.

    Whoever says something, a model or a person before, raises it and never lowers it.
    """
    return _highest([_shown(text), *(given for given in (least, said) if given in RANKS)])


def _shown(text: str) -> str:
    amounts = amounts_in(text)
    if _AT_STAKE.search(text) or any(amount >= LARGE for amount in amounts):
        return "severe"
    if amounts and (_STOLEN.search(text) or _SCAM.search(text)):
        return "severe"
    return "minor"


def _highest(given: Iterable[str]) -> str:
    return max(given, key=RANKS.index)
