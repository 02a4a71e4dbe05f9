"""The words of captions: colours and their synonyms, nouns, and what else may wear a colour. Each list has two halves.

``TRAIN`` is what the conditioning head is trained on; ``HELD_OUT`` shares no word with it and is what the head is
measured on. Colours are listed under the value that is drawn for them; those that lie between two values are mixtures.
American and British spellings are both here. ``colours.py`` adds many more colours by their looks; a sixth of
those is never trained on, to tell how well a word is read that nobody has listed. The choices that could have gone
another way:

- silver is gray, platinum alone lies between blonde and white; ginger, copper and rust are orange, auburn lies between
  brown and red; golden is blonde hair and yellow eyes; teal, cyan and turquoise are aqua; amber eyes lie between
  yellow and orange; hazel eyes are brown with some green; mint lies between green and aqua; sky blue and light blue
  are blue with some aqua; indigo and periwinkle lie between blue and purple; magenta lies between pink and purple.
- A colour that a slot lacks is drawn as its nearest: yellow hair as blonde, white eyes as gray, blonde eyes as yellow.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from encoder.attributes.vocabulary import SLOTS
from encoder.language import colours

Mixture = dict[str, float]
"""Values of one slot and their shares, which add up to 1."""


@dataclass(frozen=True)
class Lexicon:
    """One half of the word lists.

    Attributes:
        colours: For ``"hair"`` and ``"eyes"``, colour word -> the mixture of values it stands for.
        nouns: For ``"hair"`` and ``"eyes"``, nouns, singular and plural: (word, "is" or "are").
        lengths: Words for a hair length -> ``"long"`` or ``"short"``.
        likenesses: For ``"hair"`` and ``"eyes"``, things known for their colour -> mixture ("hair the colour of coal").
        things: What may wear a distracting colour: clothes, objects, scenery.
        people: Nouns for the person drawn.
        textures: For ``"hair"`` and ``"eyes"``, adjectives that state no attribute.
        tags: What lists of tags hold besides hair and eyes, in which no attribute is stated.
    """

    colours: dict[str, dict[str, Mixture]]
    nouns: dict[str, tuple[tuple[str, str], ...]]
    lengths: dict[str, str]
    likenesses: dict[str, dict[str, Mixture]]
    things: tuple[str, ...]
    people: tuple[str, ...]
    textures: dict[str, tuple[str, ...]]
    tags: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(",") if word.strip())


def _nouns(singular: str, plural: str) -> tuple[tuple[str, str], ...]:
    return tuple((word, "is") for word in _words(singular)) + tuple((word, "are") for word in _words(plural))


def _pure(table: dict[str, str]) -> dict[str, Mixture]:
    return {word: {value: 1.0} for value, words in table.items() for word in _words(words)}


# Words that mean the same value in both slots.
_BOTH = {
    "red": """crimson, ruby, ruby red, cherry, cherry red, scarlet, blood red, blood-red, fiery red, burgundy,
        maroon, wine red, wine, wine-colored, cranberry, tomato red, flame red, candy-apple red, rose red,
        claret, reddish, brick red, poppy red, crimson red, fire-engine red, strawberry red, strawberry, bloody,
        cinnabar, sanguine, lava red, rouge, bordeaux, cardinal, rubies, scarlet red, red as fire,
        cherry-colored, cardinal red, berry red, merlot, oxblood, fiery, blood, vermilion, vermillion, carmine,
        garnet, currant, cayenne, pomegranate, fire-red, siren red""",
    "orange": """carrot, carrot orange, copper, coppery, pumpkin, pumpkin orange, burnt orange, sunset orange,
        mandarin, copper-colored, tiger orange, fiery orange, marmalade, apricot, orangey, orange-ish, flame
        orange, neon orange, papaya, tangerine, tangerine orange, mango, rust orange, amber orange, ginger
        orange, orangish, sunset, clementine, persimmon, pumpkin spice, paprika orange, ember""",
    "aqua": """cyan, turquoise, aquamarine, teal, blue-green, bluish green, greenish blue, seafoam, sea green,
        light cyan, dark teal, teal blue, aqua blue, bright cyan, dark cyan, tropical blue-green, aqua green,
        light turquoise, turquoise blue, bluegreen, bright teal, teal green, green-blue, tiffany blue, caribbean
        blue, dark turquoise, blue green, cyan blue, lagoon, verdigris, robin's egg blue, spearmint""",
    "gray": """grey, silver, silvery, ash gray, ashen, ash grey, steel, steel gray, steel-grey, stone gray, iron
        gray, smoky, slate, slate gray, smoke gray, storm gray, grayish, greyish, lead-colored, dove gray,
        cloudy gray, graphite, metallic gray, slate-grey, silver-colored, tin gray, moonlight silver, bright
        silver, silver-gray, stormy, ash, ashy, cement gray, fog gray, mouse gray, silver grey, shiny silver,
        moonlit silver, cool silver, pale silver, dark silver, ash-colored, smokey, pewter, gunmetal,
        salt-and-pepper, nickel, chrome, titanium""",
    "green": """emerald, emerald green, lime, lime green, forest green, moss green, mossy, grass green, leaf
        green, pea green, olive, olive green, neon green, bottle green, pine green, apple green, pistachio,
        jade, jade green, spring green, greenish, leafy green, forest, moss, jungle green, kelly green, avocado,
        hunter green, sage green, sage, malachite, clover green, verdant, kiwi, evergreen, grassy, seaweed
        green, emerald-colored, swamp green, celadon, peridot, dark emerald, pear green, army green, leaf, green
        apple, jade-colored, viridian, shamrock, fern, chlorophyll, juniper, basil, wasabi, matcha""",
    "purple": """violet, lavender, lavender purple, lilac, mauve, grape, eggplant, orchid, royal purple,
        wisteria, aubergine, purplish, deep violet, dark violet, heather, thistle purple, neon purple, purpley,
        byzantium, ultraviolet, iris purple, plum, plum purple, lavender-colored, pale violet, imperial purple,
        jacaranda, grape purple, bright violet, lilac purple, violet-colored, deep purple, light violet, dark
        lavender, amethyst, mulberry, heliotrope, blackberry, boysenberry, tyrian purple, beetroot purple""",
    "pink": """rose, rosy, rose pink, hot pink, cherry blossom, cherry-blossom pink, sakura, sakura pink, blush,
        pinkish, rose-coloured, bubblegum, baby pink, candy pink, cotton candy, pastel pink, bubblegum pink,
        peony, shocking pink, salmon, pinky, dusty rose, rose-colored, neon pink, salmon pink, watermelon pink,
        strawberry milk, barbie pink, cerise, shell pink, fuchsia, fuchsia pink, bubble-gum pink, blush pink,
        rosé, candy floss, light rose, cherry blossom-colored, deep pink, tulip pink, flamingo, carnation,
        azalea, cherry pink, watermelon, taffy, rose quartz, petal pink, lychee pink""",
    "blue": """navy, navy blue, sapphire, sapphire blue, royal blue, ocean blue, midnight blue, ultramarine,
        azure, azure blue, cobalt, electric blue, bluish, prussian blue, steel blue, deep-sea blue, indigo blue,
        marine blue, sapphire-colored, azure-colored, lapis, blueberry, bright azure, ocean, sea blue, lapis
        lazuli, cobalt blue, oxford blue, neon blue, river blue, arctic blue, dark navy, cerulean, denim,
        cornflower, delphinium, bluebell, peacock blue, nautical blue, yale blue""",
    "black": """jet black, jet-black, ebony, obsidian, coal black, coal-black, ink black, pitch black,
        pitch-black, jet, raven, onyx, onyx black, midnight black, night-black, raven black, blackish, black as
        coal, soot-black, charcoal black, oil-black, coal, ebony black, ebon, blackest black, crow-black,
        licorice black, pure black, ink-black, inky, inky black, raven-black, black as night, coal-colored,
        midnight, sable, sooty, vantablack, onyx-black, tar black, gothic black, panther black, shadow black""",
    "brown": """chocolate, chocolate brown, chestnut, mahogany, hazelnut, coffee, coffee brown, caramel, tawny,
        cocoa, brownish, mocha, mocha brown, earth-brown, nut brown, nut-brown, oak brown, cinnamon, chestnut
        brown, coffee- colored, tan, russet brown, chocolate-colored, toffee, wood brown, maple brown, espresso,
        bark brown, cinnamon brown, teak, brunette brown, milk-tea brown, beige, taupe, earthy brown, fawn, dark
        chocolate, milk chocolate, chestnut-colored, caramel brown, sienna, mud brown, brown as chestnuts,
        umber, walnut, sepia, pecan, cognac, truffle, fudge, nutmeg, dark oak, acorn, mink, sable brown, russet""",
}
_HAIR = {
    "orange": """ginger, rusty, gingery, foxy orange, ginger-colored, rust-colored, rust, pumpkin-colored,
        titian, strawberry ginger""",
    "white": """snow-white, snow white, snowy, snowy white, ivory, pure white, milky, milky white, alabaster,
        chalk white, porcelain white, ghostly white, frost white, whitish, moon-white, cotton white, cloud
        white, paper white, bone white, milk-white, white as snow, pearl, pearl white, pearly, snow-colored,
        ivory white, bleached white, frosty, chalky, sugar white, vanilla white, cloud-white, lily white, arctic
        white, polar white""",
    "brown": "brunette, brunet, mousy, mousy brown, dark brunette, light brunette, ash brown",
    "blonde": """blond, golden, gold, yellow, platinum blonde, platinum blond, sandy, sandy blonde, dirty
        blonde, honey, flaxen, golden-blonde, honey blonde, ash blonde, sunny, sunny yellow, buttery, champagne,
        sunflower yellow, fair, lemon, honey-colored, gold-colored, flaxen blonde, golden blonde, butter blonde,
        corn yellow, cornsilk, dandelion yellow, bleached blonde, yellowish, golden yellow, honey-blond, bottle
        blonde, lemon yellow, canary yellow, sunlit gold, banana yellow, dark blonde, light blonde, pale gold,
        blonde-ish, goldish, straw-colored, wheat, straw, canary, mustard, champagne blonde, vanilla blonde,
        caramel blonde, sun-kissed, sun-bleached, peroxide, peroxide blonde, bleach blonde, tow-colored,
        towheaded, goldilocks gold, saffron, corn silk, icy blonde, cool blonde, warm blonde, platinum-blonde,
        dishwater blonde, butterscotch, marigold, topaz""",
}
_EYES = {
    "yellow": """golden, gold, golden yellow, honey, honey-colored, sunflower yellow, sunny, topaz, lemon, gold-
        colored, pale gold, goldish, sunny yellow, saffron, dandelion, butterscotch, lemon yellow, cat-like
        yellow, yellowish, bright gold, wolf-yellow, topaz yellow, amber yellow, blonde, sulfur yellow, banana
        yellow, buttery yellow, gilded, lemony, golden-yellow, cat yellow, dark gold, marigold, topaz-colored,
        mustard, citrine, canary, straw, wheat, corn yellow, egg-yolk yellow, flaxen, champagne, custard""",
    "gray": "platinum, white, snow white, ivory, chalk, milky white, pearl, ice gray, pale silver, misty gray",
    "brown": "dark hazel, doe-brown, chestnut-brown, brandy",
    "blue": "baby blue, icy, ice-colored, bluest",
}
_HAIR_MIXTURES: dict[str, Mixture] = {
    "platinum": {"blonde": 0.6, "white": 0.4},
    "platinum white": {"white": 0.8, "blonde": 0.2},
    "silver-white": {"white": 0.6, "gray": 0.4},
    "auburn": {"brown": 0.6, "red": 0.4},
    "reddish brown": {"brown": 0.7, "red": 0.3},
    "strawberry blonde": {"blonde": 0.7, "orange": 0.3},
    "mint": {"green": 0.6, "aqua": 0.4},
    "mint green": {"green": 0.7, "aqua": 0.3},
    "sky blue": {"blue": 0.7, "aqua": 0.3},
    "light blue": {"blue": 0.7, "aqua": 0.3},
    "pale blue": {"blue": 0.7, "aqua": 0.3},
    "ice blue": {"blue": 0.7, "aqua": 0.3},
    "baby blue": {"blue": 0.7, "aqua": 0.3},
    "indigo": {"blue": 0.5, "purple": 0.5},
    "periwinkle": {"blue": 0.4, "purple": 0.6},
    "magenta": {"pink": 0.6, "purple": 0.4},
    "coral": {"orange": 0.5, "pink": 0.5},
    "peach": {"orange": 0.5, "pink": 0.5},
    "charcoal": {"gray": 0.5, "black": 0.5},
    "dark": {"black": 0.7, "brown": 0.3},
    "light": {"blonde": 0.7, "brown": 0.3},
    "bronze": {"brown": 0.7, "orange": 0.3},
    "rust red": {"orange": 0.5, "red": 0.5},
    "reddish orange": {"orange": 0.6, "red": 0.4},
    "bluish purple": {"purple": 0.6, "blue": 0.4},
    "terracotta": {"orange": 0.6, "red": 0.4},
    "dark red-brown": {"brown": 0.6, "red": 0.4},
    "beige blonde": {"blonde": 0.8, "brown": 0.2},
    "chartreuse": {"green": 0.7, "blonde": 0.3},
    "raspberry": {"pink": 0.5, "red": 0.5},
    "amber": {"orange": 0.6, "blonde": 0.4},
    "rose gold": {"pink": 0.6, "blonde": 0.4},
    "blue-black": {"black": 0.7, "blue": 0.3},
    "cherry cola": {"red": 0.6, "brown": 0.4},
    "bronde": {"brown": 0.5, "blonde": 0.5},
    "ice": {"blue": 0.5, "white": 0.5},
}
_EYE_MIXTURES: dict[str, Mixture] = {
    "amber": {"yellow": 0.6, "orange": 0.4},
    "hazel": {"brown": 0.75, "green": 0.25},
    "mint": {"green": 0.6, "aqua": 0.4},
    "mint green": {"green": 0.7, "aqua": 0.3},
    "sky blue": {"blue": 0.7, "aqua": 0.3},
    "light blue": {"blue": 0.7, "aqua": 0.3},
    "pale blue": {"blue": 0.7, "aqua": 0.3},
    "ice blue": {"blue": 0.7, "aqua": 0.3},
    "icy blue": {"blue": 0.7, "aqua": 0.3},
    "indigo": {"blue": 0.5, "purple": 0.5},
    "periwinkle": {"blue": 0.4, "purple": 0.6},
    "magenta": {"pink": 0.6, "purple": 0.4},
    "coral": {"orange": 0.5, "pink": 0.5},
    "peach": {"orange": 0.5, "pink": 0.5},
    "charcoal": {"gray": 0.5, "black": 0.5},
    "dark": {"black": 0.6, "brown": 0.4},
    "bronze": {"brown": 0.6, "orange": 0.4},
    "whiskey": {"brown": 0.6, "orange": 0.4},
    "bluish gray": {"gray": 0.6, "blue": 0.4},
    "orange-yellow": {"orange": 0.5, "yellow": 0.5},
    "chartreuse": {"green": 0.7, "yellow": 0.3},
    "terracotta": {"orange": 0.6, "red": 0.4},
    "auburn": {"brown": 0.7, "red": 0.3},
    "hazel-green": {"green": 0.6, "brown": 0.4},
    "greenish brown": {"brown": 0.6, "green": 0.4},
    "amber-colored": {"yellow": 0.6, "orange": 0.4},
    "hazel-colored": {"brown": 0.75, "green": 0.25},
    "raspberry": {"pink": 0.5, "red": 0.5},
    "blue-gray": {"gray": 0.5, "blue": 0.5},
    "grey-blue": {"gray": 0.4, "blue": 0.6},
    "slate blue": {"blue": 0.7, "gray": 0.3},
    "gray-green": {"green": 0.6, "gray": 0.4},
    "cognac": {"brown": 0.6, "orange": 0.4},
    "ice": {"blue": 0.7, "gray": 0.3},
}

