# SPDX-License-Identifier: GPL-2.0-only
"""Another host, as far as pids go: a pid namespace in which what runs here can run, too."""
import ctypes
import json
import os
import subprocess
import traceback

from runner.criu import Failure

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000


def leave():
    """What is forked from here on is in a pid namespace of its own, and so are its mounts."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWPID | CLONE_NEWNS) < 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWPID)")


def tell(pipe, function):
    """Writes what came of function(): null, or why it failed, and the details."""
    said = None
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
        function()
    except Failure as failure:
        said = [str(failure), failure.details]
    except Exception:  # a bug of the runner, or a machine in trouble
        said = ["the other side broke down", traceback.format_exc().splitlines()]
    with os.fdopen(pipe, "w", encoding="utf-8") as file:
        json.dump(said, file)


def emigrate(pipe, function):
    leave()
    pid = os.fork()
    if not pid:
        # The init process there: orphans come to it, and all end with it.
        tell(pipe, function)
        os._exit(0)
    os.waitpid(pid, 0)


def call(function):
    """Calls function() in a child process that is the first of a new pid namespace."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ours)
        try:
            emigrate(theirs, function)
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8") as file:
        said = file.read()
    os.waitpid(pid, 0)
    if not said:
        raise Failure("the other side ended without a word")
    said = json.loads(said)
    if said:
        raise Failure(f"there: {said[0]}", said[1])
