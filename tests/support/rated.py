"""A small log of views with ratings, as a file."""

import random
from pathlib import Path


def write_rated_log(folder: Path) -> Path:
    """Write 160 views of 10 users on 20 items; item n has the rating 1 + n % 5."""
    rng = random.Random("a log for the terminal")
    lines = ["user_id,item_id,event,timestamp,rating"]
    for n in range(160):
        item = int(20 * rng.random() ** 2)
        lines.append(f"u{rng.randrange(10)},i{item},view,{1_000_000_000 + 100 * n},{1 + item % 5}")
    path = folder / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