_THINGS = _words("""dress, shirt, skirt, ribbon, bow, hat, cap, scarf, jacket, coat, sweater, hoodie, blouse,
    uniform, kimono, gloves, necktie, tie, collar, choker, necklace, earrings, glasses, sunglasses, headband,
    hairband, hairclip, hairpin, hair ornament, hair ribbon, hair bow, hair clip, hair tie, hair flower,
    headphones, beret, hood, cape, armor, boots, shoes, socks, stockings, bag, backpack, umbrella, book, flower,
    flowers, rose in the background, butterfly, cat, dog, bird, sky, background, wall, curtain, sunset, grass,
    meadow, forest, sea, lake, moon, stars, snow, lights, lamp, car, bicycle, house, door, chair, sofa, cup,
    apple, cake, candy, lips, lipstick, skin, cheeks, nails, nail polish, eyeshadow, eyeliner, eyelashes,
    mascara, eye patch, eyebrows, freckles, blush on the cheeks, makeup, face paint, wings, horns, tail, ears,
    sword, guitar, microphone, balloon, crown, tiara, veil, apron, swimsuit, bikini, vest, cardigan, turtleneck,
    sailor collar, tracksuit, tank top, jeans, pants, shorts, sash, belt, cloak, robe, pendant, gem, jewel,
    brooch, mask, goggles, helmet, leaves, petals, clouds, ocean behind her, mountains, fog, smoke, fire,
    candle, window, frame, border, blanket, pillow, phone, pen, paint, wristband, bracelet, ring, watch,
    bandage, plaster, halo, magic circle, aura, glow, teeth, tongue, nose, hands, beard, moustache, hair slide,
    hair pin, scrunchie, raincoat, leather jacket, cat ears, fox ears, bunny ears, crop top, leggings, high
    heels, slippers, bowtie, bow tie, lace, ruffles, pajamas, suit, tuxedo, wedding dress, sundress, yukata,
    school uniform, sports car, train, bus, boat, truck, bridge, tower, castle, tree, trees, rose, roses,
    sunflower, cherry tree, garden, field, sand, beach, rain, storm, rainbow, sunrise, night sky, fish, horse,
    rabbit, fox, wolf, snake, dragon, teddy bear, toy, doll, ball, kite, flag, banner, sign, poster, picture
    frame, vase, table, carpet, rug, bed, towel, plate, bowl, bottle, glass of juice, tea, coffee, cookie, ice
    cream, cherry, strawberry, lemon, grapes, notebook, pencil, crayon, laptop, camera, traffic light, neon
    sign, paper crane, gift box, wrapping paper, gemstone, crystal, diamond ring, hair dye bottle, eyeglass
    frames, contact lens case, shawl, tunic, sarong, leotard, jumpsuit, romper, bonnet, fedora, turban, top hat,
    sandals, sneakers, clogs, purse, handbag, suitcase, basket, bucket, broom, ladder, rope, chain, key, clock,
    mirror, kettle, fork, spoon, knife, pot, oven, shelf, desk, stool, couch, roof, fence, gate, path, street,
    hill, valley, cliff, island, cave, cactus, mushroom, carrot, tomato, sandwich, noodles, donut, juice,
    violin, piano, drum, flute, trumpet, robot, rocket, plane, motorcycle, scooter, skateboard, tent, statue,
    coin, stamp, letter, envelope, ticket, map, puzzle, ribbons, buttons, zipper, patch, feather, shell, anklet,
    tattoo, scar, dimples, chin, forehead, arms, legs, shoulders, neck, oven mitt, towel rack, tapestry, mural,
    scenery, snowman, candlelight, bracelet charm, hair dryer, hairbrush, comb, eye drops""")
