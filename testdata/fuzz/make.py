#!/usr/bin/env python3
"""make.py: makes the seeds of the fuzz targets (tests/fuzz) again, one directory for each. Only needed when one is added.

Files named found-* are not made: each broke a target once, and stays.
"""
import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import tempfile
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = b"A mill race is the current of water that turns the wheel. " * 4 + bytes(range(256))


def seed(target, name, data):
    directory = os.path.join(HERE, target)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as file:
        file.write(data)


def run(*words, data=b""):
    return subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True).stdout


def deflate(bits, level, strategy=zlib.Z_DEFAULT_STRATEGY):
    packer = zlib.compressobj(level, zlib.DEFLATED, bits, 8, strategy)
    first = packer.compress(TEXT) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + packer.compress(TEXT[::-1]) + packer.flush()


def inflate():
    """The wrapping, the size of pieces and of rooms (each one byte), data."""
    for number, (wrap, bits) in enumerate((("raw", -15), ("zlib", 15), ("gzip", 31))):
        head = bytes([number, 17, 30])
        seed("inflate", wrap + "-stored", head + deflate(bits, 0))
        seed("inflate", wrap + "-fixed", head + deflate(bits, 6, zlib.Z_FIXED))
        seed("inflate", wrap + "-dynamic", head + deflate(bits, 9))
    plain = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x04\x00abcdname\0comment\0"
    crc = struct.pack("<H", zlib.crc32(plain) & 0xFFFF)
    body = deflate(31, 9)[10:]
    seed("inflate", "gzip-header", bytes([2, 17, 30]) + plain + crc + body)


def unwrap():
    """The size of pieces and of rooms, data."""
    head = bytes([17, 30])
    member = gzip.compress(TEXT, 9, mtime=0)
    seed("unwrap", "gzip", head + member + member)
    seed("unwrap", "bgzf", head + run("bgzip", "-c", data=TEXT))
    xz = lzma.compress(TEXT, check=lzma.CHECK_CRC32)
    seed("unwrap", "xz", head + xz + bytes(8) + xz)
    seed("unwrap", "bzip2", head + bz2.compress(TEXT) + bz2.compress(b"x"))
    frame = run("zstd", "-q", "-c", "--check", data=TEXT)
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    seed("unwrap", "zstd", head + frame + skippable + frame)
    seed("unwrap", "zstd-without-window", head + bytes.fromhex("28b52ffd30001500000000"))
    seed("unwrap", "zstd-streamed", head + run("zstd", "-q", "-c", "--no-check", "--no-content-size", data=TEXT))
    seed("unwrap", "lz4", head + run("lz4", "-q", "-c", data=TEXT) + run("lz4", "-q", "-c", "-BD", data=b"x"))


def text(value):
    return struct.pack("<I", len(value)) + value + b"\0"


def file_state(number):
    return struct.pack("<qqIIQ", 100 + number, 1700000000, 5, 0o644, number)


def item(name, status=1, flags=7):
    fixed = struct.pack("<BBI", status, flags, 1) + file_state(1) + file_state(2) + file_state(3)
    fixed += struct.pack("<IIqIQ", 11, 12, 1700000001, 6, 1000)
    return b"I" + fixed + text(b"in") + text(name) + text(name + b".gz") + text(b"")


def journal():
    """A byte: even for records with sizes before them, which get their frames; odd for a file."""
    records = [
        b"H" + struct.pack("<I", 1) + text(b"0.1.0") + text(b"crc32"),
        b"F" + text(b"chain") + text(b"gzip"),
        b"S" + struct.pack("<qIIB", 1700000000, 1, 99, 0) + text(b"b"),
        item(b"a"),
        item(b"b", 4, 0),
        item(b"a", 2),
        b"E" + struct.pack("<qIB", 1700000002, 7, 1),
    ]
    seed("journal", "records", b"\0" + b"".join(bytes([len(record)]) + record for record in records))
    seed("journal", "other-boot", b"\0" + b"".join(bytes([len(r)]) + r.replace(text(b"b"), text(b"c")) for r in records[:4]))
    whole = b"millrace-journal-1\n"
    for record in records:
        count = struct.pack("<I", len(record))
        whole += b"\xd7MRJ" + count + struct.pack("<I", zlib.crc32(count + record)) + record
    seed("journal", "whole", b"\1" + whole)
    seed("journal", "torn", b"\1" + whole[:-5])
    seed("journal", "damaged", b"\1" + whole[:90] + b"?" + whole[91:])


