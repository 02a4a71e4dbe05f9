"""The marks of tag lists, taken from a text before it is encoded; a text without any stays as it is."""

from __future__ import annotations

import re

_WEIGHTED = re.compile(r"\(([^()]*?)\s*:\s*\d+(?:\.\d+)?\s*\)")
_WEIGHT = re.compile(r"(?<=[a-z]):\d\.\d+\b", re.IGNORECASE)
_NETWORK = re.compile(r"<\w+:[^<>]*>")
_JOINED = re.compile(r"(?<=\w)_+(?=[\w(])")
_SENTENCE = {
    *("a", "an", "and", "are", "as", "at", "but", "by", "for", "from", "has", "have", "he", "her", "his", "i", "in"),
    *("is", "it", "my", "not", "of", "on", "or", "she", "the", "their", "they", "this", "to", "was", "who", "whose"),
    *("with", "without", "you", "eye", "eyes", "hair"),
}
"""Words that no tag is: where they stand alone, spaces part words and not tags."""


def plain(text: str) -> str:
    """A text without the marks of tag lists.

    The weights of "(blue_hair:1.3)" and escaped brackets go, the underscores become spaces, and where they alone tell a
    tag from the next one, as in "1girl blonde_hair blue_eyes", commas part the tags.

    Args:
        text: In its normalised form (``encoder.text.normalise``).
    """
    if ":" in text:
        while (bare := _WEIGHTED.sub(r"\1", text)) != text:
            text = bare
        text = _WEIGHT.sub("", _NETWORK.sub(" ", text))
    text = text.replace("\\(", "(").replace("\\)", ")")
    if _JOINED.search(text):
        tags = text.split()
        if len(tags) > 1 and not re.search("[,;|/+*&]", text) and _SENTENCE.isdisjoint(tags):
            text = ", ".join(tags)
        text = _JOINED.sub(" ", text)
    return " ".join(text.split())
