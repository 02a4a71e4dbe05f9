"""Captions by grammar: many wordings of an attribute combination, with the attributes they state.

Sentence forms (``forms.txt``) are filled with words (``lexicon.txt``). Both come in two halves: one trains the
conditioning head, the other, held out, measures it.
"""

from __future__ import annotations

import functools
import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from encoder.attributes import colour_names
from encoder.attributes.colour import NUMBERS, scale
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, canonical_captions
from encoder.attributes.words import Mixture, nominals
from encoder.language.lexicon import Forms, Lexicon, forms, lexicon, word_list

PLAIN: dict[str, dict[str, Mixture]] = {
    slot: {value: {value: 1.0} for value in SLOTS[slot]} | {"grey": {"gray": 1.0}} for slot in COLOUR_SLOTS
}
"""The plain colour words of a slot: its values, in British spelling too."""
PLAIN["hair"] |= {"blond": {"blonde": 1.0}, "yellow": {"blonde": 1.0}}

_COMPOUNDS = {
    "hair": ("{}-haired", "{} haired", "{}-hair", "{}haired"),
    "eyes": ("{}-eyed", "{} eyed", "{}-eye", "{}eyed"),
}
_COMPOUND_WEIGHTS = (6, 2, 1, 1)
_COLOURLESS_COMPOUNDS = {
    "hair": ("messy-haired", "curly-haired", "pretty", "silky-haired"),
    "eyes": ("wide-eyed", "bright-eyed", "starry-eyed", "sharp-eyed", "sleepy"),
}
_PRONOUNS = (("she", "her", "has", "her"), ("he", "his", "has", "him"), ("they", "their", "have", "them"))
_PRONOUN_WEIGHTS = (2, 1, 1)
_SIZES = ("long", "short", "big", "small", "old", "pretty", "shiny", "thick")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LOOK_ALIKES = {"e": "3", "o": "0", "i": "1", "a": "4", "l": "1", "s": "5"}


Look = tuple[float, float, float]
"""A colour in OKLab."""


@dataclass(frozen=True)
class Caption:
    """A text and what it states.

    Attributes:
        text: What stands there.
        mixtures: For each slot a mixture of its values, empty where it is unstated.
        looks: For the slots that an exact colour is asked for, that colour; None where no list knows it.
    """

    text: str
    mixtures: dict[str, Mixture]
    looks: dict[str, Look | None] = field(default_factory=dict)

    @property
    def target(self) -> torch.Tensor:
        """The conditioning vector that the text should be read as: (25,), the slots of ``SLOTS`` in a row."""
        return torch.tensor([self.mixtures[slot].get(value, 0.0) for slot, values in SLOTS.items() for value in values])

    @property
    def exact_colours(self) -> torch.Tensor:
        """The exact colours that it should be read as: (8,), for each colour slot (stated, L, a, b), scaled.

        NaN where no list knows the colour that is asked for.
        """
        numbers = [0.0] * NUMBERS, [math.nan] * NUMBERS
        rows = [
            [1.0, *scale(np.array(look))] if (look := self.looks.get(slot)) else numbers[slot in self.looks]
            for slot in COLOUR_SLOTS
        ]
        return torch.tensor(rows, dtype=torch.float32).flatten()


