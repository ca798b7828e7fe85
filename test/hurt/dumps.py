# SPDX-License-Identifier: GPL-2.0-only
"""What may go wrong around a dump: disks, directories, signals, and the victim itself."""
import contextlib
import os
import random
import resource
import signal
import subprocess
import threading
import time

from runner import process
from victim import (CRIU_LITE, PAGE, ROUNDS, Victim, empty, expect_words,
                    spread, test, timed, tmpfs)


@test
def a_dump_to_a_disk_that_any_image_fills(work):
    with Victim(work) as v:
        v.dump("-R")
        pages = sum(-(-os.path.getsize(os.path.join(v.images, name)) // PAGE) + 1
                    for name in os.listdir(v.images))
        sizes = sorted({*range(1, min(pages, 40)), *random.sample(range(1, pages), 20 * ROUNDS)})
        failed = 0
        for size in sizes:
            with tmpfs(v.images, "size=%d" % (size * PAGE)):
                r = v.run("dump", "-R")
                if r.returncode:
                    v.expect_failed_dump(r, "No space")
                    failed += 1
                else:
                    assert v.whole()
        assert failed > 20, "only %d dumps failed" % failed


@test
def a_dump_to_a_disk_without_inodes(work):
    with Victim(work) as v:
        for inodes in range(2, 12):
            with tmpfs(v.images, "nr_inodes=%d" % inodes):
                v.expect_failed_dump(v.run("dump", "-R"), "No space")


@test
def a_dump_beyond_the_limit_of_file_sizes(work):
    with Victim(work) as v:
        for size in (0, 1, 100, 1000, PAGE, 10 * PAGE, 1 << 20):
            def limit(size=size):
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            v.expect_failed_dump(v.run("dump", "-R", preexec_fn=limit), "too large")
        v.dump()
        v.restore()


@test
def a_dump_with_few_descriptors(work):
    """The soft limit is no obstacle, the hard one is named."""
    with Victim(work) as v:
        for n in (4, 6, 8, 12, 16):
            def limit(n=n):
                resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
            v.expect_failed_dump(v.run("dump", "-R", preexec_fn=limit), "Too many open files",
                                 "descriptor", "RLIMIT_NOFILE")

        def soft():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (12, hard))
        v.dump(preexec_fn=soft)
        v.restore()


@test
def a_dump_with_a_directory_in_the_place_of_an_image(work):
    with Victim(work) as v:
        v.dump("-R")
        names = [name for name in os.listdir(v.images) if name.endswith(".img")]
        for name in sorted(names):
            empty(v.images)
            os.mkdir(os.path.join(v.images, name))
            r = v.run("dump", "-R")
            assert r.returncode == 1, (name, r.stderr)
            expect_words(r, [name])
            v.expect_work()
            assert not os.path.isfile(os.path.join(v.images, "inventory.img")), name


@test
def a_dump_whose_directory_vanishes_or_turns_read_only(work):
    with Victim(work) as v:
        duration = timed(lambda: v.dump("-R"))
        for act in (["umount", "-l", v.images], ["mount", "-o", "remount,ro", v.images],
                    ["sh", "-c", "rm -rf %s/*" % v.images]):
            for delay in spread(8 * ROUNDS, duration):
                with tmpfs(v.images, "size=64m"):
                    dump = subprocess.Popen([CRIU_LITE, "dump", "-t", str(v.pid), "-D", v.images,
                                             "-R"], stderr=subprocess.PIPE, text=True)
                    time.sleep(delay)
                    subprocess.run(act, check=False, stderr=subprocess.DEVNULL)
                    said = dump.communicate(timeout=60)[1]
                    assert dump.returncode in (0, 1), (act, dump.returncode, said)
                    assert not dump.returncode or "Error" in said, (act, said)
                    v.expect_work()


