"""
A cluster by its name: the scheduler that is there, or one of this machine's own.

    tcp://HOST:8786    workers that somebody started: dask worker tcp://HOST:8786
    local, local:4     as many worker processes here, for this run

The library that speaks to it, Dask distributed, is an extra; its own words are silenced.
"""

from __future__ import annotations

import logging
import signal
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from convcli.errors import MissingExtra, UsageError
from convcli.limits import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL = "local"
ANSWER = 6.0
"""Seconds in which a scheduler answers, or is taken for one that is not there."""

_EXAMPLE = "Name one: --cluster tcp://HOST:8786, local or local:4"
_LOGGERS = ("distributed", "tornado", "bokeh", "asyncio")


def reason(error: BaseException) -> str:
    """The first line of what another library says, or at least the kind of its error."""
    return next(iter(str(error).splitlines()), "").rstrip(".") or type(error).__name__


def check_name(name: str) -> None:
    """UsageError for what names no cluster."""
    if _schemed(name) or (name != LOCAL and not name.startswith(f"{LOCAL}:")):
        if not _schemed(name):
            raise UsageError(f"--cluster {name}: no address of a scheduler.", _EXAMPLE)
    else:
        _number(name)


def _schemed(name: str) -> bool:
    scheme, found, place = name.partition("://")
    return bool(found and place) and scheme.isalnum()


def _number(name: str) -> int | None:
    """Processes of `local:4`; None of `local`."""
    _, found, number = name.partition(":")
    if not found:
        return None
    if not (number.isascii() and number.isdigit() and int(number)):
        raise UsageError(f"--cluster {name}: '{number}' is no number of processes.", _EXAMPLE)
    return int(number)


@contextmanager
def client(name: str, jobs: int | None) -> Iterator[Any]:
    """
    A client of the cluster, which ends with the block, as does a cluster of our own.

    `jobs`: processes of `local`, all processors if None. MissingExtra, UsageError: no answer.
    """
    check_name(name)
    distributed = _imported()
    if _schemed(name):
        with _connected(distributed, name) as found:
            yield found
        return
    number = _number(name) or jobs or cores()
    with _deaf(), _quiet():
        cluster = distributed.LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    try:
        with _connected(distributed, cluster) as found:
            yield found
    finally:
        with _quiet(), suppress(Exception):
            cluster.close(timeout=ANSWER)


def _imported() -> Any:  # noqa: ANN401 - a module that may not be there
    try:
        import dask
    except ImportError:
        raise _missing() from None
    levels = dict.fromkeys(("distributed", "distributed.client", "tornado"), "critical")
    try:
        with dask.config.set({"logging": levels}):
            import distributed
    except ImportError:
        raise _missing() from None
    for logger in list(logging.root.manager.loggerDict):
        if logger.split(".")[0] in _LOGGERS:
            logging.getLogger(logger).setLevel(logging.CRITICAL)
    return distributed


def _missing() -> MissingExtra:
    return MissingExtra(
        "--cluster needs Dask distributed, which is not installed.",
        "Install it: pip install 'convcli[cluster]'",
    )


@contextmanager
def _connected(distributed: Any, to: Any) -> Iterator[Any]:  # noqa: ANN401 - of a module without types
    try:
        with _quiet():
            found = distributed.Client(to, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"--cluster {to}: no scheduler answers there ({reason(error)}).",
            "Start one: dask scheduler; then workers, dask worker tcp://HOST:8786; or say"
            " --cluster local",
            cause="no-cluster",
        ) from None
    try:
        yield found
    finally:
        with _quiet(), suppress(Exception):
            found.close(timeout=ANSWER)


@contextmanager
def _quiet() -> Iterator[None]:
    """Python's warnings, too: about other releases, which we tell ourselves, and busy ports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _deaf() -> Iterator[None]:
    """Threads and processes that are started inside hear of no Ctrl-C: it is ours alone."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # it would be started with the first process, and let this thread hear again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
