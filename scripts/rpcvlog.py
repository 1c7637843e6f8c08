#!/usr/bin/env python3
"""Reads the logs of a node as docs/FORMAT.md tells them, with nothing but Python's standard library.

    rpcvlog.py PATH... [--json]          a node's directory, a log's directory or segments: everything, and each segment's verdict
    rpcvlog.py --vectors DIR             the test vectors against their manifest.json; exit status 1 if one disagrees
    rpcvlog.py --compare LOGDUMP PATH    what `LOGDUMP --json --payload PATH` says against what this says; exit status 1 if they differ

It was written from the documents alone and shares nothing with the program, so the two can be held against each other. It opens for
reading only and takes no lock. Titles of the sections of docs/FORMAT.md stand above the parts that follow them.
"""
import argparse
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib

# ---- Checksums: XXH64 ----

M = 0xFFFFFFFFFFFFFFFF
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotl(x, n):
    return (x << n | x >> (64 - n)) & M


def xxh64(data, seed=0):
    n = len(data)
    at = 0
    if n >= 32:
        a, b, c, d = (seed + P1 + P2) & M, (seed + P2) & M, seed & M, (seed - P1) & M
        for w, x, y, z in struct.iter_unpack("<4Q", memoryview(data)[:n & ~31]):
            a = a + w * P2 & M
            a = ((a << 31 | a >> 33) & M) * P1 & M
            b = b + x * P2 & M
            b = ((b << 31 | b >> 33) & M) * P1 & M
            c = c + y * P2 & M
            c = ((c << 31 | c >> 33) & M) * P1 & M
            d = d + z * P2 & M
            d = ((d << 31 | d >> 33) & M) * P1 & M
        h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) & M
        for lane in (a, b, c, d):
            h = ((h ^ rotl(lane * P2 & M, 31) * P1 & M) * P1 + P4) & M
        at = n & ~31
    else:
        h = (seed + P5) & M
    h = h + n & M
    while at + 8 <= n:
        k = rotl(int.from_bytes(data[at:at + 8], "little") * P2 & M, 31) * P1 & M
        h = (rotl(h ^ k, 27) * P1 + P4) & M
        at += 8
    if at + 4 <= n:
        h = (rotl(h ^ int.from_bytes(data[at:at + 4], "little") * P1 & M, 23) * P2 + P3) & M
        at += 4
    for byte in data[at:]:
        h = rotl(h ^ byte * P5 & M, 11) * P1 & M
    h = (h ^ h >> 33) * P2 & M
    h = (h ^ h >> 29) * P3 & M
    return h ^ h >> 32


assert xxh64(b"") == 0xEF46DB3751D8E999 and xxh64(b"abc") == 0x44BC2CF5AD770999


class Bad(Exception):
    """What was read breaks a rule of the format."""


class Newer(Exception):
    """A newer version's: an error, never damage."""


def check(holds, why):
    if not holds:
        raise Bad(why)


# ---- Frame: payload ----

def lz4_block(data, size):
    """Unpacks one lz4 block that must give exactly size bytes and end with the data."""
    out = bytearray()
    at = 0

    def more(length):
        nonlocal at
        if length == 15:
            while True:
                byte = data[at]
                at += 1
                length += byte
                if byte != 255:
                    break
        return length
    try:
        while True:
            token = data[at]
            at += 1
            literals = more(token >> 4)
            check(at + literals <= len(data), "lz4: literals reach behind the payload")
            check(len(out) + literals <= size, "lz4: more than the raw size")
            out += data[at:at + literals]
            at += literals
            if at == len(data):
                break                                   # the last sequence has no match
            distance = data[at] | data[at + 1] << 8
            at += 2
            length = more(token & 15) + 4
            check(0 < distance <= len(out), "lz4: a match before the beginning")
            check(len(out) + length <= size, "lz4: more than the raw size")
            start = len(out) - distance
            while length > 0:                           # a match may overlap what it makes
                piece = out[start:start + length]
                out += piece
                length -= len(piece)
    except IndexError:
        raise Bad("lz4: the payload ends too early")
    check(len(out) == size, "lz4: not the raw size")
    return bytes(out)


def unpack(codec, payload, raw):
    if codec == 0:
        return payload
    if codec == 1:
        return lz4_block(payload, raw)
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(payload, raw + 1)
    except zlib.error as error:
        raise Bad(str(error))
    check(len(out) == raw and stream.eof, "zlib: not the raw size")
    return out                                          # what stands behind the stream's end is ignored


