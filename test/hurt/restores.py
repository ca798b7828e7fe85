# SPDX-License-Identifier: GPL-2.0-only
"""What may be missing or taken at a restore: pids, files, ports, paths, limits, memory."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

from runner import criu, process
from victim import (CRIU_LITE, PAGE, ROUNDS, Skip, Victim, reap,
                    spread, test, text, timed, tmpfs, write)


@contextlib.contextmanager
def cgroup(controller, setting, value):
    """A cgroup of version 1 with one limit; yields what puts a new process there."""
    base = "/sys/fs/cgroup/%s" % controller
    if not os.path.exists(os.path.join(base, "tasks")):
        raise Skip("no cgroup v1 controller %s" % controller)
    path = os.path.join(base, "criu-lite-hurt-%d" % os.getpid())
    os.mkdir(path)
    try:
        with open(os.path.join(path, setting), "w", encoding="ascii") as f:
            f.write(str(value))

        def enter():
            with open(os.path.join(path, "tasks"), "w", encoding="ascii") as f:
                f.write("0")
        yield enter
    finally:
        def removed():
            reap()
            try:
                os.rmdir(path)
            except OSError:
                return False
            return True
        assert process.until(removed, 10), "the cgroup %s is not empty" % path


# Takes a pid, as the child or a thread of a process; says whether it is there.
TAKE = """
import os, sys, threading
pid = int(sys.argv[1])
last = int(open("/proc/sys/kernel/ns_last_pid").read())
def choose(pid):
    with open("/proc/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(pid))
for _ in range(100):
    choose(pid - 1)
    {make}
    choose(last + 1000)
    if os.path.exists("/proc/%d" % pid):
        print(pid, flush=True)
        break
sys.stdin.readline()
os.kill(os.getpid(), 9)
"""
TAKE_CHILD = "child = os.fork() or os.read(os.pipe()[0], 1)"
TAKE_THREAD = "threading.Thread(target=threading.Event().wait).start()"


@contextlib.contextmanager
def taken(pid, make):
    """Another process has the pid, or one of its threads has. Yields it."""
    with subprocess.Popen(["/usr/bin/python3", "-c", TAKE.format(make=make), str(pid)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        try:
            if p.stdout.readline() != "%d\n" % pid:
                raise Skip("pid %d can't be had" % pid)
            yield p
        finally:
            for child in process.descendants(p.pid):
                process.signal_if_there(child, signal.SIGKILL)
            p.kill()
    assert process.until(lambda: reap() or not os.path.exists("/proc/%d" % pid), 10)


@test
def a_restore_whose_pid_is_taken(work):
    with Victim(work) as v:
        v.dump()
        with taken(v.pid, TAKE_CHILD) as p:
            others = [p.pid, *process.descendants(p.pid)]
            v.expect_failed_restore(v.run("restore", "-d"), str(v.pid), but=others)
            # A zombie from now on: its parent does not wait for it.
            os.kill(v.pid, signal.SIGKILL)
            process.until(lambda: process.stat(v.pid)[0] == "Z", 10)
            v.expect_failed_restore(v.run("restore", "-d"), str(v.pid), but=others)
        v.restore()


@test
def a_restore_whose_pid_is_a_thread(work):
    with Victim(work) as v:
        v.dump()
        with taken(v.pid, TAKE_THREAD) as p:
            assert os.path.exists("/proc/%d/task/%d" % (p.pid, v.pid))
            v.expect_failed_restore(v.run("restore", "-d"), str(v.pid), but={p.pid})
        v.restore()


@test
def a_restore_whose_file_is_missing_or_of_another_size(work):
    write(work, "file", "content")
    with Victim(work, "extra = open(%r)" % os.path.join(work, "file")) as v:
        v.dump()
        os.rename(os.path.join(work, "file"), os.path.join(work, "away"))
        v.expect_failed_restore(v.run("restore", "-d"), os.path.join(work, "file"))
        write(work, "file", "other content")
        v.expect_failed_restore(v.run("restore", "-d"), os.path.join(work, "file"))
        os.rename(os.path.join(work, "away"), os.path.join(work, "file"))
        v.restore()


@test
def a_restore_whose_port_is_taken(work):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Victim(work, "import socket; s = socket.socket(); s.bind(('127.0.0.1', %d)); s.listen()"
                % port) as v:
        v.dump()
        with socket.create_server(("127.0.0.1", port)):
            v.expect_failed_restore(v.run("restore", "-d"), "in use")
        v.restore()


@test
def a_restore_whose_socket_path_is_taken(work):
    path = os.path.join(work, "socket")
    with Victim(work, "import socket; s = socket.socket(socket.AF_UNIX); s.bind(%r); s.listen()"
                % path) as v:
        v.dump()
        os.rename(path, path + ".away")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen()
            inode = os.stat(path).st_ino
            r = v.run("restore", "-d")
            assert os.stat(path).st_ino == inode, "the restore has removed another's socket"
            v.expect_failed_restore(r, path)
        os.unlink(path)
        os.rename(path + ".away", path)
        v.restore()


@test
def a_restore_with_few_descriptors(work):
    with Victim(work) as v:
        v.dump()

        for n in (4, 6, 8, 12):
            def limit(n=n):
                resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
            r = v.run("restore", "-d", preexec_fn=limit)
            v.expect_failed_restore(r, "Too many open files", "descriptor", "RLIMIT_NOFILE")
        v.restore()


@test
def a_restore_with_few_tasks(work):
    with Victim(work) as v:
        v.dump()
        for limit in (1, 2, 3):
            with cgroup("pids", "pids.max", limit) as enter:
                v.expect_failed_restore(v.run("restore", "-d", preexec_fn=enter))
        v.restore()


@test
def a_restore_with_little_memory(work):
    """The kernel kills the coordinator or a task: nothing is left of either."""
    with Victim(work) as v:
        v.dump()
        for limit in (1 << 20, 3 << 20, 6 << 20):
            with cgroup("memory", "memory.limit_in_bytes", limit) as enter:
                r = v.run("restore", "-d", preexec_fn=enter)
                if r.returncode == -signal.SIGKILL:
                    r.returncode, r.stderr = 1, "Error: killed"
                v.expect_failed_restore(r)
        v.restore()


@test
def a_restore_that_cannot_log_or_count(work):
    with Victim(work) as v:
        v.dump()
        logs = os.path.join(work, "logs")
        with tmpfs(logs, "size=4k"):
            write(logs, "full", "x" * PAGE)
            r = v.run("restore", "-d", "-W", logs, "-o", "restore.log", "-v4")
            assert r.returncode == 0, r.stderr
            v.expect_work()


@test
def a_restore_that_is_told_to_end(work):
    with Victim(work) as v:
        v.dump()
        duration = timed(v.restore)
        v.end()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for delay in spread(8 * ROUNDS, duration):
                restore = subprocess.Popen([CRIU_LITE, "restore", "-d", "-D", v.images],
                                           stderr=subprocess.PIPE, text=True)
                time.sleep(delay)
                restore.send_signal(sig)
                said = restore.communicate(timeout=60)[1]
                assert restore.returncode in (0, 1, -sig), (restore.returncode, said)
                if restore.returncode == 0:
                    v.expect_work()
                    v.end()
                elif restore.returncode == 1:
                    assert "given up on signal" in said, said
                v.expect_gone()
                assert criu.digests(v.images) == v.digests


@test
def a_restore_whose_server_stands_still(work):
    """It waits, and can be told to give up."""
    def start():
        path = os.path.join(v.images, "lazy-pages.socket")
        if os.path.exists(path):
            os.unlink(path)
        server = subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", v.images],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert process.until(lambda: os.path.exists(path), 20)
        return server

    def restore():
        return subprocess.Popen([CRIU_LITE, "restore", "-d", "--lazy-pages", "-D", v.images],
                                stderr=subprocess.PIPE, text=True)
    with Victim(work) as v:
        v.dump()
        server = start()
        duration = timed(lambda: restore().wait(60))
        v.end()
        server.wait()
        waited = 0
        for delay in spread(20 * ROUNDS, duration):
            server = start()
            tool = restore()
            time.sleep(delay)
            held = [server.pid, *process.descendants(server.pid)]
            for pid in held:
                process.signal_if_there(pid, signal.SIGSTOP)
            time.sleep(0.3)
            tool.send_signal(signal.SIGTERM)
            said = tool.communicate(timeout=60)[1]
            for pid in held:
                process.signal_if_there(pid, signal.SIGCONT)
            assert tool.returncode in (0, 1, -signal.SIGTERM), (tool.returncode, said)
            if tool.returncode == 0:
                v.end()
            elif tool.returncode == 1:
                assert "given up on signal" in said, said
                waited += "no answer so far" in said
            v.expect_gone()
            process.kill_tree(server.pid)
            server.wait()
            assert criu.digests(v.images) == v.digests
        assert waited, "no server stood still in time"


@test
def a_lazy_restore_whose_own_server_does_not_start(work):
    """It waits for the server that it has started, and not for one that has ended."""
    options = ("-d", "--lazy-pages", "-o", "restore.log")
    with Victim(work) as v:
        v.dump()
        log = os.path.join(v.images, "lazy-pages.log")
        os.mkdir(log)
        v.expect_failed_restore(v.run("restore", *options), "server has ended")
        os.rmdir(log)
        # The server waits in open() until somebody reads.
        os.mkfifo(log)
        tool = subprocess.Popen([CRIU_LITE, "restore", "-D", v.images, *options],
                                stderr=subprocess.DEVNULL)
        time.sleep(1)
        tool.send_signal(signal.SIGTERM)
        assert tool.wait(60) == 1 and "given up on signal" in text(v.images, "restore.log")
        with open(log, "rb"):
            v.expect_gone()
        with contextlib.ExitStack() as stack:
            reader = threading.Timer(1, lambda: stack.enter_context(open(log, "rb")))
            reader.start()
            r = v.run("restore", *options)
            reader.join()
            assert r.returncode == 0, r.stderr
            v.expect_work()
            v.end()
        os.unlink(log)


@test
def a_lazy_pages_server_in_a_terminal(work):
    """That is closed: the signal reaches the guardian, too. And nobody reads its log any more."""
    others = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGXCPU, signal.SIGUSR2, signal.SIGALRM,
              signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGTTOU,
              signal.SIGRTMIN, signal.SIGRTMAX)
    with Victim(work) as v:
        v.dump()
        for last in (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM):
            server = subprocess.Popen([CRIU_LITE, "lazy-pages", "--on-demand", "-D", v.images,
                                       "-v4"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      start_new_session=True)
            path = os.path.join(v.images, "lazy-pages.socket")
            assert process.until(lambda: os.path.exists(path), 20)
            server.stderr.close()
            v.restore("--lazy-pages")
            for sig in others:
                os.killpg(server.pid, sig)
            v.expect_work()
            assert server.poll() is None
            os.killpg(server.pid, last)
            assert server.wait(60) == 0, last
            v.expect_work()
            v.end()


@test
def a_lazy_restore_of_a_damaged_page_map(work):
    """Its own server ends without a word; one that waits for a restore waits for the next."""
    with Victim(work) as v:
        v.dump()
        path = os.path.join(v.images, f"pagemap-{v.pid}.img")
        with open(path, "rb") as f:
            whole = f.read()
        options = ("-d", "--lazy-pages", "--allow-edited")
        os.truncate(path, len(whole) - 1)
        r = v.run("restore", *options)
        assert r.returncode == 1 and f"pagemap-{v.pid}.img" in r.stderr, r.stderr
        assert "lazy-pages" not in r.stderr, r.stderr
        v.expect_nothing_left()
        with subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", v.images],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
            socket = os.path.join(v.images, "lazy-pages.socket")
            assert process.until(lambda: os.path.exists(socket), 20)
            assert v.run("restore", *options).returncode == 1
            with open(path, "wb") as f:
                f.write(whole)
            v.restore("--lazy-pages")
            v.expect_work()
            v.end()
            assert not server.wait(60), server.stderr.read()


@test
def a_lazy_restore_of_damaged_pages(work):
    """What comes later than the restore is looked at as well: no task sees it."""
    with Victim(work) as v:
        v.dump()
        names = [name for name in os.listdir(v.images) if re.fullmatch(r"pages-\d+\.img", name)]
        path = os.path.join(v.images, max(names, key=lambda name: os.path.getsize(
            os.path.join(v.images, name))))
        with open(path, "r+b") as f:
            size = os.path.getsize(path)
            for at in range(1, size, 16 * PAGE):
                byte = os.pread(f.fileno(), 1, at)[0]
                os.pwrite(f.fileno(), bytes([byte ^ 8]), at)
        r = v.run("restore", "-d", "--lazy-pages", "-o", "restore.log")
        assert r.returncode in (0, 1), r.stderr
        v.expect_gone()
        logs = [text(v.images, name) for name in os.listdir(v.images) if name.endswith(".log")]
        assert any("damaged at" in log for log in logs), logs
        assert "Error" not in text(v.out), text(v.out)[-300:]
