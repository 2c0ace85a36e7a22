"""break_records.py SRC.rec DST.rec COUNT BROKEN: repeats the records of SRC to COUNT, of which BROKEN are broken in ten
ways. Prints the offset of each broken one, in order."""
import random
import struct
import sys

MAGIC = 0xCED7230A
source, target, count, broken = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = open(source, "rb").read()
records, at = [], 0
while at < len(data):
    magic, length = struct.unpack_from("<II", data, at)
    assert magic == MAGIC and length < 1 << 29
    records.append(data[at + 8 : at + 8 + length])
    at += 8 + (length + 3) // 4 * 4
HEADER = 24  # flag, label, two ids


def with_size(picture, height, width):
    """Another size in the JPEG's frame header."""
    start = next(i for i in range(len(picture) - 1) if picture[i] == 0xFF and picture[i + 1] in (0xC0, 0xC1, 0xC2))
    return picture[: start + 5] + struct.pack(">HH", height, width) + picture[start + 9 :]


def cut_before_scan(picture):
    return picture[: picture.index(b"\xff\xda") + 4]


WAYS = [
    lambda picture: b"",  # a record without a picture
    lambda picture: picture[: len(picture) // 2],
    cut_before_scan,
    lambda picture: b"GIF89a" + picture[6:],
    lambda picture: b"<html>not found</html>",
    lambda picture: with_size(picture, 65000, 65000),  # a bomb
    lambda picture: with_size(picture, 0, 28),
    lambda picture: bytes(len(picture)),
    lambda picture: picture[:2] + bytes(0x55 for _ in picture[2:]),
    lambda picture: b"\x89PNG\r\n\x1a\n" + picture,
]
random.seed(7)
bad = set(random.sample(range(count), broken))
with open(target, "wb") as out:
    for i in range(count):
        payload = bytearray(records[i % len(records)])
        struct.pack_into("<Q", payload, 8, i)
        payload = bytes(payload)
        if i in bad:
            print(out.tell())
            payload = payload[:HEADER] + WAYS[i % len(WAYS)](payload[HEADER:])
        out.write(struct.pack("<II", MAGIC, len(payload)) + payload + bytes(-len(payload) % 4))