# ---- Segment ----

LOGS = {1: "facts", 2: "archives"}
NAME = re.compile(r"^([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{16})\.seg$")
CODECS = ("none", "lz4", "zlib")


class Header:
    def __init__(self, data, place):
        check(len(data) >= 64, "shorter than a header")
        magic, version, self.log, zero, self.node, self.serial, self.nonce, self.previous, self.checksum = \
            struct.unpack("<8sIB3s16sQQQQ", data[:64])
        check(magic == b"RPCVLOG\n", "no magic")
        check(self.checksum == xxh64(data[:56]), "the header's checksum does not match")
        if version != 1:
            raise Newer(f"format version {version}")
        check(zero == bytes(3), "zero bytes of the header are not zero")
        check(self.log in LOGS, "unknown log")
        check((self.node, LOGS[self.log], self.serial, self.nonce) == place, "the header is another segment's")


class Record:
    def __init__(self, ordinal, kind, payload):
        self.ordinal, self.kind, self.payload = ordinal, kind, payload


class Frame:
    """An intact frame: rules 1 to 4 and 6. The chain (rule 5) is the segment's business."""

    def __init__(self, data, at, nonce):
        check(at + 80 <= len(data), "the frame's header is cut off")
        (self.checksum, magic, version, codec, zero, self.count, self.raw, self.stored, zero2, offset, its_nonce, self.first,
         self.before, self.durable, self.durable_before) = struct.unpack_from("<Q4sBBHIIIIQQQQQQ", data, at)
        check(magic == b"RVFR" and version == 1 and zero == 0 and zero2 == 0 and codec < 3, "no frame")            # 1
        check(self.raw <= 8 << 20 and self.stored <= self.raw, "sizes above the limit")                            # 2
        check((self.stored == self.raw) == (codec == 0), "stored and raw size don't fit the codec")
        check((self.count == 0) == (self.raw == 0) and 6 * self.count <= self.raw, "count and size don't fit")
        check(offset <= 1 << 40 and self.first <= 1 << 40, "offset or ordinal above the limit")
        self.offset, self.codec = at, CODECS[codec]
        self.end = at + (80 + self.stored + 7 & ~7)
        check(self.end <= len(data), "the frame is cut off")                                                       # 3
        check(self.checksum == xxh64(data[at + 8:self.end]), "the frame's checksum does not match")
        check(its_nonce == nonce and offset == at, "the frame is another place's")                                 # 4
        check(self.durable <= at, "the frame testifies a durable end behind itself")
        raw = unpack(codec, data[at + 80:at + 80 + self.stored], self.raw)                                         # 6
        self.records = []
        at = 0
        while at < len(raw):
            check(at + 6 <= len(raw), "a record is cut off")
            length, kind = struct.unpack_from("<IH", raw, at)
            at += 6
            check(at + length <= len(raw), "a record reaches behind the payload")
            self.records.append(Record(self.first + len(self.records), kind, raw[at:at + length]))
            at += length
        check(len(self.records) == self.count, "not the counted records")
        self.behind = False


