"""Idempotency receipts in memory, for stores that keep everything there."""

from datetime import datetime

from common.idempotency.once import KeyTaken, Receipt


class MemoryReceipts:
    """Fulfils `Receipts`; to be kept in step with what they are about by the store."""

    def __init__(self) -> None:
        self._held: dict[str, Receipt] = {}

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        await self.forget(now)
        return self._held.get(key)

    async def forget(self, now: datetime) -> None:
        self._held = {key: one for key, one in self._held.items() if one.until > now}

    def check_free(self, receipt: Receipt | None) -> None:
        """Raise `KeyTaken` when there is a receipt of the same key."""
        if receipt is not None and receipt.key in self._held:
            raise KeyTaken

    def keep(self, receipt: Receipt | None) -> None:
        """Keep a receipt that `check_free` has let pass, with no await in between."""
        if receipt is not None:
            self._held[receipt.key] = receipt