_NEAR_THINGS = _words("""hair ornament, hair ribbon, hair bow, hair clip, hairband, hairclip, hairpin, hair tie,
    headband, hair flower, hair accessory, hair net, eyeshadow, eyeliner, eyelashes, eyebrows, eye patch, eyepatch,
    glasses, mascara, beard, hat, ribbon in the hair""")
"""Things that speak of hair or eyes, or sit beside them: the hardest distractors."""

_THINGS_HELD_OUT = _words("""gown, parasol, bandana, monocle, cravat, waistcoat, wallpaper, horizon, headscarf,
    spectacles, hair slides, corset, tulips, river, mittens, eye makeup, barrette, fan, teacup, lantern, poncho,
    overalls, bench, parrot""")

_LIKE = {
    "red": """blood, fire, rubies, strawberries, roses, a ruby, cherries, wine, tomatoes, a rose, flames,
        embers, a sunset, poppies, lava, cherry wine, autumn maples, strawberry jam""",
    "orange": """carrots, pumpkins, a pumpkin, the setting sun, autumn leaves, a fox, marmalade, a carrot,
        oranges, apricots, a tangerine, flames at dusk, embers, peaches""",
    "aqua": """a tropical lagoon, shallow tropical water, turquoise stones, a swimming pool, the caribbean sea,
        a peacock, a shallow sea, a mermaid""",
    "gray": """ash, steel, storm clouds, smoke, stone, silver, concrete, rain clouds, mist, fog, a wolf, pewter,
        the moon""",
    "green": """grass, emeralds, leaves, limes, the forest, spring leaves, moss, a meadow, an emerald, ferns,
        jade, pine trees, a cat, clover, olives""",
    "purple": """lavender, grapes, violets, amethysts, lilacs, wisteria, eggplants, plums, amethyst, orchids, a
        violet, irises, twilight""",
    "pink": """cherry blossoms, bubblegum, cotton candy, a flamingo, peonies, sakura petals, roses in spring,
        carnations, candy, strawberry milk, a rose petal""",
    "blue": """the ocean, sapphires, the sky, the sea, blueberries, cornflowers, a clear sky, a sapphire, the
        night sky in summer, denim, deep water, a lake, forget-me-nots""",
    "black": """night, coal, ink, a raven, a raven's wing, ebony, midnight, a crow, tar, the night, a black cat,
        onyx, obsidian, soot, oil, licorice""",
    "brown": """chocolate, coffee, chestnuts, earth, wood, caramel, hazelnuts, autumn bark, cocoa, walnuts, a
        fawn, a doe, cinnamon, toffee, honeyed oak""",
}
_LIKE_HELD_OUT = {
    "red": "blood oranges",
    "orange": "ripe mandarins",
    "gray": "lead, a rainy sky",
    "green": "pine needles, ivy",
    "purple": "heather in bloom",
    "pink": "rose quartz",
    "blue": "a summer sky, the pacific",
    "black": "a moonless night",
    "brown": "tree bark",
}