class Segment:
    """A file as it was found: its prefix, what stands behind it, and the intact frames behind damage."""

    def __init__(self, path, data, place):
        self.path, self.data, self.place = path, data, place
        self.node, self.log, self.serial, self.nonce = place
        self.header, self.frames, self.end, self.chain = None, [], 0, 0
        self.newer = self.fault = self.decision = self.durable = None
        self.retired = False
        ordinal = 0
        try:
            self.header = Header(data, place)
            self.end, self.chain = 64, self.header.checksum
            while self.end < len(data):
                frame = Frame(data, self.end, self.nonce)
                check(frame.before == self.chain, "the frame follows another one: divergence")                     # 5
                check(frame.first == ordinal, "the frame's first ordinal does not fit")
                self.frames.append(frame)
                self.end, self.chain, ordinal = frame.end, frame.checksum, ordinal + frame.count
        except Newer as error:
            self.newer = str(error)
            return
        except Bad as error:
            self.fault = str(error)
        rest = data[self.end:]
        self.rest = "nothing" if not rest else "zeros" if not any(rest) else "damage"
        at = self.end
        while self.rest == "damage" and at + 80 <= len(data):
            try:
                check(data[at + 8:at + 12] == b"RVFR", "no frame")
                frame = Frame(data, at, self.nonce)
                frame.behind = True
                self.frames.append(frame)
                at = frame.end
            except Bad:
                at += 8

    def records(self):
        return sum(frame.count for frame in self.frames if not frame.behind)

    # ---- Recovery ----

    def judge(self, own, notes, following):
        """own: does this node write it? following: the writer's next segment, if it is here."""
        if self.newer:
            self.verdict = "newer"
            return
        durable, damaged = notes.about(self.place)
        if own and damaged is None:
            durable = max([durable] + [frame.durable for frame in self.frames])
            if following and following.frames and not following.frames[0].behind:
                durable = max(durable, following.frames[0].durable_before)
        self.durable = durable
        reaches = self.end >= durable
        copy = not own or damaged is not None
        if self.header is None:
            safe = reaches and (self.rest != "damage" or copy)
            self.decision = "discard" if safe else "quarantine"
        elif reaches:
            self.decision = {"nothing": "keep", "zeros": "trim"}.get(self.rest, "cut and fetch" if copy else "cut the torn tail")
        else:
            self.decision = "quarantine" if self.rest == "damage" else "await healing"
        self.verdict = {"keep": "sound", "trim": "sound", "discard": "sound", "cut and fetch": "torn",
                        "cut the torn tail": "torn"}.get(self.decision, "corrupt")
        if damaged is not None and self.end < damaged:
            self.verdict = "corrupt"                    # cut short once, and not whole again yet


# ---- Notes ----

class Notes:
    KINDS = {1: "durable", 2: "damaged", 3: "uptime", 4: "seen"}

    def __init__(self, data, log):
        self.entries, self.skipped, self.places = [], len(data) % 64 and 1, {}
        for at in range(0, len(data) - 63, 64):
            magic, kind, its_log, zero, node, serial, nonce, value, zero2, checksum = struct.unpack_from("<4sBBH16sQQQQQ", data, at)
            if (magic != b"RVNN" or kind not in self.KINDS or LOGS.get(its_log) != log or zero or zero2
                    or checksum != xxh64(data[at:at + 56])):
                self.skipped += 1
                continue
            self.entries.append((self.KINDS[kind], node, serial, nonce, value))
            place = (node, log, serial, nonce)
            durable, damaged = self.places.get(place, (0, None))
            if kind == 1:
                self.places[place] = (max(durable, value), damaged)
            elif kind == 2:
                self.places[place] = (0, value)         # what was noted before is void

    def about(self, place):
        return self.places.get(place, (0, None))


# ---- Directory: IDENTITY ----

def read_identity(path):
    """The node's id and the former ones, of the first right copy."""
    try:
        with open(path, "rb") as file:
            text = file.read(65536)
    except OSError:
        return None, []
    lines = text.split(b"\n")
    start = 0
    for number, line in enumerate(lines):
        if line.startswith(b"check "):
            copy = b"".join(each + b"\n" for each in lines[start:number])
            if line[6:].decode("latin-1") == "%016x" % xxh64(copy):
                words = [each.decode("latin-1").split(" ") for each in lines[start:number]]
                if words[0][0] == "rpcv-node" and words[0][1] != "1":
                    raise Newer("IDENTITY of version " + words[0][1])
                return (bytes.fromhex(next(w[1] for w in words if w[0] == "node")),
                        [bytes.fromhex(w[1]) for w in words if w[0] == "former"])
            start = number + 1
        elif not line:
            start = number + 1
    return None, []


# ---- Records ----

KINDS = {1: "retired", 2: "floor", 3: "closed", 16: "submitted", 17: "assigned", 18: "finished", 19: "failed", 20: "lost",
         21: "cancelled", 22: "collected", 23: "opened", 24: "released", 25: "removed", 26: "alive", 32: "chunk", 33: "manifest"}


def protobuf(data):
    """The fields of a message as (number, wire type, value); nothing is known of their meaning."""
    fields = []
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            check(at < len(data) and shift < 70, "a number is cut off")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value & M
    while at < len(data):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        check(number > 0, "field 0")
        if wire == 0:
            value = varint()
        elif wire in (1, 2, 5):
            length = varint() if wire == 2 else 8 if wire == 1 else 4
            check(at + length <= len(data), "a field is cut off")
            value = data[at:at + length]
            at += length
            if wire != 2:
                value = int.from_bytes(value, "little")
        else:
            raise Bad("unknown wire type")
        fields.append((number, wire, value))
    return fields


