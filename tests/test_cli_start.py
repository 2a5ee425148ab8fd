"""Starting up: help, version, completion, suggestions; and what they must not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
from PIL import Image

from convcli import __version__, engines
from convcli.cli.kernels import COMMANDS as KERNELS
from convcli.cli.main import COMMANDS, group, run
from convcli.io import png_rows

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"numpy", "scipy", "PIL", "rich", "imagecodecs", "tifffile"}

PROBE = """
import json, sys
from convcli.cli.main import run
code = run(json.loads(sys.argv[1]))
print(json.dumps([code, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr)
"""


def call(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convcli", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["apply", "--help"],
        ["plan", "--help"],
        ["kernels"],
        ["kernels", "list"],
        ["kernels", "path"],
        ["kernels", "convert", "--help"],
        ["kernels", "convert", "sobel-x", "--to", "vips"],
        ["completion", "bash"],
        ["info", "--help"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_before_there_is_work(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(args)], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    assert done.stdout
    assert HEAVY.isdisjoint(modules)


UNUSED = {
    *(
        "scipy",
        "rich",
        "yaml",
        "tifffile",
        "pygments",
        "numpy.ma",
    ),  # other engines, formats, kernel files
    *("convcli.kernels.algebra", "convcli.kernels.families", "convcli.engines.scored"),
    *(
        "concurrent.futures",
        "tempfile",
        "shutil",
        "secrets",
        "hashlib",
        "csv",
        "json",
        "importlib.metadata",
    ),
}

SHARPEN = ["-k", "sharpen"]  # a file of TOML
MATRIX = ["-m", "0 -1 0; -1 5 -1; 0 -1 0"]


@pytest.mark.parametrize(
    ("form", "kernel", "more"),
    [
        ("png", SHARPEN, {"PIL", "convcli.verify", "convcli.io.jpeg"}),
        ("png", MATRIX, {"PIL", "tomllib", "convcli.io.jpeg"}),
        ("jpg", SHARPEN, {"isal", "convcli.io.png"}),
        ("jpg", MATRIX, {"isal", "tomllib", "convcli.io.png"}),
    ],
)
def test_filtering_a_small_picture_imports_what_it_uses_only(
    form: str, kernel: list[str], more: set[str], tmp_path: Path
) -> None:
    samples = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(samples).save(tmp_path / f"in.{form}")
    names = [str(tmp_path / f"in.{form}"), "-o", str(tmp_path / f"out.{form}")]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "convcli", "apply", *names, *kernel],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    codec = "isal" if form == "png" and png_rows.compiled() else "imagecodecs"
    assert {"numpy", codec} <= imported
    assert imported.isdisjoint(UNUSED | more)


def test_the_command_asks_blas_for_one_thread_unless_told_otherwise() -> None:
    code = (
        "import os, sys; from convcli.__main__ import main; sys.argv = ['convcli', '-V']\n"
        "try: main()\nexcept SystemExit: print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    clean = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    for said, meant in ({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=clean | said,
        )
        assert done.stdout.split()[-1] == meant


def test_the_process_ends_without_looking_for_cycles_once_more() -> None:
    code = (
        "import gc, sys; from convcli.__main__ import main; sys.argv = ['convcli', '-V']\n"
        "try: main()\nexcept SystemExit: print(gc.get_freeze_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) > 10_000


def test_completing_a_kernel_name_imports_nothing_heavy_and_gives_titles() -> None:
    words = {"COMP_WORDS": "convcli apply -k sobel-", "COMP_CWORD": "3"}
    done = call(_CONVCLI_COMPLETE="zsh_complete", **words)
    kind, name, title = done.stdout.splitlines()[:3]
    assert (kind, name[:6]) == ("plain", "sobel-")
    assert "Sobel" in title
    traced = call("--help", _CONVCLI_COMPLETE="zsh_complete", PYTHONPROFILEIMPORTTIME="1", **words)
    imported = {line.rsplit("|", 1)[-1].strip() for line in traced.stderr.splitlines()}
    assert "click" in imported
    assert HEAVY.isdisjoint(imported)


def test_completing_a_choice_explains_it() -> None:
    done = call(
        _CONVCLI_COMPLETE="zsh_complete", COMP_WORDS="convcli apply --range si", COMP_CWORD="3"
    )
    assert done.stdout.splitlines() == ["plain", "signed", "half of it around mid-grey"]


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_a_completion_script_names_the_variable(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    assert "_CONVCLI_COMPLETE" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-V"]) == 0
    assert capsys.readouterr().out == f"convcli {__version__}\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_both_flags_help(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", flag]) == 0
    told = capsys.readouterr().out
    assert "reflect    edcb|abcdef|edcb" in told
    assert told.count("  convcli apply ") + told.count("| convcli apply ") == 3


def every_command() -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    commands = {name: command for name, command in found.items() if command}
    kernels = commands["kernels"]
    assert isinstance(kernels, click.Group)
    return commands | {f"kernels {name}": sub for name, sub in kernels.commands.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_first_sentence_of_the_help(name: str) -> None:
    told = every_command()[name].get_short_help_str(limit=200)
    assert told.removesuffix(".") == COMMANDS[name].removesuffix(".")


@pytest.mark.parametrize("name", every_command())
def test_every_command_ends_its_help_with_examples(name: str) -> None:
    assert (every_command()[name].epilog or "").count("convcli") >= 3


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (["aply"], "apply"),
        (["apply", "a.png", "-o", "b.png", "-k", "blur", "--range", "clp"], "'clip'"),
        (["apply", "a.png", "-o", "b.png", "-k", "blur", "--padding", "relfect"], "'reflect'"),
        (["apply", "a.png", "-o", "b.png", "-k", "blur", "--strde", "2"], "--stride"),
        (["apply", "a.png", "-o", "b.png", "-k", "blur", "--alpha", "premultply"], "premultiply"),
        (["apply", "a.png", "-o", "b.png", "-k", "blur", "--engine", "dirct"], "'direct'"),
        (["completion", "bsh"], "'bash'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_mistyped_word_hears_of_its_neighbour(
    args: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    told = capsys.readouterr().err
    assert "Did you mean" in told
    assert meant in told


def test_an_image_size_that_needs_no_numpy_is_the_librarys_default() -> None:
    from convcli.io.writing import COMPRESS, QUALITY
    from convcli.limits import Limits
    from convcli.run import Writing

    params = {param.name: param for param in every_command()["apply"].params}
    context = click.Context(group)
    assert params["max_pixels"].get_default(context) == "250M"
    assert Limits().max_pixels == 250_000_000
    for word, default in (("quality", QUALITY), ("compress", COMPRESS)):
        assert getattr(Writing(), word) is None
        assert f"{default} unless given" in str(params[word].to_info_dict()["help"])


def test_info_says_whether_the_native_core_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["convcli"] == __version__
    first = engines.bodies()[0]
    said = "not " if first == engines.NUMPY else first
    assert facts["native core"].startswith(said)
    assert {"PNG", "TIFF"} <= set(facts["writes"]) <= set(facts["reads"])
    assert run(["info"]) == 0
    assert "numpy" in capsys.readouterr().out


@pytest.mark.parametrize("args", [["kernels", "--help"], ["kernels", "show", "--help"]])
def test_a_group_shows_its_table_without_importing_its_commands(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.replace('if "." not in name', ""), json.dumps(args)],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(done.stderr.splitlines()[-1])[1])
    called = {f"convcli.cli.kernels_{name}" for name in KERNELS}
    assert modules & called == {f"convcli.cli.kernels_{name}" for name in args[1:2]} & called
    assert all(f"\n  {name} " in done.stdout for name in KERNELS) == (len(args) == 2)


def test_a_mistyped_command_of_a_group_hears_of_its_neighbour(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["kernels", "chek"]) == 2
    assert "check" in capsys.readouterr().err
