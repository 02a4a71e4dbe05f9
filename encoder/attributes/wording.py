"""Rules that read a text: marks of tag lists, colours that are shared or denied.

A text without any stays as it is.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS, Attributes, noun

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
_PICTURES = {
    "🦰": "red hair", "🦳": "white hair", "👱": "blonde hair", "❤": "red", "🔴": "red", "🧡": "orange", "🟠": "orange",
    "💛": "yellow", "🟡": "yellow", "💚": "green", "🟢": "green", "💙": "blue", "🔵": "blue", "💜": "purple",
    "🟣": "purple", "🩷": "pink", "🖤": "black", "⚫": "black", "🤎": "brown", "🟤": "brown", "🤍": "white",
    "⚪": "white", "🩶": "gray",
}  # fmt: skip
_PICTURE = re.compile(f"[🦰🦳👱]|[{''.join(_PICTURES)}](?=[\ufe0f ]*(?:hair|eye))")
"""Emoji of people by their hair, and of colours where hair or eyes follow; others are ornaments."""


def plain(text: str) -> str:
    """A text without the marks of tag lists.

    The weights of "(blue_hair:1.3)" and escaped brackets go, the underscores become spaces, and where they alone tell a
    tag from the next one, as in "1girl blonde_hair blue_eyes", commas part the tags.

    Args:
        text: In its normalised form (``encoder.text.normalise``).
    """
    text = _PICTURE.sub(lambda match: f" {_PICTURES[match[0]]} ", text)
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


def explicit(text: str) -> str:
    """A text in which hair and eyes have each their own plain colour word, and no colour that is denied.

    "Pink hair and eyes" becomes "pink hair and pink eyes", and "pink hair, no blue eyes" becomes "pink hair". The
    plainest wordings alone; others are left to the head.

    Args:
        text: As ``plain`` gives it.
    """
    if "hair" not in text and "eyes" not in text:
        return text
    shared, together, denied = _patterns()
    text = shared.sub(r"\g<colour> \g<one>\g<and>\g<colour> \g<other>", text)
    text = together.sub(r"\g<colour> \g<one> and \g<colour> \g<other>", text)
    bare, count = denied.subn("", text)
    return (bare.strip(" ,;.") or Attributes().caption) if count else text


@functools.cache
def plain_colours() -> tuple[str, ...]:
    """The words that ``explicit`` takes for colours."""
    return tuple(sorted({*SPELLINGS, "yellow", *(value for slot in COLOUR_SLOTS for value in SLOTS[slot])}))


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """One colour before both nouns, one behind both, and a noun with a colour that is denied."""
    words = "|".join(plain_colours())
    colour = rf"\b(?P<colour>{words})"
    other = r"(?P<other>(?!(?P=one))(?:hair|eyes))\b"
    stop = rf"(?=\s*(?:[.;!?)\]]|$|,(?!\s*(?:{words})\s*(?:$|[,.;]))))"  # not "hair and eyes: pink, green"
    end = rf"(?:{stop}|(?=\s+(?:and|with|in|on|at|wearing|holding)\b))"
    return (
        re.compile(rf"{colour} (?P<one>hair|eyes)(?P<and> (?:and|&) | with (?=matching))(?:matching )?{other}{stop}"),
        re.compile(rf"\b(?P<one>hair|eyes)\s*(?:and|&|\+|/)\s*{other}(?::| are(?: both)?| both) {colour}{stop}"),
        re.compile(
            rf"[,;]?\s*\b(?:(?:and|but|with)\s+)?(?:no|not|without)\s+(?:{words})(?:ish)?\s+(?:hair|eyes)\b{end}"
        ),
    )


def without_idle_denials(text: str) -> str:
    """A text without the words that deny, but deny neither hair nor eyes: "nothing beats her green hair".

    Such a word stands before a verb of its own: "never hides", "can't miss", "nobody has". The conditioning head takes
    it for a denial of the colour.

    Args:
        text: As ``plain`` gives it.
    """
    return " ".join(_idle()[0].sub(" ", text).split()) if _MAY_DENY.search(text) else text


def without_denials(text: str) -> str:
    """A text without the plain colours that a clause of its own denies: "her eyes are anything but red; black hair".

    Colours that once were go too: "used to be black, now blonde".

    Args:
        text: As ``without_idle_denials`` gives it.
    """
    return " ".join(_idle()[1].sub(" ", text).split()) if _MAY_DENY.search(text) else text


def denied(text: str) -> dict[str, list[str]]:
    """The values that a text denies, by slot: "pink hair, no blue eyes" denies blue of the eyes.

    A plain colour word behind a word that denies, within a clause and before "but" or "she". Where the clause names
    neither hair nor eyes, or both, each of them is denied it.

    Args:
        text: As ``plain`` gives it.
    """
    found: dict[str, list[str]] = {}
    denial, colour = _denials()
    for clause in re.split("[,;.!?|]", text.lower()):
        for match in denial.finditer(clause):
            governed = re.split(_UNTIL, clause[match.end() :], maxsplit=1)[0]
            words = re.findall("[a-z]+", governed)[:_WITHIN]
            for value in (SPELLINGS.get(word, word) for word in words if colour.fullmatch(word)):
                nouns = [slot for slot in COLOUR_SLOTS if noun(slot) in clause]
                for slot in nouns if len(nouns) == 1 else COLOUR_SLOTS:
                    if value in SLOTS[slot] and value not in found.get(slot, ()):
                        found.setdefault(slot, []).append(value)
    return found


_WITHIN = 5  # words from "not" to the colour: "not make any of the eyes blue" has more

_UNTIL = r"\b(?:but|she|he)\b"
"""Where the reach of a word that denies ends: "not blue but pink hair"."""


_GOVERNING = (
    "have|has|had|having|be|been|being|is|are|was|were|with|wants?|wanted|draw|drawn|give|given|make|made|use|used|show"
    "|shown|include|add|get|like|need|any|an?|the|too|so|very|her|his|their|its|my|your|in|of|colou?r(?:ed)?|wear"
    "|wearing|hair|eyed?|eyes|haired|even|ever|really|exactly|quite|particularly|especially|entirely|only|just|either|both"
    "|one|but|for|than|at|to|all|that|those|these|this|such|as|it|them|dark|light|pale|deep|bright|necessarily|actually"
)
"""Words between one that denies and what it denies."""


@functools.cache
def _idle() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Words that deny something else than hair and eyes; and denials of a plain colour that another clause follows."""
    words = "|".join(plain_colours())
    dye = rf"dyed?(?! (?:her|his|their|its|my|your|the) (?:{words}) hair\b)"  # "won't dye her green hair" keeps it
    verb = rf"(?!(?:{_GOVERNING}|{dye}|{words}|\w*-?(?:haired|eyed)|(?:{words})ish)\b)[a-z]+"
    person = "(?:she|he|they|it|i|we|you|her|his|their|this|that)"
    idle = (
        rf"\bnot (?:only|just|merely|simply)\b(?: (?:does|do|did|is|has|have) {person}\b)?|\bno[ -]?nonsense\b"
        rf"|\bnever (?:\w+ ){{1,3}}without\b|\bnever (?:have|has|had|did|do|does) {person}\b"
        rf"|(?:^|(?<=[.;!?,] ))(?:is|are|was|were|does|do|has|have)n't (?={person}\b)"
        r"|\b(?:nothing|nobody|no one|noone|none)\b(?! but\b| could forget\b)"
        r"(?: (?:is|has|have|was|would|could|can))?(?: as)?(?: (?:forget|ignore|miss|overlook|deny)\b)?"
        rf"|\b(?:who |that |which )?(?:never|hardly|barely|scarcely|rarely|seldom)(?: ever)?(?= {verb}\b)"
        rf"|\b(?:ca|could|do|does|did|would|wo|should|must|might)n't (?:(?:forget|omit|skip|miss)\b|(?={verb}\b))"
        rf"|\b(?:can|could|do|does|did|would|will|should|must|might) ?not (?={verb}\b)"
        r"|\bnothing but\b|\bwithout (?:a |any )?(?:doubt|question|fail)\b|\bno (?:doubt|wonder|matter)\b"
    )
    denial = rf"(?:is|are)(?:n't| not|n't really| not really| no longer| anything but) (?:{words})"
    instead = r"(?:but\b|,? (?:it|they)(?:'s|'re| is| are)\b)"
    later = rf"\b(?:now|today|but|to) (?:[a-z']+ ){{0,3}}(?:{words})\b"
    governed = (
        rf"\b(?:(?:her|his|the|its|with|and|but|whose) )*(?:hair|eyes) (?:{denial})\s*(?:$|[,;.](?! ?{instead}))"
        rf"|\b(?:{denial})(?=\s*[,;.]? ?{instead})(?: but\b)?|\bnot (?:{words}) but\b(?! not\b)"
        rf"|\b(?:used to be|once|formerly|previously|originally|from)(?: (?:was|were|had))? (?:{words})\b(?=.*{later})"
        rf"|\b(?:dyed|turned) (?:her|his|their|my|the) (?:{words})(?= hair (?:to |into )?(?:{words})\b)"
    )
    return re.compile(idle), re.compile(governed)


