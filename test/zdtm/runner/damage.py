# SPDX-License-Identifier: GPL-2.0-only
"""Damages one image at a time and expects restore to refuse it.

Only damage that a reader can see is done: a list that ends between two of its entries is a
shorter list. With --in-process each victim's images are given to programs that do every
damage by themselves, without a restore (test/fuzz/damage.c, fuzz-restore.c).
"""
import argparse
import concurrent.futures
import functools
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

from runner import catalog, criu, process
from runner.criu import Failure
from runner.job import Job, Result
from runner.main import (HERE, default_criu_lite, default_tests_dir, finish, print_result,
                         select)

# Tests whose images are of many kinds: threads, shared memory, files, pipes, zombies.
VICTIMS = ("task/threads", "anon-shared", "shared-offset", "fd/pipe", "zombie")
# For --in-process, which is quicker: one of each kind of image and of open file.
VICTIMS_IN_PROCESS = ("task/threads", "mm/anon-shared", "fd/pipe", "fd/epoll", "fd/timerfd",
                      "fd/signalfd", "sock/scm-rights", "sock/tcp-listen", "task/zombie")
# One bit and one byte of so many: without checksums, which takes longest, and with them.
# Of one victim every single bit is flipped.
STRIDE = 61
STRIDE_LISTED = 31
VICTIM_OF_EVERY_BIT = "fd/pipe"
# Image names begin with one of these when no restore can do without them. A task
# without descriptors needs no fdinfo: the format lets it be absent.
REQUIRED = ("core-", "files", "inventory", "mm-", "pagemap-", "pages-", "pstree")
# Those that hold at least one entry after their magic numbers.
NEVER_EMPTY = ("core-", "inventory", "mm-", "pagemap-", "pstree")
PAGE = 4096
MAGIC_SIZE = 8


def is_pages(name):
    return re.fullmatch(r"pages-\d+\.img", name)


def remove(data):
    return None


def empty(data):
    return b""


def magic_only(data):
    return data[:MAGIC_SIZE]


def cut_byte(data):
    return data[:-1]


def cut_page(data):
    return data[:-PAGE]


def flip_bit(part, data):
    """The lowest bit of a byte in that part of all."""
    at = int(len(data) * part)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def foreign_magic(data):
    return bytes([data[0] ^ 0x55]) + data[1:]


def huge_entry(data):
    return data[:MAGIC_SIZE] + struct.pack("<I", 0xfffffff0) + data[MAGIC_SIZE + 4:]


def extra_byte(data):
    return data + b"\1"


# What is done to which images.
DAMAGES = {
    "removed": (remove, lambda name, size: name.startswith(REQUIRED)),
    "emptied": (empty, lambda name, size: size and not is_pages(name)),
    "reduced to its magic": (magic_only, lambda name, size: name.startswith(NEVER_EMPTY)),
    "short of one byte": (cut_byte, lambda name, size: size > MAGIC_SIZE),
    "short of one page": (cut_page, lambda name, size: is_pages(name) and size),
    "of another magic": (foreign_magic, lambda name, size: size and not is_pages(name)),
    "of a huge entry": (huge_entry, lambda name, size: size > MAGIC_SIZE and not is_pages(name)),
    "long by one byte": (extra_byte, lambda name, size: size and not is_pages(name)),
    **{f"of another bit at {part:.0%}": (functools.partial(flip_bit, part),
                                        lambda name, size: is_pages(name) and size)
       for part in (0, 0.3, 0.7, 0.9999)},
}


