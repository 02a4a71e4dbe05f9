from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from drawing import write_pictures

from encoder.common.errors import InputError
from gan.evaluation.pictures import read_folder, read_grid
from gan.faces.dataset import CaptionReader, read_attributes
from gan.images import save_png, tile


def attributes_asked(texts: Sequence[str], *reader: CaptionReader) -> torch.Tensor:
    found = read_attributes(texts, *reader)
    return torch.tensor([found[text] for text in texts])


def test_a_grid_is_cut_into_its_faces(all_drawn_faces, tmp_path) -> None:
    faces = all_drawn_faces[:7]
    write_pictures(tmp_path, faces)
    save_png(tmp_path / "grid.png", tile(faces.images[:], per_row=5), {})
    for pictures in (
        read_grid(tmp_path / "grid.png", tmp_path / "captions.txt"),
        read_folder(tmp_path / "faces", tmp_path / "captions.txt"),
    ):
        assert torch.equal(pictures.images, faces.images[:])
        assert torch.equal(attributes_asked(pictures.texts), faces.attributes)


def test_faces_that_do_not_fit_the_captions_are_refused(all_drawn_faces, tmp_path) -> None:
    write_pictures(tmp_path, all_drawn_faces[:3])
    captions = tmp_path / "captions.txt"
    save_png(tmp_path / "grid.png", tile(all_drawn_faces.images[:12]), {})
    with pytest.raises(InputError, match="320x192 pixels are not the 3 64x64 faces"):
        read_grid(tmp_path / "grid.png", captions)
    with pytest.raises(InputError, match="cannot be read"):
        read_grid(captions, captions)
    (tmp_path / "faces" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.png"):
        read_folder(tmp_path / "faces", captions)


def test_attributes_of_canonical_captions() -> None:
    asked = attributes_asked(["Blue hair  red eyes", "long green hair", "blue hair red eyes"])
    assert asked.tolist() == [[9, 10, 0], [5, 0, 1], [9, 10, 0]]


def test_other_captions_are_read_by_the_reader_given() -> None:
    found = attributes_asked(["black hair", "someone"], lambda texts: torch.tensor([[3, 4, 0]] * len(texts)))
    assert found.tolist() == [[10, 0, 0], [3, 4, 0]]
