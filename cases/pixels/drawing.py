"""Draws pictures of skin with a lesion, for the demo and for tests. They teach a model nothing and mean nothing.

They are near enough to what such lesions look like on a photo that the shipped model, which knows real ones only, has
something to say about them; it is as wrong about some as it likes.
"""

import io
import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SKIN_TONES = [(232, 196, 172), (222, 180, 150), (205, 158, 126), (168, 118, 88), (120, 80, 58), (84, 56, 42)]
BLOOD, CRUST, SCALE = (158, 48, 52), (84, 26, 22), (232, 216, 190)
# How much of red, green and blue reddened skin and a freckle swallow.
REDNESS, FRECKLE = (0.08, 0.40, 0.36), (0.25, 0.40, 0.50)


@dataclass(frozen=True)
class Look:
    """What a kind of lesion looks like here. Lengths are in its radii, strengths and shares from 0 to 1."""

    colours: tuple[tuple[int, int, int], ...]  # the commonest first
    radius: tuple[float, float]  # from, to; of the picture's shorter side
    raggedness: float  # of its rim: 0 round, 1 ragged
    softness: float  # of its rim
    opacity: float
    patches: float  # how wide the patches of one colour are
    dome: float = 0.0  # how far it stands out; what stands out far shines
    warts: float = 0.0  # how cobbled its surface is
    halo: float = 0.0  # how red the skin round it is
    crust: float = 0.0  # the share under dried blood
    scale: float = 0.0  # the share under scales
    vessels: int = 0
    sun: float = 0.0  # how much sun the skin round about has had: red blotches, freckles


LOOKS = {
    # A small, even, brown spot.
    "NEV": Look(((132, 86, 62), (98, 60, 44)), (0.14, 0.19), 0.22, 0.22, 0.92, 0.7, dome=0.2, warts=0.15, sun=0.25),
    # Large, uneven, of several colours.
    "MEL": Look(
        ((72, 46, 40), (38, 28, 30), (120, 78, 58), (92, 78, 84)),
        (0.18, 0.26), 0.5, 0.14, 0.95, 0.45, dome=0.15, warts=0.25, halo=0.2, sun=0.35,
    ),
    # A pearly, pink nodule with vessels and a little crust.
    "BCC": Look(
        ((216, 142, 132), (196, 108, 102), (228, 172, 160)),
        (0.15, 0.21), 0.2, 0.2, 0.75, 0.5, dome=0.8, halo=0.45, crust=0.12, vessels=9, sun=0.35,
    ),
    # A red nodule under crusts and horn.
    "SCC": Look(
        ((178, 74, 62), (206, 120, 96), (140, 48, 44)),
        (0.16, 0.22), 0.3, 0.1, 0.92, 0.4, dome=0.7, halo=0.6, crust=0.25, scale=0.25, sun=0.7,
    ),
    # A rough, reddish patch with scales on skin that has had much sun.
    "ACK": Look(
        ((208, 134, 122), (196, 120, 112)), (0.15, 0.21), 0.6, 0.5, 0.5, 0.4, halo=0.3, scale=0.4, sun=0.9
    ),
    # A waxy, cobbled, brown plaque.
    "SEK": Look(
        ((128, 98, 76), (98, 74, 60), (150, 122, 98)),
        (0.15, 0.21), 0.25, 0.1, 0.88, 0.3, dome=0.3, warts=0.7, scale=0.04, sun=0.35,
    ),
}  # fmt: skip

RELIEF = 8.0  # of 255, standard deviation
# The lesion is drawn so large at most, and then enlarged: it is smoother than the skin, and this is most of the work.
LESION_SIDE = 400


def draw(kind: str = "NEV", *, seed: int = 0, width: int = 1200, height: int = 900) -> Image.Image:
    """An RGB picture, `width` x `height` pixels; the same seed draws the same picture."""
    chance = random.Random(f"{kind}{seed}")  # noqa: S311 (a drawing, not a secret)
    tone = SKIN_TONES[min(len(SKIN_TONES) - 1, int(abs(chance.gauss(0, 1.2))))]
    skin = np.asarray(_skin(tone, width, height, seed), dtype=np.float32)
    coarser = max(1.0, max(width, height) / LESION_SIDE)
    lesion = _Lesion(LOOKS[kind], chance, round(width / coarser), round(height / coarser))
    picture = _in_relief(Image.fromarray(lesion.on(skin).clip(0, 255).astype(np.uint8)), seed)
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


