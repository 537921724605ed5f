"""Who issued a document: company names by place, form and surroundings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fulcrum.ai.embedded.lines import Page

_LEGAL = re.compile(
    r"\b(?:sdn\.?\s*\.?\s*bhd|s\.?/b|\(?m\)?\s+bhd|bhd|berhad|gmbh(?:\s*&\s*co\.?(?:\s*kg)?)?|ag|kgaa|kg|ohg"
    r"|gbr|ug|e\.?\s?[vk]"
    r"|a\.\s?g|ltd|limited|llc|llp|inc|corp|corporation|plc|pte|pty|s\.?a\.?r\.?l|s\.?a\.?s|s\.?a|s\.?r\.?l"
    r"|s\.?p\.?a|b\.?v|n\.?v"
    r"|oy|ab|a/s|aps|eurl|sl|lda|co)\b\.?\s*(?=$|[\t,|(•●·-])|\bsdn\.?\s*bhd\b",
    re.IGNORECASE,
)
_TRADE = re.compile(
    r"\b(?:enterprise|trading|hardware|restaurant|restoran|caf[eé]|kedai|perniagaan|syarikat|pasar\w*|mart"
    r"|market|store|shop"
    r"|supermarket|pharmacy|farmasi|apotheke|bakery|bistro|hotel|books?\w*|station[ae]ry|services?|marketing"
    r"|holdings?"
    r"|industries|company|group|studio|clinic|klinik|centre|center|house|kitchen|food|grocer\w*|petrol|station"
    r"|parking"
    r"|gallery|express|international|solutions|systems|logistics?|supply|supplies|suppliers?|unternehmen|verein"
    r"|verlag"
    r"|b[äa]ckerei|praxis|versicherung\w*|boulangerie|soci[ée]t[ée]|garage|motors?|auto|electrical"
    r"|electronics?"
    r"|telecommunications?|airlines?|travel|catering|cash & carry|confectionery|fashion|boutique|salon|spa|dental"
    r"|laundry|florist|workshop|works|werkstatt|technik|therap\w*|bau|druckerei|agency|agentur|consult\w*"
    r"|partners?)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:jalan|jln|lorong|lot|taman|tmn|kampung|kg|persiaran|lebuh\w*|bandar|seksyen|selangor|johor|malaysia"
    r"|kuala lumpur"
    r"|wilayah|floor|flr|level|tingkat|unit|suite|street|road|avenue|ave|lane|drive|building|bangunan|plaza"
    r"|mall|city|batu"
    r"|rue|boulevard|chemin|place|p\.?o\.? box|postfach|darul ehsan|penang|perak|ground|block|blok|deutschland"
    r"|germany|france)\b"
    r"|\b(?:[A-Z]{1,2}-\d{4,5}|[A-Z]-?\d{3} \d{2})\b|\bB\.\s?P\.\s?\d|\bP\.\s?O\.\s?B"
    r"|^\d{4} [^\W\d_]{3}|^(?:via|ul\.|calle|quai|place|plein|kaai) "
    r"|\w+(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse)(?:\s|$)|\bno\.?\s*:?\s*\d|^\d+[,\s-]|\b\d{5}\b"
    r"|\b[A-Z]{1,2}\d[\dA-Z]? \d[A-Z]{2}\b",
    re.IGNORECASE,
)
_NOT_NAME = re.compile(
    r"\b(?:invoice|receipt|bill|resit|rechnung|quittung|facture|gutschrift|credit note|tax|gst|vat|sst|tel"
    r"|phone|fax|e-?mail"
    r"|www|http\w*|date|datum|time|cashier|table|order|page|seite|copy|thank|thanks|welcome|terima|kasih"
    r"|customer|member|regist\w*"
    r"|reg|no|nr|ust|steuer\w*|iban|bic|total|amount|qty|description|item|price|cash|counter|operator|reprint"
    r"|duplicate|id|hours?"
    r"|original|opening|daily|please|goods|sold|returnable|printed|powered|w[äa]hrung"
    r""
    r"|lieferschein|delivery|siret|tva|kundennummer|nummer|telefon|mobile|statement|staff"
    r"|pos|slip|doc\w*"
    r"|gesch[äa]ftsf[üu]hr\w*|handelsregister\w*|hrb|subject|attn|sehr geehrte\w*|dear|bank|branch|sparkasse"
    r"|volksbank"
    r"|licensee|owned by|gutschein|zahlbar|zahlung\w*|payment|voucher|official|free|trans\w*)\b",
    re.IGNORECASE,
)
_BUYER = re.compile(
    r"\b(?:bill(?:ed)? to|sold to|ship(?:ped)? to|deliver to|delivery address|invoice to|invoiced to|customer"
    r"|client|buyer"
    r"|k[äa]ufer|leistungsempf[äa]nger|empf[äa]nger|rechnungsempf[äa]nger|adresse de (?:livraison|facturation)"
    r"|destinataire"
    r"|attn|attention|to|m/s|messrs|herrn?|frau|kunde|acheteur|recipient|warenempf\w*|rechnung an"
    r"|kepada)\b\s*(?:[:/]|$)",
    re.IGNORECASE,
)
_SELLER = re.compile(
    r"^\W*(?:supplier|seller|vendor|verk[äa]ufer|lieferant|from|issued by|absender|rechnungssteller|vendeur"
    r"|fournisseur|[ée]metteur"
    r"|payee|kontoinhaber|account holder|remit to|sold by|auftragnehmer)\b(?:\s+name)?\s*[:.]?\s*",
    re.IGNORECASE,
)
_NAME_LABEL = re.compile(r"^\s*(?:company\s+)?(?:name|firma)\s*[:.]\s*", re.IGNORECASE)
_REGISTRATION = re.compile(
    r"\s*[\[(]\s*(?:co(?:mpany)?\.?\s*(?:reg\.?)?\s*(?:no\.?)?\s*:?\s*|reg\.?\s*no\.?\s*:?\s*|no\.?\s*:?\s*)?"
    r"(?=[^()\[\]]*\d{4})[\w\s./:-]{5,24}[\])].*$"
    r"|\s+(?:co\.?\s*(?:reg\.?)?\s*no\.?|reg\.?\s*no\.?|company no\.?|roc|gst)\b.*$|\s+\d{5,12}\s*-?\s*[A-Z]\s*\)?$"
    r"|\s+(?:sa\d{7,}\S*|\d{6,}-[A-Z])$",
    re.IGNORECASE,
)
_IS_REGISTRATION = re.compile(
    r"^\W*(?:co(?:mpany)?\.?\s*(?:reg\w*)?\.?\s*(?:no)?\W*|reg\w*\W*(?:no)?\W*|roc\W*(?:no)?\W*|gst\W*(?:reg|id"
    r"|no).*)?"
    r"[\[(]?\s*[A-Z]{0,4}\d{4,}[\d\s-]*[A-Z]?\W*$",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s+[•●·|\u2013\u2014]\s*.*$|\s+-\s+[^-]*\d.*$|,[^,]*\d{4}.*$|,(?:[^,\d]*,){1,3}[^,]*\d{4}.*$")
_STUB = re.compile(r"(?:co|company|sdn\.?\s?bhd|gmbh|name|firma|ltd|limited|inc|s/b|the|and)\b[\s.:]*", re.IGNORECASE)
_OWNER = re.compile(r"\b(?:owned|managed|operated|run) by\b|\bproprietor\b|\bown by\b|\binhaber\b", re.IGNORECASE)
_HEAD = 14
_MOST = 400
_LONGEST = 80
_WIDEST = 160
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Named:
    """A name that may be the issuer's: as printed, its line, and its evidence in log-odds."""

    name: str
    line: int
    score: float
    joined: bool = False
    """Whether the name goes over more than one line."""


