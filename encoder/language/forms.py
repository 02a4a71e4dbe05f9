"""Sentence forms: lines in which ``{name}`` stands for a phrase and ``[a|b|]`` for a choice.

- ``{H}``, ``{E}``: a whole phrase of the hair or the eyes, "long pink hair"; ``{Hed}``, ``{Eed}``: "pink-haired";
- ``{h}``, ``{e}``: the colour alone; ``{hn}``, ``{en}``: the noun alone; ``{his}``, ``{eis}``: its "is" or "are";
  ``{hit_is}``, ``{eit_is}``: its "it is" or "they are"; ``{N}``: a person named by the hair, "a blonde";
- ``{who}``: a noun for the person; ``{she}``, ``{her}``, ``{has}``, ``{them}``: pronouns and their verb;
- ``{X}``: a thing in a distracting colour; ``{x}``: the same behind a comma or a conjunction, or nothing;
  ``{thing}``, ``{colour}``, ``{thing2}``, ``{colour2}``: its parts;
- ``{hair_fluff}``, ``{eye_fluff}``: an adjective that states nothing.

Those named ``SHARED`` give hair and eyes one colour, which they name once; those named ``NEGATED`` deny a colour, and
state what their names of phrases say: ``{H}`` or ``{h}`` the hair, ``{E}`` or ``{e}`` the eyes.

Those that begin with ``TRAIN`` train the conditioning head, those that begin with ``HELD_OUT`` measure it.
"""

from __future__ import annotations

import re


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.strip("\n").split("\n"))


