# SPDX-License-Identifier: GPL-2.0-only
"""A program that is dumped, and restored lazily again and again."""
import contextlib
import ctypes
import mmap
import os
import signal
import statistics
import struct
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
# struct control of victim.c: native words.
READY, RESUMED, COMMAND, N, P50, P99, MAX, WALK = range(8)
# The victim takes a pause for a restore when it is this long (GAP_NS there).
GAP = 0.15
TIMEOUT = 120
# Bytes that the kernel's count of a task's memory may be off, and more.
SLACK = 1 << 20


class Control:
    """The file that the victim and we map."""

    def __init__(self, path):
        with open(path, "w+b") as file:
            file.truncate(mmap.PAGESIZE)
            self.words = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def __getitem__(self, word):
        return struct.unpack_from("Q", self.words, 8 * word)[0]

    def __setitem__(self, word, value):
        struct.pack_into("Q", self.words, 8 * word, value)

    def until(self, condition, what):
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"bench: the victim does not {what}")
            time.sleep(0.0002)

    def order(self, command):
        self[COMMAND] = ord(command)
        self.until(lambda: not self[COMMAND], f"obey {command!r}")

    def touch(self, most=0):
        """Touches missing pages: median and 99th percentile, seconds, and how many."""
        self[N] = most
        self.order("r")
        return {"p50": self[P50] / 1e9, "p99": self[P99] / 1e9, "faults": self[N]}


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise SystemExit(f"bench: {args[:2]} failed: {done.stderr.strip()}")
    return done.stdout


class Victim:
    """Dumped once; restored as often as asked, each time from the same images."""

    def __init__(self, options, work, *memory):
        """MEMORY: what victim.c is to hold, in its own words."""
        name = ".".join(memory)
        self.options = options
        # Seconds of processor time of the last server and its guardian.
        self.server_cpu = 0
        self.images = os.path.join(work, f"images.{name}")
        os.mkdir(self.images)
        control = os.path.join(work, f"control.{name}")
        self.control = Control(control)
        program = os.path.join(options.programs, "victim")
        with subprocess.Popen([program, control, *memory], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              start_new_session=True, cwd="/") as p:
            self.control.until(lambda: self.control[READY], "get ready")
            self.pid = p.pid
            pids = [p.pid, *self.children()]
            run(options.criu_lite, "dump", "-t", str(p.pid), "-D", self.images)
            p.wait()
        self.wait_gone(pids)

    def pages(self):
        return max((os.path.join(self.images, n) for n in os.listdir(self.images)
                    if n.startswith("pages-")), key=os.path.getsize)

    @contextlib.contextmanager
    def restored(self, *args):
        """Yields the seconds from the start of the command to the first instruction."""
        control = self.control
        control[RESUMED] = control[COMMAND] = 0
        self.server_cpu = 0
        time.sleep(GAP)
        began = time.time_ns()
        # With a log of its own the server has nothing of our pipes.
        run(self.options.criu_lite, "restore", "-d", "-D", self.images, "-o", "log", *args)
        try:
            control.until(lambda: control[RESUMED], "run again")
            yield (control[RESUMED] - began) / 1e9
        finally:
            pids = [self.pid, *self.children()]
            os.kill(self.pid, signal.SIGKILL)
            self.wait_gone(pids)

    def children(self):
        """They end with their parent."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def reap(self, pids):
        """Whether no child is left."""
        try:
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                if ended[0] not in pids:
                    self.server_cpu += ended[2].ru_utime + ended[2].ru_stime
        except ChildProcessError:
            return True
        return False

    def wait_gone(self, pids):
        """The victims are our children, or init's; their server ends when they have."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if self.reap(pids) and not any(os.path.exists(f"/proc/{pid}") for pid in pids) and \
                    not os.path.exists(os.path.join(self.images, "lazy-pages.socket")) and \
                    not self.servers():
                return
            time.sleep(0.005)
        raise SystemExit("bench: the restored tree or its server does not end")

    def resident(self):
        """Bytes of its private memory that are there."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            _, resident, shared = file.read().split()[:3]
        return (int(resident) - int(shared)) * mmap.PAGESIZE

    def servers(self):
        """Pids of the server and its guardian, which look like the restore that began them."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/comm", encoding="ascii") as file:
                    if file.read() != "criu-lite-lazy\n":
                        continue
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if self.images.encode() in file.read().split(b"\0"):
                        found.append(int(name))
        return found

    def server_memory(self):
        """Bytes that the server and its guardian have for themselves."""
        kib = 0
        for pid in self.servers():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                kib += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
        return kib << 10


def become_subreaper():
    """Restored trees are ours to collect."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit("bench: cannot become a subreaper")