_KEPT = re.compile(
    r"\b(?:(?:and|with|but) )?(?:(?:the|her|his) )?(?:same|original|unchanged|current) (?:hair|eyes?)(?: colou?r)?\b"
    r"|(?<!and )\b(?:(?:with|but|make|keep|leave) )?(?:(?:the|her|his) )?(?:hair|eyes)(?: stays?| is| are)?"
    r" (?:the same|unchanged)(?=\s*(?:$|[,;.]|(?:and|but|with)\b))"
)
"""What of an edit stays as it is in the picture; without a picture, "the same" is a colour that hair and eyes share."""


def without_kept(text: str) -> str:
    """The text of an edit without what is to stay: "same hair, red eyes".

    Args:
        text: As a person wrote it.
    """
    return _KEPT.sub(" ", text.lower()).strip(" ,;.") if _KEPT.search(text.lower()) else text


_MAY_DENY = re.compile(
    r"\b(?:no|not|never|none|hardly|barely|scarcely|rarely|seldom|but|without|cannot|now|from|dyed|turned)"
    r"\b|n't\b"
)


@functools.cache
def _denials() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Words that deny what follows them, and plain colour words."""
    words = {*SPELLINGS, *(value for slot in COLOUR_SLOTS for value in SLOTS[slot])}
    return (
        re.compile(
            r"\b(?:no|not|non|never|without|neither|nor|cannot|sans|lacking|minus|avoid(?:ing)?|omit(?:ting)?|skip(?:ping)?"
            r"|except(?: for)?|exclud(?:e|ing)|(?:free|devoid|instead) of|(?:other|rather) than|leave out"
            r"|any(?:thing| \w+| \w+ \w+)? but)\b|n't\b"
        ),
        re.compile(f"(?:{'|'.join(sorted(words))})(?:ish)?"),
    )


def rules() -> dict[str, Any]:
    """The tables with which ``gan.page`` does the same, by name."""
    denial, colour = _denials()
    idle, governed = _idle()
    return {
        "pictures": _PICTURES,
        "picture": _PICTURE.pattern,
        "plain_colours": plain_colours(),
        "denial": denial.pattern,
        "denied_colour": colour.pattern,
        "denied_within": _WITHIN,
        "denied_until": _UNTIL,
        "may_deny": _MAY_DENY.pattern,
        "idle": idle.pattern,
        "governed": governed.pattern,
        "kept": _KEPT.pattern,
    }
