# SPDX-License-Identifier: GPL-2.0-only
"""A tree of Python processes that works until it is killed.

Two threads and two children, asked over pipes, compute the same checksum again and again; a
timer ticks. A line says that all of them were right, "WRONG" that one was not.
"""
import hashlib
import os
import signal
import threading
import time

DATA = os.urandom(1 << 20)
DIGEST = hashlib.sha256(DATA).digest()
ticks = 0
turns = {"one": 0, "two": 0}


def on_tick(signum, frame):
    global ticks
    ticks += 1


def work(name):
    while hashlib.sha256(DATA).digest() == DIGEST:
        turns[name] += 1
        time.sleep(0.005)


def child(asked, answer):
    signal.setitimer(signal.ITIMER_REAL, 0)
    while os.read(asked, 1):
        os.write(answer, hashlib.sha256(DATA).digest())


def make_child():
    down, up = os.pipe(), os.pipe()
    if not os.fork():
        os.close(down[1])
        os.close(up[0])
        child(down[0], up[1])
        os._exit(0)
    os.close(down[0])
    os.close(up[1])
    return down[1], up[0]


def main():
    signal.signal(signal.SIGALRM, on_tick)
    children = [make_child(), make_child()]
    for name in turns:
        threading.Thread(target=work, args=(name,), daemon=True).start()
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    print("READY", flush=True)
    while True:
        before = ticks, *turns.values()
        for ask, answer in children:
            os.write(ask, b"?")
            if os.read(answer, 32) != DIGEST:
                print("WRONG: a child", flush=True)
        deadline = time.monotonic() + 60
        while any(now <= then for then, now in zip(before, (ticks, *turns.values()))):
            if time.monotonic() > deadline:
                print("WRONG: a thread or the timer stands still", flush=True)
                return
            time.sleep(0.002)
        print("right", flush=True)


main()
