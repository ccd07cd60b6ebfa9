import numpy as np
import pytest
from PIL import Image

from inference.preprocessing import model_units, open_upright, prepare, shrink


def gradient(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    return Image.fromarray(
        np.stack([rows * 255 / height, columns * 255 / width, (rows + columns) * 127 / height], -1).astype(np.uint8)
    )


def test_units_are_those_of_the_pretrained_network():
    units = prepare(Image.new("RGB", (50, 40), (127, 255, 0)), 8)
    assert units.dtype == np.float32
    assert units.shape == (8, 8, 3)
    assert np.allclose(units[0, 0], [0.0, 1.0, -127 / 128])


def test_training_and_serving_see_the_same():
    image = gradient(313, 222)
    assert np.array_equal(prepare(image, 64), model_units(shrink(image, 64)))


def test_the_whole_picture_is_kept():
    image = Image.new("RGB", (400, 100), "white")
    image.paste((0, 0, 0), (0, 0, 40, 100))
    seen = shrink(image, 20)
    assert seen[:, 0].max() < 20
    assert seen[:, -1].min() > 235


def test_a_soft_copy_and_its_sharp_original_come_out_alike():
    sharp = gradient(600, 600)
    soft = sharp.resize((300, 300), Image.Resampling.BILINEAR)
    difference = np.abs(shrink(sharp, 224).astype(int) - shrink(soft, 224).astype(int))
    assert difference.max() <= 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_colour_modes_become_rgb(mode):
    assert prepare(gradient(30, 30).convert(mode), 16).shape == (16, 16, 3)


def test_a_photo_is_turned_upright(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    image.paste((0, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image.save(tmp_path / "turned.png", exif=exif)
    upright = open_upright(tmp_path / "turned.png")
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 5)) == (0, 0, 0)
    assert upright.getpixel((10, 35)) == (255, 255, 255)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_raises_oserror(tmp_path, content):
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(OSError, match=r"."):
        open_upright(tmp_path / "broken.png")
