"""`kernels check` as a linter: what is allowed and yet looks like a mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from convcli.cli.main import run
from convcli.kernels.library import resolver, search_path, shipped_kernels
from convcli.kernels.lint import odd_cell, warnings

if TYPE_CHECKING:
    from convcli.kernels.kernel import Matrix

ROOT = Path(__file__).parents[1]


def told(folder: Path, text: str) -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(text)
    places = search_path((folder,))
    return [str(fault) for fault in warnings(path, resolve=resolver(places, (path,)))]


def block(rows: str, more: str = "") -> str:
    return f"{more}matrix: |\n" + "".join(f"  {row.strip()}\n" for row in rows.split("/"))


@pytest.mark.parametrize(
    "path", sorted(shipped_kernels().glob("*.*ml")), ids=lambda path: path.name
)
def test_no_shipped_kernel_is_doubted(path: Path) -> None:
    assert not warnings(path, resolve=resolver(search_path(), (path,)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (block("0 0 -1 0 0/0 -1 -2 -1 0/-1 -2 15.9 -2 -1/0 -1 -2 -1 0/0 0 -1 0 0"), "almost 0"),
        (block("1 1e252/2 3"), "memory that was never filled"),
        (block("-1 -1 -1/-1 9 -1/-1 -1 -1", "tags: [edge]\n"), "what finds edges sums to 0"),
        (block("0 -1 0/-1 5 -1/0 -1 0", "name: laplacian\n"), "this sharpens"),
        (block("0 0 0/0 0 0/0 0 0", "tags: [edge]\n"), "every weight is 0"),
        (block("1 1 1/1 1 1/1 1 1", "tags: [blur]\n"), "sum to 9: a blur sums to 1"),
        (block("1 2 1/2 4 2/1 2 1", "tags: [blur]\nscale: 1/15\n"), "sum to 1.06667"),
        # The six that are copied from page to page.
        (block("1 1.414 1/0 0 0/1 1.414 1"), "same sign in both outer rows"),
        (block("1 0 1/1.414 0 1.414/1 0 1"), "same sign in both outer rows"),  # a quarter turn
        (block("1 1.41421 1/0 0 0/-1 -1.41421 -1", "scale: 0.70711\n"), "times 0.7071"),
        (block("1 -2 1/-2 4 -2/-1 -2 1", "scale: 1/6\n"), "all corners are 1"),
        (
            block("0 0 -1 0 0/0 -1 -2 -1 0/-1 -2 17 -2 -1/0 -1 -2 -1 0/0 0 -1 0 0"),
            "the Laplacian has 16 in the middle",
        ),
        (block("-1 0 -1/-1 2 -1/-1 2 -1"), "the middle column is 2 2 2"),
        (block("3 3 3/3 0 3/-5 -5 -5"), "Kirsch with all signs turned"),
    ],
)
def test_what_is_doubted(text: str, words: str, tmp_path: Path) -> None:
    [doubt] = told(tmp_path, text)
    assert words in doubt


@pytest.mark.parametrize(
    "text",
    [
        block("0 -1 0/-1 5 -1/0 -1 0"),
        block("1 1.41421 1/0 0 0/-1 -1.41421 -1", "scale: 0.35355\n"),
        block("-3 -3 -3/-3 0 -3/5 5 5"),
        block(
            "0 0 -1 0 0/0 -1 -2 -1 0/-1 -2 17 -2 -1/0 -1 -2 -1 0/0 0 -1 0 0", "tags: [sharpen]\n"
        ),
        block("-2 -1 0/-1 1 1/0 1 2"),
        block("0.111 0.111 0.111/0.111 0.111 0.111/0.111 0.111 0.111", "tags: [blur]\n"),
        block("-1 2 -1/2 4 2/-1 2 -1", "tags: [blur]\n"),
        block("1 2 3/4 5 6/7 8 9"),
        block("-1 -1 -1/-1 8.4 -1/-1 -1 -1"),  # 2.4 % of the sum of sizes
        block("1 2 1/3 4 3/5 7 6"),  # two pairs that are kept are few
        "generate: {family: gaussian, sigma: 3}\n",
    ],
)
def test_what_is_right_is_not_doubted(text: str, tmp_path: Path) -> None:
    assert not told(tmp_path, text)


def test_large_matrices_are_looked_at_as_far_as_people_type_them(tmp_path: Path) -> None:
    for side, doubts in ((9, 1), (63, 1), (65, 0)):
        rows = [["1"] * side for _ in range(side)]
        rows[2][3] = "2"
        assert len(told(tmp_path, block("/".join(map(" ".join, rows))))) == doubts


@pytest.mark.parametrize(
    ("matrix", "odd"),
    [
        (((1, 2, 1), (2, 4, 2), (1, 3, 1)), (2, 1)),
        (((1, 2, 1), (2, 4, 2), (1, 2, 7)), (2, 2)),
        (((-1, 0, 1), (-2, 0, 2), (-1, 0, -1)), (2, 2)),
        (((1, 4, 6, 4, 1), (4, 16, 24, 16, 4), (6, 24, 36, 42, 6), (4, 16, 24, 16, 4),
          (1, 4, 6, 4, 1)), (2, 3)),
        (((1, 1, 1), (1, -2, 1), (-1, -1, -1)), None),
        (((1, 2, 1), (2, 4, 2), (1, 2, 1)), None),
        (((1, 2, 3),), None),
        (((0, 0, 0), (0, -1, 1), (0, 0, 0)), None),
    ],
)  # fmt: skip
def test_the_cell_that_breaks_a_symmetry(matrix: Matrix, odd: tuple[int, int] | None) -> None:
    assert odd_cell(matrix) == odd


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.yaml", "# mine\nmatrix: |\n  1 2 1\n  2 4 2\n  1  3 1\n", "5:6"),
        ("b.yaml", "matrix:\n  - [1, 2, 1]\n  - [2, 4, 2]\n  - [1, 3, 1]\n", "4:9"),
        ("c.toml", "matrix = '''\n1 2 1\n2 4 2\n1 3 1\n'''\n", "4:3"),
        ("d.toml", "matrix = [[1, 2, 1], [2, 4, 2],\n  [1, 3, 1]]\n", "2:7"),
        ("e.yaml", 'matrix: "1 2 1; 2 4 2; 1 3 1"\n', "1:9"),
    ],
)
def test_a_warning_names_line_and_column(
    name: str, text: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert run(["kernels", "check", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert f"{name}:{place}: warning: 3 breaks a symmetry" in said.out
    assert said.err == "0 faults and 1 warning in 1 kernel file.\n"
    assert run(["kernels", "check", "--strict", str(tmp_path)]) == 3


def test_faults_come_before_doubts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ragged.yaml").write_text("matrix: |\n  1 2 1\n  2 4\n")
    (tmp_path / "infinite.toml").write_text("matrix = [[1, inf]]\n")
    assert run(["kernels", "check", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert re.search(r"ragged\.yaml:3.*row 2 has 2 numbers, row 1 has 3", said.out)
    assert re.search(r"infinite\.toml:1:\d+: ", said.out)
    assert said.err == "2 faults in 2 kernel files.\n"


def test_the_hook_of_pre_commit_finds_kernel_files_and_is_a_command() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert re.search(hook["files"], "kernels/sobel.yaml")
    assert re.search(hook["files"], "my/kernels/detail.toml")
    assert not re.search(hook["files"], "kernels/weights.csv")
    program, *args = hook["entry"].split()
    assert program == "convcli"
    assert run([*args, str(shipped_kernels() / "sobel.yaml")]) == 0


def test_a_file_is_checked_with_those_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "near.yaml").write_text("matrix: [[1, 2, 1]]\n")
    (tmp_path / "far.yaml").write_text("expression: near * near / 16\n")
    (tmp_path / "both.yaml").write_text("kernels:\n- {use: near}\n- use: far\ncombine: max\n")

    assert run(["kernels", "check", str(tmp_path)]) == 0

    assert "0 faults in 3 kernel files." in capsys.readouterr().err
