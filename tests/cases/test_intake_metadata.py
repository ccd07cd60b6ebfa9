"""What a photo tells beside its pixels does not enter the record, and the pixels are not touched."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

from cases.pixels import chunked, exif, jpeg, picture
from tests.cases import pictures

MAKERS = {
    "jpeg": pictures.phone_jpeg,
    "progressive jpeg": lambda: pictures.phone_jpeg(progressive=True),
    "turned jpeg": lambda: pictures.phone_jpeg(orientation=6),
    "grey jpeg": lambda: pictures.phone_jpeg(pictures.drawn().convert("L")),
    "png": pictures.as_png,
    "turned png": lambda: pictures.as_png(exif=pictures.exif_block(6)),
    "webp": pictures.as_webp,
    "turned webp": lambda: pictures.as_webp(exif=pictures.exif_block(8)),
    "lossless webp": lambda: pictures.as_webp(lossless=True),
    "heic": pictures.small_heic,
}


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(opened(data).convert("RGB"))


def segments(data: bytes) -> list[int]:
    """The marker codes of a JPEG up to its first scan."""
    codes, position = [], 2
    while not codes or codes[-1] != 0xDA:
        codes.append(data[position + 1])
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return codes


@pytest.mark.parametrize("name", MAKERS)
def test_no_metadata_survives_in_any_file(name):
    sent = MAKERS[name]()
    told = [secret for secret in pictures.SECRETS if secret in sent]
    assert len(told) >= 3, "the photo must tell something for this test to mean anything"

    kept = picture.read(sent, name)

    for data in (kept.original, kept.upright, kept.thumbnail):
        assert not [secret for secret in pictures.SECRETS if secret in data]
        image = opened(data)
        assert set(image.getexif()) <= {exif.ORIENTATION_TAG}
        assert not image.getexif().get_ifd(0x8825)
        assert not {"xmp", "comment", "photoshop", "mpoffset", "Comment"} & set(image.info)
        assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "heic"])
def test_the_originals_pixels_are_not_touched(name):
    sent = MAKERS[name]()
    assert np.array_equal(pixels(picture.read(sent, name).original), pixels(sent))


def test_a_jpeg_is_not_recompressed_and_ends_at_its_end():
    plain = pictures.as_jpeg(pictures.drawn())
    clean, orientation = jpeg.without_metadata(pictures.phone_jpeg())
    assert (clean, orientation) == (plain, 1)
    assert clean.endswith(b"\xff\xd9")


def test_what_colours_need_is_kept_and_nothing_else():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = pictures.phone_jpeg(orientation=3, icc_profile=profile)
    # A thumbnail within JFIF's own segment.
    thumbnail = data[:2] + pictures.segment(0xE0, b"JFIF\0\x01\x02\0\0\1\0\1\2\2" + b"SECRET-JFXX!") + data[20:]
    clean, _orientation = jpeg.without_metadata(thumbnail)
    assert [code for code in segments(clean) if 0xE0 <= code <= 0xEF or code == 0xFE] == [0xE0, 0xE1, 0xE2]
    assert clean[6:20] == b"JFIF\0\x01\x02\0\0\1\0\1\0\0"
    assert b"SECRET" not in clean
    assert opened(clean).info["icc_profile"] == profile
    assert dict(opened(clean).getexif()) == {exif.ORIENTATION_TAG: 3}


def test_cmyk_keeps_adobes_note_without_which_its_colours_turn_over():
    cmyk = pictures.drawn().convert("CMYK")
    kept = picture.read(pictures.as_jpeg(cmyk), "cmyk.jpg")
    assert 0xEE in segments(kept.original)
    difference = ImageChops.difference(opened(kept.upright), opened(kept.upright).convert("RGB"))
    assert difference.getbbox() is None
    reference = np.asarray(cmyk.convert("RGB").resize(opened(kept.upright).size), float)
    assert abs(np.asarray(opened(kept.upright), float) - reference).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_every_orientation_comes_out_upright(orientation, kind):
    # A corner is marked, so that mirrored and turned pictures differ from each other.
    upright = pictures.drawn(600, 400).copy()
    upright.paste((255, 0, 0), (0, 0, 150, 100))
    back = {6: 8, 8: 6}.get(orientation, orientation)
    turn = picture._TURNS.get(back)
    stored = upright.transpose(turn) if turn is not None else upright
    block = pictures.exif_block(orientation)
    data = {
        "jpeg": lambda: pictures.phone_jpeg(stored, orientation=orientation),
        "png": lambda: pictures.as_png(stored, exif=block),
        "webp": lambda: pictures.as_webp(stored, exif=block),
    }[kind]()

    kept = picture.read(data, "turned")

    assert (kept.width, kept.height) == (600, 400)
    shown = np.asarray(opened(kept.upright), float)
    assert shown.shape == (400, 600, 3)
    assert abs(shown - np.asarray(upright, float)).mean() < 6
    # The original says which way is up, so that a browser shows it upright too.
    assert opened(kept.original).getexif().get(exif.ORIENTATION_TAG, 1) == orientation


def test_a_colour_profile_is_applied_to_the_copies_and_kept_in_the_original():
    # A profile whose red and green are exchanged: whoever ignores it shows another colour.
    swapped = swapped_rgb_profile()
    data = pictures.as_png(Image.new("RGB", (600, 600), (200, 40, 40)), icc_profile=swapped)
    kept = picture.read(data, "swapped.png")
    assert opened(kept.original).info["icc_profile"] == swapped
    red, green, _blue = opened(kept.upright).getpixel((300, 300))
    assert green > red + 60
    assert "icc_profile" not in opened(kept.upright).info


def swapped_rgb_profile() -> bytes:
    """sRGB with the columns of red and green exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def test_a_broken_profile_costs_its_colours_only():
    data = pictures.as_png(pictures.drawn(), icc_profile=b"nonsense" * 40)
    assert picture.read(data, "a.png").width == 900