def issuers(page: Page, known: Iterable[str] = ()) -> list[Named]:
    """Rank the names that may be the issuer's, best first; `known` are names that people confirmed for others."""
    buyer = _buyer_lines(page)
    seller = _seller_lines(page)
    best: dict[str, Named] = {}
    for line in page.lines[:_MOST]:
        for named in _candidates(page, line.index, buyer, seller):
            key = plain(named.name)
            if key and (key not in best or best[key].score < named.score):
                best[key] = named
    for key in _parts(best):
        del best[key]
    _confirm(page, known, best)
    lower = plain(page.text)
    ranked = [replace(n, score=n.score + (0.7 if lower.count(key) > 1 else 0.0)) for key, n in best.items()]
    return sorted(ranked, key=lambda n: (-n.score, n.line))


def _parts(found: dict[str, Named]) -> set[str]:
    """Name the candidates that are only a part of one printed over several lines."""
    whole = [(key, named) for key, named in found.items() if named.joined]
    return {
        part
        for key, named in whole
        for part, other in found.items()
        if part != key and part in key and 0 <= other.line - named.line <= 2  # noqa: PLR2004 - three lines at most
    }


def chance(ranked: list[Named]) -> float:
    """Give the chance that the first name is right: its share of the evidence, tempered by its own strength."""
    if not ranked:
        return 0.5
    top = ranked[0].score
    share = 1 / sum(math.exp(min(0.0, n.score - top)) for n in ranked[:6])
    own = 1 / (1 + math.exp(-(top - 1.5)))
    return min(0.99, max(0.05, share * own))


