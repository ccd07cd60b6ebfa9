"""Small data sets, drawn by code: no photo of a patient is ever part of a test."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LOOKS = {"NEV": ((120, 80, 60), "ellipse"), "MEL": ((35, 25, 30), "rectangle"), "BCC": ((225, 120, 130), "ellipse")}


def photo(label: str, seed: int, side: int = 96) -> Image.Image:
    """A spot on skin whose colour and shape depend on the class, and everything else on the seed."""
    rng = np.random.default_rng(seed)
    colour, shape = LOOKS.get(label, ((60, 140, 90), "ellipse"))
    skin = np.array([220, 180, 155]) + rng.integers(-20, 20, 3)
    noise = rng.normal(0, 4, (side, side, 3))
    image = Image.fromarray(np.clip(skin + noise, 0, 255).astype(np.uint8))
    left, top = rng.integers(side // 5, side // 3, 2)
    width, height = rng.integers(side // 3, side // 2, 2)
    getattr(ImageDraw.Draw(image), shape)((left, top, left + width, top + height), fill=colour)
    return image


def folder(
    root: Path,
    classes: dict[str, int],
    splits: tuple[str, ...] = ("train", "val"),
    metadata: bool = True,
    photos_per_patient: int = 1,
) -> Path:
    """`classes` photos of each class in each split, each of `photos_per_patient` of one patient."""
    rows, seed = [], 0
    for split in splits or ("",):
        for label, count in classes.items():
            for number in range(count):
                seed += 1
                file = Path(split, label, f"{label.lower()}-{seed}.png")
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                photo(label, seed).save(root / file)
                rows.append(
                    {
                        "file": file.as_posix(),
                        "patient_id": f"{split}-{label}-{number // photos_per_patient}",
                        "age": str(30 + seed % 50),
                        "region": ("NOSE", "BACK", "")[seed % 3],
                        "itch": ("True", "False", "UNK")[seed % 3],
                        "bleed": "True" if label == "BCC" else "False",
                        "gender": ("FEMALE", "MALE")[seed % 2],
                    }
                )
    if metadata:
        write_metadata(root, rows)
    return root


def read_metadata(root: Path) -> list[dict[str, str]]:
    with (root / "metadata.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def write_metadata(root: Path, rows: list[dict[str, str]]) -> None:
    with (root / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
