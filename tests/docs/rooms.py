"""The table of rooms in docs/architecture.md: `python -m tests.docs.rooms` writes it from the rooms' docstrings."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms -->\n", "<!-- end of rooms -->"


def rooms() -> Iterator[tuple[str, str]]:
    """Path and first line of the docstring of each room, and of each file at the top of `stream`."""
    files = [
        *ROOT.glob("stream/*.py"),
        *(f for p in ("bandits", "learners", "stream") for f in ROOT.glob(f"{p}/**/__init__.py")),
    ]
    for file in sorted(set(files), key=lambda f: f.with_suffix("").parts):
        path = file.parent if file.name == "__init__.py" else file
        says = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        yield f"{path.relative_to(ROOT)}", says.splitlines()[0].strip() if says else ""


def table() -> str:
    """Markdown, a row for each room."""
    rows = [f"| [{path}](../{path}) | {says} |" for path, says in rooms()]
    return "\n".join(["| room | what it is for |", "| --- | --- |", *rows]) + "\n"


def with_table(page: str) -> str:
    """The page with the table as it must be."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
