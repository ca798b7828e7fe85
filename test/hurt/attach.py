# SPDX-License-Identifier: GPL-2.0-only
"""Another source for a tree that runs: the right one is taken, a wrong one changes nothing."""
import os
import random
import shutil
import signal
import subprocess
import threading

import many
from lending import Between, expect_taken, lent, lent_bytes, there, write_token
from lending import serve as serve_lent
from runner import process
from victim import CRIU_LITE, PAGE, ROUNDS, Skip, Victim, test, text

# Memory that nobody touches before a file is there; then another one says whether it was right.
COLD = """
cold = os.urandom(8 << 20)
cold_digest = hashlib.sha256(cold).hexdigest()
def look():
    while not os.path.exists(sys.argv[1] + ".look"):
        time.sleep(0.01)
    right = hashlib.sha256(cold).hexdigest() == cold_digest
    with open(sys.argv[1] + ".new", "w") as f:
        f.write("right" if right else "wrong")
    os.rename(sys.argv[1] + ".new", sys.argv[1] + ".saw")
threading.Thread(target=look, daemon=True).start()
"""


# The same in memory that is shared with a child.
COLD_SHARED = COLD.replace("""cold_digest =""", """
import mmap
private, cold = cold, mmap.mmap(-1, len(cold))
cold[:] = private
cold_digest =""")


def attach(pid, *options, **kwargs):
    return subprocess.run([CRIU_LITE, "lazy-pages", "--attach", str(pid), *options], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          cwd="/", **kwargs)


def expect_attached(pid, *options):
    r = attach(pid, *options)
    assert r.returncode == 0 and not r.stderr, (r.returncode, r.stderr)


def expect_refused(pid, why, *options):
    r = attach(pid, *options)
    assert r.returncode == 1 and "Error" in r.stderr and why in r.stderr, (r.returncode, r.stderr)


