"""`kernels new`: what is written is read again to the last bit, and passes every check."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convcli.cli.main import run
from convcli.kernels import schema
from convcli.kernels.draft import draft
from convcli.kernels.families import FAMILIES
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.kernels.kernelfile import load_file
from convcli.kernels.library import Place, find, listing, shipped_kernels

SHIPPED = [entry.name for entry in listing([Place(shipped_kernels(), "shipped")])]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVCLI_KERNELS", raising=False)
    return tmp_path


def numbers(recipe: Recipe) -> str:
    """All that makes results, as text, so that -0.0 differs from 0.0."""
    kernels = [(kernel.matrix, kernel.scale, kernel.anchor) for kernel in recipe.kernels]
    rest = (recipe.combine, recipe.activation, recipe.operation, recipe.bias, recipe.range)
    return repr((kernels, rest))


@pytest.mark.parametrize("toml", [False, True], ids=["yaml", "toml"])
def test_what_is_shipped_comes_again(toml: bool, here: Path) -> None:  # noqa: FBT001 - parametrised
    for name in SHIPPED:
        recipe = find(name)
        path = here / f"copy-of-{name}{'.toml' if toml else '.yaml'}"
        text = draft(recipe, path.stem, toml=toml, schema="s.json", origin=name)
        path.write_text(text, encoding="utf-8")
        assert numbers(load_file(path)) == numbers(recipe), text
    assert len(SHIPPED) > 150
    assert run(["kernels", "check", "--strict", str(here)]) == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_families_pass_the_strict_check(name: str) -> None:
    assert run(["kernels", "new", "mine", "--from", name]) == 0
    assert run(["kernels", "check", "--strict", "kernels/mine.yaml"]) == 0


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WEIGHTS = st.one_of(st.integers(-9, 9).map(float), st.floats(-1e9, 1e9), st.just(-0.0), FLOATS)


def added(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    """A bias of -0 is none: it adds nothing."""
    return numbers.map(lambda number: number + 0.0)


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    row = st.lists(WEIGHTS, min_size=columns, max_size=columns).map(tuple)
    matrix = tuple(draw(st.lists(row, min_size=rows, max_size=rows)))
    scale = draw(st.one_of(st.sampled_from([1.0, 1 / 9, 1 / 273, 0.1, -2.5]), FLOATS.filter(bool)))
    place = st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1))
    return Kernel(
        matrix, scale, draw(st.one_of(st.none(), place)), draw(st.sampled_from(["", "a b"]))
    )


@given(
    kernels=st.lists(kernels(), min_size=1, max_size=3).map(tuple),
    bias=st.one_of(added(FLOATS).map(Bias), added(st.floats(-4, 4)).map(lambda n: Bias(share=n))),
    texts=st.tuples(st.text(max_size=50), st.text(max_size=50)),
    toml=st.booleans(),
)
def test_any_recipe_comes_again(
    tmp_path_factory: pytest.TempPathFactory,
    kernels: tuple[Kernel, ...],
    bias: Bias,
    texts: tuple[str, str],
    toml: bool,  # noqa: FBT001 - drawn
) -> None:
    title, source = (text.encode("utf-8", "replace").decode() for text in texts)
    combine = "max" if len(kernels) > 1 else None
    recipe = Recipe("r", kernels, combine=combine, bias=bias, title=title, source=source)
    path = tmp_path_factory.mktemp("draft") / ("r.toml" if toml else "r.yaml")
    text = draft(recipe, "r", toml=toml, schema="s", origin=title)
    path.write_text(text, encoding="utf-8", newline="")
    assert numbers(load_file(path)) == numbers(recipe), text


@pytest.mark.parametrize("name", ["sobel-x", "sobel", "gaussian:2", "emboss-bias", "kirsch"])
def test_a_new_file_fits_the_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    assert run(["kernels", "new", "mine", "--from", name]) == 0
    text = Path("kernels/mine.yaml").read_text(encoding="utf-8")
    jsonschema.Draft7Validator(schema.schema()).validate(yaml.safe_load(text))
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert named == schema.path().absolute().as_uri()


def test_fractions_stay_fractions() -> None:
    assert run(["kernels", "new", "mean", "-m", "1/9 1/9 1/9; 1/9 1/9 1/9; 1/9 1/9 1/9"]) == 0
    text = Path("kernels/mean.yaml").read_text(encoding="utf-8")
    assert "\n  1 1 1\n  1 1 1\n  1 1 1\nscale: 1/9 " in text


def test_a_copy_of_the_schema_beside_it_is_named() -> None:
    Path("mine").mkdir()
    Path("mine", schema.NAME).touch()
    assert run(["kernels", "new", "a", "--kernels", "mine", "--toml"]) == 0
    assert Path("mine/a.toml").read_text().startswith(f"#:schema {schema.NAME}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="shlex quotes for a shell")
def test_what_it_says_to_do_next_works(
    capsys: pytest.CaptureFixture[str], sample_photo: Path
) -> None:
    for place in ([], ["-o", "a folder/soft.toml"], ["--kernels", "."]):
        assert run(["kernels", "new", "soft", "--from", "tent", *place]) == 0
        told = capsys.readouterr().out.split("Next:\n")[1].splitlines()
        assert len(told) == 3
        for line in told:
            words = shlex.split(line.replace("photo.jpg", str(sample_photo)))[1:]
            assert run([*words, *["--overwrite"] * (words[0] == "apply")]) == 0
        capsys.readouterr()


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("im:3x3: 0,-1,0 -1,5,-1 0,-1,0", "matrix: |"),
        ("2*identity - gaussian(2)", "# Made from: 2*identity - gaussian(2)\n"),
        ("template:crop.png", 'operation: "correlate"'),
    ],
)
def test_it_begins_with_anything_that_k_takes(origin: str, words: str) -> None:
    Image.fromarray(np.array([[1, 2], [3, 9]], np.uint8)).save("crop.png")
    assert run(["kernels", "new", "mine", "--from", origin]) == 0
    assert words in Path("kernels/mine.yaml").read_text(encoding="utf-8")
    assert run(["kernels", "check", "kernels/mine.yaml"]) == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["../x"], 3, "is no name of a kernel"),
        (["a/b"], 3, "is no name of a kernel"),
        ([""], 3, "is no name of a kernel"),
        (["a" * 81], 3, "80 at most"),
        (["-m"], 2, ""),
        (["CON"], 3, "is no file name on Windows"),
        (["nul.x"], 3, "is no file name on Windows"),
        (["dot."], 3, "is no file name on Windows"),
        (["rotate"], 3, "is a word of expressions"),
        (["x.yaml"], 3, "would be read as a file"),
        (["x", "--from", "sobel", "-m", "1"], 2, "one kernel or recipe"),
        (["x", "--from", "no-such"], 3, "No kernel is called"),
        (["x", "-o", "x.txt"], 2, "a kernel file ends in"),
        (["x", "-o", "x.yaml", "--toml"], 2, "a kernel file ends in .toml"),
        (["x", "--from", "net.yaml"], 3, "has layers of filters"),
        (["x", "--from", "template:colour.png"], 3, "one filter over several colours"),
        (["x", "--from", "gaussian:sigma=120"], 3, "a kernel file has 8,000,000 at most"),
    ],
)
def test_what_is_refused_leaves_nothing(
    args: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    Path("net.yaml").write_text("layers: [{weights: [[[[1]]]]}]\n")
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save("colour.png")
    before = sorted(here.rglob("*"))
    assert run(["kernels", "new", *args]) == code
    assert words in capsys.readouterr().err
    assert sorted(here.rglob("*")) == before


def test_what_is_there_is_kept_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "new", "a"]) == 0
    before = Path("kernels/a.yaml").read_bytes()
    capsys.readouterr()
    assert run(["kernels", "new", "a", "-m", "1 2 1"]) == 5
    assert "a.yaml" in capsys.readouterr().err
    assert Path("kernels/a.yaml").read_bytes() == before
    assert run(["kernels", "new", "a", "-m", "1 2 1", "--overwrite"]) == 0
    assert "Note" not in capsys.readouterr().out
    assert find("a").kernel.matrix == ((1, 2, 1),)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sobel", "-k sobel meant the shipped sobel.yaml so far"),
        ("gauss", "-k gauss meant the shipped gaussian.yaml so far"),
        ("own", "-k own meant mine/own.yaml so far"),
    ],
)
def test_it_says_what_a_name_meant(
    name: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVCLI_KERNELS", "mine")
    Path("mine").mkdir()
    Path("mine/own.yaml").write_text("matrix: 1 2\n")
    assert run(["kernels", "new", name]) == 0
    assert words in capsys.readouterr().out
