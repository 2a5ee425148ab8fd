from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
KINDS = {".json", ".toml", ".yaml"}
KERNELS = {path.name for path in (ROOT / "kernels").iterdir() if path.suffix in KINDS}
SHIPPED = "convcli/kernels/shipped/"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info", "__pycache__"
)


def build(hook: str, source: Path, target: Path) -> Path:
    """
    Call a hook of the build backend as a build front end does: in a process in the folder.

    Without the compiled cores: they take half a minute, and no test here asks for them.
    """
    code = f"import sys, setuptools.build_meta as b; print(b.{hook}(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(target)]
    plain = {**os.environ, "CONVCLI_BUILD_NATIVE": "0"}
    done = subprocess.run(
        command, cwd=source, capture_output=True, text=True, check=False, env=plain
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "copy", ignore=LEFT_OUT)
    return build("build_sdist", folder / "copy", folder)


@pytest.fixture(scope="module")
def unpacked(sdist: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent, filter="data")
    return sdist.parent / sdist.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel_names(unpacked: Path) -> set[str]:
    wheel = build("build_wheel", unpacked, unpacked.parent)
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_source_distribution_holds_what_a_packager_needs(unpacked: Path) -> None:
    names = ["CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", ".ci/run"]
    names += ["tests/conftest.py", "samples/charts.py", "samples/dandelions.jpg"]
    assert [name for name in names if not (unpacked / name).is_file()] == []


def test_the_source_distribution_holds_the_kernels(unpacked: Path) -> None:
    assert KERNELS
    assert {path.name for path in (unpacked / "kernels").iterdir()} >= KERNELS


def test_a_wheel_from_the_source_distribution_holds_the_kernels(wheel_names: set[str]) -> None:
    assert {name for name in wheel_names if name.startswith(SHIPPED)} >= {
        SHIPPED + name for name in KERNELS
    }


def test_the_wheel_holds_every_module_and_the_typing_marker(wheel_names: set[str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "convcli").rglob("*.py")}
    assert wheel_names >= modules | {"convcli/py.typed"}


def test_the_wheel_holds_one_top_level_package_and_its_licence(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"convcli"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)


@pytest.mark.parametrize(
    ("wanted", "left_out"), [("avx2", {"avx512"}), ("baseline", {"avx2", "avx512"}), ("x", set())]
)
def test_named_cores_are_built_and_always_the_one_that_judges(
    wanted: str, left_out: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[set[str]] = []
    for value in (wanted, "1"):
        monkeypatch.setenv("CONVCLI_BUILD_NATIVE", value)
        monkeypatch.setattr("setuptools.setup", lambda **said: made.append(names_of(said)))
        runpy.run_path(str(ROOT / "setup.py"))
    some, whole = made
    assert whole - some == left_out & whole
    assert "baseline" in whole


def names_of(said: dict[str, Any]) -> set[str]:
    return {each.name.rpartition("._")[2] for each in said["ext_modules"]}
