# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites the images of a dump as another writer may have made them, and restores them.

Each rewriting says the same in other bytes: older layouts, other orders, fields that nobody
knows. The test must find its state as it was. Only images that are byte for byte what the
dump wrote pass the list in its inventory; rewritten ones come without it, as from other
writers, or with --allow-edited.
"""
import argparse
import dataclasses
import glob
import os
import shutil
import signal
import sys
import tempfile

from runner import catalog, process, wire
from runner.criu import Failure
from runner.job import Job, Result
from runner.main import (HERE, default_criu_lite, default_tests_dir, finish, print_result,
                         select)

TOP = os.path.dirname(os.path.dirname(HERE))

# Tests whose images are of many kinds.
VICTIMS = ("fd/directory", "fd/epoll", "fd/eventfd", "fd/fifo", "fd/owner", "fd/pipe",
           "fd/shared-offset", "fd/signalfd", "fd/timerfd", "mm/anon-shared", "mm/file-private",
           "mm/memfd", "sock/scm-rights", "sock/tcp-listen", "sock/unix-named", "task/creds",
           "task/itimers", "task/posix-timers", "task/rlimits", "task/sigaction",
           "task/sigpending", "task/threads", "task/tree", "task/zombie")

# A field of ours that the format does not have (criu-lite-images(5)).
FIRST_EXTENSION = 100
# Tests of a state that only such a field holds.
EXTENDED = ("fd/eventfd",)


class Images:
    """All images of a directory, to be changed in place."""

    def __init__(self, schema, directory):
        self.schema = schema
        self.directory = directory
        self.images = {os.path.basename(path): wire.Image(schema, path)
                       for path in sorted(glob.glob(os.path.join(directory, "*.img")))}

    def entries(self):
        for image in self.images.values():
            yield from image.entries

    def messages(self):
        """(type, fields) of every message, the inner ones too."""
        def walk(message, fields):
            yield message, fields
            for f in fields:
                if f.message:
                    yield from walk(f.message, f.value)
        for entry in self.entries():
            yield from walk(entry.message, entry.fields)

    def matching(self, begin):
        return [image for name, image in self.images.items() if name.startswith(begin)]

    def add(self, name, magic, entries):
        self.images[name] = wire.new_image(self.schema, name, magic, entries)

    def take(self, message, fields, name):
        """Takes all fields @name out of a message."""
        number = self.schema.number(message, name)
        taken = [f for f in fields if f.number == number]
        fields[:] = [f for f in fields if f.number != number]
        return taken

    def get(self, message, fields, name):
        number = self.schema.number(message, name)
        return next(f for f in fields if f.number == number)

    def drop_list(self):
        """No other writer says in the inventory what the images are (criu-lite-images(5))."""
        fields = self.images["inventory.img"].entries[0].fields
        fields[:] = [f for f in fields if f.number < FIRST_EXTENSION]

    def write(self, width=0):
        for path in glob.glob(os.path.join(self.directory, "*.img")):
            os.unlink(path)
        for name, image in self.images.items():
            with open(os.path.join(self.directory, name), "wb") as file:
                file.write(image.bytes(width))


def same(images):
    """Taken apart and put together again: shows that the account here is a true one."""


def unknown_fields(images):
    """Fields of every wire type that no version of the format has, before and behind."""
    for message, fields in images.messages():
        assert not {3900, 3901, 3902, 3903} & images.schema.messages[message].keys()
        fields.insert(0, wire.Field(3900, wire.VARINT, 2**64 - 1))
        fields.append(wire.Field(3901, wire.BYTES, b"\xff\x00 of another version"))
        fields.append(wire.Field(3902, wire.FIXED64, b"\xff" * 8))
        fields.append(wire.Field(3903, wire.FIXED32, b"\xff" * 4))


def fields_backwards(images):
    """Fields in another order; elements of one repeated field keep theirs."""
    for _, fields in images.messages():
        fields.sort(key=lambda f: -f.number)


def entries_backwards(images):
    """Files and descriptors in another order. Of queues and trees the order is meaning."""
    for begin in ("fdinfo-", "files"):
        for image in images.matching(begin):
            image.entries.reverse()


def said_twice(images):
    """A single number that is there twice: the last one counts."""
    for message, fields in images.messages():
        declared = images.schema.messages[message]
        wrong = [wire.Field(f.number, f.wire, f.value ^ 1) for f in fields
                 if f.number in declared and declared[f.number].label != "repeated" and
                 f.wire == wire.VARINT and declared[f.number].type in wire.SCALARS]
        fields[:0] = wrong


def packed(images):
    """Repeated numbers in one piece, as newer compilers of the format write them."""
    for message, fields in images.messages():
        for number, declared in images.schema.messages[message].items():
            mine = [f for f in fields if f.number == number]
            if declared.label != "repeated" or wire.SCALARS.get(declared.type) != wire.VARINT \
                    or not mine:
                continue
            at = fields.index(mine[0])
            fields[:] = [f for f in fields if f.number != number]
            data = b"".join(wire.write_varint(f.value) for f in mine)
            fields.insert(at, wire.Field(number, wire.BYTES, data))


def without_extensions(images):
    """What the format itself has no place for is gone: no other writer has it."""
    for _, fields in images.messages():
        fields[:] = [f for f in fields if not FIRST_EXTENSION <= f.number < 3900]


def version_1(images):
    """The framing before there was a common magic number."""
    for image in images.images.values():
        image.head = b""
    inventory = images.images["inventory.img"].entries[0]
    images.get(inventory.message, inventory.fields, "img_version").value = 1


# file_entry member -> older image and its magic number (spec/images.md, section 2).
OLDER_FILES = {
    "reg": ("reg-files.img", 0x50363636), "pipe": ("pipes.img", 0x56513555),
    "fifo": ("fifo.img", 0x58364939), "isk": ("inetsk.img", 0x56443851),
    "usk": ("unixsk.img", 0x54373943), "efd": ("eventfd.img", 0x44523722),
    "epfd": ("eventpoll.img", 0x45023858), "sgfd": ("signalfd.img", 0x57323820),
    "tfd": ("timerfd.img", 0x50493712), "tty": ("tty.img", 0x59433025),
}


def older_files(images):
    """An image for each type of file; what an epoll set watches in another."""
    image = images.images["files.img"]
    numbers = images.schema.messages["file_entry"]
    lists, watched, rest = {}, [], []
    for entry in image.entries:
        member = next(f for f in entry.fields if f.message)
        name = numbers[member.number].name
        if name not in OLDER_FILES:
            return False
        if name == "epfd":
            ident = images.get(member.message, member.value, "id").value
            for target in images.take(member.message, member.value, "tfd"):
                images.get(target.message, target.value, "id").value = ident
                watched.append(wire.Entry(target.message, target.value))
        lists.setdefault(name, []).append(wire.Entry(member.message, member.value))
    image.entries = rest
    for name, entries in lists.items():
        images.add(*OLDER_FILES[name], entries)
    if watched:
        images.add("eventpoll-tfd.img", 0x44433746, watched)
    return True


def inner_entries(fields):
    return [wire.Entry(f.message, f.value) for f in fields]


def older_core(images, pid, tc, thread):
    """What core-PID.img took in: each in an image of its own again."""
    actions = images.take("task_core_entry", tc, "sigactions")
    images.add(f"sigacts-{pid}.img", 0x55344201, inner_entries(actions))
    for timers in images.take("task_core_entry", tc, "timers"):
        posix = images.take(timers.message, timers.value, "posix")
        images.add(f"itimers-{pid}.img", 0x57464056, inner_entries(timers.value))
        images.add(f"posix-timers-{pid}.img", 0x52603957, inner_entries(posix))
    for limits in images.take("task_core_entry", tc, "rlimits"):
        images.add(f"rlimit-{pid}.img", 0x57113925, inner_entries(limits.value))
    for queue in images.take("task_core_entry", tc, "signals_s"):
        images.add(f"signal-s-{pid}.img", 0x59255647, inner_entries(queue.value))
    creds = images.take("thread_core_entry", thread, "creds")
    images.add(f"creds-{pid}.img", 0x54023547, inner_entries(creds))


def older_tasks(images):
    """Handlers, timers, limits, queues, credentials, mappings, ids outside of core and mm."""
    for image in images.matching("core-"):
        pid, fields = int(image.name[5:-4]), image.entries[0].fields
        numbers = images.schema.messages["core_entry"]
        parts = {numbers[f.number].name: f.value for f in fields}
        if "thread_core" not in parts:
            continue
        for queue in images.take("thread_core_entry", parts["thread_core"], "signals_p"):
            images.add(f"signal-p-{pid}.img", 0x59255647, inner_entries(queue.value))
        if "tc" not in parts:
            continue
        older_core(images, pid, parts["tc"], parts["thread_core"])
        ids = images.images.pop(f"ids-{pid}.img").entries[0]
        fields.append(wire.Field(images.schema.number("core_entry", "ids"), wire.BYTES,
                                 ids.fields, ids.message))
    for image in images.matching("mm-"):
        vmas = images.take("mm_entry", image.entries[0].fields, "vmas")
        images.add(f"vmas-{image.name[3:-4]}.img", 0x54123737, inner_entries(vmas))


def older_pagemaps(images):
    """Page counts in their first place, and no flags: what is there is there."""
    for image in images.matching("pagemap-"):
        for entry in image.entries[1:]:
            fields = entry.fields
            count = images.take(entry.message, fields, "nr_pages")[0].value
            images.get(entry.message, fields, "compat_nr_pages").value = count
            images.take(entry.message, fields, "flags")


def everything_older(images):
    older_tasks(images)
    older_pagemaps(images)
    has_older_files = older_files(images)
    version_1(images)
    return has_older_files


@dataclasses.dataclass(frozen=True)
class Rewriting:
    name: str
    change: object      # returns False where the state is newer than the layout
    width: int = 0      # bytes of every number; 0: as many as it needs
    not_of: tuple = ()  # tests that must fail with it
    listed: bool = False    # the inventory still has the list of what the images were
    restore: tuple = ()     # options of its own


REWRITINGS = (
    Rewriting("as they were", same, listed=True),
    Rewriting("against their list", unknown_fields, listed=True, restore=("--allow-edited",)),
    Rewriting("with unknown fields", unknown_fields),
    Rewriting("with fields in another order", fields_backwards),
    Rewriting("with entries in another order", entries_backwards),
    Rewriting("with numbers said twice", said_twice),
    Rewriting("with packed lists", packed),
    Rewriting("with long numbers", same, 10),
    Rewriting("without extensions", without_extensions, not_of=EXTENDED),
    Rewriting("of version 1", version_1),
    Rewriting("with files of the older layout", older_files),
    Rewriting("with tasks of the older layout", older_tasks),
    Rewriting("with page maps of the older layout", older_pagemaps),
    Rewriting("of the older layout altogether", everything_older),
)


class Interchange(Job):
    """Between dump and restore the images are rewritten."""

    def __init__(self, test, rewriting, schema, workdir, options):
        super().__init__(test, options.mode, workdir, options)
        self.name = f"{test.name} {rewriting.name}"
        self.rewriting = rewriting
        self.schema = schema
        self.too_new = False

    def steps(self):
        return ("dump", "rewrite", "restore")

    def restore_options(self):
        return [*super().restore_options(), *self.rewriting.restore]

    def step_rewrite(self):
        images = Images(self.schema, self.criu().images)
        if not self.rewriting.listed:
            images.drop_list()
        self.too_new = self.rewriting.change(images) is False
        if not self.too_new:
            images.write(self.rewriting.width)


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="test/zdtm/interchange", description=__doc__)
    parser.add_argument("-t", "--test", action="append", metavar="NAME",
                        help=f"rewrite the images of these (default: {', '.join(VICTIMS)})")
    parser.add_argument("--mode", choices=("eager", "lazy"), default="eager")
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS")
    parser.add_argument("--keep", action="store_true", help="keep the files of failed runs")
    parser.add_argument("--tests", metavar="DIR", default=default_tests_dir())
    parser.add_argument("--criu-lite", metavar="PATH")
    return parser.parse_args(argv)


def main(argv):
    options = parse_args(argv)
    options.tests = os.path.abspath(options.tests)
    options.criu_lite = options.criu_lite or default_criu_lite(options.tests)
    if options.criu_lite:
        options.criu_lite = os.path.abspath(options.criu_lite)
    options.crit, options.iterations = None, 1
    tests, unused = select(catalog.find(HERE, options.tests), options.test or VICTIMS)
    if unused or not options.criu_lite:
        print(f"interchange: no criu-lite, or no test {unused}", file=sys.stderr)
        return 2
    schema = wire.Schema(os.path.join(TOP, "images"))
    process.become_subreaper()
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(1))
    workdir = tempfile.mkdtemp(prefix="criu-lite-interchange.")
    results = []
    try:
        for test in tests:
            for rewriting in REWRITINGS:
                if test.name in rewriting.not_of:
                    continue
                job = Interchange(test, rewriting, schema, workdir, options)
                results.append(job.run())
                if job.too_new and not results[-1].failed:
                    results[-1].skipped = "its state is newer than the layout"
                print_result(len(results), results[-1])
    finally:
        process.kill_descendants({})
        if not options.keep:
            shutil.rmtree(workdir, ignore_errors=True)
    print(f"1..{len(results)}")
    return finish(results)