def serve(v, images, *options):
    """A server of these images, which brings nothing that is not touched."""
    ready, theirs = os.pipe()
    server = subprocess.Popen([CRIU_LITE, "lazy-pages", "-D", images, "-W", v.images,
                               "--on-demand", "--status-fd", str(theirs), *options],
                              pass_fds=[theirs], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    with os.fdopen(ready, "rb") as file:
        assert file.read(1), server.communicate()[1]
    return server


def wait_for(server, words):
    timer = threading.Timer(30, process.kill_tree, (server.pid,))
    timer.start()
    said = ["and nothing"]
    while words not in said[-1]:
        assert said[-1], "it never said %r, but %s" % (words, said)
        said.append(server.stderr.readline())
    timer.cancel()


def copy(v, name):
    return shutil.copytree(v.images, os.path.join(v.work, name))


def pages_of(images):
    return [os.path.join(images, n) for n in os.listdir(images)
            if n.startswith("pages-") and not n.startswith("pages-crc-")]


def cut_copy(v):
    name = copy(v, "cut")
    cut(name)
    return name


def look(v):
    with open(v.out + ".look", "wb"):
        pass


def expect_right(v):
    assert process.until(lambda: os.path.exists(v.out + ".saw"), 20), "it still waits"
    assert text(v.out + ".saw") == "right"


def expect_drained(v, server):
    """SIGTERM: all that is left is brought, and the tree goes on."""
    server.send_signal(signal.SIGTERM)
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 0, said
    v.expect_work()
    return said


@test
def another_copy_of_the_images(work):
    """It is taken at any time; what was there before is of no use to anybody then."""
    with Victim(work, COLD) as v:
        v.dump()
        first, second = copy(v, "first"), copy(v, "second")
        server = serve(v, first)
        v.restore("--lazy-pages")
        expect_attached(v.pids[-1], "-D", second)
        for path in pages_of(first):
            os.truncate(path, 0)
        look(v)
        expect_right(v)
        assert "second is attached" in expect_drained(v, server)


def scribble(images):
    for path in pages_of(images):
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.write(b"\xa5" * size)


def cut(images):
    for path in pages_of(images):
        os.truncate(path, 0)


@test
def damaged_images_and_a_good_copy(work):
    """Other bytes, or none any more, with and without a background: who needs them waits."""
    for number, (damage, shared) in enumerate(((scribble, False), (cut, False), (cut, True))):
        own = os.path.join(work, str(number))
        os.makedirs(own)
        with Victim(own, COLD_SHARED if shared else COLD) as v:
            v.dump()
            bad, good = copy(v, "bad"), copy(v, "good")
            server = serve(v, bad, "--on-loss", "wait")
            v.restore("--lazy-pages")
            damage(bad)
            look(v)
            wait_for(server, "lazy-pages --attach")
            server.send_signal(signal.SIGUSR1)
            wait_for(server, "waiting for it, or for another")
            # They are the same dump's, to the byte of the inventory.
            expect_refused(v.pid, "cannot be used", "-D", cut_copy(v))
            assert server.poll() is None and not os.path.exists(v.out + ".saw")
            expect_attached(v.pid, "-D", good)
            expect_right(v)
            expect_drained(v, server)


@test
def damaged_images_and_nobody_who_waits(work):
    """Without --on-loss=wait the tree is killed, and never sees what is not its own."""
    for number, damage in enumerate((scribble, cut)):
        own = os.path.join(work, str(number))
        os.makedirs(own)
        with Victim(own, COLD) as v:
            v.dump()
            bad = copy(v, "bad")
            server = serve(v, bad)
            v.restore("--lazy-pages")
            damage(bad)
            look(v)
            said = server.communicate(timeout=60)[1]
            assert server.returncode == 1 and "killing the restored tasks" in said, said
            assert "the server failed (status" in said, said
            v.expect_gone()
            assert not os.path.exists(v.out + ".saw")


@test
def a_drain_that_finds_damaged_images(work):
    """In the background: pages that are sound still come when they are touched."""
    with Victim(work, COLD) as v:
        v.dump()
        bad, good = copy(v, "bad"), copy(v, "good")
        server = serve(v, bad, "--on-loss", "wait")
        v.restore("--lazy-pages")
        path = max(pages_of(bad), key=os.path.getsize)
        # Of each other page nothing is left; SIGTERM begins to bring all.
        with open(path, "r+b") as file:
            for at in range(PAGE, os.path.getsize(path), 2 * PAGE):
                file.seek(at)
                file.write(b"\xa5" * PAGE)
        server.send_signal(signal.SIGTERM)
        wait_for(server, "lazy-pages --attach")
        expect_attached(v.pid, "-D", good)
        look(v)
        expect_right(v)
        said = server.communicate(timeout=60)[1]
        assert server.returncode == 0, said
        v.expect_work()


@test
def copies_in_turn(work):
    """While pages are brought, and by some who are killed before they have said all."""
    with Victim(work, COLD) as v:
        v.dump()
        copies = [copy(v, "first"), copy(v, "second")]
        server = serve(v, v.images)
        v.restore("--lazy-pages")
        for number in range(20 * ROUNDS):
            if number == 5:
                look(v)
            source = copies[number % 2]
            if number % 3:
                expect_attached(random.choice(v.pids), "-D", source)
                continue
            with subprocess.Popen([CRIU_LITE, "lazy-pages", "--attach", str(v.pid), "-D", source],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as hasty:
                process.until(lambda: False, random.uniform(0, 0.02))
                hasty.kill()
        expect_right(v)
        expect_drained(v, server)


@test
def one_tree_of_many(work):
    """The server of that tree is found, and the others do not hear of it."""
    images = os.path.join(work, "images")
    many.start_counting(images)
    good = shutil.copytree(images, os.path.join(work, "good"))
    server = many.start_server(images, "--on-demand")
    copies = [many.Copy(images) for _ in range(3)]
    pids = [c.expect_work() for c in copies]
    expect_attached(pids[1], "-D", good)
    server.send_signal(signal.SIGTERM)
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 0 and said.count("good is attached") == 1, said
    for c in copies:
        c.expect_work()
        c.end()


@test
def copies_of_another_dump(work):
    """Of the same tree, a moment before; on top of another one; without an inventory; changed
    since: all are refused. What builds on the same as the images that are served is taken."""
    with Victim(work, COLD) as v:
        v.dump("--leave-running")
        other = copy(v, "other")
        for name in os.listdir(v.images):
            os.unlink(os.path.join(v.images, name))
        v.dump()
        half, changed, less = copy(v, "half"), copy(v, "changed"), copy(v, "less")
        built = copy(v, "built")
        os.symlink(other, os.path.join(built, "parent"))
        os.unlink(os.path.join(half, "inventory.img"))
        with open(os.path.join(changed, "pagemap-%d.img" % v.pid), "r+b") as file:
            file.seek(-1, 2)
            last = file.read(1)
            file.seek(-1, 2)
            file.write(bytes([last[0] ^ 1]))
        os.unlink(os.path.join(less, "pagemap-%d.img" % v.pid))
        server = serve(v, built)
        v.restore("--lazy-pages")
        expect_refused(v.pid, "of another dump", "-D", v.images)
        again = shutil.copytree(built, os.path.join(work, "again"), symlinks=True)
        expect_attached(v.pid, "-D", again)
        expect_drained(v, server)
        v.end()
        server = serve(v, v.images)
        v.restore("--lazy-pages")
        for images in (other, built):
            expect_refused(v.pid, "of another dump", "-D", images)
        for images in (half, changed, less):
            expect_refused(v.pid, "cannot be used", "-D", images)
        expect_refused(v.pid, "cannot open", "-D", os.path.join(work, "nowhere"))
        expect_refused(v.pid, "was left with a dump", "--page-server", "--port", "1")
        look(v)
        expect_right(v)
        expect_drained(v, server)


@test
def a_tree_that_nobody_serves(work):
    with Victim(work) as v:
        with subprocess.Popen("true") as ended:
            ended.wait()
        for pid in (v.pid, 1, os.getpid(), ended.pid):
            expect_refused(pid, "no lazy-pages server of ours serves it", "-D", work)


@test
def a_source_from_another_user(work):
    """Who is neither root nor the server's own user is turned away, before anything is said."""
    with Victim(work, COLD) as v:
        v.dump()
        server = serve(v, v.images)
        v.restore("--lazy-pages")
        try:
            r = attach(v.pid, "-D", "/", user=65534, group=65534, extra_groups=[],
                       env={**os.environ, "HOME": "/"})
        except PermissionError as e:
            raise Skip("the program is not for everybody") from e
        assert r.returncode == 1 and "turned us away" in r.stderr, (r.returncode, r.stderr)
        expect_attached(v.pid, "-D", v.images)
        look(v)
        expect_right(v)
        assert "neither root nor us" in expect_drained(v, server)


def take_by_a_sound_road(v, port, size, *options):
    """There: the first road spoils whatever goes over it, from somewhere on."""
    first = Between(port, [random.randrange(size // 8, size // 4)] * 2 + [120] * 100000, damage=True)
    server = serve_lent(v, first.port, "--on-loss", "wait", *options)
    r = v.run("restore", "-d", "--lazy-pages")
    assert r.returncode == 0, r.stderr
    wait_for(server, "again and again")
    look(v)
    expect_attached(v.pid, "--page-server", "--port", str(Between(port, []).port))
    expect_right(v)
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 0, said
    v.expect_work()


@test
def a_road_that_spoils_everything(work):
    """With --on-loss=wait it is no reason to kill the tree: there is another road."""
    token = write_token(work, "token", "the name of the game\n")
    with Victim(work, COLD) as v:
        size = lent_bytes(v)
        with lent(v, "--token-file", token) as lender:
            there(take_by_a_sound_road, v, lender.port, size, "--token-file", token)
            expect_taken(v, lender)


def take_by_another_road(v, port, size, stranger):
    """There: the first road to the dump ends somewhere, and leads nowhere from then on."""
    first = Between(port, [random.randrange(size // 8, size // 4)] * 2 + [0] * 100000)
    server = serve_lent(v, first.port, "--on-loss", "wait")
    r = v.run("restore", "-d", "--lazy-pages")
    assert r.returncode == 0, r.stderr
    wait_for(server, "lazy-pages --attach")
    server.send_signal(signal.SIGUSR1)
    wait_for(server, "waiting for it, or for another")
    expect_refused(v.pid, "does not know the session", "--page-server", "--port", str(stranger))
    expect_refused(v.pid, "cannot", "--page-server", "--port", "1")
    assert server.poll() is None
    second = Between(port, [])
    look(v)
    expect_attached(v.pid, "--page-server", "--port", str(second.port))
    expect_right(v)
    said = server.communicate(timeout=60)[1]
    assert server.returncode == 0, said
    assert second.taken == 2
    v.expect_work()


@test
def another_road_to_a_dump(work):
    """The tree waits until it is known; another dump is refused, and is not disturbed."""
    os.makedirs(os.path.join(work, "stranger"))
    with Victim(os.path.join(work, "stranger")) as w, lent(w) as stranger:
        for number in range(3 * ROUNDS):
            own = os.path.join(work, str(number))
            os.makedirs(own)
            with Victim(own, COLD) as v:
                size = lent_bytes(v)
                with lent(v) as lender:
                    there(take_by_another_road, v, lender.port, size, stranger.port)
                    expect_taken(v, lender)
        assert stranger.dump.poll() is None
        stranger.dump.terminate()
        stranger.expect_given_back("asked to stop")
