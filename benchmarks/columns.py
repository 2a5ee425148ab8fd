"""What takes turns in `engines.py`: convcli's engines and its peers, and whether they agree."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from scipy import ndimage

from convcli import bench, engines
from convcli.engines.native import bounds
from convcli.errors import UsageError
from convcli.limits import AUTO, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.bench import Block, Prepare, Run, Values
    from convcli.spec import Job

CORNER = (96, 130)
TIE = 0.5 + 2.0**-20


def engine(job: Job, name: str, jobs: int) -> Prepare:
    """A column of convcli."""
    return lambda samples: bench.ours(job, samples, Limits(name, jobs))


def forced(job: Job, samples: Block, jobs: int) -> dict[str, Prepare]:
    """`auto`, and every engine that it does not choose."""
    chosen = chosen_by_auto(job, samples)
    others = [name for name in engines.WHY if name != chosen]
    return {name: engine(job, name, jobs) for name in (AUTO, *others)}


def chosen_by_auto(job: Job, samples: Block) -> str:
    """The engine's name."""
    return bench.planned(job, samples, Limits(AUTO)).stages[0].engine


def unproven(prepare: Prepare) -> Prepare:
    """The same loop, told that single precision leaves no doubt."""

    def careless(*arguments: Any) -> bounds.Single | None:  # noqa: ANN401 - those of `single`
        """As `single`, with a bound below 0: nothing is computed again."""
        found = bounds.single(*arguments)
        return found and replace(found, margin=-1.0)

    def prepared(samples: Block) -> Run:
        """As `prepare`; what it gives runs with the patched bound."""
        run = prepare(samples)

        def patched() -> object:
            with patch("convcli.engines.native.call.single", careless):
                return run()

        return patched

    return prepared


def torch_column(matrix: Values, threads: int) -> dict[str, Prepare]:
    """conv2d of float32, one group a channel; nothing where torch is not installed."""
    if not find_spec("torch"):
        return {}
    torch: Any = import_module("torch")
    torch.set_num_threads(threads)
    return {"torch conv2d": partial(_torch, torch, matrix)}


def _torch(torch: Any, matrix: Values, samples: Block) -> Run:  # noqa: ANN401 - a module
    size, channels = len(matrix), samples.shape[2]
    weights = torch.tensor(matrix, dtype=torch.float32).expand(channels, 1, size, size).contiguous()
    before, after = (size - 1) // 2, size // 2
    convolve, pad = torch.nn.functional.conv2d, torch.nn.functional.pad

    def run() -> object:
        planes = torch.from_numpy(samples).permute(2, 0, 1)[None].float()
        padded = pad(planes, (before, after, before, after), mode="reflect")
        values = convolve(padded, weights, groups=channels)
        return values.round_().clamp_(0, 255).byte()[0].permute(1, 2, 0).contiguous().numpy()

    return run


def opencv_sobel(samples: Block) -> Run:
    """Two float gradients, their magnitude, and 8 bits of it."""
    cv2: Any = import_module("cv2")
    border = cv2.BORDER_REFLECT_101

    def run() -> object:
        x = cv2.Sobel(samples, cv2.CV_32F, 1, 0, borderType=border)
        y = cv2.Sobel(samples, cv2.CV_32F, 0, 1, borderType=border)
        return cv2.convertScaleAbs(cv2.magnitude(x.reshape(len(x), -1), y.reshape(len(y), -1)))

    return run


# --- the same numbers ----------------------------------------------------------------------------


def check(columns: Mapping[str, Prepare], samples: Block, *matrices: Values, step: int = 1) -> None:
    """Hold every column against SciPy's float64 on a corner, rounded by the law; or end."""
    corner = np.ascontiguousarray(samples[: CORNER[0], : CORNER[1]])
    values = [ndimage.correlate(corner, m[..., None], np.float64, "mirror") for m in matrices]
    exact = values[0] if len(values) == 1 else np.sqrt(sum(part * part for part in values))
    wanted = np.floor(exact[::step, ::step] + TIE).clip(0, np.iinfo(samples.dtype).max)
    for name, prepare in columns.items():
        try:
            result: Any = prepare(corner)()
        except UsageError:
            continue
        if not np.array_equal(result[0], wanted):
            size = "x".join(map(str, matrices[0].shape))
            raise SystemExit(f"{name}, {size}, stride {step}: not SciPy's float64 answer")
