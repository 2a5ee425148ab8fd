"""`convcli plan`: what `apply` would do to each image, and what it would cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Unpack

import click

from convcli import render
from convcli.cli import choosing as chosen
from convcli.cli.choices import Command
from convcli.cli.choosing import Chosen, choosing
from convcli.cli.options import common, filtering, limiting, option
from convcli.cli.said import Allowed, Said, job, limits
from convcli.report import as_text

if TYPE_CHECKING:
    from convcli.io import Header
    from convcli.plan import Plan

EXAMPLES = """
Examples:

\b
  convcli plan photo.jpg -k gaussian:sigma=20
  convcli plan scan.tif -k sobel --stride 4 --memory 2G
  convcli plan *.png -m "-1 0 1" --depth 16 --json
"""


class Request(Chosen, Said, Allowed):
    """Every option of the command but the images."""

    out: str
    as_json: bool


@click.command("plan", cls=Command, epilog=EXAMPLES)
@choosing
@filtering
@option(
    "Output",
    "-o",
    "--out",
    default="",
    metavar="FILE",
    help="The file to be written; its format decides what it can hold. The input's unless given.",
)
@option("Output", "--json", "as_json", is_flag=True, help="Print one JSON document.")
@limiting
@common
@click.pass_context
def command(ctx: click.Context, images: tuple[str, ...], **said: Unpack[Request]) -> None:
    """
    Say what `apply` would do and what it would cost; do nothing.

    Nothing is decoded or written. Engine, tiles, threads and memory are decided as `apply` would
    decide them, and the reasons given in words.
    """
    from convcli.io import Series, has_field
    from convcli.run import plan_file

    target = Series(said["out"]) if has_field(said["out"]) else said["out"]
    wanted = job(said)
    allowed = limits(said)
    found = chosen.found(ctx, images, said)
    names = [source.path for source in found.inputs]
    plans = {name: plan_file(name, target, wanted, allowed) for name in names}
    chosen.tell(found.notes())
    if said["as_json"]:
        documents = [as_data(image, *decided) for image, decided in plans.items()]
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
        return
    for image, decided in plans.items():
        for line in render.plan_lines(image, *decided):
            click.echo(line)


def as_data(source: str, header: Header, plan: Plan) -> dict[str, Any]:
    """One plan as JSON has it; shapes are rows, columns, channels."""
    treatment = plan.treatment
    return {
        "input": as_text(source),
        "format": header.format,
        "shape": [header.height, header.width, header.channels],
        "dtype": header.dtype,
        "frames": header.frames,
        "out_shape": list(plan.shape),
        "out_dtype": treatment.finish.scale.dtype,
        "stages": [
            {
                "name": stage.name,
                "shape": list(stage.shape),
                "engine": stage.engine,
                "body": stage.body,
                "reason": stage.reason,
                "multiplies": stage.multiplies,
                "predicted_seconds": stage.seconds,
                "receptive_field": list(tally.field),
                "jump": list(tally.jump),
                "weights": tally.weights,
                "biases": tally.biases,
                "multiply_adds": tally.multiplies,
                "connections": tally.connections,
                "dense_equivalent": tally.dense,
                "left_by_stride": list(tally.left),
                "not_read": list(tally.lost),
            }
            for stage, tally in zip(
                plan.stages, plan.tallies((header.height, header.width)), strict=True
            )
        ],
        "multiplies": plan.multiplies,
        "range": treatment.finish.range,
        "alpha": treatment.alpha,
        "light": "linear" if treatment.linear else "encoded",
        "tile": list(plan.tile),
        "workers": plan.workers,
        "memory_bytes": plan.memory,
        "streamed_rows": plan.bands.rows if plan.bands else None,
        "notes": list(plan.notes),
    }
