"""
convcli: filter images with kernels, by true convolution or cross-correlation, exactly.

    import convcli
    edges = convcli.apply(array, "sobel", padding="reflect")
    summary = convcli.apply_files(["a.jpg", "b.jpg"], "out/", "sobel")

Names are imported when first used, so that the command starts without NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcli.api import apply
    from convcli.errors import (
        ConvError,
        InputError,
        KernelError,
        MissingExtra,
        OutputError,
        UsageError,
    )
    from convcli.kernels.kernel import Kernel, Recipe
    from convcli.many import apply_files
    from convcli.padding import Padding

__version__ = "0.1.0"

__all__ = [
    "ConvError",
    "InputError",
    "Kernel",
    "KernelError",
    "MissingExtra",
    "OutputError",
    "Padding",
    "Recipe",
    "UsageError",
    "apply",
    "apply_files",
]

_HOMES = {
    "apply": "convcli.api",
    "apply_files": "convcli.many",
    "Kernel": "convcli.kernels.kernel",
    "Recipe": "convcli.kernels.kernel",
    "Padding": "convcli.padding",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name not in __all__:
        raise AttributeError(f"module 'convcli' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, "convcli.errors")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
