# SPDX-License-Identifier: GPL-2.0-only
"""Another source for a tree that runs: the right one is taken, a wrong one changes nothing."""
import os
import random
import shutil
import signal
import subprocess

from lending import Between, expect_taken, lent, lent_bytes, there
from lending import serve as serve_lent
from runner import process
from victim import CRIU_LITE, ROUNDS, Skip, Victim, test, text

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
    said = ""
    while words not in said:
        said = server.stderr.readline()
        assert said, "it has ended, and never said: " + words


def copy(v, name):
    return shutil.copytree(v.images, os.path.join(v.work, name))


def pages_of(images):
    return [os.path.join(images, n) for n in os.listdir(images)
            if n.startswith("pages-") and not n.startswith("pages-crc-")]


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


@test
def copies_of_another_dump(work):
    """Of the same tree, a moment before; without an inventory; changed since: all are refused."""
    with Victim(work, COLD) as v:
        v.dump("--leave-running")
        other = copy(v, "other")
        for name in os.listdir(v.images):
            os.unlink(os.path.join(v.images, name))
        v.dump()
        half, changed, less = copy(v, "half"), copy(v, "changed"), copy(v, "less")
        os.unlink(os.path.join(half, "inventory.img"))
        with open(os.path.join(changed, "pagemap-%d.img" % v.pid), "r+b") as file:
            file.seek(-1, 2)
            last = file.read(1)
            file.seek(-1, 2)
            file.write(bytes([last[0] ^ 1]))
        os.unlink(os.path.join(less, "pagemap-%d.img" % v.pid))
        server = serve(v, v.images)
        v.restore("--lazy-pages")
        expect_refused(v.pid, "of another dump", "-D", other)
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


def take_by_another_road(v, port, size, stranger):
    """There: the first road to the dump ends somewhere, and leads nowhere from then on."""
    first = Between(port, [random.randrange(200, size // 2)] * 2 + [0] * 100000)
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
