from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from browser import Browser, chromium
from node import Node, find_node
from PIL import Image, ImageOps
from releases import ALIGNED_DIM, write_aligned, write_head, write_one_hot
from tiny_bert import make_tiny_bert

import infer
from encoder.attributes import colour_names, palette
from encoder.attributes.languages import load
from encoder.attributes.reader import AttributeEncoder
from encoder.attributes.space import COLOUR_DIM, DIM, AttributeSpace
from encoder.attributes.tags import left_open
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, canonical_captions
from encoder.attributes.wording import plain
from encoder.files import read_testing_file
from encoder.language import grammar
from encoder.minilm import MiniLM
from encoder.paths import ENCODER_DIR
from encoder.text import normalise
from gan.engine import metadata
from gan.page import FACES, STATIC, VENDOR
from gan.page.__main__ import main
from gan.page.packing import packed_numbers
from gan.page.rules import rules
from gan.pipeline import TextToImage, seeded_noise
from gan.release import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
SIZE = 64
MOST = 50_000_000
"""Bytes of a page."""

# -- what is in the repository ---------------------------------------------------------------------------------------


def test_the_libraries_are_as_published() -> None:
    lines = (VENDOR / "files.sha256").read_text().splitlines()
    assert {name for _, name in map(str.split, lines)} == {
        path.name for path in VENDOR.iterdir() if path.suffix in (".mjs", ".gz", ".txt")
    }
    for digest, name in map(str.split, lines):
        data = (VENDOR / name).read_bytes()
        data = gzip.decompress(data) if name.endswith(".gz") else data
        assert hashlib.sha256(data).hexdigest() == digest, name


def test_a_wheel_has_every_file_of_the_page() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    assert "gan.page" in setuptools["packages"]
    patterns = setuptools["package-data"]["gan.page"]
    for path in (*STATIC.rglob("*"), *VENDOR.iterdir()):
        name = path.relative_to(STATIC.parent).as_posix()
        assert not path.is_file() or any(fnmatch(name, pattern) for pattern in patterns), name


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert re.findall(r"https?://(?!onnxruntime\.ai)", text) == [], path  # which a person may follow


# -- a page ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="the extra [onnx] is not installed")


@pytest.fixture(scope="module", autouse=True)
def bits(packages: None) -> Iterator[None]:
    """The bits of the text encoder that a search finds for the released faces, without that search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan.page.packing.TEXT_BITS", ((11, 13),))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def node() -> Node:
    return find_node()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the released faces."""
    folder = tmp_path_factory.mktemp("page") / "site"
    assert main(["--out", str(folder), "--space"]) == 0
    return folder


@pytest.fixture(scope="module")
def faces(browser: Browser, site: Path) -> Iterator[Browser]:
    """That page, opened."""
    with browser.at(site) as page:
        yield page


@pytest.fixture(scope="module")
def pipeline() -> TextToImage:
    return TextToImage.from_pretrained(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("bert") / "encoder")


def texts() -> list[str]:
    """Generated captions, some misspelt, and what people write in other ways."""
    rng = random.Random(5)
    source = grammar.Grammar(rng, made_up=0.3, foreign=0.3)
    captions = [source.caption().text for _ in range(240)]
    captions[1::4] = [grammar.with_typos(caption, rng) for caption in captions[1::4]]
    captions[2::4] = [grammar.with_odd_punctuation(caption, rng) for caption in captions[2::4]]
    names = list(colour_names.listed())
    made = ["dark ", "pale ", "greenish ", "bluish-", "very ", ""]
    captions += [f"{rng.choice(made)}{rng.choice(names)} hair, {rng.choice(names)}-coloured eyes" for _ in range(80)]
    other = (Path(__file__).with_name("page_texts.txt")).read_text("utf-8").splitlines()
    captions += [line.encode("ascii").decode("unicode_escape") for line in other]
    return [*captions, "pink hair " * 190, "粉" * 600]


def drawn(page: Browser, texts: Sequence[str], seeds: Sequence[int], size: int = SIZE, **options: object) -> np.ndarray:
    """Pictures (N, H, W, 3) by the page's model."""
    answer = page.run(
        "const [texts, seeds, options] = given, all = [];"
        "for (const [i, text] of texts.entries()) {"
        "  const { c } = await engine.call('read', text);"
        "  const pixels = await engine.call('draw', c, BigInt(seeds[i]), options);"
        "  all.push(btoa(Array.from(pixels, (x) => String.fromCharCode(x)).join('')));"
        "} return all;",
        list(texts),
        [str(seed) for seed in seeds],
        options,
    )
    return np.stack([np.frombuffer(base64.b64decode(one), np.uint8).reshape(size, size, 4)[..., :3] for one in answer])


def levels(found: np.ndarray, wanted: torch.Tensor) -> int:
    """The largest difference of pictures (N, H, W, 3) and (N, 3, H, W)."""
    return int(np.abs(found.astype(int) - wanted.permute(0, 2, 3, 1).numpy()).max())


def saved(page: Browser, selector: str) -> list[Image.Image]:
    """Pictures of the page, as they would be saved."""
    script = "return Promise.all([...document.querySelectorAll(given[0])].map(({ src }) => contents(src)))"
    answer = used(page, script, selector)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in answer]


def shown(page: Browser) -> list[Image.Image]:
    """The pictures of the grid."""
    return saved(page, "#grid img")


def pixels(images: Sequence[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(image.convert("RGB")) for image in images])


def test_a_page_is_small_and_a_space_has_its_card(site: Path) -> None:
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST
    assert "\nsdk: static\n" in (site / "README.md").read_text("utf-8")


def test_the_testing_file_is_drawn_as_in_the_shipped_picture(faces: Browser) -> None:
    lines = [line.text for line in read_testing_file(ROOT / "testing_tags.txt")]
    found = drawn(faces, lines, range(len(lines)))
    grid = torch.from_numpy(np.array(Image.open(ROOT / "samples" / "cgan_original.png").convert("RGB")))
    cells = grid.unflatten(0, (5, SIZE)).unflatten(2, (5, SIZE)).permute(0, 2, 4, 1, 3).flatten(0, 1)
    assert levels(found, cells) <= 1


def test_any_text_seed_and_setting_is_drawn_as_in_python(faces: Browser, pipeline: TextToImage) -> None:
    some = [
        "#12806a hair, pink eyes",
        "1girl blonde_hair (blue_eyes:1.3)",
        "Her locks are rosy.",
        "purple hair and eyes",
    ]
    seeds = [0, 2**32 - 1, 2**32 + 5, 2**63 - 1]
    for options, settings in (
        ({}, {}),
        ({"style": 1, "truncation": 0.7}, {"style": pipeline.config.sources[1], "truncation": 0.7}),
        ({"guidance": 1.4, "turn": 1.5}, {"guidance": 1.4, "turn": 1.5}),
        ({"layout": "7", "tilt": -2.25}, {"layout_seed": 7, "tilt": -2.25}),
    ):
        assert levels(drawn(faces, some, seeds, **options), pipeline.draw(some, seeds, **settings)) <= 1


