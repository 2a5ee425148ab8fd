"""Kernel files: every key, the traps of YAML and TOML, all faults at once, each with its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from convcli.errors import KernelError
from convcli.kernels.document import Findings
from convcli.kernels.kernel import Bias
from convcli.kernels.kernelfile import check_file, load_file, read_heading

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.kernels.kernel import Matrix, Recipe


def load(folder: Path, text: str, name: str = "mine.yaml") -> Recipe:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_file(path)


def faults(folder: Path, text: str, name: str = "mine.yaml") -> list[str]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [f"{f.line}:{f.column} {f.text}" for f in check_file(path)]


BIASES = "Write sample units (12, -3.5) or a share of the full range (50%)."

FULL = """
name: sobel-x
title: Sobel gradient
about: >-
  Answers to
  vertical edges.
tags: [edge, gradient]
aliases: sx
operation: correlate
matrix: |
  -1 0 1
  -2 0 2
  -1 0 1
scale: 1/8
anchor: [0, 2]
bias: 50%
range: signed
activation: relu
source: Sobel & Feldman 1968
license: CC0-1.0
see: [sobel-y]
"""

FULL_TOML = """
name = "sobel-x"
title = "Sobel gradient"
about = "Answers to vertical edges."
tags = ["edge", "gradient"]
aliases = "sx"
operation = "correlate"
matrix = '''
-1 0 1
-2 0 2
-1 0 1
'''
scale = "1/8"
anchor = [0, 2]
bias = "50%"
range = "signed"
activation = "relu"
source = "Sobel & Feldman 1968"
license = "CC0-1.0"
see = ["sobel-y"]
"""


@pytest.mark.parametrize(("text", "name"), [(FULL, "a.yaml"), (FULL_TOML, "a.toml")])
def test_every_key(tmp_path: Path, text: str, name: str) -> None:
    recipe = load(tmp_path, text, name)
    kernel = recipe.kernel
    assert list(kernel.matrix) == [(-1, 0, 1), (-2, 0, 2), (-1, 0, 1)]
    assert (kernel.scale, kernel.anchor) == (1 / 8, (0, 2))
    assert (recipe.name, recipe.title) == ("sobel-x", "Sobel gradient")
    assert recipe.about == "Answers to vertical edges."
    assert (recipe.tags, recipe.aliases, recipe.see) == (
        ("edge", "gradient"),
        ("sx",),
        ("sobel-y",),
    )
    assert (recipe.operation, recipe.range, recipe.activation) == ("correlate", "signed", "relu")
    assert recipe.bias == Bias(share=0.5)
    assert (recipe.source, recipe.license) == ("Sobel & Feldman 1968", "CC0-1.0")
    assert recipe.origin == str(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "matrix"),
    [
        ("matrix: [[1, 2], [3, 4]]", ((1, 2), (3, 4))),
        ("matrix:\n- [1, 2]\n- [3, 4]", ((1, 2), (3, 4))),
        ("matrix: [1, 2, 1]", ((1, 2, 1),)),
        ("matrix: 1 2 1; 2 4 2", ((1, 2, 1), (2, 4, 2))),
        ("matrix: '1, 2; 3, 4'", ((1, 2), (3, 4))),
        # YAML 1.1 would read octal, a base-60 number, text, a float without digits.
        ("matrix: [[010, 1e3, -.5, 1e-3]]", ((10, 1000, -0.5, 0.001),)),
        ("matrix: [[+1, 1., .5, 0.1]]", ((1, 1, 0.5, 0.1),)),
        ('matrix: [["1", "-2"]]', ((1, -2),)),
        ("matrix: |\n  1 2 # one\n  3 4", ((1, 2), (3, 4))),
        ("row: 1 2 1\ncolumn: -1 0 1", ((-1, -2, -1), (0, 0, 0), (1, 2, 1))),
        ("row: [1, 2, 1]", ((1, 2, 1),)),
        ("column: [1, 2]", ((1,), (2,))),
        ("column: 1/4 1/2 1/4\nrow: 1/3 1/3", ((1, 1), (2, 2), (1, 1))),
        ("generate: {family: binomial, radius: 1}", ((1, 2, 1), (2, 4, 2), (1, 2, 1))),
    ],
)
def test_forms_of_weights(tmp_path: Path, text: str, matrix: Matrix) -> None:
    assert load(tmp_path, text).kernel.matrix == matrix


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("matrix: 1 2 1", 1),
        ("matrix: 1 2 1\nscale: 1/4", 1 / 4),
        ("matrix: 1 2 1\nscale: 0.3", 0.3),
        ("matrix: 1 2 1\nscale: -2", -2),
        ("matrix: 1 2 1\nscale: sum", 1 / 4),
        ("matrix: 1 -2 1\nscale: abs", 1 / 4),
        ("matrix: 1/9 1/9", 1 / 9),
        ("matrix: 1/9 1/9\nscale: 3", 1 / 3),
        ("matrix: 1/9 1/9\nscale: sum", 1 / 2),
        ("column: 1/4 1/2 1/4\nrow: 1/3 1/3", 1 / 12),
        ("generate: {family: box}", 1 / 9),
        ("generate: {family: box}\nscale: 9", 1),
    ],
)
def test_scale(tmp_path: Path, text: str, scale: float) -> None:
    assert load(tmp_path, text).kernel.scale == scale


def test_minus_zero_survives_in_lists(tmp_path: Path) -> None:
    assert str(load(tmp_path, "matrix: [[-0.0, 1]]").kernel.matrix) == "((-0.0, 1.0),)"


def test_a_fault_that_kernels_share_is_told_once(tmp_path: Path) -> None:
    text = "combine: sum\nscale: nine\nkernels: [{matrix: 1 2}, {matrix: 1 2}]\n"
    assert len(faults(tmp_path, text)) == 1


def test_files_beside_the_kernel_file(tmp_path: Path) -> None:
    from PIL import Image

    grey = np.array([[0, 128], [255, 1]], dtype=np.uint8)
    np.save(tmp_path / "w.npy", grey)
    Image.fromarray(grey).save(tmp_path / "w.png")
    (tmp_path / "w.csv").write_text("0,128\n255,1\n")
    for suffix in ("npy", "png", "csv"):
        recipe = load(tmp_path, f"file: w.{suffix}\nscale: sum")
        assert list(recipe.kernel.matrix) == [(0, 128), (255, 1)]
        assert recipe.kernel.scale == 1 / 384


def test_sixteen_bit_pictures_keep_their_levels(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.array([[0, 40_000]], dtype=np.uint16)).save(tmp_path / "w.png")
    assert load(tmp_path, "file: w.png").kernel.matrix == ((0, 40_000),)


def test_several_kernels(tmp_path: Path) -> None:
    load(tmp_path, "matrix: 1 2 3\nscale: 1/2\n", "other.yaml")
    text = """
