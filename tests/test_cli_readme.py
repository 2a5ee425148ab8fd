"""The README: every command, option, word, column and code is in it, and its examples hold."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
from PIL import Image

from convcli import errors
from convcli.batch.existing import EXISTS
from convcli.batch.naming import FIELDS
from convcli.cli.main import COMMANDS, group, run
from convcli.cli.options import ENGINE_WORDS, RANGE_WORDS
from convcli.kernels.exchange import FORMATS
from convcli.kernels.families import FAMILIES
from convcli.kernels.kernelfile import KEYS
from convcli.kernels.layers import KEYS as LAYER_KEYS
from convcli.kernels.library import Place, listing, shipped_kernels
from convcli.padding import PADDINGS
from convcli.report import COLUMNS, SCHEMA
from convcli.response import ACTIVATIONS, COMBINES
from convcli.spec import ALPHAS, CHANNELS, EXTENTS, NORMALIZES, SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command
        yield name, command
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                inner = command.get_command(context, sub)
                assert inner
                yield f"{name} {sub}", inner


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"convcli {name}" in README


def test_every_option_is_in_the_readme() -> None:
    options = {
        word
        for command in (group, *(each for _, each in commands()))
        for param in command.params
        if isinstance(param, click.Option)
        for word in param.opts
    }
    assert len(options) > 30
    missing = {word for word in options if not re.search(rf"`[^`]*{word}\b", README)}
    assert not missing


def test_every_word_of_the_tables_is_in_the_readme() -> None:
    tables = (ALPHAS, CHANNELS, EXTENTS, SCALES, RANGE_WORDS, COMBINES, ACTIVATIONS, FAMILIES)
    words = {word for table in (*tables, NORMALIZES) for word in table}
    words |= {name for name, form in FORMATS.items() if form.writes}
    assert not {word for word in words if not re.search(rf"(`|\| |# ){word}\b", README)}
    assert "`auto`" in README
    assert "auto" in ENGINE_WORDS


def test_every_padding_is_drawn_in_the_readme() -> None:
    assert not {
        mode for mode, rule in PADDINGS.items() if f"{mode:9}  {rule.drawing}" not in README
    }


def test_every_column_of_the_report_is_in_the_readme() -> None:
    rows = {f"| `{column.name}` | {column.unit} | {column.about} |" for column in COLUMNS}
    assert not {row for row in rows if row not in README}
    assert SCHEMA in README


def test_every_key_of_a_kernel_file_is_in_the_readme() -> None:
    assert not {key for key in KEYS if not re.search(rf"(^|`){key}:", README, re.MULTILINE)}


def test_the_readme_lists_every_kernel_that_is_shipped() -> None:
    table = README.split("| tag | kernels |")[1].split("\n\n")[0]
    names = set(re.findall(r"`([^`]+)`", table))
    shipped = {entry.name for entry in listing([Place(shipped_kernels(), "shipped")])}
    assert len(names) > 50
    assert names == shipped


def test_every_field_of_names_and_every_word_of_exists_is_in_the_readme() -> None:
    rows = {f"| `{{{field}}}` | {about} |" for field, about in FIELDS.items()}
    rows |= {f"| `{word}` | {rule.about} |" for word, rule in EXISTS.items()}
    assert not {row for row in rows if row not in README}


@pytest.mark.parametrize(
    "command", re.findall(r"^convcli (apply (?:photos|\"scans).*?) *#", README, re.MULTILINE)
)
def test_a_batch_of_the_readme_can_be_planned(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/2024/a.jpg", "scans/b/c.tif"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "net.yaml").write_text("layers:\n  - weights: [[[[1]], [[1]], [[1]]]]\n")
    assert run([*shlex.split(command), "--dry-run"]) == 0


def test_every_exit_code_is_in_the_readme() -> None:
    kinds: list[type[errors.ConvError]] = [errors.ConvError, *errors.ConvError.__subclasses__()]
    codes = {0, 2, errors.SOME_FAILED, errors.ALL_FAILED, errors.INTERRUPTED}
    codes |= {errors.CLOSED_PIPE, errors.TERMINATED}
    codes |= {kind.exit_code for kind in kinds}
    assert not {code for code in codes if f"\n| {code} | " not in README}


@pytest.mark.parametrize("code", [body for kind, body in BLOCKS if kind == "python"])
def test_a_python_example_prints_what_it_says(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own example
    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    said = [line[1:].split("   ")[0].strip() for line in code.splitlines() if line[:1] == "#"]
    assert told
    assert told == said


def test_the_kernel_files_of_the_readme_are_right(tmp_path: Path) -> None:
    arrays = {"conv1.weight": np.ones((2, 3, 3, 3)), "conv1.bias": np.ones(2)}
    np.savez(tmp_path / "net.npz", **arrays)  # type: ignore[arg-type]  # its stub
    bodies = [body for kind, body in BLOCKS if kind == "yaml"]
    assert [body.split(":")[0] for body in bodies] == ["name", "units"]
    for body in bodies:
        (tmp_path / "readme.yaml").write_text(body.replace("name: sobel-x", "name: readme"))
        assert run(["kernels", "check", str(tmp_path / "readme.yaml")]) == 0


def test_every_key_of_a_layer_is_in_the_readme() -> None:
    rows = "".join(re.findall(r"^(\| `[^|]*) \|", README, re.MULTILINE))
    assert not {key for key in LAYER_KEYS if f"`{key}`" not in rows}


def test_what_show_prints_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [body for kind, body in BLOCKS if kind == "console"]
    assert bodies
    for body in bodies:
        check_printed(body, capsys)


def check_printed(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, told = body.split("\n", 1)
    assert run(shlex.split(command)[2:]) == 0
    assert capsys.readouterr().out.rstrip() == told.rstrip()


@pytest.mark.parametrize(
    "command", re.findall(r"^convcli (apply .* -o samples/.*)$", README, re.MULTILINE)
)
def test_a_picture_of_the_readme_is_what_its_command_makes_now(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encoders of JPEG differ from version to version by a level here and there."""
    monkeypatch.chdir(ROOT)
    args = shlex.split(command)
    stored = args[args.index("-o") + 1]
    args[args.index("-o") + 1] = str(tmp_path / "now.jpg")
    assert run(args) == 0
    with Image.open(stored) as old, Image.open(tmp_path / "now.jpg") as new:
        assert abs(np.asarray(old, np.float64) - np.asarray(new, np.float64)).mean() < 1
    assert (ROOT / stored).stat().st_size < 200_000


def test_the_annotated_command_is_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = re.sub(r"`#.*?`", "", BLOCKS[0][1]).replace("\\\n", " ")
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((40, 30), 60).save("scan.tif")
    assert run(shlex.split(body)[1:]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"scan.tif", "edges.tif", "run.json"}


def test_every_link_within_the_readme_leads_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    links = set(re.findall(r"\]\(#([^)]+)\)", README))
    assert links
    assert links <= places
