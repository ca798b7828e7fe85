# SPDX-License-Identifier: GPL-2.0-only
"""One test in one mode: start it, do the mode's steps, ask for the verdict."""
import dataclasses
import os
import random
import shutil
import signal
import statistics
import subprocess
import time

from runner import criu, elsewhere, process, terminal, visible
from runner.criu import Failure


# What the kernel may count differently, in KiB: it hands counts on in batches.
MEMORY_SLACK = 128
# Dumps that are timed, and how far beyond the median the last kill is tried.
TIMED_DUMPS = 5
KILL_REACH = 1.2
# What a tree may take to be what it was: long before that, unless the machine stands still.
SETTLE_SECONDS = 10
# What a round of a kill takes at most, on the average.
KILL_SECONDS = 3


@dataclasses.dataclass
class Result:
    name: str
    failed: str = None
    skipped: str = None
    details: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Mode:
    about: str
    steps: tuple = ()
    restore_options: tuple = ()
    # The test damages its own state: the verdict must be FAIL.
    spoil: bool = False
    # The test may be killed with its memory: only wrong content is a failure.
    may_die: bool = False
    # Memory is sent to a page server, which works in the same directory.
    page_server: bool = False
    # When the steps are done the test is over, and cannot be dumped again.
    once: bool = False
    # What is killed in the middle is a dump that leaves the test running.
    leave_running: bool = True


# "step_NAME" of Job does a step; the steps are repeated --iterations times.
MODES = {
    "eager": Mode("dump, restore with all memory in place", ("dump", "restore")),
    "lazy": Mode("dump, restore with memory brought on first touch", ("dump", "restore"),
                 restore_options=("--lazy-pages",)),
    "cut": Mode("criu-lite, or a task, is killed in the middle of a restore: all of the tree is "
                "there, or none", ("dump", "cuts", "restore")),
    "cut-lazy": Mode("the same with --lazy-pages", ("dump", "cuts", "restore"),
                     restore_options=("--lazy-pages",)),
    "ended": Mode("a dump that ends the test is killed: the test goes on, or its images are whole",
                  ("time", "kills"), leave_running=False),
    "killed": Mode("criu-lite is killed in the middle of a dump: the test must not notice",
                   ("time", "kills")),
    "orphaned": Mode("the lazy-pages server is killed after the restore: no page may be wrong",
                     ("dump", "orphan"), restore_options=("--lazy-pages",), may_die=True),
    "none": Mode("no checkpoint: the test itself must pass"),
    "postcopy": Mode("dump --lazy-pages, restore in another pid namespace from the frozen tasks",
                     ("lend",), restore_options=("--lazy-pages",), once=True),
    "remote": Mode("dump to a page server, restore from what it received and the other images",
                   ("dump", "restore"), page_server=True),
    "remote-lazy": Mode("the same with --lazy-pages", ("dump", "restore"),
                        restore_options=("--lazy-pages",), page_server=True),
    "running": Mode("dump --leave-running: the test must not notice", ("peek",)),
    "spoil": Mode("no checkpoint: the test damages its state and must fail", spoil=True),
}


