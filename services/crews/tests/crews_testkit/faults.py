"""What crews refuse."""

from typing import Any

import pytest

from common.errors import InvalidRequest


async def refused(call: Any) -> dict[str, Any]:
    with pytest.raises(InvalidRequest) as fault:
        await call
    assert fault.value.message == "Invalid crew configuration"
    return fault.value.details