def engine_record(payload):
    """Retired, Floor, Closed: (node, log, serial, nonce)."""
    values = dict.fromkeys((1, 2, 3, 4, 5), 0)
    for number, wire, value in protobuf(payload):
        if number in values:
            check(wire == (1 if number in (1, 2, 5) else 0), "a field of another type")
            values[number] = value
    check(values[3] in LOGS, "unknown log")
    return struct.pack(">QQ", values[1], values[2]), LOGS[values[3]], values[4], values[5]


def describe(kind, payload):
    """(name, words): the message in words; the kind's number where it can't be read."""
    unnamed = f"kind {kind}"
    try:
        if kind in (1, 2, 3):
            node, log, serial, nonce = engine_record(payload)
            return KINDS[kind], f"{node.hex()}/{log}/{serial}" + (f"-{nonce:016x}" if kind == 1 else "")
        if kind == 32:
            check(32 < len(payload) <= 32 + (1 << 20), "not a chunk")
            right = hashlib.sha256(payload[32:]).digest() == payload[:32]
            return KINDS[kind], f"{payload[:32].hex()}, {len(payload) - 32} bytes" + ("" if right else ", NOT ITS HASH")
        if kind == 33:
            check(len(payload) >= 44, "not a manifest")
            size, count = struct.unpack_from("<QI", payload, 32)
            check(count <= 131072 and len(payload) == 44 + 32 * count and count == (size + (1 << 20) - 1) >> 20, "not a manifest")
            check(count != 1 or payload[:32] == payload[44:], "an archive of one chunk has its hash as id")
            return KINDS[kind], f"{payload[:32].hex()}, {size} bytes in {count} chunks"
        if kind in KINDS:
            return KINDS[kind], " ".join(f"{number}:{value.hex() if wire == 2 else value}" for number, wire, value in protobuf(payload))
    except Bad as error:
        return KINDS[kind] if kind < 16 else unnamed, f"unreadable: {error}"
    return unnamed, payload.hex()


# ---- Checkpoint ----

class Checkpoint:
    def __init__(self, data, log, node):
        check(len(data) >= 64 and data[:8] == b"RPCVCKP\n", "no magic")
        version, its_log, zero, its_node, zero2, link = struct.unpack_from("<IB3s16s24sQ", data, 8)
        check(link == xxh64(data[:56]), "the header's checksum does not match")
        check(version == 1 and zero == bytes(3) and zero2 == bytes(24), "another version, or zero bytes that aren't")
        check(LOGS.get(its_log) == log and (node is None or its_node == node), "another log's or node's")
        self.names, self.entries, self.marks = [], [], []
        at, number, ended = 64, 0, False
        while not ended:
            check(at + 24 <= len(data), "no end block")
            checksum, kind, length, its_number = struct.unpack_from("<QIIQ", data, at)
            end = at + 24 + length
            check(end <= len(data) and end - at <= 16 << 20 and its_number == number, "a block out of place")
            check(checksum == xxh64(data[at + 8:end], link), "a block's checksum does not match")
            self.block(kind, data[at + 24:end])
            at, number, link, ended = end, number + 1, checksum, kind == 4
        check(at == len(data), "bytes behind the end block")

    def block(self, kind, body):
        check(1 <= kind <= 4, "a block of unknown type")
        at = 0
        try:
            while at < len(body):
                if kind == 1:
                    self.names.append(struct.unpack_from("<16sQQ", body, at))
                    at += 32
                elif kind == 2:
                    name, ordinal, record, size, here, digest = struct.unpack_from("<IQHIIQ", body, at)
                    at += 30
                    check(name < len(self.names) and at + here <= len(body), "an entry reaches out of its block")
                    check(here == (min(32, size) if record == 32 else size), "an entry's payload is cut")
                    payload = body[at:at + here]
                    at += here
                    check(here < size or digest == xxh64(payload, record), "an entry's hash does not match")
                    self.entries.append((name, ordinal, record, size, payload, digest))
                elif kind == 3:
                    *mark, count = struct.unpack_from("<IQQQQQQI", body, at)
                    at += 56
                    pairs = [struct.unpack_from("<QQ", body, at + 16 * i) for i in range(count)]
                    at += 16 * count
                    check(mark[0] < len(self.names), "a mark of no name")
                    self.marks.append((*mark, pairs))
                else:
                    check(struct.unpack("<QQ", body) == (len(self.entries), len(self.marks)), "the end block counts others")
                    at = len(body)
        except struct.error:
            raise Bad("a block is cut off")
        check(kind != 4 or len(body) == 16, "no counts in the end block")

    def misfits(self, segments, log):
        """Why it can't stand for the segments that are here; nothing, if it can (retirements of gone ones are not looked up)."""
        by_place = {segment.place: segment for segment in segments}
        for name, end, checksum, records, offset, before, raw, pairs in self.marks:
            node, serial, nonce = self.names[name]
            segment = by_place.get((node, log, serial, nonce))
            if segment is None:
                continue
            label = segment_label(segment.place)
            frames = [f for f in segment.frames if not f.behind and f.end <= end]
            if not frames:
                if offset or records or end > segment.end:
                    yield f"{label}: no frame at the mark"
                continue
            last = frames[-1]
            if (last.offset, last.end, last.checksum, last.first + last.count) != (offset, end, checksum, records):
                yield f"{label}: another frame at the mark"
            if sum(f.raw for f in frames) != raw:
                yield f"{label}: {sum(f.raw for f in frames)} bytes before compression, the mark says {raw}"
            if frames[0].durable_before != before:
                yield f"{label}: another durable end of the segment before"
            if not set(pairs) <= {(f.first, f.offset) for f in frames}:
                yield f"{label}: a pair of the mark is no frame's"
            all_records = {r.ordinal: r for f in frames for r in f.records}
            for its_name, ordinal, kind, size, payload, digest in self.entries:
                if its_name == name:
                    record = all_records.get(ordinal)
                    if record is None or (record.kind, len(record.payload)) != (kind, size) or not record.payload.startswith(payload) \
                            or digest != xxh64(record.payload, kind):
                        yield f"{label}#{ordinal}: another record than the checkpoint's"