def test_the_noise_is_that_of_torch(faces: Browser) -> None:
    cases = [
        (seed, size) for seed in (0, 7, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1) for size in (1, 3, 15, 16, 17, 100)
    ]
    found = faces.run(
        "const { seededNoise } = await import('./js/noise.js');"
        "return given[0].map(([seed, size]) => Array.from(seededNoise(BigInt(seed), size)))",
        [[str(seed), size] for seed, size in cases],
    )
    for (seed, size), noise in zip(cases, found, strict=True):
        np.testing.assert_allclose(noise, seeded_noise(seed, size).numpy(), rtol=0, atol=1e-14)


def test_every_text_has_the_tokens_that_it_has_in_python(faces: Browser) -> None:
    normal = [normalise(text) for text in texts()]
    found = faces.run(
        "const all = []; for (const text of given[0]) all.push(await engine.call('tokens', text)); return all", normal
    )
    for text, ids, wanted in zip(normal, found, MiniLM.load(ENCODER_DIR).token_ids(normal), strict=True):
        assert ids == wanted, text


class PlainHead:
    """Reads the word before "hair" and "eyes": a plain colour as itself, any other one as an exact "blue"."""

    fingerprint, space = "0f", AttributeSpace("head", "plain")

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        self.read += texts
        c = torch.zeros(len(texts), COLOUR_DIM)
        for row, text in zip(c, texts, strict=True):
            for i, (slot, start) in enumerate(zip(COLOUR_SLOTS, (0, len(SLOTS["hair"])), strict=True)):
                if match := re.search(rf"([a-z]+)[- ](?:hair and )?{slot}", text):
                    plain = match[1] in SLOTS[slot]
                    row[start + SLOTS[slot].index(match[1] if plain else "blue")] = 1
                    stated = 0.01 if plain else 0.9
                    row[DIM + 4 * i : DIM + 4 * i + 4] = torch.tensor([stated, stated / 2, stated / 4, -stated / 8])
        return c[:, : self.dim]


PLAIN_HEAD = """
const [json, reads, palette, texts] = given, rules = JSON.parse(json), all = []; // the driver sorts keys
const { AttributeReader } = await import("./js/attributes.js"), { fill } = await import("./js/text.js");
for (const text of texts) {
  const read = [], said = ({ template, values, words }) => fill(template, { ...values, ...words });
  const reader = new AttributeReader({ rules, reads, palette }, async (text) => {
    read.push(text);
    const c = new Float32Array(33);
    ["hair", "eyes"].forEach((slot, i) => {
      const match = new RegExp(`([a-z]+)[- ](?:hair and )?${slot}`).exec(text);
      if (!match) return;
      const isPlain = rules.slots[slot].includes(match[1]);
      c[[0, rules.slots.hair.length][i] + rules.slots[slot].indexOf(isPlain ? match[1] : "blue")] = 1;
      const stated = isPlain ? 0.01 : 0.9;
      c.set([stated, stated / 2, stated / 4, -stated / 8], 25 + 4 * i);
    });
    return c.slice(0, reads);
  });
  const c = await reader.condition(text);
  all.push({ read, c: Array.from(c), remarks: reader.remarks(text, c).map(said) });
}
return all;
"""


@pytest.mark.parametrize("dim", [DIM, COLOUR_DIM])
def test_the_rules_around_the_head_are_those_of_python(node: Node, dim: int) -> None:
    every = [*texts(), *list(canonical_captions())[::20]]
    colours_known = {"hair": "#202024 #d0b070 #c0c0c8", "eyes": "#2040c0 #7b4b2a"}
    answers = node.run(PLAIN_HEAD, json.dumps(rules()), dim, colours_known, every)
    far = 0
    for text, found in zip(every, answers, strict=True):
        head = PlainHead(dim)
        encoder = AttributeEncoder(head)
        c = encoder.encode([text])
        assert found["read"] == head.read, text
        np.testing.assert_allclose(found["c"], c[0].numpy(), atol=1e-5, err_msg=text)
        readings = encoder.space.read(c)
        beyond = palette.warnings_for([text], readings, colours_known)
        remarks = encoder.space.warnings_for([text], readings) + beyond
        assert list(map(plain_remark, found["remarks"])) == list(map(plain_remark, remarks)), text
        distances = [re.search(r"is (\d\.\d\d) from", line) for line in found["remarks"]]
        assert [each[1] for each in distances if each] == [line.split(" from the nearest")[0][-4:] for line in beyond]
        far += len(beyond)
    assert far > (50 if dim == COLOUR_DIM else -1)


SETTLED = """
const { AttributeReader } = await import("./js/attributes.js"), [json, c, z] = given;
const reader = new AttributeReader({ rules: JSON.parse(json), reads: c[0].length }, null);
return c.map((row, i) => Array.from(reader.settled(Float32Array.from(row), Float32Array.from(z[i]))));
"""


@pytest.mark.parametrize("z_dim", [10, 128])
def test_what_is_drawn_where_a_text_denies_is_as_in_python(node: Node, z_dim: int) -> None:
    encoder = AttributeEncoder(PlainHead(COLOUR_DIM))
    c = encoder.encode(["pink hair, no blue eyes", "pink hair", "not red hair, never purple eyes"] * 20)
    z = torch.randn(len(c), z_dim, generator=torch.Generator().manual_seed(0))
    settled = encoder.space.resolve_negations(c, z)
    assert (settled != c).any(1).sum() == 40
    assert node.run(SETTLED, json.dumps(rules()), c.tolist(), z.tolist()) == settled.tolist()


WAY = """
const { AttributeReader } = await import("./js/attributes.js"), { Model } = await import("./js/model.js");
const [json, from, to] = given, all = [];
const model = Object.assign(new Model(), {
  config: { z_dim: 40, c_dim: from.length, sources: [""], resolution: 1, guidance: 1, pose: {} },
  reader: new AttributeReader({ rules: JSON.parse(json), reads: from.length }, null),
  run: async (name, { c: [c] }) => (all.push(Array.from(c)), { img: [0, 0, 0] }),
});
for (const share of [0, 0.25, 1]) await model.draw(Float32Array.from(from), 7n, { to: Float32Array.from(to), share });
return all;
"""


def test_the_way_from_a_denied_colour_leads_from_the_face_that_is_drawn_for_it(node: Node) -> None:
    encoder = AttributeEncoder(PlainHead(COLOUR_DIM))
    c = encoder.encode(["pink hair, no blue eyes", "#12806a hair, red eyes"])
    one, other = encoder.space.resolve_negations(c, seeded_noise(7, 40).expand(2, -1))
    assert not torch.equal(one, c[0])
    wanted = torch.stack([one, torch.lerp(one, other, 0.25), other])
    np.testing.assert_allclose(node.run(WAY, json.dumps(rules()), *c.tolist()), wanted, atol=1e-6)


LEFT_OPEN = """
const { leftOpenBy } = await import("./js/tags.js"), { normalise, plain } = await import("./js/text.js");
const [rules, texts] = given, leftOpen = leftOpenBy(rules);
return texts.map((text) => leftOpen(plain(normalise(text))));
"""


