"""The operator's package of docs/how-to/python-tools.md, laid out as if it were installed."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs/how-to/python-tools.md"


def installed(folder: Path) -> Path:
    """Write the page's package into a folder that can be put on `PYTHONPATH`; return the folder."""
    page = _PAGE.read_text()
    [code] = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    points = re.findall(r'^(\w+) = "(shop_tools:\w+)"$', page, re.MULTILINE)
    assert points, "the page names no entry points"
    described = folder / "shop_tools-1.dist-info"
    described.mkdir(parents=True)
    (folder / "shop_tools.py").write_text(code)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-tools\nVersion: 1\n")
    lines = "".join(f"{name} = {target}\n" for name, target in points)
    (described / "entry_points.txt").write_text(f"[kasal.tools]\n{lines}")
    return folder