class Damage:
    """One victim: dumped once, then restored from copies of its images, each damaged."""

    def __init__(self, test, mode, workdir, options):
        self.job = Job(test, mode, workdir, options)
        self.options = options
        self.images = os.path.join(self.job.dir, "images.1")

    def dump(self):
        self.job.prepare()
        self.job.start()
        self.job.iteration = 1
        self.job.step_dump()

    def names(self):
        """Images of every kind, at most two of each."""
        kinds = {}
        for name in sorted(os.listdir(self.images)):
            if name.endswith(".img"):
                kinds.setdefault(re.sub(r"\d+", "", name), []).append(name)
        return [name for names in kinds.values() for name in names[:2]]

    def cases(self):
        for name in self.names():
            size = os.path.getsize(os.path.join(self.images, name))
            for what, (change, applies) in DAMAGES.items():
                if applies(name, size):
                    yield name, what, change

    def run_case(self, name, what, change):
        result = Result(f"{self.job.name}: {name} {what}")
        copy = os.path.join(self.job.dir, "damaged")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.images, copy, ignore=shutil.ignore_patterns("*.log"))
        path = os.path.join(copy, name)
        with open(path, "rb") as file:
            data = change(file.read())
        os.unlink(path)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        try:
            self.expect_refusal(copy)
        except Failure as failure:
            result.failed = str(failure)
            result.details = failure.details
        process.kill_descendants(self.job.statuses)
        return result

    def expect_refusal(self, images):
        tool = criu.CriuLite(self.options.criu_lite, images, self.options.timeout)
        args = tool.args("restore", "-d", *self.job.mode.restore_options)
        code = criu.execute(args, os.path.join(images, "restore.out.log"), self.options.timeout,
                            "/")
        if code != 1:
            raise Failure(f"restore returned {code}, not 1", criu.error_lines(images))
        if not any("Error" in line for line in criu.error_lines(images)):
            raise Failure("restore says no word of an error")
        left = self.job.until_gone(process.descendants(os.getpid()))
        if left:
            raise Failure(f"restore left processes behind: {left}")

    def run_in_process(self):
        """Three results: the programs, all at once, tell by their exit codes."""
        listed = 1 if self.job.test.name == VICTIM_OF_EVERY_BIT else STRIDE_LISTED
        commands = (("damage", "--every", str(STRIDE), self.images),
                    ("damage", "--listed", "--every", str(listed), self.images),
                    ("fuzz-restore", os.path.join(HERE, "../fuzz/corpus/restore")))
        with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            yield from pool.map(lambda command: self.run_program(*command), commands)

    def run_program(self, program, *args):
        result = Result(f"{self.job.name}: {program} {' '.join(args[:-1])}".rstrip())
        with subprocess.Popen([os.path.join(self.options.in_process, program), *args],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace",
                              env={**os.environ, "CRIU_LITE_FUZZ_BASE": self.images}) as p:
            lines = p.stdout.read().splitlines()
        counts = [line for line in lines if line.endswith((" wrong", " skipped"))]
        if p.returncode:
            result.failed = f"{program} returned {p.returncode}"
            result.details = [line for line in lines if not line.startswith("ok ")][:60]
        elif not counts:
            result.failed = "the program ended before it could count"
        else:
            result.name += f": {counts[0].lstrip('# ')}"
        return result


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="test/zdtm/damage", description=__doc__)
    parser.add_argument("-t", "--test", action="append", metavar="NAME",
                        help=f"dump these tests (default: {', '.join(VICTIMS)})")
    parser.add_argument("--in-process", metavar="DIR",
                        help="let the programs in DIR do the damage and load the images")
    parser.add_argument("--mode", choices=("eager", "lazy"), default="eager")
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS")
    parser.add_argument("--tests", metavar="DIR", default=default_tests_dir())
    parser.add_argument("--criu-lite", metavar="PATH")
    return parser.parse_args(argv)


def run_victim(test, workdir, options):
    """The results of one victim; a victim that cannot be dumped is one failure."""
    victim = Damage(test, options.mode, workdir, options)
    try:
        victim.dump()
    except Failure as failure:
        process.kill_descendants(victim.job.statuses)
        yield Result(f"{victim.job.name}: dump", failed=str(failure), details=failure.details)
        return
    if options.in_process:
        process.kill_descendants(victim.job.statuses)
        yield from victim.run_in_process()
        return
    for case in victim.cases():
        yield victim.run_case(*case)


def main(argv):
    options = parse_args(argv)
    options.tests = os.path.abspath(options.tests)
    options.criu_lite = options.criu_lite or default_criu_lite(options.tests)
    if options.criu_lite:
        options.criu_lite = os.path.abspath(options.criu_lite)
    options.crit, options.keep, options.iterations = None, False, 1
    tests, unused = select(catalog.find(HERE, options.tests),
                           options.test or (VICTIMS_IN_PROCESS if options.in_process else VICTIMS))
    if unused or not options.criu_lite:
        print(f"damage: no criu-lite, or no test {unused}", file=sys.stderr)
        return 2
    process.become_subreaper()
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(1))
    results = []
    try:
        with tempfile.TemporaryDirectory(prefix="criu-lite-damage.") as workdir:
            for test in tests:
                for result in run_victim(test, workdir, options):
                    results.append(result)
                    print_result(len(results), result)
    finally:
        process.kill_descendants({})
    print(f"1..{len(results)}")
    return finish(results)
