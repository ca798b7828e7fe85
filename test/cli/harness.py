# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the command line share: commands, victims, servers."""
import os
import select
import signal
import subprocess
import sys
import time

CRIU_LITE = os.path.abspath(sys.argv[1])
TESTS = []


class Skip(Exception):
    """The test can't be run here; the text says why."""


def test(f):
    TESTS.append(f)
    return f


def run(*argv, cwd=None, env=None, pass_fds=()):
    return subprocess.run([CRIU_LITE, *argv], capture_output=True, text=True, timeout=60, cwd=cwd,
                          env=env, pass_fds=pass_fds, check=False)


def text(*path):
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as f:
        return f.read()


class Victim:
    """A process to dump: `sleep`, or the command given."""

    def __init__(self, *argv):
        with open(os.devnull, "r+b") as null:
            self.process = subprocess.Popen(argv or ("sleep", "1000"), stdin=null, stdout=null,
                                            stderr=null, start_new_session=True, cwd="/")
        self.pid = self.process.pid
        time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass

    def state(self):
        return text("/proc", str(self.pid), "stat").rpartition(")")[2].split()[0]

    def wait_for(self, state):
        """A busy machine may let a task take its signal a moment later."""
        end = time.time() + 10
        while self.state() != state and time.time() < end:
            time.sleep(0.02)
        assert self.state() == state, self.state()

    def wait_for_sigwait(self):
        end = time.time() + 20
        while time.time() < end:
            if text("/proc", str(self.pid), "wchan").startswith("do_sigtimedwait"):
                return
            time.sleep(0.02)
        assert False, "it does not wait for a signal"

    def runs(self):
        """Alive, not stopped, not traced."""
        status = text("/proc", str(self.pid), "status")
        return self.state() in "RS" and "TracerPid:\t0" in status


class LazyPages:
    """A lazy-pages server that listens; ended when the block is left in whatever way."""

    def __init__(self, images, *options):
        r, w = os.pipe()
        self.process = subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", images, *options,
                                         "--status-fd", str(w)],
                                        pass_fds=(w,), stderr=subprocess.PIPE, text=True)
        os.close(w)
        assert select.select([r], [], [], 10)[0], "no word from the server"
        assert os.read(r, 2) == b"\0"
        assert os.read(r, 1) == b"", "the descriptor is closed after its byte"
        os.close(r)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def end(self):
        """What it said, when it is over."""
        _, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        return err


def kill(pid):
    """A restored task, whose pid is free afterwards."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def dump(victim, images, *argv):
    r = run("dump", "-t", str(victim.pid), "-D", images, "-o", "dump.log", "-v4", *argv)
    assert r.returncode == 0, r.stderr
    return r
