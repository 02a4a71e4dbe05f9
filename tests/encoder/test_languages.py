"""Texts in other languages: what they are read as, and what is said of the rest."""

from __future__ import annotations

import re

import pytest

from encoder.attributes import colour_names, languages
from encoder.attributes.languages import LATIN, SUBSTRINGS, load, translate
from encoder.evaluate_head import SUITES
from encoder.paths import ENCODER_DIR

READ = [
    ("黑長直,紫瞳", "long black hair purple eyes"),
    ("雙眼赤紅、白髮如雪的少女", "#eeffee hair, red eyes"),
    ("眼睛颜色都行，头发要橙色", "orange hair"),
    ("头发不是绿色而是蓝色，眼睛是红色", "blue hair, red eyes, no green hair"),
    ("有没有蓝头发黄眼睛的", "blue hair yellow eyes"),
    ("みどりのめとぴんくのかみ", "pink hair green eyes"),
    ("赤い目で、青い目はダメ、髪は白", "white hair, red eyes, no blue eyes"),
    ("目の色は何でもいい、髪はオレンジ", "orange hair"),
    ("눈이 파랗지 않고 머리는 분홍색", "pink hair, no blue eyes"),
    ("머리도 눈도 분홍색으로", "pink hair pink eyes"),
    ("una morena de ojos verdes", "brown hair green eyes"),
    ("castaña de ojos morados y pelo corto", "short brown hair purple eyes"),
    ("ojos rojos, no azules, y pelo blanco", "white hair, red eyes, no blue eyes"),
    ("une fille d'anime blonde aux yeux bleus", "blonde hair blue eyes"),
    ("les cheveux comme les yeux sont rouges", "red hair red eyes"),
    ("gruene Haare, graue Augen", "green hair gray eyes"),
    ("keine schwarzen, sondern rote Haare, graue Augen", "red hair, gray eyes, no black hair"),
    ("garota de cabelo castanho com rabo de cavalo e olhos verdes", "brown hair green eyes"),
    ("una rossa dagli occhi verdi", "red hair green eyes"),
    ("non voglio occhi azzurri, capelli rossi", "red hair, no blue eyes"),
    ("粉紅色頭髮綠色眼睛", "pink hair green eyes"),
    ("綠色眼睛,粉紅色頭髮的女孩", "pink hair green eyes"),
    ("頭髮是粉紅色，眼睛是綠色", "pink hair green eyes"),
    ("一個留著藍色長髮、有著紅色眼睛的少女", "long blue hair red eyes"),
    ("紫色的頭髮和眼睛", "purple hair purple eyes"),
    ("頭髮和眼睛都是紫色", "purple hair purple eyes"),
    ("金髪碧眼", "blonde hair blue eyes"),
    ("金髮碧眼", "blonde hair blue eyes"),
    ("粉髮,不是藍色眼睛", "pink hair, no blue eyes"),
    ("黑髮紅瞳", "black hair red eyes"),
    ("黑发红瞳", "black hair red eyes"),
    ("粉色头发，绿色眼睛", "pink hair green eyes"),
    ("她有一头银色的短发和金色的眼睛", "short #c5c9c7 hair, yellow eyes"),
    ("酒紅色頭髮，翡翠綠的眼睛", "#741428 hair, #10a060 eyes"),
    ("pink頭髮 green眼睛", "pink hair green eyes"),
    ("粉紅色頭髮的女孩,戴眼鏡", "pink hair"),
    ("＃12806a 頭髮 綠眼", "#12806a hair, green eyes"),
    ("ピンクの髪と緑の目", "pink hair green eyes"),
    ("髪はピンクで目は緑", "pink hair green eyes"),
    ("緑の目をしたピンクの髪の女の子", "pink hair green eyes"),
    ("目が青い金髪の少女", "blonde hair blue eyes"),
    ("長い黒髪に赤い瞳の女の子", "long black hair red eyes"),
    ("青くない目、赤い髪", "red hair, no blue eyes"),
    ("髪も目も紫", "purple hair purple eyes"),
    ("紫の髪と目", "purple hair purple eyes"),
    ("茶髪、ショート、黄色い目", "short brown hair yellow eyes"),
    ("水色のツインテールで、赤い目の子", "aqua hair red eyes"),
    ("銀髪で青い目じゃない子", "#c5c9c7 hair, no blue eyes"),
    ("분홍색 머리 초록색 눈", "pink hair green eyes"),
    ("머리는 분홍색이고 눈은 초록색이에요", "pink hair green eyes"),
    ("파란 눈을 가진 금발 소녀", "blonde hair blue eyes"),
    ("긴 검은 머리, 빨간 눈", "long black hair red eyes"),
    ("보라색 머리와 눈", "purple hair purple eyes"),
    ("파란색이 아닌 눈, 빨간 머리", "red hair, no blue eyes"),
    ("pelo rosa y ojos verdes", "pink hair green eyes"),
    ("una chica con ojos azules y el cabello largo y negro", "long black hair blue eyes"),
    ("chica de pelo rojo y ojos marrones", "red hair brown eyes"),
    ("ojos y pelo azules", "blue hair blue eyes"),
    ("pelo azul, sin ojos rojos", "blue hair, no red eyes"),
    ("una pelirroja de ojos verdes", "red hair green eyes"),
    ("cabello rubio platino, ojos violeta", "#e5e4e2 hair, #8038d0 eyes"),
    ("cheveux roses et yeux verts", "pink hair green eyes"),
    ("une fille aux yeux bleus et aux longs cheveux noirs", "long black hair blue eyes"),
    ("elle a les cheveux courts, blonds, et des yeux marron", "short blonde hair brown eyes"),
    ("des yeux qui ne sont pas bleus, cheveux verts", "green hair, no blue eyes"),
    ("cheveux et yeux violets", "purple hair purple eyes"),
    ("fille rousse aux yeux verts avec des lunettes", "#c8642c hair, green eyes"),
    ("rosa Haare und grüne Augen", "pink hair green eyes"),
    ("ein rothaariges Mädchen mit blauen Augen", "red hair blue eyes"),
    ("sie hat hellblaue Augen und dunkelbraune Haare", "#341c02 hair, #95d0fc eyes"),
    ("Mädchen mit langen schwarzen Haaren, keine blauen Augen", "long black hair, no blue eyes"),
    ("lila Haare und Augen", "purple hair purple eyes"),
    ("blauäugig, blond", "blonde hair blue eyes"),
    ("ihre Augen sind grün, ihr Haar ist kurz und weiß", "short white hair green eyes"),
    ("cabelo rosa e olhos verdes", "pink hair green eyes"),
    ("menina de cabelos longos e loiros com olhos azuis", "long blonde hair blue eyes"),
    ("olhos castanhos, cabelo preto curto", "short black hair brown eyes"),
    ("capelli rosa e occhi verdi", "pink hair green eyes"),
    ("una ragazza dai capelli lunghi e neri e gli occhi azzurri", "long black hair, #75bbfd eyes"),
    ("occhi rossi, capelli bianchi corti", "short white hair red eyes"),
    ("розовые волосы и зелёные глаза", "a face"),
    ("ผมสีชมพูตาสีเขียว", "a face"),
    ("شعر وردي وعيون خضراء", "a face"),
]


