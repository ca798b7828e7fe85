# SPDX-License-Identifier: GPL-2.0-only
"""A tree that looks at itself, and what every test of a failure needs around it."""
import contextlib
import os
import random
import subprocess
import sys
import time

from runner import criu, process

CRIU_LITE = os.path.abspath(sys.argv[1])
# Multiplies what is drawn at random.
ROUNDS = int(os.environ.get("HURT_ROUNDS", "1"))
PAGE = 4096
TESTS = []
# Threads, a child, memory, a file, and a line for each time that all of them were right.
VICTIM = """
import hashlib, os, sys, threading, time
data = os.urandom(1 << 20)
digest = hashlib.sha256(data).hexdigest()
out = open(sys.argv[1], "ab", 0)
stop = threading.Event()
threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)], daemon=True).start()
r, w = os.pipe()
child = os.fork()
if not child:
    os.close(w)
    os.read(r, 1)
    os._exit(0)
{extra}
while True:
    assert hashlib.sha256(data).hexdigest() == digest
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    out.write(b"right\\n")
    time.sleep(0.01)
"""


class Skip(Exception):
    """The test can't be run here; the text says why."""


def test(f):
    TESTS.append(f)
    return f


def text(*path):
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as f:
        return f.read()


class Victim:
    """A tree that looks at itself, its images and its log."""

    def __init__(self, work, extra=""):
        self.work = work
        self.out = os.path.join(work, "victim.out")
        self.images = os.path.join(work, "images")
        os.makedirs(self.images, exist_ok=True)
        with open(self.out, "wb") as out, open(os.devnull, "rb") as null:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", "-c", VICTIM.format(extra=extra), self.out], stdin=null,
                stdout=out, stderr=out, cwd="/", start_new_session=True)
        self.pid = self.process.pid
        # The length of its log at the dump: restore wants the file as it was.
        self.said = None
        self.expect_work()
        # The tasks of the tree, as they will be after a restore.
        self.pids = self.tasks()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        process.kill_tree(self.pid)
        self.expect_gone()
        if self.said is not None:
            os.truncate(self.out, self.said)

    def tasks(self):
        return [self.pid, *process.descendants(self.pid)]

    def expect_work(self):
        """Two more lines, and nobody stopped or traced."""
        start = os.path.getsize(self.out)
        assert process.until(lambda: os.path.getsize(self.out) >= start + 12, 20), \
            "the victim does not go on: " + text(self.out)[-300:]
        held = process.until(lambda: not [line for pid in self.tasks()
                                          for line in process.held_threads(pid)], 5)
        assert held, "the victim is stopped or traced"
        assert set(text(self.out).split("\n")) <= {"right", "righ", "rig", "ri", "r", ""}, \
            text(self.out)[-300:]

    def expect_gone(self):
        def left():
            reap()
            return [pid for pid in self.pids if os.path.exists("/proc/%d" % pid)]
        assert process.until(lambda: not left(), 20), "still there: %s" % left()

    def run(self, command, *argv, **kwargs):
        argv = [CRIU_LITE, command, "-D", self.images, *argv]
        if command == "dump":
            argv += ["-t", str(self.pid)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, cwd="/", **kwargs)

    def dump(self, *argv, **kwargs):
        r = self.run("dump", *argv, **kwargs)
        assert r.returncode == 0, r.stderr
        if not argv:
            self.expect_gone()
            self.said = os.path.getsize(self.out)
            self.digests = criu.digests(self.images)

    def whole(self):
        return os.path.exists(os.path.join(self.images, "inventory.img"))

    def expect_failed_dump(self, r, *words):
        assert r.returncode == 1, (r.returncode, r.stderr)
        expect_words(r, words)
        assert not self.whole(), "a failed dump has an inventory"
        self.expect_work()

    @staticmethod
    def expect_nothing_left(but=()):
        left = process.until(lambda: reap() or not set(process.descendants(os.getpid())) - {*but},
                             20)
        assert left, "left: %s" % process.descendants(os.getpid())

    def expect_failed_restore(self, r, *words, but=()):
        assert r.returncode == 1, (r.returncode, r.stderr)
        expect_words(r, words)
        self.expect_nothing_left(but)
        assert criu.digests(self.images) == self.digests, "the images have changed"

    def restore(self, *argv):
        """What must succeed when the cause of a failure is gone."""
        r = self.run("restore", "-d", *argv)
        assert r.returncode == 0, r.stderr
        self.expect_work()


def expect_words(r, words):
    assert "Error" in r.stderr, "no word of an error: %r" % r.stderr
    assert not words or any(word in r.stderr for word in words), (words, r.stderr)


def reap():
    """Collects what has ended below us. Returns nothing."""
    process.reap({})


@contextlib.contextmanager
def tmpfs(path, options):
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=False, stderr=subprocess.DEVNULL)


def empty(path):
    for name in os.listdir(path):
        p = os.path.join(path, name)
        if os.path.isdir(p):
            os.rmdir(p)
        else:
            os.unlink(p)


def spread(n, duration):
    """Moments in equal parts of what a run takes, and a bit beyond."""
    return [(i + random.random()) / n * duration * 1.2 for i in range(n)]


def timed(f):
    start = time.monotonic()
    f()
    return time.monotonic() - start


def write(work, name, content):
    with open(os.path.join(work, name), "w", encoding="ascii") as f:
        f.write(content)
