"""`kernels`: list, show, check, path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from convcli.cli.main import run
from convcli.cli.show import fraction

if TYPE_CHECKING:
    from pathlib import Path


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert run(["kernels", "show", *args, "--json"]) == 0
    [document] = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_a_bare_kernels_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels"]) == 0
    bare = capsys.readouterr().out
    assert run(["kernels", "list"]) == 0
    assert capsys.readouterr().out == bare
    assert any(line.startswith("sobel-x ") for line in bare.splitlines())


def test_a_tag_narrows_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "list", "--tag", "edge", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    names = {entry["name"] for entry in entries}
    assert {"sobel", "laplacian4"} <= names
    assert "box" not in names
    assert all("edge" in entry["tags"] for entry in entries)
    assert run(["kernels", "list", "--tag", "nonsense"]) == 3
    assert "No kernel has the tag 'nonsense'" in capsys.readouterr().err


def test_facts_of_a_separable_edge_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    [kernel] = shown(capsys, "-m", "1/8 * -1 0 1; -2 0 2; -1 0 1")["kernels"]
    assert kernel["sum"] == 0
    assert kernel["rank"] == 1
    assert kernel["factors"] == {"column": [1, 2, 1], "row": [-1, 0, 1]}
    assert kernel["convolve_and_correlate"] == "negated"
    assert kernel["range_for_8_bit"] == [-127.5, 127.5]
    assert kernel["anchor"] == [1, 1]
    assert kernel["scale"] == 1 / 8


def test_facts_of_other_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    [box] = shown(capsys, "-m", "1/9 * 1 1 1; 1 1 1; 1 1 1")["kernels"]
    assert box["convolve_and_correlate"] == "same"
    [odd] = shown(capsys, "-m", "1 2; 3 4")["kernels"]
    assert odd["convolve_and_correlate"] == "different"
    assert (odd["rank"], odd["factors"]) == (2, None)
    assert odd["range_for_8_bit"] == [0, 2550]


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ("1 1 1", "convolve and correlate give the same result"),
        ("-1 0 1", "convolve and correlate differ"),
        ("-1 0 1", "sum     0: flat areas become 0"),
        ("1/3 * 1 1 1", "sum     1: flat areas stay as they are"),
        ("1/3 * 1 1 1", "scale   1/3"),
        ("1 2; 3 4", "rank    2: not separable"),
        ("1 2; 2 4", "rank    1: a column (1 2) times a row (1 2)\n"),
        (
            "1 1 1; 1 1 1",
            "rank    1: a column (1 1) times a row (1 1 1), 5 multiplications instead",
        ),
        ("-1 0 1", "rank    1: a column (1) times a row (-1 0 1)\n"),
        ("0 0", "rank    0: nothing but zeros"),
        ("-1 0 1", "output  -255 .. 255 for 8-bit images"),
    ],
)
def test_what_show_says(matrix: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "show", "-m", matrix]) == 0
    assert words in capsys.readouterr().out


def test_show_ends_with_three_commands_that_name_the_kernel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["kernels", "show", "gaussian:sigma=2"]) == 0
    told = capsys.readouterr().out.split("Try:\n")[1].splitlines()
    assert len(told) == 3
    assert all("-k gaussian:sigma=2" in line for line in told)


def test_colours_follow_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert run(["kernels", "show", "-m", "-1 0 1"]) == 0
    warm = capsys.readouterr().out
    assert "48;2;33;102;172m -1 " in warm
    assert "48;2;230;97;1m  1 " in warm
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["kernels", "show", "-m", "-1 0 1"]) == 0
    cold = capsys.readouterr().out
    assert "\x1b" not in cold
    assert "-1   0   1" in cold


def test_a_matrix_too_wide_to_print_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "show", "gaussian:sigma=9"]) == 0
    told = capsys.readouterr().out
    assert "too wide to print" in told
    assert max(map(len, told.splitlines())) <= 100


def test_show_needs_a_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "show"]) == 2
    assert "Which kernel?" in capsys.readouterr().err


def test_check_tells_every_fault_of_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.yaml").write_text("name: good\nmatrix: 1 2 1\n")
    (tmp_path / "one.yaml").write_text("name: one\nmatirx: 1 2 1\n")
    (tmp_path / "two.toml").write_text('name = "two"\nmatrix = "1 x"\nscale = "y"\n')
    assert run(["kernels", "check", str(tmp_path)]) == 3
    told = capsys.readouterr()
    for words in ("one.yaml:2", "matirx", "two.toml:2", "'x'", "two.toml:3"):
        assert words in told.out
    assert "in 3 kernel files" in told.err
    assert run(["kernels", "check", str(tmp_path / "good.yaml")]) == 0
    assert run(["kernels", "check", str(tmp_path / "none.yaml")]) == 4
    (tmp_path / "empty").mkdir()
    assert run(["kernels", "check", str(tmp_path / "empty")]) == 4
    assert "empty holds no kernel files.\nThey end in .yaml" in capsys.readouterr().err


def test_all_shipped_kernels_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "check"]) == 0
    assert "0 faults in" in capsys.readouterr().err


def test_a_folder_of_kernels_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "box.yaml").write_text("name: box\ntitle: Mine\nmatrix: 1 2 3\n")
    (tmp_path / "bad.yaml").write_text("name: bad\nmatrix: [1\n")
    folder = ("--kernels", str(tmp_path))
    assert shown(capsys, "box", *folder)["kernels"][0]["matrix"] == [[1, 2, 3]]
    assert run(["kernels", "path", *folder]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path)
    assert run(["kernels", "list", *folder]) == 0
    told = capsys.readouterr()
    boxes = [line for line in told.out.splitlines() if line.startswith("box ")]
    assert len(boxes) == 1
    assert "Mine" in boxes[0]
    assert "bad.yaml" in told.err


@pytest.mark.parametrize(("scale", "words"), [(1 / 9, "1/9"), (1.0, "1"), (0.3, "0.3"), (2, "2")])
def test_a_scale_is_a_fraction_where_it_is_one(scale: float, words: str) -> None:
    assert fraction(scale) == words


def test_the_length_of_a_gradient_does_not_know_its_sign(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(capsys, "sobel")["convolve_and_correlate"] == "same"
    assert shown(capsys, "sobel-x")["convolve_and_correlate"] == "different"
    assert run(["kernels", "show", "sobel"]) == 0
    told = capsys.readouterr().out
    assert "combine    magnitude: convolve and correlate give the same result" in told
    assert "-k sobel --padding edge" in told