def plain(name: str) -> str:
    """Reduce a name to its letters and digits, casefolded, for comparison."""
    return re.sub(r"[\W_]+", "", name.casefold())


def tidy(text: str) -> str:
    """Take registration numbers, trailing addresses and loose punctuation off a printed name."""
    name = text.split("\t", maxsplit=1)[0][:_WIDEST]
    name = _TAIL.sub("", name)
    name = _placeless(name)
    name = _REGISTRATION.sub("", name)
    return name.strip(" \t:;,*#=_-~|/\\'\"•●·")


def _placeless(name: str) -> str:
    """Cut what follows a comma after a legal form: a place, or what the company does."""
    head, comma, rest = name.partition(",")
    legal = list(_LEGAL.finditer(head)) if comma else []
    ends = bool(legal) and legal[-1].end() == len(head) and head[: legal[-1].start()].strip()
    return head if ends and not _LEGAL.match(rest.strip()) else name


def _confirm(page: Page, known: Iterable[str], best: dict[str, Named]) -> None:
    """Prefer a name known from confirmed answers where this page prints it as a whole line or cell."""
    rows = {plain(tidy(line.text)): line for line in page.lines[:_MOST]}
    for name in known:
        line = rows.get(plain(name))
        if line is not None:
            old = best.get(plain(name))
            best[plain(name)] = Named(tidy(line.text), line.index, (old.score if old else 0.0) + 3.0)


def _candidates(page: Page, index: int, buyer: set[int], seller: set[int]) -> Iterable[Named]:
    text = page.lines[index].text[:_WIDEST]
    rest = _SELLER.sub("", text) if _SELLER.match(text) else text
    if index in seller:
        rest = _NAME_LABEL.sub("", rest)
    name = tidy(rest)
    if not _SHORTEST <= len(name) <= _LONGEST or not re.search(r"[^\W\d_]{2}", name) or _STUB.fullmatch(name):
        return
    score = _score(page, index, name) - 4.0 * (index in buyer) + 4.5 * (index in seller)
    name, gain = _continued(page, index, name, labelled=index in seller)
    if score + gain > -1.0:
        yield Named(name, index, score + gain, joined=gain > 0)


def _continued(page: Page, index: int, name: str, *, labelled: bool) -> tuple[str, float]:
    """Join a name that goes on in the next lines: an open bracket, a hanging &, a legal form with one word or none."""
    gain = 0.0
    for following in page.after(index, 2):
        text = tidy(following.text)
        if _LEGAL.search(name) or not _goes_on(name, text, labelled=labelled):
            break
        name, gain = f"{name} {text}", 3.4 if _LEGAL.search(text) else gain + 0.6
    return name, gain