@contextlib.contextmanager
def page_server(images):
    """Yields the server and its port."""
    with subprocess.Popen([CRIU_LITE, "page-server", "-D", images], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


@test
def a_dump_without_its_page_server(work):
    with Victim(work) as v:
        with page_server(v.images) as (server, port):
            pass
        v.expect_failed_dump(v.run("dump", "-R", "--page-server", "--port", port), "refused")


@test
def a_dump_whose_page_server_is_killed(work):
    with Victim(work) as v:
        def dump(delay=None):
            with page_server(v.images) as (server, port):
                timer = threading.Timer(delay or 0, server.kill)
                if delay is not None:
                    timer.start()
                r = v.run("dump", "-R", "--page-server", "--port", port)
                if delay is not None:
                    timer.join()
            return r

        duration = timed(dump)
        assert v.whole()
        failed = 0
        for delay in spread(30 * ROUNDS, duration):
            empty(v.images)
            r = dump(delay)
            failed += r.returncode
            if r.returncode:
                v.expect_failed_dump(r, "Error")
        assert failed, "no server died in time"


@test
def a_page_server_whose_dump_is_killed(work):
    """What it received is gone, or all there; the victim goes on."""
    with Victim(work) as v:
        for delay in spread(20 * ROUNDS, 0.2):
            empty(v.images)
            with page_server(v.images) as (server, port):
                dump = subprocess.Popen([CRIU_LITE, "dump", "-R", "-D", v.images, "-t",
                                         str(v.pid), "--page-server", "--port", port],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(delay)
                dump.kill()
                dump.wait()
                if not process.until(lambda: server.poll() is not None, 1):
                    continue  # nobody came: it waits on
                pages = [name for name in os.listdir(v.images) if name.startswith("pages-")]
                assert bool(pages) == (server.returncode == 0), (server.returncode, pages)
            v.expect_work()


@test
def a_page_server_on_a_full_disk(work):
    with Victim(work) as v:
        for size in (2, 10, 100):
            with tmpfs(v.images, "size=%d" % (size * PAGE)), \
                    page_server(v.images) as (server, port):
                away = os.path.join(work, "away")
                os.makedirs(away, exist_ok=True)
                r = v.run("dump", "-R", "-D", away, "--page-server", "--port", port)
                assert r.returncode == 1, r.stderr
                assert server.wait(20) == 1
                assert "No space" in server.stderr.read()
                assert not os.path.exists(os.path.join(away, "inventory.img"))
                left = [name for name in os.listdir(v.images) if name.endswith(".img")]
                assert not left, left
            v.expect_work()


@test
def a_dump_that_is_told_to_end(work):
    with Victim(work) as v:
        duration = timed(lambda: v.dump("-R"))
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for delay in spread(10 * ROUNDS, duration):
                empty(v.images)
                dump = subprocess.Popen([CRIU_LITE, "dump", "-t", str(v.pid), "-D", v.images,
                                         "-R"], stderr=subprocess.PIPE, text=True)
                time.sleep(delay)
                dump.send_signal(sig)
                said = dump.communicate(timeout=60)[1]
                # Before it has begun it dies of the signal, as any program.
                assert dump.returncode in (0, 1, -sig), (dump.returncode, said)
                assert v.whole() == (dump.returncode == 0), (dump.returncode, said)
                assert dump.returncode != 1 or "given up on signal" in said, said
                v.expect_work()


@test
def a_victim_that_is_struck_during_its_dump(work):
    """Killed, stopped or continued, a task or a thread: success, or a failure that says why."""
    acts = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGCONT)
    with Victim(work) as v:
        duration = timed(lambda: v.dump("-R"))
    for delay in spread(24 * ROUNDS, duration):
        for leader in (True, False):
            with Victim(work) as v:
                empty(v.images)
                target = v.pid if leader else v.tasks()[1]
                sig = random.choice(acts)
                dump = subprocess.Popen([CRIU_LITE, "dump", "-t", str(v.pid), "-D", v.images,
                                         "-R"], stderr=subprocess.PIPE, text=True)
                time.sleep(delay)
                process.signal_if_there(target, sig)
                said = dump.communicate(timeout=60)[1]
                what = (target == v.pid, sig, delay, dump.returncode, said)
                assert dump.returncode in (0, 1), what
                assert v.whole() == (dump.returncode == 0), what
                assert not dump.returncode or "Error" in said, what
                if sig == signal.SIGSTOP:
                    process.signal_if_there(target, signal.SIGCONT)
                if sig in (signal.SIGSTOP, signal.SIGCONT):
                    v.expect_work()
                traced = [line for pid in v.tasks() for line in process.held_threads(pid)
                          if "Tracer" in line]
                assert not traced, (what, traced)


# Runs a command, and kills it at the moment when a second signal is about to be sent.
KILL_AT_SECOND_SIGNAL = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
TRACEME, PEEKUSER, SYSCALL, SETOPTIONS, WALL = 0, 3, 24, 0x4200, 0x40000000
SYSGOOD_FORK_EXITKILL, ORIG_RAX, PIDFD_SEND_SIGNAL = 0x100003, 8 * 15, 424
main = os.fork()
if not main:
    libc.ptrace(TRACEME, 0, None, None)
    os.execv(sys.argv[1], sys.argv[1:])
os.waitpid(main, 0)
libc.ptrace(SETOPTIONS, main, None, SYSGOOD_FORK_EXITKILL)
libc.ptrace(SYSCALL, main, None, None)
stops = 0
while True:
    try:
        pid, status = os.waitpid(-1, WALL)
    except ChildProcessError:
        break
    if not os.WIFSTOPPED(status):
        continue
    sig = os.WSTOPSIG(status)
    if sig == signal.SIGTRAP | 0x80:
        nr = libc.ptrace(PEEKUSER, pid, ORIG_RAX, None)
        stops += nr == PIDFD_SEND_SIGNAL
        if nr == PIDFD_SEND_SIGNAL and stops == 3:
            os.kill(main, signal.SIGKILL)
            print("killed")
    passed = 0 if sig in (signal.SIGTRAP | 0x80, signal.SIGTRAP, signal.SIGSTOP) else sig
    libc.ptrace(SYSCALL, pid, None, passed)
"""


@test
def a_dump_killed_while_it_ends_the_tree(work):
    """All of the tree ends, also a task that would not notice the end of the others."""
    with Victim(work, "os.fork() or [time.sleep(9) for _ in iter(int, 1)]") as v:
        r = subprocess.run(["/usr/bin/python3", "-c", KILL_AT_SECOND_SIGNAL, CRIU_LITE, "dump",
                            "-t", str(v.pid), "-D", v.images], capture_output=True, text=True,
                           timeout=60, check=False, stdin=subprocess.DEVNULL)
        assert r.stdout == "killed\n", (r.stdout, r.stderr)
        assert v.whole()
        v.expect_gone()


# Traces a thread for a moment, over and over.
TRACE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
tid = int(sys.argv[1])
SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
print(1, flush=True)
while True:
    if libc.ptrace(SEIZE, tid, None, None) < 0:
        continue
    libc.ptrace(INTERRUPT, tid, None, None)
    os.waitpid(tid, WALL)
    libc.ptrace(DETACH, tid, None, None)
"""


@test
def a_victim_that_somebody_else_traces_now_and_then(work):
    with Victim(work) as v:
        duration = timed(lambda: v.dump("-R"))
        with subprocess.Popen(["/usr/bin/python3", "-c", TRACE, str(v.pid)], text=True,
                              stdout=subprocess.PIPE) as tracer:
            tracer.stdout.readline()
            try:
                for delay in spread(20 * ROUNDS, duration):
                    time.sleep(delay / 10)
                    empty(v.images)
                    r = v.run("dump", "-R")
                    assert r.returncode in (0, 1), (r.returncode, r.stderr)
                    assert v.whole() == (r.returncode == 0), r.stderr
                    assert not r.returncode or "trace" in r.stderr, r.stderr
            finally:
                tracer.kill()
        v.expect_work()
