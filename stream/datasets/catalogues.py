"""What files beside a log say about its items: MovieLens' films, RecBole's `.item`, the articles of H&M."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.datasets.layouts import film
from stream.datasets.raw.bad import at
from stream.datasets.raw.text import encoding_of, lines
from stream.datasets.raw.unpack import opened, sample
from stream.datasets.table import split
from stream.records.schemas import Item

RATINGS = ("ratings.csv", "ratings.dat", "u.data")
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
UNPACKED = ("", ".gz", ".zst", ".zip")


def beside(path: Path) -> Path | None:
    """The file of this name, packed or not."""
    return next((found for end in UNPACKED if (found := path.with_name(path.name + end)).is_file()), None)


def ratings_of(path: Path) -> Path:
    """The ratings file of a MovieLens folder; any other path unchanged."""
    if not path.is_dir():
        return path
    return next((found for name in RATINGS if (found := beside(path / name))), path)


def films(folder: Path) -> dict[str, Item]:
    """The films of a MovieLens folder by id; empty without a file of them."""
    found: dict[str, Item] = {}
    if (path := beside(folder / "movies.csv")) is not None:
        for number, fields in list(_rows(path, ","))[1:]:
            found[fields[0]] = _film(path, number, fields)
    elif (path := beside(folder / "movies.dat")) is not None:
        for number, fields in _rows(path, "::"):
            found[fields[0]] = _film(path, number, fields)
    elif (path := beside(folder / "u.item")) is not None:
        for number, fields in _rows(path, "|"):
            genres = "|".join(name for name, flag in zip(GENRES, fields[5:]) if flag == "1")
            found[fields[0]] = _film(path, number, [*fields[:2], genres or "(no genres listed)"])
    return found


def _film(path: Path, number: int, fields: Sequence[str]) -> Item:
    try:
        return film(*fields)
    except (TypeError, ValueError) as error:
        raise at(path, number, error) from error


def recbole_items(path: Path) -> dict[str, Item]:
    """The items of the `.item` file beside a RecBole `.inter`, by id: title, category and brand, where it has them."""
    items = beside(path.with_name(path.name.split(".inter")[0] + ".item"))
    return {} if items is None else _named(items, "\t", "item_id", ("title", "name"), ("genre", "class", "categor"))


def hm_articles(path: Path) -> dict[str, Item]:
    """The articles of `articles.csv` beside H&M's transactions, by id."""
    articles = beside(path.with_name("articles.csv"))
    if articles is None:
        return {}
    return _named(articles, ",", "article_id", ("prod_name",), ("product_type_name", "product_group_name"))


def _named(path: Path, separator: str, key: str, titles: Sequence[str], kinds: Sequence[str]) -> dict[str, Item]:
    rows = list(_rows(path, separator))
    if not rows:
        return {}
    header = [name.partition(":")[0] for name in rows[0][1]]
    if key not in header:
        return {}
    id_place = header.index(key)
    title = next((n for n, name in enumerate(header) if any(word in name for word in titles)), None)
    categories = [n for word in kinds for n, name in enumerate(header) if word in name]
    found = {}
    for _, fields in rows[1:]:
        if len(fields) == len(header) and fields[id_place]:
            held = [fields[n] for n in categories if fields[n]]
            found[fields[id_place]] = Item(
                item_id=fields[id_place], title=(fields[title] or None) if title is not None else None,
                categories=[*dict.fromkeys(held)],
            )  # fmt: skip
    return found


def _rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that can be read; what cannot is without a description."""
    head = sample(path)
    with opened(path) as file:
        for line in lines(file, encoding_of(head), head):
            text = line.text.rstrip("\r\n")
            if line.fault or not text:
                continue
            try:
                fields = split(text, separator)
            except ValueError:
                continue
            if fields is not None:
                yield line.number, fields
