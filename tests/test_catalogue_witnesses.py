"""Shipped kernels and families beside OpenCV, SciPy, scikit-image and astropy, which have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage, signal, special

import convcli
from convcli.errors import KernelError
from convcli.kernels import families, shapes
from convcli.kernels.library import Place, find, shipped_kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

PLACES = [Place(shipped_kernels(), "shipped")]
IMAGE = np.random.default_rng(11).random((21, 19))


def installed(library: str) -> Any:
    """A library that only this test asks, and that nobody is made to install."""
    return pytest.importorskip(library, reason=f"{library} is not installed")


def weights(name: str, **given: Any) -> Values:
    if given:
        return np.array(families.make(name, given).kernel.weights)
    return np.array(find(name, PLACES).kernel.weights)


def applied(name: str) -> Values:
    folders = [shipped_kernels()]
    found: Values = convcli.apply(IMAGE, name, padding="symmetric", range="clip", folders=folders)
    return found


# --- scikit-image -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sobel", "scharr", "prewitt", "farid"])
@pytest.mark.parametrize("axis", ["h", "v"])
def test_gradients_are_scikit_images(name: str, axis: str) -> None:
    filters = installed("skimage.filters")
    expected = getattr(filters, f"{name}_{axis}")(IMAGE)
    kernel = f"{'farid5' if name == 'farid' else name}-{'y' if axis == 'h' else 'x'}"
    found = applied(kernel)
    # Its kernels weigh twice a gain of 1, farid's are as published, and all are convolved.
    factor = 1.0 if name == "farid" else 2.0
    inner = (slice(3, -3),) * 2
    np.testing.assert_allclose(abs(expected[inner]), abs(factor * found[inner]), atol=1e-12)


@pytest.mark.parametrize("name", ["sobel", "scharr", "prewitt", "roberts"])
def test_magnitudes_are_scikit_images(name: str) -> None:
    filters = installed("skimage.filters")
    expected = getattr(filters, name)(IMAGE)
    inner = (slice(3, -3),) * 2
    # It divides by sqrt(2), so that no step can exceed 1; here an upright step is white.
    factor = 1.0 if name == "roberts" else np.sqrt(2)
    np.testing.assert_allclose(factor * expected[inner], applied(name)[inner], rtol=1e-12)


@pytest.mark.parametrize("angle", [0, 90])
def test_gabor_pairs_are_scikit_images(angle: float) -> None:
    filters = installed("skimage.filters")
    pair = filters.gabor_kernel(1 / 6, np.deg2rad(angle), sigma_x=4, sigma_y=4, n_stds=3)
    # Rows go the other way there, and the pair is one complex kernel whose mean stays.
    for part, phase in ((pair.real, 0), (pair.imag, -90)):
        mine = weights("gabor", sigma=4, wavelength=6, angle=angle, phase=phase)
        theirs = part[::-1] * (2 * np.pi * 4 * 4)
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs - theirs.mean(), atol=1e-12)


# --- OpenCV -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 5, 7])
def test_sobel_is_opencvs(size: int) -> None:
    cv2 = installed("cv2")
    along, across = (side.ravel() for side in cv2.getDerivKernels(1, 0, size, ktype=cv2.CV_64F))
    expected = np.outer(across, along)
    name = "sobel-x" if size == 3 else f"sobel{size}-x"
    found = np.array(find(name, PLACES).kernel.matrix)
    np.testing.assert_array_equal(found / found.max(), expected / expected.max())


@pytest.mark.parametrize(("ksize", "name"), [(1, "laplacian4")])
def test_laplacian_is_opencvs(ksize: int, name: str) -> None:
    cv2 = installed("cv2")
    expected = cv2.Laplacian(IMAGE, cv2.CV_64F, ksize=ksize, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(applied(name), expected, atol=1e-13)


@pytest.mark.parametrize("angle", [0, 30, 90, 120])
@pytest.mark.parametrize("phase", [0, -90, 45])
def test_gabor_is_opencvs(angle: float, phase: float) -> None:
    cv2 = installed("cv2")
    mine = weights("gabor", sigma=3, wavelength=6, angle=angle, phase=phase)
    side = mine.shape[0]
    theirs = cv2.getGaborKernel((side, side), 3, np.deg2rad(-angle), 6, 1, np.deg2rad(phase))
    theirs = theirs[::-1, ::-1]  # it is turned by 180 degrees
    np.testing.assert_allclose(mine, theirs - theirs.mean(), atol=1e-12)


# --- SciPy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "degree", "order"), [(5, 2, 0), (5, 2, 1), (7, 4, 2), (11, 3, 0)])
def test_savgol_is_scipys(size: int, degree: int, order: int) -> None:
    expected = signal.savgol_coeffs(size, degree, deriv=order, use="dot")
    mine = weights("savgol", size=size, degree=degree, dx=order, rows=1)
    np.testing.assert_allclose(mine[0], expected, atol=1e-14)


def test_savgol_in_two_dimensions_is_a_least_squares_fit() -> None:
    for size, degree, powers in ((7, 2, 6), (5, 3, 10), (9, 4, 15)):
        half = size // 2
        y, x = (side.ravel() for side in np.mgrid[-half : half + 1, -half : half + 1].astype(float))
        terms = [(a, b) for b in range(degree + 1) for a in range(degree + 1 - b)]
        assert len(terms) == powers
        fit = np.linalg.pinv(np.stack([x**a * y**b for a, b in terms], axis=1))
        for dx, dy, factor in ((0, 0, 1), (1, 0, 1), (0, 2, 2), (1, 1, 1)):
            mine = weights("savgol", size=size, degree=degree, dx=dx, dy=dy)
            expected = factor * fit[terms.index((dx, dy))].reshape(size, size)
            np.testing.assert_allclose(mine, expected, atol=1e-12)


def test_the_tables_of_savitzky_and_golay() -> None:
    for given, scale, first in (
        ({"rows": 1}, 35, [-3, 12, 17, 12, -3]),
        ({}, 175, [-13, 2, 7, 2, -13]),
        ({"dx": 1}, 50, [-2, -1, 0, 1, 2]),
        ({"size": 7}, 147, [-7, -2, 1, 2, 1, -2, -7]),
    ):
        kernel = families.make("savgol", given).kernel
        assert [round(cell) for cell in kernel.matrix[0]] == first
        assert kernel.scale == 1 / scale
    assert find("savgol7", PLACES).kernel == families.make("savgol", {"size": 7}).kernel


def test_second_derivatives_are_scipys() -> None:
    # SciPy's gaussian_filter convolves with derivatives, and reflects as `symmetric` does.
    for name, order in (("gauss-dx", (0, 1)), ("gauss-dy", (1, 0)), ("gauss-dxx", (0, 2))):
        expected = ndimage.gaussian_filter(IMAGE, 1, order=order, mode="reflect")
        np.testing.assert_allclose(applied(name), expected, atol=1e-4)


def test_bessel_is_scipys() -> None:
    for x in np.concatenate([np.linspace(0, 60, 1201), -np.linspace(0.1, 30, 8), [20.0, 20.0001]]):
        assert shapes.bessel_j1(float(x)) == pytest.approx(special.j1(x), rel=0, abs=1e-15)
    for x in np.logspace(-15, 0, 50):
        assert shapes.bessel_j1(float(x)) == pytest.approx(special.j1(x), rel=1e-15)


@pytest.mark.parametrize(
    ("x", "value"),
    [
        (3.8317059702075125, -6.4e-17),  # its first zero, as near as a float is
        (20.000001, 0.066833287858820920506),
        (1000.0, 0.0047283119070895239176),
        (12345.678, -0.0071808949647393734245),
        (1e7, 0.00023689924031205785297),
    ],
)
def test_bessel_is_exact_where_scipy_loses_digits(x: float, value: float) -> None:
    """Values of 20 digits by mpmath; SciPy errs by 3e-14 at the last one."""
    assert shapes.bessel_j1(x) == pytest.approx(value, rel=1e-15, abs=1e-16)


def test_cosines_are_scipys() -> None:
    from scipy import fft

    patch = np.random.default_rng(2).random((8, 8))
    expected = fft.dctn(patch, norm="ortho")
    for x, y in ((0, 0), (1, 0), (3, 2), (7, 7)):
        found = (weights("dct", size=8, x=x, y=y) * patch).sum()
        assert found == pytest.approx(expected[y, x], abs=1e-13)


# --- astropy ------------------------------------------------------------------------------------


def test_stars_and_bells_are_astropys() -> None:
    astropy = installed("astropy.convolution")
    mine = weights("moffat", gamma=2, alpha=3)
    side = mine.shape[0]
    theirs = astropy.Moffat2DKernel(2, 3, x_size=side, y_size=side).array
    np.testing.assert_allclose(mine, theirs / theirs.sum(), rtol=1e-12)
    mine = weights("airy", radius=3)
    theirs = astropy.AiryDisk2DKernel(3, x_size=25, y_size=25).array
    np.testing.assert_allclose(mine, theirs / theirs.sum(), atol=1e-14)
    mine = weights("gaussian", sigma_x=4, sigma_y=1, angle=30)
    side = mine.shape[0]
    # Rows grow downwards here, so its angle goes the other way.
    theirs = astropy.Gaussian2DKernel(4, 1, np.deg2rad(-30), x_size=side, y_size=side).array
    np.testing.assert_allclose(mine, theirs / theirs.sum(), rtol=1e-9, atol=1e-16)


# --- formulas -----------------------------------------------------------------------------------


def test_frei_and_chen_is_orthonormal() -> None:
    basis = np.stack([weights(f"freichen-{n}").ravel() for n in range(1, 10)])
    np.testing.assert_allclose(basis @ basis.T, np.eye(9), atol=1e-15)


def test_cosines_and_wavelets_are_orthonormal() -> None:
    for size in (3, 8):
        basis = [
            weights("dct", size=size, x=x, y=y).ravel() for y in range(size) for x in range(size)
        ]
        np.testing.assert_allclose(np.stack(basis) @ np.stack(basis).T, np.eye(size**2), atol=1e-14)
    haar = np.stack([weights(f"haar-{n}").ravel() for n in "xyd"])
    np.testing.assert_allclose(haar @ haar.T, np.eye(3), atol=1e-15)


@pytest.mark.parametrize("order", [1, 2])
def test_steered_kernels_are_mixed_from_few(order: int) -> None:
    given: dict[str, Any] = {"order": order, "sigma": 2.0}
    y, x = np.mgrid[-8:9, -8:9] / (2 * np.sqrt(2))
    y, bell = -y, np.exp(-(x * x + y * y))  # upwards, as the angle counts
    for angle in (0, 30, 45, 90, 200):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        u = c * x + s * y
        expected = 2 * u * bell if order == 1 else 0.9213 * (2 * u * u - 1) * bell
        mine = weights("steerable", angle=angle, **given)
        np.testing.assert_allclose(mine, expected - expected.mean(), atol=1e-12)


def test_shapes() -> None:
    assert weights("diamond", radius=2).astype(bool).tolist() == cells(
        "00100 01110 11111 01110 00100"
    )
    assert weights("impulse", size=5).astype(bool).tolist() == cells(
        "10101 00000 10101 00000 10101"
    )
    y, x = np.mgrid[-3:4, -3:4]
    inside = (x * x + y * y >= 4) & (x * x + y * y <= 9)
    assert (weights("ring", inner=2, outer=3) > 0).tolist() == inside.tolist()
    assert (weights("octagon", radius=3) > 0).tolist() == (abs(x) + abs(y) <= 4).tolist()


def cells(text: str) -> list[list[bool]]:
    return [[cell == "1" for cell in row] for row in text.split()]


@pytest.mark.parametrize(
    ("angle", "towards"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0))]
)
def test_a_comet_trails_towards_its_angle(angle: int, towards: tuple[int, int]) -> None:
    point = np.zeros((41, 41))
    point[20, 20] = 1
    found = convcli.apply(point, f"comet:angle={angle}", folders=[shipped_kernels()])
    trail = [found[20 + i * towards[0], 20 + i * towards[1]] for i in range(13)]
    assert trail == sorted(trail, reverse=True)
    assert sum(trail) == pytest.approx(1)
    assert trail[3] / trail[0] == pytest.approx(np.exp(-0.5))


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("ring", {"inner": 3, "outer": 2}, "is larger than the outer"),
        ("ring", {"inner": 0.2, "outer": 0.5}, "no pixel lies inside"),
        ("impulse", {"size": 4}, "has no middle"),
        ("savgol", {"size": 4}, "has no middle"),
        ("savgol", {"size": 3, "degree": 3}, "passes through all"),
        ("savgol", {"degree": 1, "dx": 2}, "has no derivative"),
        ("savgol", {"rows": 1, "dy": 1}, "has no derivative"),
        ("savgol", {"size": 99}, "more than 1000 weights"),
        ("dct", {"size": 3, "x": 3}, "frequencies 0 to 2"),
        ("highpass", {"size": 4}, "highpass: size 4 has no middle"),
        ("gaussian", {"sigma_x": 2, "angle": 10, "sampling": "integral"}, "along the axes only"),
        ("steerable", {"order": 3}, "from 1 to 2"),
        ("moffat", {"gamma": 0}, "from 0.1 to 50"),
        ("octagon", {"radius": 1000}, "from 0 to 499"),
    ],
)
def test_refusals(name: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(KernelError) as caught:
        families.make(name, given)
    assert words in f"{caught.value}"


def test_gaussians_at_right_angles_stay_separable() -> None:
    flat = weights("gaussian", sigma_x=3, sigma_y=1)
    np.testing.assert_array_equal(weights("gaussian", sigma_x=3, sigma_y=1, angle=90), flat.T)
    np.testing.assert_array_equal(weights("gaussian", sigma_x=3, sigma_y=1, angle=180), flat)
    near = weights("gaussian", sigma_x=3, sigma_y=1, angle=1e-9, radius=12)
    np.testing.assert_allclose(near[8:17], flat, atol=1e-4)
    np.testing.assert_array_equal(
        weights("gaussian", sigma=2, angle=33), weights("gaussian", sigma=2)
    )
