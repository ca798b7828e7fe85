# SPDX-License-Identifier: GPL-2.0-only
"""Images that this machine can't restore are refused before any task is made."""
import contextlib
import json
import os
import shutil
import subprocess
import time

from runner import criu, process
from victim import (CRIU_LITE, PAGE, Skip, Victim,
                    reap, test, text)


def edit(v, name, change):
    """Changes the entries of an image through crit."""
    path = os.path.join(v.images, name)
    crit = shutil.which("crit")
    if not crit:
        raise Skip("crit is not installed")
    image = json.loads(subprocess.run([crit, "decode", "-i", path], check=True,
                                      capture_output=True, text=True).stdout)
    change(image["entries"])
    subprocess.run([crit, "encode", "-o", path], input=json.dumps(image), check=True, text=True)


def expect_refusal(v, r, *words):
    """Said before any task was made; none of its work was done."""
    v.digests = criu.digests(v.images)
    v.expect_failed_restore(r, *words)
    assert "stage" not in r.stderr, r.stderr
    assert os.path.getsize(v.out) == v.said, "a task has run"


@contextlib.contextmanager
def foreign(work):
    """Images that will be edited; afterwards, as they were, they must restore."""
    with Victim(work) as v:
        v.dump()
        copy = os.path.join(work, "copy")
        shutil.copytree(v.images, copy)
        yield v
        shutil.rmtree(v.images)
        os.rename(copy, v.images)
        v.restore()


@test
def images_of_another_architecture(work):
    with foreign(work) as v:
        for machine in ("AARCH64", "S390", "PPC64"):
            edit(v, "core-%d.img" % v.pid, lambda e, m=machine: e[0].update(mtype=m))
            expect_refusal(v, v.run("restore", "-d", "--allow-edited"), "is not x86_64")


@test
def images_of_another_format(work):
    with foreign(work) as v:
        for version in (0, 3, 1000):
            edit(v, "inventory.img", lambda e, n=version: e[0].update(img_version=n))
            expect_refusal(v, v.run("restore", "-d", "--allow-edited"), "version", "pre-dump")


@test
def images_of_a_processor_that_can_more(work):
    """Register sets that no processor has yet, and those of AVX-512 where it is missing."""
    with foreign(work) as v:
        sets = [1 << 40, 1 << 62]
        if "avx512f" not in text("/proc/cpuinfo"):
            sets += [0xe0, 0x80]
        for more in sets:
            def change(entries, more=more):
                entries[0]["thread_info"]["fpregs"]["xsave"]["xstate_bv"] |= more
            path = os.path.join(v.images, "core-%d.img" % v.pid)
            shutil.copy(path, path + ".before")
            edit(v, os.path.basename(path), change)
            expect_refusal(v, v.run("restore", "-d", "--allow-edited"), "xsave", "xstate",
                           "extended state", "processor")
            os.rename(path + ".before", path)


@test
def images_of_another_kernel(work):
    """One byte of the vdso is another one."""
    with foreign(work) as v:
        start = vdso_start(v)
        entries = show(v, "pagemap-%d.img" % v.pid)
        offset = 0
        for e in entries[1:]:
            if e["vaddr"] <= start < e["vaddr"] + e["nr_pages"] * PAGE:
                break
            offset += e["nr_pages"] * PAGE * bool(e.get("flags", 4) & 4)
        path = os.path.join(v.images, "pages-%d.img" % entries[0]["pages_id"])
        with open(path, "r+b") as f:
            f.seek(offset + start - e["vaddr"] + 0x100)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        expect_refusal(v, v.run("restore", "-d", "--allow-edited"),
                       "vdso: its code is not this kernel's")


def show(v, name):
    r = subprocess.run([CRIU_LITE, "show", os.path.join(v.images, name)], check=True,
                       capture_output=True, text=True)
    return json.loads(r.stdout)["entries"]


def vdso_start(v):
    """VMA_VDSO is bit 3 of the status: criu-lite-images(5)."""
    return [e["start"] for e in show(v, "mm-%d.img" % v.pid)[0]["vmas"] if e["status"] & 8][0]


@test
def a_program_that_was_upgraded(work):
    """Another length, or the same length and another build-id."""
    program = os.path.join(work, "sleep")
    shutil.copy("/bin/sleep", program)
    images = os.path.join(work, "images")
    os.mkdir(images)
    with open(os.devnull, "r+b") as null:
        p = subprocess.Popen([program, "1000"], stdin=null, stdout=null, stderr=null, cwd="/",
                             start_new_session=True)
    process.until(lambda: text("/proc/%d/comm" % p.pid) == "sleep\n", 10)
    time.sleep(0.1)
    restore = [CRIU_LITE, "restore", "-d", "-D", images]
    subprocess.run([CRIU_LITE, "dump", "-t", str(p.pid), "-D", images], check=True)
    p.wait(timeout=20)
    with open(program, "rb") as f:
        good = f.read()
    note = good.find(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0")
    if note < 0:
        raise Skip("%s has no build-id" % program)
    other = bytearray(good)
    other[note + 16] ^= 0xff
    for content, why in ((good + b"x", "size"), (bytes(other), "build")):
        os.rename(program, program + ".old")
        with open(program, "wb") as f:
            f.write(content)
        os.chmod(program, 0o755)
        r = subprocess.run(restore, capture_output=True, text=True, check=False)
        assert r.returncode == 1 and program in r.stderr and why in r.stderr, r.stderr
        assert process.until(lambda: reap() or not process.descendants(os.getpid()), 20)
        os.rename(program + ".old", program)
    r = subprocess.run(restore, capture_output=True, text=True, check=False)
    assert r.returncode == 0, r.stderr
    assert process.stat(p.pid)[0] in "RS"
