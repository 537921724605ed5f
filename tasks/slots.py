"""Slots of a global concurrency limit on the Prefect server, held under leases that lapse with who holds them."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError

LEASE_S = 60.0
"""How long slots are held without a word; the server takes no shorter lease."""
RENEW_S = 20.0
MARGIN_S = 5.0
"""Seconds before the end of a lease that could not be renewed at which its slots are given up."""
GRAINS = 16
"""Leases that a whole limit is held in; a share grows and shrinks by one of them."""


class _Lease(NamedTuple):
    id: UUID
    slots: int
    asked: float
    """When it was taken or renewed last, by the monotonic clock."""


class Holding:
    """Slots of one global concurrency limit that this process holds, in leases."""

    def __init__(self, client: SyncPrefectClient, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self._client = client
        self._leases: list[_Lease] = []

    @property
    def slots(self) -> int:
        """Count the slots held."""
        return sum(lease.slots for lease in self._leases)

    def declare(self) -> None:
        """Make the limit, or set it to what is configured now."""
        try:
            self._client.upsert_global_concurrency_limit_by_name(self.name, self.limit)
        except ObjectAlreadyExists:
            # Another run has made it in the middle of this; it may have had another limit in mind.
            self._client.upsert_global_concurrency_limit_by_name(self.name, self.limit)

    def others(self) -> int:
        """Count the slots that other processes hold."""
        return self._client.read_global_concurrency_limit_by_name(self.name).active_slots - self.slots

    def grow(self, slots: int) -> None:
        """Hold up to so many slots, as far as they are free, in leases of a grain."""
        grain = ceil(self.limit / GRAINS)
        while self.slots < slots:
            size = min(grain, slots - self.slots)
            while size and not self._take(size):
                size //= 2
            if not size:
                return

    def replace(self, slots: int) -> None:
        """Hold so many slots in one lease, the new one before the old ones go."""
        before = list(self._leases)
        if slots:
            self._take(slots)
        for lease in before:
            self._release(lease)

    def least(self, slots: int) -> int:
        """Say how few slots, but no fewer than these, can be held by giving whole leases back."""
        held = self.slots
        for lease in sorted(self._leases, key=lambda lease: lease.slots, reverse=True):
            held -= lease.slots if held - lease.slots >= slots else 0
        return held

    def shrink(self, slots: int) -> None:
        """Give whole leases back, down to `least`."""
        for lease in sorted(self._leases, key=lambda lease: lease.slots, reverse=True):
            if self.slots - lease.slots >= slots:
                self._release(lease)

    def renew(self) -> None:
        """Hold what is held for another minute; what the server has taken back is gone."""
        for lease in [lease for lease in self._leases if monotonic() - lease.asked >= RENEW_S]:
            asked = monotonic()
            try:
                self._client.renew_concurrency_lease(lease.id, LEASE_S)
            except PrefectHTTPStatusError as refused:
                if refused.response.status_code != HTTPStatus.GONE:
                    raise
                self._leases.remove(lease)
            else:
                self._leases[self._leases.index(lease)] = lease._replace(asked=asked)

    def forget_lapsed(self) -> None:
        """Let go of what could not be renewed in time; the server gives it to others."""
        self._leases = [lease for lease in self._leases if monotonic() - lease.asked < LEASE_S - MARGIN_S]

    def _take(self, slots: int) -> bool:
        asked = monotonic()
        try:
            reply = self._client.increment_concurrency_slots_with_lease([self.name], slots, "concurrency", LEASE_S)
        except PrefectHTTPStatusError as refused:
            if refused.response.status_code != HTTPStatus.LOCKED:
                raise
            return False
        if not reply.json()["limits"]:
            # The server grants what it does not know; somebody has deleted the limit.
            self.declare()
            return self._take(slots)
        self._leases.append(_Lease(UUID(reply.json()["lease_id"]), slots, asked))
        return True

    def _release(self, lease: _Lease) -> None:
        self._client.release_concurrency_slots_with_lease(lease.id)
        self._leases.remove(lease)