TRAIN_BOTH = _lines("""
{H}, {E}
{E}, {H}
{H} {E}
{E} {H}
{H} and {E}
{E} and {H}
{H}; {E}
{E} / {H}
{H} + {E}
{H} & {E}
hair: {h}, eyes: {e}
eyes: {e}, hair: {h}
hair {h} eyes {e}
eyes {e} hair {h}
hair={h} eyes={e}
hair - {h}, eyes - {e}
{hn}: {h}. {en}: {e}.
{en} = {e}; {hn} = {h}
hair ({h}), eyes ({e})
eye color: {e}, hair color: {h}
hair colour {h}, eye colour {e}
1girl, {H}, {E}
{E}, solo, {H}, smile
{who}, {H}, {E}
{E}, {H}, {who}
{who}: {H}, {E}
{h} hair with {e} eyes
{e} eyes with {h} hair
a {who} with {H} and {E}
a {who} with {E} and {H}
{who} with {H} and {E}
the {who} with {E} and {H}
a {who} [having|showing|sporting] {H} and {E}
a {Hed} {who} with {E}
a {Eed} {who} with {H}
{Hed} {who} with {E}
{Eed} {who} with {H}
a {Hed}, {Eed} {who}
a {Eed}, {Hed} {who}
{Hed} and {Eed} {who}
{Eed} and {Hed}
{Hed}, {Eed}
a {Eed} {who} [who has|having] {H}
a {Hed} {who} [who has|having] {E}
a {Hed} {who} whose {en} {eis} {e}
a {Eed} {who} whose {hn} {his} {h}
a {who} whose {hn} {his} {h} and whose {en} {eis} {e}
a {who} whose {en} {eis} {e} and whose {hn} {his} {h}
a {who} of {h} hair and {e} eyes
the {who} in the picture has {H} and {E}
[some|one|any] {who} with {H}, and with {E}
a {who}, {Hed}, with {E}
a {who}, {Eed}, with {H}
a {who} with {H} plus {E}
a {who} with {en} of {e} and {hn} of {h}
{hn} of {h} and {en} of {e}
{en} of {e}, {hn} of {h}
{her} {hn} {his} {h} and {her} {en} {eis} {e}
{her} {en} {eis} {e} and {her} {hn} {his} {h}
{her} {hn} {his} {h}, {her} {en} {eis} {e}
the {hn} {his} {h} and the {en} {eis} {e}
the {en} {eis} {e} while the {hn} {his} {h}
{her} {hn} {his} {h} but {her} {en} {eis} {e}
{she} {has} {H} and {E}
{she} {has} {E} and {H}
{she} {has} {H} [with|as well as|together with|along with] {E}
{she} {has} [got|] {E}, and {her} {hn} {his} {h}
the {who} has {H} and {E}
this {who} has {E} and {H}
the {who} has {E} and {her} {hn} {his} {h}
a {who} has {H}. {her} {en} {eis} {e}.
{she} {has} {H}. {her} {en} {eis} {e}.
{her} {en} {eis} {e}. {she} {has} {H}.
{her} {hn} {his} {h}. {her} {en} {eis} {e}.
{she} has {E}. {her} {hn}? {h}.
both {H} and {E}
not only {H} but also {E}
{H} [frames|falls over|falls around|covers|hides] {her} {E}
{E} [under|below|beneath|behind|peeking through|hidden by] {H}
{E} [shine|look out|sparkle|glow] from under {her} {H}
{her} {H} goes well with {her} {E}
{her} {E} and {her} {H}
{her} {H} and {E}
{H} [falls|flows|hangs|runs] down {her} back and {her} {en} {eis} {e}
with {H} and {E}
with {E}, with {H}
having {H}, {she} looks at you with {E}
{she} looks at [you|me|the camera] with {E}, {her} {hn} {his} {h}
with {her} {H} [tied back|in the wind|let down], {she} opens {her} {E}
the {hn} {hit_is} {h}, the {en} {eit_is} {e}
the color of {her} hair is {h} and the color of {her} eyes is {e}
{her} eye color is {e} and {her} hair color is {h}
{h} is the color of {her} {hn} and {e} is the color of {her} {en}
{e} for the {en}, {h} for the {hn}
{h} for {her} hair and {e} for {her} eyes
{hn} [should be|must be|would be|to be] {h}, {en} [should be|must be|would be|to be] {e}
make the {hn} {h} and the {en} {e}
make {her} {en} {e} and {her} {hn} {h}
give {them} {H} and {E}
give {them} {E} and {H}
color the {hn} {h} and the {en} {e}
i want {H} and {E}
i want {E}, and i want {H}
draw {them} with {H} and {E}
can you [draw|make|paint] a {who} with {E} and {H}
could i get {H} with {E}
someone who has {H} and {E}
someone with {E} who has {H}
she's got {H} and {E}
he's got {E} and {H}
there is a {who} with {H} and {E}
{H} is what {she} {has}, and {E}
{hn} in {h} and {en} in {e}
{en} in {e}, {hn} in {h}
{her} {hn}, {h} [today|as always|like her mother's|], and {her} {en}, {e}
{hn} dyed {h}, {en} {e}
a {who} who dyed {her} hair {h} and has {E}
{her} {hn} [looks|look] {h}, {her} {en} [looks|look] {e}
a {who} with {hn} that {his} {h} and {en} that {eis} {e}
{en} that {eis} {e} and {hn} that {his} {h}
{hn} which {his} {h}; {en} which {eis} {e}
the {who}'s {hn} {his} {h} and the {who}'s {en} {eis} {e}
a {who}'s {E} and {H}
{h} hair on a {who} with {e} eyes
{e} eyes on a {who} with {h} hair
the {Hed} {who} has {E}
the {Eed} {who} has {H}
{Hed} [one|girl|boy|] with {E}
{Eed} [beauty|cutie|] with {H}
{E} are set in a face [surrounded by|framed by|under] {H}
a portrait with {H} and {E}
a close-up of {E} and {H}
a face with {E} and {H}
{she} was born with {E} and {H}
{who} + {H} + {E}
[young|cute|cool|shy|happy] {who}, {E}, {H}
my {who} has {H} and {E}
my {who}'s {en} {eis} {e} and {her} {hn} {his} {h}
i like {who}s with {E} and {H}
{H} together with {E}
{E} together with {H}
{H}, {E}{x}
a {who} with {H}, {E} and {X}
a {who} with {X}, {H} and {E}
a {who} wearing {X}, with {H} and {E}
a {who} in {X} with {E} and {H}
{X}, {H}, {E}
{H}, {X}, {E}
{E}, {X}, {H}
{H}, {E}, {X}, {X}
{X}, {E}, {X}, {H}
{she} wears {X} and has {H} and {E}
{she} has {H}, wears {X}, and {her} {en} {eis} {e}
{X} [matches|suits|contrasts with|goes with] {her} {E} and {H}
a {Hed} {who} in {X} with {E}
a {Eed} {who} wearing {X} over {her} {H}
{her} {H} is tied with {X} and {her} {en} {eis} {e}
there is {X} in {her} {H} and {her} {en} {eis} {e}
{X} sits on {her} {H} above {her} {E}
in front of {X} stands a {who} with {H} and {E}
a {who} with {E} and {H} [standing by|next to|holding|in front of|against|carrying|under] {X}
a {Hed} {who} holding {X}, {Eed}
{X} and {X} next to a {Eed} {who} with {H}
{her} {en} {eis} {e}, {her} {hn} {his} {h} and {her} {thing} is {colour}
{her} {thing} is {colour}, {her} {en} {eis} {e} and {her} {hn} {his} {h}
the {thing} is {colour}. the {hn} {his} {h}. the {en} {eis} {e}.
{hn} {h}, {thing} {colour}, {en} {e}
{thing}: {colour}, hair: {h}, eyes: {e}
hair: {h}, {thing}: {colour}, eyes: {e}, {thing2}: {colour2}
a {who} whose {thing} is {colour}, whose {hn} {his} {h} and whose {en} {eis} {e}
{she} is [wearing|holding|carrying|looking at] {X}, {her} {hn} {his} {h}, {her} {en} {eis} {e}
the {colour} {thing} [matches|brings out|hides] {her} {E}, and {her} {H} [shines|is lovely]
{hn} not {colour} but {h}, {en} not {colour2} but {e}
{her} {hn} is {h} rather than {colour} and {her} {en} {eis} {e}
{h} suits {her} {hn}, and {e} suits {her} {en}
{h} is what {her} {hn} {his}; {e} is what {her} {en} {eis}
{h} and [curly|wavy|straight|shiny] is {her} hair, {e} and [big|bright|round] are {her} eyes
{h} goes to the {hn}, {e} goes to the {en}
{h} {hn}, {e} {en}
{h} on top, {e} eyes [below|under it|]
{e}: that is {her} {en}. {h}: that is {her} {hn}.
{e} are {her} eyes and {h} is {her} hair
{h} is {her} hair, {e} are {her} eyes
the {who}, whose {en} {eis} {e}, [ties|brushes|washes|cuts|wears] {her} {h} hair
the {who}, whose {hn} {his} {h}, [opens|closes|rubs|rolls] {her} {e} eyes
the {who} with {E}, [smiling|sitting|dancing], [shakes|combs|plays with] {her} {H}
{she} wears {her} {h} hair [up|in a bun|in braids|over one shoulder] and {has} {E}
{E}, and {her} {h} hair worn [up|in a bun|in braids|over one shoulder]
the {who} who has {E} [lets|keeps|leaves] {her} {h} hair [down|open|short|untied]
{she} [brushes|combs|washes|ties up|twirls|touches] {her} {H} and [closes|opens|rubs|blinks] {her} {E}
{she} [brushes|combs|washes|ties up|twirls|touches] {her} {H}. {her} {E} [shine|glow|look at you|are beautiful].
{her} {E} [shine|glow|sparkle|look at you|are beautiful]. {her} {H} [shines|waves|moves in the wind].
when {she} looks at you with {her} {E}, you forget {her} {H}
because {her} {hn} {his} {h}, {her} {E} stand out
since {her} {en} {eis} {e}, {her} {hn} {his} {h}
even though {her} {hn} {his} {h}, {her} {en} {eis} {e}
while {her} {en} {eis} {e}, {her} {hn} {his} {h}
if {her} {hn} {his} {h}, then {her} {en} {eis} {e}
as for {her} {hn}, it is {h}; as for {her} {en}, they are {e}
about {her} hair: {h}. about {her} eyes: {e}.
what color is {her} hair? {h}. what color are {her} eyes? {e}.
is there a {who} with {H} and {E}?
do you have [anyone|a {who}|somebody] with {E} and {H}?
what would a {who} with {H} and {E} look like?
wow, {H} and {E}!
oh, those {E} and that {H}!
look, {E}, {H}!
no one has {H} and {E} like {her}s
i have never seen {E} with {H}
i dreamed of a {who} with {E} and {H}
i met a {who}, {her} {hn} was {h}, {her} {en} were {e}
{her} {hn} was {h} and {her} {en} were {e}
{her} {hn} used to be {h}, as {her} {en} are {e}
{her} {hn} became {h} and {her} {en} became {e}
{her} {hn}: a [fine|lovely|nice|wonderful] {h}; {her} {en}: a [fine|lovely|nice|wonderful] {e}
{her} {en} have a {e} [color|tone|glow|hue|tint], {her} {hn} has a {h} [color|tone|glow|hue|tint]
{hn} of a {h} [color|shade|hue|tone], {en} of a {e} [color|shade|hue|tone]
a {e} [color|shade|hue|tone|glow] in {her} {en} and a {h} [color|shade|hue|tone|shine] in {her} {hn}
{her} {H} is {her} pride, {her} {E} {her} charm
a {who} famous for {her} {H} and for {her} {E}
a {who} [blessed|gifted|drawn|painted|shown|seen] with {E} and {H}
[choose|pick|take|use|select|set] {h} for the hair [and|,] {e} for the eyes
[choose|pick|take|use|select|set] {e} as eye color and {h} as hair color
set hair to {h} and eyes to {e}
set eyes to {e} and hair to {h}
eyes should be {e}, and as for hair, {h}
{who} ({H}, {E})
{who} - {E} - {H}
({H}), ({E}), ({who})
[{H}] [{E}]
<{H}> <{E}>
#{H} #{E}
{E} | {H} | {who}
name: [luna|kai|mia|rin], hair: {h}, eyes: {e}, age: [12|16|18|20]
[luna|kai|mia|rin|sora] has {H} and {E}
[luna|kai|mia|rin|sora], a {Hed} {who}, has {E}
[luna|kai|mia|rin|sora]'s {en} {eis} {e} and {her} {hn} {his} {h}
{H}. {E}.
{E}. {H}.
{H}! {E}!
{h} hair, {e} eyed
{e} eyes, {h} haired
{Hed} with {E}
{Eed} with {H}
the one with {H} and {E}
{her} {E} peep through {her} {H}
{her} {H} [almost|nearly|partly|] [covers|touches|hides|reaches] {her} {E}
{H} tumbles over {her} face, but {her} {E} are visible
under {her} {H}, {her} {E} [shine|glow|smile|are open]
behind [the|those] {H}, {E}
{E} with a hint of mischief, {H} with a [bow|ribbon|flower]
{her} mother has {H} and so does {she}; {her} {en} {eis} {e}
{she} inherited {H} and {E}
{she} colored {her} hair {h} to match nothing, {her} eyes staying {e}
{hn} painted {h}, {en} painted {e}
{hn} and {en}: {h} and {e}
hair and eyes: {h} and {e}
hair and eyes are {h} and {e} respectively
{her} eyes and hair are {e} and {h}
eyes, hair: {e}, {h}
{h}/{e} hair/eyes
a {who} dressed in {colour} with {H} and {E}
a {who} in {colour}, {H}, {E}
wearing {colour}, {she} has {H} and {E}
{H}, {E}, wearing {colour}
{H}, {E}, all [dressed|clad|] in {colour}
{she} wears {colour}; {her} {hn} {his} {h}; {her} {en} {eis} {e}
the {who} in {colour} has {E} and {H}
{colour} is {her} favorite color, but {her} {hn} {his} {h} and {her} {en} {eis} {e}
{her} {H} [contrasts with|matches|clashes with|falls over] {her} {colour} {thing} and {her} {E}
{her} {E} [contrast with|match|clash with] {her} {colour} {thing}; {her} {hn} {his} {h}
[on|over|under|below|above|beside|near] {X}, a {who} with {H} and {E}
{X} [surrounds|is behind|covers|belongs to|lies beside] a {who} with {E} and {H}
{X}. {X}. {H}. {E}.
{E}, {H}, {X} and {X}
the {thing} is {colour} like {her} friend's, {her} {hn} {his} {h}, {her} {en} {eis} {e}
{her} {hn} {his} {h}, {her} {thing} {colour}, {her} {en} {e}
{h} hair, {colour} {thing}, {e} eyes
{e} eyes, {colour} {thing}, {h} hair
{colour} {thing}, {h} hair, {e} eyes, {colour2} {thing2}
{colour} {thing}, {e} eyes, {h} hair
a {who} [takes off|puts on|fixes|touches] {X} and shows {her} {H} and {E}
{X} [holds back|keeps back|decorates|hides part of|rests on|covers] {her} {H}, and {she} has {E}
{she} [ties|pins|binds] {her} {H} with {X}, and {her} {E} smile
the {thing} in {her} {H} is {colour} and {her} {en} {eis} {e}
the {thing} in {her} {h} hair is {colour}, {her} {en} {eis} {e}
{her} {E} and the {thing} on {her} {H}, which is {colour}
{X} in {H}, {E}
a {who} with {X} in {her} {H} and with {E}
{H} [tied|tied up|held|pinned up|braided|bound] with {X}, {E}
{H} [tied|tied up|held|pinned up|braided|bound] with {X} and {E}
{H} in a {colour} [ribbon|bow|scrunchie|clip|headband|net], {E}
{E}, {H} with {X} [in it|on top|over it|around it]
{colour} [highlights on the dress|patterns|dots|stripes], {H}, {E}
{she} has {X} and {X}, but {her} {hn} {his} {h} and {her} {en} {eis} {e}
{her} {E} are behind {X} and {her} {H} is under {X}
{X} [covers|hides|shades] {her} {E}, {her} {hn} {his} {h}
a {colour} [light|glow|shadow|reflection] on {her} {H}, {E}
{E} lined with {colour} [eyeliner|mascara|eyeshadow|makeup], {H}
{colour} [eyeshadow|eyebrows|eyelashes|eyeliner] above {her} {E}, {H}
{H} to go with {her} {E}
{h} as the hair, {e} as the eyes
{hn} {h} like her dad's, {en} {e} like her mum's
that {who} there, the one with the {h} {hn} and the {e} {en}
can i have {h} hair n {e} eyes
{h} hair w/ {e} eyes
{e} eyes w {h} hair pls
gimme a {who} w/ {H} & {E}
{who}, hair = {h}, eyes = {e}
hair colour: {h}. eye colour: {e}. nothing else.
{hn} {h} ; {en} {e}
[her|his|their] {hn} {h}, [her|his|their] {en} {e}
make it {H}, oh and {E}
{H}, but {E}
a {Hed} and {Eed} {who} with {X}
""")

