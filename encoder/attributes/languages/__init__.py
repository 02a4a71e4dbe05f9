"""Texts in other languages, put into English words before the text encoder reads them.

The words lie in one text file a language, in this folder; ``README.md`` explains their form. A text in English stays
as it is. What no list knows is said in a warning, in the language of the text.

The colours of a text are bound to its nouns by dynamic programming: each colour takes the noun that costs least, where
words, commas and other nouns between them cost, and the order of colour and noun that is unusual in the language.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.attributes.colour import codes
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.common.errors import InputError

FOLDER = Path(__file__).parent
LATIN = ("es", "fr", "de", "pt", "it")
SUBSTRINGS = ("zh-Hant", "zh-Hans", "ja", "ko")
"""The languages whose words stand without spaces between them; of equal fit the first is taken."""

_KINDS = (
    *("hair", "eyes", "long", "short", "light", "dark", "both", "and", "like", "not", "not behind", "any"),
    "ignored",
)
_SETTINGS = ("name", "script", "adjectives", "endings", "foreign")
_JOINED = ("joined hair", "joined eyes", "joined light", "joined dark")
_SEPARATORS = re.compile(r"[,;.!?|，、。；！？\n]")
_LETTERS = re.compile(r"[^\W\d_]+")
_GERMAN = re.compile("haar|ae?ug(?:e|en|ig(?:e[mnrs]?)?)$")
_FOREIGN_LETTERS = re.compile("[\u0100-\u024f\u00e5\u00e6\u00f0\u00f8\u00fe]")
_ENGLISH = re.compile("hair|eye|colou?r|red|blue|green|aqua|purple|pink|orange|yellow|blond|brown|black|white|gr[ae]y")
_MOST = 120
"""Words of a text that are read; the rest is said to be unread."""
_ENGLISH_TOO = {
    *("blond", "blonde", "blonder", "brunette", "chignon", "coiffure", "iris", "irises", "mecha", "mechas", "melena"),
    *("mora", "moreno", "pony", "regard", "tresses"),
}
"""Words of the lists that are English too: they do not show that a text is in another language."""


@dataclass(frozen=True)
class Translation:
    """A text put into English.

    Attributes:
        english: What it asks for: "long pink hair green eyes"; "a face" where it asks for nothing.
        language: The file's name: "zh-Hant"; "en" for a script that no list knows.
        warnings: What the writer should know, a line each, in the language of the text.
    """

    english: str
    language: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Token:
    """A word of a text.

    Attributes:
        kind: A key of the files: "hair", "and"; "colour", "thing", "break" of a comma, "unread" of what no list knows.
        value: The English name of a colour or thing.
    """

    kind: str
    start: int
    end: int
    value: str = ""


@dataclass
class Language:
    """The lists of one language.

    Attributes:
        code: The file's name.
        words: What each word is, as tokens without a place: a word for several things has several.
        messages: The warnings, by name.
        persons: Colours that speak of hair where a text has no noun of hair: "une rousse".
        joined: Parts of one word with a colour.
        endings: Of colours.
        adjectives_before: Whether a colour stands before its noun.
        longest: Letters of the longest word.
    """

    code: str
    words: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    persons: set[str] = field(default_factory=set)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    endings: tuple[str, ...] = ()
    adjectives_before: bool = True
    longest: int = 1

    def add(self, word: str, *tokens: tuple[str, str]) -> None:
        """Add a word; where two lines have it, the first counts."""
        for form in _forms(word):
            self.words.setdefault(form, list(tokens))
            self.longest = max(self.longest, len(form))


def translate(text: str) -> Translation | None:
    """A text in English words; ``None`` where it is English, or may be."""
    code = language_of(text)
    if code is None:
        return None
    language = load(code)
    tokens = _with_shades(_tokens(fold(text), code))
    return _Reading(text, language, tokens).translation()


@functools.lru_cache(10_000)
def language_of(text: str) -> str | None:
    """The language of a text, the name of its file; ``None`` for English, "en" for a script that no list knows."""
    folded = fold(text)
    if folded.isascii() or not any(_script(character) for character in folded):
        found = _LETTERS.findall(folded)
        hits = {code: sum(_shows(word, code) for word in found) for code in LATIN}
        if not any(hits.values()):
            return "en" if _is_foreign(text, found) else None
        candidates = [code for code in LATIN if hits[code]]
    else:
        scripts = {_script(character) for character in folded} - {""}
        if "kana" in scripts:
            return "ja"
        if "hangul" in scripts:
            return "ko"
        if "han" not in scripts:
            return "en"
        candidates = ["zh-Hant", "zh-Hans", "ja"]
    return min(candidates, key=lambda code: _unread_letters(folded, code))


def _is_foreign(text: str, words: Sequence[str]) -> bool:
    """Whether a text in Latin letters is in a language that no list knows: it has a noun of hair or eyes of such a
    language, or a letter that English lacks; and neither an English noun of hair or eyes nor an English colour."""
    if not (_FOREIGN_LETTERS.search(text) or not _signs()["other"].isdisjoint(words)):
        return False
    english = load("en").words
    known = ("hair", "eyes", "colour")
    return not any(_ENGLISH.search(word) or english.get(word, [("", "")])[0][0] in known for word in words)


def fold(text: str) -> str:
    """A text in the form in which words are compared: NFKC, lower case, Latin letters without their accents.

    Of a text in NFKC and lower case, no letter changes its place.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return "".join(
        unicodedata.normalize("NFD", character)[0] if "\u00c0" <= character <= "\u024f" else character
        for character in text
    )


