"""What docs/reference says by hand is what the code has."""

import re
from pathlib import Path

from common.contracts.topology import EXCHANGES
from events.domain import connections

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def first_cells(page: str, pattern: str) -> set[str]:
    """Return what `pattern` finds in the first cells of the page's tables."""
    lines = (REFERENCE / page).read_text().splitlines()
    return {found[1] for line in lines if (found := re.match(rf"\| {pattern} \|", line))}


def test_every_closing_code_is_explained():
    codes = {
        value
        for name, value in vars(connections).items()
        if name.isupper() and isinstance(value, int)
    }
    assert first_cells("live-events.md", r"(\d{4})") == {str(code) for code in codes}


def test_every_exchange_is_listed_with_its_kind():
    listed = first_cells("bus.md", r"(`[a-z-]+` \| [a-z]+)(?:, [^|]*)?")
    assert listed == {f"`{exchange.name}` | {exchange.kind}" for exchange in EXCHANGES}