def test_transparency_lies_on_white_and_sixteen_bits_are_scaled():
    clear = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    assert opened(picture.read(pictures.as_png(clear), "a.png").upright).getpixel((9, 9)) == (255, 255, 255)
    deep = Image.fromarray(np.full((600, 600), 0x8000, np.uint16))
    assert opened(picture.read(pictures.as_png(deep), "a.png").upright).getpixel((9, 9)) == (127, 127, 127)
    palette = pictures.drawn().quantize(64)
    kept = picture.read(pictures.as_png(palette), "a.png")
    assert abs(pixels(kept.upright).mean() - np.asarray(palette.convert("RGB")).mean()) < 2


def test_copies_keep_the_aspect_and_are_never_enlarged():
    kept = picture.read(pictures.as_jpeg(pictures.drawn(1600, 900)), "wide.jpg")
    assert opened(kept.upright).size == (910, 512)
    assert opened(kept.thumbnail).size == (569, 320)
    small = picture.read(pictures.as_jpeg(pictures.drawn(260, 220)), "small.jpg")
    assert opened(small.upright).size == opened(small.thumbnail).size == (260, 220)


def test_the_upright_copy_equals_a_full_decode():
    # Scaled decoding must not change what the model sees: compared with the slow way, at the network's size.
    photo = pictures.drawn(2400, 1800, seed=9)
    data = pictures.as_jpeg(photo, quality=95)
    ours = opened(picture.read(data, "a.jpg").upright).resize((224, 224), Image.Resampling.BILINEAR)
    slow = opened(data).resize((224, 224), Image.Resampling.BILINEAR)
    assert abs(np.asarray(ours, float) - np.asarray(slow, float)).mean() < 1


def test_animated_pictures_are_refused_and_a_heic_with_several_gives_its_main_one():
    frames = [pictures.drawn(320, 240, seed=seed) for seed in (1, 2)]
    for kind in ("PNG", "WEBP"):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:])
        with pytest.raises(picture.PhotoRefused, match="animated"):
            picture.read(out.getvalue(), "a")
    kept = picture.read(pictures.heic_of(frames), "a.heic")
    assert kept.remarks == ["small", "several_pictures"]
    assert abs(pixels(kept.original).astype(float) - np.asarray(frames[0], float)).mean() < 5


def test_exif_orientation_survives_damaged_and_endless_blocks():
    for orientation in range(1, 9):
        assert exif.orientation(exif.stating_only(orientation)) == orientation
    good = exif.stating_only(6)
    assert exif.orientation(b"") == exif.orientation(good[:16]) == exif.orientation(b"JUNK" + good) == 1
    assert exif.orientation(good.replace(b"\0\6\0\0\0\0", b"\0\x99\0\0\0\0")) == 1
    endless = b"MM\0*" + struct.pack(">IH", 8, 0xFFFF) + bytes(0xFFFF * 12)
    assert exif.orientation(endless) == 1


def test_a_jpeg_segment_that_reaches_beyond_the_end_is_damage():
    with pytest.raises(jpeg.Damaged):
        jpeg.without_metadata(b"\xff\xd8\xff\xe1\xff\xff" + b"x" * 50)
    with pytest.raises(chunked.Damaged):
        chunked.png_without_metadata(chunked.PNG_SIGNATURE + b"\xff\xff\xff\xffIDAT")