def test_what_lists_of_tags_leave_open_is_as_in_python(node: Node) -> None:
    source = grammar.Grammar(random.Random(5))
    every = [*texts(), *(source.tags(slots).text for slots in [COLOUR_SLOTS, ("hair",), ("eyes",), ()] * 100)]
    expected = [left_open(plain(normalise(text))) for text in every]
    assert node.run(LEFT_OPEN, rules(), every) == expected
    assert sum(map(bool, expected)) > 100


def plain_remark(line: str) -> str:
    """A remark without what marks a quotation, which Python and the page do each in their own way, and its end."""
    line = re.sub(r"\\(?:x..|u....|.)", "", line.lower())
    return re.sub(r"[^a-z#0-9 ]", "", line)[:50].strip()


def test_the_names_of_colours_look_as_in_python(node: Node) -> None:
    names = [
        *colour_names.listed(),
        *list(colour_names.rare())[::7],
        "dark coral",
        "coral pink",
        "stormy-blue",
        "lavender gray",
        "red brown",
        "bluish mint",
        "dusky steel blue",
        "reddish brown",
        "navy-coloured",
        "grey",
        "lightgray",
        "quux",
        "very teal",
    ]
    found = node.run(
        "const { Colours } = await import('./js/colour.js'); const known = new Colours(given[0]);"
        "return given[1].map((name) => known.look(name))",
        rules(),
        names,
    )
    for name, lab in zip(names, found, strict=True):
        wanted = colour_names.look(name)
        assert (lab is None) == (wanted is None), name
        if wanted:
            np.testing.assert_allclose(lab, wanted, atol=1e-9, err_msg=name)


def test_a_link_opens_the_same_pictures_and_each_says_how_it_was_drawn(faces: Browser, pipeline: TextToImage) -> None:
    text, posed = "long silver hair, “violet” eyes", {"style": "anime", "turn": -1.5}
    faces.ask(urlencode({"text": text, "seed": 7, "num": 4, "layout": 3, **posed}))
    first, address = shown(faces), faces.driver.execute_script("return location.hash")
    faces.go(address)
    again = shown(faces)
    assert len(first) == 4
    assert np.array_equal(pixels(first), pixels(again))
    asked = pipeline.read([text])[0].colours
    python = pipeline.with_settings(layout_seed=3, **posed)
    wanted = python.draw([text] * 4, range(7, 11))
    assert levels(pixels(first), wanted) <= 1
    for seed, image in enumerate(first, 7):
        face = {"text": text, "seed": seed, **asked}
        assert image.info == metadata(python, [face])


