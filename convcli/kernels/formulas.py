"""
The table of families: each name, what it is in words, its parameters and who makes it.

The first parameter is the one that may come without its name, as in `gaussian:2`.
"""

from __future__ import annotations

from typing import Final

from convcli.kernels import contrast, savgol, shapes, smoothing, texture
from convcli.kernels.knobs import Family, Knob, number, whole, word

_SIGMA: Final = number("sigma", 1.0, "standard deviation in pixels", 0.01, 10_000)
_RADIUS: Final = whole("radius", None, "cells on each side; int(4*sigma + 0.5)", 0, 5000)
_ANGLE: Final = number("angle", 0.0, "degrees counter-clockwise", -360, 360)
_SAMPLINGS: Final = ("point", "integral", "discrete")
_LAWS: Final = tuple(texture.LAWS)

FAMILIES: Final[dict[str, Family]] = {
    family.name: family
    for family in (
        Family(
            "box",
            "mean of a rectangle",
            (
                whole("size", 3, "side in cells", 1, 10_000),
                whole("rows", None, "height, if it differs", 1, 1_000_000),
                whole("columns", None, "width, if it differs", 1, 1_000_000),
            ),
            smoothing.box,
        ),
        Family(
            "tent",
            "a box filtered by a box: 1 2 1, 1 2 3 2 1, ...",
            (whole("radius", 1, "cells on each side", 0, 499),),
            smoothing.tent,
        ),
        Family(
            "binomial",
            "row 2r of Pascal's triangle on both axes; variance r/2",
            (whole("radius", 1, "cells on each side", 0, 100),),
            smoothing.binomial,
        ),
        Family(
            "gaussian",
            "bell curve",
            (
                _SIGMA,
                _RADIUS,
                word(
                    "sampling",
                    "point",
                    "how the curve is sampled",
                    _SAMPLINGS,
                ),
                number("sigma_x", None, "sigma along the row, if it differs", 0.01, 10_000),
                number("sigma_y", None, "sigma along the column, if it differs", 0.01, 10_000),
                _ANGLE,
            ),
            smoothing.gaussian,
        ),
        Family(
            "disk",
            "mean of a circle: a lens out of focus",
            (
                number("radius", 3.0, "radius in pixels", 0.5, 500),
                Knob("antialias", "switch", True, "count the covered part of each pixel"),  # noqa: FBT003 - the default of a switch
            ),
            smoothing.disk,
        ),
        Family(
            "motion",
            "mean along a line: a camera that moved",
            (
                number("length", 9.0, "length in pixels", 1, 100_000),
                number("angle", 0.0, "degrees counter-clockwise from the row", -360, 360),
            ),
            smoothing.motion,
        ),
        Family(
            "ring",
            "mean of the pixels between two circles",
            (
                number("inner", 2.0, "radius in pixels", 0, 500),
                number("outer", 3.0, "radius in pixels", 0, 500),
            ),
            shapes.ring,
        ),
        Family(
            "diamond",
            "mean of a square on its corner",
            (whole("radius", 2, "cells on each side", 0, 499),),
            shapes.diamond,
        ),
        Family(
            "octagon",
            "mean of an octagon",
            (whole("radius", 3, "cells on each side", 0, 499),),
            shapes.octagon,
        ),
        Family(
            "impulse",
            "nine points spread over a square",
            (whole("size", 5, "side in cells, odd", 3, 999),),
            shapes.impulse,
        ),
        Family(
            "comet",
            "half a bell curve: a point that leaves a trail",
            (
                number("sigma", 3.0, "standard deviation in pixels", 0.3, 100),
                _ANGLE,
                _RADIUS,
            ),
            shapes.comet,
        ),
        Family(
            "moffat",
            "a star through turbulent air",
            (
                number("gamma", 2.0, "width of the core in pixels", 0.1, 50),
                number("alpha", 3.0, "how fast the wings fall", 1, 100),
                whole("radius", None, "cells on each side; 4 widths at half height", 0, 499),
            ),
            shapes.moffat,
        ),
        Family(
            "airy",
            "a star in a perfect lens",
            (
                number("radius", 3.0, "of the first dark ring, in pixels", 0.5, 100),
                whole("reach", None, "cells on each side; int(4*radius + 0.5)", 0, 499),
            ),
            shapes.airy,
        ),
        Family(
            "savgol",
            "a polynomial fitted to the pixels, or a derivative of it",
            (
                whole("size", 5, "columns, odd", 1, 999),
                whole("degree", 2, "of the polynomial", 0, 8),
                whole("dx", 0, "order of the derivative to the right", 0, 4),
                whole("dy", 0, "order of the derivative downwards", 0, 4),
                whole("rows", None, "rows, if they differ; 1 fits a line", 1, 999),
            ),
            savgol.savgol,
        ),
        Family(
            "shift",
            "moves the image by whole pixels",
            (
                whole("right", 1, "pixels to the right; negative to the left", -5000, 5000),
                whole("down", 0, "pixels down; negative up", -5000, 5000),
            ),
            contrast.shift,
        ),
        Family(
            "gradient",
            "first derivative of gain 1",
            (
                word("operator", "sobel", "smoothing across", contrast.OPERATORS),
                whole("size", 3, "side in cells, odd; above 3 for sobel only", 3, 31),
                word("axis", "x", "x: to the right, y: downwards", ("x", "y")),
            ),
            contrast.gradient,
        ),
        Family(
            "gauss-derivative",
            "derivative of a Gaussian",
            (
                number("sigma", 1.0, "standard deviation in pixels", 0.3, 10_000),
                whole("dx", 1, "order along the row", 0, 2),
                whole("dy", 0, "order along the column", 0, 2),
                _RADIUS,
            ),
            contrast.gauss_derivative,
        ),
        Family(
            "laplacian",
            "second derivative, between the 4- and the 8-neighbour form",
            (number("alpha", 0.2, "weight of the corners", 0, 1),),
            contrast.laplacian,
        ),
        Family(
            "log",
            "Laplacian of a Gaussian; the sum is 0",
            (number("sigma", 1.4, "standard deviation in pixels", 0.2, 10_000), _RADIUS),
            contrast.laplacian_of_gaussian,
        ),
        Family(
            "dog",
            "difference of two Gaussians; the sum is 0",
            (
                _SIGMA,
                number("sigma2", None, "the wider sigma; 1.6*sigma if left out", 0.01, 10_000),
                _RADIUS,
            ),
            contrast.difference_of_gaussians,
        ),
        Family(
            "unsharp",
            "sharpens by what a Gaussian takes away",
            (_SIGMA, number("amount", 1.0, "strength", 0, 1000), _RADIUS),
            contrast.unsharp,
        ),
        Family(
            "unsharp-alpha",
            "sharpens by a Laplacian, between the 4- and the 8-neighbour form",
            (number("alpha", 0.2, "weight of the corners", 0, 1),),
            contrast.unsharp_alpha,
        ),
        Family(
            "highpass",
            "what a Gaussian, or the mean of a square, takes away",
            (
                _SIGMA,
                _RADIUS,
                whole("size", None, "side of the mean in cells, odd; for the Gaussian", 3, 999),
            ),
            contrast.highpass,
        ),
        Family(
            "highboost",
            "the image a times, less its mean",
            (
                number("amount", 2.0, "a; the weights add up to a - 1", 1, 1000),
                whole("size", 3, "side of the mean in cells, odd", 3, 999),
            ),
            contrast.highboost,
        ),
        Family(
            "emboss",
            "relief lit from one side",
            (
                number("angle", -45.0, "counter-clockwise degrees away from the light", -360, 360),
                number("depth", 1.0, "strength of the relief", 0, 100),
            ),
            texture.emboss,
        ),
        Family(
            "gabor",
            "waves under a bell curve; the sum is 0",
            (
                number("sigma", 3.0, "standard deviation in pixels", 0.3, 150),
                number("wavelength", 6.0, "pixels per wave", 2, 10_000),
                number("angle", 0.0, "counter-clockwise degrees across the waves", -360, 360),
                number("phase", 0.0, "0 even, -90 odd", -360, 360),
                number("ratio", 1.0, "width over height of the bell", 0.1, 10),
            ),
            texture.gabor,
        ),
        Family(
            "laws",
            "texture energy",
            (
                word("column", "E5", "down", _LAWS),
                word("row", "L5", "along", _LAWS),
            ),
            texture.laws,
        ),
        Family(
            "steerable",
            "derivative of a bell curve towards any angle; the sum is 0",
            (
                _ANGLE,
                whole("order", 1, "of the derivative: 1 edges, 2 lines", 1, 2),
                number("sigma", 1.05, "standard deviation in pixels", 0.3, 100),
                _RADIUS,
            ),
            texture.steerable,
        ),
        Family(
            "dct",
            "one pattern of the discrete cosine transform",
            (
                whole("size", 8, "side in cells", 1, 64),
                whole("x", 1, "half waves along the row", 0, 63),
                whole("y", 0, "half waves down the column", 0, 63),
            ),
            texture.cosines,
        ),
    )
}
