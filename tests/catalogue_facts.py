"""What the literature says of every shipped kernel, written from it and never from the files."""

from __future__ import annotations

from math import pi, sin, sqrt
from typing import Any, NamedTuple

import pytest

# What a half turn about the anchor does to the weights.
SAME, NEGATED, OTHER = "same", "negated", "other"


class Facts(NamedTuple):
    """Of the first kernel: sum, what a half turn does, rank, sum of the weights above zero."""

    sum: float
    turn: str
    rank: int | None  # None where it is no property of the formula
    positive: Any


def about(value: float) -> Any:
    """The value of the continuous formula, which sampling meets within a few percent."""
    return pytest.approx(value, rel=0.04)


MIDDLE = 1 / (2 * pi)  # the middle of a Gaussian of sigma 1
MEAN = Facts(1, SAME, 1, 1)  # separable, nothing below zero
GAIN_1 = Facts(0, NEGATED, 1, 0.5)  # half the difference of what lies two pixels apart
STEP_1 = Facts(0, NEGATED, 1, 1)  # a step from black to white gives white

# Without what makes the sum 0, a few millionths.
CURVED: Any = pytest.approx(2 * (3 * 0.053991 + 8 * 0.004432 + 15 * 0.000134), abs=5e-5)
ANDO5 = 2 * (0.003776 + 0.010199 + 0.026786 + 0.070844) + 0.046548 + 0.122572


def laws(column: str, row: str) -> Facts:
    """Only level times level has a sum; edges and waves are odd, the rest is even."""
    odd = (column in "ew") != (row in "ew")
    return Facts(int(column + row == "ll"), NEGATED if odd else SAME, 1, 1)


