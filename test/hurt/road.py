# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts, as far as networks go, and a road between them that is as bad as one wants."""
import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
OURS, THEIRS = "10.111.0.1", "10.111.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    """This thread, and what it starts."""
    if LIBC.setns(namespace, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def new_namespace():
    if LIBC.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def plug(device, address):
    """A TUN device, in the namespace that this thread is in. Its large packets spare processors
    what a network card does."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    ip("address", "add", address + "/24", "dev", device)
    ip("link", "set", device, "mtu", "9000", "up")
    ip("link", "set", "lo", "up")
    return tun


class Road:
    """Within it we are at our end. WORDS: as road.c has them."""

    def __init__(self, program, *words):
        self.program, self.words = program, words

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.far = self.near = -1
        self.carrier = None
        tuns = []
        try:
            self.far = new_namespace()
            tuns.append(plug("theirs", THEIRS))
            self.near = new_namespace()
            tuns.append(plug("ours", OURS))
            self.carrier = subprocess.Popen([self.program, *map(str, tuns), *self.words],
                                            pass_fds=tuns, stdin=subprocess.DEVNULL)
        except BaseException:
            self.__exit__()
            raise
        finally:
            for tun in tuns:
                os.close(tun)
        return self

    def __exit__(self, *_):
        if self.carrier:
            self.carrier.kill()
            self.carrier.wait()
        enter(self.home)
        for fd in (self.home, self.far, self.near):
            if fd >= 0:
                os.close(fd)

    @contextlib.contextmanager
    def there(self):
        enter(self.far)
        try:
            yield
        finally:
            enter(self.near)