WELCOME = b"0015git-filter-server000dversion=20000"
OFFER = b"0014capability=clean0015capability=smudge0000"


def talk():
    """The size of pieces and of rooms, what a filter says."""
    head = bytes([6, 2]) + WELCOME + OFFER
    good = b"0013status=success\n00000007ABC00000000"
    seed("talk", "two-items", head + good + b"0012status=success0000000cdef012340005!00000000")
    seed("talk", "late-error", head + b"0012status=success00000005a00000010status=error0000" + good)
    seed("talk", "abort", head + b"0010status=abort0000")
    seed("talk", "other-version", bytes([6, 2]) + b"0015git-filter-server000dversion=30000")
    seed("talk", "no-packets", bytes([6, 2]) + b"Loading...")


def record(kind, data=b""):
    return bytes([kind, len(data)]) + data


def client():
    """1: content is read; words in the memory; records: kind, size, data, or 255 and a size: a member."""
    head = bytes([1, 0]) + record(1)
    there = struct.pack("<IIII", 1, 10, 3, 0)
    member = bytes([255, 7])
    seed("client", "members", head + member + record(6, b"abc") + record(7, there) + record(9) + record(5))
    seed("client", "hole", head + member + record(8, struct.pack("<q", 6)) + record(9) + member + record(5))
    entry = struct.pack("<qqQQIIIBBBBIIIIII", -1, 5, 0, 0, 2, 0o777, 3, 1, 1, 0, 0, 4, 6, 0xFFFFFFFF, 0, 1, 0)
    entry += b"linktarget" + struct.pack("<II", 4, 2) + b"nameva"
    seed("client", "entry", head + record(3, entry) + record(5))
    error = struct.pack("<IiII", 9, 0, 7, 4) + b"damagedpath"
    seed("client", "failed", head + record(4, error) + member + record(11, error[:12] + bytes(4) + b"damaged") + record(5))
    seed("client", "refused", bytes([1, 0]) + record(2, error))
    seed("client", "release", bytes([1, 6]) + record(1) + record(12) + record(12))
    seed("client", "senseless", bytes([3, 48, 0]) + struct.pack("<II", 1, 0))


def file_of(words, files, name):
    """What a program makes of files in a directory of its own, in the file of that name, or at its stdout."""
    with tempfile.TemporaryDirectory() as directory:
        for path, content in files.items():
            path = os.path.join(directory, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(content, str):
                os.symlink(content, path)
                continue
            with open(path, "wb") as file:
                file.write(content)
            os.utime(path, (1700000000, 1700000000))
        made = subprocess.run(words, cwd=directory, stdout=subprocess.PIPE, check=True).stdout
        if name:
            with open(os.path.join(directory, name), "rb") as file:
                made = file.read()
    return made


FILES = {"d/a.txt": TEXT, "d/b": b"", "d/noise": bytes(range(200)), "d/link": "a.txt"}


def zip_of(streamed=False, names=("a.txt", "d/b"), comment=b"", method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(Stream(file) if streamed else file, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10)), TEXT, method)
        archive.comment = comment
    return file.getvalue()


class Stream:
    """A file that cannot seek, so that zipfile writes data descriptors."""

    def __init__(self, file):
        self.write = file.write
        self.flush = file.flush


def zips():
    """The size of pieces, an archive."""
    seed("zip", "deflated", b"\7" + zip_of())
    seed("zip", "stored", b"\7" + zip_of(method=zipfile.ZIP_STORED))
    seed("zip", "streamed", b"\7" + zip_of(streamed=True))
    seed("zip", "comment", b"\7" + zip_of(comment=b"PK\5\6 is no end"))
    seed("zip", "before", b"\7#!/bin/sh\n" + zip_of())
    seed("zip", "behind", b"\7" + zip_of() + b"behind")
    seed("zip", "empty", b"\7" + zip_of(names=()))
    seed("zip", "info-zip", b"\7" + file_of(["zip", "-q", "-y", "-r", "x.zip", "d"], FILES, "x.zip"))
    seed("zip", "zip64", b"\7" + file_of(["zip", "-q", "-fz", "x.zip", "d/a.txt"], FILES, "x.zip"))
    ends = zip_of()
    at = ends.rfind(b"PK\5\6")
    count, size, offset = struct.unpack("<HII", ends[at + 10 : at + 20])
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<IIQI", 0x07064B50, 0, at, 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    seed("zip", "zip64-end", b"\7" + ends[:at] + end64 + locator + end)