combine: l1
scale: 1/4
kernels:
  - name: a
    matrix: [[1, 2]]
  - {row: 1 2 1, scale: 3, anchor: [0, 2]}
  - {use: other}
"""
    recipe = load(tmp_path, text)
    assert (recipe.combine, [k.scale for k in recipe.kernels]) == ("l1", [1 / 4, 3, 1 / 8])
    assert [k.name for k in recipe.kernels] == ["a", "", ""]
    assert [k.anchor for k in recipe.kernels] == [None, (0, 2), None]


def test_use_wants_the_same_operation(tmp_path: Path) -> None:
    load(tmp_path, "matrix: -1 0 1\noperation: correlate", "d.yaml")
    assert faults(tmp_path, "kernels: [{use: d}]") == [
        "1:17 'd' is written for correlate; add 'operation: correlate' to this file"
    ]
    assert load(tmp_path, "kernels: [{use: d}]\noperation: correlate").kernel.columns == 3


def test_files_that_use_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kernels: [{use: b}]")
    (tmp_path / "b.yaml").write_text("kernels: [{use: a}]")
    found = check_file(tmp_path / "a.yaml")
    assert len(found) == 1
    assert "'a' uses itself" in found[0].text


def test_the_sample_of_the_manual(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: broken\nmatrix:\n  - [ 1, 0, -1]\n  - [ 2, 0,  x]\n  - [ 1, 0]\n")
    with pytest.raises(KernelError) as caught:
        load_file(path)
    assert str(caught.value) == (
        f"{path}:4:14: 'x' is not a number\n"
        "    3 |   - [ 1, 0, -1]\n"
        "    4 |   - [ 2, 0,  x]\n"
        "                     ^ row 2, column 3\n"
        f"{path}:5: row 3 has 2 numbers, the rows above have 3\n"
        "2 problems in 1 kernel file. Check all with: convcli kernels check"
    )


def test_all_faults_come_in_the_order_of_lines(tmp_path: Path) -> None:
    text = (
        "matirx: 1\nmatrix: |\n  1 2 x\n  3 4\nscale: nine\nscale: 2\n"
        "operation: convolv\nrange: [clip]\nbias: .inf\n"
    )
    assert faults(tmp_path, text) == [
        "1:1 unknown key 'matirx'. Did you mean 'matrix'?",
        "3:7 'x' is not a number",
        "4:3 row 2 has 2 numbers, row 1 has 3",
        "5:8 'scale': 'nine' is not a number (a number, a fraction or one of sum, abs)",
        "6:0 'scale' is given twice (first on line 5)",
        "7:12 'operation' 'convolv' is not one of convolve, correlate. Did you mean 'convolve'?",
        "8:8 'range' takes one value",
        f"9:7 bias '.inf' is not a number. {BIASES}",
    ]


def test_toml_faults_have_places(tmp_path: Path) -> None:
    text = """# a comment with [ and '