TRAIN_HAIR = _lines("""
{H}
a {who} with {H}
{who} with {H}
a {Hed} {who}
{Hed}
the {Hed} {who}
{her} {hn} {his} {h}
the {who} has {H}
{she} {has} {H}
hair: {h}
hair {h}
hair color: {h}
{hn} of {h}
with {H}
{who}, {H}
a {who} whose {hn} {his} {h}
make {her} {hn} {h}
the {hn} {his} {h}
someone with {H}
give {them} {H}
i want {H}
{H}, please
{H}, smiling
a {Hed} {who} with {eye_fluff} eyes
{H} and {eye_fluff} eyes
{her} {H} covers {her} eyes
a {who} with {H} and {X}
a {Hed} {who} wearing {X}
{H}, {X}
{X}, {H}
{she} has {H} and {X}
a {who} in {X} with {H}
{H} and {X}
{her} {hn} {his} {h} and {her} {thing} is {colour}
{X} in {her} {H}
{H} tied with {X}
a {who} with {H} and closed eyes
{H}, [eyes closed|closed eyes|one eye closed|winking]
a {Hed} {who} [closing her eyes|looking at the viewer|in the rain|smiling|reading]
{hn} not {colour} but {h}
a {who} who dyed {her} {hn} {h}
{H}{x}
{h} suits {her} {hn}
{h} is {her} hair
{h} is the color of {her} {hn}
{she} [brushes|washes|ties up|twirls|touches] {her} {H}
the {who} [lets|keeps|leaves] {her} {h} hair [down|open|untied]
that {H}!
{her} {H} is {her} pride
set hair to {h}
what color is {her} hair? {h}.
{who} ({H})
[luna|kai|mia|rin|sora] has {H}
a {who} in {colour} with {H}
{H}, wearing {colour}
{X}, {X}, {H}
{colour} {thing}, {h} hair
{h} hair, {colour} {thing}
{X} [rests|sits|lies] on {her} {H}
{her} {hn} was {h}
{H} and a smile
only {H}
just {H}, nothing else
{H} with {X}
{H}, {eye_fluff} eyes, {X}
a {who} with [hidden|covered|closed|shut] eyes and {H}
the {thing} in {her} {H} is {colour}
the {colour} {thing} in {her} {H}
the {thing} in {her} {h} hair is {colour}
the {thing} on {her} {H} is {colour}
{X} in {H}
{X} on {H}
{X} over {H}
{H} [tied|tied up|held|held back|pinned up|braided|bound] with {X}
{H} in a {colour} [ribbon|bow|scrunchie|clip|headband|net]
{H} with {X} [in it|on top|over it|around it]
{she} wears {X} in {her} {H}
{she} put {X} [in|on|into|over] {her} {H}
a {colour} [light|glow|shadow|reflection] on {her} {H}
a {Hed} {who} with {X} in {her} hair
only the {hn} matters: {h}
the {hn} in {h}, the rest [is up to you|does not matter|as you like]
{H}, eyes [whatever you like|don't matter|any color|up to you]
{colour} eyeshadow, {H}
{colour} glasses and {H}
{H}, {X}, {X} and closed eyes
a {Hed} {who} [stands|sits|sleeps|dances] [by|near|under|on] {X}
i can't see {her} eyes, but {her} {hn} {his} {h}
{H} and eyes [closed|shut|open|hidden|that sparkle|half closed|wide open|covered]
{h} {hn} and eyes [closed|shut|open|hidden|that sparkle|half closed|wide open|full of tears]
{H} & {eye_fluff} eyes
{h} {hn} & [closed|big|half-closed|covered] eyes
{H} between {her} eyes
{H} over [one eye|both eyes|her eyes|his eyes]
{h} {hn} with [eyes closed|eyes wide open|an eye patch]
{H} and {her} eyes [are closed|are shut|look away|smile]
""")

