from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from drawing import draw_face, encode_image, write_pictures

from encoder.attributes.vocabulary import HAIR_COLOURS, Attributes
from encoder.common.errors import InputError
from gan import evaluate, pipeline
from gan.benchmark import benchmark_evaluation
from gan.data.decoding import decode_image
from gan.data.settings import DataSettings
from gan.evaluate import load_real, main
from gan.evaluation import drawing, pictures
from gan.evaluation import judge as judging
from gan.evaluation import sets as evaluation
from gan.evaluation.faces import judge as of_faces
from gan.evaluation.faces import named_colours
from gan.evaluation.faces.colours import judge_hue, judge_length, judge_wording
from gan.evaluation.faces.judge import FaceJudge, faces_asked
from gan.evaluation.judge import Judged, Monitor, judge_sets
from gan.evaluation.metrics import Estimate, sliced_wasserstein
from gan.evaluation.pictures import read_folder
from gan.evaluation.report import Results

N = 32
SUBJECT = "these faces"


def edges(images: torch.Tensor) -> torch.Tensor:
    """A feature space that sees blur: the energy of the edges in four places."""
    steps = images.float().diff(dim=3).square() / 255
    return torch.nn.functional.adaptive_avg_pool2d(steps, 2).flatten(1)


@pytest.fixture(scope="module", autouse=True)
def small_scale() -> Iterator[None]:
    """Sets of few faces are compared, on few directions, in the classifier's features and by their edges."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "MIN_FACES", N)
        patch.setattr(evaluation, "DIRECTIONS", 4)
        patch.setattr(of_faces, "FACES_PER_SUITE", 4)
        patch.setattr(judging, "other_spaces", lambda: {"edges": edges})
        yield


@pytest.fixture
def classifier_folder(reader, monkeypatch, tmp_path) -> Path:
    """A folder that ``reader`` is loaded from."""
    (tmp_path / "classifier").mkdir()
    accuracy = {"extra": {"as they are": {"hair": 0.9, "eyes": 0.8, "both": 0.75}}}
    (tmp_path / "classifier" / "config.json").write_text(json.dumps({"widths": [4, 8], "accuracy": accuracy}))
    monkeypatch.setattr("gan.faces.classifier.load_classifier", lambda path: reader)
    return tmp_path / "classifier"


def pixels(hair: str, eyes: str, seed: int) -> torch.Tensor:
    return torch.from_numpy(decode_image(encode_image(draw_face(hair, eyes, seed=seed))).copy())


def perfect_faces(asked: torch.Tensor) -> torch.Tensor:
    """New drawings of the colours asked for: what a perfect generator would give."""
    attributes = [Attributes.from_indices((hair, eyes, 0)) for hair, eyes in asked[:, :2].tolist()]
    return torch.stack([pixels(str(a.hair), str(a.eyes), 10_000 + i) for i, a in enumerate(attributes)])


@pytest.fixture(scope="module")
def judged(small_scale, reader, all_drawn_faces):
    """What perfect faces, noise in place of an untrained generator's and the controls get; and the sheets."""
    heldout, training = all_drawn_faces[: 2 * 132], all_drawn_faces[2 * 132 :]  # of each pair of colours, 2 and 3
    noise = torch.randint(0, 256, (len(heldout), 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()
    faces = perfect_faces(heldout.attributes)
    judged = Judged(None, faces, faces_asked(heldout.attributes), reader.read(faces))
    return judge_sets(FaceJudge(reader, training, heldout), judged, noise)[1:]


@pytest.fixture(scope="module")
def value(judged):
    """``value(set, group, metric)``."""
    sets, _ = judged
    return lambda name, group, metric: next(
        scores[group][metric].value for title, scores in sets.items() if title.startswith(name)
    )


def test_lengths_count_where_they_are_asked_for(reader, all_drawn_faces) -> None:
    reading = reader.read(all_drawn_faces.images[:8])
    opposite = 3 - reading.length
    asked = torch.where(torch.arange(8) < 6, reading.length, opposite)
    asked[:2] = 0  # nothing is asked of these
    assert judge_length(reading, asked)["length"].value == pytest.approx(4 / 6)
    assert judge_length(reading, torch.zeros(8, dtype=torch.int64)) == {}


@pytest.mark.parametrize("good", [SUBJECT, "real faces"])
@pytest.mark.parametrize("metric", ["hair", "eyes", "both", "hue"])
@pytest.mark.parametrize("control", ["captions permuted", "one face", "untrained"])
def test_colours_are_as_asked_in_good_faces_alone(value, good, metric, control) -> None:
    assert value(good, "colours", metric) > value(control, "colours", metric) + 0.2


def test_the_hue_of_hair_that_has_none(value) -> None:
    asked = torch.tensor([[1 + HAIR_COLOURS.index(colour), 1] for colour in ("green", "green", "blue", "gray")])
    drawn = torch.stack([pixels(hair, "red", 0) for hair in ("green", "gray", "brown", "red")])
    assert judge_hue(drawn, asked)["hue"].value == pytest.approx(1 / 3)  # gray does not count
    assert judge_hue(drawn[3:], asked[3:]) == {}
    assert value(SUBJECT, "colours", "hue") == 1


@pytest.mark.parametrize("good", [SUBJECT, "real faces"])
@pytest.mark.parametrize(
    ("space", "control"),
    [
        *(("classifier", "one face"), ("classifier", "untrained")),
        *(("edges", "one face"), ("edges", "untrained"), ("edges", "real faces, blurred")),
    ],
)
def test_distances_grow_and_coverage_falls_under_the_controls(value, good, space, control) -> None:
    for metric in ("frechet", "kernel", "mind"):
        assert value(good, space, metric) < value(control, space, metric) / 2, metric
    assert value(good, space, "coverage") > value(control, space, "coverage") + 0.2


def test_the_sliced_distance_tells_halves_from_blur_and_from_one_face(all_drawn_faces, monkeypatch) -> None:
    order = torch.randperm(len(all_drawn_faces), generator=torch.Generator().manual_seed(0))
    half, other = all_drawn_faces.images[order].chunk(2)  # 330 each
    sets = [other]
    for sigma in (0.5, 0.8):
        monkeypatch.setattr(pictures, "BLUR", sigma)
        sets.append(pictures.blurred(other))
    sets += [other[:1].expand_as(other), other.flip(0)]  # of a set whose captions are permuted nothing changes
    everyone = torch.arange(len(half))
    *found, permuted = (
        sliced_wasserstein(edges(half), edges(images), torch.Generator().manual_seed(0))(everyone, everyone)
        for images in sets
    )
    assert 0 < 3 * found[0] < found[1] < found[2] < found[3]
    assert permuted == pytest.approx(found[0])


@pytest.mark.parametrize("good", [SUBJECT, "real faces"])
def test_density_falls_where_faces_lie_elsewhere(value, good) -> None:
    assert value(good, "edges", "density") > value("untrained", "edges", "density") + 0.3


def test_diversity_is_that_of_real_faces_and_falls_to_none(value) -> None:
    for good in (SUBJECT, "real faces"):
        assert value(good, "edges", "diversity") == pytest.approx(1, abs=0.2)
    assert value("real faces, blurred", "edges", "diversity") < 0.7
    assert value("one face", "edges", "diversity") == 0


def test_diversity_within_a_caption(reader, all_drawn_faces) -> None:
    asked = torch.tensor([[1, 2, 0]] * N + [[5, 6, 0]] * N)
    judge = FaceJudge(reader, all_drawn_faces, all_drawn_faces)
    faces = all_drawn_faces[judge.twins(faces_asked(asked))]
    judge = FaceJudge(reader, faces, faces)
    evaluator = judge.evaluator(faces_asked(asked))
    same = faces.images[torch.arange(2 * N) // N * N]  # one face a caption
    permuted = same[torch.arange(2 * N).view(2, N).T.flatten()]
    values = [
        evaluator.compare(judge.features(images))[0]["edges"]["diversity"].value
        for images in (faces.images, same, permuted)
    ]
    assert values[:2] == [pytest.approx(1), pytest.approx(0)]
    assert values[2] > 0


def test_copies_of_training_faces_are_found_mirrored_too(value, reader, drawn_source) -> None:
    _, training, heldout = load_real(DataSettings(data=(str(drawn_source),)), seed=0)
    judge = FaceJudge(reader, training, heldout)
    evaluator = judge.evaluator(judge.asked(torch.arange(len(heldout))))
    closeness, nearest = evaluator.closeness(training.images[:20].flip(3))
    assert torch.equal(nearest, training.images[:20].flip(3))
    assert evaluator.memorisation(closeness)["copies"].value == 1
    assert evaluator.memorisation(closeness)["closeness"].value < 0.1
    assert value("untrained", "training set", "copies") == 0
    assert value("untrained", "training set", "closeness") > value("real faces", "training set", "closeness")


def test_the_same_features_are_never_computed_twice(reader, all_drawn_faces, monkeypatch) -> None:
    seen = []

    def counting(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return edges(images)

    monkeypatch.setattr(judging, "other_spaces", lambda: {"edges": counting})
    faces = all_drawn_faces[:N]
    judged = Judged(None, faces.images, faces_asked(faces.attributes), reader.read(faces.images))
    judge_sets(FaceJudge(reader, all_drawn_faces, faces), judged, faces.images)
    # Held-out faces, the faces, the twins, the untrained generator's, one face, the blurred twins.
    assert sorted(seen) == [1, *[N] * 5]


def test_a_wording_is_compared_with_the_canonical_one_face_by_face(reader) -> None:
    asked = torch.tensor([[1, 1], [2, 2], [3, 3], [4, 4]] * 50)
    right = reader.read(perfect_faces(asked))
    wrong_hair = torch.where(torch.arange(200) % 4 == 0, 5, right.hair)
    worse = dataclasses.replace(right, hair=wrong_hair)
    scores = judge_wording(worse, right, asked)
    assert scores["difference"].value == pytest.approx(scores["both"].value - scores["canonical"].value)
    assert scores["difference"].value == pytest.approx(-0.25, abs=0.02)
    assert scores["difference"].low < scores["difference"].value < scores["difference"].high < -0.15
    same = judge_wording(worse, worse, asked)["difference"]
    assert (same.low, same.value, same.high) == (0, 0, 0)  # pairs of equals: no interval but nought


def test_sheets_show_the_best_and_the_worst(judged) -> None:
    _, sheets = judged
    assert len(sheets) == 6
    for sheet in sheets:
        assert len(sheet.images) == len(sheet.labels) == 24
        assert sheet.images.dtype == torch.uint8


def test_matching_faces_have_the_colours_and_repeat_only_when_they_must(reader, all_drawn_faces) -> None:
    attributes = torch.tensor([[1, 1, 0], [2, 2, 0], [1, 1, 0], [3, 3, 0], [1, 1, 0]])
    asked = torch.tensor([[1, 1, 0], [1, 1, 0], [2, 2, 0], [1, 1, 0], [2, 2, 0], [9, 9, 0]])
    faces = dataclasses.replace(all_drawn_faces[:5], attributes=attributes)
    rows = FaceJudge(reader, faces, faces).twins(faces_asked(asked))
    assert torch.equal(attributes[rows[:5]], asked[:5])
    assert sorted(rows[[0, 1, 3]].tolist()) == [0, 2, 4]
    assert 0 <= rows[5] < 5


def test_monitor_prefers_good_faces(reader, all_drawn_faces) -> None:
    monitor = Monitor(FaceJudge(reader, None, all_drawn_faces), count=64)
    good = perfect_faces(monitor.asked.attributes)
    scores = monitor.score(good)
    assert scores["score"] == pytest.approx(scores["frechet"] / scores["both"])
    assert scores["score"] < monitor.score(good.roll(1, 0))["score"]  # right faces for the wrong captions
    assert scores["score"] < monitor.score(good[:1].expand(64, -1, -1, -1))["score"]
    halves = good[:, :, ::2, ::2]  # the first stage of two draws 32x32
    assert monitor.score(halves)["score"] < monitor.score(halves.roll(1, 0))["score"]
    with pytest.raises(InputError, match="too few"):
        Monitor(FaceJudge(reader, None, all_drawn_faces[:10]))


def test_a_folder_of_pictures_is_judged(classifier_folder, drawn_source, all_drawn_faces, tmp_path, capsys) -> None:
    write_pictures(tmp_path, all_drawn_faces[:50])
    arguments = ["--images", str(tmp_path / "faces"), "--captions", str(tmp_path / "captions.txt")]
    arguments += ["--data", str(drawn_source), "--classifier", str(classifier_folder)]
    assert main([*arguments, "--out", str(tmp_path / "a")]) == 0
    assert main([*arguments, "--out", str(tmp_path / "b")]) == 0
    for name in ("results.json", "results.md", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    results = json.loads((tmp_path / "a" / "results.json").read_text())
    assert results["faces"] == 50
    assert N <= results["compared"] <= 50
    assert results["sets"][SUBJECT]["colours"]["hair"]["value"] > 0.8
    assert results["sets"][SUBJECT]["edges"]["frechet"]["low"] <= results["sets"][SUBJECT]["edges"]["frechet"]["high"]
    assert sum(map(sum, results["confusion"]["hair"])) == 50
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 6 * 24
    assert "http" not in page
    table = (tmp_path / "a" / "results.md").read_text("utf-8")
    assert "| hair colour as asked | more is better |" in table
    printed = capsys.readouterr().out
    assert "| | faces | real faces |" in printed
    assert "\n| hair colour as asked | " in printed
    assert "| Fréchet distance, edges | " in printed
    assert "| Fréchet distance, classifier | " not in printed
    assert "extra 90.0 % / 80.0 % / 75.0 %" in table
    assert "FID" not in table.replace("not FIDs", "")
    blue = results["values"]["eyes"]["blue"]
    assert list(blue) == ["as_asked", "ceiling", "opening", "varied"]
    assert blue["as_asked"] == results["each_colour"]["eyes"]["blue"]
    assert "| one by one | as asked | real faces read as captioned | " in table
    assert "\n| blue eyes | " in printed
    assert "Furthest below the ceiling, as a share of it: " in table
    assert results["names"] == {}  # of given pictures


@pytest.fixture
def two_styles(tiny_network, tiny_encoder, make_release, monkeypatch) -> Path:
    """A model of two drawing styles, of which an untrained one can be made."""
    monkeypatch.setattr(drawing, "build_generator", pipeline.build_generator)
    return make_release(c_dim=27, sources=["anime", "extra"])


@pytest.fixture
def styles(monkeypatch) -> list[str | None]:
    """The styles in which images are drawn for an evaluation."""
    found: list[str | None] = []

    def draw(pipeline, texts, seed, style, what):
        found.extend([style] if style is None or isinstance(style, str) else style)
        return unspied(pipeline, texts, seed, style, what)

    unspied = drawing.draw
    for module in (of_faces, judging, named_colours):
        monkeypatch.setattr(module, "draw", draw)
    return found


def test_a_model_is_judged(two_styles, styles, classifier_folder, drawn_source, tmp_path) -> None:
    arguments = ["--model", str(two_styles), "--classifier", str(classifier_folder), "--faces", "90"]
    assert main([*arguments, "--data", str(drawn_source), "--out", str(tmp_path / "a")]) == 0
    assert set(styles) == {"extra"}  # the drawing of the source that they are compared with
    results = json.loads((tmp_path / "a" / "results.json").read_text())
    assert results["faces"] == 90
    assert list(results["sets"])[:3] == [SUBJECT, "real faces", "untrained generator"]
    assert list(results["wordings"]) == [*of_faces.WORDINGS, "all of these"]
    for scores in results["wordings"].values():
        assert list(scores) == ["hair", "eyes", "both", "canonical", "difference"]
        difference = scores["both"]["value"] - scores["canonical"]["value"]
        assert scores["difference"]["value"] == pytest.approx(difference, abs=1e-5)
    kinds = [f"{slot}, {half}" for slot in ("hair", "eyes") for half in ("names seen", "names never seen")]
    assert list(results["names"]) == kinds
    assert all(0 <= row["measured"]["value"] <= 1 for row in results["names"].values())
    assert "| hair, names never seen | " in (tmp_path / "a" / "results.md").read_text("utf-8")

    assert main([*arguments, "--out", str(tmp_path / "b")]) == 0  # colours alone
    results = json.loads((tmp_path / "b" / "results.json").read_text())
    assert list(results["sets"]) == [SUBJECT]
    assert results["compared"] == 0


def test_images_are_written_for_other_programs(
    tiny_network, tiny_encoder, make_release, drawn_source, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["--model", str(make_release()), "--data", str(drawn_source), "--faces", "7", "--seed", "3"]
    assert main([*command, "--export-real", "out/real", "--export-drawn", "out/drawn"]) == 0
    assert [path.name for path in tmp_path.joinpath("out").iterdir() if path.name.startswith(".")] == []
    assert not Path("runs").exists()  # nothing was judged

    heldout = load_real(DataSettings(data=(str(drawn_source),)), 3)[2]
    real = read_folder(Path("out/real"), Path("out/real/captions.csv"))
    assert torch.equal(real.images, heldout.images[:])
    assert real.texts == [captions[0] for captions in heldout.captions]
    drawn = read_folder(Path("out/drawn"), Path("out/drawn/captions.csv"))
    assert len(list(Path("out/drawn").glob("*.png"))) == 7
    assert drawn.texts == real.texts[:7]
    pipe = pipeline.TextToFace.from_pretrained(command[1], dtype=torch.float32)
    assert torch.equal(drawn.images, pipe.draw(drawn.texts, range(3, 10)))

    capsys.readouterr()
    assert main([*command, "--export-real", "out/real"]) == 2
    assert capsys.readouterr().err == "error: out/real: exists already; give a new folder\n"


def test_the_benchmark_times_every_part(two_styles, styles, monkeypatch, classifier_folder, drawn_source) -> None:
    monkeypatch.setattr(evaluate, "DEFAULT_MODEL", two_styles)
    rows = dict(benchmark_evaluation(f"mine={drawn_source}", faces=40))
    assert set(styles) == {None}  # of a source that the model does not know
    parts = ["loading the models", "loading real faces", "drawing", "reading", "comparing sets"]
    parts += ["value by value", "wordings", "colours by name"]
    assert list(rows) == [*parts, "report", "all"]
    assert abs(sum(int(rows[part]) for part in [*parts, "report"]) - int(rows["all"])) <= len(rows)  # each is rounded


def test_a_missing_face_is_told_in_one_line_and_nothing_is_written(all_drawn_faces, tmp_path, capsys) -> None:
    write_pictures(tmp_path, all_drawn_faces[:3])
    (tmp_path / "faces" / "1.png").unlink()
    arguments = ["--images", str(tmp_path / "faces"), "--captions", str(tmp_path / "captions.txt")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_other_folders_are_left_alone(tmp_path, capsys) -> None:
    (tmp_path / "results.json").write_text("mine")
    assert main(["--out", str(tmp_path)]) == 2
    assert "holds results.json, which is no output of gan.evaluate" in capsys.readouterr().err
    assert (tmp_path / "results.json").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--images", "."],
        ["--model", ".", "--captions", __file__],
        ["--images", ".", "--captions", __file__, "--guidance", "2"],
        ["--faces", "0"],
        ["--guidance", "0"],
        ["--guidance", "nan"],
        ["--export-real", "new"],
        ["--images", ".", "--captions", __file__, "--export-drawn", "new"],
    ],
)
def test_contradictions_are_refused(arguments, capsys) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_cascade_counts_faces(all_drawn_faces, tmp_path) -> None:
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip("OpenCV 5 has no cascades")
    cascade = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    assert of_faces.face_score(torch.zeros(30, 3, 64, 64, dtype=torch.uint8), cascade) == 0
    (tmp_path / "no.xml").write_text("<xml/>")
    with pytest.raises(InputError, match="not an OpenCV cascade"):
        of_faces.face_score(all_drawn_faces.images[:25], tmp_path / "no.xml")


def test_the_cascade_needs_opencv(all_drawn_faces, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match="pip install"):
        of_faces.face_score(all_drawn_faces.images[:25], tmp_path / "no.xml")


@pytest.mark.parametrize(
    ("shares", "compared", "verdict"),
    [
        (
            (0.9, 0.94, 0.01),
            300,
            "Verdict: as asked as real images, 96 % of the way from chance to real faces (",
        ),
        ((0.5, 0.94, 0.01), 0, "Verdict: fair, 53 % of the way from chance to real faces (too few held-out faces"),
        ((0.5, 0.3, 0.25), 300, "No verdict: the judge does not tell real faces from chance"),
        ((0.5,), 0, "No verdict without real images (--data): both as asked, 50.0 % of 400 faces"),
    ],
)
def test_the_first_line_says_what_the_numbers_are_worth(shares, compared, verdict) -> None:
    names = (SUBJECT, "real faces", "captions permuted")
    sets = {
        name: {"colours": {"both": Estimate(value, value - 0.05, value + 0.05)}}
        for name, value in zip(names, shares, strict=False)
    }
    results = Results("m", "data", "face", "both", "caption", 400, compared, 0, sets, [])
    assert results.verdict.startswith(verdict)
