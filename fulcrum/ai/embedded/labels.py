"""What the words beside a value say of it: classes of amounts and of dates, and a field's own labels in the text."""

# ruff: noqa: ISC004 - patterns go over several lines; the commas stand where they should
from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fulcrum.ai.embedded.lines import Page

_TAXES = r"(?:gst|vat|sst|tax(?:es)?|mwst|ust|u\.st|steuer|tva|iva|btw|moms|mva|sales tax|service tax)"

# The first class whose words occur wins, so what must not be taken for a total stands before it.
_MONEY_CLASSES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("count", r"\b(?:qty|quantity|q'ty|pcs|menge|anzahl|quantit[ée]|pax|no\.? of items?|items? count"
                  r"|points?|pts)\b"
                  r"|\btotal items?|\bitems?\s*\(s\)?|item\(s\)\s*:?\s*$|\bqty"),
        ("ignored", r"\b(?:saved?|savings?|you saved|exchange rate|umrechnungskurs|outstanding|previous"
                    r"|brought forward"
                    r"|capital|member|card balance|bonus|before disc\w*)\b|gesamtbetrag der (?:zu|ab)schl"),
        ("change", r"\b(?:change|changes|kembali\w*|baki|wechselgeld|r[üu]ckgeld|monnaie rendue|rendu|vuelto"
                   r"|resto)\b"),
        ("partial", r"\btotal\s+\(?\d{1,2}(?:\.\d+)?\s?%|\btotal\b.*\bsupplies"),
        ("included", r"\bincluded? in\b|\btotal includes?\b|\bdarin enthalten|\benth[äa]lt\b|\bthereof\b"
                     r"|\bdavon\b|\bdont\b"),
        ("rounded", r"\b(?:after|incl\w*\.?)\s+(?:round|adj)|round\w*\s+(?:total|amount due)|total\s+round(?:ed)"
                    r"|(?:amt|amount|total|net)\s*rounded|nach rundung"),
        ("rounding", r"\b(?:round\w*|rnd\w*|rouding|rounging|pembundaran|bundaran|rundung\w*|arrondi\w*)\b"
                     r"|\badj(?:ust\w*)?\b"),
        ("discount", r"\b(?:disc\w*|rabatt\w*|remise\w*|coupon|voucher|promo\w*|skonto|abschl[aä]g\w*|less"
                     r"|rebate|escompte)\b"),
        ("charge", r"\b(?:serv\w*\.?\s*(?:charges?|chg)|s\.?\s?charge|delivery|shipping|freight|versand\w*|port"
                   r"|tips?|zuschl\w*"
                   r"|frais)\b"),
        ("remaining", r"\b(?:residual|balance (?:due|to pay)|solde|restbetrag|offener? betrag|open balance)\b"),
        ("deposit", r"\b(?:deposit|acompte|anzahlung\w*|advance|prepaid|already paid|down ?payment"
                    r"|bereits gezahlt)\b"),
        ("card", r"\b(?:visa|master ?card|amex|american express|debit|credit ?card|maestro|girocard|ec-?karte|paywave"
                 r"|e-?wallet|bank card|kredit\w*|carte bancaire|card|nets|cc)\b"),
        ("excluding", r"\b(?:excl?\w*|exkl\w*|ekskl\w*|ex|w/?o|without|before|ohne|hors|vor|sin|senza|sem|zonder)\b"
                      r".{0,12}" + _TAXES
                      + r"|\b(?:total|montant|net|base|somme|sous[- ]total)\b\D{0,16}\bh\.?\s?t\b"
                      r"|\bhors tax"
                      r"|\bnet(?:to)?[ -]?(?:amount|betrag|value|summe|price|warenwert)\b|\bsumme netto"
                      r"|\bnetto(?![\s-]*\w*(?:preis|gewicht|price|weight))\w*|\btaxable"
                      r"|\bwarenwert|\b(?:base )?imponib[il]l?e|\bvalor l[íi]quido|\bexcl\w*\s*total|\btotal\s*\(?excl"
                      r"|\bnet excl"),
        ("subtotal", r"\bsub\W{0,2}tot\w*|\bzwischensumme|\bpositionssumme|\bsous[- ]?total|\bsub\s*ttl|\bsubtotal"),
        ("including", r"\b(?:incl?\w*|inc|with|after|inkl\w*|ttc|dengan|termasuk)\b[^a-z]{0,3}.{0,10}" + _TAXES
                      + r".*|\btotal.*\b(?:incl?\w*|ttc|inkl)\b|\bincl?\w*\b.*\btotal|\bttc\b"),
        ("tax", r"\b(?:" + _TAXES + r"|umsatzsteuer\w*|mehrwertsteuer\w*|steuerbetrag\w*|cukai\w*|taxe)\b"),
        ("grand", r"\b(?:grand|final|nett?|gross|bill|invoice|gesamt|brutto|rechnungs|end)[- ]?"
                  r"(?:total\w*|amount|amt|betrag|summe)\b|\btotal\s*(?:amount|amt)?\s*(?:due|payable|to pay"
                  r"|to be paid)"
                  r"|\bamount\s*(?:due|payable|to (?:be )?pai?[dy])|\bzahlbetrag|\bnet [àa] payer|\bjumlah besar"
                  r"|\bzu zahlen\w*|\b(?:payable|nett)\b|\btotal\s+(?:rm|eur|usd|myr|gbp|chf)\b|\btotale\b"
                  r"|\b(?:te betalen|att betala|[åa]t? betale|til betaling|da pagare|a pagar|do zap[łl]aty"
                  r"|k [úu]hrad[ěe]|maksettava)\b"),
        ("tendered", r"\b(?:cash|tend\w*|tunai|bar|gegeben|bezahlt|received|esp[eè]ces|paid|payments?|paym\w*"
                     r"|collected"
                     r"|gezahlt|credit|cheque)\b"),
        ("total", r"\b(?:total\w*|summe|jumlah|gesamt\w*|ttl|totaal|montant total|importe|suma|summa|razem"
                  r"|celkem|yhteens[äa]|i alt)\b"
                  r"|\b(?:gross|brutto)(?![\s-]*\w*(?:preis|gewicht|price|weight|sales))\b"),
        ("amount", r"\b(?:amount|amt|betrag|montant|sum|net|sales)\b"),
        ("price", r"\b(?:price|preis\w*|prix|unit|each|@)"),
    )
)  # fmt: skip