TRAIN_EYES = _lines("""
{E}
a {who} with {E}
{who} with {E}
a {Eed} {who}
{Eed}
the {Eed} {who}
{her} {en} {eis} {e}
the {who} has {E}
{she} {has} {E}
eyes: {e}
eyes {e}
eye color: {e}
{en} of {e}
with {E}
{who}, {E}
a {who} whose {en} {eis} {e}
make {her} {en} {e}
the {en} {eis} {e}
someone with {E}
give {them} {E}
i want {E}
{E}, please
{E}, smiling
a {Eed} {who} with {hair_fluff} hair
{E} and {hair_fluff} hair
{her} hair falls over {her} {E}
a {who} with {E} and {X}
a {Eed} {who} wearing {X}
{E}, {X}
{X}, {E}
{she} has {E} and {X}
a {who} in {X} with {E}
{E} and {X}
{her} {en} {eis} {e} and {her} {thing} is {colour}
{E}, hair tied with {X}
{E} and {X} in {her} hair
{E}, {hair_fluff} hair
{her} hair is {hair_fluff}, {her} {en} {eis} {e}
a {Eed} {who} [brushing her hair|with her hair up|looking at the viewer|in the rain|smiling|reading]
{en} not {colour} but {e}
{X} matches {her} {E}
{E}{x}
{e} suits {her} {en}
{e} are {her} eyes
{e} is the color of {her} {en}
{she} [closes|opens|rubs|rolls] {her} {E}
the {who} with {her} {e} eyes [open|closed|shut|on you]
those {E}!
{her} {E} are {her} pride
set eyes to {e}
what color are {her} eyes? {e}.
{who} ({E})
[luna|kai|mia|rin|sora] has {E}
a {who} in {colour} with {E}
{E}, wearing {colour}
{X}, {X}, {E}
{colour} {thing}, {e} eyes
{e} eyes, {colour} {thing}
{her} {E} [shine|glow|sparkle|stare|look away|smile at you]
{her} {en} were {e}
{E} and a smile
only {E}
just {E}, nothing else
{E} with {X}
{E}, {hair_fluff} hair, {X}
[bald|hooded|masked] {who} with {E}
{E} behind {X}
{her} hair is tied with {X} and {her} {en} {eis} {e}
{X} in {her} hair, {E}
{her} {E} are behind {X}
{E} lined with {colour} [eyeliner|mascara|eyeshadow|makeup]
{colour} [eyeshadow|eyebrows|eyelashes|eyeliner] above {her} {E}
the {thing} in {her} hair is {colour}, {her} {en} {eis} {e}
the {colour} {thing} in {her} hair [matches|suits] {her} {E}
{X} [covers|hides|shades] {her} {E}
only the {en} matter: {e}
the {en} in {e}, the rest [is up to you|does not matter|as you like]
{E}, hair [whatever you like|doesn't matter|any color|up to you]
{her} hair is hidden under {X}, {her} {en} {eis} {e}
{her} hair is tied with {X}, {E}
a {Eed} {who} with {X} in {her} hair
a {Eed} {who} [stands|sits|sleeps|dances] [by|near|under|on] {X}
i can't see {her} hair, but {her} {en} {eis} {e}
{E} shine through {X}
a bald {who} with {E}
{E} and hair [tied back|in a bun|in a braid|let down|in the wind|hidden|cut off]
{e} {en} and {hair_fluff} hair
{E} & {hair_fluff} hair
{E}, hair [tied back|in a bun|in a braid|under a hood]
{E} and {her} hair [is wet|is tied|is braided|is hidden]
""")

