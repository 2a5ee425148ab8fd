"""
What the workers of a cluster run; `cluster` asks, from the machine where the user sits.

    about(question)     once for each worker: who it is, what it has, whether it sees the files
    serve(request)      one task: (identity, task, share, orders or None)  ->  outcome

Nothing here knows the cluster's library. Requests and replies are pickled by us: what travels is
bytes, small, and the same for every release of that library.
"""

from __future__ import annotations

import os
import pickle
import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcli.batch.running import attempt
from convcli.io import temporary
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.batch.task import Orders, Task

IDENTITY = os.urandom(8).hex()
"""Of this process: another one at the same address is another worker."""

LIBRARIES = ("numpy", "scipy", "pillow", "imagecodecs", "isal", "tifffile")
"""What decodes, filters and encodes: with other releases files may have other bytes."""

_ORDERS: dict[str, Orders] = {}


@record
class Question:
    """
    What every worker has to see: inputs of so many bytes, and a file that was just written.

    `mark` lies where results will; `secret` are its bytes: a folder of the same name on another
    disk does not have them.
    """

    inputs: tuple[tuple[str, int], ...]
    mark: str
    secret: bytes


@record
class Answer:
    """Who a worker is, its releases of `LIBRARIES` and of convcli, and what is wrong, if any."""

    identity: str
    place: str
    versions: dict[str, str]
    trouble: str = ""
    cure: str = ""


@record
class Share:
    """What one task may use of its worker: threads and bytes of all, and how many share them."""

    jobs: int
    memory: int | None
    crowd: int


def versions() -> dict[str, str]:
    """Releases of convcli and of what decides about bytes, by name."""
    from importlib import import_module
    from importlib.metadata import PackageNotFoundError, version

    package, _, _ = __name__.partition(".")
    found: dict[str, str] = {package: import_module(package).__version__}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def about(question: bytes) -> bytes:
    """An `Answer` to a `Question`, both pickled."""
    asked: Question = pickle.loads(question)  # noqa: S301 - from the scheduler's client, which may run anything here
    place = f"{socket.gethostname()}, process {os.getpid()}"
    trouble = _unseen(asked.inputs) or _unwritable(asked)
    return pickle.dumps(Answer(IDENTITY, place, versions(), *trouble))


def _unseen(inputs: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    for path, size in inputs:
        try:
            found = os.stat(path).st_size
        except OSError as error:
            return (f"does not see {path}: {error.strerror}", _SHARE)
        if size not in {-1, found}:
            return (f"sees another file as {path}", _SHARE)
    return ()


def _unwritable(asked: Question) -> tuple[str, ...]:
    folder = os.path.dirname(asked.mark)
    try:
        with open(asked.mark, "rb") as file:
            same = file.read() == asked.secret
    except OSError:
        same = False
    if not same:
        return (f"does not see the same folder {folder}", _SHARE)
    try:
        with temporary.passing(folder):
            return ()
    except OSError as error:
        return (
            f"can't write into {folder}: {error.strerror}",
            "Start the workers as a user who may.",
        )


_SHARE = "Inputs and results must lie on a disk that all machines have under one name."


def absolute(task: Task) -> Task:
    """Workers are in other folders."""
    source = task.source._replace(path=os.path.abspath(task.source.path))
    return task.moved(os.path.abspath)._replace(source=source)


def serve(request: bytes) -> bytes:
    """
    The outcome of a task with its traceback as text, pickled.

    Empty if it was meant for another process: a worker that was lost and whose address this one
    got. Orders come along once, and are called by their name from then on.
    """
    identity, name, orders, task, share = pickle.loads(request)  # noqa: S301 - as above
    if identity != IDENTITY:
        return b""
    if orders is not None:
        _ORDERS[name] = pickle.loads(orders)  # noqa: S301 - as above
    return pickle.dumps(_done(task, _ORDERS[name], share))


def _done(task: Task, orders: Orders, share: Share) -> Any:  # noqa: ANN401 - as `pools` has it
    limits = replace(orders.limits, jobs=share.jobs, memory=share.memory, crowd=share.crowd)
    item, error = attempt(task, replace(orders, limits=limits))
    if not error:
        return item, None, ""
    import traceback

    return item, error, "".join(traceback.format_exception(error))