def test_all_comes_from_the_page_itself(faces: Browser) -> None:
    names = faces.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert names
    assert all(name.startswith((faces.root, f"blob:{faces.root}")) for name in names)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"text": "x" * 2001}, "The text has 2,001 characters"),
        ({"text": "  "}, "The text is empty"),
        ({"text": "red hair", "seed": "-1"}, "is not a seed"),
        ({"text": "red hair", "seed": str(2**63)}, "is not a seed"),
        ({"text": "red hair", "style": "oil"}, "no style “oil”"),
        ({"text": "red hair", "truncation": "1e308"}, "truncation is not a number"),
        ({"text": "red hair", "num": "7"}, "num is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_answered_in_words(faces: Browser, given: dict[str, str], part: str) -> None:
    faces.ask(urlencode({"num": 1} | given))
    faces.wait("return document.getElementById('error').textContent !== ''")
    assert part in faces.text("error")


@pytest.mark.parametrize(
    "text", ["x" * 2000, "👩‍🎤🏽💚", "\u202eשיער ורוד\u202c", "<b>pink</b> hair & eyes", "\ufeff粉色头发"]
)
def test_any_other_text_is_drawn(faces: Browser, text: str) -> None:
    faces.ask(urlencode({"text": text, "num": 1}))
    assert faces.text("error") == ""
    (image,) = shown(faces)
    assert json.loads(image.info["Faces"]) == [{"text": text, "seed": 0}]


def test_a_seed_that_is_locked_keeps_the_face_under_another_text(faces: Browser) -> None:
    faces.ask("text=pink+hair&seed=5&num=1")
    for locked in (True, False):
        faces.driver.execute_script(
            "document.getElementById('lock').setAttribute('aria-pressed', arguments[0]);"
            "document.getElementById('text').value = arguments[1];"
            "document.getElementById('grid').setAttribute('aria-busy', 'true');"
            "document.getElementById('ask').requestSubmit()",
            locked,
            f"green hair{'' if locked else ' '}",
        )
        faces.settle()
        seed = json.loads(shown(faces)[0].info["Faces"])[0]["seed"]
        assert (seed == 5) == locked


def test_the_way_between_two_texts_is_that_of_python(faces: Browser, pipeline: TextToImage) -> None:
    ends = ["long black hair red eyes", "white hair"]
    faces.ask(urlencode({"text": ends[0], "to": ends[1], "at": 0.25, "num": 1, "seed": 3}))
    faces.wait("return document.querySelector('#strip img') !== null")
    (image,) = saved(faces, "#strip img")
    wanted = pipeline.interpolate(pipeline.conditions(ends), seed=3, steps=8)
    found = np.asarray(image.convert("RGB")).reshape(SIZE, 8, SIZE, 3).transpose(1, 0, 2, 3)
    assert levels(found, wanted) <= 1
    assert image.info == metadata(pipeline, [{"text": text, "seed": 3} for text in ends])


GIVE = """
const [files, texts, options] = given, all = [];
for (const [i, file] of files.entries()) {
  const bytes = Uint8Array.from(atob(file), (x) => x.charCodeAt(0)), picture = `picture ${i}`;
  const valueOf = (_, k) => (k % 4 < 3 ? bytes[3 * (k >> 2) + (k % 4)] : 255);
  const pixels = Uint8ClampedArray.from({ length: 4 * 64 * 64 }, valueOf);
  const { style, quality } = await engine.call("give", picture, pixels);
  for (const text of texts) {
    const { c, readings } = await engine.call("read", text, picture);
    const { variation, ...others } = { style, ...options };
    const edited = await engine.call("draw", c, BigInt(variation ?? 0), { ...others, picture });
    const values = readings.map(({ value }) => value);
    all.push([style, quality, values, btoa(Array.from(edited, (x) => String.fromCharCode(x)).join(""))]);
  }
}
return all;
"""


@pytest.mark.parametrize(
    ("texts", "asked", "settings"),
    [
        (["", "green hair", "long blonde hair, no blue eyes"], {}, {}),
        (["#12806a hair"], {"style": 1, "turn": 1.5, "tilt": -1}, {"style": "anime", "turn": 1.5, "tilt": -1.0}),
        (["red eyes"], {"variation": 2}, {"num_images": 3}),
    ],
)
def test_a_given_picture_is_changed_as_by_infer_py(
    faces: Browser, pipeline: TextToImage, texts: list[str], asked: dict[str, Any], settings: dict[str, Any]
) -> None:
    drawn = [image.permute(1, 2, 0).numpy() for image in pipeline.draw(["brown hair, red eyes", "aqua hair"], [7, 3])]
    pictures = [drawn[0], np.roll(drawn[1], 3, axis=1)]
    found = faces.run(GIVE, [base64.b64encode(each.tobytes()).decode() for each in pictures], texts, asked)
    pose = {name: settings.pop(name) for name in ("turn", "tilt") if name in settings}
    turned = pipeline.with_settings(**pose)
    inversion = turned.invert(pictures, faithful=False)
    for k, text in enumerate(texts):
        edited = turned.edit(inversion, text, **settings)
        for i in range(len(pictures)):
            own = inversion.read[i]
            assert own is not None
            is_denied = "no blue eyes" in text and own["eyes"] == "blue"  # the noise chooses another colour
            denied = "eyes" if is_denied else None
            style, quality, values, data = found[i * len(texts) + k]
            image = edited.images[(i + 1) * len(edited.images) // len(pictures) - 1]
            pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(SIZE, SIZE, 4)[..., :3]
            assert np.abs(pixels.astype(int) - np.asarray(image)).max() <= 1, (text, i)
            assert quality == pytest.approx(inversion.quality[i].item(), abs=0.01)
            assert inversion.c[i][pipeline.encoder.dim + style] == 1
            read = edited.read[-1 if i else 0]
            assert read is not None
            assert values == [None if slot == denied else read[slot] for slot in SLOTS]


DROP = """
const drop = (bytes, name, type) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  dispatchEvent(new DragEvent("drop", { dataTransfer }));
};
const decoded = (text) => Uint8Array.from(atob(text), (x) => x.charCodeAt(0));
"""


def test_a_picture_that_is_dropped_is_changed_by_text_palette_and_sliders(
    faces: Browser, pipeline: TextToImage
) -> None:
    photo = Image.new("RGB", (300, 400), "white")
    photo.paste(pipeline("long brown hair blue eyes", seed=9).images[0].resize((300, 300)), (0, 50))
    file = io.BytesIO()
    photo.save(file, "PNG")
    faces.ask("text=blue+hair&num=1&guidance=1.5")
    chips, address, again = used(
        faces,
        DROP + "drop(decoded(given[0]), 'me.png', 'image/png'); await until(() => location.hash.includes('picture'));"
        "await idle(); const chips = [$('understood').textContent, $('text').value, $('given-what').textContent];"
        "submit('green hair'); await until(() => location.hash.includes('green')); await idle();"
        "document.querySelector('#palette [data-slot=eyes][data-value=red]').click();"
        "await until(() => location.hash.includes('red')); await idle(); set('turn', '2');"
        "await until(() => location.hash.includes('turn')); await idle();"
        "const address = location.hash; history.back();"
        "await until(() => $('text').value === 'green hair'); await idle();"
        "return [chips, address, [location.hash.includes('picture'), $('given').hidden]]",
        base64.b64encode(file.getvalue()).decode(),
    )
    assert "brown" in chips[0]
    assert chips[1] == ""
    assert chips[2].startswith("me.png, as the model can draw it (")
    assert again == [True, False]
    parts = dict(re.findall(r"(\w+)=([^&]*)", address))
    assert (parts["text"], parts["turn"], parts["num"]) == ("green+hair+red+eyes", "2", "1")
    assert "guidance" not in parts
    faces.go(address)  # after the page was left
    (image,) = shown(faces)
    (record,) = json.loads(image.info["Edits"])
    assert (record["picture"], record["text"], record["variation"]) == ("me.png", "green hair red eyes", 0)
    assert (image.info["Turn"], image.info["License"], "Faces" in image.info) == ("2.0", pipeline.license, False)
    inversion = pipeline.with_settings(turn=2.0).invert(photo, faithful=False)
    edited = pipeline.with_settings(turn=2.0).edit(inversion, "green hair red eyes")
    assert np.abs(pixels([image]) - pixels(edited.images).astype(int)).mean() < 1  # the photo is made smaller
    left = used(faces, "$('ungive').click(); await until(() => !location.hash.includes('picture')); await idle();")
    assert left is None
    faces.ask("picture=00000000&text=red+hair&num=1")
    faces.wait("return document.getElementById('error').textContent.includes('is not in this browser')")
    refused = used(
        faces,
        DROP + "drop('no picture', 'c.png', 'image/png');"
        "await until(() => $('open-error').textContent.startsWith('c.png')); return $('open-error').textContent",
    )
    assert refused == "c.png is no picture that this browser can read."


def test_the_film_of_the_way_is_that_of_infer_py(faces: Browser, pipeline: TextToImage) -> None:
    ends = ["black hair", "white hair"]
    faces.ask(urlencode({"text": ends[0], "to": ends[1], "num": 1, "seed": 3}))
    _, data = used(faces, "return savedBy($('films').firstChild)")
    with Image.open(io.BytesIO(base64.b64decode(data))) as film:
        info, frames = film.info, [film.seek(i) or film.convert("RGB") for i in range(film.n_frames)]
    assert levels(pixels(frames), pipeline.film(pipeline.conditions(ends), seed=3, loop=True)) <= 1
    faces_of_ends = [{"text": text, "seed": 3} for text in ends]
    assert info.items() >= metadata(pipeline, faces_of_ends, film={"steps": 12, "fps": 12, "loop": True}).items()
    assert info["loop"] == 0
    assert info["duration"] == pytest.approx(1000 / 12, abs=0.1)


def test_a_picture_is_made_smaller_as_by_pillow(node: Node) -> None:
    for size in ((64, 64), (300, 201), (37, 90)):
        photo = Image.effect_noise(size, 90).convert("RGBA")
        found = node.run(
            "const { fitted } = await import('./js/resize.js'), [pixels, width, height] = given;"
            "return Array.from(fitted(Uint8ClampedArray.from(pixels), width, height, 64))",
            list(photo.tobytes()),
            *size,
        )
        wanted = ImageOps.fit(photo.convert("RGB"), (SIZE, SIZE), Image.Resampling.LANCZOS)
        assert np.abs(np.reshape(found, (SIZE, SIZE, 4))[..., :3] - np.asarray(wanted).astype(int)).max() <= 1


def test_weights_are_unfolded_to_what_python_has_compared(node: Node) -> None:
    generator = np.random.default_rng(0)
    for bits in (8, 11, 16):
        values = [generator.normal(size=shape).astype(np.float32) for shape in ((3, 5, 64), (32,))]
        parts = [packed_numbers(each, bits) for each in values]
        found = node.run(
            "const { unfolded } = await import('./js/unfold.js'), [packed, tensors] = given;"
            "return Array.from(unfolded(Uint8Array.from(packed), tensors))",
            list(b"".join(data for data, _ in parts)),
            [(each.size, bits) for each in values],
        )
        assert np.array_equal(np.float32(found), np.concatenate([rounded.ravel() for _, rounded in parts]))
        assert max(np.abs(own - other).max() for own, (_, other) in zip(values, parts, strict=True)) < 4 / 2**bits * 2


def test_the_networks_take_little_memory_and_exact_colours_can_be_picked(faces: Browser) -> None:
    faces.ask("text=rosy+locks&num=1")
    assert faces.run(PICKERS) == 2
    assert faces.run("return (await performance.measureUserAgentSpecificMemory()).bytes") < 220_000_000


# -- how the page is used --------------------------------------------------------------------------------------------

HELP = """
const $ = (id) => document.getElementById(id);
const set = (id, value) => {
  $(id).value = value;
  for (const kind of ["input", "change"]) $(id).dispatchEvent(new Event(kind, { bubbles: true }));
};
const submit = (text) => { $("text").value = text; $("ask").requestSubmit(); };
const until = async (test) => { while (!test()) await new Promise((resolve) => setTimeout(resolve, 20)); };
const idle = () => until(() => $("grid").getAttribute("aria-busy") === "false");
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const contents = async (address) => {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  return btoa(Array.from(bytes, (x) => String.fromCharCode(x)).join(""));
};
const savedBy = async (button) => {
  let link;
  HTMLAnchorElement.prototype.click = function () { link = this; };
  button.click(); await until(() => link); delete HTMLAnchorElement.prototype.click;
  return [link.download, await contents(link.href)];
};
const clipboard = { writeText: async (x) => (window.link = x) };
Object.defineProperty(navigator, "clipboard", { configurable: true, value: clipboard });
const copied = async (id) => {
  $(id).click(); await until(() => window.link); const { link } = window; delete window.link;
  return Object.fromEntries(new URLSearchParams(new URL(link).hash.slice(1)));
};
"""


def used(page: Browser, script: str, *given: object) -> Any:
    """What the body of an asynchronous function that uses the page returns."""
    return page.run(HELP + script, *given)


def test_every_script_has_a_name_that_any_host_sends_as_a_script(site: Path) -> None:
    assert not list(site.rglob("*.mjs"))
    assert {path.name for path in (site / "vendor").glob("*.js")} == {
        path.with_suffix(".js").name for path in VENDOR.glob("*.mjs")
    }


@pytest.mark.parametrize("held", ["null", "{}", "5", "[null]", '[{"hash": 1}]', "no JSON"])
def test_anything_may_lie_in_the_storage(faces: Browser, held: str) -> None:
    name = DEFAULT_MODEL.name
    faces.driver.execute_script("localStorage.setItem(`text2face:/:${arguments[0]}`, arguments[1])", name, held)
    if held == "null":
        faces.go("#text=red+hair&num=1")
    faces.ask(urlencode({"text": f"red hair {held}", "num": 1}))
    faces.wait("return document.querySelectorAll('#history li').length > 0")
    assert (faces.text("error"), faces.text("broken")) == ("", "")


def test_an_error_of_the_page_itself_is_told_in_words(faces: Browser) -> None:
    faces.driver.execute_script("dispatchEvent(new ErrorEvent('error', { error: new Error('x') }))")
    faces.wait("return document.getElementById('broken').textContent.startsWith('Something on this page broke')")
    faces.driver.execute_script("document.getElementById('broken').textContent = ''")
    faces.errors()


def test_what_is_refused_changes_no_seed_and_leaves_what_is_shown(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    link, chips, pictures, seed = used(
        faces,
        "submit(''); await until(() => $('error').textContent); await idle();"
        "const [chips, pictures] = ['#understood li', '#grid img'].map((one) => document.querySelectorAll(one).length);"
        "return [await copied('copy'), chips, pictures, $('seed').value]",
    )
    assert link == {"text": "blue hair", "seed": "5", "num": "1"}
    assert (chips, pictures, seed) == (0, 1, "5")


def test_a_changed_text_keeps_the_seed_and_back_brings_the_text_before(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    changed, again, before = used(
        faces,
        "const is = () => [$('text').value, $('seed').value]; const all = [];"
        "set('text', 'green hair'); submit('green hair'); await idle(); all.push(is());"
        "submit('green hair'); await idle(); all.push(is()); history.go(-2);"
        "await until(() => $('text').value === 'blue hair'); await idle();"
        "all.push([...is(), JSON.stringify(await copied('copy'))]); return all",
    )
    assert changed == ["green hair", "5"]
    assert again[1] != "5"
    assert before[:2] == ["blue hair", "5"]
    assert json.loads(before[2])["text"] == "blue hair"


def test_all_are_saved_as_one_picture_once_all_are_there(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    early, name, data = used(
        faces,
        "set('num', '12'); const early = $('save').disabled; await idle();"
        "return [early, ...(await savedBy($('save')))]",
    )
    assert early
    assert name == "blue-hair-5-to-16.png"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (4 * SIZE, 3 * SIZE)
        cells = np.asarray(image.convert("RGB")).reshape(3, SIZE, 4, SIZE, 3)
    assert cells.std((1, 3)).min() > 1


def test_the_buttons_of_the_enlarged_view_take_what_it_shows(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=4&to=red+hair")
    faces.wait("return document.querySelector('#middle img') !== null")
    other, saved_as, after, link, focus = used(
        faces,
        "const vary = (text) => { $('other').value = text; $('otherwise').requestSubmit(); };"
        "$('grid').children[0].click(); vary('green hair'); await until(() => !$('other-image').hidden);"
        "const other = await copied('big-copy'), name = $('big-save').download;"
        "vary('red hair'); press('ArrowRight'); await engine.call('read', 'x');"
        "await new Promise((resolve) => setTimeout(resolve, 400));"
        "const after = [$('other-image').hidden, $('big-save').download], link = await copied('big-copy');"
        "$('big').close(); await until(() => document.activeElement.className === 'face');"
        "return [other, name, after, link, [...$('grid').children].indexOf(document.activeElement)]",
    )
    assert (other["text"], other["seed"], saved_as) == ("green hair", "5", "green-hair-5.png")
    assert after == [True, "blue-hair-6.png"]
    assert (link["text"], link["seed"], focus) == ("blue hair", "6", 1)
    stays, back = used(
        faces,
        "const image = () => $('big-image').src; $('middle').focus(); $('middle').click(); const is = image();"
        "press('ArrowRight'); press('ArrowLeft'); const stays = is === image(); $('big').close();"
        "await until(() => document.activeElement !== document.body && !$('big').open);"
        "await new Promise((resolve) => setTimeout(resolve, 100)); return [stays, document.activeElement.id]",
    )
    assert (stays, back) == (True, "middle")


def test_the_next_one_can_be_had_as_soon_as_it_is_drawn(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    before, later = used(
        faces,
        "set('num', '4'); $('grid').children[0].click(); const before = $('next').disabled;"
        "await idle(); const later = $('next').disabled; $('big').close(); return [before, later]",
    )
    assert (before, later) == (True, False)


def test_what_keeps_a_variation_draws_that(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    found = used(
        faces,
        "$('grid').children[0].click(); $('other').value = 'green hair'; $('otherwise').requestSubmit();"
        "await until(() => !$('other-image').hidden); $('keep').click(); await idle();"
        "return [$('text').value, $('seed').value, $('text') === document.activeElement]",
    )
    assert found == ["green hair", "5", True]


def test_old_pictures_stand_until_new_ones_come_and_none_is_drawn_twice(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    fewest, most, calls = used(
        faces,
        "const call = engine.call.bind(engine); let calls = 0; const seen = [];"
        "engine.call = (name, ...rest) => { calls += name === 'draw'; return call(name, ...rest); };"
        "set('num', '4'); await idle(); const some = calls; set('num', '1'); await idle(); set('num', '1');"
        "await idle(); delete engine.call; set('guidance', '1.5');"
        "await until(() => { seen.push(document.querySelectorAll('#grid img').length);"
        "  return $('grid').getAttribute('aria-busy') === 'true'; });"
        "await until(() => { seen.push(document.querySelectorAll('#grid img').length);"
        "  return $('grid').getAttribute('aria-busy') === 'false'; });"
        "set('guidance', '1'); await idle(); return [Math.min(...seen), Math.max(...seen), [some, calls]]",
    )
    assert (fewest, most) == (1, 1)
    assert calls == [3, 3]


def test_throws_of_the_die_are_one_entry_of_the_earlier_ones(faces: Browser) -> None:
    faces.ask("text=brown+hair&num=1")
    before, after = used(
        faces,
        "const count = () => [history.length, document.querySelectorAll('#history li').length];"
        "await until(() => $('history').firstChild?.firstChild.title.startsWith('brown')); const before = count();"
        "for (let i = 0; i < 5; i++) { $('die').click(); await idle(); } return [before, count()]",
    )
    assert before == after


def test_the_palette_keeps_what_a_text_denies(faces: Browser) -> None:
    faces.ask(urlencode({"text": "pink hair, no blue eyes", "num": 1}))
    text, chips = used(
        faces,
        "document.querySelector('#palette [data-value=long]').click(); await idle();"
        "return [$('text').value, $('understood').textContent]",
    )
    assert text == "long pink hair, no blue eyes"
    assert "any but blue" in chips


def test_an_address_without_a_text_leaves_no_pictures(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    faces.ask("text=")
    faces.wait("return document.querySelectorAll('#grid img').length === 0")
    assert faces.text("stage-text").startswith("Ready")
    assert faces.text("understood") == ""


def test_what_a_button_says_of_copying_passes(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    used(faces, "await copied('copy'); await copied('copy')")
    assert faces.text("copy") == "Copied"
    faces.wait("return document.getElementById('copy').textContent === 'Copy link'")


def test_what_the_faces_cannot_show_is_said(faces: Browser) -> None:
    faces.ask(urlencode({"text": "boy with short brown hair and glasses", "num": 1}))
    assert "glasses" in faces.text("remarks")
    assert "colours of hair and eyes" in faces.text("can")


def test_on_a_phone_pictures_and_what_changes_them_are_on_the_screen_together(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=12")
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    faces.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        hidden = used(
            faces,
            "const hidden = []; const inside = (one) => { const { top, bottom } = one.getBoundingClientRect();"
            "  return top >= -1 && bottom <= innerHeight + 1; };"
            "const all = '#palette button, #seed, #die, #num, aside input[type=range]';"
            "for (const one of document.querySelectorAll(all)) {"
            "  one.scrollIntoView({ block: 'nearest', behavior: 'instant' });"
            "  const { x, y, width, height } = one.getBoundingClientRect();"
            "  const top = document.elementFromPoint(x + width / 2, y + height / 2);"
            "  const isSeen = inside(one) && inside($('grid')) && (one === top || one.contains(top));"
            "  if (!isSeen) hidden.push(one.outerHTML);"
            "} set('seed', 'x'); $('seed-error').scrollIntoView({ block: 'nearest', behavior: 'instant' });"
            "if (!$('seed-error').textContent || !inside($('seed-error')) || !inside($('seed'))) hidden.push('error');"
            "set('seed', '5'); await idle(); scrollTo(0, 0);"
            "if (document.documentElement.scrollWidth > innerWidth) hidden.push('wide'); return hidden",
        )
    finally:
        faces.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert hidden == []


def test_what_is_set_while_the_page_loads_is_kept_and_little_moves(faces: Browser) -> None:
    observe = (
        "window.shift = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        "  window.shift += entry.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    made = faces.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": observe})
    faces.driver.get("about:blank")
    faces.driver.get(f"{faces.root}#text=red+hair")
    faces.driver.execute_script(
        HELP + "set('seed', '77'); set('guidance', '1.5'); set('num', '4'); set('to', 'white hair');"
        "set('text', 'green hair'); $('text').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }))"
    )
    faces.settle()
    faces.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)
    assert [json.loads(image.info["Faces"])[0] for image in shown(faces)] == [
        {"text": "green hair", "seed": seed} for seed in range(77, 81)
    ]
    assert shown(faces)[0].info["Guidance"] == "1.5"
    assert used(faces, "return [$('to').value, $('lock').getAttribute('aria-pressed')]") == ["white hair", "true"]
    assert faces.driver.execute_script("return window.shift") < 0.1


def test_fields_can_be_seen_read_and_reached(faces: Browser) -> None:
    faces.driver.set_window_size(1280, 900)
    faces.ask(urlencode({"text": "red hair " * 200, "num": 12}))
    found = used(
        faces,
        "const light = (text) => { const [r, g, b] = text.match(/[0-9.]+/g).map((x) => { x /= 255;"
        "    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });"
        "  return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };"
        "const contrast = ['text', 'seed', 'num', 'to', 'die'].map((id) => {"
        "  const [line, card] = [getComputedStyle($(id)).borderTopColor, getComputedStyle($('ask')).backgroundColor];"
        "  const both = [light(line), light(card)]; return Math.max(...both) / Math.min(...both); });"
        "const stops = [...document.querySelectorAll('a, button, input, select, textarea')].filter((one) =>"
        "  one.tabIndex >= 0 && !one.disabled && one.checkVisibility());"
        "const apart = $('between').getBoundingClientRect().top - $('stage').getBoundingClientRect().bottom;"
        "return [Math.min(...contrast), stops.length, apart, getComputedStyle($('text')).overflowY,"
        "  ['text', 'to', 'other', 'big-text'].map((id) => $(id).dir)]",
    )
    contrast, stops, apart, overflow, directions = found
    assert contrast >= 3
    assert stops <= 36
    assert apart <= 24
    assert overflow == "auto"
    assert directions == ["auto"] * 4


def test_what_is_typed_is_drawn_and_entered_it_keeps_its_seed(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    found = used(
        faces,
        "let entries = 0; const push = history.pushState.bind(history);"  # a history has fifty entries at most
        "history.pushState = (...all) => { entries++; push(...all); };"
        "set('text', 'green hai'); await until(() => location.hash.includes('hai&'));"
        "set('text', 'green hair'); await until(() => location.hash.includes('green+hair')); await idle();"
        "const typed = [$('seed').value, entries, $('understood').textContent];"
        "submit('green hair'); await idle(); delete history.pushState; return [...typed, $('seed').value, entries]",
    )
    assert found[:2] == ["5", 1]
    assert "green" in found[2]
    assert found[3:] == ["5", 1]


def test_a_saved_picture_gives_its_text_seed_and_settings_back(faces: Browser, tmp_path: Path) -> None:
    faces.ask(urlencode({"text": "“rosy” 髪", "seed": 2**63 - 1, "num": 1, "style": "anime", "guidance": 1.5}))
    address = faces.driver.execute_script("return location.hash")
    (saved_one,) = saved(faces, "#grid img")
    again, other = used(
        faces,
        DROP + "const bytes = await (await fetch(document.querySelector('#grid img').src)).blob();"
        "location.hash = 'text=blue+hair&num=4';"
        "await until(() => document.querySelectorAll('#grid img').length === 4);"
        "await idle(); drop(bytes, 'a.png', 'image/png'); await until(() => location.hash.includes('anime'));"
        "await idle(); const again = [location.hash, $('lock').getAttribute('aria-pressed')];"
        "drop(decoded(given[0]), 'b.png', 'image/png');"
        "await until(() => location.hash.includes('green')); await until(() => $('open-error').textContent);"
        "const other = [location.hash, $('open-error').textContent];"
        "return [again, other]",
        base64.b64encode(infer_picture(tmp_path)).decode(),
    )
    assert again == [address, "true"]
    assert "text=green+eyes&seed=7&num=1" in other[0]
    assert other[1] == "The file holds 2 pictures. This is the first."
    assert saved_one.info["Style"] == "anime"


def infer_picture(folder: Path) -> bytes:
    """A grid of two texts, as ``infer.py`` saves it."""
    assert (
        infer.main(["--text", "green eyes", "--text", "red hair", "--seed", "7", "--out", str(folder / "b.png")]) == 0
    )
    return (folder / "b.png").read_bytes()


def test_a_picture_leads_to_others_like_it_and_can_be_a_favourite(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=4")
    near, seeds, favourites, opened = used(
        faces,
        "const pixels = async (image) => {"
        "  const bitmap = await createImageBitmap(await (await fetch(image.src)).blob());"
        "  const context = new OffscreenCanvas(64, 64).getContext('2d'); context.drawImage(bitmap, 0, 0);"
        "  return context.getImageData(0, 0, 64, 64).data; };"
        "const all = async () => Promise.all([...document.querySelectorAll('#grid img')].map(pixels));"
        "const away = (one, other) => one.reduce((sum, x, i) => sum + Math.abs(x - other[i]), 0) / one.length;"
        "const before = await all(); $('grid').children[1].click(); $('favourite').click();"
        "await until(() => $('favourite').getAttribute('aria-pressed') === 'true'); $('like').click(); await idle();"
        "await until(() => location.hash.includes('like=6')); await idle(); const like = await all();"
        "const far = before.map((one) => away(one, before[1])).filter((x) => x > 0);"
        "const near = like.map((one) => away(one, before[1]));"
        "const seeds = [$('likeness').hidden, $('like-what').textContent];"
        "const favourites = $('favourites').querySelectorAll('a'); const { hash } = favourites[0];"
        "const text = atob((await savedBy($('export')))[1]);"
        "$('unlike').click(); await until(() => !location.hash.includes('like')); await idle();"
        "return [[Math.max(...near), Math.min(...far)], seeds, [favourites.length, hash, JSON.parse(text)[0].hash],"
        "  $('likeness').hidden]",
    )
    assert 1 < near[0] < near[1]
    assert seeds == [False, "Pictures like that of seed 6"]
    assert favourites[0] == 1
    assert favourites[1] == favourites[2] == "#text=blue+hair&seed=6&num=1"
    assert opened


def test_the_way_is_drawn_anew_only_where_it_changes(faces: Browser) -> None:
    faces.driver.execute_script("document.getElementById('strip').replaceChildren()")
    faces.ask("text=blue+hair&seed=77&num=1&to=red+hair")
    faces.wait("return document.querySelector('#strip img') !== null")
    calls = used(
        faces,
        "const call = engine.call.bind(engine); let calls = 0; const count = async (act, done) => { calls = 0; act();"
        "  await until(done); await idle(); await new Promise((resolve) => setTimeout(resolve, 300)); return calls; };"
        "engine.call = (name, ...rest) => { calls += name === 'draw'; return call(name, ...rest); };"
        "const src = $('middle').firstChild.src, strip = $('strip').firstChild.src;"
        "const slid = await count(() => set('at', '0.75'), () => $('middle').firstChild.src !== src);"
        "const more = await count(() => set('num', '4'), () => document.querySelectorAll('#grid img').length === 4);"
        "delete engine.call; return [slid, more, strip === $('strip').firstChild.src]",
    )
    assert calls == [1, 3, True]


def test_larger_files_are_sharp_and_say_how_they_were_drawn(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    data = used(
        faces,
        "$('grid').children[0].click(); const all = [];"
        "for (const button of $('sizes').children) all.push(await savedBy(button));"
        "$('big').close(); return all",
    )
    assert [name for name, _ in data] == ["blue-hair-5-256.png", "blue-hair-5-512.png"]
    (exact,) = shown(faces)
    for (_, encoded), size in zip(data, (256, 512), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as large:
            assert large.size == (size, size)
            assert large.info == exact.info
            small = large.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
            smooth = np.asarray(exact.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)).astype(float)
            sharp = np.asarray(large.convert("RGB")).astype(float)
        assert np.abs(np.asarray(small).astype(float) - pixels([exact])[0]).mean() < 8
        steep = [np.abs(np.diff(image, axis=1)).max(1).mean() for image in (sharp, smooth)]
        assert steep[0] > 1.2 * steep[1]


def test_only_who_has_no_javascript_reads_that_it_is_needed() -> None:
    html = (STATIC / "index.html").read_text("utf-8")
    assert "JavaScript" in html
    assert "JavaScript" not in re.sub(r"<noscript>.*?</noscript>", "", html, flags=re.DOTALL)


FETCHED = """
const { fetchFile } = await import("./js/model.js");
globalThis.fetch = async () => new Response("<!doctype html><p>Hello", { headers: { "content-type": "text/html" } });
return fetchFile(new URL("http://x/model/config.json")).catch(({ message }) => message);
"""


def test_a_host_that_answers_with_a_page_for_a_missing_file_is_found_out(node: Node) -> None:
    assert "config.json is missing on the server: it sends a web page" in node.run(FETCHED)


TABLE = "return (await import(`./js/texts.${given[0]}.js`)).default;"


@pytest.mark.parametrize("language", ["zh-Hant", "ja"])
def test_the_page_has_its_texts_in_other_languages(node: Node, language: str) -> None:
    table = node.run(TABLE, language)
    scripts = "".join(path.read_text("utf-8") for path in (STATIC / "js").glob("*.js") if "texts." not in path.name)
    page = (STATIC / "index.html").read_text("utf-8")
    html = re.sub(r"<noscript>.*?</noscript>|<title>.*?</title>|{%.*?%}", "", page)
    body = " ".join(html.partition("<body>")[2].split())
    fixed = {text.strip() for text in re.findall(r">([^<>]+)<", body)}
    fixed |= set(re.findall(r'(?:aria-label|title|placeholder)="([^"]+)"', body))
    names = {"ONNX Runtime", "MIT", "Apache-2.0", "PNG"}
    for text in fixed - names:
        assert text in table or not re.search("[A-Za-z]{3}", text), text
    made = set(re.findall(r'(?:\bt|InputError|LoadError|remark|told|answer)\(\s*"([^"]*[a-z][^"]*)"', scripts))
    values = {value for every in SLOTS.values() for value in every}
    titles = {"Text to face", "Text to image"}
    assert made <= table.keys()
    known = fixed | made | values | titles | {*FACES, load("en").messages["things"]}
    assert {text for text in table if text not in known and f'"{text}"' not in scripts} == set()
    for english, other in table.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", other)), english


def test_the_browser_and_a_switch_choose_the_language(faces: Browser) -> None:
    faces.ask("text=blue+hair&seed=5&num=1")
    chosen, japanese, english, warned = used(
        faces,
        "const { preferred } = await import('./js/texts.js');"
        "const is = () => [document.documentElement.lang, $('draw').textContent, $('understood').textContent,"
        "  document.querySelector('#examples button').textContent, document.title];"
        "const chosen = [['zh-TW', 'en'], ['ja'], ['de', 'ja-JP'], ['fr']].map(preferred);"
        "set('language', 'ja'); await until(() => is()[0] === 'ja'); const japanese = is();"
        "submit('blue hair and glasses'); await until(() => $('remarks').textContent); await idle();"
        "const warned = $('remarks').textContent;"
        "set('language', 'en'); await until(() => is()[0] === 'en'); return [chosen, japanese, is(), warned]",
    )
    assert chosen == ["zh-Hant", "ja", "ja", "en"]
    assert japanese[:2] == ["ja", "描く"]
    assert "青" in japanese[2]
    assert "描けません" in warned
    assert japanese[3] == "ピンクの髪と緑の目"
    assert english[:2] == ["en", "Draw"]
    assert english[4] == "Text to face"


def test_the_page_works_without_a_connection(faces: Browser, site: Path) -> None:
    assert faces.run("await navigator.serviceWorker.ready; return (await caches.keys()).length") == 1
    with faces.without_a_host():
        faces.go("?#text=rosy+locks,+no+red+eyes&num=1")
        assert len(shown(faces)) == 1
    manifest = json.loads((site / "manifest.json").read_text())
    assert manifest["name"] == "Text to face"
    assert all((site / icon["src"]).is_file() for icon in manifest["icons"])


def test_what_travels_with_the_page_is_drawn_before_the_networks_are_there(
    browser: Browser, site: Path, pipeline: TextToImage, tmp_path: Path
) -> None:
    shutil.copytree(site, tmp_path / "site")
    model = tmp_path / "site" / "model"
    (model / "encoder.bin.gz").unlink()
    with browser.at(tmp_path / "site", "#text=long+blue+hair+red+eyes&num=1") as page:  # by the table of conditions
        wanted = pipeline.draw(["long blue hair red eyes"], [0])
        assert levels(pixels(shown(page)), wanted) <= 1
        page.wait("return document.getElementById('stage-text').textContent.includes('encoder.bin.gz is missing')")
        assert all("encoder.bin.gz" in line for line in page.errors())  # the browser's own line
    (model / "generator.bin.gz").write_bytes(b"\x1f\x8bno")
    wanted = pipeline.draw([FACES[0]] * 12, range(12))
    with browser.at(tmp_path / "site") as page:
        assert levels(pixels(shown(page)), wanted) <= 1
        page.wait("return document.getElementById('stage-text').textContent.includes('arrived broken')")
        assert page.run("return !document.getElementById('retry').hidden")
        page.driver.execute_cdp_cmd("Network.enable", {})
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*.js"]})
        page.driver.get(f"{page.root}?without scripts")
        page.wait("return [...document.querySelectorAll('#grid img')].every(({ complete }) => complete)")
        seen = "const { width, left } = arguments[0].getBoundingClientRect(); return width > 60 && left > 0"
        images = page.driver.find_elements("css selector", "#grid img")
        assert all(page.driver.execute_script(seen, image) for image in images)
        alone = [Image.open(io.BytesIO((model / "first" / f"{seed}.png").read_bytes())) for seed in range(len(images))]
        assert levels(pixels(alone), wanted) <= 1
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        page.errors()
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"version": "older"}))
    with browser.at(tmp_path / "site") as page:
        assert "are of different versions. Reload the page." in page.text("stage-text")


PICKERS = "return document.querySelectorAll('#palette input[type=color]').length"
"""How many exact colours can be picked."""

# -- other releases --------------------------------------------------------------------------------------------------


def test_a_page_of_a_head_without_exact_colours(browser: Browser, base: Path, tmp_path: Path) -> None:
    release, head = write_head(tmp_path / "made", base, DIM)
    site = tmp_path / "site"
    assert main(["--model", str(release), "--encoder-path", str(head), "--out", str(site)]) == 0
    python = TextToImage.from_pretrained(release, encoder_path=head, guidance=1.5)
    some = ["pink hair", "#12806a hair", "navy hair and coral eyes", "long red hair blue eyes", "quux"]
    with browser.at(site, "#text=red+hair&num=1") as page:
        assert levels(drawn(page, some, range(5), guidance=1.5), python.draw(some, range(5))) <= 1
        assert page.run(PICKERS) == 0


def test_a_page_of_an_aligned_release(browser: Browser, base: Path, tmp_path: Path) -> None:
    release, site = write_aligned(tmp_path / "made", base), tmp_path / "site"
    assert main(["--model", str(release), "--out", str(site), "--example", "a <red> heart"]) == 0
    python = TextToImage.from_pretrained(release)
    with browser.at(site) as page:
        assert json.loads(shown(page)[0].info["Faces"]) == [{"text": "a <red> heart", "seed": 0}]
        assert page.text("title") == "Text to image"
        assert page.text("understood") == ""
        assert page.run("return (await engine.call('read', 'x')).c.length") == ALIGNED_DIM
        found = drawn(page, ["red hair", "blue eyes"], [1, 2], style=2)
    assert levels(found, python.draw(["red hair", "blue eyes"], [1, 2], style="fluent")) <= 1


def test_a_page_of_the_one_hot_condition(browser: Browser, tmp_path: Path) -> None:
    release, site = write_one_hot(tmp_path / "release", "stackgan1"), tmp_path / "site"
    assert main(["--model", str(release), "--out", str(site), "--example", "pink hair green eyes"]) == 0
    python = TextToImage.from_pretrained(release)
    with browser.at(site) as page:
        found = drawn(page, ["red hair blue eyes"], [1], size=32)
        page.ask("text=rosy+locks")
        assert "reads only captions like" in page.text("error")
    assert levels(found, python.draw(["red hair blue eyes"], [1])) <= 1