TRAIN_EMPTY = _lines("""
a face
a {who}
{who}
a {who} wearing {X}
{X}
a {who} with {X}
{X} and {X}
an anime {who} in {X}
hello
draw something nice
anything
a castle on a hill
the quick fox jumps over the lazy dog
a {who} with {hair_fluff} hair and {eye_fluff} eyes
{her} eyes are {eye_fluff}
{her} hair is {hair_fluff}
a smiling {who}
a {who} [reading a book|eating an apple|playing chess|dancing|in the rain|at school|at the beach]
please draw a [nice|cute|random] {who}
what is the weather tomorrow
how do i sort a list
i love pizza
asdf qwerty
lorem ipsum dolor sit amet
a {who} with hair and eyes
hair and eyes
hair
eyes
the {thing} is {colour}
{thing}: {colour}
{her} {thing} is {colour}
{X} in {her} hair
a {who} with a ponytail
a train arrives at the station
one two three
high quality, masterpiece, best quality
1girl, solo, looking at viewer
a dog and a cat
it was raining all day long in the city
the meeting was short
a long story
a short {who} in a long coat
a tall {who}
a {who} with long legs
a short skirt and long boots
long ago there was a {who}
{X}, {X} and {X}
a [{colour}|] car on the road
a {who} with closed eyes
a {who} holding {X}
{colour} and {colour2}
{colour}
a {who} in {colour}
a {who} dressed in {colour}
a {who} wearing {colour}, {colour2} {thing}
a {who} with [a gray|a white|a black|a brown|a red] beard
{she} is wearing {X} and {X}
{X} in the [sky|garden|room|street]
[luna|kai|mia|rin|sora] likes {colour}
my favorite color is {colour}
{colour} {thing}, {colour2} {thing2}
a {who} with [fair|pale|dark|brown|tan|white] skin
the [sun|moon|sea|city|night] was beautiful
hair tied with {X}
{hair_fluff} hair, {X}
{eye_fluff} eyes, {X}
{her} eyes are closed and {her} hair is {hair_fluff}
a [small|big|old|new] {thing}
the {thing} in {her} hair is {colour}
the {thing} on {her} head is {colour}
{she} put {X} in {her} hair
{her} hair is [tied|pinned|held] with {X}
{her} eyes are hidden behind {X}
{colour} [eyeshadow|eyeliner|mascara|eyebrows|eyelashes]
a {colour} hair [ribbon|clip|bow|band|pin|dryer|brush|tie]
{X} and {X} on {X}
{X} beside {X}, {X} behind {X}
there is {X} [on|under|near|behind|in] {X}
i [bought|found|lost|saw|painted|want|sold] {X}
my {thing} is {colour} and yours is {colour2}
[why is|when is|is] the {thing} {colour}?
the {thing} [turned|became|was|looks|seems] {colour}
the {thing} was {colour}, the {thing2} was {colour2}
a {colour} {thing} [runs|stands|lies|sits|waits|flies] [in the garden|on the road|by the window|at night|in town]
a {colour} [cat|dog|bird|fox|horse|fish|rabbit|wolf] [on a sofa|under a tree|with {X}|runs away|sleeps]
the [sky|sea|sun|moon|grass|forest|river|snow] is {colour} [today|tonight|in summer|at dawn|]
the [sky|sea|sun|moon|grass|forest|river|snow] was {colour} and the [clouds|trees|waves|hills|roofs] were {colour2}
a [bowl|plate|glass|cup|box|basket] of [strawberries|cherries|lemons|grapes|milk|coffee|honey|carrots|gold|snow]
[roses|apples|leaves|cars|houses|buses] are {colour}
{who}s like {colour} [things|clothes|cars|flowers]
a {who} [drives|buys|paints|holds|sees|wants] {X}
a {who} [stands|sits|sleeps|dances|sings] [by|near|under|on] {X}
a {who} in {X}, {X} and {X}
a {who} with {colour} [skin|lips|nails|wings|horns|ears|cheeks|teeth|shoes|clothes]
{colour} [skin|lips|nails|wings|horns|ears|cheeks|teeth|shoes|clothes]
{colour} paint on a {colour2} wall
paint the {thing} {colour}
make the {thing} {colour}
{colour}, {colour2} or {colour}?
i prefer {colour} to {colour2}
{colour} is [nice|my color|for the {thing}|too dark|a color]
the flag is {colour}, {colour2} and {colour}
a {colour} and {colour2} {thing}
a {thing} the color of {colour}
{colour} background
{colour} [light|lights|fog|smoke|rain|fire] [everywhere|in the dark|]
[coffee|tea|milk|bread|rice|soup] with [sugar|butter|honey|cheese|lemon]
[she|he|it|someone] [walks|runs|drives|swims|flies] [home|away|to school|to work|over the hills]
[she|he|they] [is|was|will be] [happy|tired|late|there|sixteen|a doctor|my friend|at home]
[the train|the bus|dinner|the game|the film|my brother|the teacher] [is late|was good|starts at nine|has gone]
[write|read|translate|sort|count|explain|delete] [this|a poem|the list|a file|all numbers|it]
[two|three|ten|many] [birds|cars|books|children|stones|days]
[monday|winter|tokyo|paris|music|football|math|nothing|no idea|whatever|test|ok]
a [happy|sad|angry|sleepy|surprised|cute] [face|{who}|cat]
a {who} with [a scar|a hat|freckles|a big smile|nice clothes|no expression|an umbrella]
a {who} [looks|smiles|waves] at [you|the camera|{X}]
[masterpiece|best quality|8k|sketch|lineart], a {who} [in|with|wearing] {X}
{who} with short [sleeves|skirt|legs|boots|nails]
{who} with long [sleeves|skirt|legs|boots|nails|ears|scarf]
{her} eyes [shine|are closed|are open|look away|are full of tears]
{her} hair [shines|is wet|moves in the wind|is a mess|smells of {colour}]
the color of {her} {thing} is {colour}
{her} hair and {her} eyes [are lovely|don't matter|are hidden|match]
any hair color, any eye color
[what|which] color [is|are] {her} [hair|eyes]?
{X}, {X}, {X}, {X}
{thing}, {thing2}, {thing}
{thing}
{colour} {thing}
""")