@dataclass
class Grammar:
    """Draws captions from forms and words; the same state of ``rng`` draws the same captions.

    Attributes:
        rng: Where every choice comes from.
        colours: Colour words of ``"hair"`` and ``"eyes"``, besides the plain ones.
        nouns: The half of the lexicon that names hair and eyes.
        words: The half of the lexicon for everything else.
        plain: The share of colours that are plain colour words.
        common_nouns: The share of nouns that are "hair" and "eyes" themselves.
        likenesses: The share of phrases whose colour is that of a thing: "eyes like emeralds".
        foreign: The chance that a form speaks of another thing in a colour in place of a slot that is not stated, if
            its wording allows: "{H} and {E}" as "pink hair and green shoes".
        made_up: The share of colours that are made of others: "dark red", "pale coral", "greenish brown", "coral pink".
    """

    rng: random.Random
    forms: Forms = field(default_factory=lambda: forms("train"))
    colours: dict[str, dict[str, Mixture]] = field(default_factory=lambda: lexicon("train").colours)
    nouns: Lexicon = field(default_factory=lambda: lexicon("train"))
    words: Lexicon = field(default_factory=lambda: lexicon("train"))
    plain: float = 0.5
    common_nouns: float = 0.6
    likenesses: float = 0.06
    foreign: float = 0.0
    made_up: float = 0.0

    def __post_init__(self) -> None:
        self._by_value = {
            slot: [_by_value(table) for table in (PLAIN[slot], self.colours[slot])] for slot in COLOUR_SLOTS
        }

    def caption(
        self, slots: Sequence[str] = COLOUR_SLOTS, *, length: float = 0.2, framed: float = 0.4, nominal: float = 0.05
    ) -> Caption:
        """A caption of a form drawn from those that state colours for ``slots``.

        Args:
            slots: Of ``"hair"`` and ``"eyes"``, those to state.
            length: The chance that a phrase of the hair states a length.
            framed: The chance of a prefix, and of a suffix.
            nominal: The chance that a stated hair colour is a noun, "a blonde", if there are such forms.
        """
        if "hair" in slots and self.forms.nominal and self.rng.random() < nominal:
            both = "eyes" in slots
            candidates: Sequence[str] = [form for form in self.forms.nominal if ("{e" in form or "{E" in form) == both]
        elif len(slots) == 1:
            candidates = self.forms.hair if "hair" in slots else self.forms.eyes
        else:
            candidates = self.forms.both if slots else self.forms.empty
        return self.fill(self.rng.choice(candidates), slots, length=length, framed=framed)

    def fill(
        self,
        form: str,
        slots: Sequence[str],
        *,
        length: float = 0.0,
        framed: float = 0.0,
        colours: dict[str, str] | None = None,
    ) -> Caption:
        """A caption of one form. A slot that the form names but ``slots`` does not gets words that state nothing.

        Args:
            form: A line in the notation of ``forms.txt``.
            length: As in ``caption``.
            colours: Colour words by slot, instead of drawn ones: words of this grammar.
        """
        if self.rng.random() < framed:
            form = self.rng.choice(self.forms.prefixes) + form
        if self.rng.random() < framed:
            form = form.rstrip(".") + self.rng.choice(self.forms.suffixes)
        names_slots = re.search("hair|eye", re.sub(r"{\w+}", "", form))
        filling = _Filling(self, slots, length, colours or {}, foreign=0.0 if names_slots else self.foreign)
        text = re.sub(r"\ba (?=[aeiou])", "an ", filling.expand(form))
        return Caption(" ".join(text.split()), filling.mixtures, filling.looks)

    def shared(self, *, length: float = 0.0, framed: float = 0.0) -> Caption:
        """A caption that gives hair and eyes one colour, which it names once; chances as in ``fill``."""
        eyes = PLAIN["eyes"] | self.colours["eyes"]
        words = (PLAIN if self.rng.random() < self.plain else self.colours)["hair"].keys() & eyes.keys()
        shared = dict.fromkeys(COLOUR_SLOTS, self.rng.choice(sorted(words)))
        return self.fill(self.rng.choice(self.forms.shared), COLOUR_SLOTS, colours=shared, length=length, framed=framed)

    def negated(self, *, length: float = 0.0, framed: float = 0.0) -> Caption:
        """A caption that denies a colour, beside others that it states; chances as in ``fill``."""
        form = self.rng.choice(self.forms.negated)
        slots = [
            slot for slot, name in zip(COLOUR_SLOTS, "he", strict=True) if re.search(rf"{{{name}(ed)?}}", form.lower())
        ]
        return self.fill(form, slots, length=length, framed=framed)

    def tags(self, slots: Sequence[str], *, length: float = 0.2, weighted: float = 0.3, denied: float = 0.0) -> Caption:
        """A list of tags in any order and punctuation: "1girl, blonde_hair, (blue_eyes:1.2), hair ornament".

        Args:
            slots: The slots to state, each in a tag of its own.
            length: The chance that another one states a length.
            weighted: The chance that some tags stand in brackets or have a weight.
            denied: The chance that a tag denies a colour of a slot that is not stated: "no red hair".
        """
        rng, filling = self.rng, _Filling(self, slots, 0.0, {}, foreign=0.0)
        tags = []
        for slot, noun in zip(COLOUR_SLOTS, ("hair", "eyes"), strict=True):
            if slot in slots:
                tags.append(f"{filling.colour[slot]} {noun}")
            elif denied and rng.random() < denied:
                tags.append(filling.expand(f"[no|no|not|without|non] {{colour}} {noun}"))
        if rng.random() < length:
            word, value = rng.choice(list(self.words.lengths.items()))
            filling.mixtures["length"] = {value: 1.0}
            tags.append(f"{value if rng.random() < 0.7 else word} hair")
        tags += rng.sample(self.words.tags, rng.choice((0, 1, 2, 3, 4, 6, 9, 14)))
        tags += [filling.expand("{colour} {thing}") for _ in range(rng.choice((0, 0, 1, 2)))]
        if rng.random() < 0.75:
            rng.shuffle(tags)
        joint, separator = rng.choice((" ", "_")), rng.choice(self.forms.separators)
        if separator.isspace() and rng.random() < 0.8:
            joint = "_"
        tags = [tag.replace(" ", joint) for tag in tags]
        if rng.random() < weighted:
            tags = [self._weighted(tag) if rng.random() < 0.4 else tag for tag in tags]
        return Caption(separator.join(tags).strip(), filling.mixtures, filling.looks)

    def _weighted(self, tag: str) -> str:
        weight = f"{self.rng.uniform(0.5, 1.6):.{self.rng.choice((1, 1, 2))}f}"
        return self.rng.choice(
            (f"({tag}:{weight})", f"({tag}:{weight})", f"({tag})", f"(({tag}))", f"[{tag}]", f"{{{tag}}}")
        )

    def colour_word(self, slot: str) -> tuple[str, Mixture]:
        """A colour word of a slot and what it stands for; every value is as likely as another."""
        if self.made_up and self.rng.random() < self.made_up:
            return self._made_up(slot)
        plain, named = self._by_value[slot]
        return self.rng.choice(self.rng.choice(plain if self.rng.random() < self.plain else named))

    def _made_up(self, slot: str) -> tuple[str, Mixture]:
        """A colour made of others: "dark red", "pale coral", "greenish brown", "coral pink"."""
        rng = self.rng
        word, mixture = rng.choice(list(PLAIN[slot].items()))
        kind = rng.random()
        if kind < 0.3:
            tinge, other = rng.choice(list(PLAIN[slot].items()))
            pair = mixture.keys() | other.keys()
            if len(pair) == 2:
                between = {"aqua": 1.0} if pair == {"blue", "green"} else {**_part(other, 0.3), **_part(mixture, 0.7)}
                return f"{colour_names.ish(tinge)}{rng.choice((' ', ' ', '-'))}{word}", between
        if 0.3 <= kind < 0.45:
            first = rng.choice(list(self.colours[slot]))
            if " " not in first and colour_names.look(f"{first} {word}"):
                return f"{first} {word}", mixture
        if kind > 0.75:
            word, mixture = rng.choice(list(self.colours[slot].items()))
        phrase = f"{rng.choice(list(colour_names.modifiers()))} {word}"
        return phrase, self.colours[slot].get(phrase, mixture)

    def shaded(self, word: str) -> str:
        """A colour word, sometimes varied in a way that leaves it the colour it is: "dark red"."""
        if not any(word in table for table in PLAIN.values()):
            return f"{self.rng.choice(word_list('shades'))} {word}" if self.rng.random() < 0.06 else word
        if self.rng.random() > 0.18:
            return word
        if self.rng.random() < 0.2:
            return word + self.rng.choice(("-colored", " colored", "-coloured", "ish"))
        pale = word not in ("blue", "red", "black", "white")  # which "light" would make another colour
        shades = word_list("shades") + (word_list("pale shades") if pale else ())
        return f"{self.rng.choice(shades)} {word}"