# ---- A log's directory ----

def segment_label(place):
    return f"{place[0].hex()[:8]}/{place[1]}/{place[2]}-{place[3]:016x}"


def slurp(path):
    with open(path, "rb") as file:
        return file.read()


class Log:
    """One log's directory, or one segment of it (only=its file's name; its neighbours then only testify)."""

    def __init__(self, directory, log, only=None, patient=False):
        self.directory, self.log, self.only = directory, log, only
        self.node, self.former = read_identity(os.path.join(directory, "..", "IDENTITY"))
        notes = os.path.join(directory, "notes")
        self.notes = Notes(slurp(notes) if os.path.isfile(notes) else b"", log)
        self.aside, self.segments, self.unread = [], [], []
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            match = NAME.match(name)
            if re.search(r"\.seg\.damaged(\.\d+)?$", name):
                self.aside.append(path)
            if not match or os.path.islink(path) or not os.path.isfile(path):
                continue
            place = (bytes.fromhex(match[1]), log, int(match[2], 16), int(match[3], 16))
            try:
                for _ in range(3 if patient else 1):    # a frame may be half written while its writer lives
                    segment = Segment(path, slurp(path), place)
                    if segment.newer or segment.rest != "damage":
                        break
                    time.sleep(0.05)
                self.segments.append(segment)
            except FileNotFoundError:
                pass                                    # retired meanwhile
            except OSError as error:
                self.unread.append((path, str(error)))
        self.judge()
        self.checkpoint = self.checkpoint_fault = None
        path = os.path.join(directory, "checkpoint")
        if os.path.isfile(path):
            try:
                self.checkpoint = Checkpoint(slurp(path), log, self.node)
            except Bad as error:
                self.checkpoint_fault = str(error)

    def own(self, segment):
        return self.node is None or segment.node == self.node

    def judge(self):
        retired, floors = set(), {}
        for segment in self.segments:
            for record in (r for f in segment.frames if not f.behind for r in f.records if r.kind in (1, 2)):
                try:
                    place = engine_record(record.payload)
                except Bad:
                    continue
                if record.kind == 1:
                    retired.add(place)
                else:
                    floors[place[:2]] = max(place[2], floors.get(place[:2], 0))
        for segment in self.segments:
            following = next((s for s in self.segments if s.node == segment.node and s.header and s.header.previous == segment.nonce
                              and s is not segment), None)
            segment.judge(self.own(segment), self.notes, following)
            segment.retired = segment.place in retired or segment.serial < floors.get(segment.place[:2], 0)

    def objects(self):
        """What docs/LOGDUMP.md calls log, segment, frame, record and aside, with what can be told from docs/FORMAT.md."""
        yield {"type": "log", "directory": self.directory, "log": self.log, "node": self.node and self.node.hex()}
        for s in self.shown():
            if s.newer:
                yield {"type": "unread", "file": s.path, "reason": s.newer}
                continue
            label = segment_label(s.place)
            yield {"type": "segment", "segment": label, "file": s.path, "node": s.node.hex(), "log": s.log, "serial": s.serial,
                   "nonce": f"{s.nonce:016x}", "previous": f"{s.header.previous:016x}" if s.header and s.header.previous else None,
                   "own": self.own(s), "retired": s.retired, "size": len(s.data), "end": s.end, "records": s.records(),
                   "durable": s.durable, "chain": f"{s.chain:016x}", "behind": sum(f.behind for f in s.frames),
                   "state": s.verdict, "decision": s.decision, "trouble": s.fault if s.verdict != "sound" else None}
            for f in s.frames:
                yield {"type": "frame", "segment": label, "offset": f.offset, "end": f.end, "first": f.first, "count": f.count,
                       "codec": f.codec, "raw": f.raw, "stored": f.stored, "durable": f.durable,
                       "checksum": f"{f.checksum:016x}", "behind": f.behind}
                for r in f.records:
                    name, text = describe(r.kind, r.payload)
                    yield {"type": "record", "segment": label, "ordinal": r.ordinal, "kind": r.kind, "name": name,
                           "size": len(r.payload), "hash": f"{xxh64(r.payload, r.kind):016x}", "behind": f.behind, "text": text,
                           "payload": r.payload.hex(), "frame_end": f.end}
        for path in self.aside:
            yield {"type": "aside", "file": path}
        for place in self.missing():
            yield {"type": "missing", "segment": segment_label(place)}
        for path, reason in self.unread:
            yield {"type": "unread", "file": path, "reason": reason}

    def missing(self):
        """What a note calls damaged and what isn't here at all."""
        here = {s.place for s in self.segments}
        return [] if self.only else sorted(p for p, (_, damaged) in self.notes.places.items() if damaged is not None and p not in here)

    def shown(self):
        return [s for s in self.segments if self.only in (None, os.path.basename(s.path))]


