"""The compiled core as a module: what it refuses, which one runs, and that nobody needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from convcli import engines
from convcli.engines.cost import LENGTHS
from convcli.engines.native import CORES, cores, peak

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = (
    "block", "out", "rows", "columns", "fill", "bank", "down", "along", "scale", "bias",
    "sums", "inside", "whole", "reals",
)  # fmt: skip
WORDS = (
    "stride_down", "stride_along", "dilation_down", "dilation_along", "combine", "activation",
    "absolute", "folded", "single", "rank", "fft_down", "fft_along",
)  # fmt: skip

each_core = pytest.mark.parametrize("core", [*cores().values()], ids=[*cores()])


def accepted() -> dict[str, Any]:
    """Two filters of 3x2 over an image of 6x7x3, as `call.py` hands it over."""
    return {
        "block": np.arange(6 * 7 * 3, dtype=np.uint8).reshape(6, 7, 3),
        "out": np.zeros((4, 6, 6), np.uint8),
        "rows": np.arange(6, dtype=np.intp),
        "columns": np.arange(7, dtype=np.intp),
        "fill": np.zeros(3),
        "bank": np.ones((2, 1, 3, 2)),
        "down": np.zeros(0),
        "along": np.zeros(0),
        "scale": np.ones(2),
        "bias": np.zeros(2),
        "sums": np.full(2, 6.0),
        "inside": np.zeros(0),
        "whole": np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], np.int64),
        "reals": np.array([0.0, 1.0, 0.0, 0.0, 255.0, 1.0, 1.0, 0.0, -1.0]),
    }


def words(**changed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    whole: np.ndarray[Any, np.dtype[np.int64]] = accepted()["whole"].copy()
    for name, value in changed.items():
        whole[WORDS.index(name)] = value
    return whole


def call(core: Any, **changed: Any) -> Any:
    given = accepted() | changed
    return core.filter(*(given[name] for name in NAMES))


def aside(array: Any) -> Any:
    """The same numbers at odd addresses."""
    room = np.zeros(array.nbytes + 1, np.uint8)
    view = room[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


@each_core
def test_what_fits_is_done(core: Any) -> None:
    given = accepted()
    found = call(core, **given)
    block = given["block"].astype(int)
    rows = block[:4] + block[1:5] + block[2:]
    # channel by channel, filter by filter
    sums = np.repeat(rows[:, :-1] + rows[:, 1:], 2, axis=2)
    np.testing.assert_array_equal(given["out"], sums.clip(max=255))
    assert found == (0, (sums > 255).sum(), 0, 0)


@each_core
def test_longer_index_vectors_than_are_read_are_no_harm(core: Any) -> None:
    plain = np.zeros((4, 6, 6), np.uint8)
    call(core, out=plain)
    rows = np.array([0, 1, 2, 3, 4, 5, -1, 0])
    longer = np.zeros_like(plain)
    call(core, out=longer, rows=rows, columns=np.append(np.arange(7), -1))
    np.testing.assert_array_equal(longer, plain)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    # --- samples
    "signed bytes": ("block", {"block": np.zeros((6, 7, 3), np.int8)}),
    "booleans": ("block", {"block": np.zeros((6, 7, 3), np.bool_)}),
    "32-bit integers": ("block", {"block": np.zeros((6, 7, 3), np.uint32)}),
    "halves": ("block", {"block": np.zeros((6, 7, 3), np.float16)}),
    "complex samples": ("block", {"block": np.zeros((6, 7, 3), np.complex64)}),
    "another byte order": ("block", {"block": np.zeros((6, 7, 3), ">u2")}),
    "floats of another byte order": ("block", {"block": np.zeros((6, 7, 3), ">f8")}),
    "two axes": ("block", {"block": np.zeros((6, 7), np.uint8)}),
    "four axes": ("block", {"block": np.zeros((6, 7, 3, 1), np.uint8)}),
    "no rows": ("rows", {"block": np.zeros((0, 7, 3), np.uint8)}),
    "no columns": ("columns", {"block": np.zeros((6, 0, 3), np.uint8)}),
    "no channels": ("fill|block", {"block": np.zeros((6, 7, 0), np.uint8)}),
    "no samples at all": (
        "block",
        {"block": np.zeros((0, 0, 3), np.uint8), "rows": np.full(6, -1), "columns": np.full(7, -1)},
    ),
    "samples at odd addresses": ("block", {"block": aside(np.zeros((6, 7, 3), np.uint16))}),
    "floats at odd addresses": ("block", {"block": aside(np.zeros((6, 7, 3)))}),
    # --- results
    "results that are signed": ("out", {"out": np.zeros((4, 6, 6), np.int16)}),
    "results of two axes": ("out", {"out": np.zeros((4, 6), np.uint8)}),
    "results with too few channels": ("out", {"out": np.zeros((4, 6, 3), np.uint8)}),
    "results with too many channels": ("out", {"out": np.zeros((4, 6, 7), np.uint8)}),
    "results without rows": ("block", {"out": np.zeros((0, 6, 6), np.uint8)}),
    "results without columns": ("block", {"out": np.zeros((4, 0, 6), np.uint8)}),
    "results at odd addresses": ("out", {"out": aside(np.zeros((4, 6, 6), np.uint16))}),
    "one row too many": ("rows", {"out": np.zeros((5, 6, 6), np.uint8)}),
    "one column too many": ("rows", {"out": np.zeros((4, 7, 6), np.uint8)}),
    "rows without end": (
        "rows",
        {
            "out": as_strided(np.zeros(1, np.uint8), (2**33 + 1, 6, 6), (0, 0, 0)),
            "whole": words(stride_down=2**31 - 1),
        },
    ),
    "columns without end": (
        "rows",
        {
            "out": as_strided(np.zeros(1, np.uint8), (1, 2**60 + 1, 6), (0, 0, 0)),
            "whole": words(stride_along=16),
        },
    ),
    # --- positions
    "positions of 32 bits": ("rows", {"rows": np.arange(6, dtype=np.int32)}),
    "positions that are floats": ("rows", {"rows": np.arange(6.0)}),
    "positions of another byte order": ("rows", {"rows": np.arange(6, dtype=">i8")}),
    "positions that are complex": ("rows", {"rows": np.zeros(6, np.complex64)}),
    "every second position": ("rows", {"rows": np.arange(12)[::2]}),
    "positions at odd addresses": ("columns", {"columns": aside(np.arange(7))}),
    "a row beyond the last": ("rows", {"rows": np.array([0, 1, 2, 3, 4, 6])}),
    "a row far beyond the last": ("rows", {"rows": np.array([0, 1, 2, 3, 4, 2**62])}),
    "a row before the first": ("rows", {"rows": np.array([-2, 1, 2, 3, 4, 5])}),
    "a column beyond the last": ("columns", {"columns": np.arange(1, 8)}),
    "a column before the first": ("columns", {"columns": np.arange(-2, 5)}),
    "a position that is never read": ("rows", {"rows": np.array([0, 1, 2, 3, 4, 5, 6])}),
    "too few rows": ("rows", {"rows": np.arange(5)}),
    "too few columns": ("rows", {"columns": np.arange(6)}),
    "no positions": ("rows", {"rows": np.arange(0)}),
    # --- taps
    "a bank of three axes": ("bank", {"bank": np.ones((2, 3, 2))}),
    "a bank of single precision": ("bank", {"bank": np.ones((2, 1, 3, 2), np.float32)}),
    "a bank of integers": ("bank", {"bank": np.ones((2, 1, 3, 2), np.int64)}),
    "a bank that is not contiguous": ("bank", {"bank": np.ones((2, 1, 2, 3)).swapaxes(2, 3)}),
    "a bank without filters": ("bank", {"bank": np.ones((0, 1, 3, 2))}),
    "a bank without planes": ("bank", {"bank": np.ones((2, 0, 3, 2))}),
    "a bank without taps": ("bank", {"bank": np.ones((2, 1, 0, 2))}),
    "a bank for two channels": ("bank", {"bank": np.ones((2, 2, 3, 2))}),
    "a bank for four channels": ("bank", {"bank": np.ones((2, 4, 3, 2))}),
    "one scale for two filters": ("scale", {"scale": np.ones(1)}),
    "scales of single precision": ("scale", {"scale": np.ones(2, np.float32)}),
    "three biases for two filters": ("bias", {"bias": np.ones(3)}),
    "one sum of weights for two filters": ("sums", {"sums": np.ones(1)}),
    "too few constants": ("fill", {"fill": np.zeros(2)}),
    "constants that are integers": ("fill", {"fill": np.zeros(3, np.int64)}),
    "weights inside of another size": ("inside", {"inside": np.ones((2, 4, 5))}),
    "weights inside for one filter": ("inside", {"inside": np.ones((1, 4, 6))}),
    "weights inside of single precision": ("inside", {"inside": np.ones((2, 4, 6), np.float32)}),
    # --- words
    "too few words": ("whole", {"whole": words()[:-1]}),
    "too many words": ("whole", {"whole": np.append(words(), 0)}),
    "words that are floats": ("whole", {"whole": words().astype(float)}),
    "too few numbers": ("reals", {"reals": np.zeros(8)}),
    "numbers that are integers": ("reals", {"reals": np.zeros(9, np.int64)}),
    **{
        f"{name} of {value}": ("whole", {"whole": words(**{name: value})})
        for name in WORDS[:4]
        for value in (0, -1, 2**31, -(2**63))
    },
    "a combiner before the first": ("whole", {"whole": words(combine=-1)}),
    "a combiner after the last": ("whole", {"whole": words(combine=7)}),
    "an activation before the first": ("whole", {"whole": words(activation=-1)}),
    "an activation after the last": ("whole", {"whole": words(activation=8)}),
    "a wider stride than there are rows": ("rows", {"whole": words(stride_down=2)}),
    "a wider dilation than there are columns": ("rows", {"whole": words(dilation_along=2)}),
    "single precision into floats": (
        "whole",
        {"whole": words(single=1), "out": np.zeros((4, 6, 6), np.float32)},
    ),
    "single precision at an edge": (
        "whole",
        {"whole": words(single=1), "inside": np.ones((2, 4, 6))},
    ),
    # --- factors and transforms
    "a negative rank": ("whole", {"whole": words(rank=-1)}),
    "a rank beyond all": ("whole", {"whole": words(rank=2**31)}),
    "no factors": ("down", {"whole": words(rank=1)}),
    "too few columns of factors": (
        "down",
        {"whole": words(rank=1), "down": np.ones(5), "along": np.ones(4)},
    ),
    "too few rows of factors": (
        "along",
        {"whole": words(rank=1), "down": np.ones(6), "along": np.ones(3)},
    ),
    "factors of another rank": (
        "down",
        {"whole": words(rank=2), "down": np.ones(6), "along": np.ones(4)},
    ),
    "a transform in one direction": ("whole", {"whole": words(fft_down=16)}),
    "a transform smaller than the kernel": (
        "whole",
        {
            "whole": words(fft_down=16, fft_along=16, dilation_down=8),
            "rows": np.zeros(20, np.intp),
        },
    ),
    **{
        f"a transform of {length}": ("whole", {"whole": words(fft_down=down, fft_along=along)})
        for length in (3, 15, 17, 24, 80, 4096, 3072, 2**31, 2**40, 2**62, -16, -(2**63))
        for down, along in ((length, 16), (16, length))
    },
}


@each_core
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_refused(wrong: str, core: Any) -> None:
    named, changed = WRONG[wrong]
    with pytest.raises(ValueError, match=f"^({named}): "):
        call(core, **changed)


@each_core
def test_what_may_not_be_written_is_left_alone(core: Any) -> None:
    out = np.zeros((4, 6, 6), np.uint8)
    out.setflags(write=False)
    with pytest.raises((ValueError, BufferError), match="read-only"):
        call(core, out=out)
    assert not out.any()


@each_core
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_array_is_refused(name: str, core: Any) -> None:
    for other in (None, 1, "text", [1, 2]):
        with pytest.raises(TypeError):
            call(core, **{name: other})
    rank = words(rank=1)
    given: dict[str, Any] = {"whole": rank, "down": np.ones(6), "along": np.ones(4)}
    with pytest.raises(ValueError, match=name):
        call(core, **(given | {name: memoryview(bytearray(b"bytes"))}))


@each_core
def test_other_numbers_of_arguments_are_refused(core: Any) -> None:
    given = [*accepted().values()]
    for arguments in ([], given[:-1], [*given, given[0]]):
        with pytest.raises(TypeError):
            core.filter(*arguments)


@each_core
def test_every_array_is_given_back(core: Any) -> None:
    """Memory that is held could be neither resized nor freed."""
    given = accepted()
    before = [sys.getrefcount(array) for array in given.values()]
    for _ in range(20):
        call(core, **given)
        for _, changed in WRONG.values():
            with pytest.raises(ValueError, match=": "):
                call(core, **{**given, **changed})
    assert [sys.getrefcount(array) for array in given.values()] == before


@each_core
def test_the_lengths_of_transforms_are_those_that_are_planned_with(core: Any) -> None:
    able = []
    changed: dict[str, Any] = {
        "block": np.ones((1, 1, 1), np.uint8),
        "out": np.zeros((1, 1, 1)),
        "rows": np.zeros(1, np.intp),
        "columns": np.zeros(1, np.intp),
        "bank": np.ones((1, 1, 1, 1)),
        "fill": np.zeros(1),
        "scale": np.ones(1),
        "bias": np.zeros(1),
        "sums": np.ones(1),
    }
    for length in range(1, 2200):
        try:
            call(core, **changed, whole=words(fft_down=length, fft_along=16))
        except ValueError:
            continue
        able.append(length)
    assert able == [*LENGTHS]


# --- which core runs ----------------------------------------------------------------------------


def test_cores_tell_what_they_are() -> None:
    assert list(cores()) == [name for name in CORES if name in cores()]
    for name, core in cores().items():
        assert core.isa() in {name, "neon"}
        assert core.runs(name) or core.isa() == "neon"
        assert core.runs(core.isa())
        assert not core.runs("another")
        assert core.peak(1000) >= 12_000


def test_the_peak_is_measured_if_there_is_a_core() -> None:
    found = peak(0.01)
    assert (found is None) == (not cores())
    assert found is None or found > 1e8


def test_bodies_end_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(engines.FORCED, raising=False)
    assert engines.bodies() == (*cores(), engines.NUMPY)
    for body in engines.bodies():
        monkeypatch.setenv(engines.FORCED, body)
        assert engines.bodies() == (body,)
        assert engines.engine("direct").body == body


def test_engines_have_the_bodies_that_they_are_asked_for() -> None:
    for body in (*cores(), engines.NUMPY):
        for name in engines.WHY:
            engine = engines.engine(name, body)
            assert (engine.name, engine.body) == (name, body)
            assert (engine.samples is None) == (body == engines.NUMPY)
    with pytest.raises(KeyError):
        engines.engine("another")


def convcli(*args: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *args] if code else [sys.executable, "-m", "convcli"]
    return subprocess.run(
        [*command, *args] if not code else command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def native_core(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    said: str = json.loads(done.stdout)["native core"]
    return said


@pytest.mark.parametrize("body", [*cores()])
def test_info_says_which_core_is_used(body: str) -> None:
    assert native_core(convcli("info", "--json", CONVCLI_BODY=body)) == body


def test_info_says_that_numpy_was_asked_for() -> None:
    assert "CONVCLI_BODY" in native_core(convcli("info", "--json", CONVCLI_BODY="numpy"))


def test_unknown_bodies_are_refused(tmp_path: Path, sample_photo: Path) -> None:
    target = str(tmp_path / "y.png")
    done = convcli("apply", str(sample_photo), "-k", "box", "-o", target, CONVCLI_BODY="abacus")
    assert done.returncode == 2, done.stderr
    assert "CONVCLI_BODY=abacus" in done.stderr
    assert "numpy" in done.stderr
    assert not list(tmp_path.iterdir())


def test_info_can_be_asked_whatever_the_body() -> None:
    assert "CONVCLI_BODY=abacus" in native_core(convcli("info", "--json", CONVCLI_BODY="abacus"))


WITHOUT = """
import sys
for name in {names}:
    sys.modules["convcli.engines.native._" + name] = None  # importing it raises ImportError
