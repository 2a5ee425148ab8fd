"""
Engines run one stage on one output window. They see index vectors, never a padding mode.

    engine(stage, block, rows, columns, fill, inside=None) -> values

`block` is any real dtype (row, column, channel); `rows` and `columns` are what `Stage.needs` names,
as positions in the block or OUTSIDE, for which channel c reads `fill[c]`; `inside` is what
`Stage.inside` says. `values` is float64 (row, column, channel). All engines agree to within 1e-12
relative, so that the law of rounding makes their integers equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.source import Engine

WHY = {
    "direct": "every tap is multiplied and added, tap by tap",
}
"""The engines, and what each one does, in words."""


def engine(name: str) -> Engine:
    """The engine's function; it is imported only now, because some cost more than they save."""
    from convcli.engines.direct import direct

    return {"direct": direct}[name]