TRAIN_SHARED = _lines("""
{h} {hn} and {en}
{h} {hn} & {en}
{h} {hn} + {en}
{h} {hn}/{en}
{h} {hn}, {h} {en}
{h} {en} and {hn}
{h} {en} & {hn}
{h} hair and eyes
{h} eyes and hair
{h} hair & eyes
{h} hair/eyes
{h} hair n eyes
{h} hair, eyes
{h} hair, {en} too
{h} hair, and {en} too
a {who} with {h} {hn} and {en}
a {who} with {h} hair and eyes
a {who} with {h} eyes and hair
a {who} with {hn} and {en} of {h}
a {who} whose hair and eyes are {h}
a {who} whose {hn} and {en} are both {h}
{who} with {h} hair and eyes
{who}, {h} hair and eyes
{hn} and {en} are both {h}
hair and eyes are both {h}
hair and eyes are {h}
hair and eyes: {h}
hair and eyes in {h}
hair, eyes: {h}
hair/eyes: {h}
hair & eyes {h}
eyes and hair are both {h}
eyes and hair: {h}
both hair and eyes are {h}
both {her} {hn} and {her} {en} are {h}
both {h}: hair and eyes
{her} {hn} and {en} are {h}
{her} hair and eyes are both {h}
{her} hair and {her} eyes are {h}
{her} eyes and {her} hair are both {h}
the hair is {h}, and so are the eyes
{her} {hn} {his} {h}, and so are {her} {en}
{her} {hn} {his} {h}, and {her} {en} {eis} too
{her} {hn} {his} {h} and {her} {en} {eis} the same
{her} {en} {eis} {h}, and {her} {hn} {his} too
{h} hair with matching eyes
{h} {hn} with matching {en}
{h} {hn}, matching {en}
{h} hair and matching eyes
{h} eyes with matching hair
{h} hair; {her} eyes match it
{h} hair, eyes likewise
{h} hair, {her} eyes just the same
{h} {hn} and {en} in one color
{h} {en}, and {hn} like them
{en} and {hn} which are both {h}
{h} eyes and hair to match
{h} hair and eyes to match
{h} {hn} with {en} of the same [color|colour|shade|hue]
{h} hair, eyes the same [color|colour]
{h} hair and eyes of the same [color|colour]
{h} hair, same [color|colour] eyes
{h} hair that matches {her} eyes
{her} {h} hair matches {her} eyes
{h} {en} that match {her} {hn}
{her} {h} eyes match {her} hair
eyes as {h} as {her} hair
hair as {h} as {her} eyes
a {h}-haired and {h}-eyed {who}
{h}-haired {who} with eyes to match
a {h}-eyed {who} with matching hair
everything {h}: hair and eyes
{she} {has} {h} hair and eyes
{she} {has} matching {h} hair and eyes
matching {h} hair and eyes
draw {them} with {h} hair and eyes
make the hair and eyes {h}
make both the hair and the eyes {h}
color {her} hair and eyes {h}
i want {h} hair and eyes
give {them} {h} hair and eyes
{h} for both hair and eyes
{h} for hair and eyes
{h} hair and eyes, {X}
a {who} in {X} with {h} hair and eyes
{X}, {h} hair and eyes
{h} {hn} and {en} and {X}
a {who} with {h} eyes and hair wearing {X}
{her} hair and eyes are {h}, {her} {thing} is {colour}
""")

HELD_OUT_SHARED = _lines("""
somebody with {h} hair and eyes
{her} {hn} as well as {her} {en} are {h}
{h} {hn} plus {en}
the hair and also the eyes are {h}
a portrait of a {who} having {h} eyes and hair
{h} hair, with eyes that match
{h} hair; the eyes match
paint hair and eyes alike in {h}
one {who}: hair and eyes both {h}
eyes and hair, both {h}
I'd like {h} for hair and eyes alike
{h} hair & matching eyes
{h} hair together with eyes of that same colour
{hn} and {en} that are both {h}
such {h} hair and eyes!
{h} eyes, hair in the same colour
{who} ({h} hair and eyes)
{X} suits {her} {h} hair and eyes
the {who}'s hair is {h} and her eyes are the same colour
{h} hair and eyes on a {who} with {X}
""")

TRAIN_NEGATED = _lines("""
{H}, no {colour} eyes
{H}, not {colour} eyes
{H}, without {colour} eyes
{H} and no {colour} eyes
{H} but no {colour} eyes
{H} but not {colour} eyes
{H} without {colour} eyes
{H}, no {colour} {en}
{H}, non-{colour} eyes
{H}, eyes not {colour}
{H}, eyes other than {colour}
{H}, any eyes but {colour}
{H}, any eye color except {colour}
{H}, and please no {colour} eyes
no {colour} eyes, {H}
not {colour} eyes, {H}
no {colour} eyes and {H}
no {colour} eyes but {H}
without {colour} eyes, {H}
{her} {hn} {his} {h}, {her} {en} {eis} not {colour}
{her} {hn} {his} {h} and {her} {en} {eis} anything but {colour}
{her} {en} {eis} not {colour}, {her} {hn} {his} {h}
{her} {en} {eis}n't {colour}, but {her} {hn} {his} {h}
{she} {has} {H} and no {colour} eyes
{she} {has} {H}, not {colour} eyes
a {who} with {H} whose {en} {eis} not {colour}
a {who} with {H} and without {colour} eyes
a {who} with {H} who has no {colour} eyes
a {Hed} {who} without {colour} eyes
a {Hed} {who}, not {colour}-eyed
a {Hed} {who} whose eyes [aren't|are not|are never|must not be|should not be] {colour}
{H}, eyes [aren't|are not|are never|must not be|should not be] {colour}
i want {H} but i don't want {colour} eyes
{H}, don't make the eyes {colour}
{H}, never {colour} eyes
{H}, avoid {colour} eyes
hair: {h}, eyes: not {colour}
hair {h}, eyes not {colour}
{H}, no {colour} eyes, {X}
{H}, {X}, no {colour} eyes
{E}, no {colour} hair
{E}, not {colour} hair
{E}, without {colour} hair
{E} and no {colour} hair
{E} but no {colour} hair
{E} but not {colour} hair
{E} without {colour} hair
{E}, no {colour} {hn}
{E}, non-{colour} hair
{E}, hair not {colour}
{E}, hair other than {colour}
{E}, any hair but {colour}
{E}, any hair color except {colour}
no {colour} hair, {E}
not {colour} hair, {E}
no {colour} hair and {E}
no {colour} hair but {E}
without {colour} hair, {E}
{her} {en} {eis} {e}, {her} {hn} {his} not {colour}
{her} {en} {eis} {e} and {her} {hn} {his} anything but {colour}
{her} {hn} {his} not {colour}, {her} {en} {eis} {e}
{her} hair isn't {colour}, but {her} {en} {eis} {e}
{she} {has} {E} and no {colour} hair
{she} {has} {E}, not {colour} hair
a {who} with {E} whose {hn} {his} not {colour}
a {who} with {E} who has no {colour} hair
a {Eed} {who} without {colour} hair
a {Eed} {who}, not {colour}-haired
a {Eed} {who} whose hair [isn't|is not|is never|must not be|should not be] {colour}
i want {E} but i don't want {colour} hair
{E}, don't make the hair {colour}
{E}, never {colour} hair
hair: not {colour}, eyes: {e}
hair not {colour}, eyes {e}
{E}, no {colour} hair, {X}
no {colour} hair
no {colour} eyes
not {colour} hair
not {colour} eyes
without {colour} eyes
a {who} without {colour} hair
a {who} with no {colour} eyes
a {who} whose {en} {eis} not {colour}
a {who} whose {hn} {his} not {colour}
{her} {hn} {his} not {colour} and {her} {en} {eis} not {colour2}
{her} hair isn't {colour}
{her} eyes aren't {colour}
no {colour} hair, no {colour2} eyes
neither {colour} hair nor {colour2} eyes
anything but {colour} hair
anything but {colour} eyes
i don't want {colour} eyes
i don't like {colour} hair
any color but {colour} for {her} hair
{hn} not {colour} but {h}
{en} not {colour} but {e}, {H}
{H}, {en} not {colour} but {e}
{h} hair, not {colour}
{e} eyes, not {colour}, {H}
{h} hair instead of {colour}, {E}
{H}, {e} eyes instead of {colour} ones
not {colour} but {h} hair, {E}
{H}, {E}, no {thing}
{H} and {E}, no {colour} {thing}
{H} and {E}, without {X}
{H}, no {thing}, {E}
no {thing}, {H}, {E}
{H}, free of {colour} eyes
{H}, sans {colour} eyes
{H} and nothing like {colour} eyes
{H}, no {colour} eyes at all
{H}, eyes cannot be {colour}
{H}, {her} {en} won't be {colour}
{H}; {her} {en} {eis} no longer {colour}
{H}. no {colour} eyes. {X}.
there are no {colour} eyes, but {H}
{H}, leave out {colour} eyes
{H} only, no {colour} eyes
do not give {them} {colour} eyes, give {them} {H}
{E}, free of {colour} hair
{E}, sans {colour} hair
{E}, no {colour} hair at all
{E}, hair cannot be {colour}
{E}, {her} {hn} won't be {colour}
{E}; {her} {hn} {his} no longer {colour}
{E}. no {colour} hair. {X}.
{E}, leave out {colour} hair
{E} only, no {colour} hair
do not give {them} {colour} hair, give {them} {E}
a {who}, no {colour} hair
{who} without {colour} hair
{who} without {colour} eyes
a {who} who does not have {colour} hair
a {who} who does not have {colour} eyes
no {colour} eyes, please
no {colour} hair, please
{her} hair cannot be {colour}
{her} eyes never were {colour}
{H}, {E}, not smiling
{H}, no smile, {E}
a {who} without {X}, {H} and {E}
{H}, no {thing}
{E}, no {thing}
{H}, no other colors, {E}
no one has {H} and {E}
""")

