# SPDX-License-Identifier: GPL-2.0-only
"""Dumps that keep the memory until it is asked for: whoever dies or lies, one tree lives."""
import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

from runner import criu, elsewhere, process
from victim import CRIU_LITE, PAGE, ROUNDS, Victim, empty, reap, test

# The frames of a page server: command, flags, 0, pages, address, task.
FRAME = struct.Struct("<HHIQQQ")
ADD_F, GET, CLOSE = 6, 7, 0x1023
PRESENT, LAZY = 4, 2


class Lender:
    """A dump --lazy-pages that listens."""

    def __init__(self, v, *options):
        empty(v.images)
        self.victim = v
        self.dump = subprocess.Popen([CRIU_LITE, "dump", "-t", str(v.pid), "-D", v.images,
                                      "--lazy-pages", *options], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.dump.stdout.readline()
        assert line, self.dump.communicate()[1]
        self.port = int(line)
        assert v.whole()

    def end(self):
        said = self.dump.communicate(timeout=60)[1]
        return self.dump.returncode, said

    def expect_given_back(self, *words):
        """The images are of no use any more, and the tree goes on."""
        code, said = self.end()
        assert code == 1, (code, said)
        assert any(word in said for word in words), (words, said)
        assert "it runs on here" in said, said
        assert not self.victim.whole(), "the tree goes on, and its images can be restored"
        self.victim.expect_work()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 60)

    def lazy(self):
        """(address, pages) of all that the root has left out."""
        path = os.path.join(self.victim.images, "pagemap-%d.img" % self.victim.pid)
        shown = subprocess.run([CRIU_LITE, "show", path], check=True, capture_output=True,
                               text=True).stdout
        entries = json.loads(shown)["entries"][1:]
        return [(e["vaddr"], e["nr_pages"]) for e in entries if e["flags"] == LAZY]

    def get(self, start, pages):
        return FRAME.pack(GET, 0, 0, pages, start, self.victim.pid)


@contextlib.contextmanager
def lent(v, *options):
    lender = Lender(v, *options)
    try:
        yield lender
    finally:
        if lender.dump.poll() is None:
            lender.dump.kill()
        lender.dump.communicate()


def receive(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        assert part, "the connection ended"
        data += part
    return data


@test
def a_lender_that_gives_everything(work):
    """Every page is what the frozen task has; the tree ends when that was said, not before."""
    with Victim(work) as v, lent(v) as lender, lender.connect() as sock:
        extents = lender.lazy()
        assert sum(pages for _, pages in extents) > 256, extents
        with open("/proc/%d/mem" % v.pid, "rb", 0) as memory:
            for start, pages in extents:
                # More than there is: the answer ends where the images begin.
                sock.sendall(lender.get(start, pages + 1000000))
                assert FRAME.unpack(receive(sock, FRAME.size)) == (ADD_F, PRESENT, 0, pages,
                                                                   start, v.pid)
                memory.seek(start)
                assert receive(sock, pages * PAGE) == memory.read(pages * PAGE), hex(start)
        assert lender.dump.poll() is None and process.stat(v.pid)[0] == "t"
        sock.sendall(FRAME.pack(CLOSE, 0, 0, 0, 0, 0))
        assert receive(sock, 4) == bytes(4)
        assert process.stat(v.pid)[0] in "ZX"
        assert lender.end()[0] == 0 and v.whole()
        v.expect_gone()


@test
def a_lender_that_leaves_its_tree_running(work):
    with Victim(work) as v:
        with lent(v, "--leave-running") as lender, lender.connect() as sock:
            sock.sendall(FRAME.pack(CLOSE, 0, 0, 0, 0, 0))
            assert receive(sock, 4) == bytes(4)
            assert lender.end()[0] == 0 and v.whole()
        v.expect_work()


@test
def a_port_that_is_taken(work):
    """Nobody stands still for that."""
    with Victim(work) as v, socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        v.expect_failed_dump(v.run("dump", "--lazy-pages", "--port", port), "cannot listen")


@test
def images_of_memory_that_was_lent(work):
    """Without who has their memory they are refused: at once, or by the lazy-pages server."""
    with Victim(work) as v:
        with lent(v) as lender:
            v.said = os.path.getsize(v.out)
            lender.dump.kill()
        v.expect_work()
        v.end()
        v.digests = criu.digests(v.images)
        for lazy in ((), ("--lazy-pages",)):
            v.expect_failed_restore(v.run("restore", "-d", *lazy), "were left with the dump")


@test
def a_lender_that_is_told_to_end(work):
    with Victim(work) as v:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            for peer in (False, True):
                with lent(v) as lender, contextlib.ExitStack() as stack:
                    if peer:
                        sock = stack.enter_context(lender.connect())
                        sock.sendall(lender.get(lender.lazy()[0][0], 1))
                        receive(sock, FRAME.size + PAGE)
                    lender.dump.send_signal(sig)
                    if sig != signal.SIGKILL:
                        lender.expect_given_back("given up on signal", "asked to stop")
                        continue
                    assert lender.end()[0] == -sig
                v.expect_work()


@test
def a_peer_that_leaves(work):
    """After any byte of what it says: it has not said that it has everything."""
    with Victim(work) as v:
        for number in range(12 * ROUNDS):
            with lent(v) as lender:
                said = b"".join(lender.get(start, 1) for start, _ in lender.lazy()[:3])
                said += FRAME.pack(CLOSE, 0, 0, 0, 0, 0)
                with lender.connect() as sock:
                    sock.sendall(said[:random.randrange(len(said)) if number else 0])
                    if number % 2:
                        # With a reset, where pages were not read.
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("ii", 1, 0))
                lender.expect_given_back("reset by peer")


