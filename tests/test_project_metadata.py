from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = (".ci", "benchmarks", "convcli", "kernels", "samples", "tests")
TEXT = {"", ".c", ".h", ".in", ".md", ".py", ".toml", ".yaml", ".yml"}


def literal_version() -> object:
    tree = ast.parse((ROOT / "convcli" / "__init__.py").read_text())
    values = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert len(values) == 1
    return values[0]


def own_texts() -> Iterator[Path]:
    folders = [path for name in OWN for path in (ROOT / name).rglob("*")]
    for path in [*ROOT.iterdir(), *folders]:
        if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
            yield path


def installed_version() -> str:
    try:
        return importlib.metadata.version("convcli")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("convcli is not installed here, only lies beside the tests")


def test_the_version_is_a_literal_and_the_installed_one() -> None:
    # importlib.metadata would cost every start of the command tens of milliseconds.
    assert literal_version() == installed_version()


def test_every_folder_with_an_init_is_a_named_package() -> None:
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "convcli").rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | {"convcli.kernels.shipped"}


@pytest.mark.parametrize("target", PROJECT["project"]["scripts"].values())
def test_every_script_names_a_function(target: str) -> None:
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.skipif(not importlib.util.find_spec("importlinter"), reason="needs convcli[dev]")
def test_imports_point_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_a_place_on_the_machine_of_its_author() -> None:
    private = re.compile(rf"{re.escape(str(ROOT))}\b|/(?:Users|home|root|work)/\w", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in own_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if private.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("filter command", r"pip install .*convcli apply samples/\S+ .*-o \S+"),
        ("test command", r"pip install .*'\.\[test\]'.* -m pytest"),
    ],
)
def test_the_readme_marks_the_commands_that_ci_runs(name: str, words: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^<!-- {name} -->\n```\w*\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    assert re.search(words, blocks[0], re.DOTALL)
    for sample in re.findall(r"samples/[\w./-]+", blocks[0]):
        assert (ROOT / sample).is_file()
