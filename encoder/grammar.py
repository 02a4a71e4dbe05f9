"""Captions by grammar: many wordings of an attribute combination, with the attributes they state.

A form is a line of text in which ``{name}`` stands for a phrase and ``[a|b|]`` for a choice. The forms, and the words of
``encoder.lexicon``, come in two halves: ``TRAIN`` trains the conditioning head, ``HELD_OUT`` measures it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from encoder import lexicon
from encoder.captions import SLOTS, Attributes
from encoder.lexicon import Lexicon, Mixture

# {H} and {E}: a whole phrase, "long pink hair". {h} and {e}: the colour alone. {hn} and {en}: the noun alone; {his} and
# {eis}: its "is" or "are"; {hit} and {eit}: its "it" or "they". {Hed} and {Eed}: "pink-haired". {a} articles are put right afterwards.
# {who}: a noun for the person; {she}, {her}, {has}. {X}: a thing in a distracting colour.

TRAIN_FORMS = (
    # tags
    "{H}, {E}", "{E}, {H}", "{H} {E}", "{E} {H}", "{H} and {E}", "{E} and {H}", "{H}; {E}", "{E} / {H}", "{H} + {E}", "{H} & {E}",
    "hair: {h}, eyes: {e}", "eyes: {e}, hair: {h}", "hair {h} eyes {e}", "eyes {e} hair {h}", "hair={h} eyes={e}", "hair - {h}, eyes - {e}",
    "{hn}: {h}. {en}: {e}.", "{en} = {e}; {hn} = {h}", "hair ({h}), eyes ({e})", "eye color: {e}, hair color: {h}", "hair colour {h}, eye colour {e}",
    "1girl, {H}, {E}", "{E}, solo, {H}, smile", "{who}, {H}, {E}", "{E}, {H}, {who}", "{who}: {H}, {E}", "{h} hair with {e} eyes", "{e} eyes with {h} hair",
    # one noun phrase
    "a {who} with {H} and {E}", "a {who} with {E} and {H}", "{who} with {H} and {E}", "the {who} with {E} and {H}", "a {who} [having|showing|sporting] {H} and {E}",
    "a {Hed} {who} with {E}", "a {Eed} {who} with {H}", "{Hed} {who} with {E}", "{Eed} {who} with {H}", "a {Hed}, {Eed} {who}", "a {Eed}, {Hed} {who}",
    "{Hed} and {Eed} {who}", "{Eed} and {Hed}", "{Hed}, {Eed}", "a {Eed} {who} [who has|having] {H}", "a {Hed} {who} [who has|having] {E}",
    "a {Hed} {who} whose {en} {eis} {e}", "a {Eed} {who} whose {hn} {his} {h}", "a {who} whose {hn} {his} {h} and whose {en} {eis} {e}",
    "a {who} whose {en} {eis} {e} and whose {hn} {his} {h}", "a {who} of {h} hair and {e} eyes", "the {who} in the picture has {H} and {E}",
    "[some|one|any] {who} with {H}, and with {E}", "a {who}, {Hed}, with {E}", "a {who}, {Eed}, with {H}", "a {who} with {H} plus {E}",
    "a {who} with {en} of {e} and {hn} of {h}", "{hn} of {h} and {en} of {e}", "{en} of {e}, {hn} of {h}",
    # clauses
    "{her} {hn} {his} {h} and {her} {en} {eis} {e}", "{her} {en} {eis} {e} and {her} {hn} {his} {h}", "{her} {hn} {his} {h}, {her} {en} {eis} {e}",
    "the {hn} {his} {h} and the {en} {eis} {e}", "the {en} {eis} {e} while the {hn} {his} {h}", "{her} {hn} {his} {h} but {her} {en} {eis} {e}",
    "{she} {has} {H} and {E}", "{she} {has} {E} and {H}", "{she} {has} {H} [with|as well as|together with|along with] {E}", "{she} {has} [got|] {E}, and {her} {hn} {his} {h}",
    "the {who} has {H} and {E}", "this {who} has {E} and {H}", "the {who} has {E} and {her} {hn} {his} {h}", "a {who} has {H}. {her} {en} {eis} {e}.",
    "{she} {has} {H}. {her} {en} {eis} {e}.", "{her} {en} {eis} {e}. {she} {has} {H}.", "{her} {hn} {his} {h}. {her} {en} {eis} {e}.", "{she} has {E}. {her} {hn}? {h}.",
    "both {H} and {E}", "not only {H} but also {E}", "{H} [frames|falls over|falls around|covers|hides] {her} {E}", "{E} [under|below|beneath|behind|peeking through|hidden by] {H}",
    "{E} [shine|look out|sparkle|glow] from under {her} {H}", "{her} {H} goes well with {her} {E}", "{her} {E} and {her} {H}", "{her} {H} and {E}",
    "{H} [falls|flows|hangs|runs] down {her} back and {her} {en} {eis} {e}", "with {H} and {E}", "with {E}, with {H}", "having {H}, {she} looks at you with {E}",
    "{she} looks at [you|me|the camera] with {E}, {her} {hn} {his} {h}", "with {her} {H} [tied back|in the wind|let down], {she} opens {her} {E}",
    "the {hn} {hit_is} {h}, the {en} {eit_is} {e}", "the color of {her} hair is {h} and the color of {her} eyes is {e}", "{her} eye color is {e} and {her} hair color is {h}",
    "{h} is the color of {her} {hn} and {e} is the color of {her} {en}", "{e} for the {en}, {h} for the {hn}", "{h} for {her} hair and {e} for {her} eyes",
    "{hn} [should be|must be|would be|to be] {h}, {en} [should be|must be|would be|to be] {e}", "make the {hn} {h} and the {en} {e}", "make {her} {en} {e} and {her} {hn} {h}",
    "give {them} {H} and {E}", "give {them} {E} and {H}", "color the {hn} {h} and the {en} {e}", "i want {H} and {E}", "i want {E}, and i want {H}", "draw {them} with {H} and {E}",
    "can you [draw|make|paint] a {who} with {E} and {H}", "could i get {H} with {E}", "someone who has {H} and {E}", "someone with {E} who has {H}", "she's got {H} and {E}",
    "he's got {E} and {H}", "there is a {who} with {H} and {E}", "{H} is what {she} {has}, and {E}", "{hn} in {h} and {en} in {e}", "{en} in {e}, {hn} in {h}",
    "{her} {hn}, {h} [today|as always|like her mother's|], and {her} {en}, {e}", "{hn} dyed {h}, {en} {e}", "a {who} who dyed {her} hair {h} and has {E}", "{her} {hn} [looks|look] {h}, {her} {en} [looks|look] {e}",
    "a {who} with {hn} that {his} {h} and {en} that {eis} {e}", "{en} that {eis} {e} and {hn} that {his} {h}", "{hn} which {his} {h}; {en} which {eis} {e}", "the {who}'s {hn} {his} {h} and the {who}'s {en} {eis} {e}",
    "a {who}'s {E} and {H}", "{h} hair on a {who} with {e} eyes", "{e} eyes on a {who} with {h} hair", "the {Hed} {who} has {E}", "the {Eed} {who} has {H}", "{Hed} [one|girl|boy|] with {E}", "{Eed} [beauty|cutie|] with {H}",
    "{E} are set in a face [surrounded by|framed by|under] {H}", "a portrait with {H} and {E}", "a close-up of {E} and {H}", "a face with {E} and {H}", "{she} was born with {E} and {H}", "{who} + {H} + {E}",
    "[young|cute|cool|shy|happy] {who}, {E}, {H}", "my {who} has {H} and {E}", "my {who}'s {en} {eis} {e} and {her} {hn} {his} {h}", "i like {who}s with {E} and {H}", "{H} together with {E}", "{E} together with {H}",
    "{H}, {E}{x}", "a {who} with {H}, {E} and {X}", "a {who} with {X}, {H} and {E}", "a {who} wearing {X}, with {H} and {E}", "a {who} in {X} with {E} and {H}", "{X}, {H}, {E}", "{H}, {X}, {E}", "{E}, {X}, {H}",
    "{H}, {E}, {X}, {X}", "{X}, {E}, {X}, {H}", "{she} wears {X} and has {H} and {E}", "{she} has {H}, wears {X}, and {her} {en} {eis} {e}", "{X} [matches|suits|contrasts with|goes with] {her} {E} and {H}",
    "a {Hed} {who} in {X} with {E}", "a {Eed} {who} wearing {X} over {her} {H}", "{her} {H} is tied with {X} and {her} {en} {eis} {e}", "there is {X} in {her} {H} and {her} {en} {eis} {e}", "{X} sits on {her} {H} above {her} {E}",
    "in front of {X} stands a {who} with {H} and {E}", "a {who} with {E} and {H} [standing by|next to|holding|in front of|against|carrying|under] {X}", "a {Hed} {who} holding {X}, {Eed}", "{X} and {X} next to a {Eed} {who} with {H}",
    "{her} {en} {eis} {e}, {her} {hn} {his} {h} and {her} {thing} is {colour}", "{her} {thing} is {colour}, {her} {en} {eis} {e} and {her} {hn} {his} {h}", "the {thing} is {colour}. the {hn} {his} {h}. the {en} {eis} {e}.", "{hn} {h}, {thing} {colour}, {en} {e}", "{thing}: {colour}, hair: {h}, eyes: {e}", "hair: {h}, {thing}: {colour}, eyes: {e}, {thing2}: {colour2}",
    "a {who} whose {thing} is {colour}, whose {hn} {his} {h} and whose {en} {eis} {e}", "{she} is [wearing|holding|carrying|looking at] {X}, {her} {hn} {his} {h}, {her} {en} {eis} {e}", "the {colour} {thing} [matches|brings out|hides] {her} {E}, and {her} {H} [shines|is lovely]",
    "{hn} not {colour} but {h}, {en} not {colour2} but {e}", "{her} {hn} is {h} rather than {colour} and {her} {en} {eis} {e}",
)  # fmt: skip

HELD_OUT_FORMS = (
    "{E} gleaming beneath a fringe of {h}", "a portrait of a {who}: {H}, {E}", "{H} cascades over {her} shoulders, and {her} gaze is full of {e} light from {e} eyes", "imagine a {who} whose {E} contrast with {her} {H}",
    "{she} stares at us, {her} {en} a striking shade of {e}, {her} {hn} a fine tone of {h}", "picture {them} having {E} as well as {H}", "one {who}. {hn} colored {h}. {en} colored {e}.", "nobody could forget {her} {E} or {her} {H}",
    "what about {H} paired with {E}?", "the artist chose {h} for the {hn} and {e} for the {en}", "{E} peer out at the viewer; {H} blows in the breeze", "featuring {H}, also {E}", "{who} [{h} hair, {e} eyes]", "({E}) ({H}) {who}",
    "although {her} {en} {eis} {e}, {her} {hn} {his} {h}", "i would love to see {E} on somebody who has {H}", "{Eed} as well as {Hed}, this {who} smiles", "{h}-{hn1}ed and {e}-eyed {who}", "we see a {who}; the {hn} [seems|appears] {h}, the {en} [seems|appears] {e}",
    "{her} {hn} turned {h} last summer, and {her} {en} were always {e}", "a drawing in which the {who} has {hn} colored {h} and {en} colored {e}", "{H} surrounds a face that has {E}", "show me a {Hed} {who}, {E} please", "{e} eyed, {h} haired {who}",
    "combine {E} with {H}", "the {who}, who has {E}, wears {her} {h} hair loose", "{h} describes {her} {hn}; {e} describes {her} {en}", "{H} above, {E} below", "if only {she} had {H} and {E}", "such {E}! and such {H}!",
    "from the front: {E}, {H}, a faint smile", "every {who} here has {E} plus {H}", "{who} + {e} eyes + {h} hair", "{her} parents gave {them} {E}; {her} {H} came from a dye bottle",
)  # fmt: skip

HELD_OUT_DISTRACTOR_FORMS = (
    "a {who} with {H} and {E} stands before {X}", "{she} adjusts {X} on {her} {H}; {her} {en} {eis} {e}", "dressed in {X}, the {Eed} {who} brushes {her} {H}", "{X} frames {her} {H}, while {her} {E} look away", "{E} hidden behind {X}, {H}",
    "despite {X}, you notice {her} {H} and {E}", "{H}, {E}, and [clad in|dressed with] {X}", "against {X}, a {Hed} {who} gazes with {E}", "under {X}: a {who}, {E}, {H}", "the {who} chose {X} to go with {her} {E} and {her} {H}",
    "{X} on the left, {X} on the right, and a {who} with {H} and {E} in between", "{her} {thing} may be {colour}, but {her} {hn} {his} {h} and {her} {en} {eis} {e}", "{H} decorated with {X}, {E}", "{E} that outshine {X}; {H} too",
)  # fmt: skip

TRAIN_HAIR_FORMS = (
    "{H}", "a {who} with {H}", "{who} with {H}", "a {Hed} {who}", "{Hed}", "the {Hed} {who}", "{her} {hn} {his} {h}", "the {who} has {H}", "{she} {has} {H}", "hair: {h}", "hair {h}", "hair color: {h}", "{hn} of {h}", "with {H}", "{who}, {H}",
    "a {who} whose {hn} {his} {h}", "make {her} {hn} {h}", "the {hn} {his} {h}", "someone with {H}", "give {them} {H}", "i want {H}", "{H}, please", "{H}, smiling", "a {Hed} {who} with {eye_fluff} eyes", "{H} and {eye_fluff} eyes", "{her} {H} covers {her} eyes",
    "a {who} with {H} and {X}", "a {Hed} {who} wearing {X}", "{H}, {X}", "{X}, {H}", "{she} has {H} and {X}", "a {who} in {X} with {H}", "{H} and {X}", "{her} {hn} {his} {h} and {her} {thing} is {colour}", "{X} in {her} {H}", "{H} tied with {X}",
    "a {who} with {H} and closed eyes", "{H}, [eyes closed|closed eyes|one eye closed|winking]", "a {Hed} {who} [closing her eyes|looking at the viewer|in the rain|smiling|reading]", "{hn} not {colour} but {h}", "a {who} who dyed {her} {hn} {h}", "{H}{x}",
)  # fmt: skip
HELD_OUT_HAIR_FORMS = (
    "somebody whose {hn} happens to be {h}", "look at that {H}", "please show {H} on the {who}", "a portrait of a {Hed} {who}", "the wind plays with {her} {H}", "{she} combs {her} {H}", "{H} is all i ask for", "{h} describes {her} {hn}",
    "a {who} known for {her} {H}", "{who} ({h} hair)", "{H} under {X}", "{X} rests upon {her} {H}", "may the {hn} be {h}", "{H} everywhere", "a snapshot: {H}, {X}",
)  # fmt: skip
TRAIN_EYE_FORMS = (
    "{E}", "a {who} with {E}", "{who} with {E}", "a {Eed} {who}", "{Eed}", "the {Eed} {who}", "{her} {en} {eis} {e}", "the {who} has {E}", "{she} {has} {E}", "eyes: {e}", "eyes {e}", "eye color: {e}", "{en} of {e}", "with {E}", "{who}, {E}",
    "a {who} whose {en} {eis} {e}", "make {her} {en} {e}", "the {en} {eis} {e}", "someone with {E}", "give {them} {E}", "i want {E}", "{E}, please", "{E}, smiling", "a {Eed} {who} with {hair_fluff} hair", "{E} and {hair_fluff} hair", "{her} hair falls over {her} {E}",
    "a {who} with {E} and {X}", "a {Eed} {who} wearing {X}", "{E}, {X}", "{X}, {E}", "{she} has {E} and {X}", "a {who} in {X} with {E}", "{E} and {X}", "{her} {en} {eis} {e} and {her} {thing} is {colour}", "{E}, hair tied with {X}", "{E} and {X} in {her} hair",
    "{E}, {hair_fluff} hair", "{her} hair is {hair_fluff}, {her} {en} {eis} {e}", "a {Eed} {who} [brushing her hair|with her hair up|looking at the viewer|in the rain|smiling|reading]", "{en} not {colour} but {e}", "{X} matches {her} {E}", "{E}{x}",
)  # fmt: skip
HELD_OUT_EYE_FORMS = (
    "somebody whose {en} happen to be {e}", "look into those {E}", "please show {E} on the {who}", "a portrait of a {Eed} {who}", "{E} watch the rain", "{she} blinks {her} {E}", "{E} are all i ask for", "{e} describes {her} {en}",
    "a {who} known for {her} {E}", "{who} ({e} eyes)", "{E} under {X}", "{X} is next to {her} {E}", "may the {en} be {e}", "{her} {E} fill with tears", "a snapshot: {E}, {X}",
)  # fmt: skip
TRAIN_EMPTY_FORMS = (
    "a face", "a {who}", "{who}", "a {who} wearing {X}", "{X}", "a {who} with {X}", "{X} and {X}", "an anime {who} in {X}", "hello", "draw something nice", "anything", "a castle on a hill", "the quick fox jumps over the lazy dog", "a {who} with {hair_fluff} hair and {eye_fluff} eyes",
    "{her} eyes are {eye_fluff}", "{her} hair is {hair_fluff}", "a smiling {who}", "a {who} [reading a book|eating an apple|playing chess|dancing|in the rain|at school|at the beach]", "please draw a [nice|cute|random] {who}", "what is the weather tomorrow", "how do i sort a list", "i love pizza",
    "asdf qwerty", "lorem ipsum dolor sit amet", "a {who} with hair and eyes", "hair and eyes", "hair", "eyes", "the {thing} is {colour}", "{thing}: {colour}", "{her} {thing} is {colour}", "{X} in {her} hair", "a {who} with a ponytail", "a train arrives at the station", "one two three",
    "high quality, masterpiece, best quality", "1girl, solo, looking at viewer", "a dog and a cat", "it was raining all day long in the city", "the meeting was short", "a long story", "a short {who} in a long coat", "a tall {who}", "a {who} with long legs", "a short skirt and long boots", "long ago there was a {who}",
    "{X}, {X} and {X}", "a [{colour}|] car on the road", "a {who} with closed eyes", "a {who} holding {X}", "{colour} and {colour2}", "{colour}",
)  # fmt: skip
HELD_OUT_EMPTY_FORMS = (
    "the ship sailed at dawn", "{X} beside {X}", "a cheerful {who} dressed in {X}", "surprise me", "some {who}, i don't mind which", "my favourite song is playing", "a {who} sitting on {X}", "buy milk and bread",
    "portrait photograph", "a {who} with a lovely smile and {X}", "zxcv bnm", "her face is calm",
)  # fmt: skip

TRAIN_PREFIXES = (
    "draw ", "please draw ", "an anime drawing of ", "a picture of ", "portrait of ", "i would like ", "generate ", "show me ", "illustration of ", "paint ", "create an image of ", "i'm looking for ", "an avatar: ", "make me ", "photo of ", "a manga panel of ",
    "a smiling face, ", "best quality, ", "anime style, ", "let's see ", "ok so ", "hi! ", "how about ", "maybe ",
)  # fmt: skip
HELD_OUT_PREFIXES = ("sketch ", "render ", "a painting showing ", "kindly produce ", "my wish: ", "a doodle of ")
TRAIN_SUFFIXES = (
    ", smiling", ", looking at the viewer", " please", ", highly detailed", " in anime style", ", standing in the rain", ". {she} is smiling.", ", upper body", ", portrait", ", white background", ", school uniform", " in the evening", ", thanks", " and a smile", ", simple background", " wearing glasses", ", wearing {X}",
    " in front of {X}", " and {X}", ", {X}", ". {she} wears {X}.", ". behind {them} is {X}.", ". the {thing} is {colour}.", ", holding {X}", ", on a {colour} background", ", {colour} background", ", {colour} {thing}",
)  # fmt: skip
HELD_OUT_SUFFIXES = (", laughing", " at a festival", ", chibi", ", thank you very much", ", soft shading", " on a train")

_PLAIN: dict[str, dict[str, Mixture]] = {
    "hair": {value: {value: 1.0} for value in SLOTS["hair"]} | {"grey": {"gray": 1.0}, "blond": {"blonde": 1.0}, "yellow": {"blonde": 1.0}},
    "eyes": {value: {value: 1.0} for value in SLOTS["eyes"]} | {"grey": {"gray": 1.0}},
}
_COMPOUNDS = {"hair": ("{c}-haired", "{c} haired", "{c}-hair", "{c}haired"), "eyes": ("{c}-eyed", "{c} eyed", "{c}-eye", "{c}eyed")}
_FLUFF_COMPOUNDS = {"hair": ("messy-haired", "curly-haired", "pretty", "silky-haired"), "eyes": ("wide-eyed", "bright-eyed", "starry-eyed", "sharp-eyed", "sleepy")}
_PRONOUNS = (("she", "her", "has", "her"), ("he", "his", "has", "him"), ("they", "their", "have", "them"), ("she", "her", "has", "her"))
_NOMINALS: dict[str, Mixture] = {
    "blonde": {"blonde": 1.0}, "blond": {"blonde": 1.0}, "blondie": {"blonde": 1.0}, "platinum blonde": {"blonde": 1.0},
    "brunette": {"brown": 1.0}, "redhead": {"red": 0.7, "orange": 0.3}, "ginger": {"orange": 1.0},
}
"""Nouns for a person that state a hair colour."""
_NOMINAL_FORMS = (
    "a {Eed} {N}", "{Eed} {N}", "a {N} with {E}", "{N} with {E}", "the {N} has {E}", "{N}, {E}", "{E}, {N}", "the {N}'s {en} {eis} {e}", "{she} is a {N} with {E}", "this {N} has {E}", "a {N} [girl|boy|woman|man|kid|idol] with {E}",
    "a {N} in {X} with {E}", "a {Eed} {N} [wearing|holding] {X}", "a {Eed} {N} [girl|boy|woman|man|student]", "{her} {en} {eis} {e} and {she} is a {N}", "a {N} whose {en} {eis} {e}", "{N}", "a {N}", "a {N} [girl|boy|woman|man|kid|idol]", "a {N} wearing {X}", "{she} is a {N}",
)  # fmt: skip
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_PASTEL_KEEPERS = ("blue", "red", "black", "white")
"""Plain colours that "light" or "pale" would change."""


@dataclass(frozen=True)
class Caption:
    """A text and what it states: for each slot a mixture of its values, empty where it is unstated."""

    text: str
    mixtures: dict[str, Mixture]

    @property
    def target(self) -> torch.Tensor:
        """The conditioning vector that the text should be read as: (25,), the slots of ``SLOTS`` one after the other."""
        return torch.tensor([self.mixtures[slot].get(value, 0.0) for slot, values in SLOTS.items() for value in values])


@dataclass(frozen=True)
class Forms:
    """Forms by what they state, and what may stand before and behind them."""

    both: Sequence[str]
    hair: Sequence[str]
    eyes: Sequence[str]
    empty: Sequence[str]
    prefixes: Sequence[str]
    suffixes: Sequence[str]


TRAIN = Forms(TRAIN_FORMS, TRAIN_HAIR_FORMS, TRAIN_EYE_FORMS, TRAIN_EMPTY_FORMS, TRAIN_PREFIXES, TRAIN_SUFFIXES)
HELD_OUT = Forms(
    HELD_OUT_FORMS, HELD_OUT_HAIR_FORMS, HELD_OUT_EYE_FORMS, HELD_OUT_EMPTY_FORMS, HELD_OUT_PREFIXES, HELD_OUT_SUFFIXES
)


@dataclass
class Grammar:
    """Draws captions from forms and words; the same ``rng`` state draws the same captions.

    Attributes:
        rng: Where every choice comes from.
        forms: The sentence forms.
        colours: Colour words, for ``"hair"`` and ``"eyes"``.
        nouns: The half of the lexicon whose nouns name hair and eyes.
        words: The half of the lexicon for everything else (lengths, likenesses, things, people, textures).
        plain: The share of colours that are plain colour words rather than from ``colours``.
        common_nouns: The share of nouns that are "hair" and "eyes" themselves.
    """

    rng: random.Random
    forms: Forms = TRAIN
    colours: dict[str, dict[str, Mixture]] = field(default_factory=lambda: lexicon.TRAIN.colours)
    nouns: Lexicon = lexicon.TRAIN
    words: Lexicon = lexicon.TRAIN
    plain: float = 0.5
    common_nouns: float = 0.6
    likenesses: float = 0.06

    def caption(self, slots: Sequence[str] = ("hair", "eyes"), *, length: float = 0.2, framed: float = 0.4) -> Caption:
        """One caption that states a colour for each of ``slots``.

        Args:
            slots: Of ``"hair"`` and ``"eyes"``, those to state.
            length: The chance that a length is stated, where the form speaks of hair.
            framed: The chance of a prefix, and of a suffix.
        """
        if "hair" in slots and self.forms is TRAIN and self.rng.random() < 0.05:
            forms = [form for form in _NOMINAL_FORMS if ("{e}" in form or "{E" in form) == ("eyes" in slots)]
            return self.fill(self.rng.choice(forms), slots, framed=framed)
        forms = {2: self.forms.both, 0: self.forms.empty}.get(len(slots)) or getattr(self.forms, slots[0])
        return self.fill(self.rng.choice(forms), slots, length=length, framed=framed)

    def fill(self, form: str, slots: Sequence[str], *, length: float = 0.0, framed: float = 0.0, colours: dict[str, str] | None = None) -> Caption:
        """A caption of the form ``form``; a slot it names that is not in ``slots`` gets words that state nothing.

        Args:
            colours: Colour words to use, by slot, instead of drawn ones; they must be words of this grammar.
        """
        if self.rng.random() < framed:
            form = self.rng.choice(self.forms.prefixes) + form
        if self.rng.random() < framed:
            form = form.rstrip(".") + self.rng.choice(self.forms.suffixes)
        filling = _Filling(self, slots, length, colours or {})
        text = re.sub(r"\b(a) (?=[aeiou])", "an ", filling.expand(form))
        text = re.sub(r"\ba (?=\w+s\b(?<!ss)(?<!'s))(?=(?:\w+s)$)", "", text)
        return Caption(" ".join(text.split()), filling.mixtures)

    def colour_word(self, slot: str) -> tuple[str, Mixture]:
        """A colour word of the slot, and what it stands for. Every value is as likely as another."""
        if self.rng.random() >= self.plain:
            table = self.colours[slot]
            value = self.rng.choice(sorted({max(mixture, key=mixture.__getitem__) for mixture in table.values()}))
            word = self.rng.choice([word for word, mixture in table.items() if max(mixture, key=mixture.__getitem__) == value])
            return word, table[word]
        word = self.rng.choice(list(_PLAIN[slot]))
        return word, _PLAIN[slot][word]

    def shaded(self, word: str) -> str:
        """A plain colour word, sometimes with a shade that leaves it the colour it is."""
        if word not in _PLAIN["hair"] and word not in _PLAIN["eyes"]:
            return word
        roll = self.rng.random()
        if roll < 0.15:
            shade = self.rng.choice(lexicon.SHADES)
            return word if shade in ("light", "pale", "pastel", "soft", "faded") and word in _PASTEL_KEEPERS else f"{shade} {word}"
        return self.rng.choice((f"{word}-colored", f"{word} colored", f"{word}-coloured", f"{word}ish")) if roll < 0.18 else word


class _Filling:
    """The phrases of one caption: drawn once, so that a name means the same throughout it."""

    def __init__(self, grammar: Grammar, slots: Sequence[str], length: float, colours: dict[str, str]):
        self.grammar, self.rng = grammar, grammar.rng
        self.mixtures: dict[str, Mixture] = {slot: {} for slot in SLOTS}
        self._length = length
        self._colour: dict[str, str | None] = {}
        for slot in ("hair", "eyes"):
            if slot not in slots:
                self._colour[slot] = None
                continue
            word = colours.get(slot)
            if word is None:
                word, mixture = grammar.colour_word(slot)
            else:
                mixture = _PLAIN[slot].get(word) or grammar.colours[slot][word]
            self._colour[slot] = grammar.shaded(word) if slot not in colours else word
            self.mixtures[slot] = dict(mixture)
        self._stated: set[str] = set()
        self.she, self.her, self.has, self.them = self.rng.choice(_PRONOUNS)
        self._noun = {slot: self._draw_noun(slot) for slot in ("hair", "eyes")}

    def expand(self, form: str) -> str:
        """``form`` with its choices made and its names replaced."""
        while match := re.search(r"\[([^\[\]]*\|[^\[\]]*)\]", form):
            form = form[: match.start()] + self.rng.choice(match[1].split("|")) + form[match.end() :]
        while match := re.search(r"\{(\w+)\}", form):
            form = form[: match.start()] + self._phrase(match[1]) + form[match.end() :]
        return form

    def _phrase(self, name: str) -> str:
        if name in ("she", "her", "has", "them"):
            return str(getattr(self, name))
        if name in ("hair_fluff", "eye_fluff"):
            return self.rng.choice(self.grammar.words.textures["hair" if name == "hair_fluff" else "eyes"])
        if name in ("hit_is", "eit_is"):
            return "it is" if self._noun["hair" if name[0] == "h" else "eyes"][1] == "is" else "they are"
        simple: dict[str, Callable[[], str]] = {
            "who": self._person, "X": self._distractor, "x": self._aside, "thing": self._thing, "thing2": self._thing,
            "colour": self._any_colour, "colour2": self._any_colour, "hn1": lambda: "hair",
        }  # fmt: skip
        if name == "N":
            noun, mixture = self.rng.choice(list(_NOMINALS.items()))
            self.mixtures["hair"] = dict(mixture)
            return noun
        if name in simple:
            return simple[name]()
        slot = "hair" if name[0] in "hH" else "eyes"
        parts: dict[str, Callable[[str], str]] = {
            "H": self._noun_phrase, "E": self._noun_phrase, "h": self._predicate, "e": self._predicate, "hn": self._bare_noun, "en": self._bare_noun,
            "his": lambda slot: self._noun[slot][1], "eis": lambda slot: self._noun[slot][1], "Hed": self._compound, "Eed": self._compound,
        }  # fmt: skip
        return parts[name](slot)

    def _draw_noun(self, slot: str) -> tuple[str, str]:
        if self.rng.random() < self.grammar.common_nouns:
            return ("hair", "is") if slot == "hair" else ("eyes", "are")
        return self.rng.choice(self.grammar.nouns.nouns[slot])

    def _draw_length(self) -> str:
        """A word for a length, with a space behind it, or nothing; stated once a caption."""
        if self.mixtures["length"] or self.rng.random() >= self._length:
            return ""
        word, value = self.rng.choice(list(self.grammar.words.lengths.items()))
        if self.rng.random() < 0.5:
            word = value
        self.mixtures["length"] = {value: 1.0}
        return word + " "

    def _fluff(self, slot: str, chance: float) -> str:
        return self.rng.choice(self.grammar.words.textures[slot]) + " " if self.rng.random() < chance else ""

    def _noun_phrase(self, slot: str) -> str:
        """A whole phrase: "long silky pink hair", "eyes of green", "hair as red as fire", "hair the colour of coal"."""
        colour, (noun, number) = self._colour[slot], self._noun[slot]
        length = self._draw_length() if slot == "hair" else ""
        if colour is None:
            texture = "" if length else self._fluff(slot, 0.8)
            return f"{length}{texture}{noun}"
        if self.rng.random() < self.grammar.likenesses:
            return f"{length}{noun} {self._likeness(slot)}"
        colour = self._tone(slot, colour)
        adjectives = [length.strip(), self._fluff(slot, 0.2).strip(), colour]
        if self.rng.random() < 0.15:
            self.rng.shuffle(adjectives)
        before = (", " if self.rng.random() < 0.15 else " ").join(word for word in adjectives if word)
        if length or self.rng.random() < 0.93:
            return f"{before} {noun}"
        verb = "is" if number == "is" else "are"
        return self.rng.choice((f"{noun} of {colour}", f"{noun} in {colour}", f"{noun} that {verb} {colour}", f"{noun} colored {colour}", f"{noun} with a {colour} [tint|color|tone]".replace("[tint|color|tone]", self.rng.choice(("tint", "color", "tone", "hue", "shade")))))

    def _likeness(self, slot: str) -> str:
        """A likeness, which states its own colour in place of the drawn one."""
        table = self.grammar.words.likenesses[slot]
        thing, mixture = self.rng.choice(list(table.items()))
        self.mixtures[slot] = dict(mixture)
        self._colour[slot] = next(iter(mixture))
        plain = self._colour[slot]
        return self.rng.choice((f"the color of {thing}", f"the colour of {thing}", f"like {thing}", f"as {plain} as {thing}", f"{plain} like {thing}", f"of the color of {thing}"))

    def _tone(self, slot: str, colour: str) -> str:
        return colour

    def _predicate(self, slot: str) -> str:
        colour = self._colour[slot]
        if colour is None:
            return self.rng.choice(self.grammar.words.textures[slot])
        if slot == "hair" and self.rng.random() < 0.3:
            length = self._draw_length()
            if length:
                return self.rng.choice((f"{length}and {colour}", f"{colour} and {length}"))
        if self.rng.random() < self.grammar.likenesses:
            return f"{colour} {self.rng.choice(('in color', 'colored', 'today', 'as can be', 'and shiny', 'and pretty', 'tinted', 'through and through'))}"
        return colour

    def _bare_noun(self, slot: str) -> str:
        length = self._draw_length() if slot == "hair" and self.rng.random() < 0.6 else ""
        return length + self._fluff(slot, 0.15) + self._noun[slot][0]

    def _compound(self, slot: str) -> str:
        colour = self._colour[slot]
        if colour is None:
            return self.rng.choice(_FLUFF_COMPOUNDS[slot])
        length = self._draw_length() if slot == "hair" and self.rng.random() < 0.6 else ""
        joined = colour.replace(" ", "-") if self.rng.random() < 0.3 else colour
        compound = self.rng.choices(_COMPOUNDS[slot], weights=(6, 2, 1, 1))[0].format(c=joined)
        return (self.rng.choice((f"{length.strip()}, ", f"{length}", f"{length.strip()}-haired, ")) if length else "") + compound

    def _person(self) -> str:
        return self.rng.choice(self.grammar.words.people)

    def _thing(self) -> str:
        return self.rng.choice(self.grammar.words.things)

    def _any_colour(self) -> str:
        slot = self.rng.choice(("hair", "eyes"))
        return self.grammar.shaded(self.grammar.colour_word(slot)[0])

    def _distractor(self) -> str:
        """A thing in a colour, sometimes with a length or a texture of its own: "a long crimson scarf"."""
        thing = self._thing()
        size = self.rng.choice(("long ", "short ", "big ", "small ", "old ", "pretty ", "shiny ", "thick ")) if self.rng.random() < 0.15 else ""
        colour = self._any_colour() + " " if self.rng.random() < 0.9 else ""
        article = "" if thing.endswith("s") and not thing.endswith("ss") else self.rng.choice(("a ", "a ", "the ", f"{self.her} "))
        roll = self.rng.random()
        if roll < 0.08 and colour:
            return f"{article}{size}{colour}and {self._any_colour()} {thing}"
        if roll < 0.13 and colour:
            return f"{article}{size}{thing} in {colour.strip()}"
        return f"{article}{size}{colour}{thing}"

    def _aside(self) -> str:
        return self.rng.choice((f", {self._distractor()}", f" and {self._distractor()}", f" with {self._distractor()}", ""))


def with_typos(text: str, rng: random.Random, rate: float = 0.2) -> str:
    """``text`` with typing errors: each word of three letters or more gets one with the chance ``rate``.

    A slip is two letters swapped, one dropped, doubled, replaced by its neighbour on a keyboard or inserted, or the space
    behind the word lost.
    """

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if rng.random() >= rate:
            return word
        i = rng.randrange(len(word))
        kind = rng.choice(("swap", "swap", "drop", "drop", "double", "replace", "insert"))
        if kind == "swap":
            i = min(i, len(word) - 2)
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        if kind == "drop":
            return word[:i] + word[i + 1 :]
        if kind == "double":
            return word[: i + 1] + word[i:]
        return word[:i] + _neighbour(word[i], rng) + word[i + (kind == "replace") :]

    text = re.sub(r"[A-Za-z]{3,}", slip, text)
    return re.sub(r"(?<=\w) (?=\w)", lambda _: "" if rng.random() < 0.15 * rate else " ", text)


def _neighbour(letter: str, rng: random.Random) -> str:
    for row in _ROWS:
        if (i := row.find(letter.lower())) >= 0:
            return rng.choice([row[j] for j in (i - 1, i + 1) if 0 <= j < len(row)])
    return letter


def with_odd_punctuation(text: str, rng: random.Random) -> str:
    """``text`` with the punctuation and case of a hasty typist: lost commas, underscores, shouting, stray marks."""
    kind = rng.choice(("none", "marks", "underscores", "hyphens", "commas", "tail", "spaces", "case", "quotes", "dots"))
    if kind == "none":
        return re.sub(r"[^\w\s]", " ", text)
    if kind == "marks":
        return re.sub(r"[,.;]", lambda _: rng.choice(("!!!", "...", " -- ", "?!", ";", " / ", " | ", ",,")), text)
    if kind == "underscores":
        return text.replace(" ", "_") if rng.random() < 0.5 else re.sub(" (?=hair|eyes)", "_", text)
    if kind == "hyphens":
        return re.sub(r" (?=hair|eye)", "-", text)
    if kind == "commas":
        return text.replace(",", " ,") if rng.random() < 0.5 else re.sub(r" (?=\w+$)", ", ", text)
    if kind == "tail":
        return text + rng.choice(("!!!", "...", "??", " :)", " ^^", " <3", "!?", "~", ".", " xD", "#"))
    if kind == "spaces":
        return re.sub(" ", lambda _: " " * rng.choice((1, 1, 2, 3)), text)
    if kind == "quotes":
        return rng.choice(('"{}"', "'{}'", "({})", "[{}]", "*{}*", "<{}>")).format(text)
    if kind == "dots":
        return text.replace(" ", ".") if rng.random() < 0.3 else text.replace(",", ".")
    return rng.choice((text.upper(), text.title(), text.swapcase(), "".join(rng.choice((c, c.upper())) for c in text)))


def canonical_captions() -> list[Caption]:
    """Every canonical caption, the one of no attributes included, with what it states."""
    captions = []
    for length in (None, *SLOTS["length"]):
        for hair in (None, *SLOTS["hair"]):
            for eyes in (None, *SLOTS["eyes"]):
                attributes = Attributes(hair, eyes, length)
                stated = {"hair": hair, "eyes": eyes, "length": length}
                captions.append(Caption(attributes.caption, {slot: {value: 1.0} if value else {} for slot, value in stated.items()}))
    return captions