@test
def a_peer_that_asks_for_what_it_may_not_have(work):
    with Victim(work) as v:
        for number in range(9):
            with lent(v) as lender, lender.connect() as sock:
                start, pages = lender.lazy()[-1]
                pid = v.pid
                sock.sendall(FRAME.pack(*[
                    (GET, 0, 0, 1, start + pages * PAGE, pid),
                    (GET, 0, 0, 1, start + 1, pid),
                    (GET, 0, 0, 1, 0, pid),
                    (GET, 0, 0, 1, (1 << 64) - PAGE, pid),
                    (GET, 0, 0, 0, start, pid),
                    (GET, 0, 0, 1, start, 1),
                    (GET, 0, 0, 1, start, pid << 8 | 1),
                    (ADD_F, PRESENT, 0, 1, start, pid),
                    (99, 0, 0, 1, start, pid)][number]))
                assert not sock.recv(1), "it was given something"
                lender.expect_given_back("Protocol error")


def memory_is_gone(pid):
    """The leader may be a zombie while another thread still has the memory."""
    def ended(tid):
        try:
            return process.stat(tid)[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True
    return all(ended(tid) for tid in os.listdir("/proc/%d/task" % pid))


@test
def a_victim_that_is_killed_while_it_is_lent(work):
    with Victim(work) as v, lent(v) as lender, lender.connect() as sock:
        start = lender.lazy()[0][0]
        process.signal_if_there(v.pid, signal.SIGKILL)
        assert process.until(lambda: memory_is_gone(v.pid), 10)
        sock.sendall(lender.get(start, 1))
        assert not sock.recv(1), "memory that is gone was given"
        code, said = lender.end()
        assert code == 1 and "cannot read its memory" in said, (code, said)
        v.expect_gone()


# What who asks says first to a lender of ours, but for the address, which says how long he tries:
# a plain one answers 0, and takes what follows.
HELLO = FRAME.pack(5, 0, 0, 1, 0, 0x6372696c69746502)


def without_address(frame):
    return frame[:16] + bytes(8) + frame[24:]


class Between:
    """Stands between a lender and who asks it. Connection number n is torn, or has a byte
    changed, after after[n] bytes of answers; None, and those behind them: never. Plain: both
    ends are to believe that the other is CRIU. Delay: up to so many seconds for what comes at
    once, drawn anew each time, so that one connection overtakes the other. Late: it listens after
    so many seconds, and until then the port refuses."""

    def __init__(self, port, after, damage=False, plain=False, delay=0, late=0):
        self.after = list(after)
        self.damage = damage
        self.plain = plain
        self.delay = delay
        self.late = late
        self.lender = port
        self.taken = 0
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        if not late:
            self.listener.listen()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        if self.late:
            time.sleep(self.late)
            self.listener.listen()
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                after = self.after[self.taken] if self.taken < len(self.after) else None
                self.taken += 1
                threading.Thread(target=self.join, args=(client, after), daemon=True).start()

    def join(self, client, after):
        try:
            server = socket.create_connection(("127.0.0.1", self.lender), 60)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with contextlib.suppress(AssertionError, OSError):
            if self.plain:
                assert without_address(receive(client, len(HELLO))) == HELLO
                client.sendall(bytes(4))
        threading.Thread(target=self.pass_on, args=(client, server, None), daemon=True).start()
        self.pass_on(server, client, after)

    def pass_on(self, source, target, left):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                time.sleep(random.uniform(0, self.delay))
                if left is not None and left < len(data):
                    if not self.damage:
                        target.sendall(data[:left])
                        break
                    data = data[:left] + bytes([data[left] ^ 0x40]) + data[left + 1:]
                    left = None
                if left is not None:
                    left -= len(data)
                if not data:
                    break
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def serve(v, port, *options):
    """There: a lazy-pages server; it may have failed before it listens."""
    ready, theirs = os.pipe()
    server = subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", v.images, "--page-server", "--port",
                               str(port), "--status-fd", str(theirs), *options],
                              pass_fds=[theirs],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    with os.fdopen(ready, "rb") as file:
        file.read(1)
    return server


