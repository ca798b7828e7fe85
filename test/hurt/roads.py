# SPDX-License-Identifier: GPL-2.0-only
"""Memory that is brought over bad networks: narrow, slow, lossy, pulled out for a while.

Two network namespaces and a cable between them: the trees are in one, the lazy-pages server is
in the other. The memory that arrives must be the same, and the victim looks at all of it.
"""
import contextlib
import ctypes
import os
import random
import socket
import subprocess
import threading
import time

import lending
from victim import ROUNDS, Skip, Victim, test

CLONE_NEWNET = 0x40000000
OURS, THEIRS = "10.111.0.1", "10.111.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    """This thread, and what it starts."""
    if LIBC.setns(namespace, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def new_namespace():
    if LIBC.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def ip(*words, fds=()):
    subprocess.run(["ip", *words], check=True, capture_output=True, pass_fds=fds)


def plug(device, address, qdisc):
    ip("address", "add", address + "/24", "dev", device)
    ip("link", "set", device, "up")
    ip("link", "set", "lo", "up")
    r = subprocess.run(["tc", "qdisc", "add", "dev", device, "root", *qdisc.split()],
                       check=False, capture_output=True, text=True)
    if r.returncode:
        raise Skip("tc qdisc add %s: %s" % (qdisc, r.stderr.strip().splitlines()[0]))


class Road:
    """Within it we are at our end. Both have the qdisc."""

    def __init__(self, qdisc):
        self.qdisc = qdisc

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.far = self.near = -1
        try:
            self.far = new_namespace()
            self.near = new_namespace()
            ip("link", "add", "ours", "type", "veth", "peer", "name", "theirs")
            ip("link", "set", "theirs", "netns", "/proc/self/fd/%d" % self.far, fds=(self.far,))
            plug("ours", OURS, self.qdisc)
            with self.there():
                plug("theirs", THEIRS, self.qdisc)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        enter(self.home)
        for fd in (self.home, self.far, self.near):
            if fd >= 0:
                os.close(fd)

    @contextlib.contextmanager
    def there(self):
        enter(self.far)
        try:
            yield
        finally:
            enter(self.near)

    def take(self, v, port, *options):
        """There: all of it, as lending.take_all() does."""
        with self.there():
            server = lending.serve(v, port, "--address", OURS, *options)
        v.restore("--lazy-pages")
        said = server.communicate(timeout=120)[1]
        assert server.returncode == 0, said
        v.expect_work()


def take_over(work, qdisc, *options, meanwhile=None):
    with Road(qdisc) as road, Victim(work) as v, lending.lent(v, "--address", OURS) as lender:
        stop = threading.Event()
        thread = threading.Thread(target=meanwhile or threading.Event.wait,
                                  args=(stop, v.images) if meanwhile else (stop,))
        thread.start()
        try:
            lending.there(road.take, v, lender.port, *options)
        finally:
            stop.set()
            thread.join()
        lending.expect_taken(v, lender)


@test
def a_road_that_is_narrow(work):
    for rate in ("100mbit", "30mbit"):
        take_over(work, "tbf rate %s burst 64kb latency 50ms" % rate)


@test
def a_road_that_is_long_and_loses_things(work):
    for qdisc in ("netem delay 20ms 10ms", "netem delay 5ms loss 2% duplicate 1% reorder 5%",
                  "netem delay 1ms rate 100mbit", "netem delay 5ms corrupt 0.1%"):
        take_over(work, qdisc)


def pull(stop, _):
    """Out, and in again. Nothing is lost by that which TCP does not send once more."""
    while not stop.wait(random.uniform(0.05, 0.5)):
        ip("link", "set", "ours", "down")
        time.sleep(random.uniform(0.05, 0.4))
        ip("link", "set", "ours", "up")
        stop.wait(1)


def reset(stop, images):
    """Tears down all connections, as who stands in between may, once there is a session."""
    while not os.path.exists(os.path.join(images, "lazy-pages.socket")):
        if stop.wait(0.002):
            return
    while not stop.wait(random.uniform(0.02, 0.3)):
        subprocess.run(["ss", "-K", "dst", THEIRS], check=False, capture_output=True)


@test
def a_cable_that_is_pulled_out(work):
    for _ in range(2 * ROUNDS):
        take_over(work, "tbf rate 60mbit burst 64kb latency 50ms", meanwhile=pull)


def can_reset():
    """Whether this kernel tears down connections on request."""
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as sock:
        subprocess.run(["ss", "-K", "dst", "127.0.0.1", "sport", "=",
                        str(sock.getsockname()[1])], check=False, capture_output=True)
        try:
            sock.sendall(b"x")
        except OSError:
            return True
    return False


@test
def connections_that_are_reset(work):
    if not can_reset():
        raise Skip("this kernel does not tear down connections on request (ss -K)")
    for _ in range(2 * ROUNDS):
        take_over(work, "tbf rate 60mbit burst 64kb latency 50ms", "--retry", "30",
                  meanwhile=reset)