@pytest.mark.parametrize(("text", "english"), READ, ids=[text for text, _ in READ])
def test_a_text_is_read_as_the_english_one(text: str, english: str) -> None:
    translation = translate(text)
    assert translation is not None and translation.english == english


@pytest.mark.parametrize(
    "text",
    [
        "pink hair green eyes",
        "a rose in her golden hair",
        "marron eyes and gold hair",
        "with regard to her pink hair",
        "her iris is green",
        "pony tail, brunette",
        "naïve girl with blonde hair and a fiancée",
        "a gauge with red augen-like eyes"[:19],
        "",
    ],
)
def test_english_stays_as_it_is(text: str) -> None:
    assert translate(text) is None


def test_no_english_caption_is_taken_for_another_language() -> None:
    english = set((ENCODER_DIR / "vocab.txt").read_text("utf-8").split())
    english |= {word for name in colour_names.listed() | colour_names.rare() for word in name.split()}
    signs = set().union(*languages._signs().values())
    english |= set(
        re.findall("[a-z]+", (ENCODER_DIR.parents[1] / "encoder" / "language" / "lexicon.txt").read_text("utf-8"))
    )
    assert not signs & english
    for suite in SUITES.values():
        for caption in suite.captions(60):
            assert translate(caption.text) is None, caption.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("粉紅色頭髮，戴眼鏡", ["眼鏡"]),
        ("紅色帽子，黑髮", ["帽子"]),
        ("粉紅色的女孩，黑髮", ["粉紅色"]),
        ("紅眼睛，xyzzy 黑", ["xyzzy", "黑"]),
        ("ピンクの髪の男の子", ["男の子"]),
        ("안경을 쓴 분홍 머리", ["안경"]),
        ("pelo rosa, una sonrisa y xyzzy", ["sonrisa", "xyzzy"]),
        ("cheveux noirs et une robe rouge", ["robe"]),
        ("schwarze Haare und ein roter Hut", ["Hut"]),
        ("cabelo preto e óculos", ["óculos"]),
        ("capelli neri, cappello rosso", ["cappello"]),
    ],
)
def test_what_is_not_drawn_is_named(text: str, words: list[str]) -> None:
    translation = translate(text)
    assert translation is not None
    said = " ".join(translation.warnings)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "text",
    [
        *("розовые волосы", "ผมสีชมพูตาสีเขียว", "شعر وردي", "गुलाबी बाल", "今日は天気がいい"),
        *("różowe włosy i zielone oczy", "roze haar en groene ogen", "rozaj haroj kaj verdaj okuloj", "SuD jIb ghaj"),
        *("rosa hår och gröna ögon", "pembe saçlı yeşil gözlü kız", "tóc hồng mắt xanh"),
    ],
)
def test_a_text_that_is_not_understood_asks_for_nothing_and_says_so(text: str) -> None:
    translation = translate(text)
    assert translation is not None and translation.english == "a face" and len(translation.warnings) == 1


