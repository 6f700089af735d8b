"""Where the points of a sweep are run: in processes of this machine, or by the workers of a Dask cluster."""
from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing import connection
from typing import Any, Generator, Optional, Protocol, Sequence, runtime_checkable

from .scenario_files import ScenarioFiles
from .sweep_point import Measure, Record, Task, failed, run_point

@runtime_checkable
class Client(Protocol):
    """Of a Dask cluster, which is imported only where somebody has one."""

    def submit(self, function: Any, *arguments: Any, **how: Any) -> Any:
        """As Dask's."""

    def cancel(self, futures: Any) -> Any:
        """As Dask's."""


Client.__module__ = "distributed"  # as messages call it

Done = Generator[tuple[Task, Record], None, None]


def cores() -> int:
    return len(os.sched_getaffinity(0))


def local(files: ScenarioFiles, measure: Optional[Measure], tasks: Sequence[Task], processes: int) -> Done:
    """Points in the order in which they are done, each in a process of its own: one that is killed is a failed point.
    Left early, for Ctrl-C too, it ends the processes that still run.

    Processes are forked: so measures may be lambdas, and scripts need no ``if __name__ == "__main__"``.
    """
    context = multiprocessing.get_context("fork")
    waiting = list(reversed(tasks))
    running: dict[connection.Connection, tuple[Any, Task]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                task = waiting.pop()
                receiving, sending = context.Pipe(duplex=False)
                process = context.Process(target=_in_child, args=(files, measure, task, sending), daemon=True)
                running[receiving] = (process, task)
                _start_deaf(process)
                sending.close()
            ready = connection.wait(list(running))
            for receiving in [one for one in running if one in ready]:
                process, task = running.pop(receiving)
                record = _received(receiving)
                process.join()
                yield task, record or _killed(task, process.exitcode)
    finally:
        for process, _ in running.values():
            if process.pid is not None:
                process.kill()
                process.join()


def _start_deaf(process: Any) -> None:
    """Ctrl-C goes to all processes of a terminal, but is for the one that sweeps: it waits until the child is deaf."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_child(files: ScenarioFiles, measure: Optional[Measure], task: Task, sending: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sending.send(run_point(files, measure, task))
    sending.close()


def _received(receiving: connection.Connection) -> Optional[Record]:
    try:
        return receiving.recv()
    except (EOFError, OSError):
        return None
    finally:
        receiving.close()


def _killed(task: Task, code: Optional[int]) -> Record:
    if code is not None and code < 0:
        why = f"its process was killed by {signal.Signals(-code).name}"
    else:
        why = f"its process ended with {code}"
    return {**failed(why), "key": task.key, "settings": dict(task.settings)}


def on_dask(client: Client, files: ScenarioFiles, measure: Optional[Measure], tasks: Sequence[Task]) -> Done:
    """Points in the order in which they are done. The workers need looptwin, and nothing of this machine's files. Left
    early, it takes back what no worker has begun."""
    from distributed import as_completed

    # The files go with each point: what is scattered is lost with the worker that has it.
    futures = {client.submit(run_point, files, measure, task, pure=False): task for task in tasks}
    try:
        for future in as_completed(list(futures)):
            task = futures[future]
            error = "it was cancelled" if future.cancelled() else future.exception()
            if error is None:
                yield task, future.result()
            else:  # a worker that died so often that it is given up, or cannot import looptwin
                why = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
                yield task, {**failed(why), "key": task.key, "settings": dict(task.settings)}
    finally:
        client.cancel(list(futures))
