"""The supplier master: whom we owe, where we pay to, in which currency."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stdnum import iban

from fulcrum.errors import MasterDataUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import NoReturn

COLUMNS = ("supplier_id", "name", "country", "vat_id", "iban", "currency", "payment_days")

_ACCENTS = re.compile("[\u0300-\u036f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """One supplier as the master has it; what the master leaves empty is None."""

    supplier_id: str
    name: str
    country: str | None
    vat_id: str | None
    iban: str | None
    currency: str | None
    payment_days: int | None


@dataclass(frozen=True, slots=True)
class SupplierMaster:
    """All suppliers, by their normal name."""

    by_name: Mapping[str, Supplier]

    def find(self, name: str) -> Supplier | None:
        """Find a supplier by its name: exactly, after `normal_name`, because a near miss may be a fraud."""
        return self.by_name.get(normal_name(name))

    def __len__(self) -> int:
        """Count the suppliers."""
        return len(self.by_name)


def folded(text: str) -> str:
    """Take case, accents and compatibility forms (ligatures, full width) off a text."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold()


def normal_name(name: str) -> str:
    """Reduce a name to its letters, digits and vowel signs, so that `Müller G.m.b.H.` and `MULLER GMBH` are one."""
    return "".join(char for char in folded(name) if unicodedata.category(char)[0] in "LMN")


def load_suppliers(path: Path) -> SupplierMaster:
    """Read the master from a UTF-8 CSV file with a heading and the columns of `COLUMNS`, in any order.

    Raises MasterDataUnusable, with the line, when the file is missing, lacks a column or says what cannot be.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _master(path, csv.DictReader(file, strict=True))
    except FileNotFoundError:
        _refuse(path, "there is no such file")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        _refuse(path, f"it cannot be read as UTF-8 CSV ({type(error).__name__})")


def _master(path: Path, reader: csv.DictReader[str]) -> SupplierMaster:
    if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
        _refuse(path, f"column {', '.join(missing)} is missing")
    by_name: dict[str, Supplier] = {}
    ids: set[str] = set()
    for row in reader:
        supplier = _supplier(path, reader.line_num, row)
        name = normal_name(supplier.name)
        if name in by_name or supplier.supplier_id in ids:
            _refuse(path, f"line {reader.line_num} repeats a supplier's name or id")
        by_name[name] = supplier
        ids.add(supplier.supplier_id)
    return SupplierMaster(by_name)


def _supplier(path: Path, line: int, row: Mapping[str, str | None]) -> Supplier:
    said = {column: (row[column] or "").strip() for column in COLUMNS}
    days, account = said["payment_days"], re.sub(r"\s", "", said["iban"]).upper()
    for wrong in _problems(said, days, account):
        _refuse(path, f"line {line} {wrong}")
    return Supplier(
        supplier_id=said["supplier_id"],
        name=said["name"],
        country=said["country"].upper() or None,
        vat_id=said["vat_id"] or None,
        iban=account or None,
        currency=said["currency"].upper() or None,
        payment_days=int(days) if days else None,
    )


def _problems(said: Mapping[str, str], days: str, account: str) -> Iterable[str]:
    if not said["supplier_id"] or not normal_name(said["name"]):
        yield "has no supplier_id or no name"
    if days and not (days.isascii() and days.isdigit()):
        yield "has payment_days that are no whole number"
    if account and not iban.is_valid(account, check_country=False):
        yield "has an iban with a wrong checksum"


def _refuse(path: Path, problem: str) -> NoReturn:
    raise MasterDataUnusable(path=path, problem=problem) from None