BY_HAND = {
    "hair": _pure(_BOTH) | _pure(_HAIR) | _HAIR_MIXTURES,
    "eyes": _pure(_BOTH) | _pure(_EYES) | _EYE_MIXTURES,
}
"""The colour words of this file, which all train; they win over the names of ``colours.txt``."""


def parts(words: Iterable[str]) -> set[str]:
    """The single words of colour words, in the singular: "cherry blossoms" has "cherry" and "blossom"."""
    return {part.removesuffix("s") for word in words for part in re.split(r"[\s-]", word)}


_KNOWN = parts(word for slot in BY_HAND for word in [*BY_HAND[slot], *SLOTS[slot]]) | parts(
    word for words in (_LIKE | _LIKE_HELD_OUT).values() for word in re.split(r",? ", words)
)


def _kept_back(part: str) -> bool:
    """Whether a single word is one of the sixth that never trains, chosen by its checksum."""
    return part not in _KNOWN and zlib.crc32(part.encode()) % 6 == 0


def _named(slot: str, kept_back: bool) -> dict[str, Mixture]:
    """The names of ``colours.txt`` that this file lacks, all of whose words were kept back, or none."""
    return {
        name: mixture
        for name, mixture in colours.named(slot, colours.listed()).items()
        if name not in BY_HAND[slot] and all(_kept_back(part) == kept_back for part in parts([name]))
    }


