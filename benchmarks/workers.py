"""Tasks without end, in processes of their own that are watched, and a log from which they go on."""

import json
import resource
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MOST_TASKS = 400  # that a process answers: what it holds on to grows
MOST_BYTES = 6 << 30  # of a process's data: beyond it Python says MemoryError
Task = tuple[str, int]
Told = dict[str, Any]


def answers(
    make: Callable[[Any], Callable[[Task], Told]], given: Any, tasks: Iterable[Task], workers: int, patience: float
) -> Iterator[tuple[Task, Told]]:
    """Yield every task with what `make(given)` answers to it, in one of so many processes.

    Of a process that dies, or that has not answered in `patience` seconds, the answer is {"lost": why}; another takes
    its place.
    """
    left = iter(tasks)
    hired = [_Worker(make, given) for _ in range(workers)]
    try:
        at_work = [worker for worker in hired if worker.give(next(left, None))]
        while at_work:
            wait([worker.pipe for worker in at_work], timeout=1)
            for worker in list(at_work):
                if (told := worker.answer(patience)) is None:
                    continue
                yield worker.task, told
                if not worker.is_alive or worker.answered == MOST_TASKS:
                    worker.end()
                    hired.remove(worker)
                    at_work.remove(worker)
                    worker = _Worker(make, given)
                    hired.append(worker)
                    at_work.append(worker)
                if not worker.give(next(left, None)):
                    at_work.remove(worker)
    finally:
        for worker in hired:
            worker.end()


class _Worker:
    """A process that answers one task after the other."""

    def __init__(self, make, given):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(make, given, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.is_alive, self.since, self.answered = True, 0.0, 0

    def give(self, task) -> bool:
        """Give it a task, if there is one; return whether there is."""
        if task is not None:
            self.task = task
            self.since = self.since and monotonic()
            self.pipe.send(task)
        return task is not None

    def answer(self, patience) -> Told | None:
        """Return the answer to the task; None if it is at work."""
        try:
            if self.pipe.poll():
                told = self.pipe.recv()
                self.since = monotonic()
                self.answered += told is not None
                return told
        except (EOFError, OSError):
            self.process.join()
            self.is_alive = False
            return {"lost": f"the process died: {self.process.exitcode}"}
        if not self.since or monotonic() - self.since < patience:
            return None
        self.end()
        return {"lost": f"no answer in {patience:.0f} seconds"}

    def end(self) -> None:
        """End the process, at once."""
        self.is_alive = False
        self.process.kill()
        self.process.join()


def _serve(make, given, pipe):
    """Answer tasks until nobody gives any."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    ask = make(given)
    try:
        pipe.send(None)  # from now on one may expect answers
        while True:
            pipe.send(ask(pipe.recv()))
    except (EOFError, OSError, KeyboardInterrupt):
        return


class Log:
    """What has been answered, a line of JSON each, after a line that says by which sources."""

    def __init__(self, path: Path, resume: bool):
        """Read what stands there, to go on from it with `resume`; else begin anew."""
        self.path, self.before, self.others = path, dict[Task, Told](), 0
        if resume and path.exists():
            now, then = sources(), ""
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    told = json.loads(line)
                except json.JSONDecodeError:  # cut off by a kill
                    continue
                if "sources" in told:
                    then = told["sources"]
                else:
                    self.before[told.pop("kind"), told.pop("number")] = told
                    self.others += then != now
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    def __enter__(self):
        """Open it to add to it."""
        self.file = self.path.open("a", encoding="utf-8")
        self.file.write("\n" + json.dumps({"sources": sources()}) + "\n")
        return self

    def __exit__(self, *_):
        """Close it."""
        self.file.close()

    def kept(self, answered: Iterator[tuple[Task, Told]]) -> Iterator[tuple[Task, Told]]:
        """Yield what is answered, each kept first."""
        for (kind, number), told in answered:
            self.file.write(json.dumps({"kind": kind, "number": number, **told}) + "\n")
            self.file.flush()
            yield (kind, number), told


def sources() -> str:
    """Return a digest of all that answers: the sources of the simulator."""
    digest = sha256()
    for path in sorted((ROOT / "simulator").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
