"""Whether the cases of a process are still what they were: a reference and a window in, a report out (pure).

docs/drift.md says what is watched and how it is judged, with the figures that `benchmarks/drift.py` measures.
"""

from fulcrum.drift.judging import compare
from fulcrum.drift.observed import BUCKETS, Observed, hashed
from fulcrum.drift.page import markdown
from fulcrum.drift.report import Check, CheckVerdict, DriftReport, Kind, Overall, Share, Spread
from fulcrum.drift.settings import Settings

__all__ = [
    "BUCKETS",
    "Check",
    "CheckVerdict",
    "DriftReport",
    "Kind",
    "Observed",
    "Overall",
    "Settings",
    "Share",
    "Spread",
    "compare",
    "hashed",
    "markdown",
]
