# SPDX-License-Identifier: GPL-2.0-only
"""A tree of Python processes that computes something through a restore.

Two threads and two children (over pipes) share the work; a real-time timer
delivers a signal every 20 ms; at the end every part must be there exactly once.
"""
import hashlib
import os
import signal
import threading
import time

ROUNDS = 120
ticks = 0


def on_tick(signum, frame):
    global ticks
    ticks += 1


def grind(seed, rounds):
    """Some work that takes a while and depends on every step before it."""
    h = hashlib.sha256(seed.encode())
    table = {}
    for i in range(rounds):
        h.update(("%d" % i).encode())
        table[i % 97] = h.hexdigest()
        time.sleep(0.01)
    return hashlib.sha256("".join(table[k] for k in sorted(table)).encode()).hexdigest()


def child(seed, down, up):
    signal.setitimer(signal.ITIMER_REAL, 0)
    for line in os.fdopen(down):
        up.write("%s %s\n" % (line.strip(), hashlib.sha256((seed + line).encode()).hexdigest()))
        up.flush()


def main():
    signal.signal(signal.SIGALRM, on_tick)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    children = []
    for name in ("left", "right"):
        down_r, down_w = os.pipe()
        up_r, up_w = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(down_w)
            os.close(up_r)
            for _, w, r, _ in children:
                w.close()
                r.close()
            child(name, down_r, os.fdopen(up_w, "w"))
            os._exit(7)
        os.close(down_r)
        os.close(up_w)
        children.append((pid, os.fdopen(down_w, "w"), os.fdopen(up_r), name))
    parts = {}
    threads = [threading.Thread(target=lambda n=n: parts.update({n: grind(n, ROUNDS)}))
               for n in ("one", "two")]
    for t in threads:
        t.start()
    print("READY", flush=True)
    total = hashlib.sha256()
    for i in range(ROUNDS):
        for _, w, r, _ in children:
            w.write("%d\n" % i)
            w.flush()
            total.update(r.readline().encode())
        time.sleep(0.01)
    for t in threads:
        t.join()
    for pid, w, r, _ in children:
        w.close()
        status = os.waitpid(pid, 0)[1]
        total.update(b"%d" % os.WEXITSTATUS(status))
    for name in sorted(parts):
        total.update(parts[name].encode())
    before = ticks
    time.sleep(0.1)
    assert ticks > before, "the timer is gone"
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("RESULT %s" % total.hexdigest(), flush=True)


main()