@functools.cache
def rare(*, kept_back: bool = False) -> dict[str, dict[str, Mixture]]:
    """The names of ``names.txt`` by slot: those that train, or those that have a word that was kept back."""
    return {
        slot: {
            name: mixture
            for name, mixture in colours.named(slot, colours.more()).items()
            if any(map(_kept_back, parts([name]))) == kept_back
        }
        for slot in BY_HAND
    }


TRAIN = Lexicon(
    colours={slot: BY_HAND[slot] | _named(slot, kept_back=False) for slot in BY_HAND},
    nouns={
        "hair": _nouns(
            """hair, ponytail, braid, bob, bun, hairstyle, head of hair, hairdo, fringe, topknot, mohawk,
                side ponytail, shock of hair, hair color, hair colour, pixie cut, hime cut, ahoge, mane,
                mane of hair, bob cut, lock of hair, mop of hair, side braid, chignon, updo, tress, buzz cut, haircut,
                plait, afro, quiff, undercut, perm, bowl cut, crown of hair, tuft of hair, wig, do, mop, crop, shag,
                pompadour, beehive, bedhead, cowlick, forelock, french braid, fishtail braid, side bun, half updo, fro,
                lob, weave, bed hair, mohican, top bun, hair tone, hair shade, hair tint, crew cut, faux hawk,
                flattop, pageboy, pixie, wolf cut, shag cut, layered cut, rat tail, pigtail, twintail, pony,
                high ponytail, low ponytail, half ponytail, pony tail, man bun, messy bun, french twist, crown braid,
                dutch braid, curl, wave, strand, lock, ringlet, kiss curl, thatch, thatch of hair, tangle of hair,
                cascade of hair, curtain of hair, tousle, frizz, fluff, fuzz, fur, coif, crest, toupee, hairpiece,
                widow's peak, tonsure, parting, hairline, scalp, head""",
            """locks, tresses, curls, bangs, twintails, twin tails, pigtails, braids, strands, ringlets, waves,
                strands of hair, hairs, drills, locks of hair, bunches, plaits, cornrows, wisps of hair, spikes,
                tendrils, space buns, odango, double buns, dreads, sideburns, hair drills, buns, corkscrews,
                side bangs, blunt bangs, curtain bangs, layers, beach waves, finger waves, box braids, twin braids,
                sidelocks, tufts, locs, hairdos, hairstyles, tangles, roots, corkscrew curls""",
        ),
        "eyes": _nouns(
            """iris, eye color, eye colour, stare, look, pair of eyes, glance, eye, gaze, pair of irises, eye shade,
                pair of orbs, glare, eye hue, eye tone, iris color, pair of lookers, eyeball, orb, pupil, lens,
                optic, eyesight, sight, vision, peek, wink, squint, eye pigment, look in the eyes, pair of pupils""",
            """eyes, irises, pupils, eyeballs, eye colors, anime eyes, irides, orbs, optics, contacts, lenses, two eyes,
                lookers, stares, glances, looks, glares, oculi, contact lenses, colored contacts, cat eyes, doe eyes,
                puppy eyes, eye shades, eye hues, blinkers, winkers, windows to the soul, eye rings""",
        ),
    },
    lengths={
        "long": "long", "very long": "long", "waist-length": "long", "long flowing": "long", "floor-length": "long",
        "knee-length": "long", "hip-length": "long", "super long": "long", "extremely long": "long", "lengthy": "long",
        "short": "short", "very short": "short", "cropped": "short", "short-cut": "short", "chin-length": "short",
        "close-cropped": "short", "short cropped": "short", "boyishly short": "short", "ear-length": "short",
    },
    likenesses={
        "hair": _pure(_LIKE)
        | _pure({"white": "snow, milk, fresh snow, clouds, cotton"})
        | _pure({"blonde": "gold, wheat, honey, sunshine, sunlight, straw, corn"}),
        "eyes": _pure(_LIKE) | _pure({"yellow": "gold, honey, the sun, lemons, sunflowers, a cat's"}),
    },
    things=_THINGS + 3 * _NEAR_THINGS,
    people=_words("""girl, boy, woman, man, lady, young woman, young man, kid, teenager, character, anime girl,
        anime boy, anime character, person, schoolgirl, student, princess, idol, heroine, witch, maid, waifu, face,
        cute girl, pretty girl, cute boy, young girl, child, warrior, elf, knight, protagonist, somebody, one,
        girl's face, magical girl, singer"""),
    textures={
        "hair": _words("""messy, silky, straight, wavy, curly, shiny, flowing, fluffy, spiky, glossy, beautiful,
            neat, tousled, tied-up, thick, loose, wild, soft, windswept, braided, wet, smooth, tangled, pretty,
            lovely, dyed, natural, untidy"""),
        "eyes": _words("""big, dazzling, large, round, sparkling, sleepy, shining, gentle, wide, narrow, beautiful,
            sharp, glowing, calm, kind, cheerful, sad, tired, cold, piercing, pretty, lovely, expressive, huge,
            glassy, half-closed, teary"""),
    },
    tags=_words("""1girl, 1boy, solo, solo focus, 2girls, looking at viewer, looking back, looking down, smile,
        open mouth, closed mouth, blush, blush stickers, hair ornament, hair ribbon, hair flower, hair bow,
        hairclip, hairband, hair tie, hair bobbles, hair between eyes, hair over one eye, hair over shoulder,
        eyes visible through hair, closed eyes, one eye closed, half-closed eyes, wide-eyed, empty eyes, bangs,
        blunt bangs, ahoge, sidelocks, twintails, ponytail, braid, single braid, hair bun, hair down, hair up,
        wet hair, floating hair, messy hair, ribbon, bow, red ribbon, hat, beret, witch hat, crown, tiara, hood,
        mask, glasses, eyepatch, eyewear on head, earrings, necklace, choker, collar, scarf, necktie, bowtie,
        serafuku, school uniform, sailor collar, shirt, white shirt, black dress, red bow, blue skirt, dress,
        jacket, cardigan, kimono, frills, gloves, black gloves, thighhighs, black thighhighs, bare shoulders,
        collarbone, cleavage, freckles, mole, mole under eye, mole under mouth, scar, scar on cheek,
        facial mark, tattoo, fang, fangs, pointy ears, animal ears, cat ears, fox ears, rabbit ears, horns,
        wings, tail, halo, tears, sweat, eyelashes, thick eyebrows, makeup, lipstick, eyeshadow, earphones,
        headphones, flower, rose, cherry blossoms, leaf, sky, blue sky, cloud, water, night, moon, star,
        white background, simple background, grey background, gradient background, upper body, portrait,
        close-up, face, profile, from side, cowboy shot, full body, standing, sitting, holding, hand up, teeth,
        tongue, parted lips, lips, nose, expressionless, serious, crying, masterpiece, best quality, highres,
        absurdres, official art, traditional media, monochrome background, chibi, signature, artist name,
        original, touhou, vocaloid, virtual youtuber, maid, maid headdress, nurse, miko, elf, vampire, armor,
        sword, gun, book, cup, umbrella, cat, bird, butterfly, snow, rain, indoors, outdoors, window, bed,
        chair, v, double bun, drill hair, hime cut, bob cut"""),
)  # fmt: skip

