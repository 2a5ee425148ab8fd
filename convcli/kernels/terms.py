"""
Kernels in a calculation, each with the operation it is written for.

    Term = kernel + operation + whether its range was signed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.kernels.arithmetic import flip
from convcli.record import record

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel, Operation, Recipe


@record
class Term:
    """A kernel in a calculation: what it was written for, and whether its range was signed."""

    kernel: Kernel
    operation: Operation | None
    signed: bool = False

    @property
    def either(self) -> bool:
        """Whether convolve and correlate are the same to it."""
        return self.operation is None and self.kernel.flip_invariant


def agreed(first: Term, second: Term) -> tuple[Kernel, Kernel, Operation | None]:
    """Both kernels as they are written for one operation."""
    if first.either or second.either or first.operation == second.operation:
        return first.kernel, second.kernel, second.operation if first.either else first.operation
    one, two = (
        term.kernel if term.operation == "correlate" else flip(term.kernel)
        for term in (first, second)
    )
    return one, two, "correlate"


def lost(recipe: Recipe) -> str:
    """What an expression could not carry."""
    if len(recipe.kernels) > 1:
        return f"has {len(recipe.kernels)} kernels"
    if recipe.bias:
        return "adds a bias"
    return "has an activation" if recipe.activation != "none" else ""