def _goes_on(name: str, text: str, *, labelled: bool) -> bool:
    if not text or ":" in text or _NOT_NAME.search(text) or re.search(r"\d", text) or _NOT_NAME.search(name):
        return False
    if (
        name.endswith(("&", "-", "+", " AND", " and"))
        or text.startswith(("& ", "and "))
        or name.count("(") > name.count(")")
    ):
        return True
    legal = _LEGAL.search(text)
    if legal is None:
        follows = text.count(")") < text.count("(") and _TRADE.match(text) is not None
        return follows and not _ADDRESS.search(name)
    before = re.findall(r"[^\W\d_]{2,}", text[: legal.start()])
    return not _ADDRESS.search(name) and not re.search(r"\d", name) and (len(before) <= 1 or labelled)


def _score(page: Page, index: int, name: str) -> float:
    text = page.lines[index].text[:_WIDEST]
    legal = _LEGAL.search(name) is not None
    score = max(-2.0, 2.2 - 0.28 * index) if index < _HEAD else -1.6
    score += 2.6 * legal + 0.9 * (legal and index == 0) + 1.0 * _is_trade(name)
    score -= (1.2 if legal else 3.2) * (_ADDRESS.search(name) is not None)
    score -= (0.8 if legal else 3.6) * (_NOT_NAME.search(name) is not None)
    score -= 2.0 * (":" in name) + 0.8 * (sum(c.isdigit() for c in name) > len(name) / 4)
    score -= 1.0 * (re.search(r"\d[.,]\d\d(?!\d)", text) is not None) + 1.0 * (len(name.split()) > _LONG_NAME)
    score -= 0.8 * name[:1].islower() + 1.0 * (not legal and name.endswith((".", "!", "?")))
    before = page.lines[index - 1].text if index else ""
    score -= 2.5 * (_OWNER.search(before) is not None)
    around = [line.text[:_WIDEST] for line in page.after(index, 2)]
    score += 1.0 * any(_IS_REGISTRATION.match(t) for t in around[:1]) + 0.9 * (tidy(text) != text and legal)
    return score + 0.7 * any(_ADDRESS.search(t) for t in around[:2])


def _is_trade(name: str) -> float:
    """Weigh a name's words for a trade; a line of such words alone is rather a subtitle."""
    rest = re.sub(r"[\W_]+", "", _TRADE.sub("", name))
    return (1.0 if rest else -0.6) * (_TRADE.search(name) is not None) + 0.4 * ("&" in name)


_LONG_NAME = 8
_BLOCK = 4


def _buyer_lines(page: Page) -> set[int]:
    """Number the lines of the blocks that name the buyer."""
    found: set[int] = set()
    for line in page.lines[:_MOST]:
        if _BUYER.search(line.text[:60]) and not _SELLER.match(line.text):
            found.update(range(line.index, line.index + _BLOCK))
    return found


def _seller_lines(page: Page) -> set[int]:
    """Number the lines where a label says that the issuer's name stands: the same line, or soon after."""
    found: set[int] = set()
    for line in page.lines[:_MOST]:
        match = _SELLER.match(line.text)
        if match is None or re.search(r"[,.;]\s*\w+ \w+ \w+", line.text):
            continue
        if len(line.text[match.end() :].strip(" :")) >= _SHORTEST:
            found.add(line.index)
            continue
        named = [after for after in page.after(line.index, _BLOCK) if _NAME_LABEL.match(after.text + " ")]
        after = named or [
            a for a in page.after(line.index, _BLOCK) if not re.match(r"^[\w .-]{2,20}:|^\w+\s*:", a.text)
        ]
        if after:
            bare = _NAME_LABEL.fullmatch(after[0].text + " ") is not None
            found.add(after[0].index + bare)
    return found
