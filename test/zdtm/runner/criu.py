# SPDX-License-Identifier: GPL-2.0-only
"""criu-lite as its users call it: dump, restore, and what the logs say."""
import glob
import hashlib
import os
import subprocess


# "crit decode" of many files with one start of the interpreter, which takes longest.
DECODE_ALL = """
import sys
from pycriu import cli
for path in sys.argv[1:]:
    print("decoding", path, flush=True)
    sys.argv = ["crit", "decode", "-i", path, "-o", "/dev/null"]
    cli.main()
"""


class Failure(Exception):
    """A verdict: why the run failed, with lines that help to see it."""

    def __init__(self, why, details=()):
        super().__init__(why)
        self.details = list(details)


def error_lines(directory, limit=12):
    """The lines with "Error" of every log, and all of what went to stderr."""
    found = []
    for path in sorted(glob.glob(os.path.join(directory, "*.log"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip() for line in file
                     if "Error" in line or path.endswith(".out.log")]
        found += [f"{os.path.basename(path)}: {line}" for line in lines[:limit]]
    return found


def digests(directory):
    """{name: checksum} of the images; logs and figures are not among them."""
    found = {}
    for path in glob.glob(os.path.join(directory, "*.img")):
        with open(path, "rb") as file:
            found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return found


def execute(args, log, timeout, cwd):
    """Runs a program with its output in a file, as the tasks it leaves may write on."""
    with open(log, "wb") as out:
        return subprocess.run(args, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              check=False, timeout=timeout).returncode


class CriuLite:
    def __init__(self, program, images, timeout, run=execute):
        self.program = program
        self.images = images
        self.timeout = timeout
        self.run = run
        self.exit_code = None

    def dump(self, pid, options):
        os.makedirs(self.images)
        self.call("dump", "-t", str(pid), *options)

    def dump_remotely(self, pid, options):
        """Memory goes to a page server, and with it into the directory of all other images."""
        os.makedirs(self.images)
        with subprocess.Popen(self.args("page-server"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as server:
            port = server.stdout.readline().strip()
            try:
                self.call("dump", "-t", str(pid), "--page-server", "--port", port, *options)
                code = server.wait(self.timeout)
            finally:
                server.kill()
        if code:
            raise Failure(f"page-server returned {code}", error_lines(self.images))

    def lend(self, pid, options):
        """A dump that keeps the memory; it says at which port when the images are there."""
        os.makedirs(self.images)
        with open(os.path.join(self.images, "dump.out.log"), "wb") as log:
            return subprocess.Popen(self.args("dump", "-t", str(pid), "--lazy-pages", *options),
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                    text=True)

    def serve(self, options):
        """Starts a lazy-pages server, which ends by itself, and waits until it listens."""
        ready, theirs = os.pipe()
        with open(os.path.join(self.images, "lazy-pages.out.log"), "wb") as log:
            subprocess.Popen(self.args("lazy-pages", "--status-fd", str(theirs), *options),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ready, "rb") as file:
            if not file.read(1):
                raise Failure("lazy-pages does not get ready", error_lines(self.images))

    def restore(self, options):
        pidfile = os.path.join(self.images, "restored.pid")
        self.call("restore", "-d", "--pidfile", pidfile, *options)
        try:
            with open(pidfile, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError) as error:
            raise Failure(f"restore wrote no good pidfile: {error}") from error

    def args(self, command, *options):
        return [self.program, command, "-D", self.images, "-o", f"{command}.log", "-v4",
                "--no-default-config", *options]

    def call(self, command, *options):
        log = os.path.join(self.images, f"{command}.out.log")
        try:
            self.exit_code = self.run(self.args(command, *options), log, self.timeout, "/")
        except subprocess.TimeoutExpired as expired:
            self.exit_code = None
            raise Failure(f"{command} hangs", error_lines(self.images)) from expired
        if self.exit_code:
            raise Failure(f"{command} returned {self.exit_code}", error_lines(self.images))

    def decode(self, crit):
        """Every image must be one that crit can read."""
        files = [path for path in sorted(glob.glob(os.path.join(self.images, "*.img")))
                 if not os.path.basename(path).startswith("pages-")]
        with open(crit, encoding="utf-8") as script:
            interpreter = script.readline().removeprefix("#!").split()
        done = subprocess.run([*interpreter, "-c", DECODE_ALL, *files], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=self.timeout)
        if done.returncode or not files:
            raise Failure("crit cannot decode an image", done.stdout.splitlines()[-4:])
