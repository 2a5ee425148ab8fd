"""
Engines run one stage on one output window. They see index vectors, never a padding mode.

    engine(stage, block, rows, columns, fill, inside=None) -> values
    engine.samples(stage, block, rows, columns, fill, out, ending, inside=None) -> what was cut

`block` is any real dtype (row, column, channel); `rows` and `columns` are what `Stage.needs` names,
as positions in the block or OUTSIDE, for which channel c reads `fill[c]`; `inside` is what
`Stage.inside` says. `values` is float64 (row, column, channel). All engines agree to within 1e-12
relative, so that the law of rounding makes their integers equal. An engine with `samples` can write
them itself, in the pass that sums.

Every engine has bodies: NumPy's (for `fft`, SciPy's), which is always there, and those of the
compiled cores in `native`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.source import Engine

WHY = {
    "direct": "every tap is multiplied and added, tap by tap",
    "separable": "the matrix is a sum of few outer products: columns first, then rows",
    "fft": "image and taps are multiplied as spectra, at one price for any size of kernel",
}
"""The engines, and what each one does, in words. Module and function have the engine's name."""

HUGE = 1e290
"""What sums must stay below where they are not taken tap by tap: float64 holds little more."""

NUMPY = "numpy"
FORCED = "CONVCLI_BODY"
"""The environment variable that names the body to be used: for tests, and to rule one out."""


def bodies() -> tuple[str, ...]:
    """The bodies that exist here, the fastest first; NumPy's is the last."""
    from convcli.engines.native import cores

    found = (*cores(), NUMPY)
    wish = os.environ.get(FORCED)
    if wish and wish not in found:
        raise UsageError(f"{FORCED}={wish}: no such body here.", f"Known: {', '.join(found)}")
    return (wish,) if wish else found


def engine(name: str, body: str | None = None) -> Engine:
    """The engine; its module is imported only now, because some cost more than they save."""
    if name not in WHY:
        raise KeyError(name)
    from convcli.source import Engine

    body = body or bodies()[0]
    if body == NUMPY:
        return Engine(name, NUMPY, getattr(import_module(f"{__name__}.{name}"), name))
    from convcli.engines.native import cores
    from convcli.engines.native.call import Native

    native = Native(cores()[body], name)
    return Engine(name, body, native.values, native.samples)