def archive():
    """1: cpio, 2: content is read; the size of pieces in units of four; an archive."""
    for name in ("ustar", "pax", "gnutar", "v7tar"):
        seed("archive", name, b"\2\7" + file_of(["bsdtar", "-cf", "-", "-b", "1", "--format", name, "d"], FILES, ""))
    for name in ("newc", "odc", "bin"):
        seed("archive", "cpio-" + name, b"\3\7" + file_of(["bsdtar", "-cf", "-", "-b", "1", "--format", name if name == "newc" else "cpio" if name == "odc" else "bin", "d"], FILES, ""))
    long = {"d/" + "n" * 150 + "/m": b"x", "d/hole": bytes(3000) + b"x" + bytes(3000)}
    seed("archive", "gnu-long", b"\2\7" + file_of(["tar", "-c", "-b", "1", "--format=gnu", "d"], long, ""))
    seed("archive", "pax-sparse", b"\2\7" + file_of(["tar", "-c", "-b", "1", "-S", "--hole-detection=raw", "--format=pax", "d"], long, ""))


def words(verb, *given):
    return bytes([verb]) + b"\0".join(word.encode() for word in given)


def options():
    """The verb, words with NUL between them."""
    seed("options", "run", words(0, "in", "-o", "out/", "-j4", "-fq", "--memory=64M", "--", "-x"))
    seed("options", "select", words(0, "in", "-S", "+1M", "-i", "*.c", "-E", "**/x", "-e", "tar.gz,c", "--changed-within", "2d"))
    seed("options", "names", words(0, "a", "-s", "/a/b/g", "--strip-components", "1", "--suffix=.x", "--flat", "--collide", "rename"))
    seed("options", "limits", words(2, "a", "--max-item-size", "1G", "--max-ratio=100", "--max-items=5", "--retries=3", "--halt", "now,fail=1"))
    seed("options", "exec", words(0, "a", "-x", "sed", "-e", "s/a/b/", ";", "-o", "b"))
    seed("options", "list", words(1, "-l", "a", "--json"))
    seed("options", "bench", words(3, "--generate", "files=3,size=4K", "--sweep", "workers=1-4", "--repeat=2"))
    seed("options", "mistake", words(0, "--memroy=1", "x"))
    seed("options", "metadata", words(0, "a", "--preserve=mode,times", "--mtime", "2024-05-06", "--reproducible", "-v", "--journal", "j", "--resume"))


def patterns():
    """Which language; a value; a text."""
    for name, choice, *given in (
        ("glob", 0, "a*?.[!a-c]", "abc.d"),
        ("glob-deep", 0, "**/x/**/*.c", "a/x/b/c.c"),
        ("glob-class", 0, "\\*[[:digit:]]", "*5"),
        ("substitute", 1, "s|(a+)/b|\\1-&|gi", "x/aa/b"),
        ("substitute-dots", 1, "/a/../", "xay"),
        ("select", 2, "-1.5M", "a/b.tar.gz"),
        ("select-member", 2, "*.zip!/a/*", "a/b"),
        ("select-list", 2, "tar.gz,c", "a.tar.gz"),
        ("size", 3, "1.5GiB"),
        ("duration", 3, "500ms"),
        ("date", 3, "2026-11-22T14:30:05Z"),
        ("sweep", 4, "workers=1-4,8", "memory=64M,1G"),
        ("sweep-pool", 4, "pool=split,shared", "readers=1,2"),
        ("operation", 5, "gzip:level=6"),
        ("operation-hash", 5, "hash:sha256,file=x"),
        ("operation-charset", 5, "charset:from=latin1,to=utf-8"),
        ("words", 6, "{{{}}}{.}{//}/{/.}{#}-{%}{threads}", "a/b.c"),
    ):
        seed("patterns", name, words(choice, *given))


if __name__ == "__main__":
    inflate()
    unwrap()
    journal()
    talk()
    client()
    zips()
    archive()
    options()
    patterns()
