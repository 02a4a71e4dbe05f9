"""Texts from outside: the form in which they are encoded, and which of them can be taken."""

from __future__ import annotations

import unicodedata

from encoder.common.arguments import is_unicode
from encoder.common.errors import InputError

MAX_TEXT = 2000
"""The longest text that is taken, in characters; the encoder reads about the first 1,000."""


def normalise(text: str) -> str:
    """The form in which a text is encoded and cached: NFKC, single spaces, lower case (the encoder is uncased)."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).lower()


def check_text(text: str, where: str) -> str:
    """A text from outside, without the space around it, if it can be drawn from.

    Args:
        text: What a person wrote.
        where: Where it stands, for the message: ``"testing_tags.txt, line 3"`` or ``"--text"``.

    Raises:
        InputError: It is empty, longer than ``MAX_TEXT`` characters, or not valid Unicode.
    """
    text = text.strip()
    if not text:
        raise InputError(f"{where}: the text is empty; describe the picture, as in 'pink hair green eyes'")
    if len(text) > MAX_TEXT:
        raise InputError(f"{where}: the text has {len(text):,} characters; shorten it to {MAX_TEXT:,} or fewer")
    if not is_unicode(text) or "\0" in text:
        raise InputError(f"{where}: the text is not valid Unicode; give it in UTF-8")
    return text
