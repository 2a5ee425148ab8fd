"""
Draw every shipped kernel on one photograph: its result, and its weights in the corner.

    python samples/contact_sheet.py [FOLDER]       (default: the folder of the script)

One sheet for each group of tags, `contact-sheet-GROUP.jpg`. Kernels that keep the picture are shown
in colour. Answers to change are shown on the luma, faint ones made as bright as strong ones:
of signed ones 0 is grey, of lengths it is black, and 1 sample in 200 is beyond white.
"""

from __future__ import annotations

import sys
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import convcli
from convcli.kernels.library import Place, find, listing, shipped_kernels
from convcli.policy import LUMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.kernel import Kernel, Recipe

    Picture = NDArray[np.uint8]

HERE = Path(__file__).resolve().parent
PHOTO = HERE / "dandelions.jpg"
WINDOW = (slice(290, 398), slice(420, 582))
"""The rim of a flower head: fine rays in many directions, soft colours, and a flat background."""

GROUPS = {
    "smooth": {"basic", "blur"},
    "sharp": {"sharpen", "effect", "derivative"},
    "edges": {"edge"},
    "texture": {"texture"},
}
FOLDERS = [shipped_kernels()]
PLACES = [Place(FOLDERS[0], "shipped")]
ACROSS = 8
GAP, LABEL, ICON = 5, 15, 35
PAPER, INK, FAINT = (250, 250, 248), (30, 30, 30), (200, 200, 196)


def photograph() -> Picture:
    """The window of the photograph, RGB."""
    whole: Picture = np.asarray(imagecodecs.jpeg_decode(PHOTO.read_bytes()))
    return np.ascontiguousarray(whole[WINDOW])


def groups() -> dict[str, list[str]]:
    """The names of all shipped kernels, each in the group of its first tag."""
    entries = listing(PLACES)
    return {
        group: [entry.name for entry in entries if entry.tags[0] in tags]
        for group, tags in GROUPS.items()
    }


def result(photo: Picture, name: str) -> Picture:
    """What the kernel makes of the photograph, RGB."""
    recipe = find(name, PLACES)
    if recipe.combine is None and not recipe.kernel.zero_sum:
        return convcli.apply(photo, name, layout="rgb", folders=FOLDERS)
    grey = convcli.apply(photo, name, layout="rgb", channels="luma", folders=FOLDERS)
    directions = recipe.combine in {"orientation", "max-index"}
    if not (recipe.bias or directions or name == "outline"):
        luma = photo @ np.array(LUMA)
        values = convcli.apply(luma, name, range="clip", folders=FOLDERS)
        grey = brightened(values, middle=128 if recipe.range == "signed" else 0)
    return np.repeat(grey.reshape(*grey.shape[:2], 1), 3, axis=2)


def brightened(values: NDArray[np.float64], middle: int) -> Picture:
    """Values around `middle`, as bright as they may be if 1 in 200 is cut."""
    most = float(np.quantile(abs(values), 0.995)) or 1.0
    shades = np.rint(middle + values * ((255 - middle) / most)).clip(0, 255)
    return shades.astype(np.uint8)


def icon(kernel: Kernel) -> Picture:
    """The weights as a picture: 0 is grey, the largest |w| is white, or black below 0."""
    weights = np.array(kernel.weights)
    shade = np.rint(128 + 127 * weights / (abs(weights).max() or 1.0)).astype(np.uint8)
    times = max(1, ICON // max(shade.shape))
    large = shade.repeat(times, 0).repeat(times, 1)[:ICON, :ICON]
    return np.stack([large] * 3, axis=2)


def drawn(photo: Picture, name: str) -> Picture:
    """The result with the icon of the first kernel in its corner."""
    recipe: Recipe = find(name, PLACES)
    picture, small = result(photo, name).copy(), icon(recipe.kernel)
    high, wide = small.shape[:2]
    picture[: high + 4, : wide + 4] = FAINT
    picture[2 : high + 2, 2 : wide + 2] = small
    return picture


def sheet(photo: Picture, names: list[str]) -> Image.Image:
    """All of them in a grid, each above its name; the photograph comes first."""
    high, wide = photo.shape[:2]
    shown = [("the photograph", photo), *((name, drawn(photo, name)) for name in names)]
    down = ceil(len(shown) / ACROSS)
    size = (ACROSS * (wide + GAP) + GAP, down * (high + LABEL + GAP) + GAP)
    paper = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(11)
    for number, (name, picture) in enumerate(shown):
        left = GAP + number % ACROSS * (wide + GAP)
        top = GAP + number // ACROSS * (high + LABEL + GAP)
        paper.paste(Image.fromarray(_fitted(picture, high, wide)), (left, top))
        pen.text((left + 1, top + high), name, INK, font)
    return paper


def _fitted(picture: Picture, high: int, wide: int) -> Picture:
    """Even kernels and shifts keep the size; a sheet wants no other."""
    fitted: Picture = picture[:high, :wide]
    return fitted


def main(folder: Path) -> None:
    """Draw all sheets into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    photo: Any = photograph()
    for group, names in groups().items():
        path = folder / f"contact-sheet-{group}.jpg"
        sheet(photo, names).save(path, quality=75, optimize=True)
        print(f"{path.name}: {len(names)} kernels, {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