def open_path(path, patient=False):
    """The logs at a path: a node's directory, a log's, or a segment's file."""
    if os.path.isdir(path):
        logs = [name for name in LOGS.values() if os.path.isdir(os.path.join(path, name))]
        if logs:
            return [Log(os.path.join(path, name), name, patient=patient) for name in logs]
        directory, only = path, None
    else:
        directory, only = os.path.split(path)
        if not NAME.match(only):
            raise SystemExit(f"{path}: not the name of a segment")
    log = os.path.basename(os.path.abspath(directory))
    if log not in LOGS.values():
        raise SystemExit(f"{path}: the directory's name tells no log")
    return [Log(directory or ".", log, only=only, patient=patient)]


def show(logs, as_json):
    worst = 0
    for log in logs:
        for each in log.objects():
            if as_json:
                each.pop("frame_end", None)
                print(json.dumps(each))
            elif each["type"] == "record":
                print("    #{ordinal} {name}, {size} bytes: {text:.120}".format(**each) + (" (behind damage)" if each["behind"] else ""))
            elif each["type"] == "frame":
                print("  frame {offset}-{end}: {count} records from {first}, {codec} {stored}/{raw}, durable {durable}".format(**each))
            elif each["type"] == "segment":
                print("{segment}: {state}, {decision}; {records} records, end {end} of {size}, durable {durable}, chain {chain}{t}".format(
                    t=f"; {each['trouble']}" if each["trouble"] else "", **each))
            else:
                print(" ".join(str(value) for value in each.values()))
        if not as_json:
            print(f"notes: {len(log.notes.entries)} entries, {log.notes.skipped} skipped")
            for kind, node, serial, nonce, value in log.notes.entries:
                print(f"  {kind} {value}" + ("" if kind == "uptime" else f" {node.hex()}") + (f" {serial}-{nonce:016x}" if serial else ""))
            if log.checkpoint:
                misfits = list(log.checkpoint.misfits(log.segments, log.log))
                print(f"checkpoint: {len(log.checkpoint.names)} names, {len(log.checkpoint.entries)} entries,"
                      f" {len(log.checkpoint.marks)} marks, {'fits' if not misfits else 'does not fit: ' + misfits[0]}")
            elif log.checkpoint_fault:
                print(f"checkpoint: void: {log.checkpoint_fault}")
        for s in log.shown():
            worst = max(worst, {"sound": 0, "torn": 1}.get(s.verdict, 2))
    return worst