def _by_value(table: dict[str, Mixture]) -> list[list[tuple[str, Mixture]]]:
    """The words of a table with their mixtures, those of the same main value together."""
    groups: dict[str, list[tuple[str, Mixture]]] = {}
    for word, mixture in table.items():
        groups.setdefault(max(mixture, key=mixture.__getitem__), []).append((word, mixture))
    return list(groups.values())


def _part(mixture: Mixture, share: float) -> Mixture:
    return {value: share * part for value, part in mixture.items()}


class _Filling:
    """The phrases of one caption; nouns, colours and pronouns are drawn once, so that it speaks of one person."""

    def __init__(self, grammar: Grammar, slots: Sequence[str], length: float, words: dict[str, str], *, foreign: float):
        self.mixtures: dict[str, Mixture] = {slot: {} for slot in SLOTS}
        self.looks: dict[str, Look | None] = {}
        self.colour: dict[str, str] = {}
        self._grammar = grammar
        self._rng = grammar.rng
        self._length = length
        for slot in slots:
            if slot in words:
                self._state(slot, words[slot], (PLAIN[slot] | grammar.colours[slot])[words[slot]])
            else:
                word, mixture = grammar.colour_word(slot)
                self._state(slot, grammar.shaded(word), mixture)
        self._noun = {slot: self._draw_noun(slot) for slot in COLOUR_SLOTS}
        self._foreign = [slot for slot in COLOUR_SLOTS if slot not in slots and self._chance(foreign)]
        for slot in self._foreign:
            thing = self._rng.choice(grammar.words.things)
            self._noun[slot] = (thing, "are" if _is_plural(thing) else "is")
        pronouns = self._rng.choices(_PRONOUNS, weights=_PRONOUN_WEIGHTS)[0]
        self._pronouns = dict(zip(("she", "her", "has", "them"), pronouns, strict=True))

    def expand(self, form: str) -> str:
        """The form with its choices made and its names replaced."""
        while match := re.search(r"\[([^\[\]]*\|[^\[\]]*)\]", form):
            form = form[: match.start()] + self._rng.choice(match[1].split("|")) + form[match.end() :]
        return re.sub(r"\{(\w+)\}", lambda match: self._phrase(match[1]), form)

    def _state(self, slot: str, word: str, mixture: Mixture) -> None:
        self.colour[slot], self.mixtures[slot] = word, dict(mixture)
        self._state_look(slot, word)

    def _state_look(self, slot: str, word: str) -> None:
        """Note the exact colour that a word states in a slot, if it states one."""
        self.looks.pop(slot, None)
        if (look := colour_names.look(word)) or not colour_names.is_plain(word):
            self.looks[slot] = look

    def _phrase(self, name: str) -> str:
        words = self._grammar.words
        if name in self._pronouns:
            return self._pronouns[name]
        match name:
            case "who":
                return self._rng.choice(words.people)
            case "X":
                return self._distractor()
            case "x":
                return self._rng.choice((", ", " and ", " with ")) + self._distractor() if self._chance(0.75) else ""
            case "thing" | "thing2":
                return self._rng.choice(words.things)
            case "colour" | "colour2":
                return self._any_colour()
            case "hair_fluff":
                return self._rng.choice(words.textures["hair"])
            case "eye_fluff":
                return self._rng.choice(words.textures["eyes"])
            case "N":
                noun, self.mixtures["hair"] = self._rng.choice(list(nominals().items()))
                self.looks.pop("hair", None)
                return noun
        slot = "hair" if name[0] in "hH" else "eyes"
        match name[1:]:
            case "":
                return self._noun_phrase(slot) if name.isupper() else self._predicate(slot)
            case "n":
                return self._draw_length(slot, 0.6) + self._texture(slot, 0.15) + self._noun[slot][0]
            case "is":
                return self._noun[slot][1]
            case "it_is":
                return "it is" if self._noun[slot][1] == "is" else "they are"
            case "ed":
                return self._compound(slot)
        raise ValueError(f"{{{name}}} is no name of a phrase")

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _draw_noun(self, slot: str) -> tuple[str, str]:
        if self._chance(self._grammar.common_nouns):
            return ("hair", "is") if slot == "hair" else ("eyes", "are")
        return self._rng.choice(self._grammar.nouns.nouns[slot])

    def _draw_length(self, slot: str, chance: float = 1.0) -> str:
        """A word for a length of the hair and a space, or nothing; a caption states one length."""
        if (
            slot != "hair"
            or slot in self._foreign
            or self.mixtures["length"]
            or not self._chance(chance * self._length)
        ):
            return ""
        word, value = self._rng.choice(list(self._grammar.words.lengths.items()))
        self.mixtures["length"] = {value: 1.0}
        return f"{value if self._chance(0.5) else word} "

    def _texture(self, slot: str, chance: float) -> str:
        return self._rng.choice(self._grammar.words.textures[slot]) + " " if self._chance(chance) else ""

    def _noun_phrase(self, slot: str) -> str:
        """ "long silky pink hair", "eyes of green", "hair the colour of coal"."""
        (noun, number), length = self._noun[slot], self._draw_length(slot)
        if slot in self._foreign:
            return f"{self._any_colour()} {noun}"
        if slot not in self.colour:
            return length + ("" if length else self._texture(slot, 0.8)) + noun
        if self._chance(self._grammar.likenesses):
            return f"{length}{noun} {self._likeness(slot)}"
        colour = self.colour[slot]
        if not length and self._chance(0.07):
            tone = self._rng.choice(("tint", "color", "tone", "hue", "shade"))
            verb = "that is" if number == "is" else "that are"
            behind = f"[of {colour}|in {colour}|{verb} {colour}|colored {colour}|with a {colour} {tone}"
            return self.expand(f"{noun} {behind}|the color of {colour}|the colour of {colour}]")
        adjectives = [word for word in (length.strip(), self._texture(slot, 0.2).strip(), colour) if word]
        if self._chance(0.15):
            self._rng.shuffle(adjectives)
        return (", " if self._chance(0.15) else " ").join(adjectives) + f" {noun}"

    def _likeness(self, slot: str) -> str:
        """A likeness; it states its own colour in place of the drawn one."""
        thing, mixture = self._rng.choice(list(self._grammar.words.likenesses[slot].items()))
        self.mixtures[slot] = dict(mixture)
        self._state_look(slot, re.sub("^(an?|the) ", "", thing).removesuffix("s"))
        plain = next(iter(mixture))
        with_plain = f"{plain} like {thing}|as {plain} as {thing}|so {plain} that {thing} would envy it"
        like = f"the color of {thing}|the colour of {thing}|of the color of {thing}|like {thing}"
        return self.expand(f"[{like}|{with_plain}]")

    def _predicate(self, slot: str) -> str:
        """ "pink", "short and pink", "pink as can be"."""
        if slot in self._foreign:
            return self._any_colour()
        if slot not in self.colour:
            return self._rng.choice(self._grammar.words.textures[slot])
        colour = self.colour[slot]
        if length := self._draw_length(slot, 0.3).strip():
            return self._rng.choice((f"{length} and {colour}", f"{colour} and {length}"))
        if self._chance(0.06):
            colour += self._rng.choice((" in color", " colored", " today", " as can be", " and shiny", " tinted"))
        return colour

    def _compound(self, slot: str) -> str:
        """ "pink-haired", "long pink-haired", "long-haired, pink haired"."""
        if slot not in self.colour:
            return self._rng.choice(_COLOURLESS_COMPOUNDS[slot])
        length = self._draw_length(slot, 0.6).strip()
        colour = self.colour[slot].replace(" ", "-") if self._chance(0.3) else self.colour[slot]
        compound = self._rng.choices(_COMPOUNDS[slot], weights=_COMPOUND_WEIGHTS)[0].format(colour)
        return self._rng.choice((f"{length}, ", f"{length} ", f"{length}-haired, ")) + compound if length else compound

    def _any_colour(self) -> str:
        return self._grammar.shaded(self._grammar.colour_word(self._rng.choice(COLOUR_SLOTS))[0])

    def _distractor(self) -> str:
        """A thing in a colour, sometimes with a size or a second colour: "a long crimson scarf"."""
        thing = self._rng.choice(self._grammar.words.things)
        article = "" if _is_plural(thing) else self._rng.choice(("a ", "a ", "the ", f"{self._pronouns['her']} "))
        size = self._rng.choice(_SIZES) + " " if self._chance(0.15) else ""
        if self._chance(0.1):
            return f"{article}{size}{thing}"
        if self._chance(0.05):
            return f"{article}{size}{thing} in {self._any_colour()}"
        colour = self._any_colour() + (f" and {self._any_colour()}" if self._chance(0.08) else "")
        return f"{article}{size}{colour} {thing}"


