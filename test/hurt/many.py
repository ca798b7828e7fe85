# SPDX-License-Identifier: GPL-2.0-only
"""One server of many restores of the same images: what happens to one is no matter of the others."""
import os
import signal
import subprocess

from runner import criu, process
from victim import CRIU_LITE, test

# Says by its name how often its memory was right; ends when it was not.
COUNTING = """
import ctypes, hashlib, os, time
prctl = ctypes.CDLL(None).prctl
data = os.urandom(32 << 20)
digest = hashlib.sha256(data).hexdigest()
n = 0
while hashlib.sha256(data).hexdigest() == digest:
    n += 1
    prctl(15, b"right %d" % n, 0, 0, 0)
    time.sleep(0.01)
"""
N_COPIES = 4


def count_of(pid):
    with open("/proc/%d/comm" % pid, encoding="ascii") as f:
        words = f.read().split()
    return int(words[1]) if words[0] == "right" else 0


class Copy:
    """A tree that is restored in a pid namespace of its own, by its first process."""

    def __init__(self, images):
        self.first = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", CRIU_LITE, "restore",
             "--lazy-pages", "-D", images, "-W", images], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def root(self):
        """Its pid here, when it runs."""
        for pid in process.descendants(self.first.pid):
            if count_of(pid):
                return pid
        return 0

    def expect_work(self):
        pid = process.until(self.root, 20)
        assert pid, "not restored: %s" % self.end()
        before = count_of(pid)
        assert process.until(lambda: count_of(pid) > before + 1, 20), "it does not go on"
        return pid

    def end(self):
        """unshare may not have tied its child to itself yet: both are killed."""
        process.kill_tree(self.first.pid)
        return self.first.communicate()[1]


def start_counting(images):
    os.makedirs(images)
    with subprocess.Popen(["/usr/bin/python3", "-c", COUNTING], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                          start_new_session=True) as victim:
        assert process.until(lambda: count_of(victim.pid), 20)
        subprocess.run([CRIU_LITE, "dump", "-t", str(victim.pid), "-D", images], check=True,
                       timeout=60)


def start_server(images, *options):
    path = os.path.join(images, "lazy-pages.socket")
    server = subprocess.Popen([CRIU_LITE, "lazy-pages", "--many", "-D", images, *options],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.until(lambda: os.path.exists(path), 20)
    return server


@test
def many_restores_of_one_server(work):
    """Several at once; when one tree and the server of another are killed, the rest goes on."""
    images = os.path.join(work, "images")
    start_counting(images)
    before = criu.digests(images)
    server = start_server(images, "--on-demand")
    copies = [Copy(images) for _ in range(N_COPIES)]
    for copy in copies:
        copy.expect_work()
    guardians = [pid for pid, ppid in process.parents().items() if ppid == server.pid]
    assert len(guardians) == N_COPIES, guardians
    copies.pop().end()
    assert process.until(lambda: len(process.descendants(server.pid)) == 2 * N_COPIES - 2, 20)
    # Children come before their own children: this is no guardian.
    os.kill(process.descendants(server.pid)[-1], signal.SIGKILL)
    gone = process.until(lambda: [c for c in copies if c.first.poll() is not None], 20)
    assert gone, "a tree whose server was killed lives on"
    for copy in copies:
        if copy not in gone:
            copy.expect_work()
    late = Copy(images)
    late.expect_work()
    server.send_signal(signal.SIGTERM)
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 1 and "has failed" in said, (server.returncode, said)
    for copy in copies + [late]:
        if copy not in gone:
            copy.expect_work()
            copy.end()
    assert criu.digests(images) == before


@test
def many_restores_that_come_to_nothing(work):
    """Who connects and says nothing, or ends in the middle, stops nobody."""
    images = os.path.join(work, "images")
    start_counting(images)
    server = start_server(images)
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02):
        copy = Copy(images)
        process.until(lambda: False, delay)
        copy.end()
    copy = Copy(images)
    copy.expect_work()
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    copy.expect_work()
    copy.end()
