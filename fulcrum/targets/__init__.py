"""The systems that outcomes take effect in: writers that know a delivery and nothing of Prefect."""

from __future__ import annotations

from typing import TypeAlias

from fulcrum.cases import Receipt
from fulcrum.errors import FulcrumError

Answer: TypeAlias = Receipt | FulcrumError
"""What a target says to one delivery: a Receipt, DeliveryRefused (a person decides) or DeliveryFailed (tried again)."""
