"""The words of reasons: templates, at most one place in each, which the name of the template decides."""

import string
from collections.abc import Mapping

from stream.gateway.reasons.why import Reason

MAX_CHARACTERS = 300  # of a template
SEEN = "you have looked at it before"
ENGLISH: dict[str, str] = {  # by feature, for an item that has more of it than the other candidates; the last ones not
    "popularity": "many like it", "popularity_fast": "many look at it right now", "trending": "it is on the rise",
    "new_items": "it is new", "repeats": SEEN, "buy_again": "it may be time for it again", "recently_seen": SEEN,
    "user_neighbours": "people with your taste like it", "session_neighbours": "visits like yours went on with it",
    "categories": "it is of a kind that you like", "content": "it is much like what you looked at",
    "covisitation": "it goes with what you looked at", "sequential_rules": "it follows what you looked at",
    "same_category": "it is of the kind that you looked at last", "category_share": "it is of a kind that you like",
    "age": "it is new", "idle": "many look at it right now", "trend": "it is on the rise",
    "new_since": "it is new since you were last here", "agreement": "many signs speak for it", "seen": SEEN,
    "unseen": "you have not looked at it yet", "no_longer_new": "it has been here for long",
    "little_known": "few know it yet", "quiet": "few look at it right now",
    "less": "it has less {feature} than the others", "other": "{feature} speaks for it",
    "goes_with": "goes with {title}", "alike": "much like {title}", "bought_with": "bought by those who bought {title}",
    "has": "has {title}",
    "group": "many with the same {group} like it", "by_ranking": "chosen by the ranking",
    "by_source": "filled by {source}", "by_rule": "put here by a rule", "in_catalogue": "it is in the catalogue",
}  # fmt: skip
PLACES = {
    "less": "feature", "other": "feature", "group": "group", "by_source": "source",
    **dict.fromkeys(("goes_with", "alike", "bought_with", "has"), "title"),
}  # fmt: skip


class Words:
    """The reasons of one language.

    Parameters
    ----------
    language : its tag, such as `nl` or `pt-BR`
    templates : by name; `other` stands for those of features that are not among them

    >>> Words("en", ENGLISH).say(Reason("goes_with", "{title} of glass")), Words("en", ENGLISH).say(Reason("my_own"))
    ('goes with {title} of glass', 'my own speaks for it')
    """

    def __init__(self, language: str, templates: Mapping[str, str]) -> None:
        self.language, self._templates = language, templates
        self._whole = {name: text.format_map({}) for name, text in templates.items() if name not in PLACES}

    def say(self, reason: Reason) -> str:
        """The sentence."""
        template, value = reason
        if (whole := self._whole.get(template)) is not None:
            return whole
        if template not in self._templates:
            template, value = "other", template.replace("_", " ")
        return self._templates[template].format_map({PLACES[template]: value})


IN_ENGLISH = Words("en", ENGLISH)


def fault(name: str, template: object) -> str:
    """What is wrong with a template, for the end of a sentence that names it; empty if nothing is.

    >>> fault("goes_with", "past bij {titel}")
    "must have no place but {title}; got {titel} in 'past bij {titel}'"
    >>> fault("goes_with", "past bij wat je bekeek")
    ''
    """
    if not isinstance(template, str) or not template.strip() or len(template) > MAX_CHARACTERS:
        return f"must be text of 1 to {MAX_CHARACTERS} characters; got {str(template)[:60]!r}"
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        return f"must have each brace closed, and a brace of the text doubled: {error}; got {template[:60]!r}"
    place = PLACES.get(name)
    for _, field, form, conversion in parts:
        if field is not None and (field != place or form or conversion):
            only = f"no place but {{{place}}}" if place else "no place in braces"
            wrong = f"!{conversion}" * bool(conversion) + f":{form}" * bool(form)
            return f"must have {only}; got {{{field}{wrong}}} in {template[:60]!r}"
    return ""
