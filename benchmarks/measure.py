"""The order of the measurements: whole processes first, then epochs in turn, A B C A B C ..., so that a drifting machine is fair.

1. nnlite and torch.compile keep compiled code on the disk. A small job of each fills an empty cache, and shows the cold start.
2. Each round starts a fresh process for every framework; it does the whole job. Check the results first.
3. The processes of the last round stay, and each trains one epoch and predicts once, in turn.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence

from benchmarks.adapters import Entry
from benchmarks.job import Job
from benchmarks.process import Worker, WorkerError

SETTLE = 0.15  # seconds, until the threads of the last process sleep


@dataclasses.dataclass(eq=False)
class Samples:
    """The measurements of one framework: times, answers of its processes, its cold start, and its last error."""

    entry: Entry
    job: Job
    environment: dict[str, str]
    answers: list[dict] = dataclasses.field(default_factory=list)
    epoch_seconds: list[float] = dataclasses.field(default_factory=list)
    predict_seconds: list[float | None] = dataclasses.field(default_factory=list)
    cold_first_step_seconds: float | None = None
    failed: str | None = None

    @contextlib.contextmanager
    def watched(self):
        """Note a worker's error, and let the others go on."""
        try:
            yield
        except WorkerError as error:
            self.failed = str(error)


def measure(tasks: Sequence[Samples], processes: int, rounds: int, say: Callable[[str], None]) -> None:
    """Fill the samples.

    Parameters
    ----------
    tasks : sequence of Samples
        Empty, one for each row.
    processes, rounds : int
        How many fresh processes for each, and how many more epochs in the last of them.
    say : callable
        Receives a line at each stage.
    """
    for samples in tasks:
        if samples.entry.keeps_compiled:
            say(f"compiling: {samples.entry.title}")
            job = samples.job
            first_and_last_batch = job.batch_size + (job.images % job.batch_size or job.batch_size)
            small = dataclasses.replace(job, images=first_and_last_batch, epochs=1)
            with samples.watched(), Worker(samples.entry, small, samples.environment) as worker:
                samples.cold_first_step_seconds = worker.do_job()["first_step_seconds"]
    with contextlib.ExitStack() as stack:
        workers = {}
        for number in range(1, processes + 1):
            for samples in tasks:
                if samples.failed:
                    continue
                say(f"process {number} of {processes}: {samples.entry.title}")
                worker = stack.enter_context(Worker(samples.entry, samples.job, samples.environment))
                with samples.watched():
                    samples.answers.append(worker.do_job())
                    workers[samples] = worker
                if number < processes:
                    worker.close()
        for number in range(1, rounds + 1):
            say(f"epoch {number} of {rounds}")
            for samples, worker in workers.items():
                if samples.failed:
                    continue
                with samples.watched():
                    time.sleep(SETTLE)
                    samples.epoch_seconds.append(worker.ask("epoch")["seconds"])
                    samples.predict_seconds.append(worker.ask("predict")["seconds"])