name = "d"
rang = 'clip'
combine = "sum"
[[kernels]]
matrix = [
  [1, 2],  # ]
  [3, "x"],
]
[[kernels]]
matrix = [[1, 2], [3]]
anchor = [0,
  7, 1]
"""
    assert faults(tmp_path, text, "a.toml") == [
        "3:1 unknown key 'rang'. Did you mean 'range'?",
        "8:7 'x' is not a number",
        "11:0 row 2 has 1 number, row 1 has 2",
    ]
    assert faults(tmp_path, "matrix = [[1]]\n\nmatrix = [[2]]\n", "a.toml") == [
        "3:0 'matrix' is given twice (first on line 1)"
    ]
    assert faults(tmp_path, "matrix = [[1]]\na = = 1\n", "a.toml") == [
        "2:5 is not TOML: Invalid value"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("- 1\n", "is not a kernel file"),
        ("matrix:\n", "'matrix' has no value"),
        ("matrix: 5\n", "'matrix' is a list of rows: write [[5]]"),
        ("matrix: [[]]\n", "row 1 is empty"),
        ("matrix: {a: 1}\n", "is a text block or a list of rows"),
        ("matrix: [[1, on]]\n", "'on' is not a number"),
        ("matrix: [[1, 12:30:45]]\n", "'12:30:45' is not a number"),
        ("matrix: [[1, 0x10]]\n", "'0x10' is not a number"),
        ("matrix: [[1, ]]\nscale: 0\n", "a scale of 0 is impossible"),
        ("matrix: [[1, -1]]\nscale: sum\n", "can't scale by 'sum': the numbers add up to 0"),
        ("matrix: [[1, 2]]\nanchor: [0, 2]\n", "anchor 0,2 lies outside the 1x2 matrix"),
        ("matrix: [[1, 2]]\nanchor: [0]\n", "'anchor' is [row, column]"),
        ("matrix: [[1, 2]]\nanchor: [0, -1]\n", "'anchor' is [row, column]"),
        ("matrix: [[1]]\nrow: [1]\n", "'matrix' and 'row' both give weights"),
        (
            "matrix: [[1]]\nkernels: [{matrix: [[1]]}]\n",
            "'matrix' and 'kernels' exclude each other",
        ),
        ("kernels: [{matrix: [[1]]}, {matrix: [[1]]}]\n", "needs 'combine:'"),
        ("kernels: [1]\n", "a kernel of the list needs keys"),
        ("kernels: [{use: nosuch}]\n", "No kernel is called 'nosuch'"),
        ("row: [[1, 2], [3, 4]]\n", "'row' is a single line of numbers"),
        ("generate: gaussian\n", "'generate' needs a family"),
        ("generate: {family: gausian}\n", "Did you mean 'gaussian'?"),
        ("generate: {family: gaussian, sgma: 2}\n", "Did you mean 'sigma'?"),
        ("generate: {family: gaussian, sigma: [2]}\n", "'sigma' takes one value"),
        ("file: missing.csv\n", "does not exist"),
        ("file: ../up.csv\n", "in the same folder"),
        ("file: /etc/passwd\n", "in the same folder"),
        ("file: k.pickle\n", "in the same folder"),
        ("name: a/b\nmatrix: [[1]]\n", "may hold letters, digits"),
        ('name: "a\\nb"\nmatrix: [[1]]\n', "'a\\nb' may hold letters"),
        ('title: "a\\e[2J"\nmatrix: [[1]]\n', "'title' holds control characters"),
        ("tags: {a: b}\nmatrix: [[1]]\n", "'tags' is a list"),
        ("matrix: [[1]]\n---\nmatrix: [[1]]\n", "a second document begins here"),
        ("a: &a [1]\nmatrix: [*a]\n", "alias '*a': write the values out"),
        ("matrix: !!float 1\n", "tag 'tag:yaml.org,2002:float': a kernel file is plain data"),
        ("matrix: |\n   1 2\n  3 4\n", "no line of a text block may begin further left than its"),
        ("matrix: [1, 2\n", "is not YAML"),
    ],
)
def test_refusals(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(KernelError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_file_outside_through_a_link_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("1,2\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(KernelError, match="in the same folder"):
        load(inside, "file: link.csv")


def test_not_utf8_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"matrix: [[1]]\n# caf\xe9\n")
    assert [(f.line, f.text[:40]) for f in check_file(path)] == [
        (2, "is not UTF-8: byte 0xe9 at offset 19; sa")
    ]


def test_files_that_are_no_files(tmp_path: Path) -> None:
    assert "does not exist" in check_file(tmp_path / "none.yaml")[0].text
    assert "is not a file" in check_file(tmp_path)[0].text
    assert check_file(tmp_path / ("n" * 300 + ".yaml"))
    (tmp_path / "big.yaml").write_bytes(b"#" * 8_000_001)
    assert "is larger than 8 MB" in check_file(tmp_path / "big.yaml")[0].text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("matrix: [" + ("[1" + ",1" * 999 + "],\n") * 1000, "a.yaml"),
        ("matrix:\n" + "- [1,1,1,1]\n" * 100_000, "a.yaml"),
        ("matrix = [" + "[1" + ",1" * 80_000 + "]]", "a.toml"),
        ("matrix = " + "[" * 5000 + "]" * 5000, "a.toml"),
        ("matrix: " + "[" * 5000 + "]" * 5000, "a.yaml"),
        (".".join("a" * 20_000) + " = 1", "a.toml"),
        ("x = {" + "a." * 5000 + "a = 1}", "a.toml"),
        ("".join(f"k{i}: 1\n" for i in range(100_000)), "a.yaml"),
        ("matrix: " + "9" * 5_000_000, "a.yaml"),
        ("matrix = " + "9" * 100_000, "a.toml"),
        ("matrix = '''" + "x " * 900_000 + "'''", "a.toml"),
        ("matrix = '''\n" + "x\n" * 900_000 + "'''", "a.toml"),
        ("matrix = [" + "['x']," * 60_000 + "]", "a.toml"),
        ("matrix:\n" + "- [x]\n" * 60_000, "a.yaml"),
        ("matrix: |\n" + "  1\n  1 1\n" * 300_000, "a.yaml"),
    ],
    ids=lambda text: text[:12],
)
def test_hostile_files_are_refused_in_time(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    begun = time.process_time()
    assert check_file(path)
    assert time.process_time() - begun < 10  # a hang, not a benchmark


def test_large_text_blocks_are_read(tmp_path: Path) -> None:
    rows = "\n".join("  " + "1 2 " * 250 for _ in range(500))
    kernel = load(tmp_path, "matrix: |\n" + rows + "\n").kernel
    assert (kernel.rows, kernel.columns, kernel.sum) == (500, 500, 375_000)


def test_headings_are_read_without_weights(tmp_path: Path) -> None:
    path = tmp_path / "late.yaml"
    path.write_text("title: Late\ntags: [a]\ngenerate: {family: nosuch}\n")
    heading = read_heading(path)
    assert (heading.name, heading.title, heading.tags) == ("late", "Late", ("a",))
    path.write_text("title: [")
    assert read_heading(path).name == "late"
    assert "is not YAML" in read_heading(path).problem


def test_what_is_forgotten_is_told_again() -> None:
    found = Findings("mine.toml", "a\nb\nc")
    for _ in range(2):
        found.at(0, 0, "wrong")
        found.at(0, 0, "wrong")
        assert [fault.text for fault in found.faults] == ["wrong"]
        found.forget()
        assert not found.faults


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_lines_are_those_of_the_file_whatever_was_asked_before(end: str) -> None:
    text = "\n".join(map(str, range(40))) + end
    for first in range(1, 45):
        found = Findings("mine.yaml", text)
        written = text.split("\n")
        assert found.lines_to(first)[:first] == written[:first]
        assert found.lines_to(first + 3)[: first + 3] == written[: first + 3]
        assert found.lines == written
