"""convcli: filter images with kernels, by true convolution or cross-correlation, exactly."""

from __future__ import annotations

__version__ = "0.1.0"
