# SPDX-License-Identifier: GPL-2.0-only
"""Memory that travels encrypted: whole trees, over TLS that is cut, and strangers of each kind.

Their certificates are made by certtool; where the other end is made by hand, it is OpenSSL's, which
is not what ours is made of.
"""
import contextlib
import os
import random
import shutil
import socket
import ssl
import subprocess

from lending import (ADD_F, CLOSE, FRAME, PRESENT, Between, expect_taken, lent, lent_bytes, receive,
                     take_all, take_nothing, there, write_token)
from runner import process
from victim import CRIU_LITE, PAGE, ROUNDS, Skip, Victim, empty, test

# What certtool is told of each certificate; the CA's come first.
AUTHORITY = "ca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 2\n"
VALID = "expiration_days = 2\nsigning_key\n"
HERE = "ip_address = 127.0.0.1\n"
PAST = ('activation_date = "2020-01-01 00:00:00"\nexpiration_date = "2020-01-02 00:00:00"\n'
        "signing_key\n")
CERTIFICATES = (
    ("authority", None, AUTHORITY),
    ("foreign", None, AUTHORITY),
    ("dump", "authority", VALID + HERE),
    ("server", "authority", VALID),
    ("elsewhere", "authority", VALID + "ip_address = 10.1.2.3\n"),
    ("past", "authority", PAST + HERE),
    ("revoked", "authority", VALID + HERE),
    ("stranger", "foreign", VALID + HERE),
)


