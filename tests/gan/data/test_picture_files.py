"""Image files as people have them: profiles, depths, long texts, pointers, files that end too soon."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from making import load, picture, png, write
from PIL import Image, ImageCms, PngImagePlugin

from encoder.common.errors import InputError
from gan.data.decoding import decode, decode_image


def saved(image: Image.Image, format: str, **settings: object) -> bytes:
    image.save(buffer := io.BytesIO(), format, **settings)
    return buffer.getvalue()


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
    plain = centre(saved(image, format, **settings))
    assert np.abs(np.subtract(plain, (60, 200, 60))).max() <= 3
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert centre(saved(image, format, icc_profile=srgb, **settings)) == plain
    assert centre(saved(image, format, icc_profile=b"broken", **settings)) == plain
    wide = centre(saved(image, format, icc_profile=display_p3(), **settings))
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
    assert centre(saved(Image.fromarray(values), "TIFF")) == [expected] * 3


@pytest.mark.parametrize("value", [-1.0, 1e9, np.nan])
def test_floats_of_an_unknown_range_are_no_pictures(value: float) -> None:
    with pytest.raises(ValueError, match="floats"):
        decode(saved(Image.fromarray(np.full((64, 64), value, np.float32)), "TIFF"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_png_with_a_long_text(compressed: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * (2 << 20), zip=compressed)
    assert (decode_image(saved(picture(1), "PNG", pnginfo=info)) == decode_image(png(1))).all()


def test_what_is_no_whole_picture_is_counted(tmp_path: Path) -> None:
    whole = saved(picture(1, 128), "JPEG")
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


@pytest.mark.parametrize("name", ["metadata.csv", "a.parquet", "a.zip", "a.tar"])
def test_pointers_of_git_lfs_are_named(tmp_path: Path, name: str) -> None:
    path = write(
        tmp_path / "set", {name: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "1.png": png(1)}
    )
    with pytest.raises(InputError, match="a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"):
        load(path if name == "metadata.csv" else path / name)