def _is_plural(thing: str) -> bool:
    return thing.endswith("s") and not thing.endswith("ss")


def with_typos(text: str, rng: random.Random, rate: float = 0.2) -> str:
    """``text`` with typing errors: each word of three letters or more gets one with the chance ``rate``.

    Two letters are swapped; one is dropped, doubled, inserted, or replaced by a neighbour on the keyboard or a digit
    that looks like it; now and then a space is lost.
    """

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if rng.random() >= rate:
            return word
        i = rng.randrange(len(word))
        match rng.choices(("swap", "drop", "double", "replace", "insert", "digit"), weights=(4, 4, 2, 2, 2, 1))[0]:
            case "swap":
                i = min(i, len(word) - 2)
                return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            case "drop":
                return word[:i] + word[i + 1 :]
            case "double":
                return word[: i + 1] + word[i:]
            case "replace":
                return word[:i] + _neighbour(word[i], rng) + word[i + 1 :]
            case "insert":
                return word[:i] + _neighbour(word[i], rng) + word[i:]
        return word[:i] + _LOOK_ALIKES.get(word[i].lower(), word[i]) + word[i + 1 :]

    text = re.sub(r"[A-Za-z]{3,}", slip, text)
    return re.sub(r"(?<=\w) (?=\w)", lambda _: "" if rng.random() < 0.2 * rate else " ", text)


