"""
What is asked of a cluster's workers before they are trusted, and what their answers mean.

    question(tasks)  --about, on every worker-->  judged(answer)      same files, same convcli
                                                  differing(answer)   other libraries: a note
"""

from __future__ import annotations

import os
import pickle
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from convcli.batch.earlier import CRASHED
from convcli.batch.hosts import Question, versions
from convcli.errors import ConvError, UsageError
from convcli.io import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.batch.hosts import Answer
    from convcli.batch.task import Input


@contextmanager
def question(sources: Sequence[Input], target: str) -> Iterator[Question]:
    """The first input of each folder that was searched, and a fresh file where results go."""
    first = {source.root: source for source in reversed(sources)}
    inputs = tuple((os.path.abspath(source.path), source.size) for source in first.values())
    folder = Path(os.path.abspath(target)).parent
    while not folder.is_dir():
        folder = folder.parent
    secret = os.urandom(16)
    try:
        with temporary.passing(str(folder)) as (mark, file):
            file.write(secret)
            file.flush()
            yield Question(inputs, mark, secret)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be written: {error.strerror}.", "Name another."
        ) from error


def _stranger(address: str, error: object) -> UsageError:
    if isinstance(error, ModuleNotFoundError):
        return UsageError(
            f"The worker {address} has no convcli.", f"There: pip install {_wanted('convcli')}"
        )
    return UsageError(
        f"The worker {address} can't run this convcli: {error}.",
        f"There: pip install {_wanted('convcli')}",
    )


def _wanted(*names: str) -> str:
    here = versions()
    return " ".join(f"{name}=={here[name]}" for name in names)


def judged(address: str, reply: object) -> Answer:
    """The answer of a worker that may be used. UsageError, with the cure, of any other."""
    if not isinstance(reply, bytes):
        raise _stranger(address, reply)
    answer: Answer = pickle.loads(reply)  # noqa: S301 - from a worker, which runs our code
    here, there = versions()["convcli"], answer.versions["convcli"]
    if there != here:
        raise UsageError(
            f"The worker on {answer.place} runs convcli {there}, this is {here}.",
            f"There: pip install {_wanted('convcli')}",
        )
    if answer.trouble:
        raise UsageError(f"The worker on {answer.place} {answer.trouble}.", answer.cure)
    return answer


def differing(answer: Answer) -> Iterator[str]:
    """Releases of libraries that are not those of this machine: bytes of files may differ."""
    here = versions()
    other = [name for name in here if answer.versions.get(name) != here[name]]
    if other:
        told = ", ".join(f"{name} {answer.versions.get(name, 'missing')}" for name in other)
        yield (
            f"the worker on {answer.place} has {told}, this machine {_wanted(*other)}: samples are"
            " the same, bytes of files may differ"
        )


def killer(path: str, lost: int, why: str) -> ConvError:
    """What is said of a file that took so many workers along, the last one for the reason given."""
    were = "workers were" if lost > 1 else "worker was"
    return ConvError(
        f"{path}: {lost} {were} lost while they filtered it, the last one: {why}.",
        "Filter it alone on this machine, without --cluster, to see more; the workers' logs say"
        " whether they were short of memory.",
        cause=CRASHED,
    )


def deserted(seconds: float) -> ConvError:
    """What is said of files that nobody could filter."""
    return ConvError(
        f"The cluster has had no workers for {seconds:g} s.",
        "Start some, and repeat what failed: --resume run.jsonl",
        cause="no-cluster",
    )
