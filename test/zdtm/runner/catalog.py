# SPDX-License-Identifier: GPL-2.0-only
"""Which tests there are, and what each says about itself."""
import fnmatch
import os
import subprocess

# Order is the order of the run: what everything else stands on comes first.
DIRECTORIES = ("task", "mm", "fd", "sock", "tty", "transition", "lazy")


class Test:
    """A test by its source file, so that one that was not built is noticed."""

    def __init__(self, name, program):
        self.name = name
        self.program = program

    def matches(self, pattern):
        return (fnmatch.fnmatch(self.name, pattern)
                or fnmatch.fnmatch(os.path.basename(self.name), pattern))

    def describe(self):
        """The "key: value" lines of --describe; empty when the test is not built."""
        if not os.access(self.program, os.X_OK):
            return {}
        text = subprocess.run([self.program, "--describe"], check=True, timeout=10,
                              stdout=subprocess.PIPE, text=True).stdout
        return dict(line.split(": ", 1) for line in text.splitlines())


def find(source_dir, tests_dir):
    tests = []
    for directory in DIRECTORIES:
        path = os.path.join(source_dir, directory)
        for file in sorted(os.listdir(path)) if os.path.isdir(path) else ():
            if file.endswith(".c"):
                name = f"{directory}/{file[:-2]}"
                tests.append(Test(name, os.path.join(tests_dir, name)))
    return tests