class _Lesion:
    """What a lesion makes of the skin under it: so much of its colour is `kept`, and so much `added`.

    Both are float32 [height, width, 3].
    """

    def __init__(self, look: Look, chance: random.Random, width: int, height: int) -> None:
        self.chance, self.width, self.height = chance, width, height
        self.noise = np.random.default_rng(chance.getrandbits(32))
        self.radius = min(width, height) * chance.uniform(*look.radius)
        self.centre = (width * chance.uniform(0.44, 0.56), height * chance.uniform(0.44, 0.56))
        self.kept = np.ones((height, width, 3), np.float32)
        self.added = np.zeros((height, width, 3), np.float32)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x, self.y = (x - self.centre[0]) / self.radius, (y - self.centre[1]) / self.radius
        self.away = self._away(look.raggedness)
        self._draw(look)

    def on(self, skin: np.ndarray) -> np.ndarray:
        height, width = skin.shape[:2]
        return skin * _enlarged(self.kept, width, height) + _enlarged(self.added, width, height)

    def _draw(self, look: Look) -> None:
        shape = self._within(1, look.softness)
        if look.sun:
            self._swallow(REDNESS, (self._grain(1.2) + 0.5 * self._grain(0.3)).clip(0, 1) * look.sun)
            self._swallow(FRECKLE, ((self._grain(0.25) - 0.3) * 3 * look.sun).clip(0, 0.6))
        if look.halo:
            fading = np.exp(-(np.maximum(self.away - 0.9, 0) ** 2) / 0.35)
            self._swallow(REDNESS, fading * look.halo * (0.7 + 0.8 * self._grain(0.3)).clip(0, 1))
        self._cover(self._patches(look), shape * look.opacity)
        if look.vessels:
            self._cover(BLOOD, self._vessels(look.vessels) * shape * 0.6)
        if look.crust:
            dried = np.array(CRUST, np.float32) * (1 + 0.8 * self._grain(0.08)[..., None])
            self._cover(dried, self._most(self._grain(0.35) - 0.35 * self.away, look.crust, 0.1) * shape)
        if look.scale:
            scales = self._most(self._grain(0.12) + 0.5 * self._grain(0.4), look.scale, 0.16)
            self._cover(SCALE, scales * self._within(1.05, 0.2) * 0.75)
        light = self._grain(0.1) * 60 * look.warts + self._light_and_shade() * look.dome
        if look.dome > 0.5:
            light += self._shine() * look.dome
        self.added += (light * shape)[..., None]

    def _cover(self, colour: object, share: np.ndarray) -> None:
        left = 1 - share[..., None]
        self.kept *= left
        self.added = self.added * left + np.asarray(colour, np.float32) * share[..., None]

    def _swallow(self, colour: tuple[float, float, float], strength: np.ndarray) -> None:
        left = 1 - strength[..., None] * np.array(colour, np.float32)
        self.kept *= left
        self.added *= left

    def _grain(self, cell: float) -> np.ndarray:
        """Smooth noise, float32 [height, width], -0.5 to 0.5, in bumps of `cell` radii."""
        size = max(1.0, cell * self.radius)
        rows, columns = math.ceil(self.height / size) + 2, math.ceil(self.width / size) + 2
        field = Image.fromarray(self.noise.random((rows, columns), dtype=np.float32) - 0.5)
        wide = field.resize((math.ceil(columns * size), math.ceil(rows * size)), Image.Resampling.BICUBIC)
        return np.asarray(wide)[: self.height, : self.width]

    def _away(self, raggedness: float) -> np.ndarray:
        """How far each pixel is from the middle, 1 on the uneven rim; float32 [height, width]."""
        turn = self.noise.random() * math.pi
        stretch = 1 + 0.35 * self.noise.random() * (0.4 + raggedness)
        along = self.x * math.cos(turn) + self.y * math.sin(turn)
        across = self.y * math.cos(turn) - self.x * math.sin(turn)
        uneven = self._grain(0.8) + 0.5 * self._grain(0.3) + 0.2 * self._grain(0.1)
        return np.hypot(along / stretch, across * stretch) + 1.1 * raggedness * uneven

    def _within(self, rim: float, softness: float) -> np.ndarray:
        return (0.5 + (rim - self.away) / (2 * softness)).clip(0, 1)

    def _most(self, field: np.ndarray, share: float, softness: float) -> np.ndarray:
        """The `share` of the lesion where `field` is highest."""
        limit = np.quantile(field[self.away < 1], 1 - share)
        return (0.5 + (field - limit) / softness).clip(0, 1)

    def _patches(self, look: Look) -> np.ndarray:
        colours = np.ones_like(self.kept) * np.array(look.colours[0], np.float32)
        for place, colour in enumerate(look.colours[1:], 1):
            field = self._grain(look.patches) + 0.4 * self._grain(look.patches / 4)
            share = (0.5 + (field - 0.08 * place) * 3.5).clip(0, 1)[..., None]
            colours += (np.array(colour, np.float32) - colours) * share
        return colours + self._grain(0.06)[..., None] * 24

    def _vessels(self, number: int) -> np.ndarray:
        """Fine, winding lines from the rim inwards, 0 to 1."""
        layer = Image.new("L", (self.width, self.height))
        pen, step = ImageDraw.Draw(layer), self.radius * 0.06
        for _vessel in range(number):
            angle, reach = self.chance.uniform(0, math.tau), self.radius * self.chance.uniform(0.3, 1)
            x, y = self.centre[0] + reach * math.cos(angle), self.centre[1] + reach * math.sin(angle)
            heading, points = angle + math.pi, [(x, y)]
            for _step in range(14):
                heading += self.chance.uniform(-0.5, 0.5)
                x, y = x + step * math.cos(heading), y + step * math.sin(heading)
                points.append((x, y))
            pen.line(points, fill=255, width=max(1, round(self.radius * 0.025)))
        return np.asarray(layer.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float32) / 255

    def _light_and_shade(self) -> np.ndarray:
        """Of a swelling with the light from the upper left, of 255."""
        return (-(self.x + self.y) / 1.5 * self.away.clip(0, 1) * 42).clip(-60, 45)

    def _shine(self) -> np.ndarray:
        spot = np.exp(-7 * ((self.x + 0.35) ** 2 + (self.y + 0.35) ** 2))
        return 110 * spot * (0.6 + 1.6 * self._grain(0.06)).clip(0, 1)


def _enlarged(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 [any height, any width, 3] as [height, width, 3]."""
    layers = (Image.fromarray(np.ascontiguousarray(values[..., layer])) for layer in range(3))
    return np.stack([np.asarray(each.resize((width, height), Image.Resampling.BILINEAR)) for each in layers], axis=-1)


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
