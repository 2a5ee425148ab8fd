"""The names that `import convcli` promises, and no others; and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import convcli


def test_the_public_names_are_these() -> None:
    assert convcli.__all__ == [
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


@pytest.mark.parametrize("name", convcli.__all__)
def test_every_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(convcli, name).__name__ == name
    assert name in dir(convcli)


def test_other_names_are_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'aply'"):
        _ = convcli.aply


def test_importing_the_package_imports_no_numpy() -> None:
    code = "import sys, convcli; print([m for m in ('numpy', 'scipy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