_DENIED = _lines("""
{H}[,| and| but|;|.] [absolutely|definitely|surely|really] [no|not|without|never] {colour} eyes
{H} [excluding|omitting|except for|devoid of|void of|skipping|barring|rather than|and zero|less|bar] {colour} eyes
{H}, [skip|drop|omit|exclude|forbid|ban|forget] [the|any|all] {colour} eyes
[skip|omit|exclude|forbid|avoid] {colour} eyes, [show|draw|give|keep|make] {H}
{H}, {en} [of|in] [some other|another] [color|shade|tone|hue] [than|besides|except|apart from] {colour}
{H}, {en} in [any|every|whatever] [color|shade|tone] [save|besides|except|other than] {colour}
{H}, {her} {en} [mustn't|shouldn't|shall not|may not|must never] be {colour}
{H}, [although|while|whereas|yet] {her} {en} {eis} [not|never|hardly] {colour}
{H}, {her} {en} {eis} [not|definitely not|certainly not|not at all] {colour}
[no|not|without|never] {colour} eyes [but|only|rather|instead] {H}
[no|without|never any] {colour} eyes, [only|simply|but|instead|rather] {H}
[no|not] {colour} eyes [there|in it|at all|for {them}], [only|but|and] {H}
[someone|a {who}|{who}|one] with {H} [and|but|yet] [no|not|without|never] {colour} eyes
show {H} but [do not|don't|never] show {colour} eyes
paint {H}, and [do not|don't|never] paint {colour} eyes
[a picture|an image|a drawing] with {H}, [no|not|without] {colour} eyes
a {who} with {H} [missing|short of|not having|never having|who lost the] {colour} eyes
{who}, {H}, [no|not|non] {colour} eyes
{H}, [{X}|{thing}], [no|without|not] {colour} eyes
[please|kindly] [avoid|leave out|omit|skip] {colour} eyes
[do not|don't|never] [draw|paint|use|add|give {them}] {colour} eyes
{H}, [do not|don't|never] [draw|paint|use|add|give {them}] {colour} eyes
not a single {colour} eyes, {H}
{H}. [No|Not|Without|Never] {colour} eyes.
""")