def _forms(word: str) -> list[str]:
    """A word of a list, folded, and as it is typed without umlauts: "grün" is also "gruen"."""
    typed = word.translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"})
    return list(dict.fromkeys([fold(word), fold(typed)]))


def _script(character: str) -> str:
    """The script of a letter, where it is not the Latin one."""
    if character < "\u0250" or not character.isalpha():
        return ""
    if "\u3040" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9f":
        return "kana"
    if "\uac00" <= character <= "\ud7a3" or "\u1100" <= character <= "\u11ff" or "\u3130" <= character <= "\u318f":
        return "hangul"
    if "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff":
        return "han"
    return "other"


# -- the files -------------------------------------------------------------------------------------------------------


def _lines(code: str) -> Iterator[tuple[int, str, str]]:
    """The number, the key and the value of each line of a file."""
    for number, line in enumerate((FOLDER / f"{code}.txt").read_text("utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("# "):
            key, colon, value = line.partition(":")
            if not colon:
                raise InputError(f"{code}.txt, line {number}: no colon; write 'key: word, word'")
            yield number, key.strip(), value.strip()


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]


@functools.cache
def load(code: str) -> Language:
    """The lists of a language; ``InputError`` names a line that is not of their form."""
    language = Language(code)
    for number, key, value in _lines(code):
        where = f"{code}.txt, line {number}"
        if key.startswith("message "):
            language.messages[key.removeprefix("message ")] = value
        elif key == "endings":
            language.endings = tuple(sorted(value.split(), key=len, reverse=True))
        elif key == "adjectives":
            language.adjectives_before = value == "before"
        elif key in _JOINED:
            language.joined[key] = tuple(
                sorted((form for entry in _entries(value) for form in _forms(entry)), key=len, reverse=True)
            )
        elif key in ("compounds", "things"):
            for entry in _entries(value):
                word, equals, meaning = (part.strip() for part in entry.partition("="))
                if not equals:
                    raise InputError(f"{where}: {entry!r} has no '='; write 'word = English words'")
                tokens = _compound(meaning, where) if key == "compounds" else [("thing", meaning)]
                if language.words.get(fold(word), [("", "")])[0][0] == "colour":
                    language.persons.add(fold(word))
                language.add(word, *tokens)
        elif key in _KINDS:
            for entry in _entries(value):
                word, plus, length = (part.strip() for part in entry.partition("+"))
                language.add(word, *([(length, "")] if plus else []), (key, ""))
        elif key not in _SETTINGS:
            for word in _entries(value):
                language.add(word, ("colour", key))
    return language


def _compound(meaning: str, where: str) -> list[tuple[str, str]]:
    """ "golden hair blue eyes" as tokens."""
    tokens: list[tuple[str, str]] = []
    words: list[str] = []
    for word in meaning.split():
        if word in COLOUR_SLOTS:
            tokens += [("colour", " ".join(words)), (word, "")] if words else [(word, "")]
            words = []
        elif word in SLOTS["length"]:
            tokens.append((word, ""))
        else:
            words.append(word)
    if words or not tokens:
        raise InputError(f"{where}: {meaning!r} does not end in 'hair' or 'eyes'")
    return tokens


@functools.cache
def _signs() -> dict[str, frozenset[str]]:
    """The words that show that a text in Latin letters is in a language: its nouns of hair and eyes."""
    found = {}
    for code in (*LATIN, "en"):  # not by _lines: a text in English waits for this
        keys, name = ("foreign", "other") if code == "en" else ("hair|eyes|compounds", code)
        values = re.findall(f"^(?:{keys}): (.*)", (FOLDER / f"{code}.txt").read_text("utf-8"), re.MULTILINE)
        words = fold(",".join(values)).split(",")
        found[name] = frozenset(re.split("[+=]", word)[0].strip() for word in words) - _ENGLISH_TOO
    return found


def _shows(word: str, code: str) -> bool:
    """Whether a word shows that its text is in a language."""
    if word in _signs()[code]:
        return True
    return code == "de" and _GERMAN.search(word) is not None and bool(_inflected(word, load(code)))


def rules() -> dict[str, Any]:
    """The lists as JSON: what the page reads texts by."""
    lists = {
        code: {
            "words": language.words,
            "messages": language.messages,
            "joined": language.joined,
            "endings": language.endings,
            "before": language.adjectives_before,
            "persons": sorted(language.persons),
        }
        for code in (*SUBSTRINGS, *LATIN, "en")
        for language in [load(code)]
    }
    return {"signs": {code: sorted(words) for code, words in _signs().items()}, "lists": lists}


# -- from a text to tokens -------------------------------------------------------------------------------------------


def _languages(code: str) -> list[Language]:
    """The language of a text, and those whose words may stand among its own."""
    others = [each for each in SUBSTRINGS if each != code] if code in SUBSTRINGS else []
    return [load(each) for each in dict.fromkeys([code, "en", *others])]


def _tokens(text: str, code: str) -> list[Token]:
    """The words of a folded text; the longest word that a list has, from left to right."""
    languages = _languages(code)
    exact = {found.start: found for found in codes(text)}
    tokens: list[Token] = []
    i = 0
    while i < len(text):
        if i in exact:
            tokens.append(Token("colour", i, exact[i].end, text[i : exact[i].end]))
        elif found := _word_at(text, i, languages):
            tokens += found
        elif _SEPARATORS.match(text[i]):
            tokens.append(Token("break", i, i + 1))
        elif text[i].isalpha():
            end = i + 1 if _script(text[i]) in ("han", "kana", "hangul") else _LETTERS.match(text, i).end()  # type: ignore[union-attr]
            if tokens and tokens[-1].kind == "unread" and not text[tokens[-1].end : i].strip():
                tokens[-1] = Token("unread", tokens[-1].start, end)
            else:
                tokens.append(Token("unread", i, end))
        i = tokens[-1].end if tokens and tokens[-1].end > i else i + 1
        if len(tokens) >= _MOST and i < len(text):
            return [*tokens, Token("unread", i, len(text))]
    return tokens


def _word_at(text: str, i: int, languages: Sequence[Language]) -> list[Token]:
    """The tokens of the longest word at ``text[i:]``."""
    inside = i > 0 and _is_latin(text[i]) and _is_latin(text[i - 1])
    if inside:
        return []
    for end in range(min(len(text), i + max(language.longest for language in languages)), i, -1):
        if end < len(text) and _is_latin(text[end - 1]) and _is_latin(text[end]):
            continue
        for language in languages:
            if kinds := language.words.get(text[i:end]):
                return [Token(kind, i, end, value) for kind, value in kinds]
    word = _LETTERS.match(text, i)
    for language in languages if word else ():
        if kinds := _inflected(word[0], language):  # type: ignore[index]
            return [Token(kind, i, word.end(), value) for kind, value in kinds]  # type: ignore[union-attr]
    return []


def _is_latin(character: str) -> bool:
    return character.isalpha() and not _script(character)


def _inflected(word: str, language: Language) -> list[tuple[str, str]]:
    """Readings of an inflected colour or a joined word ("rojas", "hellblauäugig"); none where no list has its parts."""
    stems = [word, *(word.removesuffix(end) for end in language.endings if word.endswith(end))]
    for stem in stems:
        for other in (stem, *(stem + end for end in language.endings)) if len(stem) > 2 else ():
            kinds = language.words.get(other)
            if kinds and all(kind == "colour" for kind, _ in kinds):
                return kinds
    if not language.joined:
        return []
    for slot in COLOUR_SLOTS:
        for end in language.joined.get(f"joined {slot}", ()):
            for stem in stems:
                if stem.endswith(end) and (colour := _joined_colour(stem.removesuffix(end).rstrip("-"), language)):
                    return [*colour, (slot, "")]
    for stem in stems:
        if colour := _joined_colour(stem, language):
            return colour
    return []


def _joined_colour(word: str, language: Language) -> list[tuple[str, str]]:
    """A colour, with "hell" or "dunkel" before it or not."""
    if not word:
        return []
    kinds = language.words.get(word, [])
    if kinds and all(kind in ("colour", "long", "short") for kind, _ in kinds):
        return kinds
    for shade in ("light", "dark"):
        for start in language.joined.get(f"joined {shade}", ()):
            if word.startswith(start) and (rest := _inflected_colour(word.removeprefix(start).lstrip("-"), language)):
                return [(shade, ""), *rest]
    return _inflected_colour(word, language)


def _inflected_colour(word: str, language: Language) -> list[tuple[str, str]]:
    for stem in (word, *(word.removesuffix(end) for end in language.endings if word.endswith(end))):
        kinds = language.words.get(stem, [])
        if stem and kinds and all(kind == "colour" for kind, _ in kinds):
            return kinds
    return []


def _unread_letters(text: str, code: str) -> tuple[int, int]:
    """How many letters of a text no list of a language has, and how many words it needs."""
    tokens = _tokens(text, code)
    unread = sum(token.end - token.start for token in tokens if token.kind == "unread")
    own = load(code).words
    foreign = sum(text[token.start : token.end] not in own for token in tokens)
    return unread, foreign + len(tokens)


def _with_shades(tokens: list[Token]) -> list[Token]:
    """Light and dark joined to the colour beside them: "azul claro" is one colour, "light blue"."""
    result = list(tokens)
    for i, token in enumerate(result):
        if token.kind not in ("light", "dark"):
            continue
        behind = next((j for j in range(i + 1, len(result)) if result[j].kind != "ignored"), None)
        before = next((j for j in range(i - 1, -1, -1) if result[j].kind != "ignored"), None)
        for j in (behind, before) if _stands_before(result, i) else (before, behind):
            if j is not None and result[j].kind == "colour" and not result[j].value.startswith(("#", "light", "dark")):
                colour = result[j]
                result[j] = Token("colour", colour.start, colour.end, f"{token.kind} {colour.value}")
                result[i] = Token("ignored", token.start, token.end)
                break
    return result


def _stands_before(tokens: Sequence[Token], i: int) -> bool:
    """Whether the adjective ``i`` belongs to the word behind it: that is a colour, and none stands before it."""
    return not (i > 0 and tokens[i - 1].kind == "colour")


def _with_hair(tokens: list[Token], text: str, language: Language) -> list[Token]:
    """The tokens with a noun of hair behind a colour that speaks of hair, "une rousse", where the text has no such noun
    or begins with the colour: "a brunette with green eyes and short hair"."""
    has_hair = any(token.kind == "hair" for token in tokens)
    for i, token in enumerate(tokens):
        nouns = [other.kind for other in tokens[i:] if other.kind in COLOUR_SLOTS]
        first = nouns[:1] == ["eyes"] and all(other.kind == "ignored" for other in tokens[:i])
        if token.kind == "colour" and text[token.start : token.end] in language.persons and (first or not has_hair):
            noun = Token("hair", token.end, token.end)
            return [*tokens[: i + 1], noun, *tokens[i + 1 :]]
    return tokens


# -- from tokens to what they ask for --------------------------------------------------------------------------------

_PLAIN = {value for slot in COLOUR_SLOTS for value in SLOTS[slot]}
_NOUNS = (*COLOUR_SLOTS, "thing")
_BETWEEN = {"ignored": 0.3, "and": 2.5, "like": 2.5, "break": 4.0, "colour": 3.0, "unread": 0.5}
_BETWEEN |= {"not": 1.0, "not behind": 1.0}
_OTHER_NOUN, _UNUSUAL_ORDER, _SECOND_COLOUR, _ALONE, _CONTRAST = 5.0, 1.2, 4.0, 9.0, 6.0
"""The costs of words between a colour and its noun; others cost 0.2 a word."""


_DENYING = ("not", "not behind")
_SHARING = ("and", "like")
"""What joins nouns that share a colour: "the hair and the eyes", "the hair like the eyes"."""


class _Reading:
    """A text's request."""

    def __init__(self, text: str, language: Language, tokens: list[Token]) -> None:
        self.text, self.language, self.tokens = text, language, _with_hair(tokens, fold(text), language)
        tokens = self.tokens
        costs = (_OTHER_NOUN if token.kind in _NOUNS else _BETWEEN.get(token.kind, 0.2) for token in tokens)
        self.costs = list(itertools.accumulate(costs, initial=0.0))
        """Of all tokens before each."""
        self.nouns = [i for i, token in enumerate(tokens) if token.kind in _NOUNS]
        self.colours = [i for i, token in enumerate(tokens) if token.kind == "colour"]
        self.bound = self._in_turn() or self._bind()
        """The place among the tokens of each colour's noun; None of a colour alone."""

    def _cost(self, colour: int, noun: int) -> float:
        low, high = sorted((colour, noun))
        unusual = (colour < noun) != self.language.adjectives_before
        return self.costs[high] - self.costs[low + 1] + (_UNUSUAL_ORDER if unusual else 0.0)

    def _bind(self) -> dict[int, int | None]:
        """Each colour's noun, so that all together cost least; the nouns come in the order of the colours."""
        best: dict[int | None, tuple[float, list[int | None]]] = {None: (0.0, [])}
        for number, colour in enumerate(self.colours):
            joined = number > 0 and self._contrasts(self.colours[number - 1], colour)
            following: dict[int | None, tuple[float, list[int | None]]] = {}
            for last, (cost, chosen) in best.items():
                steps: list[tuple[int | None, float]] = [(None, _ALONE)]
                for noun in self.nouns:
                    if last is None or noun >= last:
                        more = self._cost(colour, noun)
                        if noun == last:
                            more = min(more + 1.0, _CONTRAST) if joined else more + _SECOND_COLOUR
                        steps.append((noun, more))
                for step, more in steps:
                    at = last if step is None else step
                    if at not in following or cost + more < following[at][0]:
                        following[at] = (cost + more, [*chosen, step])
            best = following
        _, chosen = min(best.values(), key=lambda each: each[0])
        return dict(zip(self.colours, chosen, strict=True))

    def _between(self, low: int, high: int) -> set[str]:
        """The kinds of what stands between two tokens, and counts."""
        return {token.kind for token in self.tokens[low + 1 : high]} - {"ignored"}

    def _joined(self, low: int, high: int, by: tuple[str, ...] = ("and",)) -> bool:
        """Whether nothing but "and" stands between two tokens, and that it does."""
        kinds = self._between(low, high)
        return bool(kinds) and kinds <= set(by)

    def _contrasts(self, low: int, high: int) -> bool:
        """Whether two colours speak of one noun: "blue and red", "not blue but red"."""
        between = self._between(low, high)
        if between and between <= {"and", "like", "not", "not behind"}:
            return True
        ahead = next((token.kind for token in reversed(self.tokens[:low]) if token.kind != "ignored"), "")
        return between <= {"and", "break", *_DENYING, *COLOUR_SLOTS} and (
            (ahead == "not" and between <= {"break"}) or not between.isdisjoint(_DENYING)
        )

    def _runs(self, places: Sequence[int], by: tuple[str, ...] = ("and",)) -> list[list[int]]:
        """Tokens that are joined by "and"."""
        runs: list[list[int]] = []
        for place in places:
            if runs and self._joined(runs[-1][-1], place, by):
                runs[-1].append(place)
            else:
                runs.append([place])
        return runs

    def _in_turn(self) -> dict[int, int | None] | None:
        """ "Hair and eyes are pink and green": as many colours as nouns, each in turn."""
        nouns, colours = self._runs(self.nouns, _SHARING), self._runs(self.colours)
        if len(nouns) == len(colours) == 1 and len(nouns[0]) == len(colours[0]) > 1:
            return dict(zip(colours[0], nouns[0], strict=True))
        return None

    def translation(self) -> Translation:
        """The text in English."""
        wanted: dict[str, list[str]] = {slot: [] for slot in COLOUR_SLOTS}
        denied: dict[str, list[str]] = {slot: [] for slot in COLOUR_SLOTS}
        negative = self._denied()
        stray = self._stray(negative)
        alone = []
        for colour, noun in self._shared():
            value = self.tokens[colour].value
            if self._is_refined(colour, noun):
                continue
            if noun is None or colour in stray:
                alone.append(colour)
            elif (slot := self.tokens[noun].kind) != "thing":
                if colour in negative:
                    value = _value(slot, value.split()[-1])
                places = denied if colour in negative else wanted
                if colour in negative and value not in SLOTS[slot]:
                    alone.append(colour)
                elif value not in places[slot]:
                    places[slot].append(value)
        length = self._length()
        english = _english(wanted, denied, length)
        return Translation(english, self.language.code, tuple(self._warnings(english, alone)))

    def _is_refined(self, colour: int, noun: int | None) -> bool:
        """Whether a plain colour has an exact one of its noun beside it: "rubio platino", "rojo como sangre"."""
        if self.tokens[colour].value not in _PLAIN:
            return False
        place = self.colours.index(colour)
        beside = [other for other in self.colours[max(place - 1, 0) : place + 2] if self.bound[other] == noun]
        passed = {"like"} if noun is None else {"like", self.tokens[noun].kind}
        return any(
            self.tokens[other].value not in _PLAIN and self._between(*sorted((colour, other))) <= passed
            for other in beside
        )

    def _stray(self, negative: set[int]) -> set[int]:
        """Colours that only lack a better noun: another noun, or what is not understood, parts them from a nearer one.

        "Morena" in a text whose only noun is the eyes is no second colour of them.
        """
        found: set[int] = set()
        for noun in self.nouns:
            own = [colour for colour in self.colours if self.bound[colour] == noun and colour not in negative]
            for one, other in itertools.pairwise(own):
                apart = self._between(one, other) & {*_NOUNS, "unread", "break"}
                if apart and not self._is_refined(one, noun) and not self._is_refined(other, noun):
                    found.add(max((one, other), key=lambda colour: self._cost(colour, noun)))
        return found

    def _shared(self) -> list[tuple[int, int | None]]:
        """Colours with their nouns, those that two nouns share with each."""
        pairs = list(self.bound.items())
        coloured = {self.tokens[noun].kind for noun in self.bound.values() if noun is not None}
        free = [noun for noun in self.nouns if self.tokens[noun].kind not in coloured]
        for run in self._runs(self.nouns, _SHARING):
            own = [colour for colour, noun in pairs if noun in run]
            before, behind = [c for c in own if c < run[0]], [c for c in own if c > run[-1]]
            usual = before if self.language.adjectives_before else behind
            shared = usual or (behind if self.language.adjectives_before else before)
            if len(run) > 1 and shared and len(own) == len(shared):
                pairs += [(colour, noun) for noun in run if noun in free for colour in shared]
                free = [noun for noun in free if noun not in run]
        if any(token.kind == "both" for token in self.tokens):
            values = {self.tokens[colour].value for colour in self.bound}
            slots = {self.tokens[noun].kind for _, noun in pairs if noun is not None}
            if len(values) == 1 and self.colours:
                pairs += [(self.colours[0], noun) for noun in free if self.tokens[noun].kind not in slots]
        return pairs

    def _denied(self) -> set[int]:
        """The colours that the text denies."""
        found: set[int] = set()
        for i, token in enumerate(self.tokens):
            if token.kind == "not":
                ahead = self._until(range(i + 1, len(self.tokens)), ("break", "thing", "not"))
            elif token.kind == "not behind":
                ahead = self._until(range(i - 1, -1, -1), ("break", "thing"))
            else:
                continue
            first = next((j for j in ahead if self.tokens[j].kind == "colour"), None)
            if first is not None:
                found.add(first)
                run = next(run for run in self._runs(self.colours) if first in run)
                found |= {colour for colour in run if self.bound[colour] == self.bound[first]}
        return found

    def _until(self, places: Iterable[int], stops: Sequence[str]) -> Iterator[int]:
        for place in places:
            if self.tokens[place].kind in stops:
                return
            yield place

    def _length(self) -> str | None:
        """The length of the hair: of an adjective whose nearest noun is the hair."""
        for i, token in enumerate(self.tokens):
            if token.kind in SLOTS["length"]:
                nearest = min(self.nouns, key=lambda noun: self._cost(i, noun), default=None)
                if nearest is not None and self.tokens[nearest].kind == "hair":
                    return token.kind
        return None

    def _warnings(self, english: str, alone: Sequence[int]) -> Iterator[str]:
        messages = self.language.messages
        short = self.text if len(self.text) <= 60 else f"{self.text[:59]}…"
        if english == Attributes().caption:
            yield messages["nothing"].format(text=short)
            return
        folded = unicodedata.normalize("NFKC", self.text)

        def words(tokens: Iterable[Token]) -> str:
            return ", ".join(dict.fromkeys(folded[token.start : token.end] for token in tokens))

        if unread := [token for i, token in enumerate(self.tokens) if token.kind == "unread" or i in alone]:
            yield messages["unread"].format(text=short, words=words(unread))
        if things := [token for token in self.tokens if token.kind == "thing"]:
            yield messages["things"].format(text=short, words=words(things))


def _english(wanted: dict[str, list[str]], denied: dict[str, list[str]], length: str | None) -> str:
    """The request in English: the canonical caption where there is one."""
    colours = {slot: list(dict.fromkeys(_value(slot, name) for name in names)) for slot, names in wanted.items()}
    unwanted = [f"no {value} {slot}" for slot, names in denied.items() for value in names]
    plain = {slot: names[0] for slot, names in colours.items() if len(names) == 1 and names[0] in SLOTS[slot]}
    if not unwanted and all(slot in plain for slot, names in colours.items() if names):
        return Attributes(length=length, **plain).caption
    parts = []
    for slot, names in colours.items():
        size = [length] if length and slot == "hair" else []
        if names or size:
            parts.append(" ".join([*size, *([" and ".join(names)] if names else []), slot]))
    return ", ".join([*parts, *unwanted])


def _value(slot: str, name: str) -> str:
    """A colour as the English reader takes it: a plain word, or "#rrggbb" of an exact one."""
    from encoder.attributes.colour import to_hex
    from encoder.attributes.colour_names import look  # at need: most texts state plain colours

    name = {"yellow": "blonde"}.get(name, name) if slot == "hair" else {"blonde": "yellow"}.get(name, name)
    if name.startswith("#") or name in SLOTS[slot]:
        return name
    known = look(name)
    if known is None:
        return name
    import numpy as np

    return to_hex(np.array(known))