class Certificates:
    """A directory of them, and options that name them."""

    def __init__(self, work):
        if not shutil.which("certtool"):
            raise Skip("there is no certtool (gnutls-bin)")
        version = subprocess.run([CRIU_LITE, "page-server", "--tls", "--tls-cacert", "/nowhere"],
                                 capture_output=True, text=True, check=False).stderr
        if "without gnutls" in version:
            raise Skip("criu-lite was built without gnutls")
        self.dir = os.path.join(work, "tls")
        os.mkdir(self.dir)
        for name, signer, template in CERTIFICATES:
            self.make(name, signer, template)
        with open(self.path("list.template"), "w", encoding="ascii") as file:
            file.write("crl_next_update = 2\n")
        self.certtool("--generate-crl", "--load-ca-certificate", self.path("authority.pem"),
                      "--load-ca-privkey", self.path("authority.key"),
                      "--load-certificate", self.path("revoked.pem"),
                      "--template", self.path("list.template"), "--outfile",
                      self.path("list.pem"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def certtool(self, *words):
        subprocess.run(["certtool", *words], check=True, capture_output=True)

    def make(self, name, signer, template):
        with open(self.path(name + ".template"), "w", encoding="ascii") as file:
            file.write('cn = "%s"\n%s' % (name, template))
        self.certtool("--generate-privkey", "--key-type", "ecdsa", "--curve", "secp256r1",
                      "--outfile", self.path(name + ".key"))
        signing = ["--generate-self-signed"]
        if signer:
            signing = ["--generate-certificate", "--load-ca-certificate",
                       self.path(signer + ".pem"), "--load-ca-privkey", self.path(signer + ".key")]
        self.certtool(*signing, "--load-privkey", self.path(name + ".key"),
                      "--template", self.path(name + ".template"),
                      "--outfile", self.path(name + ".pem"))

    def options(self, name, authority="authority"):
        return ("--tls", "--tls-cacert", self.path(authority + ".pem"),
                "--tls-cert", self.path(name + ".pem"), "--tls-key", self.path(name + ".key"))

    def context(self, purpose, name):
        context = ssl.create_default_context(purpose, cafile=self.path("authority.pem"))
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@test
def a_lender_over_tls(work):
    """It gives a tree to a lazy-pages server of ours, also with a token."""
    c = Certificates(work)
    token = write_token(work, "token", "the name of the game\n")
    for secret in ((), ("--token-file", token)):
        with Victim(work) as v, lent(v, *c.options("dump"), *secret) as lender:
            there(take_all, v, lender.port, *c.options("server"), *secret)
            expect_taken(v, lender)


@test
def a_lender_over_tls_to_others(work):
    """CRIU's protocol, over somebody else's TLS: every page is what the frozen task has."""
    c = Certificates(work)
    context = c.context(ssl.Purpose.SERVER_AUTH, "server")
    with Victim(work) as v, lent(v, *c.options("dump")) as lender:
        with lender.connect() as raw, \
             context.wrap_socket(raw, server_hostname="127.0.0.1") as sock, \
             open("/proc/%d/mem" % v.pid, "rb", 0) as memory:
            for start, pages in lender.lazy():
                sock.sendall(lender.get(start, pages))
                assert FRAME.unpack(receive(sock, FRAME.size)) == (ADD_F, PRESENT, 0, pages,
                                                                   start, v.pid)
                memory.seek(start)
                assert receive(sock, pages * PAGE) == memory.read(pages * PAGE), hex(start)
            sock.sendall(FRAME.pack(CLOSE, 0, 0, 0, 0, 0))
            assert receive(sock, 4) == bytes(4)
            # Its end is one that was said: otherwise this is an error.
            assert not sock.recv(1)
        expect_taken(v, lender)


def dump_to_server(v, server_options, dump_options):
    """What both say of it: exit code and stderr of the dump, and of the page server."""
    empty(v.images)
    with subprocess.Popen([CRIU_LITE, "page-server", "-D", v.images, *server_options],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as server:
        try:
            port = server.stdout.readline().strip()
            r = v.run("dump", "--page-server", "--port", port, *dump_options)
            said = server.communicate(timeout=30)[1]
        finally:
            server.kill()
    return r, server.returncode, said


@test
def a_page_server_over_tls(work):
    c = Certificates(work)
    with Victim(work) as v:
        r, code, said = dump_to_server(v, c.options("dump"), c.options("server"))
        assert r.returncode == 0 and code == 0, (r.stderr, said)
        v.expect_gone()
        v.restore()


@test
def a_page_server_over_tls_of_others(work):
    """What a dump sends is CRIU's protocol for who knows nothing of us, and its last word TLS's."""
    c = Certificates(work)
    context = c.context(ssl.Purpose.CLIENT_AUTH, "dump")
    commands = {}
    with Victim(work) as v, socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        with subprocess.Popen([CRIU_LITE, "dump", "-t", str(v.pid), "-D", v.images,
                               "--leave-running", "--page-server", "--port", port,
                               *c.options("server")], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as dump:
            with context.wrap_socket(listener.accept()[0], server_side=True) as sock:
                while CLOSE not in commands:
                    frame = FRAME.unpack(receive(sock, FRAME.size))
                    commands[frame[0]] = commands.get(frame[0], 0) + 1
                    if frame[0] == ADD_F and frame[1] & PRESENT:
                        receive(sock, frame[3] * PAGE)
                    elif frame[0] == 4:
                        sock.sendall(bytes(1))
                sock.sendall(bytes(4))
                assert not sock.recv(1)
            said = dump.communicate(timeout=30)[1]
        assert dump.returncode == 0, said
        assert commands[4] >= 2 and commands[ADD_F] > 10, commands
        v.expect_work()


# The name of who connects, of who accepts, and a word of what each says.
STRANGERS = (
    ("stranger", "dump", "not signed by its CA", "not signed by our CA"),
    ("past", "dump", "our certificate has expired", "its certificate has expired"),
    ("revoked", "dump", "our certificate was revoked", "its certificate was revoked"),
    ("server", "stranger", "not signed by our CA", "not signed by its CA"),
    ("server", "past", "its certificate has expired", "our certificate has expired"),
    ("server", "revoked", "its certificate was revoked", "our certificate was revoked"),
    ("server", "elsewhere", "not for what --address", "refuses our certificate"),
    ("server", None, "does it have --tls", "speaks TLS, and we do not"),
    (None, "dump", "speaks TLS, and we do not", "does not speak TLS"),
)


def options_of(c, name):
    return (*c.options(name), "--tls-cacrl", c.path("list.pem")) if name else ()


@test
def a_page_server_that_is_not_believed(work):
    """Each end says why, nothing is hurt, and it succeeds when the cause is gone."""
    c = Certificates(work)
    with Victim(work) as v:
        for connects, accepts, why, answer in STRANGERS:
            r, code, said = dump_to_server(v, options_of(c, accepts), options_of(c, connects))
            v.expect_failed_dump(r, why)
            assert code == 1 and answer in said, (connects, accepts, said)
            assert not os.listdir(v.images) or not v.whole()
        r, code, said = dump_to_server(v, options_of(c, "elsewhere"),
                                       (*options_of(c, "server"), "--tls-no-cn-verify"))
        assert r.returncode == 0 and code == 0, (r.stderr, said)
        v.expect_gone()
        v.restore()


@test
def a_lender_that_is_not_believed(work):
    """Whoever sends away whom, the lender waits on, and the frozen tree is whole."""
    c = Certificates(work)
    for accepts in ("dump", "stranger", "past", "revoked", "elsewhere", None):
        with Victim(work) as v, lent(v, *options_of(c, accepts)) as lender:
            for connects, other, why, _ in STRANGERS:
                if other == accepts:
                    # Who hangs up may have been cut off; all others have said why.
                    retry = ("--retry", "60" if other else "1")
                    there(take_nothing, v, lender.port, why, *options_of(c, connects), *retry)
                    assert lender.dump.poll() is None and process.stat(v.pid)[0] == "t"
            if accepts in ("dump", "elsewhere", None):
                no_name = ("--tls-no-cn-verify",) if accepts == "elsewhere" else ()
                options = (*options_of(c, "server"), *no_name) if accepts else ()
                there(take_all, v, lender.port, *options)
                expect_taken(v, lender)
                continue
            lender.dump.terminate()
            lender.expect_given_back("asked to stop")


@test
def files_of_tls_that_are_missing(work):
    """It is said before anybody stands still."""
    c = Certificates(work)
    with Victim(work) as v:
        for option in ("--tls-cacert", "--tls-cacrl", "--tls-cert", "--tls-key"):
            options = (*c.options("dump"), option, c.path("nothing"))
            v.expect_failed_dump(v.run("dump", "--lazy-pages", *options),
                                 "%s %s: cannot read it" % (option, c.path("nothing")))
        options = (*c.options("dump"), "--tls-key", c.path("server.key"))
        v.expect_failed_dump(v.run("dump", "--lazy-pages", *options), "--tls-key")


@test
def a_connection_over_tls_that_is_cut(work):
    """With --retry it is made again, again and again, and the tree has all its memory there."""
    c = Certificates(work)
    with Victim(work) as v:
        size = lent_bytes(v)
    for number in range(4 * ROUNDS):
        with Victim(work) as v, lent(v, *c.options("dump")) as lender:
            # In the first handshake, or later.
            after = [random.randrange(600 if number % 2 else size // 16)]
            after += [random.randrange(size // 16) for _ in range(random.randrange(1, 8))]
            between = Between(lender.port, after)
            there(take_all, v, between.port, *c.options("server"), "--retry", "30")
            assert between.taken > 2, "it was not cut at all"
            expect_taken(v, lender)


@test
def a_byte_over_tls_that_is_another_one(work):
    """What was changed on its way is asked for again, on another connection."""
    c = Certificates(work)
    with Victim(work) as v:
        size = lent_bytes(v)
    for _ in range(3 * ROUNDS):
        with Victim(work) as v, lent(v, *c.options("dump")) as lender:
            after = [2000 + random.randrange(size // 16)] * 2
            there(take_all, v, Between(lender.port, after, damage=True).port,
                  *c.options("server"), "--retry", "5")
            expect_taken(v, lender)
