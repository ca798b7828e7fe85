# SPDX-License-Identifier: GPL-2.0-only
"""A shell's part in a test of terminals: a session leader with a controlling terminal, below
which the test is started as a job, dumped, and restored."""
import json
import os
import pty
import signal
import socket
import subprocess


class Shell:
    """A child process that leads a session and runs commands on a terminal of ours."""

    def __init__(self):
        self.master, slave = pty.openpty()
        name = os.ttyname(slave)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            try:
                self.socket.close()
                os.close(self.master)
                os.close(slave)
                serve(theirs, name)
            finally:
                os._exit(1)
        theirs.close()
        os.close(slave)

    def execute(self, args, log, timeout, cwd):
        """As subprocess.run() would: the exit code; TimeoutExpired."""
        self.socket.send(json.dumps([args, log, timeout, cwd]).encode())
        answer = self.socket.recv(64).decode()
        if answer == "timeout":
            raise subprocess.TimeoutExpired(args, timeout)
        if not answer:
            raise OSError("the shell has died")
        return int(answer)


def serve(commands, terminal):
    """The shell's life. It must not die of a hangup, nor stop for a job that owns the terminal."""
    for sig in (signal.SIGHUP, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(sig, signal.SIG_IGN)
    os.setsid()
    # The first terminal that a session leader opens becomes its own.
    slave = os.open(terminal, os.O_RDWR)
    while True:
        message = commands.recv(65536)
        if not message:
            return
        args, log, timeout, cwd = json.loads(message)
        with open(log, "wb") as out:
            try:
                code = subprocess.run(args, cwd=cwd, stdin=slave, stdout=out, stderr=out,
                                      check=False, timeout=timeout,
                                      preexec_fn=become_job).returncode
                commands.send(str(code).encode())
            except subprocess.TimeoutExpired:
                commands.send(b"timeout")


def become_job():
    for sig in (signal.SIGHUP, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(sig, signal.SIG_DFL)
    os.setpgid(0, 0)
