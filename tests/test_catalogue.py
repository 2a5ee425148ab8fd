"""Every shipped kernel against the table of `catalogue_facts`, and against what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from catalogue_facts import FACTS, NEGATED, OTHER, SAME

import convcli
from convcli.kernels.kernelfile import check_file
from convcli.kernels.library import Entry, Place, find, listing, shipped_kernels

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel, Recipe

PLACES = [Place(shipped_kernels(), "shipped")]

GRADIENTS = (
    *("ando3", "bickley", "central", "freichen", "prewitt", "savgol5", "scharr", "scharr-opt"),
    *("sobel", "sobel5", "sobel7"),
)
# Name, slope to the right, slope downwards; an x kernel sees no slope downwards.
RAMPS = [
    *((f"{name}-x", 1.0, 0.0) for name in GRADIENTS),
    *((f"{name}-y", 0.0, 1.0) for name in GRADIENTS),
    ("forward-x", 1.0, 0.0),
    ("backward-x", 1.0, 0.0),
    ("forward-y", 0.0, 1.0),
    ("backward-y", 0.0, 1.0),
    ("haar-x", 1.0, 0.0),
    ("haar-y", 0.0, 1.0),
    ("haar-d", 0.0, 0.0),
    ("ando4-x", 1.000002, 0.0),  # as published
    ("ando4-y", 0.0, 1.000002),
    ("ando5-x", 1.000004, 0.0),
    ("ando5-y", 0.0, 1.000004),
    ("gauss-dx", 0.999928, 0.0),  # sampled, and cut off at 4 sigma
    ("gauss-dy", 0.0, 0.999928),
    ("esri-gradient-e", -2.0, 0.0),
    ("esri-gradient-n", 0.0, 2.0),
    ("gradient", 1.0, 0.0),
    ("farid5-x", 0.991798, 0.0),  # as published: 2 * (0.276691 + 2 * 0.109604) * 1.000000
    ("farid5-y", 0.0, 0.991798),
    ("roberts-1", -1.0, -1.0),  # rises to the upper left
    ("roberts-2", 1.0, -1.0),  # rises to the upper right
]
# The slope of these is beside the point: the longest answer is to be white.
LENGTHS = (
    *("central", "freichen", "kirsch", "prewitt", "roberts", "robinson", "scharr", "sobel"),
    *("bickley", "esri-gradient", "farid", "scharr-opt", "sobel5", "sobel7"),
)
# Kernels of one basis that differ in size on purpose.
BASES = ("freichen-edge", "freichen-line")


def entries() -> list[Entry]:
    return listing(PLACES)


def shipped(name: str) -> Recipe:
    return find(name, PLACES)


def turn(kernel: Kernel) -> str:
    return SAME if kernel.flip_invariant else NEGATED if kernel.flip_negates else OTHER


def slopes(kernel: Kernel) -> tuple[float, float]:
    """The answer to a ramp that rises by 1 per pixel to the right, and downwards."""
    rows, columns = np.indices((kernel.rows, kernel.columns))
    weights = np.array(kernel.weights)
    row, column = kernel.center
    return float((weights * (columns - column)).sum()), float((weights * (rows - row)).sum())


def test_the_table_and_the_folder_hold_the_same_names() -> None:
    assert {entry.name for entry in entries()} == set(FACTS)
    assert len(FACTS) == 201


@pytest.mark.parametrize("name", FACTS)
def test_weights_are_those_of_the_literature(name: str) -> None:
    kernel, facts = shipped(name).kernel, FACTS[name]
    assert kernel.sum == pytest.approx(facts.sum, abs=1e-12)
    assert turn(kernel) == facts.turn
    assert facts.rank is None or kernel.rank == facts.rank
    wanted = kernel.positive if facts.positive is None else facts.positive
    assert kernel.positive == (
        pytest.approx(wanted, rel=1e-5) if type(wanted) in {float, int} else wanted
    )


@pytest.mark.parametrize(("name", "right", "down"), RAMPS)
def test_a_gradient_gives_the_slope_of_a_ramp(name: str, right: float, down: float) -> None:
    assert slopes(shipped(name).kernel) == pytest.approx((right, down), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", sorted({*FACTS} - {*BASES}))
def test_kernels_of_a_recipe_weigh_alike(name: str) -> None:
    recipe = shipped(name)
    for kernel in recipe.kernels:
        assert kernel.positive == pytest.approx(recipe.kernel.positive, rel=1e-12)
        assert kernel.sum == pytest.approx(recipe.kernel.sum, abs=1e-12)


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_full_step_answers_with_full_white(name: str, axis: int) -> None:
    step = np.zeros((12, 12), np.uint8)
    step[:, 6:] = 255
    found = convcli.apply(step if axis else step.T, name, folders=[shipped_kernels()])
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("line-horizontal", [4] * 9, range(9)),
        ("line-vertical", range(9), [4] * 9),
        ("line-45", range(8, -1, -1), range(9)),
        ("line-135", range(9), range(9)),
    ],
)
def test_a_line_detector_answers_to_its_own_direction(name: str, rows: Any, columns: Any) -> None:
    picture = np.zeros((9, 9))
    picture[rows, columns] = 1
    names = ("line-horizontal", "line-vertical", "line-45", "line-135")
    answers = {n: float((picture[3:6, 3:6] * shipped(n).kernel.weights).sum()) for n in names}
    assert answers.pop(name) == pytest.approx(1)
    assert list(answers.values()) == pytest.approx([0, 0, 0], abs=1e-12)
    painted = np.uint8(255) * picture.astype(np.uint8)
    assert convcli.apply(painted, "lines", folders=[shipped_kernels()])[4, 4] == 255


def test_compass_kernels_are_one_ring_turned() -> None:
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    for name in ("kirsch", "robinson", "prewitt-compass"):
        first, *others = (kernel.matrix for kernel in shipped(name).kernels)
        ring = [first[i][j] for i, j in around]
        turned = {tuple(ring[-step:] + ring[:-step]) for step in range(1, 8)}
        assert {tuple(matrix[i][j] for i, j in around) for matrix in others} == turned
        assert {matrix[1][1] for matrix in others} == {first[1][1]}
    singles = {kernel.matrix for kernel in shipped("kirsch").kernels}
    names = ("n", "ne", "e", "se", "s", "sw", "w", "nw")
    assert {shipped(f"kirsch-{name}").kernel.matrix for name in names} == singles


@pytest.mark.parametrize(
    ("name", "brighter"),
    [("n", (-1, 0)), ("ne", (-1, 1)), ("e", (0, 1)), ("se", (1, 1))],
)
def test_a_compass_kernel_answers_to_its_bright_side(name: str, brighter: tuple[int, int]) -> None:
    opposite = {"n": "s", "ne": "sw", "e": "w", "se": "nw"}[name]
    down, right = brighter
    for kernel, sign in ((f"kirsch-{name}", 1), (f"kirsch-{opposite}", -1)):
        x, y = slopes(shipped(kernel).kernel)
        assert (np.sign(y), np.sign(x)) == (sign * down, sign * right)


def test_a_kernel_that_a_half_turn_changes_says_how_it_is_meant() -> None:
    silent = {
        name
        for name in FACTS
        if shipped(name).operation is None
        and any(not kernel.flip_invariant for kernel in shipped(name).kernels)
    }
    assert not silent


def test_both_signs_of_a_lone_derivative_are_seen() -> None:
    clipped = {
        name
        for name in FACTS
        if len(shipped(name).kernels) == 1
        and shipped(name).kernel.zero_sum
        and shipped(name).range != "signed"
    }
    # One is white on black on purpose, the others stand on a bias.
    assert clipped == {
        *("outline", "contour", "emboss-bias", "emboss-laplacian"),
        *("emboss-all", "emboss-hv", "emboss-h", "emboss-v"),
    }


def test_every_file_is_faultless_and_says_what_it_is() -> None:
    for entry in entries():
        recipe = shipped(entry.name)
        assert not check_file(entry.origin)
        assert entry.origin.stem == recipe.name
        assert recipe.title, entry.name
        assert recipe.about, entry.name
        assert recipe.tags, entry.name
        assert recipe.source, entry.name


def test_names_and_aliases_are_unique_and_mentions_exist() -> None:
    aliases = [alias for entry in entries() for alias in entry.aliases]
    assert len({*aliases, *FACTS}) == len(aliases) + len(FACTS)
    for name in FACTS:
        assert set(shipped(name).see) <= {*FACTS, *aliases}, name


def test_files_are_written_in_both_languages() -> None:
    suffixes = [entry.origin.suffix for entry in entries()]
    assert set(suffixes) == {".yaml", ".toml"}
    assert suffixes.count(".toml") >= 40
