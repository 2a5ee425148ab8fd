"""What any convolution obeys: how far a sample sees, shifts, order and turning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from reference import run, stage_of

from convcli.padding import Padding

if TYPE_CHECKING:
    from convcli.spec import Stage

ZERO = Padding("constant")
K = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

# --- how far a sample sees ----------------------------------------------------------------------


def field_of(stages: list[Stage], output: int) -> tuple[int, int]:
    """First and last input that an output of the chain reads; the chain is long enough."""
    first, last = output, output
    for stage in reversed(stages):
        needs = stage.needs(0, first, last + 1, 1000)
        first, last = int(needs[0]), int(needs[-1])
    return first, last


@pytest.mark.parametrize(
    ("layers", "stride", "dilation", "field", "jump"),
    [(1, 1, 1, 3, 1), (2, 1, 1, 5, 1), (3, 1, 1, 7, 1), (2, 2, 1, 7, 4), (1, 1, 2, 5, 1)],
)
def test_receptive_fields(layers: int, stride: int, dilation: int, field: int, jump: int) -> None:
    layer = stage_of(
        np.ones((3, 3)), extent="valid", stride=(stride, stride), dilation=(dilation, dilation)
    )
    first, last = field_of([layer] * layers, 0)
    assert last - first + 1 == field
    assert field_of([layer] * layers, 1) == (first + jump, last + jump)
    # An impulse anywhere inside is seen, one sample further it is not.
    for shape in ((field, 1), (field, field + 1)):
        image = np.zeros((field, field + 1))
        image[shape[0] - 1, shape[1] - 1] = 1
        response = run(image, *[layer] * layers)
        assert response[0, 0] == (1.0 if shape[1] <= field else 0.0)
    everywhere = run(np.ones((field, field)), *[layer] * layers)
    assert everywhere.tolist() == [[9.0**layers]]


def test_the_middle_of_the_second_layer_sees_all_five_inputs() -> None:
    layer = stage_of([1, 2, 4], "correlate", padding=ZERO)
    seen = [run(unit, layer, layer)[2] for unit in np.eye(5)]
    assert seen == [1, 4, 12, 16, 16]  # (1 + 2x + 4x^2) squared


# --- shift then filter is filter then shift -----------------------------------------------------


@pytest.mark.parametrize("shift", [(1, 0), (0, 2), (3, 4), (-2, 5)])
def test_translation_equivariance(shift: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 256, (7, 8))
    for operation in ("convolve", "correlate"):
        stage = stage_of([[1, 2, 3], [-4, 5, 6]], operation, padding=Padding("wrap"))
        shifted = run(np.roll(image, shift, (0, 1)), stage)
        np.testing.assert_array_equal(shifted, np.roll(run(image, stage), shift, (0, 1)))


def test_with_a_stride_only_shifts_by_its_multiples_commute() -> None:
    image = np.random.default_rng(2).integers(0, 256, (6, 8))
    stage = stage_of(K, padding=Padding("wrap"), stride=(2, 2))
    output = run(image, stage)
    moved = run(np.roll(image, (2, -4), (0, 1)), stage)
    np.testing.assert_array_equal(moved, np.roll(output, (1, -2), (0, 1)))
    odd = run(np.roll(image, 1, 0), stage)
    assert not any(np.array_equal(odd, np.roll(output, shift, 0)) for shift in range(3))


def test_away_from_borders_any_padding_commutes_with_shifts() -> None:
    image = np.zeros((9, 9))
    image[3:5, 3:6] = K[:2]
    stage = stage_of(K)
    moved = run(np.roll(image, (1, -1), (0, 1)), stage)
    np.testing.assert_array_equal(moved, np.roll(run(image, stage), (1, -1), (0, 1)))


def test_convolution_associates_and_correlation_turns() -> None:
    image = np.random.default_rng(4).integers(0, 256, (5, 6))
    first, second = [[1, 2], [3, 4]], [[-1, 0, 2]]
    whole: dict[str, Any] = {"extent": "full", "padding": ZERO}
    both = run(first, stage_of(second, **whole))
    in_turn = run(image, stage_of(first, **whole), stage_of(second, **whole))
    np.testing.assert_array_equal(run(image, stage_of(both, **whole)), in_turn)
    turned = np.array(first)[::-1, ::-1]
    np.testing.assert_array_equal(
        run(image, stage_of(first, "correlate", **whole)),
        run(image, stage_of(turned, "convolve", **whole)),
    )
