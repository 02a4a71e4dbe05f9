"""Image files as people have them: profiles, depths, long texts, pointers, files that end too soon."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from drawing import draw_face, encode_image
from making import load, picture, png, write
from PIL import Image, ImageCms, PngImagePlugin

from encoder.common.errors import InputError
from gan.data.decoding import decode, decode_image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).transpose(2, 0, 1)


def centre(data: bytes) -> list[int]:
    return decode_image(data)[:, 32, 32].tolist()


def display_p3() -> bytes:
    """An ICC profile with the primaries of Display P3 and the curve of a gamma of 2.2."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 3) + b"P3\0" + bytes(79),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.15710, 0.06657, 0.78407),
        **dict.fromkeys(
            (b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
        ),
    }
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    header = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


@pytest.mark.parametrize(("format", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB")])
def test_colours_are_those_of_srgb(format: str, mode: str) -> None:
    image = Image.new("RGB", (64, 64), (60, 200, 60)).convert(mode)
    settings = {"quality": 100} if format != "PNG" else {}
    plain = centre(encode_image(image, format, **settings))
    assert np.abs(np.subtract(plain, (60, 200, 60))).max() <= 3
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert centre(encode_image(image, format, icc_profile=srgb, **settings)) == plain
    assert centre(encode_image(image, format, icc_profile=b"broken", **settings)) == plain
    wide = centre(encode_image(image, format, icc_profile=display_p3(), **settings))
    assert wide[0] < 20 and 199 <= wide[1] <= 212 and wide[2] < 60  # a green that sRGB cannot reach


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((64, 64), 0.5, np.float32), 128),
        (np.full((64, 64), 128, np.float32), 128),
        (np.full((64, 64), 128 * 257, np.float32), 128),
        (np.full((64, 64), 128 * 257, np.uint16), 128),
        (np.full((64, 64), 128, np.int32), 128),
        (np.full((64, 64), 128 << 23, np.int32), 63),
    ],
)
def test_tiffs_of_many_bits(values: np.ndarray, expected: int) -> None:
    values[0, 0] = {0.5: 1}.get(values[1, 1], values[1, 1])
    assert centre(encode_image(Image.fromarray(values), "TIFF")) == [expected] * 3


@pytest.mark.parametrize("value", [-1.0, 1e9, np.nan])
def test_floats_of_an_unknown_range_are_no_pictures(value: float) -> None:
    with pytest.raises(ValueError, match="floats"):
        decode(encode_image(Image.fromarray(np.full((64, 64), value, np.float32)), "TIFF"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_png_with_a_long_text(compressed: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * (2 << 20), zip=compressed)
    assert (decode_image(encode_image(picture(1), "PNG", pnginfo=info)) == decode_image(png(1))).all()


def test_what_is_no_whole_picture_is_counted(tmp_path: Path) -> None:
    whole = encode_image(picture(1, 128), "JPEG")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    files = {"cut.jpg": whole[: len(whole) * 3 // 4], "empty.jpg": whole[:100], "pointer.png": pointer}
    files |= {"whole.jpg": whole, "cut.png": png(2)[:-400]}
    rows = "".join(f"{name},{name[:-4]}\n" for name in files)
    data, summary = load(write(tmp_path / "set", {**files, "metadata.csv": f"file_name,text\n{rows}"}))
    assert data.captions == (("cut",), ("whole",))
    assert summary.sources[0].reasons == {
        "cut off, used as far as they go": 1,
        "Git LFS pointers, not images (git lfs pull fetches them)": 1,
        "damaged": 2,
    }
    cut, full = data.images[:].numpy().astype(int)
    assert np.abs(cut[:, :32] - full[:, :32]).mean() < 3
    assert summary.sources[0].sizes == {"128x128": 2}


def test_a_picture_of_far_too_many_pixels_is_counted(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    large, huge = (encode_image(Image.new("1", size)) for size in ((10_000, 9_000), (20_000, 9_000)))
    path = write(tmp_path / "set", {"1.png": large, "1.txt": "large", "2.png": huge, "2.txt": "huge"})
    data, summary = load(path)
    assert data.captions == (("large",),)
    assert summary.sources[0].reasons == {"larger than 178 million pixels": 1}


@pytest.mark.parametrize("name", ["metadata.csv", "a.parquet", "a.zip", "a.tar"])
def test_pointers_of_git_lfs_are_named(tmp_path: Path, name: str) -> None:
    path = write(
        tmp_path / "set", {name: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "1.png": png(1)}
    )
    with pytest.raises(InputError, match="a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"):
        load(path if name == "metadata.csv" else path / name)


def test_other_sizes_are_cropped_to_the_centre_and_resized() -> None:
    wide = Image.new("RGB", (256, 128), "red")
    wide.paste("blue", (64, 0, 192, 128))  # the central square
    decoded = decode_image(encode_image(wide))
    assert decoded.shape == (3, 64, 64)
    assert decoded.dtype == np.uint8
    assert (decoded[:, :, 3:-3] == np.array([0, 0, 255])[:, None, None]).all()
    assert decoded[0].max() < 32  # no red but for the filter's reach over the edge

    board = Image.fromarray((np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8))  # antialiased: grey, no board
    assert np.abs(decode_image(encode_image(board))[:, 4:-4, 4:-4].astype(int) - 127).max() <= 2

    small = decode_image(encode_image(Image.new("RGB", (5, 3), (1, 2, 3))))
    assert (small == np.array([1, 2, 3])[:, None, None]).all()


def test_a_face_of_96_pixels_looks_as_it_did() -> None:
    small = decode_image(encode_image(draw_face("pink", "green", size=96)))
    assert np.abs(small.astype(int) - pixels(draw_face("pink", "green"))).mean() < 6


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_image_formats(format: str) -> None:
    image = draw_face("pink", "green")
    difference = np.abs(decode_image(encode_image(image, format)).astype(int) - pixels(image))
    assert difference.mean() < (1 if format in ("PNG", "BMP", "TIFF") else 8)


def test_other_formats_are_not_decoded() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        decode_image(encode_image(draw_face("pink", "green"), "TGA"))


def test_colour_modes() -> None:
    size = (64, 64)
    assert centre(encode_image(Image.new("RGBA", size, (200, 0, 0, 0)))) == [255, 255, 255]
    assert centre(encode_image(Image.new("RGBA", size, (200, 0, 0, 255)))) == [200, 0, 0]
    assert centre(encode_image(Image.new("RGBA", size, (0, 0, 0, 51)))) == [204, 204, 204]
    assert centre(encode_image(Image.new("LA", size, (0, 0)))) == [255, 255, 255]
    assert centre(encode_image(Image.new("L", size, 77))) == [77, 77, 77]
    assert centre(encode_image(Image.new("1", size, 1))) == [255, 255, 255]
    assert centre(encode_image(Image.fromarray(np.full(size, 0x4D4D, np.uint16)))) == [77, 77, 77]
    assert centre(encode_image(Image.new("CMYK", size, (0, 0, 0, 255)), "JPEG")) == [0, 0, 0]
    palette = Image.new("P", size, 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert centre(encode_image(palette)) == [10, 20, 30]
    palette.info["transparency"] = 1
    assert centre(encode_image(palette)) == [255, 255, 255]


def test_photographs_are_turned_upright() -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (0, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    decoded = decode_image(encode_image(image, exif=exif))
    assert decoded[:, :32].min() == 255
    assert decoded[:, 32:].max() == 0
