"""PNG pictures as NumPy arrays, without a library: of 8 bits, written of 16 too."""
import struct
import zlib

import numpy

CHANNELS = {0: 1, 2: 3}


def write(path, pixels, palette=None, transparent=b""):
    """pixels [height, width] or [height, width, 3], uint8 or uint16; with a palette [n, 3] they are indices into it.
    transparent: what the tRNS chunk holds."""
    height, width = pixels.shape[:2]
    sample = pixels.dtype.newbyteorder(">")
    rows = b"".join(b"\0" + row.astype(sample).tobytes() for row in pixels)
    kind = 3 if palette is not None else 2 if pixels.ndim == 3 else 0
    more = [(b"PLTE", palette.astype("u1").tobytes())] if palette is not None else []
    more += [(b"tRNS", transparent)] if transparent else []
    with open(path, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        for name, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * sample.itemsize, kind, 0, 0, 0)), *more,
                           (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            stream.write(struct.pack(">I", len(data)) + name + data)
            stream.write(struct.pack(">I", zlib.crc32(name + data)))


def paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def unfilter(kind, row, above, step):
    out = bytearray(row)
    for i, value in enumerate(row):
        left, corner = (out[i - step], above[i - step]) if i >= step else (0, 0)
        up = above[i]
        out[i] = (value + (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind]) & 255
    return out


def read(path):
    with open(path, "rb") as stream:
        data = stream.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    at, packed = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if name == b"IHDR":
            width, height, bits, kind = struct.unpack(">IIBB", body[:10])
        elif name == b"IDAT":
            packed += body
        at += size + 12
    assert bits == 8, path
    step = CHANNELS[kind]
    raw, length, above, rows = zlib.decompress(packed), width * step, bytes(width * step), []
    for y in range(height):
        row = raw[y * (length + 1):(y + 1) * (length + 1)]
        above = unfilter(row[0], row[1:], above, step)
        rows.append(above)
    pixels = numpy.frombuffer(b"".join(rows), "u1").reshape(height, width, step)
    return pixels[:, :, 0] if step == 1 else pixels