from convcli.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def without(*names: str) -> str:
    return WITHOUT.format(names=names)


def test_without_a_core_info_says_so() -> None:
    done = convcli("info", "--json", code=without(*CORES), CONVCLI_BODY="")
    assert native_core(done).startswith("not built")


def test_without_the_baseline_nothing_judges_the_others() -> None:
    done = convcli("info", "--json", code=without("baseline"), CONVCLI_BODY="")
    assert native_core(done).startswith("not built")


@pytest.mark.skipif(not cores(), reason="no core was built")
def test_a_core_that_is_missing_is_left_out() -> None:
    done = convcli("info", "--json", code=without(*CORES[:-1]), CONVCLI_BODY="")
    assert native_core(done) == CORES[-1]


def test_without_a_core_the_files_are_the_same(sample_photo: Path, tmp_path: Path) -> None:
    ways: list[Callable[..., subprocess.CompletedProcess[str]]] = [
        convcli,
        lambda *args: convcli(*args, code=without(*CORES), CONVCLI_BODY=""),
        lambda *args: convcli(*args, CONVCLI_BODY="numpy"),
    ]
    written = []
    for number, way in enumerate(ways):
        target = tmp_path / f"{number}.png"
        done = way("apply", str(sample_photo), "-k", "gaussian:sigma=2", "-o", str(target))
        assert done.returncode == 0, done.stderr
        written.append(target.read_bytes())
    assert written[0] == written[1] == written[2]