def misspelt(text: str, rng: random.Random, rate: float = 0.3) -> str:
    """``text`` as one spells it who goes by the ear, or saves vowels: "grean", "perple", "blnd".

    Each word of three letters or more is changed in one place with the chance ``rate``.
    """

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if rng.random() >= rate:
            return word
        places = [(i, old, new) for old, new in _sounds() for i in _finds(old, word.lower())]
        if not places or rng.random() < 0.2:
            vowels = [i for i, letter in enumerate(word) if i and letter.lower() in "aeiou"]
            return (
                "".join(letter for i, letter in enumerate(word) if i not in vowels[: len(word) - 2]) if vowels else word
            )
        i, old, new = rng.choice(places)
        return word[:i] + new + word[i + len(old) :]

    return re.sub(r"[A-Za-z]{3,}", slip, text)


@functools.cache
def _sounds() -> list[tuple[str, str]]:
    """Letters, and others that sound like them."""
    return [(old, new) for old, new in map(str.split, word_list("sounds"))]


def _finds(part: str, word: str) -> list[int]:
    return [i for i in range(len(word)) if word.startswith(part, i)]


def _neighbour(letter: str, rng: random.Random) -> str:
    for row in _KEYBOARD:
        if (i := row.find(letter.lower())) >= 0:
            return rng.choice([row[j] for j in (i - 1, i + 1) if 0 <= j < len(row)])
    return letter