FACTS = {
    # Basic
    "identity": MEAN,
    "shift": Facts(1, OTHER, 1, 1),
    "shift-right": Facts(1, OTHER, 1, 1),
    "shift-down": Facts(1, OTHER, 1, 1),
    # Blur
    "binomial": MEAN,
    "binomial3": MEAN,
    "binomial5": MEAN,
    "box": MEAN,
    "box5": MEAN,
    "disk": Facts(1, SAME, 4, 1),
    "esri-smooth5": Facts(1, SAME, 3, 1),
    "gaussian": MEAN,
    "gaussian5": Facts(1, SAME, 3, 1),
    "gaussian5-canny": Facts(1, SAME, 3, 1),
    "motion": MEAN,
    "pil-blur": Facts(1, SAME, 2, 1),
    "savgol5": Facts(1, SAME, 2, 227 / 175),
    "smooth": Facts(1, SAME, 2, 1),
    "smooth-more": Facts(1, SAME, 3, 1),
    "tent": MEAN,
    # Sharpen
    "detail": Facts(1, SAME, 2, 10 / 6),
    "edge-enhance": Facts(1, SAME, 2, 5),
    "esri-sharpen5": Facts(1, SAME, 3, 45),
    "highboost": Facts(1, SAME, 2, 17 / 9),
    "highpass": Facts(0, SAME, 2, 1 - MIDDLE),
    "krita-sharpen": Facts(1, SAME, 2, 11 / 3),
    "pil-sharpen": Facts(1, SAME, 2, 2),
    "sharpen": Facts(1, SAME, 2, 5),
    "sharpen-soft": Facts(1, SAME, 2, 2),
    "sharpen-soft8": Facts(1, SAME, 2, 3),
    "sharpen8": Facts(1, SAME, 2, 9),
    "unsharp": Facts(1, SAME, 2, 2 - MIDDLE),
    "unsharp3": Facts(1, SAME, 2, 26 / 6),
    "unsharp5": Facts(1, SAME, 2, 476 / 256),
    # Second derivatives
    "contour": Facts(0, SAME, 2, 8),
    "dog": Facts(0, SAME, 2, about(0.3336)),
    "laplacian": Facts(0, SAME, 2, 4 / 1.2),
    "laplacian-op": Facts(0, SAME, 2, 3),
    "laplacian4": Facts(0, SAME, 2, 4),
    "laplacian5": Facts(0, SAME, 2, 1),
    "laplacian8": Facts(0, SAME, 2, 8),
    "laplacian9": Facts(0, SAME, 2, 20 / 6),
    "log": Facts(0, SAME, 3, about(2 / 1.4**2 * 0.36788)),
    "log5": Facts(0, SAME, 3, 16),
    "log9": Facts(0, SAME, 5, 1),
    "outline": Facts(0, SAME, 2, 8),
    "second-x": Facts(0, SAME, 1, 2),
    "second-xy": Facts(0, SAME, 1, 0.5),
    "second-y": Facts(0, SAME, 1, 2),
    # First derivatives
    "backward-x": Facts(0, OTHER, 1, 1),
    "bickley-x": GAIN_1,
    "bickley-y": GAIN_1,
    "central-x": GAIN_1,
    "central-y": GAIN_1,
    "farid5-x": Facts(0, NEGATED, 1, 0.386295),
    "farid5-y": Facts(0, NEGATED, 1, 0.386295),
    "forward-x": Facts(0, OTHER, 1, 1),
    "freichen-x": GAIN_1,
    "freichen-y": GAIN_1,
    "gauss-derivative": Facts(0, NEGATED, 1, 0.241971 + 2 * 0.053991 + 3 * 0.004432 + 4 * 0.000134),
    "gradient": GAIN_1,
    "prewitt-x": GAIN_1,
    "prewitt-y": GAIN_1,
    "roberts-1": Facts(0, OTHER, 2, 1),
    "roberts-2": Facts(0, OTHER, 2, 1),
    "savgol5-x": Facts(0, NEGATED, 1, 15 / 50),
    "savgol5-y": Facts(0, NEGATED, 1, 15 / 50),
    "scharr-x": GAIN_1,
    "scharr-y": GAIN_1,
    "sobel-x": GAIN_1,
    "sobel-y": GAIN_1,
    "sobel5-x": Facts(0, NEGATED, 1, 48 / 128),
    "sobel5-y": Facts(0, NEGATED, 1, 48 / 128),
    "sobel7-x": Facts(0, NEGATED, 1, 640 / 2048),
    "sobel7-y": Facts(0, NEGATED, 1, 640 / 2048),
    # Lengths of gradients
    "central": STEP_1,
    "freichen": STEP_1,
    "prewitt": STEP_1,
    "roberts": Facts(0, OTHER, 2, 1 / sqrt(2)),
    "scharr": STEP_1,
    "sobel": STEP_1,
    "sobel5": STEP_1,
    # Compass and lines
    "kirsch": Facts(0, OTHER, 2, 1),
    "kirsch-e": Facts(0, OTHER, 2, 1),
    "kirsch-n": Facts(0, OTHER, 2, 1),
    "kirsch-ne": Facts(0, OTHER, 3, 1),
    "kirsch-nw": Facts(0, OTHER, 3, 1),
    "kirsch-s": Facts(0, OTHER, 2, 1),
    "kirsch-se": Facts(0, OTHER, 3, 1),
    "kirsch-sw": Facts(0, OTHER, 3, 1),
    "kirsch-w": Facts(0, OTHER, 2, 1),
    "line-135": Facts(0, SAME, 2, 1),
    "line-45": Facts(0, SAME, 2, 1),
    "line-horizontal": Facts(0, SAME, 1, 1),
    "line-vertical": Facts(0, SAME, 1, 1),
    "lines": Facts(0, SAME, 1, 1),
    "prewitt-compass": Facts(0, OTHER, 2, 1),
    "robinson": STEP_1,
    "robinson-n": STEP_1,
    # Texture and effects
    "emboss": Facts(1, OTHER, 3, 5),
    "emboss-bias": Facts(0, OTHER, 2, 1),
    "emboss-laplacian": Facts(0, SAME, 2, 4),
    "gabor": Facts(0, SAME, 2, 0.5),
    "laws": Facts(0, NEGATED, 1, 0.5),
    # Shapes and stars
    "gaussian-bar": Facts(1, SAME, None, 1),
    "ring": Facts(1, SAME, None, 1),
    "diamond": Facts(1, SAME, 3, 1),
    "octagon": Facts(1, SAME, None, 1),
    "comet": Facts(1, OTHER, 1, 1),
    "moffat": Facts(1, SAME, None, 1),
    "airy": Facts(1, SAME, None, 1),
    "impulse": MEAN,
    # Least squares
    "savgol": Facts(1, SAME, 2, 227 / 175),
    "savgol7": Facts(1, SAME, 2, (147 + 4 * (7 + 2 + 2)) / 147),
    "savgol-line": Facts(1, SAME, 1, 41 / 35),
    # Sharpen, and second derivatives
    "unsharp-alpha": Facts(1, SAME, 2, 5.2 / 1.2),
    "point-spread": Facts(1.823, SAME, 2, 4 * 0.352 + 2.923),
    "im-2": Facts(0, SAME, 2, 8),
    "im-3": Facts(0, SAME, 1, 8),
    "im-7": Facts(0, SAME, 2, 1),
    "gauss-dxx": Facts(0, SAME, 1, CURVED),
    "gauss-dyy": Facts(0, SAME, 1, CURVED),
    "gauss-dxy": Facts(0, SAME, 1, 2 * 0.363785**2),
    # Gradients
    "ando3-x": GAIN_1,
    "ando3-y": GAIN_1,
    "ando4-x": Facts(0, OTHER, 2, 2 * (0.022116 + 0.025526 + 0.098381 + 0.112984)),
    "ando4-y": Facts(0, OTHER, 2, 2 * (0.022116 + 0.025526 + 0.098381 + 0.112984)),
    "ando5-x": Facts(0, NEGATED, 2, ANDO5),
    "ando5-y": Facts(0, NEGATED, 2, ANDO5),
    "backward-y": Facts(0, OTHER, 1, 1),
    "forward-y": Facts(0, OTHER, 1, 1),
    "gauss-dx": Facts(0, NEGATED, 1, 0.363785),
    "gauss-dy": Facts(0, NEGATED, 1, 0.363785),
    "haar-x": Facts(0, OTHER, 1, 1),
    "haar-y": Facts(0, OTHER, 1, 1),
    "haar-d": Facts(0, OTHER, 1, 1),
    "scharr-opt-x": GAIN_1,
    "scharr-opt-y": GAIN_1,
    "bickley": STEP_1,
    "farid": STEP_1,
    "scharr-opt": STEP_1,
    "sobel7": STEP_1,
    "gradient-direction": GAIN_1,
    # Compass
    "kirsch-direction": Facts(0, OTHER, 2, 1),
    "esri-gradient": STEP_1,
    **{
        f"esri-gradient-{name}": STEP_1._replace(rank=1 if len(name) == 1 else 2)
        for name in ("e", "ne", "n", "nw", "w", "sw", "s", "se")
    },
    # Frei and Chen
    "freichen-1": Facts(0, NEGATED, 1, (2 + sqrt(2)) / sqrt(8)),
    "freichen-2": Facts(0, NEGATED, 1, (2 + sqrt(2)) / sqrt(8)),
    "freichen-3": Facts(0, NEGATED, 2, (2 + sqrt(2)) / sqrt(8)),
    "freichen-4": Facts(0, NEGATED, 2, (2 + sqrt(2)) / sqrt(8)),
    "freichen-5": Facts(0, SAME, 2, 1),
    "freichen-6": Facts(0, SAME, 1, 1),
    "freichen-7": Facts(0, SAME, 1, 8 / 6),
    "freichen-8": Facts(0, SAME, 2, 8 / 6),
    "freichen-9": Facts(3, SAME, 1, 3),
    "freichen-edge": Facts(0, NEGATED, 1, (2 + sqrt(2)) / sqrt(8)),
    "freichen-line": Facts(0, SAME, 2, 1),
    # Relief
    "emboss-all": Facts(0, SAME, 2, 8),
    "emboss-hv": Facts(0, SAME, 2, 4),
    "emboss-h": Facts(0, SAME, 1, 2),
    "emboss-v": Facts(0, SAME, 1, 2),
    # Waves and patterns
    "gabor-odd": Facts(0, NEGATED, 1, 0.5),
    "gabor-energy": Facts(0, SAME, 2, 1),
    "oriented-energy": Facts(0, SAME, 2, 1),
    "steerable": Facts(0, NEGATED, 1, 0.5),
    "steerable-g2": Facts(0, SAME, 2, 0.5),
    "dct": Facts(0, OTHER, 1, 1 / (8 * sin(pi / 16) ** 2)),
    "dct3": Facts(0, SAME, 1, 1),
    "dct8": Facts(0, OTHER, 1, None),
    **{f"laws-{a}5{b}5": laws(a, b) for a in "leswr" for b in "leswr"},
}