# ---- Test vectors ----

def try_vectors(directory):
    with open(os.path.join(directory, "manifest.json")) as file:
        vectors = json.load(file)["vectors"]
    wrong = 0
    for want in vectors:
        match = NAME.match(want["name"])
        place = (bytes.fromhex(match[1]), want["log"], int(match[2], 16), int(match[3], 16))
        s = Segment(want["name"], slurp(os.path.join(directory, want["file"])), place)
        notes = slurp(os.path.join(directory, want["notes"])) if want.get("notes") else b""
        s.judge(s.node.hex() == want["directory_of"], Notes(notes, want["log"]), None)
        got = {"verdict": s.verdict}
        if not s.newer:
            got.update(decision=s.decision, end=s.end, chain=f"{s.chain:016x}", durable=s.durable)
        got["frames"] = [{"offset": f.offset, "end": f.end, "first": f.first, "count": f.count, "codec": f.codec, "raw": f.raw,
                          "stored": f.stored, "durable": f.durable, "checksum": f"{f.checksum:016x}", "behind": f.behind} for f in s.frames]
        got["records"] = [{"ordinal": r.ordinal, "kind": r.kind, "payload": r.payload.hex(), "behind": f.behind}
                          for f in s.frames for r in f.records]
        told = {"file", "notes", "name", "log", "directory_of", "about"}
        bad = [key for key in sorted(set(got) | set(want) - told) if got.get(key) != want.get(key)]
        wrong += bool(bad)
        print(f"{want['file']:26} {s.verdict:8} {s.decision or '-':18} " + ("agrees" if not bad else "DIFFERS"))
        for key in bad:
            print(f"    {key}: here {got.get(key)}, manifest {want.get(key)}")
    print(f"{len(vectors)} vectors, {wrong} differ")
    return wrong != 0


# ---- rpcv-logdump ----

def leaves(payload, found):
    """All values of a message and of what may be messages in it."""
    for _, wire, value in protobuf(payload):
        found.add(value)
        if wire == 2:
            try:
                leaves(value, found)
            except Bad:
                pass
    return found


def stand_in(record):
    """FORMAT.md leaves the fields of kinds 16 to 26 to records.proto: so only whether session, call and time stand in it."""
    if record["name"].startswith("kind "):
        return []
    values = leaves(bytes.fromhex(record["payload"]), set())
    lacking = []
    for half in (record.get("session") or "").split("/"):
        if half and not (bytes.fromhex(half) in values or {int(half[:16], 16), int(half[16:], 16)} <= values):
            lacking.append("session")
    for key in ("call", "time"):
        if record.get(key) not in (None, 0) and record[key] not in values:
            lacking.append(key)
    return lacking


