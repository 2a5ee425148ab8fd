"""
Draw the test charts beside this script, each small and made to show one thing.

    python samples/charts.py [FOLDER]      (default: the folder `charts` beside the script)

Every chart is plain arithmetic with no random numbers, and no sample lies on a rounding tie, so
that every machine draws the same samples.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Chart = NDArray[Any]

HERE = Path(__file__).resolve().parent / "charts"
GREY = 128  # the middle of the waves
HUB, RIM = 12, 126  # radii of the star


def impulse() -> Chart:
    """One white sample on black: convolution answers with the kernel, correlation with its turn."""
    chart = np.zeros((33, 33), np.uint8)
    chart[16, 16] = 255
    return chart


def step() -> Chart:
    """A vertical edge from dark to light, with room below and above for overshoot to be seen."""
    chart = np.full((64, 128), 64, np.uint8)
    chart[:, 64:] = 192
    return chart


def ramp() -> Chart:
    """Every level from 0 to 255 once: a constant slope, flat under any zero-sum gradient."""
    return np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def star() -> Chart:
    """A Siemens star of 36 spokes: finer inwards, to 2 samples a cycle at the grey hub."""
    y, x = _centred(256)
    spokes = np.cos(36 * np.arctan2(y, x))
    square = x * x + y * y
    drawn = (square > HUB * HUB) & (square < RIM * RIM)
    return np.where(drawn, _grey(spokes), np.uint8(GREY))


def zone() -> Chart:
    """A zone plate, 2 samples a cycle in the corners: whatever aliases draws rings of its own."""
    y, x = _centred(256)
    return _grey(np.cos((x * x + y * y) * (np.pi / 364)))


def checker() -> Chart:
    """Checks of 1, 2, 4 and 8 samples; a stride of 2 turns the finest into one flat grey."""
    quarters = [_checks(64, cell) for cell in (1, 2, 4, 8)]
    return np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])])


def deep() -> Chart:
    """A 16-bit colour plane: red grows right, green grows down, blue grows to the left."""
    y, x = np.mgrid[:97, :251]
    right, down = x * 65535 // 250, y * 65535 // 96
    return np.stack([right, down, 65535 - right], axis=2).astype(np.uint16)


def opaque() -> Chart:
    """An opaque colour step 100|110: a zero-sum kernel must leave the alpha alone here."""
    chart = np.full((32, 64, 4), 255, np.uint8)
    chart[..., :3] = 100
    chart[:, 32:, :3] = 110
    return chart


def disk() -> Chart:
    """A soft orange disk; pure green hides where alpha is 0 and bleeds in if alpha is ignored."""
    y, x = _centred(128)
    alpha = np.clip((60 * 60 - x * x - y * y) / 8, 0, 255).astype(np.uint8)
    colour = np.zeros((128, 128, 3), np.uint8)
    colour[:] = 240, 130, 40
    colour[alpha == 0] = 0, 255, 0
    return np.dstack([colour, alpha])


def signal() -> Chart:
    """A signal of one row: an impulse, a step up, a ramp down and a fast wave."""
    row = np.zeros((1, 64))
    row[0, 8] = 8
    row[0, 16:28] = 4
    row[0, 28:44] = np.arange(4, 0, -0.25)
    row[0, 44:60] = np.tile([1, -1], 8)
    return row


def saddle() -> Chart:
    """A float saddle from -4 to 4: negative, beyond 1, and all of it to be kept."""
    y, x = np.mgrid[-32:33, -48:49]
    return np.asarray(x * x / 576 - y * y / 256, np.float32)


def sweep() -> Chart:
    """Two channels of sound, 8000 samples a second: a tone that rises to the end, and clicks."""
    t = np.arange(8000) / 8000
    sound = np.zeros((8000, 2))
    sound[:, 0] = 12_000 * np.sin(2 * np.pi * (50 * t + 1975 * t * t))
    sound[500::1000, 1] = 24_000
    return np.asarray(np.rint(sound), np.int16)


CHARTS: dict[str, Callable[[], Chart]] = {
    "impulse.png": impulse,
    "step.png": step,
    "ramp.png": ramp,
    "star.png": star,
    "zone.png": zone,
    "checker.png": checker,
    "deep-rgb16.png": deep,
    "opaque-rgba.png": opaque,
    "disk-rgba.png": disk,
    "signal.csv": signal,
    "saddle.npy": saddle,
    "sweep.wav": sweep,
}


def write(path: Path, chart: Chart) -> None:
    """Store a chart in the format that the name asks for."""
    if path.suffix == ".csv":
        np.savetxt(path, chart, fmt="%g", delimiter=",")
    elif path.suffix == ".npy":
        np.save(path, chart)
    elif path.suffix == ".wav":
        with wave.open(str(path), "wb") as file:
            file.setparams((chart.shape[1], 2, len(chart), len(chart), "NONE", ""))
            file.writeframes(chart.astype("<i2").tobytes())
    else:
        path.write_bytes(imagecodecs.png_encode(chart, level=9))


def _centred(size: int) -> tuple[Chart, Chart]:
    """Return row and column coordinates that are 0 at the sample right of and below the middle."""
    y, x = np.mgrid[:size, :size] - float(size // 2)
    return y, x


def _grey(wave: Chart) -> NDArray[np.uint8]:
    """Draw -1..1 as the levels 1..255; cosines of 0 land on 128, away from every tie."""
    return np.asarray(np.rint(GREY + 127 * wave), np.uint8)


def _checks(size: int, cell: int) -> Chart:
    y, x = np.mgrid[:size, :size] // cell
    return np.where((x + y) % 2 == 0, np.uint8(32), np.uint8(224))


def main(folder: Path = HERE) -> None:
    """Draw all charts into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in CHARTS.items():
        write(folder / name, draw())
        print(f"{(folder / name).stat().st_size:7,} bytes  {name}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
