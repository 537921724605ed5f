"""What a run may spend on AI: checked before each call, settled after it."""

from __future__ import annotations

from decimal import Decimal
from threading import Lock


class Budget:
    """An amount of money that calls under way reserve from; None means no limit. Shared by a run's threads."""

    def __init__(self, limit: Decimal | None, spent: Decimal = Decimal(0)) -> None:
        self._limit = limit
        self._spent = spent
        self._reserved = Decimal(0)
        self._lock = Lock()

    def reserve(self, estimate: Decimal) -> bool:
        """Set an estimate aside; False, and nothing set aside, when the rest of the budget does not cover it."""
        with self._lock:
            if self._limit is not None and self._spent + self._reserved + estimate > self._limit:
                return False
            self._reserved += estimate
            return True

    def settle(self, estimate: Decimal, cost: Decimal) -> None:
        """Replace a reservation by what the call cost."""
        with self._lock:
            self._reserved -= estimate
            self._spent += cost

    @property
    def limited(self) -> bool:
        """Tell whether there is a limit at all."""
        return self._limit is not None