def take_half(v, port, *options):
    """There: whatever came of the restore, the tree ends, and has seen no wrong page."""
    server = serve(v, port, *options)
    v.run("restore", "-d", "--lazy-pages")
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 1 and "Error" in said, (server.returncode, said)
    left = process.until(lambda: reap() or not process.descendants(os.getpid()), 20)
    assert left, "left: %s" % process.descendants(os.getpid())


def take_all(v, port, *options):
    server = serve(v, port, *options)
    v.restore("--lazy-pages")
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 0, said
    v.expect_work()


def there(function, *args):
    try:
        elsewhere.call(lambda: function(*args))
    except criu.Failure as failure:
        raise AssertionError(str(failure), failure.details[-3:]) from failure


def lent_bytes(v):
    with lent(v) as lender:
        size = sum(pages for _, pages in lender.lazy()) * PAGE
        lender.dump.terminate()
        lender.expect_given_back("asked to stop")
    return size


def expect_taken(v, lender):
    code, said = lender.end()
    assert code == 0, said
    v.expect_gone()


@test
def a_connection_that_is_cut(work):
    """In either protocol the restored tree is killed, and the lent one goes on; at last there is
    no cut."""
    for plain in (False, True):
        with Victim(work) as v:
            size = lent_bytes(v)
            for moment in range(6 * ROUNDS):
                with lent(v) as lender:
                    after = random.randrange(200 if moment % 3 == 0 else size // 8)
                    between = Between(lender.port, [after], plain=plain)
                    there(take_half, v, between.port)
                    lender.expect_given_back("reset by peer")
            with lent(v) as lender:
                there(take_all, v, Between(lender.port, [], plain=plain).port)
                expect_taken(v, lender)


@test
def a_connection_that_is_slow(work):
    """In either protocol; the lanes of ours take turns at being first."""
    for plain in (False, True):
        for delay in (0.002, 0.02):
            with Victim(work) as v, lent(v) as lender:
                there(take_all, v, Between(lender.port, [], plain=plain, delay=delay).port)
                expect_taken(v, lender)


# The answers to a hello; then whole messages.
OFFER, VERDICT, MESSAGE = 32, 64, 32


@test
def a_connection_that_is_cut_and_comes_back(work):
    """Again and again, within any message or between two: the tree has all its memory there."""
    with Victim(work) as v:
        size = lent_bytes(v)
    hello = OFFER + VERDICT
    cuts = [[hello], [hello, hello], [hello + MESSAGE] * 2, [hello + MESSAGE + PAGE] * 3]
    cuts += [[hello] + [OFFER, hello, hello - 1] * 2]
    cuts += [[hello + random.randrange(size // 16) for _ in range(random.randrange(1, 12))]
             for _ in range(5 * ROUNDS)]
    for after in cuts:
        with Victim(work) as v, lent(v) as lender:
            between = Between(lender.port, after)
            there(take_all, v, between.port, "--retry", "30")
            assert between.taken > 2, "it was not cut at all"
            expect_taken(v, lender)


@test
def a_first_connection_that_is_cut(work):
    """Within the hello, at any byte of the answers to it: it is said again, and nothing is lost."""
    hello = OFFER + VERDICT
    token = write_token(work, "token", "the name of the game\n")
    cuts = [[0], [OFFER], [hello - 1] * 3, [0, OFFER, hello - 1]]
    cuts += [[random.randrange(hello) for _ in range(3)] for _ in range(ROUNDS)]
    for number, after in enumerate(cuts):
        secret = ("--token-file", token) if number % 2 else ()
        with Victim(work) as v, lent(v, *secret) as lender:
            between = Between(lender.port, after)
            there(take_all, v, between.port, "--retry", "30", *secret)
            assert between.taken > 2, "it was not cut at all"
            expect_taken(v, lender)


@test
def a_lender_that_is_not_there_yet(work):
    """In either protocol it is found when it comes, but only with --retry, which is over in time."""
    for plain in (False, True):
        with Victim(work) as v, lent(v) as lender:
            nobody = Between(lender.port, [], late=600)
            there(take_nothing, v, nobody.port, "Connection refused")
            there(take_nothing, v, nobody.port, "Connection refused", "--retry", "1")
            there(take_all, v, Between(lender.port, [], plain=plain, late=1).port,
                  "--retry", "30")
            expect_taken(v, lender)


@test
def a_signal_while_nobody_is_there(work):
    """It ends who looks for a lender, also where somebody is there and says nothing."""
    with Victim(work) as v, lent(v) as lender, \
         socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        held = []
        for sock in (nobody, silent):
            for sig in (signal.SIGTERM, signal.SIGINT):
                with subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", v.images, "--page-server",
                                       "--port", str(sock.getsockname()[1]), "--retry", "60"],
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      text=True) as server:
                    if sock is nobody:
                        assert "trying again" in server.stderr.readline()
                    else:
                        held.append(silent.accept()[0])
                    server.send_signal(sig)
                    said = server.communicate(timeout=10)[1]
                    assert server.returncode == 1 and "asked to stop" in said, said
        for sock in held:
            sock.close()
        assert lender.dump.poll() is None
        there(take_all, v, lender.port)
        expect_taken(v, lender)


@test
def a_byte_that_is_another_one(work):
    """Every page has its checksum: it is asked for again, and there is no wrong page."""
    with Victim(work) as v:
        size = lent_bytes(v)
    for _ in range(6 * ROUNDS):
        with Victim(work) as v, lent(v) as lender:
            after = OFFER + VERDICT + random.randrange(size // 16)
            there(take_all, v, Between(lender.port, [after, after], damage=True).port)
            expect_taken(v, lender)


def take_from_nobody(v, port, running):
    """There: the lender is killed, from here, as soon as the tree runs."""
    server = serve(v, port, "--on-demand", "--retry", "1")
    v.run("restore", "-d", "--lazy-pages")
    os.write(running, b"r")
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 1, server.returncode
    assert "gave it up" in said and "killing the restored tasks" in said, said
    assert process.until(lambda: reap() or not process.descendants(os.getpid()), 20)


def wait_for_nobody(v, port, running):
    server = serve(v, port, "--on-demand", "--on-loss", "wait")
    v.run("restore", "-d", "--lazy-pages")
    os.write(running, b"r")
    said = ""
    while "will wait until it is back" not in said:
        said = server.stderr.readline()
        assert said, "it has ended"
    assert server.poll() is None
    # All that is left to do is to end the tasks: then it ends, too.
    for pid in v.pids:
        os.kill(pid, signal.SIGKILL)
    server.communicate(timeout=60)


@test
def a_lender_that_is_gone_for_good(work):
    """After --retry seconds the tree there is killed, and it is said why; or it waits."""
    for take in (take_from_nobody, wait_for_nobody):
        with Victim(work) as v, lent(v) as lender:
            running, theirs = os.pipe()
            threading.Thread(target=lambda fd=running, dump=lender.dump:
                             os.read(fd, 1) and dump.kill(), daemon=True).start()
            there(take, v, lender.port, theirs)
            assert lender.end()[0] == -signal.SIGKILL
            v.expect_work()


def write_token(work, name, text, mode=0o600):
    path = os.path.join(work, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def take_nothing(v, port, why, *options):
    """There: it is refused, and at once, however long it would try to find somebody."""
    start = time.monotonic()
    server = serve(v, port, *options)
    said = server.communicate(timeout=60)[1]
    assert time.monotonic() - start < 20, "it has tried again: %s" % said
    assert server.returncode == 1 and why in said, (server.returncode, said)


@test
def a_stranger(work):
    """Who has not the token gets nothing, and the lender goes on to wait for who has."""
    token = write_token(work, "token", "the name of the game\n")
    other = write_token(work, "other", "the name of another game\n")
    bare = write_token(work, "bare", "the name of the game\n", 0o644)
    with Victim(work) as v:
        v.expect_failed_dump(v.run("dump", "--lazy-pages", "--token-file", bare),
                             "others than its owner")
        with lent(v, "--token-file", token) as lender:
            for retry in ((), ("--retry", "60")):
                there(take_nothing, v, lender.port, "asks for a token", *retry)
                there(take_nothing, v, lender.port, "do not have its token",
                      "--token-file", other, *retry)
            with lender.connect() as sock:
                sock.sendall(lender.get(lender.lazy()[0][0], 1))
                with contextlib.suppress(ConnectionResetError):
                    assert not sock.recv(1), "a stranger was given something"
            with lender.connect():
                pass
            there(take_all, v, lender.port, "--token-file", token)
            expect_taken(v, lender)
        with Victim(work) as w, lent(w) as lender:
            there(take_nothing, w, lender.port, "it has no token", "--token-file", token,
                  "--retry", "60")


def take_until_killed(v, port, taken):
    """There: the lender is killed meanwhile, from here."""
    server = serve(v, port)
    v.run("restore", "-d", "--lazy-pages")
    server.communicate(timeout=60)
    assert server.returncode in (0, 1), server.returncode
    if server.returncode:
        assert process.until(lambda: reap() or not process.descendants(os.getpid()), 20)
    os.write(taken, b"n" if server.returncode else b"y")


@test
def a_lender_that_is_killed(work):
    """At any moment of a restore: the tree there is killed, and the one here goes on; or it has
    all there. Then the one here has ended, or was not told to any more."""
    for _ in range(8 * ROUNDS):
        with Victim(work) as v, lent(v) as lender:
            taken, theirs = os.pipe()
            timer = threading.Timer(random.uniform(0.01, 0.3), lender.dump.kill)
            timer.start()
            there(take_until_killed, v, lender.port, theirs)
            timer.join()
            code = lender.end()[0]
            assert code in (0, -signal.SIGKILL), code
            if os.read(taken, 1) == b"n":
                assert code, "it ended, and nobody has taken it over"
                v.expect_work()
            elif not code or process.stat(v.pid)[0] in "ZX":
                v.expect_gone()
            else:
                v.expect_work()
            os.close(taken)
            os.close(theirs)


def take_and_fail(v, port):
    """There: the tree is handed over and then not started, since its pidfile is there already."""
    taken = os.path.join(v.images, "taken")
    with open(taken, "wb"):
        pass
    server = serve(v, port)
    r = v.run("restore", "-d", "--lazy-pages", "--pidfile", "taken")
    assert r.returncode == 1 and "taken" in r.stderr, r.stderr
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 1 and "ended before its tasks ran" in said, said
    assert process.until(lambda: reap() or not process.descendants(os.getpid()), 20)


@test
def a_restore_that_fails_after_it_has_handed_over(work):
    """Its tasks are gone, and nothing is left to deliver: still it has not taken over the tree."""
    with Victim(work) as v, lent(v) as lender:
        there(take_and_fail, v, lender.port)
        lender.expect_given_back("reset by peer")