def compare(logdump, path):
    began = time.time()
    run = subprocess.run([logdump, "--json", "--payload", path], stdout=subprocess.PIPE)
    theirs, ours, order = {}, {}, []
    for line in run.stdout.splitlines():
        each = json.loads(line)
        if each["type"] == "segment":
            order.append(each["segment"])
            theirs[each["segment"]] = (each, [])
        elif each["type"] in ("frame", "record"):
            theirs[each["segment"]][1].append(each)
        elif each["type"] == "total":
            total = each
    logs = open_path(path, patient=True)
    for log in logs:
        for each in log.objects():
            if each["type"] == "segment":
                ours[each["segment"]] = (each, [])
            elif each["type"] in ("frame", "record"):
                ours[each["segment"]][1].append(each)
    differences, notices, counts = [], [], {"segment": 0, "frame": 0, "record": 0}

    def fields(where, got, want, keys):
        for key in keys:
            if got.get(key) != want.get(key):
                differences.append(f"{where}: {key}: here {got.get(key)}, {os.path.basename(logdump)} {want.get(key)}")
    for label in order:
        want, want_parts = theirs[label]
        if label not in ours:
            (differences if os.path.exists(want["file"]) else notices).append(f"{label}: not here any more")
            continue
        got, parts = ours[label]
        counts["segment"] += 1
        fields(label, got, want, ["node", "log", "serial", "nonce", "previous", "own"])
        parts = list(parts)
        if got["end"] > want["end"] and not want["behind"]:     # it grew since: compare up to where it was read
            notices.append(f"{label}: grew from {want['end']} to {got['end']} meanwhile")
            parts = [p for p in parts if (p["end"] if p["type"] == "frame" else p["frame_end"]) <= want["end"]]
            frames = [p for p in parts if p["type"] == "frame"]
            if frames and (frames[-1]["end"], frames[-1]["checksum"]) != (want["end"], want["chain"]):
                differences.append(f"{label}: no frame with that checksum ends at {want['end']}")
            if sum(f["count"] for f in frames) != want["records"] or got["durable"] < want["durable"]:
                differences.append(f"{label}: records or durable end don't fit")
        else:
            exact = ["end", "records", "chain", "behind", "state", "retired"]
            fields(label, got, want, exact + (["durable", "size"] if os.path.getmtime(want["file"]) < began - 1 else []))
        if len(parts) != len(want_parts):
            differences.append(f"{label}: {len(parts)} frames and records here, {len(want_parts)} there")
        for mine, its in zip(parts, want_parts):
            counts[its["type"]] += 1
            where = f"{label} {its['type']} {its.get('ordinal', its.get('offset'))}"
            if mine["type"] == "frame":
                fields(where, mine, its, ["type", "offset", "end", "first", "count", "codec", "raw", "stored", "durable", "checksum", "behind"])
                continue
            fields(where, mine, its, ["type", "ordinal", "kind", "size", "hash", "behind", "payload"])
            if its.get("name") != mine["name"] and not (16 <= mine["kind"] <= 26 and its["name"] == f"kind {mine['kind']}"):
                fields(where, mine, its, ["name"])
            if 16 <= mine["kind"] <= 26:
                differences.extend(f"{where}: {key} {its[key]} does not stand in the message" for key in stand_in(its))
    for label in ours.keys() - theirs.keys():
        new = os.path.getmtime(ours[label][0]["file"]) >= began - 1
        (notices if new else differences).append(f"{label}: only here")
    if not notices and order:
        missing = ["corrupt" for log in logs if log.missing()]
        state = max([ours[l][0]["state"] for l in order] + missing, key=["sound", "torn", "corrupt"].index)
        fields("total", {"segments": len(ours), "records": sum(o[0]["records"] for o in ours.values()),
                         "bytes": sum(o[0]["end"] for o in ours.values()), "state": state}, total, ["segments", "records", "bytes", "state"])
    for log in logs:
        if log.checkpoint or log.checkpoint_fault:
            misfits = [log.checkpoint_fault] if log.checkpoint_fault else list(log.checkpoint.misfits(log.segments, log.log))
            differences.extend(f"{log.log}/checkpoint: {why}" for why in misfits)
            if log.checkpoint:
                print(f"{log.log}/checkpoint: {len(log.checkpoint.entries)} entries and {len(log.checkpoint.marks)} marks looked up")
    for line in notices[:10]:
        print("note:", line)
    for line in differences[:20]:
        print(line)
    print(", ".join(f"{count} {what}s" for what, count in counts.items()) + f" compared, {len(differences)} differences")
    return len(differences) != 0


def main():
    parser = argparse.ArgumentParser(description="Reads the logs of a node as docs/FORMAT.md tells them. It never writes.",
                                     epilog="Exit status: 0 sound, or no difference; 1 torn, or a difference; 2 corrupt or newer.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a node's directory, a log's directory or a segment")
    parser.add_argument("--json", action="store_true", help="one object a line, as rpcv-logdump --json --payload gives them")
    parser.add_argument("--vectors", metavar="DIR", help="check the test vectors against their manifest")
    parser.add_argument("--compare", metavar="LOGDUMP", help="compare with what this rpcv-logdump says")
    options = parser.parse_args()
    if options.vectors:
        return try_vectors(options.vectors)
    if not options.paths:
        parser.error("no PATH")
    if options.compare:
        return max(compare(options.compare, path) for path in options.paths)
    return max(show(open_path(path), options.json) for path in options.paths)


if __name__ == "__main__":
    try:
        sys.exit(int(main()))
    except Newer as error:
        sys.exit(f"a newer version's: {error}")
    except BrokenPipeError:
        sys.exit(1)
