"""A cluster's workers as its client sees them, and what is on its way to them."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from convcli.record import mutable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from convcli.batch.running import Outcome
    from convcli.batch.task import Orders, Task


@mutable
class Host:
    """A worker that may be used: one process, what it has, and what it has to do."""

    address: str
    identity: str
    threads: int
    memory: int
    told: bool = False
    doubted: bool = False
    flights: list[Flight] = field(default_factory=list)


@mutable
class Flight:
    """A task on its way: where, by which request, how often before and what ended that."""

    task: Task
    orders: Orders
    future: Future[Outcome]
    host: Host | None = None
    remote: Any = None
    begun: bool = False
    lost: int = 0
    why: str = ""