class Job:
    def __init__(self, test, mode, workdir, options):
        self.name = f"{test.name} {mode}"
        self.test = test
        self.mode = MODES[mode]
        self.options = options
        self.dir = os.path.join(workdir, f"{test.name.replace('/', '-')}.{mode}")
        self.out = os.path.join(self.dir, "test.out")
        # All below are set while it runs, in the worker.
        self.facts = {}
        self.pid = 0
        self.pids = []
        self.asked = False
        self.shell = None
        self.servers = set()
        self.statuses = {}
        self.before = None
        self.memory = 0
        self.names = set()
        self.iteration = 0
        self.duration = 0
        self.said = 0

    def time_limit(self):
        steps = 2 + (len(self.mode.steps) + 1) * self.options.iterations
        return steps * self.options.timeout + self.options.kills * KILL_SECONDS

    def run(self):
        """Returns the Result; never leaves a process behind."""
        result = Result(self.name)
        try:
            self.facts = self.test.describe()
            if not self.facts:
                raise Failure(f"{self.test.program} is not built")
            if "skip" in self.facts:
                result.skipped = self.facts["skip"]
            elif "terminal" in self.facts and {"cuts", "lend"} & set(self.mode.steps):
                result.skipped = "its restore is started from a terminal"
            elif "busy" in self.facts and "cuts" in self.mode.steps:
                result.skipped = "it changes all the time: half a tree would not be noticed"
            elif "--link-remap" in self.facts.get("dump", "") and "cuts" in self.mode.steps:
                result.skipped = "a restore takes its names of --link-remap away"
            if result.skipped:
                return result
            self.run_steps()
        except Failure as failure:
            result.failed = str(failure)
            result.details = failure.details + self.tail()
        except Exception as error:  # a bug of the runner, or a machine in trouble
            result.failed = f"{type(error).__name__}: {error}"
            result.details = self.tail()
        finally:
            process.kill_descendants(self.statuses)
        self.clean(result)
        return result

    def prepare(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "cwd"))

    def run_steps(self):
        self.prepare()
        if "terminal" in self.facts:
            self.shell = terminal.Shell()
        self.start()
        for self.iteration in range(1, self.options.iterations + 1):
            for step in self.steps():
                getattr(self, f"step_{step}")()
            if self.mode.may_die or self.mode.once:
                break
            if self.iteration < self.options.iterations:
                self.finish_servers()
        self.verdict()

    def execute(self, *args):
        return (self.shell or criu).execute(*args)

    def others(self):
        """Processes below us that are neither the test's nor our own."""
        own = (self.pid, self.shell and self.shell.pid)
        return set(process.descendants(os.getpid(), skip=own))

    def steps(self):
        """A state that cannot be saved is refused in every mode that would save it."""
        return ("refuse",) if "refusal" in self.facts and self.mode.steps else self.mode.steps

    def start(self):
        pidfile = os.path.join(self.dir, "test.pid")
        args = [self.test.program, "--out", self.out, "--pidfile", pidfile]
        if self.is_lazy():
            args.append("--lazy")
        if self.mode.spoil:
            args.append("--spoil")
        try:
            code = self.execute(args, os.path.join(self.dir, "launch.log"), self.options.timeout,
                                os.path.join(self.dir, "cwd"))
        except subprocess.TimeoutExpired as expired:
            raise Failure("the test does not get ready") from expired
        if code:
            raise Failure(f"the test returned {code} before it was ready")
        with open(pidfile, encoding="ascii") as file:
            self.pid = int(file.read())

    def criu(self):
        images = os.path.join(self.dir, f"images.{self.iteration}")
        return criu.CriuLite(self.options.criu_lite, images, self.options.timeout, self.execute)

    def tree(self):
        return [self.pid, *process.descendants(self.pid)]

    def file_names(self):
        """What is in the test's directory, and below."""
        top = os.path.join(self.dir, "cwd")
        return {os.path.relpath(os.path.join(path, name), top)
                for path, directories, files in os.walk(top) for name in directories + files}

    def compare_names(self):
        """A dump that leaves the tree alone may give a file a name that restore looks for."""
        def same():
            new = {name for name in self.file_names() ^ self.names
                   if self.mode.steps[-1] == "restore" or
                   not os.path.basename(name).startswith("link_remap.")}
            return not new
        if not process.until(same, SETTLE_SECONDS):
            raise Failure("the names of files are not what they were",
                          sorted(self.file_names() ^ self.names))

    def remember(self):
        self.pids = self.tree()
        self.names = self.file_names()
        if "busy" in self.facts:
            return
        self.before = visible.take(self.pid, self.pids, self.out)
        if self.before is None:
            raise Failure("the test's tree changes while it should wait")
        self.memory = process.private_memory(self.pids)

    def compare(self):
        """Tasks and all that /proc shows of them must be back; the last tasks may be settling."""
        if "busy" in self.facts:
            return
        last = []

        def same():
            last[:] = ["the tree changes all the time"]
            if sorted(self.tree()) != sorted(self.pids):
                last[:] = [f"the tree was {sorted(self.pids)}, is {sorted(self.tree())}"]
                return False
            after = visible.take(self.pid, self.pids, self.out)
            if after is not None:
                last[:] = visible.differences(self.before, after, "restless" not in self.facts)
            return not last
        if not process.until(same, SETTLE_SECONDS):
            raise Failure("the tree is not what it was", last)
        self.compare_names()
        if not self.is_lazy():
            self.weigh()

    def weigh(self):
        """Memory that tasks shared copy-on-write must not come back as a copy for each."""
        memory, limit = process.private_memory(self.pids), self.memory * 1.1 + MEMORY_SLACK
        if memory > limit:
            raise Failure(f"the tree had {self.memory} KiB of private memory, has {memory}")

    def step_dump(self):
        self.remember()
        tool = self.criu()
        options = self.facts.get("dump", "").split()
        if self.mode.page_server:
            tool.dump_remotely(self.pid, options)
        else:
            tool.dump(self.pid, options)
        left = self.until_gone([self.pid]) or self.until_gone(self.others())
        if left:
            raise Failure(f"dump left tasks behind: {sorted(left)}")
        if self.options.crit and self.iteration == 1:
            tool.decode(self.options.crit)

    def step_restore(self):
        options = self.restore_options()
        tool = self.criu()
        pid = tool.restore(options)
        if pid != self.pid:
            raise Failure(f"restored pid is {pid}, not {self.pid}")
        if self.in_a_hurry():
            self.ask()
        self.servers = self.others()
        if "--lazy-pages" not in options:
            if self.until_gone(self.servers):
                raise Failure(f"restore left processes behind: {sorted(self.others())}")
        elif not os.path.exists(os.path.join(tool.images, "lazy-pages.log")):
            raise Failure("restore --lazy-pages started no server")
        if not self.asked:
            self.compare()

    def step_lend(self):
        """The tree stands still here while it runs there, and ends when it has come over."""
        self.remember()
        tool = self.criu()
        with tool.lend(self.pid, self.facts.get("dump", "").split()) as lender:
            try:
                port = lender.stdout.readline().strip()
                if not port:
                    raise Failure("dump --lazy-pages lends nothing",
                                  criu.error_lines(tool.images))
                if self.options.crit:
                    tool.decode(self.options.crit)
                elsewhere.call(lambda: self.take_over(port))
                code = lender.wait(self.options.timeout)
            finally:
                lender.kill()
        if code:
            raise Failure(f"dump returned {code}", criu.error_lines(tool.images))
        left = self.until_gone([self.pid]) or self.until_gone(self.others())
        if left:
            raise Failure(f"dump left tasks behind: {sorted(left)}")
        # It was killed, as it should be; how it ended there was looked at there.
        self.statuses.pop(self.pid, None)
        self.asked = True

    def take_over(self, port):
        """There: all of it, up to the verdict."""
        self.statuses = {}
        self.criu().serve(["--page-server", "--port", port])
        self.step_restore()
        self.verdict()

    def is_lazy(self):
        return "--lazy-pages" in self.mode.restore_options

    def restore_options(self):
        return [*self.mode.restore_options, *self.facts.get("restore", "").split()]

    def step_cuts(self):
        """Kills the restore, or a task of it, early, later and too late."""
        before = criu.digests(self.criu().images)
        self.said = os.path.getsize(self.out)
        start = time.monotonic()
        self.cut(None, False)
        self.duration = time.monotonic() - start
        for number, delay, chance in self.moments():
            try:
                self.cut(delay, chance.random() < 0.5)
            except Failure as failure:
                raise Failure(f"cut {number}, {delay * 1000:.3f} ms after the start: {failure}",
                              failure.details) from failure
        if criu.digests(self.criu().images) != before:
            raise Failure("a restore that was killed has changed the images")

    def cut(self, delay, of_task):
        """One restore that is killed after delay; the tree that is there is killed as well."""
        tool = self.criu()
        args = tool.args("restore", "-d", *self.restore_options())
        with open(os.path.join(tool.images, "restore.out.log"), "wb") as out:
            child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        target = child.pid
        if delay is not None:
            time.sleep(delay)
            if of_task:
                target = random.choice([*process.descendants(child.pid), child.pid])
            process.signal_if_there(target, signal.SIGKILL)
        code = child.wait(self.options.timeout)
        expected = (0, -signal.SIGKILL) if target == child.pid else (0, 1)
        if code not in expected:
            raise Failure(f"restore returned {code}", criu.error_lines(tool.images))
        self.end_cut(tool, code, target == child.pid)

    def end_cut(self, tool, code, whole):
        details = criu.error_lines(tool.images)
        if code == 1:
            # It had time to clean up: nothing may be there but what needs a moment to end.
            if not details:
                raise Failure("restore says no word of an error")
        elif whole and not code:
            self.compare()
        elif whole:
            self.all_or_none()
        if code != 1:
            # What was killed may be the root of a tree that was complete, and goes on without it.
            for pid in {*self.pids} & {*process.descendants(os.getpid())}:
                process.kill_tree(pid)
        left = self.until_alone()
        if left:
            raise Failure(f"restore left processes behind: {sorted(left)}", details)
        self.compare_names()
        # What half a tree has said of its other half.
        os.truncate(self.out, self.said)

    def all_or_none(self):
        """The restore is dead: either its tree was complete, or it is on its way out."""
        def decided():
            process.reap(self.statuses)
            if not os.path.exists(f"/proc/{self.pid}"):
                return True
            after = visible.take(self.pid, self.pids, self.out)
            return ("busy" not in self.facts and sorted(self.tree()) == sorted(self.pids)
                    and after is not None
                    and not visible.differences(self.before, after, False))
        if not process.until(decided, self.options.timeout):
            raise Failure(f"half a tree is left: {sorted(self.tree())}")

    def step_orphan(self):
        """The server dies at some moment while the test needs it; its guardian stays."""
        self.criu().restore(self.restore_options())
        self.servers = self.others()
        parents = process.parents()
        victims = self.servers - {parents.get(server) for server in self.servers}
        if random.random() < 0.5:
            self.ask()
            time.sleep(random.uniform(0, 0.01))
        for pid in victims:
            process.signal_if_there(pid, signal.SIGKILL)
        if not self.asked:
            self.ask()

    def in_a_hurry(self):
        """Tests of missing memory begin while it is missing: nothing is looked at before."""
        return (self.test.name.startswith("lazy/") and self.is_lazy()
                and self.iteration == self.options.iterations)

    def ask(self):
        """Tells the test to check its state."""
        self.asked = True
        process.signal_if_there(self.pid, signal.SIGTERM)

    def step_peek(self):
        self.remember()
        self.criu().dump(self.pid, ["--leave-running", *self.facts.get("dump", "").split()])
        if self.until_gone(self.others()):
            raise Failure(f"dump left processes behind: {sorted(self.others())}")
        self.compare()

    def step_refuse(self):
        """Dump must say why not, and for which task, and leave everything as it was."""
        self.remember()
        tool = self.criu()
        try:
            tool.dump(self.pid, self.facts.get("dump", "").split())
        except Failure as failure:
            if tool.exit_code != 1:
                raise
            lines = failure.details
        else:
            raise Failure("dump does not refuse what cannot be restored")
        reason = self.facts["refusal"]
        if not any(reason in line and str(self.pid) in line for line in lines):
            raise Failure(f"the log does not say \"{reason}\" of {self.pid}", lines)
        if os.path.exists(os.path.join(tool.images, "inventory.img")):
            raise Failure("the refused dump has an inventory")
        self.compare()

    def step_time(self):
        """How long a dump takes, for step_kills to aim at."""
        self.remember()
        durations = []
        for number in range(TIMED_DUMPS):
            start = time.monotonic()
            code = self.dump_for(f"timed.{number}", True, None)
            durations.append(time.monotonic() - start)
            if code:
                raise Failure(f"dump returned {code}",
                              criu.error_lines(os.path.join(self.dir, f"timed.{number}")))
        self.duration = statistics.median(durations)

    def moments(self):
        """One in each of equal parts of self.duration and a bit: every phase is hit."""
        chance = random.Random(f"{self.name} {self.options.seed}")
        parts = list(range(self.options.kills))
        chance.shuffle(parts)
        for number, part in enumerate(parts, 1):
            at = (part + chance.random()) / len(parts)
            yield number, at * self.duration * KILL_REACH, chance

    def step_kills(self):
        for number, delay, _ in self.moments():
            try:
                self.kill_dump(f"killed.{number}", delay)
            except Failure as failure:
                raise Failure(f"kill {number}, {delay * 1000:.3f} ms after the start: {failure}",
                              failure.details) from failure

    def dump_for(self, name, leave_running, delay):
        """A dump that is killed after delay, if that is not None; returns its exit code."""
        images = os.path.join(self.dir, name)
        os.makedirs(images)
        tool = criu.CriuLite(self.options.criu_lite, images, self.options.timeout)
        args = tool.args("dump", "-t", str(self.pid), *["--leave-running"] * leave_running,
                         *self.facts.get("dump", "").split())
        with open(os.path.join(images, "dump.out.log"), "wb") as out:
            child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        if delay is not None:
            time.sleep(delay)
            child.kill()
        return child.wait(self.options.timeout)

    def kill_dump(self, name, delay):
        if "busy" not in self.facts:
            self.remember()
        code = self.dump_for(name, self.mode.leave_running, delay)
        images = os.path.join(self.dir, name)
        if code not in (0, -signal.SIGKILL):
            raise Failure(f"dump returned {code}", criu.error_lines(images))
        whole = os.path.exists(os.path.join(images, "inventory.img"))
        if not code and not whole:
            raise Failure("a dump that succeeded has no inventory")
        # Helpers of the dumper notice that it is gone.
        if self.until_gone(self.others()):
            raise Failure(f"dump left processes behind: {sorted(self.others())}",
                          criu.error_lines(images))
        if whole and not self.mode.leave_running:
            self.bring_back(images)
        self.compare()
        if "busy" in self.facts:
            self.goes_on()
        shutil.rmtree(images)

    def bring_back(self, images):
        """The images are whole, so that tasks may have ended: they must hold all of the tree."""
        process.kill_tree(self.pid)
        left = self.until_gone([self.pid]) or self.until_gone(self.others())
        if left:
            raise Failure(f"dump left tasks behind: {sorted(left)}")
        tool = criu.CriuLite(self.options.criu_lite, images, self.options.timeout)
        tool.restore(self.restore_options())

    def goes_on(self):
        """What can be said of a tree that changes all the time: nobody is stopped or traced."""
        def held():
            return [line for pid in self.tree() for line in process.held_threads(pid)]
        if not process.until(lambda: not held(), SETTLE_SECONDS):
            raise Failure("tasks are stopped or traced", held())
        if not os.path.exists(f"/proc/{self.pid}"):
            raise Failure("the test has ended")

    def until_gone(self, pids, timeout=None):
        """Waits for all pids to be gone; returns those that are not."""
        def left():
            process.reap(self.statuses)
            return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
        process.until(lambda: not left(), self.options.timeout if timeout is None else timeout)
        return left()

    def until_alone(self):
        """Waits for all below us to be gone; returns those that are not.

        A tree that is dying can't be listed: its orphans change parents meanwhile.
        """
        alone = process.until(lambda: process.reap(self.statuses), self.options.timeout)
        return [] if alone else self.others()

    def finish_servers(self):
        """A lazy-pages server must end by itself, in peace, when all is delivered or gone."""
        left = self.until_gone(self.servers)
        images = os.path.join(self.dir, f"images.{self.iteration}")
        if left:
            raise Failure(f"the lazy-pages server does not end: {left}",
                          criu.error_lines(images))
        for pid in self.servers:
            if self.statuses.get(pid, 0):
                raise Failure(f"the lazy-pages server returned {self.statuses[pid]}",
                              criu.error_lines(images))
        self.servers = set()

    def verdict(self):
        if not self.asked:
            self.ask()
        if self.until_gone([self.pid]):
            raise Failure("the test does not finish")
        with open(self.out, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        failures = [line for line in lines if line.startswith("FAIL")]
        if self.mode.may_die:
            # A task that misses another one fails too; but only memory is at stake here.
            failures = [line for line in failures if line.startswith("FAIL: pattern.c")]
            left = self.until_gone(self.others())
            if failures or left:
                raise Failure(failures[0] if failures else f"not gone: {sorted(left)}")
            return
        if self.mode.spoil:
            if not failures:
                raise Failure("the test passes with its state spoilt")
            return
        if failures:
            raise Failure(failures[0])
        if lines[-1:] != ["PASS"] or self.statuses.get(self.pid, 0):
            raise Failure(f"the test ended with {self.statuses.get(self.pid)} and no verdict")
        self.finish_servers()
        if self.others():
            raise Failure(f"processes are left behind: {sorted(self.others())}")

    def tail(self):
        """The last words of the test, for a failure."""
        try:
            with open(self.out, encoding="utf-8", errors="replace") as file:
                return [f"test.out: {line}" for line in file.read().splitlines()[-5:]]
        except FileNotFoundError:
            return []

    def clean(self, result):
        if result.failed is not None and self.options.keep:
            result.details.append(f"kept in {self.dir}")
            return
        shutil.rmtree(self.dir, ignore_errors=True)