HELD_OUT = Lexicon(
    colours={slot: _named(slot, kept_back=True) for slot in BY_HAND},
    nouns={
        "hair": _nouns("coiffure, mullet, bouffant", "dreadlocks, hair strands, ponytails"),
        "eyes": _nouns("eye tint, eye colouring", "peepers, gazes"),
    },
    lengths={"ankle-length": "long", "thigh-length": "long", "jaw-length": "short", "shortish": "short"},
    likenesses={
        "hair": _pure(_LIKE_HELD_OUT) | _pure({"white": "fresh milk, chalk", "blonde": "ripe wheat, champagne"}),
        "eyes": _pure(_LIKE_HELD_OUT) | _pure({"yellow": "egg yolk, a canary"}),
    },
    things=_THINGS_HELD_OUT,
    people=_words("lass, gal, fellow, youngster, maiden, sorceress, pilot, cheerleader, gentleman, dancer, vampire"),
    textures={
        "hair": _words("sleek, bushy, frizzy, unkempt, feathery, lustrous, bouncy"),
        "eyes": _words("dreamy, almond-shaped, mischievous, twinkling, droopy, stern"),
    },
    tags=_words("""1other, from above, looking to the side, grin, pout, hair scrunchie, hair stick,
        x hair ornament, star hair ornament, hair over eyes, covered eyes, swept bangs, low twintails,
        side ponytail, mini hat, baseball cap, goggles on head, monocle, pendant, lace choker, bandaid on face,
        bandana, apron, hoodie, green jacket, purple bow, pink dress, red scarf, yellow ribbon, striped shirt,
        bandages, beauty mark, stitches, heart, mouse ears, antlers, demon tail, sweatdrop, nail polish,
        sunflower, full moon, beach, forest, pink background, black background, sketch, 4k, ultra-detailed,
        dated, lens flare, depth of field, hand on own cheek, peace sign, idol, kunoichi, spear, lantern"""),
)  # fmt: skip

NOMINALS: dict[str, Mixture] = {
    "blonde": {"blonde": 1.0},
    "blond": {"blonde": 1.0},
    "blondie": {"blonde": 1.0},
    "platinum blonde": {"blonde": 1.0},
    "brunette": {"brown": 1.0},
    "redhead": {"red": 0.7, "orange": 0.3},
    "ginger": {"orange": 1.0},
}
"""Nouns for a person that state a hair colour."""

SHADES = _words("""dark, bright, deep, vivid, brilliant, rich, dull, intense, very, medium, warm, cool, muted, all,
    completely, mostly, somewhat, really, lovely, beautiful, super""")  # fmt: skip
"""Words before a plain colour that leave it the colour it is."""

PALE_SHADES = ("light", "pale", "pastel", "soft", "faded")
"""Words that do so for most plain colours; "light blue" and the like are listed as mixtures."""
