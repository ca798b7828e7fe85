# SPDX-License-Identifier: GPL-2.0-only
"""Runs jobs in worker processes, some at a time, and yields results in the order of the jobs.

A worker is a process of its own because it is the subreaper of what its test leaves behind:
whatever is below a worker belongs to its test and to nobody else's.
"""
import multiprocessing
import signal
from multiprocessing.connection import wait

from runner import process
from runner.job import Result

# A worker bounds each of its steps; this only catches a worker that hangs itself.
GRACE = 30


def work(job, pipe):
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.SIG_DFL)
    process.become_subreaper()
    pipe.send(job.run())


class Worker:
    def __init__(self, job):
        self.job = job
        self.pipe, theirs = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=work, args=(job, theirs))
        self.process.start()
        theirs.close()

    def result(self):
        """Called when the worker has something to say, has died, or has run out of time."""
        try:
            if self.pipe.poll():
                result = self.pipe.recv()
                self.process.join()
                return result
            why = "the worker ran out of time"
        except EOFError:
            why = "the worker died"
        self.kill()
        return Result(self.job.name, failed=why)

    def kill(self):
        process.kill_tree(self.process.pid)
        self.process.join()
        process.kill_orphans()


def run(jobs, parallel):
    process.become_subreaper()
    waiting, running, done = list(jobs), [], {}
    try:
        for job in jobs:
            while job.name not in done:
                while waiting and len(running) < parallel:
                    running.append(Worker(waiting.pop(0)))
                limit = max(worker.job.time_limit() for worker in running) + GRACE
                ready = wait([worker.pipe for worker in running], limit)
                for worker in [w for w in running if w.pipe in ready] or list(running):
                    running.remove(worker)
                    done[worker.job.name] = worker.result()
            yield done[job.name]
    finally:
        # Interrupted: what runs must not outlive this.
        for worker in running:
            worker.kill()
