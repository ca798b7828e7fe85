# SPDX-License-Identifier: GPL-2.0-only
"""Images as bytes: the framing, and protobuf messages as lists of fields.

Nothing of the program under test is used here but the text of images/*.proto, so that what
it reads and what it should read are two accounts of the format.
"""
import dataclasses
import glob
import os
import re
import struct

MAGIC_COMMON = 0x54564319

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SCALARS = {
    "bool": VARINT, "bytes": BYTES, "fixed32": FIXED32, "fixed64": FIXED64, "int32": VARINT,
    "int64": VARINT, "sint32": VARINT, "sint64": VARINT, "string": BYTES, "uint32": VARINT,
    "uint64": VARINT,
}
FIELD = re.compile(r"^\s*(required|optional|repeated)\s+([\w.]+)\s+(\w+)\s*=\s*(\d+)")
MESSAGE = re.compile(r"^\s*message\s+(\w+)")
ENUM = re.compile(r"^\s*enum\s+(\w+)")


@dataclasses.dataclass(frozen=True)
class Declared:
    """A field as its .proto declares it."""
    name: str
    label: str
    type: str


class Schema:
    """All messages: name -> number -> Declared."""

    def __init__(self, directory):
        self.messages = {}
        for path in glob.glob(os.path.join(directory, "*.proto")):
            with open(path, encoding="utf-8") as file:
                self.read(file)

    def read(self, lines):
        inside = []
        for line in lines:
            message, enum, field = MESSAGE.match(line), ENUM.match(line), FIELD.match(line)
            if message:
                inside.append(message.group(1))
                self.messages[inside[-1]] = {}
            elif enum:
                inside.append(None)
            elif field and inside and inside[-1]:
                label, kind, name, number = field.groups()
                self.messages[inside[-1]][int(number)] = Declared(name, label, kind)
            elif line.strip() == "}":
                inside.pop()

    def number(self, message, name):
        return next(n for n, d in self.messages[message].items() if d.name == name)


@dataclasses.dataclass
class Field:
    number: int
    wire: int
    value: object       # an int, bytes, or the fields of a message
    message: str = None     # the type of that message


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def write_varint(value, width=0):
    """As short as it can be, or padded to @width bytes, which says the same."""
    out = bytearray()
    while value > 0x7f or len(out) + 1 < width:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse(schema, message, data):
    """The fields of a message, in their order; submessages too."""
    fields, at = [], 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        declared = schema.messages[message].get(number)
        inner = declared.type if declared and declared.type in schema.messages else None
        if wire == VARINT:
            value, at = read_varint(data, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
            value, at = data[at:at + size], at + size
        elif wire == BYTES:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
            if inner:
                value = parse(schema, inner, value)
        else:
            raise ValueError(f"{message}: wire type {wire}")
        fields.append(Field(number, wire, value, inner if wire == BYTES else None))
    return fields


def build(fields, width=0):
    """@width: as write_varint() has it; what is of 32 bits has 5 bytes at most."""
    out = bytearray()
    for f in fields:
        out += write_varint(f.number << 3 | f.wire, min(width, 5))
        if f.wire == VARINT:
            out += write_varint(f.value, width)
            continue
        value = build(f.value, width) if f.message else f.value
        if f.wire == BYTES:
            out += write_varint(len(value), min(width, 5))
        out += value
    return bytes(out)


@dataclasses.dataclass
class Entry:
    message: str
    fields: list
    extra: bytes = b""      # payload behind the message


# What is in the images that a dump of ours makes, by the beginning of their names; longer
# beginnings come first. Headed ones have one message of another type before the rest.
CONTENT = {
    "core-": ("core_entry",), "fdinfo-": ("fdinfo_entry",), "fifo-data": ("pipe_data_entry",),
    "files": ("file_entry",), "fs-": ("fs_entry",), "ids-": ("task_kobj_ids_entry",),
    "inventory": ("inventory_entry",), "memfd": ("memfd_inode_entry",), "mm-": ("mm_entry",),
    "pagemap-": ("pagemap_head", "pagemap_entry"), "pipes-data": ("pipe_data_entry",),
    "pstree": ("pstree_entry",), "seccomp": ("seccomp_entry",), "sk-queues": ("sk_packet_entry",),
    "timens-": ("timens_entry",), "tty-data": ("tty_data_entry",), "tty-info": ("tty_info_entry",),
}
# The field that says how long the payload behind an entry is.
EXTRA = {"pipe_data_entry": "bytes", "sk_packet_entry": "length"}


class Image:
    """One image file, taken apart. Raw files (pages) have no entries and stay as they are."""

    def __init__(self, schema, path):
        self.schema = schema
        self.name = os.path.basename(path)
        with open(path, "rb") as file:
            data = file.read()
        content = next((c for begin, c in CONTENT.items() if self.name.startswith(begin)), None)
        self.raw = None if content else data
        self.head, self.magic, self.entries = b"", b"", []
        if not content:
            return
        at = 4 if self.name == "inventory.img" else 8
        self.head, self.magic = data[:at - 4], data[at - 4:at]
        while at < len(data):
            at = self.read_entry(content[min(len(self.entries), len(content) - 1)], data, at)

    def read_entry(self, message, data, at):
        size, = struct.unpack_from("<I", data, at)
        at += 4
        entry = Entry(message, parse(self.schema, message, data[at:at + size]))
        at += size
        if message in EXTRA:
            number = self.schema.number(message, EXTRA[message])
            length = next(f.value for f in entry.fields if f.number == number)
            entry.extra = data[at:at + length]
            at += length
        self.entries.append(entry)
        return at

    def bytes(self, width=0):
        if self.raw is not None:
            return self.raw
        out = bytearray(self.head + self.magic)
        for entry in self.entries:
            message = build(entry.fields, width)
            out += struct.pack("<I", len(message)) + message + entry.extra
        return bytes(out)


def new_image(schema, name, magic, entries):
    """An image of the current framing that no dump made."""
    image = Image.__new__(Image)
    image.schema, image.name, image.raw = schema, name, None
    image.head = struct.pack("<I", MAGIC_COMMON)
    image.magic = struct.pack("<I", magic)
    image.entries = entries
    return image