def with_odd_punctuation(text: str, rng: random.Random) -> str:
    """``text`` as a hasty typist leaves it: lost or stray punctuation, underscores, lost spaces, odd case."""
    noun = r" (?=hair|eyes?\b)"
    match rng.choice(("none", "marks", "joints", "commas", "tail", "spaces", "case", "quotes", "dots")):
        case "none":
            return re.sub(r"[^\w\s]", " ", text)
        case "marks":
            marks = ("!!!", "...", " -- ", "?!", ";", " / ", " | ", ",,")
            return re.sub(r"[,.;]", lambda _: rng.choice(marks), text)
        case "joints":
            return text.replace(" ", "_") if rng.random() < 0.3 else re.sub(noun, rng.choice(("_", "-", "")), text)
        case "commas":
            return text.replace(",", " ,") if rng.random() < 0.5 else re.sub(r" (?=\w+$)", ", ", text)
        case "tail":
            return text + rng.choice(("!!!", "...", "??", " :)", " ^^", " <3", "!?", "~", ".", " xD", "#"))
        case "spaces":
            return re.sub(" ", lambda _: " " * rng.choice((1, 1, 2, 3)), text)
        case "quotes":
            return rng.choice(('"{}"', "'{}'", "({})", "[{}]", "*{}*", "<{}>")).replace("{}", text)
        case "dots":
            return text.replace(" ", ".") if rng.random() < 0.3 else text.replace(",", ".")
    shouting = "".join(rng.choice((letter, letter.upper())) for letter in text)
    return rng.choice((text.upper(), text.title(), text.swapcase(), shouting))


def canonical() -> list[Caption]:
    """Every canonical caption with what it states; the one that states nothing is among them."""
    return [
        Caption(text, {slot: {value: 1.0} if (value := getattr(stated, slot)) else {} for slot in SLOTS})
        for text, stated in canonical_captions().items()
    ]
