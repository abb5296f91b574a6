"""Idempotency receipts in memory, for in-memory stores."""

from datetime import datetime

from common.idempotency.once import KeyTaken, Receipt


class MemoryReceipts:
    """Fulfils `Receipts`. The store must keep them in step with its documents."""

    def __init__(self) -> None:
        self._held: dict[str, Receipt] = {}

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        await self.forget(now)
        return self._held.get(key)

    async def forget(self, now: datetime) -> None:
        self._held = {key: one for key, one in self._held.items() if one.until > now}

    def check_free(self, receipt: Receipt | None) -> None:
        """Raise `KeyTaken` if there is a receipt with the same key."""
        if receipt is not None and receipt.key in self._held:
            raise KeyTaken

    def keep(self, receipt: Receipt | None) -> None:
        """Keep a receipt that passed `check_free`, with no await in between."""
        if receipt is not None:
            self._held[receipt.key] = receipt

    def drop(self, receipt: Receipt) -> None:
        """Forget a receipt again."""
        self._held.pop(receipt.key, None)
