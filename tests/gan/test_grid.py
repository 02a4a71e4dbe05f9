import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from encoder.common.errors import InputError
from gan.images import check_png_path, course_figure, save_png, tile, to_uint8


def numbered(n: int, size: int = 4) -> torch.Tensor:
    """N images, the k-th all of value k."""
    return torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 3, size, size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_range_and_rounding(dtype) -> None:
    img = torch.tensor([-1.0, 1.0, -7.0, 7.0, 0.0, 1.4 / 127.5, 1.6 / 127.5, -0.6 / 127.5], dtype=dtype)
    assert to_uint8(img).tolist() == [0, 255, 0, 255, 128, 129, 129, 127]  # 127.5 is halfway, and goes to 128


def test_every_level_survives() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)


def test_tile_five_a_row_left_to_right_then_down() -> None:
    picture = tile(numbered(25))
    assert picture.shape == (3, 20, 20)
    assert picture[0, ::4, ::4].tolist() == [list(range(5 * row, 5 * row + 5)) for row in range(5)]


def test_tile_keeps_each_image_whole() -> None:
    images = torch.randint(0, 256, (7, 3, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    picture = tile(images)
    assert picture.shape == (3, 12, 40)
    assert torch.equal(picture[:, 6:, 8:16], images[6])
    assert (picture[:, 6:, 16:] == 255).all()


@pytest.mark.parametrize(("n", "shape"), [(1, (3, 4, 4)), (3, (3, 4, 12)), (5, (3, 4, 20)), (6, (3, 8, 20))])
def test_tile_fewer_images_than_a_row(n: int, shape: tuple[int, ...]) -> None:
    assert tile(numbered(n)).shape == shape


def test_the_figure_of_the_course_has_five_by_five_places() -> None:
    figure = course_figure(numbered(25, size=64))
    assert figure.shape == (3, 480, 640)
    shown = figure[0] < 255
    assert shown.sum() == 25 * 64 * 64
    rows, columns = (torch.nonzero(shown.any(i)).flatten() for i in (1, 0))
    assert (columns[0].item(), columns[-1].item() + 1) == (91, 565)  # axes of 85.5 x 63.7 pixels from (80, 57.6) on
    assert (rows[0].item(), rows[-1].item() + 1) == (57, 427)
    assert figure[0, 60, 100] == 0 and figure[0, 420, 560] == 24
    assert (course_figure(numbered(1, size=64))[0] < 255).sum() == 64 * 64


def test_png_round_trip_with_text(tmp_path) -> None:
    image = torch.randint(0, 256, (3, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    save_png(tmp_path / "new" / "a.png", image, {"model": "m", "faces": "青い髪 blue hair"})
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.format == "PNG"
        assert picture.info["model"] == "m"
        assert picture.info["faces"] == "青い髪 blue hair"
        assert np.array_equal(np.asarray(picture), image.permute(1, 2, 0).numpy())


def test_png_bytes_are_pinned(tmp_path) -> None:
    image = torch.arange(3 * 16 * 16, dtype=torch.int64).mul(37).remainder(256).byte().reshape(3, 16, 16)
    save_png(tmp_path / "a.png", image, {"model": "m"})
    data = (tmp_path / "a.png").read_bytes()
    assert len(data) > image.numel()  # stored, not compressed
    assert hashlib.sha256(data).hexdigest() == "8fdb2889b530376068d1a7c45b1aa17978eeece060500c2049b6632bf3d4fb3e"


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full_disk(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(InputError, match=r"a\.png: cannot be written \(No space left"):
        save_png(path, torch.zeros(3, 4, 4, dtype=torch.uint8), {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_paths_that_cannot_be_written(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    check_png_path(tmp_path / "new" / "deep" / "a.png")
    for path, message in [
        (tmp_path / "file" / "a.png", "is a file, so the folder"),
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / "a.jpg", r"ends in \.png"),
    ]:
        with pytest.raises(InputError, match=message):
            check_png_path(path)
    with pytest.raises(InputError, match="cannot be written"):
        save_png(tmp_path / "file" / "a.png", torch.zeros(3, 4, 4, dtype=torch.uint8), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_folder_without_permission(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # permissions do not bind every user that runs tests
    with pytest.raises(InputError, match="change its permissions"):
        check_png_path(tmp_path / "a.png")
