"""What an id is: of users, items, events, sessions and decisions; on topics, over HTTP, in files and in options.

1. An id is text of 1 to 256 bytes of UTF-8.
2. It neither begins nor ends with white space. Blanks within it are part of it.
3. It holds no control character and no character that cannot be seen: zero-width spaces and joiners, byte-order marks,
   marks of direction, variation selectors, fillers. Two ids that look the same would else be two users.
4. It is compared byte by byte: neither case nor Unicode form is changed. A producer that sends `é` in two forms
   has two ids.

Whoever reads an id refuses one that breaks the rule and says which character. In a file of columns, blanks around a
field belong to the file, not to the id, and are left out. Only what deletes takes any id of 1 to 256 bytes, so that
users and items of before this rule can be removed.
"""

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_plus

from stream.records.schemas import MAX_ID_BYTES

# Listed, not asked of `unicodedata`: what is an id must not depend on the version of Python that a worker runs.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
_EDGE = re.compile("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # white space that is no control character


def fault(text: str) -> str:
    r"""What is wrong with an id, for the end of a sentence that names the field; empty if nothing is.

    >>> fault("sofa 3"), fault("é")
    ('', '')
    >>> fault("u1 ")
    "must not begin or end with white space; got 'u1 ': leave it out"
    >>> fault("u\u200b1")
    "must have no control or invisible characters; got U+200B ZERO WIDTH SPACE in 'u\\u200b1': leave it out"
    """
    if text.isascii() and text.isprintable() and 0 < len(text) <= MAX_ID_BYTES and text[0] != " " != text[-1]:
        return ""  # nearly all of them
    size = length_fault(text)
    if size:
        return size
    found = _UNSEEN.search(text)
    if found:
        return f"must have no control or invisible characters; got {_name(found[0])} in {text[:60]!a}: leave it out"
    if _EDGE.match(text[0]) or _EDGE.match(text[-1]):
        return f"must not begin or end with white space; got {text[:60]!a}: leave it out"
    return ""


def are_plain(joined: str) -> bool:
    """Whether ids that are joined to one text are all without fault, seen at a glance; False says nothing.

    >>> are_plain("e-1" + "ada" + "tea"), are_plain("e-1" + "ada " + "tea")
    (True, False)
    """
    return len(joined) <= MAX_ID_BYTES and joined.isascii() and joined.isprintable() and " " not in joined


def length_fault(text: str) -> str:
    """What is wrong with the length of an id; all that is asked of one that is to be deleted.

    >>> length_fault("")
    'must not be empty'
    """
    if not text:
        return "must not be empty"
    # A character takes at most 4 bytes, so short ids need no encoding to be known as short.
    if len(text) * 4 > MAX_ID_BYTES and (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_ID_BYTES:
        return f"must have at most {MAX_ID_BYTES} bytes; got {size}"
    return ""


def in_column(text: str) -> str:
    r"""The id in a field of a file of columns; raises ValueError with what is wrong with it.

    >>> in_column(" u1\t")
    'u1'
    """
    text = text.strip(" \t")
    wrong = fault(text)
    if wrong:
        raise ValueError(wrong)
    return text


def in_query(query: str, name: str, known: Callable[[str], bool]) -> list[str]:
    """Ids of a parameter of an undecoded query string: it may be repeated, and hold several, separated by commas.

    A comma that belongs to an id is written `%2C`. Many clients write every comma so: where no id is `known` that has
    it, it separates too.

    >>> in_query("k=5&id=a,b&id=c%2Cd&id=e%2Cf", "id", known={"c,d"}.__contains__)
    ['a', 'b', 'c,d', 'e', 'f']

    Raises
    ------
    ValueError
        if one of them is no id
    """
    found = []
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if unquote_plus(key) == name:
            for text in map(unquote_plus, value.split(",")):
                found += [text] if "," not in text or known(text) else text.split(",")
    for text in filter(None, found):
        wrong = fault(text)
        if wrong:
            raise ValueError(f"{name}: {wrong}")
    return list(filter(None, found))


def _name(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()
