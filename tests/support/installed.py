"""Learners as pip leaves them behind, from the example of docs/learners.md on."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/learners.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
NAME, LINE = "last_followers", 'last_followers = "last_followers:LastFollowers"'


def install(folder: Path, module: str, text: str, name: str, point: str) -> None:
    """What pip leaves behind: a module, and what `importlib.metadata` reads."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(text)
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[headwater.learners]\n{point}\n")


def rogue(site: Path, text: str, point: str) -> None:
    install(site, "rogue", text, "rogue-learners", point)
