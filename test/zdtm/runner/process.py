# SPDX-License-Identifier: GPL-2.0-only
"""Process trees as /proc shows them."""
import ctypes
import multiprocessing
import os
import re
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
POLL = 0.005


def become_subreaper():
    """Orphans below this process become its children: a test cannot be lost."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def stat(pid):
    """The fields of /proc/PID/stat after the name: state, ppid, pgrp, session, ..."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def held_threads(pid):
    """One line for each thread of a process that is stopped or traced."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8",
                      errors="replace") as file:
                lines = file.read().splitlines()
            found += [f"thread {thread} of {pid}: {line}" for line in lines
                      if re.match(r"State:\t[tT]|TracerPid:\t[1-9]", line)]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def parents():
    """{pid: ppid} of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found[int(entry)] = int(stat(entry)[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def descendants(root, skip=()):
    """The pids below root, parents first, without those of skip and what is below them."""
    children = {}
    for pid, ppid in parents().items():
        children.setdefault(ppid, []).append(pid)
    found, queue = [], [root]
    while queue:
        below = [pid for pid in children.get(queue.pop(0), []) if pid not in skip]
        found += below
        queue += below
    return found


def private_memory(pids):
    """KiB of private memory that the processes have together; what they share counts once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                lines = file.readlines()
        except ProcessLookupError:  # a zombie
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    return total


def reap(statuses):
    """Collects what has ended below this process; adds {pid: exit code} to statuses.

    True: nothing is below it any more.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if not pid:
            return False
        statuses[pid] = os.waitstatus_to_exitcode(status)


def until(condition, timeout):
    """Polls condition(); returns its first true value, or its last one at the timeout."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(POLL)


def signal_if_there(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def kill_tree(root):
    """Kills root and all below it. Stopped first, so that nothing is forked meanwhile."""
    victims, found = [], [root]
    while found:
        for pid in found:
            signal_if_there(pid, signal.SIGSTOP)
        victims += found
        found = [pid for pid in descendants(root) if pid not in victims]
    for pid in victims:
        signal_if_there(pid, signal.SIGKILL)


def kill_orphans():
    """Kills what a dead worker has left to this process: its children that lead no worker."""
    workers = {child.pid for child in multiprocessing.active_children()}
    for pid, ppid in parents().items():
        if ppid == os.getpid() and pid not in workers:
            kill_tree(pid)
            os.waitpid(pid, 0)


def kill_descendants(statuses):
    """Leaves nothing below this process."""
    me = os.getpid()

    def kill():
        reap(statuses)
        left = descendants(me)
        for pid in left:
            signal_if_there(pid, signal.SIGKILL)
        return not left
    until(kill, 5)