_DATE_CLASSES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("due", r"\bdue\b|payable (?:by|until)|pay by|f[äa]llig\w*|zahlbar|[ée]ch[ée]ance|bis zum|\bbis\b"
                r"|spätestens|pay before"),
        ("expiry", r"\b(?:exp\w*|valid|best before|until|redeem\w*|ends?|g[üu]ltig|tamat)\b|\bhingga\b"
                   r"|with effect|\bw\.?e\.?f"),
        ("delivery", r"deliver\w*|liefer\w*|leistung\w*|livraison|shipped|dispatch|service (?:date|period)|\bd/?o\b"),
        ("period", r"period|zeitraum|from\b.*\bto\b|[ -]{1,3}(?:to|bis)\s*$|check.?(?:in|out)|arriv|depart"
                   r"|entry|exit|in time"),
        ("birth", r"birth|geboren|geburt\w*|dob\b"),
        ("order", r"\b(?:order(?:ed)?|bestell\w*|commande|po) ?(?:date|dat\w*|vom|du)|bestellung"),
        ("payment", r"\b(?:paid on|payment date|r[eè]glement|virement|[üu]berwiesen|wire transfer|vir sepa)\b"),
        ("reference", r"gem[äa][ßs]+|according to|bezug|refer\w*|approved|since|est\."
                      r"|\b(?:for|to|against) (?:our |your |the )?invoice\b|\bzur? (?:unserer )?rechnung\b"
                      r"|\bsur (?:la )?facture\b"),
        ("issue", r"(?:invoice|inv|bill|receipt|document|doc|issue|rechnung\w*|facture|beleg\w*|gutschrift\w*"
                  r"|credit note)"
                  r".{0,24}(?:date|datum|dated|vom|von|du|of)|date (?:of issue|de facture|d'[ée]mission)|issued"
                  r"|rechnung\w*"
                  r"|\bausgestellt"),
        ("date", r"\b(?:dated?|datum|tarikh|fecha|dt|data)\b|\bdate"),
    )
)  # fmt: skip


_LONGEST = 80


@lru_cache(maxsize=8192)
def money_class(words: str) -> str:
    """Name the class of amount that a label's words announce; empty when they say nothing."""
    return _first(_MONEY_CLASSES, words)


@lru_cache(maxsize=8192)
def date_class(words: str) -> str:
    """Name the class of date that the words before it announce; empty when they say nothing."""
    return _first(_DATE_CLASSES, words)


def _first(classes: Sequence[tuple[str, re.Pattern[str]]], words: str) -> str:
    return next((name for name, pattern in classes if pattern.search(words[-_LONGEST:])), "")


@lru_cache(maxsize=1024)
def label_pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Compile labels into one pattern: longest first, any punctuation between words, whole words only."""
    parts = (r"[\W_]{0,3}".join(map(re.escape, re.findall(r"[^\W_]+", label))) for label in labels)
    joined = "|".join(sorted({part for part in parts if part}, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W\d_])", re.IGNORECASE)


def label_hits(page: Page, labels: tuple[str, ...], limit: int = 40) -> Iterator[tuple[int, int, int, str]]:
    """Find a field's labels in a page: (line, start, end, the label as printed), at most `limit` of them."""
    pattern = label_pattern(labels)
    for line in page.lines:
        for m in pattern.finditer(line.text):
            yield line.index, m.start(), m.end(), m[0]
            limit -= 1
            if limit <= 0:
                return
