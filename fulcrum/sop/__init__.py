"""The standard operating procedure as a document: what a definition says, for an auditor or a new colleague."""

from __future__ import annotations

from fulcrum.sop.document import InForce, Sop, sop_of
from fulcrum.sop.history import FileState, History, history_of, state_of
from fulcrum.sop.page import page

__all__ = ["FileState", "History", "InForce", "Sop", "history_of", "page", "sop_of", "state_of"]
