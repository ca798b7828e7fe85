# SPDX-License-Identifier: GPL-2.0-only
"""Memory that is brought over bad networks: narrow, slow, lossy, pulled out for a while.

Two network namespaces and a road between them: the trees are in one, the lazy-pages server is
in the other. The memory that arrives must be the same, and the victim looks at all of it.
"""
import os
import random
import socket
import subprocess
import threading
import time

import lending
from road import OURS, THEIRS, Road, ip
from victim import CRIU_LITE, ROUNDS, Skip, Victim, test

PROGRAM = os.path.join(os.path.dirname(CRIU_LITE), "../test/hurt/road")


def take(road, v, port, *options):
    """There: all of it, as lending.take_all() does."""
    with road.there():
        server = lending.serve(v, port, "--address", OURS, *options)
    v.restore("--lazy-pages")
    said = server.communicate(timeout=120)[1]
    assert server.returncode == 0, said
    v.expect_work()


def take_over(work, words, *options, meanwhile=None):
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Skip("no TUN devices here")
    with Road(PROGRAM, *words.split()) as road, Victim(work) as v, \
            lending.lent(v, "--address", OURS) as lender:
        stop = threading.Event()
        thread = threading.Thread(target=meanwhile or threading.Event.wait,
                                  args=(stop, v.images) if meanwhile else (stop,))
        thread.start()
        try:
            lending.there(take, road, v, lender.port, *options)
        finally:
            stop.set()
            thread.join()
        lending.expect_taken(v, lender)


@test
def a_road_that_is_narrow(work):
    for rate in (100000, 30000):
        take_over(work, "rate=%d" % rate)


@test
def a_road_that_is_long_and_loses_things(work):
    for words in ("delay=20000 jitter=10000",
                  "delay=5000 loss=20000 duplicate=10000 reorder=50000",
                  "delay=1000 rate=100000", "delay=5000 corrupt=1000"):
        take_over(work, words)


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
        take_over(work, "rate=60000", meanwhile=pull)


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
        take_over(work, "rate=60000", "--retry", "30",
                  meanwhile=reset)
