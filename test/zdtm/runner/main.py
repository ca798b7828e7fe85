# SPDX-License-Identifier: GPL-2.0-only
"""The command line, the plan of what is run, and the report."""
import argparse
import os
import shutil
import signal
import sys
import tempfile

from runner import catalog, pool
from runner.job import MODES, Job

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A flavour is where the test lives. What is not there is refused, never run as another.
FLAVOURS = {"h": "the host's namespaces"}
NOT_YET = {"ns": "new namespaces", "uns": "a user namespace"}


def word_list(known, what):
    def parse(text):
        words = [word for word in text.split(",") if word]
        for word in words:
            if word in NOT_YET:
                raise argparse.ArgumentTypeError(
                    f"{what} {word} ({NOT_YET[word]}) is not supported yet")
            if word not in known:
                raise argparse.ArgumentTypeError(
                    f"no {what} {word}: there are {', '.join(known)}")
        if not words:
            raise argparse.ArgumentTypeError(f"name at least one {what}")
        return words
    return parse


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def default_tests_dir():
    """A build where one stands, that of ./run, or one in the source tree."""
    places = ["test/zdtm", os.path.join(HERE, "../../build/test/zdtm"), HERE]
    built = [place for place in places if os.path.exists(os.path.join(place, "libzdtm.a"))]
    return os.path.abspath(built[0] if built else HERE)


def default_criu_lite(tests_dir):
    built = os.path.join(tests_dir, "../../criu-lite/criu-lite")
    return os.path.normpath(built) if os.path.exists(built) else shutil.which("criu-lite")


def parse_args(argv):
    modes = "; ".join(f"{name}: {mode.about}" for name, mode in MODES.items())
    parser = argparse.ArgumentParser(
        prog="test/zdtm/run", description=__doc__,
        epilog=f"Modes: {modes}.")
    parser.add_argument("-t", "--test", action="append", metavar="NAME", default=[],
                        help="run tests that match this name or pattern (fd/*, eventfd)")
    parser.add_argument("--list", action="store_true", help="list the tests and stop")
    parser.add_argument("--flavour", type=word_list(FLAVOURS, "flavour"), default=["h"],
                        help="where the tests live: h (the host; the only one as yet)")
    parser.add_argument("--mode", type=word_list(MODES, "mode"), default=["eager", "lazy"],
                        help="comma-separated list (default: eager,lazy)")
    parser.add_argument("--iterations", type=positive, default=1, metavar="N",
                        help="dump and restore N times in a row")
    parser.add_argument("--kills", type=positive, metavar="N",
                        default=int(os.environ.get("ZDTM_KILLS", 10)),
                        help="kill dumps N times, at moments that are spread evenly over a dump, "
                             "in the modes killed and ended (default: $ZDTM_KILLS, or 10)")
    parser.add_argument("--seed", default="", metavar="TEXT",
                        help="draw other random moments")
    parser.add_argument("--parallel", type=positive, default=1, metavar="N",
                        help="run N tests at a time")
    parser.add_argument("--timeout", type=positive, default=120, metavar="SECONDS",
                        help="how long one step may take (default: 120)")
    parser.add_argument("--keep", action="store_true",
                        help="keep images and logs of failed runs and say where they are")
    parser.add_argument("--workdir", metavar="DIR",
                        help="where runs keep their files (default: a new one in $TMPDIR)")
    parser.add_argument("--tests", metavar="DIR", default=default_tests_dir(),
                        help="where the built tests are (default: ./test/zdtm of a build)")
    parser.add_argument("--criu-lite", metavar="PATH",
                        help="the program under test (default: that of the build)")
    parser.add_argument("--crit", nargs="?", const="crit", metavar="PATH",
                        help="decode every image with crit, too")
    return parser.parse_args(argv)


def select(tests, patterns):
    """The tests that any pattern names, and the patterns that name none."""
    if not patterns:
        return tests, []
    chosen = [test for test in tests if any(test.matches(pattern) for pattern in patterns)]
    unused = [pattern for pattern in patterns
              if not any(test.matches(pattern) for test in tests)]
    return chosen, unused


def print_result(number, result):
    """One TAP line, with what there is to know about a failure below it."""
    line = f"{number} - {result.name}"
    if result.skipped is not None:
        print(f"ok {line} # SKIP {result.skipped}")
    elif result.failed is None:
        print(f"ok {line}")
    else:
        print(f"not ok {line}")
        for text in [result.failed, *result.details]:
            print(f"# {text}")
    sys.stdout.flush()


def finish(results):
    """The last line, and the exit status."""
    skipped = sum(result.skipped is not None for result in results)
    failed = sum(result.failed is not None for result in results)
    print(f"{len(results) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def run_jobs(jobs, parallel):
    results = []
    print(f"1..{len(jobs)}", flush=True)
    for result in pool.run(jobs, parallel):
        results.append(result)
        print_result(len(results), result)
    return finish(results)


def main(argv):
    options = parse_args(argv)
    options.tests = os.path.abspath(options.tests)
    tests, unused = select(catalog.find(HERE, options.tests), options.test)
    if unused:
        print(f"run: no test matches {', '.join(unused)}", file=sys.stderr)
        return 2
    if options.list:
        for test in tests:
            print(f"{test.name:24} {test.describe().get('about', 'not built')}")
        return 0
    if options.crit:
        options.crit = shutil.which(options.crit)
        if not options.crit:
            print("run: no crit found", file=sys.stderr)
            return 2
    if options.criu_lite:
        options.criu_lite = os.path.abspath(options.criu_lite)
    needs_criu = any(MODES[mode].steps for mode in options.mode)
    options.criu_lite = options.criu_lite or default_criu_lite(options.tests)
    if needs_criu and not options.criu_lite:
        print("run: no criu-lite found: build it, or name it with --criu-lite", file=sys.stderr)
        return 2
    if needs_criu and os.geteuid():
        print("run: checkpoint and restore need root", file=sys.stderr)
        return 2
    # As for an interrupt: nothing is left running.
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(1))
    workdir = options.workdir or tempfile.mkdtemp(prefix="criu-lite-zdtm.")
    os.makedirs(workdir, exist_ok=True)
    jobs = [Job(test, mode, os.path.abspath(workdir), options)
            for test in tests for mode in options.mode]
    try:
        return run_jobs(jobs, options.parallel)
    finally:
        if not options.workdir and not os.listdir(workdir):
            os.rmdir(workdir)
