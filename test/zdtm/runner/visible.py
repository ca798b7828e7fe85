# SPDX-License-Identifier: GPL-2.0-only
"""What /proc shows of a tree, in a form that is equal before a dump and after a restore.

A test looks at the state it is about; this looks at everything else, for every test: that a
test of timers comes back with other fds, maps or signal masks is a failure too. Nothing here
reads memory of the task (cmdline, environ, auxv): that would wait for missing pages.
"""
import collections
import os
import re

from runner import process

STATUS = ("Name", "Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk", "SigIgn",
          "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
          "TracerPid")
# Place in process.stat(): proc(5) counts from 1, and two fields come before.
STAT = {"ppid": 1, "pgrp": 2, "session": 3, "tty": 4, "nice": 16, "start_code": 23,
        "end_code": 24, "start_stack": 25, "exit_signal": 35, "policy": 38, "start_data": 42,
        "end_data": 43, "start_brk": 44, "arg_start": 45, "arg_end": 46, "env_start": 47,
        "env_end": 48}
FDINFO = ("pos", "flags", "eventfd-count", "sigmask", "clockid", "settime flags")
# The flags that a task has asked for; the others follow from mapping and kernel.
VM_FLAGS = frozenset("gd lo sr rr dc de nr ht hg nh mg dd wf".split())
MAP_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)")


# What the kernel calls a file of O_TMPFILE, and what restore calls a deleted file whose path
# another one has taken (criu-lite-restore(8)): the path in front says what can be said.
LOST_NAME = re.compile(r"(/)#\d+( \(deleted\))$|\.cr\.[0-9a-f]+\.ghost( \(deleted\))$")


def file_name(text):
    return LOST_NAME.sub(lambda match: (match[1] or "") + (match[2] or match[3]), text)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def fields(text, names):
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs if name in names}


def parse_smaps(text):
    """[start, end, perms, offset, name, flags] of each mapping, neighbours that fit joined."""
    maps = []
    for line in text.splitlines():
        match = MAP_LINE.fullmatch(line)
        if match:
            start, end, offset = (int(match[i], 16) for i in (1, 2, 4))
            name = file_name(match[5])
            if name == "/dev/zero (deleted)":
                name, offset = "shared memory", 0
            maps.append([start, end, match[3], offset if name[:1] == "/" else 0, name, ""])
        elif line.startswith("VmFlags:"):
            maps[-1][5] = " ".join(sorted(VM_FLAGS & set(line.split()[1:])))
            join(maps)
    return maps


def join(maps):
    if len(maps) < 2:
        return
    last, new = maps[-2:]
    offset = last[3] + last[1] - last[0] if new[4][:1] == "/" else 0
    if last[1] == new[0] and last[2] == new[2] and last[4:] == new[4:] and new[3] == offset:
        last[1] = new[1]
        maps.pop()


def show_map(entry):
    start, end, perms, offset, name, flags = entry
    return f"{start:x}-{end:x} {perms} {offset:x} {name} {flags}".rstrip()


class Snapshot:
    """{what: value} of a tree; inode numbers are replaced by their order of appearance."""

    def __init__(self, root, pids, log):
        self.log = log
        self.inodes = {}
        self.facts = {}
        for pid in sorted(pids):
            self.add_process(root, pid)

    def add(self, pid, what, value):
        self.facts[f"{pid} {what}"] = value

    def add_process(self, root, pid):
        stat = process.stat(pid)
        for name, place in STAT.items():
            if name != "ppid" or pid != root:
                self.add(pid, name, stat[place])
        zombie = stat[0] == "Z"
        self.add(pid, "is a zombie", zombie)
        if zombie:
            return
        for thread in os.listdir(f"/proc/{pid}/task"):
            self.add_thread(pid, thread)
        for link in ("cwd", "exe", "root"):
            self.add(pid, link, file_name(os.readlink(f"/proc/{pid}/{link}")))
        for file in ("limits", "timers", "personality"):
            self.add(pid, file, read(f"/proc/{pid}/{file}").splitlines())
        self.add(pid, "maps", [show_map(m) for m in parse_smaps(read(f"/proc/{pid}/smaps"))])
        for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
            self.add_fd(pid, fd)

    def add_thread(self, pid, thread):
        text = read(f"/proc/{pid}/task/{thread}/status")
        for name, value in fields(text, STATUS).items():
            self.add(pid, f"thread {thread} {name}", value)
        state = fields(text, ("State",))["State"]
        self.add(pid, f"thread {thread} is stopped", state[0] in "Tt")

    def add_fd(self, pid, fd):
        link = file_name(os.readlink(f"/proc/{pid}/fd/{fd}"))
        link = re.sub(r"\[(\d+)\]$", self.inode, link)
        info = fields(read(f"/proc/{pid}/fdinfo/{fd}"), FDINFO)
        if link == self.log:
            del info["pos"]
        self.add(pid, f"fd {fd}", f"{link} {info}")

    def inode(self, match):
        return f"[{self.inodes.setdefault(match[1], len(self.inodes))}]"


def take(root, pids, log=None):
    """The facts about a tree; None when it changed under the reader's eyes. To the log it may
    write meanwhile."""
    try:
        return Snapshot(root, pids, log).facts
    except (FileNotFoundError, ProcessLookupError):
        return None


def as_lines(value):
    return value if isinstance(value, list) else [str(value).strip()]


def differences(before, after, pending=True, limit=20):
    """What is not as it was, one line each; a list says which of its lines went and came."""
    found = []
    for what in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(what), after.get(what)
        if old == new or (what.endswith("Pnd") and not pending):
            continue
        old, new = (collections.Counter(as_lines(value)) for value in (old, new))
        gone = [f"{what}: was {line}" for line in (old - new).elements()]
        came = [f"{what}: is {line}" for line in (new - old).elements()]
        found += gone + came or [f"{what}: is in another order"]
    return found[:limit]
