"""Signals: vectors and sound through the same kernels, along their one axis."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from reference import nearest, reference, stage_of
from scipy.io import wavfile
from scipy.ndimage import gaussian_filter1d

import convcli
from convcli import api
from convcli.axis import along
from convcli.cli.main import run as cli
from convcli.errors import InputError, KernelError, OutputError, UsageError
from convcli.io import Series, decode, has_field
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Bias
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.run import Writing, plan_file, process
from convcli.spec import Pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.report import Item

RATE = 48_000
ZERO = Padding("constant")
BINOMIAL = [1, 2, 1]


def run(source: Path, target: Path, *kernels: Any, memory: int | None = None, **said: Any) -> Item:
    """Filter by names or matrices; `range`, `depth` and `channels` as of the command."""
    words = {word: said.pop(word) for word in ("range", "depth", "channels") if word in said}
    wishes = Wishes(pixels=Pixels(**words), **said)
    recipes = [api.recipe(kernel) for kernel in kernels]
    limits = Limits(memory=memory, jobs=2)
    place = Series(str(target)) if has_field(str(target)) else str(target)
    return process(str(source), place, make_job(recipes, wishes), limits, Writing(overwrite=True))


def heard(folder: Path, samples: NDArray[Any], rate: int = RATE) -> Path:
    path = folder / "in.wav"
    wavfile.write(path, rate, samples)
    return path


def noise(frames: int, channels: int, dtype: str = "int16", seed: int = 1) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        return rng.uniform(-1, 1, (frames, channels)).astype(dtype)
    ends = np.iinfo(dtype)
    return rng.integers(ends.min, ends.max, (frames, channels), dtype, endpoint=True)


# --- vectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "said", "wanted"),
    [
        ([1, 0.5, 0.25], {"extent": "full"}, [1, 1, 1.5, 1.625, 0.75, 0.25]),
        ([1, 0.5, 0.25], {}, [1, 1.5, 1.625, 0.75]),
        ([1, 0.5, 0.25], {"extent": "valid"}, [1.5, 1.625]),
        ([1, 0.5, 0.25], {"extent": "valid", "operation": "correlate"}, [1.5, 1.25]),
        ([2], {}, [2, 1, 2, 2]),
        ([1, 1], {"stride": (2, 2), "extent": "valid"}, [1.5, 2]),
        ([1, 1], {"dilation": (2, 2), "extent": "valid"}, [2, 1.5]),
        ([1, 1], {"pad_by": (2, 2, 2, 2), "stride": (1, 3)}, [0, 1.5, 0]),
    ],
)
@pytest.mark.parametrize("form", ["npy", "row.csv", "column.csv"])
@pytest.mark.parametrize("upright", [False, True])
def test_the_written_out_example_keeps_its_shape(  # noqa: PLR0917 - a table
    tmp_path: Path, kernel: Sequence[float], said: Any, wanted: list[float], form: str, upright: Any
) -> None:
    source, target = tmp_path / f"in.{form}", tmp_path / f"out.{form}"
    a = np.array([1, 0.5, 1, 1])
    if form == "npy":
        np.save(source, a)
    else:
        np.savetxt(source, a[None] if form == "row.csv" else a, delimiter=",")
    weights = np.array([kernel], float)
    run(source, target, weights.T if upright else weights, padding=ZERO, **said)
    if form == "npy":
        assert np.load(target).shape == (len(wanted),)
        found = np.load(target)
    else:
        found = np.loadtxt(target, delimiter=",", ndmin=2)
        assert found.shape == ((1, len(wanted)) if form == "row.csv" else (len(wanted), 1))
    assert found.ravel().tolist() == wanted


def test_two_dice_and_the_box_that_becomes_a_triangle() -> None:
    dice = convcli.apply([1] * 6, [[1] * 6], extent="full", padding=ZERO)
    assert dice.tolist() == [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]
    box = np.full(4, 0.25)
    triangle = convcli.apply(box, [box.tolist()], extent="full", padding=ZERO)
    assert triangle.tolist() == [0.0625, 0.125, 0.1875, 0.25, 0.1875, 0.125, 0.0625]


def test_shared_weights_of_the_matrix() -> None:
    x = np.arange(1, 6)
    found = convcli.apply(x, [[2, 3]], extent="valid", operation="correlate")
    assert found.tolist() == [8, 13, 18, 23]
    assert convcli.apply(x, [[3, 2]], extent="valid").tolist() == [8, 13, 18, 23]


@pytest.mark.parametrize("taps", [1, 2, 3, 6])
@pytest.mark.parametrize("extent", ["same", "valid", "full"])
def test_whole_numbers_are_those_of_numpy(taps: int, extent: Any) -> None:
    rng = np.random.default_rng(taps)
    x, w = rng.integers(-99, 99, 50), rng.integers(-9, 9, taps)
    found = convcli.apply(x, [w.tolist()], extent=extent, padding=ZERO)
    np.testing.assert_array_equal(found, np.convolve(x, w, extent))


# --- kernels of two axes --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("name", ["gaussian:sigma=1.5", "sobel", "sharpen", "emboss", "scharr-x"])
def test_a_signal_is_an_image_whose_rows_are_alike(name: str, mode: str) -> None:
    x = np.random.default_rng(2).uniform(-1, 1, 40)
    image = np.repeat(x[None], 21, axis=0)
    as_image = convcli.apply(image, name, padding=mode)[10]
    np.testing.assert_allclose(convcli.apply(x, name, padding=mode), as_image, atol=1e-12)


def test_the_gaussian_is_that_of_one_axis() -> None:
    x = np.random.default_rng(2).uniform(-1, 1, 100)
    words: dict[str, Literal["reflect", "mirror", "constant"]] = {
        "symmetric": "reflect",
        "reflect": "mirror",
        "constant": "constant",
    }
    for mode, word in words.items():
        found = convcli.apply(x, "gaussian:sigma=2", padding=mode)
        np.testing.assert_allclose(found, gaussian_filter1d(x, 2.0, mode=word), atol=1e-14)


def test_rows_are_added_exactly_and_the_scale_stays_apart() -> None:
    (stage,) = make_job([api.recipe("sobel-x")], Wishes()).stages
    (laid,), notes = along([stage])
    assert laid.bank.tolist() == [[[[-4, 0, 4]]]]
    assert laid.anchor == (0, 1)
    assert laid.scale == stage.scale
    assert notes == ("a signal has one axis: the rows of 'sobel-x', 3x3, were added up",)


def test_a_column_lies_along_with_its_anchor_and_is_not_told() -> None:
    stage = stage_of([[1], [2], [3]], "correlate", anchor=(2, 0))
    (laid,), notes = along([stage])
    assert laid.bank.tolist() == [[[[1, 2, 3]]]]
    assert (laid.anchor, notes) == ((0, 2), ())
    assert convcli.apply([1, 0, 0], [[1], [2], [3]], padding=ZERO).tolist() == [2, 3, 0]


def test_a_picture_of_one_row_is_no_signal() -> None:
    x = np.array([[0.0, 0.0, 9.0, 0.0]])
    assert convcli.apply(x, "box", padding=ZERO).tolist() == [[0, 1, 1, 1]]
    assert convcli.apply(x[0], "box", padding=ZERO).tolist() == [0, 3, 3, 3]


def test_a_kernel_that_looks_across_is_refused() -> None:
    with pytest.raises(KernelError, match="Nothing is left of 'sobel-y' on a signal"):
        convcli.apply([1.0, 2.0], "sobel-y")
    assert convcli.apply([1.0, 2.0, 4.0], "transpose(sobel-y)").shape == (3,)
    assert convcli.apply([1.0, 2.0], [[0, 0], [0, 0]]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ({"stride": (2, 3)}, "--stride 3"),
        ({"dilation": (2, 1)}, "--dilation 1"),
        ({"pad_by": (1, 2, 1, 3)}, "--pad-by 0,2,0,3"),
    ],
)
def test_the_other_axis_is_refused(said: Any, cure: str) -> None:
    with pytest.raises(UsageError, match="a signal has one axis") as caught:
        convcli.apply([1.0, 2.0, 3.0], [BINOMIAL], **said)
    assert cure in caught.value.hint


def test_scores_need_a_kernel_of_one_row() -> None:
    x = np.random.default_rng(3).standard_normal(60)
    scores = convcli.apply(x, [x[20:29].tolist()], operation="correlate", normalize="ncc")
    assert int(scores.argmax()) == 24
    assert scores[24] == pytest.approx(1.0)
    with pytest.raises(KernelError, match="a signal has one"):
        convcli.apply(x, [[1, 2], [3, 5]], normalize="ncc")


def test_plan_says_what_becomes_of_rows(tmp_path: Path) -> None:
    source = heard(tmp_path, noise(100, 2))
    job = make_job([api.recipe("sobel")], Wishes())
    header, plan = plan_file(str(source), "", job, Limits())
    assert (header.width, header.height, header.channels) == (100, 1, 2)
    assert plan.notes[0] == "a signal has one axis: the rows of 'sobel', 3x3, were added up"


# --- sound ----------------------------------------------------------------------------------------


def expected(samples: NDArray[Any], kernel: Sequence[int], divisor: int, mode: str) -> NDArray[Any]:
    """By the naive reference, rounded by the law."""
    stage = stage_of([kernel], padding=Padding(mode))
    ends = np.iinfo(samples.dtype)
    sums = reference(samples[None].astype(float), stage)[0]
    rounded = [
        [nearest(value / divisor, ends.min, ends.max) for value in frame] for frame in sums.tolist()
    ]
    return np.array(rounded, samples.dtype)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_16_bits_are_rounded_and_cut_by_the_law(tmp_path: Path, mode: str, channels: int) -> None:
    samples = noise(70, channels)
    weights = [Fraction(1, 3), Fraction(-4, 3), Fraction(5, 3)]
    item = run(
        heard(tmp_path, samples),
        tmp_path / "out.wav",
        [[1, -4, 5]],
        scale=str(weights[0]),
        padding=Padding(mode),
    )
    rate, found = wavfile.read(tmp_path / "out.wav")
    wanted = expected(samples, [1, -4, 5], 3, mode)
    assert rate == RATE
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    assert item.clipped_below > 0.1
    assert item.clipped_above > 0.1


def test_what_was_cut_is_counted(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([30000, -30000, 30000, 100, 100], np.int16))
    item = run(source, tmp_path / "out.wav", [[2]])
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [32767, -32768, 32767, 200, 200]
    assert (item.clipped_above, item.clipped_below) == (0.4, 0.2)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_nothing_changes_without_a_change(tmp_path: Path, dtype: str, channels: int) -> None:
    source = heard(tmp_path, noise(34, channels, dtype))
    run(source, tmp_path / "out.wav", "identity")
    assert (tmp_path / "out.wav").read_bytes() == source.read_bytes()


def test_8_bits_are_filtered_around_their_0(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([128, 128, 255, 128, 0, 128], np.uint8))
    run(source, tmp_path / "out.wav", [[-1, 0, 1]], padding=ZERO, operation="correlate")
    found = wavfile.read(tmp_path / "out.wav")[1]
    assert found.tolist() == [128, 255, 128, 0, 128, 255]
    run(source, tmp_path / "out.npy", "identity")
    assert np.load(tmp_path / "out.npy").tolist() == [0, 0, 127, 0, -128, 0]
    assert np.load(tmp_path / "out.npy").dtype == np.int8


def test_24_bits_are_cut_at_24_bits(tmp_path: Path) -> None:
    held = b"".join(n.to_bytes(3, "little", signed=True) for n in (2**23 - 1, -(2**23), 5, -6))
    head = b"fmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\0\0\0\3\0\x18\0data\x0c\0\0\0"
    source = tmp_path / "in.wav"
    source.write_bytes(b"RIFF\x30\0\0\0WAVE" + head + held)
    run(source, tmp_path / "out.wav", [[1.5]])
    payload = (tmp_path / "out.wav").read_bytes()
    image = decode(payload, "x", max_pixels=None)
    assert len(payload) == 44 + 12
    assert image.samples.ravel().tolist() == [2**23 - 1, -(2**23), 8, -9]
    run(source, tmp_path / "full.wav", "identity", bias=Bias(share=0.5), depth="float")
    back = wavfile.read(tmp_path / "full.wav")[1]
    assert back.dtype == np.float64
    assert back.tolist() == [1.5 - 2**-23, -0.5, 0.5 + 5 * 2**-23, 0.5 - 6 * 2**-23]


@pytest.mark.parametrize(
    ("dtype", "depth", "wanted"),
    [
        ("int16", "8", [128 + 64, 128 - 128, 128 + 1]),
        ("int16", "float", [0.5, -1.0, 2**-7]),
        ("float32", "16", [16384, -32768, 256]),
        ("float32", "8", [128 + 64, 0, 129]),
        ("uint8", "16", [16384, -32768, 256]),
        ("uint8", "float", [0.5, -1.0, 2**-7]),
        ("int32", "16", [16384, -32768, 256]),
    ],
)
def test_full_stays_full(tmp_path: Path, dtype: str, depth: str, wanted: list[float]) -> None:
    shares = np.array([0.5, -1.0, 2**-7])
    full = {"uint8": 128, "int16": 2**15, "int32": 2**31, "float32": 1}[dtype]
    samples = (shares * full + 128 * (dtype == "uint8")).astype(dtype)
    run(heard(tmp_path, samples), tmp_path / "out.wav", "identity", depth=depth)
    found = wavfile.read(tmp_path / "out.wav")[1]
    assert found.dtype == {"8": "uint8", "16": "int16", "float": "float32"}[depth]
    assert found.tolist() == wanted


def test_ranges_of_sound(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([100, -200, 50], np.int16))

    def ranged(word: str, *, scale: str = "1", **said: Any) -> tuple[list[float], Item]:
        item = run(source, tmp_path / "out.wav", [[1]], range=word, scale=scale, **said)
        return wavfile.read(tmp_path / "out.wav")[1].tolist(), item

    assert ranged("abs")[0] == [100, 200, 50]
    assert ranged("wrap", scale="400")[0] == [40000 - 65536, 65536 - 80000, 20000]
    assert ranged("stretch")[0] == [16384, -32767, 8192]
    assert ranged("stretch", depth="float")[0] == [0.5, -1.0, 0.25]
    same, item = ranged("signed")
    assert same == [100, -200, 50]
    assert "range signed leaves int16 samples as they are" in item.notes
    with pytest.raises(OutputError, match=r"outside -32768\.\.32767"):
        ranged("error", scale="400")


def test_a_bias_of_percent_is_of_full_scale(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([0, 100], np.int16))
    run(source, tmp_path / "out.wav", "identity", bias=Bias(share=0.25))
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [8192, 8292]


def test_stride_divides_the_rate(tmp_path: Path) -> None:
    samples = noise(101, 2)
    item = run(heard(tmp_path, samples), tmp_path / "out.wav", "identity", stride=(3, 3))
    rate, found = wavfile.read(tmp_path / "out.wav")
    assert rate == 16_000
    np.testing.assert_array_equal(found, samples[::3])
    assert item.notes == ()
    item = run(heard(tmp_path, samples, 44_100), tmp_path / "out.wav", [[1, 1]], stride=(1, 8))
    assert wavfile.read(tmp_path / "out.wav")[0] == 5513
    assert "44,100 / 8 is not whole: 5,513 samples a second written" in item.notes


def test_full_is_longer_and_valid_shorter(tmp_path: Path) -> None:
    source = heard(tmp_path, noise(50, 1))
    for extent, frames in (("full", 52), ("valid", 48), ("same", 50)):
        run(source, tmp_path / "out.wav", [BINOMIAL], extent=extent, scale="1/4")
        assert wavfile.read(tmp_path / "out.wav")[1].shape == (frames,)


def test_places_stay_only_while_no_sample_moves(tmp_path: Path) -> None:
    source = heard(tmp_path, noise(50, 1))
    cue = b"cue \x04\0\0\0\0\0\0\0"
    source.write_bytes(source.read_bytes() + cue)
    item = run(source, tmp_path / "out.wav", [BINOMIAL])
    assert cue in (tmp_path / "out.wav").read_bytes()
    assert item.notes == ()
    item = run(source, tmp_path / "out.wav", [BINOMIAL], extent="valid")
    assert cue not in (tmp_path / "out.wav").read_bytes()
    assert item.notes == ("chunk 'cue ' left out: samples moved",)


def test_channels_of_sound(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([[1, 10], [2, 20], [4, 40]], np.int16))
    run(source, tmp_path / "out.wav", "identity", channels="sum")
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [11, 22, 44]
    run(source, tmp_path / "out.wav", [[1, 1]], padding=ZERO, extent="full")
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [[1, 10], [3, 30], [6, 60], [4, 40]]
    with pytest.raises(UsageError, match="channels of sound have no colours"):
        run(source, tmp_path / "out.wav", "identity", channels="R")


# --- from one format to another -------------------------------------------------------------------


def test_sound_becomes_numbers_and_sound_again(tmp_path: Path) -> None:
    for channels, shape in ((1, (9,)), (2, (1, 9, 2))):
        samples = noise(9, channels)
        item = run(heard(tmp_path, samples), tmp_path / "out.npy", "identity")
        numbers = np.load(tmp_path / "out.npy")
        assert (numbers.shape, numbers.dtype) == (shape, samples.dtype)
        np.testing.assert_array_equal(numbers.reshape(9, channels), samples)
        assert "NPY keeps no sample rate" in item.notes
        item = run(tmp_path / "out.npy", tmp_path / "out.wav", "identity")
        rate, found = wavfile.read(tmp_path / "out.wav")
        assert rate == 44_100
        np.testing.assert_array_equal(found.reshape(9, channels), samples)
        assert "nothing tells the sample rate: 44,100 samples a second written" in item.notes


def test_sound_becomes_text_one_sample_a_line(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([1, -2, 3], np.int16))
    run(source, tmp_path / "out.csv", "identity")
    assert (tmp_path / "out.csv").read_text() == "1\n-2\n3\n"
    run(tmp_path / "out.csv", tmp_path / "out.wav", "identity", depth="16")
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [1, -2, 3]
    with pytest.raises(OutputError, match="has 2 channels; CSV holds one"):
        run(heard(tmp_path, noise(5, 2)), tmp_path / "out.csv", "identity")


def test_floats_from_minus_one_to_one_become_sound_of_16_bits(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.array([0.5, -1.0, 1.0]))
    item = run(tmp_path / "in.npy", tmp_path / "out.wav", "identity", depth="16")
    assert wavfile.read(tmp_path / "out.wav")[1].tolist() == [16384, -32768, 32767]
    assert item.clipped_above == pytest.approx(1 / 3)


def test_sound_and_pictures_do_not_mix(tmp_path: Path, sample_photo: Path) -> None:
    source = heard(tmp_path, noise(9, 1))
    for name in ("out.png", "out.tif", "out.pgm"):
        with pytest.raises(OutputError, match="is sound, not a picture") as caught:
            run(source, tmp_path / name, "box")
        assert ".npy" in caught.value.hint
    with pytest.raises(OutputError, match="is a picture; WAV holds sound"):
        run(sample_photo, tmp_path / "out.wav", "box")
    np.save(tmp_path / "in.npy", np.zeros((2, 9)))
    with pytest.raises(OutputError, match="has 2 rows; WAV holds sound"):
        run(tmp_path / "in.npy", tmp_path / "out.wav", "box")
    job = make_job([api.recipe("box")], Wishes(pixels=Pixels(light="linear")))
    with pytest.raises(UsageError, match="sound is not light"):
        plan_file(str(source), "", job, Limits())


def test_long_kernels_are_spectra_of_one_row(tmp_path: Path) -> None:
    """SciPy's transforms of one row, cut into tiles; tap by tap would take ten times as long."""
    source = heard(tmp_path, noise(300_000, 2))
    weights = np.hamming(5001)[None] / 2700
    item = run(source, tmp_path / "fft.wav", weights)
    assert (item.engine, item.body) == ("fft", "numpy")
    job = make_job([api.recipe(weights)], Wishes())
    process(str(source), str(tmp_path / "direct.wav"), job, Limits("direct"), Writing())
    assert (tmp_path / "fft.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()


def test_layers_of_sound_are_channels_or_files(tmp_path: Path) -> None:
    layer = "{weights: [[[[-1, 0, 1]]], [[[0, 1, 0]]]], padding: constant}"
    (tmp_path / "net.yaml").write_text(f"units: samples\nlayers:\n  - {layer}\n")
    source = heard(tmp_path, np.array([0, 100, 300, 600], np.int16))
    net = str(tmp_path / "net.yaml")
    item = run(source, tmp_path / "out.wav", net)
    found = wavfile.read(tmp_path / "out.wav")[1]
    assert item.out_channels == 2
    assert item.out_width == len(found)
    run(source, tmp_path / "out-{filter}.wav", net)
    for number, channel in enumerate(found.T, 1):
        alone = wavfile.read(tmp_path / f"out-{number}.wav")
        assert alone[0] == RATE
        assert alone[1].tolist() == channel.tolist()


README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", re.findall(r"^convcli (apply samples/charts/s.*?) *(?:#.*)?$", README, re.MULTILINE)
)
def test_an_example_of_the_readme_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "samples").symlink_to(Path(__file__).parents[1] / "samples")
    monkeypatch.chdir(tmp_path)
    assert cli([*shlex.split(line), "-q"]) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_more_than_the_memory_is_refused_with_the_cure(tmp_path: Path) -> None:
    source = heard(tmp_path, noise(400_000, 2))
    with pytest.raises(InputError, match="of memory, more than") as caught:
        run(source, tmp_path / "out.wav", "box", memory=2_000_000)
    assert "--memory" in caught.value.hint
    assert "TIFF" not in caught.value.hint
    assert not (tmp_path / "out.wav").exists()


