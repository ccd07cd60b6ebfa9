"""Draws pictures of skin with a lesion, for the demo and for tests. They teach a model nothing and mean nothing."""

import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SKIN_TONES = [(232, 196, 172), (222, 180, 150), (205, 158, 126), (168, 118, 88), (120, 80, 58), (84, 56, 42)]
# What each kind of lesion looks like here: colours from rim to centre, and how ragged its rim is (0 round, 1 ragged).
LOOKS: dict[str, tuple[list[tuple[int, int, int]], float]] = {
    "NEV": ([(146, 96, 68), (112, 70, 48)], 0.08),
    "MEL": ([(92, 60, 48), (48, 34, 34), (70, 62, 84)], 0.45),
    "BCC": ([(206, 138, 128), (226, 172, 162), (176, 92, 84)], 0.2),
    "SCC": ([(196, 120, 104), (222, 190, 160), (150, 66, 58)], 0.35),
    "ACK": ([(212, 142, 122), (224, 176, 150)], 0.5),
    "SEK": ([(138, 106, 78), (106, 80, 58)], 0.18),
}

RELIEF = 8.0  # of 255, standard deviation


def draw(kind: str = "NEV", *, seed: int = 0, width: int = 1200, height: int = 900) -> Image.Image:
    """An RGB picture, `width` x `height` pixels; the same seed draws the same picture."""
    chance = random.Random(f"{kind}{seed}")  # noqa: S311 (a drawing, not a secret)
    tone = SKIN_TONES[min(len(SKIN_TONES) - 1, int(abs(chance.gauss(0, 1.2))))]
    picture = _skin(tone, width, height, seed)
    colours, raggedness = LOOKS[kind]
    radius = min(width, height) * chance.uniform(0.16, 0.26)
    centre = (width * chance.uniform(0.42, 0.58), height * chance.uniform(0.42, 0.58))
    for step, colour in enumerate(colours):
        layer = Image.new("L", (width, height))
        share = 1 - step / (len(colours) + 0.5)
        drift = (chance.uniform(-0.12, 0.12) * radius * step, chance.uniform(-0.12, 0.12) * radius * step)
        middle = (centre[0] + drift[0], centre[1] + drift[1])
        ImageDraw.Draw(layer).polygon(_rim(chance, middle, radius * share, raggedness), fill=225)
        layer = layer.filter(ImageFilter.GaussianBlur(radius * 0.06))
        picture.paste(Image.new("RGB", (width, height), colour), mask=layer)
    picture = _in_relief(picture, seed)
    pen = ImageDraw.Draw(picture)
    for _hair in range(chance.randint(0, 5)):
        x, y = chance.uniform(0, width), chance.uniform(0, height)
        reach = chance.uniform(0.1, 0.25) * width
        pen.arc((x, y, x + reach, y + reach * 0.6), 200, 200 + chance.randint(50, 110), fill=(60, 44, 36), width=2)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def jpeg(picture: Image.Image, *, quality: int = 88, **options: object) -> bytes:
    """`picture` as JPEG bytes; `options` go to Pillow (exif=..., icc_profile=...)."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def _skin(tone: tuple[int, int, int], width: int, height: int, seed: int) -> Image.Image:
    """A patch of skin: the tone, soft light from one side, and grain at three scales, of which one is pores."""
    noise = np.random.default_rng(seed)
    coarse = Image.fromarray((noise.random((height // 24 + 2, width // 24 + 2)) * 255).astype(np.uint8))
    coarse_grain = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255 - 0.5
    cell = max(1, min(width, height) // 240)
    pores = noise.random((height // cell + 2, width // cell + 2), dtype=np.float32) - 0.5
    pores = np.asarray(Image.fromarray(pores).resize((width, height), Image.Resampling.BICUBIC))
    fine_grain = noise.normal(0, 1, (height, width)).astype(np.float32)
    light = np.linspace(1.05, 0.92, width, dtype=np.float32)[None, :]
    base = np.array(tone, dtype=np.float32)[None, None, :] * light[..., None]
    pixels = base + coarse_grain[..., None] * 16 + pores[..., None] * 22 + fine_grain[..., None] * 3
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _in_relief(picture: Image.Image, seed: int) -> Image.Image:
    """Light and shade of the skin's fine folds, over the lesion as well; without them nothing here looks like a photo
    to a model that knows real ones."""
    cell = max(1.0, max(picture.size) / 150)
    rows, columns = (math.ceil(side / cell) for side in reversed(picture.size))
    folds = np.random.default_rng([seed, 1]).normal(0, RELIEF, (rows, columns)).astype(np.float32)
    shade = np.asarray(Image.fromarray(folds).resize(picture.size, Image.Resampling.BICUBIC))
    return Image.fromarray((np.asarray(picture, dtype=np.float32) + shade[..., None]).clip(0, 255).astype(np.uint8))


def _rim(
    chance: random.Random, centre: tuple[float, float], radius: float, raggedness: float
) -> list[tuple[float, float]]:
    """A closed outline round `centre`, smooth waves of random phase making it ragged."""
    waves = [(k, chance.uniform(0, math.tau), chance.uniform(0.3, 1) / k) for k in range(2, 9)]
    points = []
    for step in range(120):
        angle = math.tau * step / 120
        swing = sum(size * math.sin(k * angle + phase) for k, phase, size in waves)
        reach = radius * (1 + raggedness * 0.5 * swing)
        points.append((centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle)))
    return points
