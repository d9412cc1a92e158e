r"""Words of a text in any script: one spelling for what is written in several, and parts where words have no spaces.

Normalisation: compatibility forms are one (NFKC: full-width letters, ligatures), case is folded, invisible characters
go. Accents, tone marks and vowel points go where readers do without them (Latin, Greek, Arabic, Hebrew) and stay where
they are part of the word (Devanagari, Thai, Japanese, ...). So `Café`, `CAFÉ` and `cafe` are one word; so are words
that differ in nothing but accents, as in Vietnamese.

Segmentation: a word is a run of letters with their marks, digits and underscores (Unicode Technical Standard 18, `\w`
of the library `regex`). Han, kana, Thai, Lao, Khmer and Myanmar are written without spaces: there, every two
neighbouring grapheme clusters are a word, as they are for Hangul, whose words carry their particles. A single Han or
Hangul sign and a Khmer or Myanmar syllable may have a meaning of its own and is a word too, a lesser one.
"""

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import regex

SIGN_WEIGHT = 0.5  # of a single sign, besides the pairs that it is in
_INVISIBLE = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\u0640]+"
)  # the last: Arabic tatweel, which only stretches
_OPTIONAL_MARKS = regex.compile(r"([\p{Latin}\p{Greek}\p{Arabic}\p{Hebrew}])\p{Mn}+")
_WORD = regex.compile(r"\w+")
_UNSPACED = r"\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}\p{Hangul}"
_PART = regex.compile(rf"(?P<unspaced>[{_UNSPACED}][{_UNSPACED}\p{{M}}]*)|[^{_UNSPACED}]+")
_SIGN = regex.compile(r"[\p{Han}\p{Hangul}]\p{M}*|[\p{Khmer}\p{Myanmar}]\p{M}.*")
_CLUSTER = regex.compile(r"\X")
_LETTERS = str.maketrans({  # letters that do not decompose, and are typed without their stroke or dots
    "ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ё": "е",  # noqa: RUF001
})  # fmt: skip


def fold(text: str) -> str:
    """Return the one spelling under which a text is compared.

    >>> fold("ＣＡＦÉ"), fold("Straße"), fold("İstanbul"), fold("Ёлка")
    ('cafe', 'strasse', 'istanbul', 'елка')
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    apart = _INVISIBLE.sub("", unicodedata.normalize("NFD", plain))
    return unicodedata.normalize("NFKC", _OPTIONAL_MARKS.sub(r"\1", apart))


def composed(text: str) -> str:
    r"""Return a text in its composed form (NFC): what looks the same is the same; case and accents stay.

    >>> composed("Cafe\u0301") == "Caf\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def words(text: str) -> Iterator[tuple[str, float]]:
    """Yield each word of a text, folded, with its weight in (0, 1].

    >>> [word for word, _ in words("Tea, don't")]
    ['tea', 'don', 't']
    >>> list(words("绿茶"))
    [('绿', 0.5), ('茶', 0.5), ('绿茶', 1.0)]
    """
    folded = fold(text)
    for run in _WORD.findall(folded):
        if run.isascii():
            yield run, 1.0
            continue
        for part in _PART.finditer(run):
            yield from _pairs(part.group()) if part["unspaced"] else ((part.group(), 1.0),)


def _pairs(run: str) -> Iterator[tuple[str, float]]:
    clusters = _CLUSTER.findall(run)
    if len(clusters) == 1:
        yield run, 1.0
        return
    for cluster in clusters:
        if _SIGN.fullmatch(cluster):
            yield cluster, SIGN_WEIGHT
    for first, second in pairwise(clusters):
        yield first + second, 1.0