def test_pixels_do_not_limit_sound(tmp_path: Path) -> None:
    source = heard(tmp_path, noise(300, 1))
    job = make_job([api.recipe("box")], Wishes())
    header, _ = plan_file(str(source), "", job, Limits(max_pixels=100))
    assert header.width == 300


# --- the command ----------------------------------------------------------------------------------


def command(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "convcli", *words], input=stdin, capture_output=True, check=False
    )


def test_sound_goes_through_a_pipe(tmp_path: Path) -> None:
    samples = noise(30, 2)
    done = command(
        "apply", "-", "-o", "-", "-k", "identity", stdin=heard(tmp_path, samples).read_bytes()
    )
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "in.wav").read_bytes()


def test_folders_of_sound(tmp_path: Path) -> None:
    folder = tmp_path / "takes"
    folder.mkdir()
    for name in ("a.wav", "b.WAV", "unnamed"):
        heard(tmp_path, noise(30, 2)).rename(folder / name)
    (folder / "notes.txt").write_text("none")
    (folder / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    report = tmp_path / "run.json"
    done = command(
        "apply", str(folder), "-o", str(tmp_path / "out"), "-k", "box", "--format", "wav",
        "--report", str(report),
    )  # fmt: skip
    assert done.returncode == 7
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.wav", "b.wav", "unnamed.wav"}
    items = {item["input"]: item for item in json.loads(report.read_text())["items"]}
    item = items[str(folder / "a.wav")]
    assert (item["width"], item["height"], item["channels"], item["dtype"]) == (30, 1, 2, "int16")
    assert items[str(folder / "broken.wav")]["cause"] == "damaged"


def test_the_words_for_what_was_cut(tmp_path: Path) -> None:
    source = heard(tmp_path, np.array([30000, -30000, 1, 1], np.int16))
    done = command("apply", str(source), "-m", "2", "-o", str(tmp_path / "out.wav"))
    said = done.stderr.decode()
    assert "25 % of the samples were cut to -32768. Keep them with --depth float" in said
    assert "25 % of the samples were cut to 32767. Keep them with --depth float" in said
    assert "black" not in said


@pytest.mark.parametrize("kernel", ["gaussian:sigma=2", "laplacian", "unsharp", "sobel"])
@pytest.mark.parametrize("engine", ["direct", "fft"])
def test_engines_and_threads_give_the_same_bytes(tmp_path: Path, kernel: str, engine: str) -> None:
    source = heard(tmp_path, noise(200_000, 2))
    outs = []
    for jobs, wish in ((1, "direct"), (2, engine)):
        target = tmp_path / f"{jobs}.wav"
        done = command(
            "apply", str(source), "-k", kernel, "-o", str(target), "-j", str(jobs),
            "--engine", wish, "--verify",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outs.append(target.read_bytes())
    assert outs[0] == outs[1]
