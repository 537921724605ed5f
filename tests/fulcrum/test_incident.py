"""What a failed run leaves behind: every case of the process counted once, and words that are only words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Status
from fulcrum.incident import markdown


@given(st.dictionaries(st.sampled_from(list(Status)), st.integers(0, 500)))
def test_every_case_is_counted_once(counts: dict[Status, int]) -> None:
    """Whatever its status: finished, waiting, owed to a target, or open."""
    told = markdown(INVOICE_INTAKE, "the ledger was away", counts, None)
    rows = re.findall(r"^\| \w.*: .* \| ([\d,]+) \|$", told, flags=re.MULTILINE)
    assert len(rows) == 4
    assert sum(int(row.replace(",", "")) for row in rows) == sum(counts.values())


@pytest.mark.parametrize("error", ["a | b", "<script>", "[x](http://y)", "`code` *bold*"])
def test_an_error_is_shown_as_its_words(error: str) -> None:
    """No table cell, tag or link comes of it."""
    told = markdown(INVOICE_INTAKE, error, {}, None)
    assert error not in told
    assert re.sub(r"\\(.)", r"\1", told.split("**What failed:** ")[1].split("\n")[0]) == error
