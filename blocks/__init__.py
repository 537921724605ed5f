"""What an operator configures in the Prefect UI; each block is a form over a part of `fulcrum`."""

from __future__ import annotations

from blocks.case_ledger import CaseLedger, load_ledger
from blocks.model_endpoint import ModelEndpoint, load_endpoint
from blocks.targets import FolderTarget, SqlTarget, Target, WebhookTarget, load_target

__all__ = [
    "CaseLedger",
    "FolderTarget",
    "ModelEndpoint",
    "SqlTarget",
    "Target",
    "WebhookTarget",
    "load_endpoint",
    "load_ledger",
    "load_target",
]
