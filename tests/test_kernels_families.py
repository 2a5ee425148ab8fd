"""Kernels by formula, against SciPy, OpenCV, published numbers and worked ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage, special

from convcli.errors import KernelError
from convcli.kernels import families, smoothing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.kernel import Kernel

BLURS = ("box", "tent", "binomial", "gaussian", "disk", "motion")
ZERO_SUMS = ("laplacian", "log", "dog", "highpass", "gradient", "gauss-derivative", "gabor", "laws")


def made(name: str, **given: Any) -> Kernel:
    return families.make(name, given).kernel


def weights(name: str, **given: Any) -> NDArray[np.float64]:
    return np.array(made(name, **given).weights)


def test_every_family_has_defaults_that_work() -> None:
    for name, family in families.FAMILIES.items():
        assert family.about
        assert all(knob.help and knob.allowed for knob in family.knobs)
        assert made(name).absolute > 0


@pytest.mark.parametrize("name", BLURS)
def test_blurs_sum_to_one_and_keep_their_half_turn(name: str) -> None:
    kernel = made(name)
    assert kernel.sum == pytest.approx(1, abs=1e-15)
    assert kernel.negative == 0
    assert kernel.flip_invariant


@pytest.mark.parametrize("name", ZERO_SUMS)
def test_answers_to_change_sum_to_nothing(name: str) -> None:
    assert made(name).zero_sum


@pytest.mark.parametrize("t", [1e-4, 0.01, 0.09, 0.25, 1.0, 4.0, 100.0, 10_000.0])
def test_bessel_recurrence_against_scipy(t: float) -> None:
    count = int(8 * math.sqrt(t)) + 3
    expected = special.ive(np.arange(count + 1), t)
    np.testing.assert_allclose(smoothing.bessel_line(t, count), expected, rtol=2e-13, atol=0)


# The variance that each sampling delivers; asked for is sigma squared.
VARIANCES = {
    (0.3, "point", None): 0.0077,
    (0.3, "integral", None): 0.0956,
    (0.3, "discrete", 2): 0.0897,
    (0.5, "point", None): 0.215,
    (0.5, "integral", None): 0.325,
    (0.5, "discrete", None): 0.245,
    (1.0, "point", None): 1.000,
    (1.0, "integral", None): 1.083,
    (1.0, "discrete", None): 0.995,
    (2.0, "point", None): 3.999,
    (2.0, "integral", None): 4.082,
    (2.0, "discrete", None): 3.992,
}


@pytest.mark.parametrize(("case", "variance"), VARIANCES.items())
def test_gaussian_variances(case: tuple[float, str, int | None], variance: float) -> None:
    sigma, sampling, radius = case
    line = smoothing.gauss_line(sigma, radius, sampling)
    found = sum(w * (i - len(line) // 2) ** 2 for i, w in enumerate(line))
    assert found == pytest.approx(variance, abs=6e-4 if variance > 0.01 else 5e-5)


def test_discrete_gaussian_has_the_variance_asked_for() -> None:
    for sigma in (0.2, 0.3, 1.0, 2.5):
        line = smoothing.gauss_line(sigma, 30, "discrete")
        found = math.fsum(w * (i - 30) ** 2 for i, w in enumerate(line))
        assert found == pytest.approx(sigma * sigma, rel=1e-12)


def test_gaussian_of_sigma_one() -> None:
    short = smoothing.gauss_line(1.0, 2)
    assert [round(w, 6) for w in short[:3]] == [0.054489, 0.244201, 0.402620]
    long = smoothing.gauss_line(1.0)
    assert [round(w, 6) for w in long[:5]] == [0.000134, 0.004432, 0.053991, 0.241971, 0.398943]


@pytest.mark.parametrize("sigma", [0.1, 0.4, 1.0, 1.1, 2.0, 3.7])
def test_gaussian_is_scipys(sigma: float) -> None:
    found = weights("gaussian", sigma=sigma)
    radius = int(4 * sigma + 0.5)
    impulse = np.zeros((2 * radius + 1, 2 * radius + 1))
    impulse[radius, radius] = 1
    expected = ndimage.gaussian_filter(impulse, sigma, mode="constant")
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0)


def test_gaussian_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only a second opinion")
    for size, sigma in ((3, 0.8), (7, 1.5), (31, 5.0)):
        line = smoothing.gauss_line(sigma, size // 2)
        expected = cv2.getGaussianKernel(size, sigma)[:, 0]
        np.testing.assert_allclose(line, expected, rtol=1e-13, atol=0)


def test_gaussian_of_two_sigmas() -> None:
    kernel = made("gaussian", sigma=1, sigma_x=2)
    assert (kernel.rows, kernel.columns) == (9, 17)
    np.testing.assert_allclose(kernel.matrix[4], np.array(smoothing.gauss_line(2)) * 0.39894, 1e-4)


@pytest.mark.parametrize("size", [3, 5, 7, 9, 31])
def test_sobel_is_opencvs(size: int) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only a second opinion")
    along, across = (k[:, 0] for k in cv2.getDerivKernels(1, 0, size, ktype=cv2.CV_64F))
    np.testing.assert_array_equal(made("gradient", size=size).matrix, np.outer(across, along))
    down = made("gradient", size=size, axis="y")
    np.testing.assert_array_equal(down.matrix, np.outer(along, across))


@pytest.mark.parametrize(
    ("operator", "size", "scale"),
    [
        ("central", 3, 1 / 2),
        ("prewitt", 3, 1 / 6),
        ("sobel", 3, 1 / 8),
        ("scharr", 3, 1 / 32),
        ("bickley", 3, 1 / 12),
        ("sobel", 5, 1 / 128),
        ("sobel", 7, 1 / 2048),
    ],
)
def test_gradients_have_gain_one(operator: str, size: int, scale: float) -> None:
    kernel = made("gradient", operator=operator, size=size)
    assert kernel.scale == scale
    assert kernel.flip_negates
    rising = np.arange(kernel.columns) - kernel.columns // 2
    assert (np.array(kernel.matrix) * rising).sum() * kernel.scale == 1


def test_gauss_derivatives_differentiate() -> None:
    x = np.arange(-8, 9.0)
    for given, surface, expected in (
        ({"dx": 1, "dy": 0}, np.tile(x, (17, 1)), 1.0),
        ({"dx": 0, "dy": 1}, np.tile(x[:, None], (1, 17)), 1.0),
        ({"dx": 2, "dy": 0}, np.tile(x * x / 2, (17, 1)), 1.0),
        ({"dx": 1, "dy": 1}, np.outer(x, x), 1.0),
    ):
        template = weights("gauss-derivative", sigma=1.5, radius=8, **given)
        assert (template * surface).sum() == pytest.approx(expected, abs=2e-4)


def test_laplacian_is_fspecials() -> None:
    c, e = 1 / 6, 2 / 3
    expected = [[c, e, c], [e, -10 / 3, e], [c, e, c]]
    np.testing.assert_allclose(weights("laplacian", alpha=0.2), expected, rtol=1e-15)
    np.testing.assert_array_equal(weights("laplacian", alpha=0), [[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def test_log_is_fspecials() -> None:
    # fspecial('log', 5, 0.5), as MATLAB prints it.
    expected = [0.0448, 0.0468, 0.0564], [0.0468, 0.3167, 0.7146], [0.0564, 0.7146, -4.9048]
    np.testing.assert_allclose(weights("log", sigma=0.5)[:3, :3], expected, atol=5e-5)


def test_disk_is_fspecials() -> None:
    # As MATLAB prints the disk of radius 1.
    expected = [0.0251, 0.1453, 0.0251], [0.1453, 0.3183, 0.1453], [0.0251, 0.1453, 0.0251]
    np.testing.assert_allclose(weights("disk", radius=1), expected, atol=5e-5)


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5, 3.7, 12.0])
def test_disk_covers_the_area_of_a_circle(radius: float) -> None:
    found = weights("disk", radius=radius)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(found, found[::-1])
    if radius > 1:  # the middle pixel lies wholly inside
        middle = found[found.shape[0] // 2, found.shape[1] // 2]
        assert middle * math.pi * radius**2 == pytest.approx(1, rel=1e-12)


def test_disk_of_whole_pixels() -> None:
    kernel = made("disk", radius=2, antialias="no")
    rows = ["".join(str(int(cell)) for cell in row) for row in kernel.matrix]
    assert rows == ["00100", "01110", "11111", "01110", "00100"]
    assert kernel.scale == 1 / 13


def test_motion() -> None:
    np.testing.assert_allclose(weights("motion"), np.full((1, 9), 1 / 9), rtol=1e-15)
    np.testing.assert_allclose(weights("motion", angle=90), np.full((9, 1), 1 / 9), rtol=1e-15)
    # Counter-clockwise: at 45 degrees the line goes up to the right.
    slanted = weights("motion", length=5, angle=45)
    assert slanted[0, -1] > slanted[0, 0] == 0
    np.testing.assert_array_equal(slanted, slanted[::-1, ::-1])


def test_whole_number_families_are_exact() -> None:
    assert made("box", size=3).matrix == ((1, 1, 1),) * 3
    assert made("box", rows=1, columns=4).scale == 1 / 4
    assert made("tent", radius=2).matrix[2] == (3, 6, 9, 6, 3)
    assert made("tent", radius=2).scale == 1 / 81
    assert made("binomial", radius=2).matrix[1] == (4, 16, 24, 16, 4)
    assert made("binomial", radius=2).scale == 1 / 256
    assert made("emboss").matrix == ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
    assert made("emboss", angle=135).matrix == ((2, 1, 0), (1, 1, -1), (0, -1, -2))
    assert made("laws", column="E5", row="L5").matrix[0] == (-1, -4, -6, -4, -1)


def test_shift_is_a_template() -> None:
    # An output sample is its left neighbour: the image moves to the right.
    assert made("shift", right=1).matrix == ((1, 0, 0),)
    assert made("shift", right=0, down=-1).matrix == ((0,), (0,), (1,))


def test_unsharp_adds_what_a_blur_takes_away() -> None:
    blur = weights("gaussian", sigma=1)
    impulse = np.zeros((9, 9))
    impulse[4, 4] = 1
    found = weights("unsharp", sigma=1, amount=0.5)
    np.testing.assert_allclose(found, 1.5 * impulse - 0.5 * blur, rtol=1e-13, atol=1e-18)
    np.testing.assert_allclose(weights("highpass"), impulse - blur, rtol=1e-13, atol=1e-18)
    assert made("highboost", amount=3).sum == pytest.approx(2, rel=1e-14)


def test_dog_of_one_sigma_is_nothing() -> None:
    assert made("dog", sigma=1, sigma2=1).absolute == 0
    assert made("dog", sigma=1).columns == 13  # the wider one sets the size


@pytest.mark.parametrize("angle", [0.0, 30.0, 100.0])
def test_gabor_is_opencvs(angle: float) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only a second opinion")
    found = weights("gabor", sigma=2, wavelength=5, angle=angle, phase=30, ratio=1.5)
    size = found.shape
    expected = cv2.getGaborKernel(size, 2, math.radians(-angle), 5, 1.5, math.radians(30))
    # OpenCV runs its axes the other way, turns clockwise, and keeps the mean.
    expected = expected[::-1, ::-1]
    np.testing.assert_allclose(found, expected - expected.mean(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("gausian", {}, "no family is called 'gausian'. Did you mean 'gaussian'?"),
        (
            "gaussian",
            {"sgma": "2"},
            "gaussian: there is no parameter 'sgma'. Did you mean 'sigma'?",
        ),
        ("gaussian", {"sigma": "0"}, "sigma=0 is not a number from 0.01 to 10000"),
        ("gaussian", {"sigma": "nan"}, "sigma=nan is not a number"),
        ("gaussian", {"sigma": "1e999"}, "sigma=1e999 is not a number"),
        ("gaussian", {"sigma": "two"}, "sigma=two is not a number"),
        ("gaussian", {"radius": "2.5"}, "radius=2.5 is not a whole number from 0 to 5000"),
        ("gaussian", {"sampling": "none"}, "one of point, integral, discrete"),
        ("gaussian", {"sigma": "1000"}, "8001x8001 kernel has more than 1000000 weights"),
        ("box", {"size": "2000"}, "2000x2000 kernel has more than"),
        ("box", {"rows": "1000000", "columns": "2"}, "1000000x2 kernel has more than"),
        ("disk", {"antialias": "maybe"}, "antialias=maybe is not yes or no"),
        ("gradient", {"operator": "scharr", "size": "5"}, "no scharr of size 5"),
        ("gradient", {"size": "4"}, "no sobel of size 4"),
        ("highboost", {"size": "4"}, "size 4 has no middle"),
        ("motion", {"length": "\x1b[2J"}, "length=\\x1b[2J is not"),
    ],
)
def test_refusals_name_family_parameter_and_range(
    name: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(KernelError) as caught:
        families.make(name, given)
    assert words in str(caught.value)


def test_fractions_and_words_of_any_case() -> None:
    assert families.make("gaussian", {"sigma": "1/2"}).parameters["sigma"] == 0.5
    assert made("laws", column="e5") == made("laws", column="E5")


def test_the_first_parameter_needs_no_name() -> None:
    assert families.asked("gaussian", {"radius": 3}, "2.5") == {"sigma": "2.5", "radius": 3}
    with pytest.raises(KernelError, match="'sigma' is given twice"):
        families.asked("gaussian", {"sigma": 1}, "2.5")
