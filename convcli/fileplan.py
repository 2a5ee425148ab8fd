"""
The plan of one file: what its header and the format of its output mean for the job.

    header, form, target --> Kind, kind of target --proposed--> plan --> parts, a picture, bands
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convcli import io
from convcli.frame import about
from convcli.large import in_parts
from convcli.plan import check_memory, fits, proposed
from convcli.treatment import Kind

if TYPE_CHECKING:
    from convcli.io import Place
    from convcli.large import Large
    from convcli.limits import Limits
    from convcli.pixels import Target
    from convcli.plan import Plan
    from convcli.spec import Job

NUMBERS = ("NPY", "CSV", "TSV")
"""Formats that hold plain numbers only."""

SOUND = "WAV"
"""The format that holds sound only."""


def planned(  # noqa: PLR0913, PLR0917 - all that decides
    job: Job,
    header: io.Header,
    form: str,
    limits: Limits,
    name: str,
    large: Large | None = None,
    target: Place = "",
) -> Plan:
    """What will be done; in bands, if `large` can be read and written so, and must be."""
    if header.layout != "sound":  # its samples lie in the file: no more than were read
        io.check_size(name, header.width, header.height, limits.max_pixels)
    signal = header.signal or (form == SOUND and header.height == 1)
    kind = Kind(header.dtype, header.layout, header.channels, signal, header.bits)
    same = header.layout == "numbers" and header.format == form
    kept: Target = "sound" if form == SOUND else "picture"
    if form in NUMBERS or same:
        kept = "numbers"
    shape = (header.height, header.width, header.channels)
    with about(name):
        plan = proposed(job, kind, shape, kept, limits)
        parts = parts_of(plan, form, target, name)
        if parts:
            check_memory(plan, shape, limits)
        elif not fits(plan, limits):
            plan = in_parts(plan, header, form, limits, large)
    # One zero stands for all samples: a picture of the right shape and type, without its memory.
    blank = np.broadcast_to(np.zeros((), plan.treatment.finish.scale.dtype), plan.shape)
    image = io.Image(blank, plan.treatment.layout)
    if not parts and plan.treatment.layered and not io.holds_channels(image, form):
        raise io.no_picture(result_called(name), plan.shape[2], form)
    if parts:
        layout = parts.layout(plan.shape[2])
        image = io.Image(blank[..., : 1 + layout.endswith("+alpha")], layout)
    io.check_fit(image, form, name=result_called(name))
    return plan


def parts_of(plan: Plan, form: str, target: Place, name: str) -> io.Parts | None:
    """How the filters are written one by one; None where all are in one picture, or array."""
    treatment, plain = plan.treatment, _plain(plan, form)
    if not isinstance(target, str):
        files = target.of(treatment.filters, name)
        return io.Parts(files, treatment.filters, plain=plain)
    if form == "TIFF" and treatment.layered and treatment.layout == "numbers":
        return io.Parts((target,), treatment.filters, pages=True, plain=plain)
    return None


def _plain(plan: Plan, form: str) -> io.Layout | None:
    """What each filter is, if not a picture."""
    if plan.treatment.layout == "sound":
        return "sound"
    return "numbers" if form in NUMBERS else None


def result_called(name: str) -> str:
    """What messages call what becomes of an input."""
    return f"The result of {name}"
