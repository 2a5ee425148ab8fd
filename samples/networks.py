"""
Make the weights of `networks/corners.yaml`: Harris' corners as five layers.

    python samples/networks.py [FILE]      (default: `networks/corners.npz` beside the script)

    grey       g = 0.2126 r + 0.7152 g + 0.0722 b
    gradients  gx, gy, gx + gy, squared:         gx^2, gy^2, (gx + gy)^2
    smooth     under a bell curve, one by one:   A, B, A + B + 2C      with C = mean of gx gy
    tensor     A + B, A - B, 2C, squared
    response   det - trace^2 / 25, where 4 det = 4AB - 4C^2 = (A + B)^2 - (A - B)^2 - (2C)^2

Every array is (filter, channel, row, column), as torch and ONNX have them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent / "networks" / "corners.npz"
LUMA = (0.2126, 0.7152, 0.0722)
SIGMA, RADIUS, EDGES = 1.5, 4, 1 / 25


def arrays() -> dict[str, NDArray[Any]]:
    """The weights and the bias of every layer, by name."""
    x = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    bell = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    bell /= bell.sum()
    return {
        "grey": np.reshape(LUMA, (1, 3, 1, 1)),
        "gradients": np.stack([x, x.T, x + x.T])[:, None],
        "smooth": np.stack([np.outer(bell, bell)] * 3)[:, None],
        "tensor": np.reshape([1, 1, 0, 1, -1, 0, -1, -1, 1], (3, 3, 1, 1)).astype(np.float64),
        "response": np.reshape([0.25 - EDGES, -0.25, -0.25], (1, 3, 1, 1)),
        "response.bias": np.zeros(1),
    }


def main(path: Path = HERE) -> None:
    """Write them."""
    np.savez_compressed(path, **arrays())  # type: ignore[arg-type]  # its stub has one name too many
    print(path)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