def _both_ways(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Forms that deny a colour of the eyes, and the same of the hair."""
    words = {"{H}": "{E}", "{en}": "{hn}", "{eis}": "{his}", "eyes": "hair"}
    return lines + tuple(re.sub("|".join(words), lambda match: words[match[0]], line) for line in lines)


TRAIN_NEGATED += _both_ways(_DENIED) + _lines("""
{H} and {E}, [no|without|and no|never a] {colour} {thing}
{H}, {E}, [no|without|not a|never with] {X}
a {who} with {H} and {E} [who wears no|without any|and no|but without] {colour} {thing}
a {who} with {H} and {E}, [without|who does not wear|never wearing|not holding] {X}
{H}, {E}, nothing {colour} [else|around {them}|in the background]
{H}, {E}, [leave out|omit|avoid|skip] the {thing}
not {colour} {hn} but {h}, {E}
{hn} {his} {h}, not {colour}, and {E}
{H} and {e} {en}, not {colour} ones
{her} {hn} {his} {h} [rather than|and not|instead of|, never] {colour}, {E}
{H}, {her} {en} {eis} {e} [rather than|and not|instead of|, never] {colour}
""")

HELD_OUT_NEGATED = _lines("""
{H}, but certainly no {colour} eyes
{H} minus {colour} eyes
{H}; no {colour} eyes please
{H}, her eyes can't be {colour}
no {colour} eyes here, just {H}
somebody with {H} and no {colour} eyes
{H}, eyes of any colour but {colour}
draw {H}, but do not draw {colour} eyes
{her} {hn} {his} {h}, though {her} {en} {eis} not {colour}
a portrait: {H}, no {colour} eyes
a {who} with {H} lacking {colour} eyes
{E}, but certainly no {colour} hair
{E}; no {colour} hair please
{E}, her hair can't be {colour}
no {colour} hair here, just {E}
somebody with {E} and no {colour} hair
draw {E}, but do not draw {colour} hair
{her} {en} {eis} {e}, though {her} {hn} {his} not {colour}
a portrait: {E}, no {colour} hair
{E}, hair of any colour but {colour}
somebody without {colour} hair
her eyes can't be {colour}
please no {colour} eyes
{H}, {E}, please no {thing}
{H} and {E} but no {colour} {thing}
somebody with {H} and {E}, not wearing {X}
""")

NOMINAL = _lines("""
a {Eed} {N}
{Eed} {N}
a {N} with {E}
{N} with {E}
the {N} has {E}
{N}, {E}
{E}, {N}
the {N}'s {en} {eis} {e}
{she} is a {N} with {E}
this {N} has {E}
a {N} [girl|boy|woman|man|kid|idol] with {E}
a {N} in {X} with {E}
a {Eed} {N} [wearing|holding] {X}
a {Eed} {N} [girl|boy|woman|man|student]
{her} {en} {eis} {e} and {she} is a {N}
a {N} whose {en} {eis} {e}
{N}
a {N}
a {N} [girl|boy|woman|man|kid|idol]
a {N} wearing {X}
{she} is a {N}
""")
"""Sentences with a noun that states the hair colour, ``{N}``: "a blue-eyed brunette"."""

TRAIN_PREFIXES = (
    "draw ",
    "please draw ",
    "an anime drawing of ",
    "a picture of ",
    "portrait of ",
    "i would like ",
    "generate ",
    "show me ",
    "illustration of ",
    "paint ",
    "create an image of ",
    "i'm looking for ",
    "an avatar: ",
    "make me ",
    "photo of ",
    "a manga panel of ",
    "a smiling face, ",
    "best quality, ",
    "anime style, ",
    "let's see ",
    "ok so ",
    "hi! ",
    "how about ",
    "maybe ",
)

TRAIN_SUFFIXES = (
    ", smiling",
    ", looking at the viewer",
    " please",
    ", highly detailed",
    " in anime style",
    ", standing in the rain",
    ". {she} is smiling.",
    ", upper body",
    ", portrait",
    ", white background",
    ", school uniform",
    " in the evening",
    ", thanks",
    " and a smile",
    ", simple background",
    " wearing glasses",
    ", wearing {X}",
    " in front of {X}",
    " and {X}",
    ", {X}",
    ". {she} wears {X}.",
    ". behind {them} is {X}.",
    ". the {thing} is {colour}.",
    ", holding {X}",
    ", on a {colour} background",
    ", {colour} background",
    ", {colour} {thing}",
    ", dressed in {colour}",
    ", wearing {colour}",
    " in {colour}",
    ", with {X} and {X}",
)

HELD_OUT_BOTH = _lines("""
{E} gleaming beneath a fringe of {h}
a portrait of a {who}: {H}, {E}
{H} cascades over {her} shoulders, and {her} gaze is full of {e} light from {e} eyes
imagine a {who} whose {E} contrast with {her} {H}
{she} stares at us, {her} {en} a striking shade of {e}, {her} {hn} a fine tone of {h}
picture {them} having {E} as well as {H}
one {who}. {hn} colored {h}. {en} colored {e}.
nobody could forget {her} {E} or {her} {H}
what about {H} paired with {E}?
the artist chose {h} for the {hn} and {e} for the {en}
{E} peer out at the viewer; {H} blows in the breeze
featuring {H}, also {E}
{who} [{h} hair, {e} eyes]
({E}) ({H}) {who}
although {her} {en} {eis} {e}, {her} {hn} {his} {h}
i would love to see {E} on somebody who has {H}
{Eed} as well as {Hed}, this {who} smiles
{h}-haired and {e}-eyed {who}
we see a {who}; the {hn} [seems|appears] {h}, the {en} [seems|appears] {e}
{her} {hn} turned {h} last summer, and {her} {en} were always {e}
a drawing in which the {who} has {hn} colored {h} and {en} colored {e}
{H} surrounds a face that has {E}
show me a {Hed} {who}, {E} please
{e} eyed, {h} haired {who}
combine {E} with {H}
the {who}, who has {E}, wears {her} {h} hair loose
{h} describes {her} {hn}; {e} describes {her} {en}
{H} above, {E} below
if only {she} had {H} and {E}
such {E}! and such {H}!
from the front: {E}, {H}, a faint smile
every {who} here has {E} plus {H}
{who} + {e} eyes + {h} hair
{her} parents gave {them} {E}; {her} {H} came from a dye bottle
""")

HELD_OUT_DISTRACTED = _lines("""
a {who} with {H} and {E} stands before {X}
{she} adjusts {X} on {her} {H}; {her} {en} {eis} {e}
dressed in {X}, the {Eed} {who} brushes {her} {H}
{X} frames {her} {H}, while {her} {E} look away
{E} hidden behind {X}, {H}
despite {X}, you notice {her} {H} and {E}
{H}, {E}, and [clad in|dressed with] {X}
against {X}, a {Hed} {who} gazes with {E}
under {X}: a {who}, {E}, {H}
the {who} chose {X} to go with {her} {E} and {her} {H}
{X} on the left, {X} on the right, and a {who} with {H} and {E} in between
{her} {thing} may be {colour}, but {her} {hn} {his} {h} and {her} {en} {eis} {e}
{H} decorated with {X}, {E}
{E} that outshine {X}; {H} too
the {thing} that holds {her} {H} is {colour}, {her} {en} {eis} {e}
{X} woven through {H}; {E}
""")

HELD_OUT_HAIR = _lines("""
somebody whose {hn} happens to be {h}
look at that {H}
please show {H} on the {who}
a portrait of a {Hed} {who}
the wind plays with {her} {H}
{she} combs {her} {H}
{H} is all i ask for
{h} describes {her} {hn}
a {who} known for {her} {H}
{who} ({h} hair)
{H} under {X}
{X} rests upon {her} {H}
may the {hn} be {h}
{H} everywhere
a snapshot: {H}, {X}
{her} {H} is fastened by {X}
a single {colour} {thing} among {her} {H}
""")

HELD_OUT_EYES = _lines("""
somebody whose {en} happen to be {e}
look into those {E}
please show {E} on the {who}
a portrait of a {Eed} {who}
{E} watch the rain
{she} blinks {her} {E}
{E} are all i ask for
{e} describes {her} {en}
a {who} known for {her} {E}
{who} ({e} eyes)
{E} under {X}
{X} is next to {her} {E}
may the {en} be {e}
{her} {E} fill with tears
a snapshot: {E}, {X}
""")

HELD_OUT_EMPTY = _lines("""
the ship sailed at dawn
{X} beside {X}
a cheerful {who} dressed in {X}
surprise me
some {who}, i don't mind which
my favourite song is playing
a {who} sitting on {X}
buy milk and bread
portrait photograph
a {who} with a lovely smile and {X}
zxcv bnm
her face is calm
somebody parked {X} outside
we sold {X}, then {X}
the {who} bought {X} yesterday
how much does {X} cost?
a valley full of {colour} fruit
{her} favourite {thing} looks {colour}
grandmother knitted {X}
nobody remembers the {who}'s name
the orchestra played until midnight
""")

HELD_OUT_PREFIXES = (
    "sketch ",
    "render ",
    "a painting showing ",
    "kindly produce ",
    "my wish: ",
    "a doodle of ",
)

HELD_OUT_SUFFIXES = (
    ", laughing",
    " at a festival",
    ", chibi",
    ", thank you very much",
    ", soft shading",
    " on a train",
)

TRAIN_SEPARATORS = (
    *(", ", ", ", ", ", ",", ",", " , ", " ", " ", " ", "; ", ";", " | ", "|", " / ", "/", ". ", "\n", ",  "),
    *(" - ", " & ", " ~ ", " > "),
)
"""What stands between the tags of a list."""

HELD_OUT_SEPARATORS = (", ", ", ", ",", " ", " ", " ; ", " || ", " + ", " * ", "\t")