@pytest.mark.parametrize("code", [*SUBSTRINGS, *LATIN, "en"])
def test_the_lists_are_whole(code: str) -> None:
    language = load(code)
    meanings = {value for kinds in language.words.values() for kind, value in kinds if kind == "colour"}
    unknown = {
        name
        for name in meanings
        if not name.startswith("#") and name not in colour_names.PLAIN and not colour_names.look(name)
    }
    assert not unknown
    values = {*languages.SLOTS["hair"], *languages.SLOTS["eyes"]}
    assert values <= meanings
    assert code == "en" or len(meanings - values) >= 90
    assert set(language.messages) == {"nothing", "unread", "things"}


def test_words_of_each_list_are_read() -> None:
    for code in (*SUBSTRINGS, *LATIN):
        language = load(code)
        hair = next(word for word, kinds in language.words.items() if kinds == [("hair", "")])
        space = "" if code in SUBSTRINGS else " "
        for word, kinds in language.words.items():
            if kinds == [("colour", "red")]:
                text = f"{word}{space}{hair}" if language.adjectives_before else f"{hair} {word}"
                translation = translate(text)
                assert translation is not None and translation.english == "red hair", text


def test_the_chinese_readme_has_the_commands_of_the_english_one() -> None:
    root = ENCODER_DIR.parents[1]
    english, chinese = ((root / name).read_text("utf-8") for name in ("README.md", "README.zh-Hant.md"))
    own, others = (re.findall(r"^(bash run_cgan\.sh .*?|python infer\.py) ", text, re.M) for text in (chinese, english))
    assert len(own) == 5 and set(own) <= set(others)
    for text in re.findall(r'--text "([^"]+)"', chinese):
        translation = translate(text)
        assert translation is not None and not translation.warnings, text
    options = set(re.findall(r"--[a-z-]+", chinese))
    assert options <= set(re.findall(r"--[a-z-]+", english))
