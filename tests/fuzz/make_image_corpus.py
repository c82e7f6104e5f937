#!/usr/bin/env python3
"""Writes the corpora of the fuzz targets `nifti`, `nrrd` and `png`: tiny images of every form that is read.

Usage: make_image_corpus.py tests/fuzz/corpus
"""
import gzip
import pathlib
import struct
import sys
import zlib

# datatype code: name, struct letter, samples per voxel
TYPES = {2: ("u8", "B", 1), 4: ("i16", "h", 1), 8: ("i32", "i", 1), 16: ("f32", "f", 1), 64: ("f64", "d", 1),
         128: ("rgb", "B", 3), 256: ("i8", "b", 1), 512: ("u16", "H", 1), 768: ("u32", "I", 1), 1024: ("i64", "q", 1)}
SIZE = (4, 3, 2)
AFFINE = (-2.0, 0.0, 0.0, 10.0, 0.0, 2.0, 0.0, -20.0, 0.0, 0.0, 3.0, 5.0)


def nifti1(code, order="<", frames=1, slope=1.0, sform=1, qform=1):
    _, letter, samples = TYPES[code]
    bits = 8 * struct.calcsize("<" + letter) * samples
    dims = (4 if frames > 1 else 3, *SIZE, frames, 1, 1, 1)
    header = struct.pack(order + "i10s18sihcB8h3f4h8f3fhBB4f2i80s24s2h6f12f16s4s", 348, b"", b"", 0, 0, b"r", 0, *dims,
                         0, 0, 0, 0, code, bits, 0, 1, 2, 2, 3, 1, 1, 1, 1, 352, slope, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0,
                         b"fuzz", b"", qform, sform, 0, 1, 0, 10, -20, 5, *AFFINE, b"", b"n+1")
    return header + b"\0" * 4 + voxels(code, order, frames)


def nifti2(code, order="<"):
    _, letter, samples = TYPES[code]
    bits = 8 * struct.calcsize("<" + letter) * samples
    header = struct.pack(order + "i8s2h8q3d8dq6d2q80s24s2i6d12d3i16sB15s", 540, b"n+2\0\r\n\x1a\n", code, bits, 3,
                         *SIZE, 1, 1, 1, 1, 0, 0, 0, 1, 2, 2, 3, 1, 1, 1, 1, 544, 1, 0, 0, 0, 0, 0, 0, 0, b"fuzz", b"",
                         1, 1, 0, 1, 0, 10, -20, 5, *AFFINE, 0, 10, 0, b"", 0, b"")
    return header + b"\0" * 4 + voxels(code, order, 1)


def voxels(code, order, frames):
    _, letter, samples = TYPES[code]
    count = SIZE[0] * SIZE[1] * SIZE[2] * samples * frames
    return struct.pack(f"{order}{count}{letter}", *(i % 7 for i in range(count)))


def nifti_corpus():
    for code, (name, _, _) in TYPES.items():
        yield name + ".nii", nifti1(code)
    yield "big_endian.nii", nifti1(4, ">")
    yield "frames.nii", nifti1(4, frames=3)
    yield "scaled.nii", nifti1(4, slope=0.5)
    yield "no_forms.nii", nifti1(4, sform=0, qform=0)
    yield "qform_only.nii", nifti1(2, sform=0)
    yield "second.nii", nifti2(16)
    yield "second_big_endian.nii", nifti2(512, ">")
    yield "gzip.nii.gz", gzip.compress(nifti1(4), mtime=0)
    table = b"""<CaretExtension><LabelTable><Label Key="1" Red="1" Green="0.5" Blue="0"><![CDATA[left]]></Label>
<Label Key='3' Red="2">a &lt;b</Label><Label Key="65536">none</Label></LabelTable></CaretExtension>"""
    table += b"\0" * (-(len(table) + 8) % 16)
    plain = nifti1(2)
    yield "table.nii", (plain[:108] + struct.pack("<f", 360 + len(table)) + plain[112:348] + b"\1\0\0\0" +
                        struct.pack("<2i", len(table) + 8, 30) + table + plain[352:])
    yield "gzip_second.nii.gz", gzip.compress(nifti2(2), mtime=0)


NRRD_TYPES = {"uchar": "B", "int16": "h", "unsigned int": "I", "longlong": "q", "float": "f", "double": "d"}
SEGMENTS = """Segment0_ID:=Segment_1
Segment0_Name:=left\\nkidney
Segment0_Color:=1 0.5 0
Segment0_Layer:=0
Segment0_LabelValue:=3
Segment0_Tags:=TerminologyEntry:a~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~SCT^7771000^Left~b~^^~^^|
Segment1_ID:=Segment_2
Segment1_Layer:=%d
"""


def nrrd(kind="uchar", order="<", encoding="raw", sizes=SIZE, keys="", **fields):
    count = 1
    for size in sizes:
        count *= size
    data = struct.pack(f"{order}{count}{NRRD_TYPES[kind]}", *(i % 4 for i in range(count)))
    header = {"type": kind, "dimension": len(sizes), "space": "left-posterior-superior", "sizes": " ".join(map(str, sizes)),
              "space directions": "none " * (len(sizes) - 3) + "(2,0,0) (0,2,0) (0,0,3)", "space origin": "(1,-2,3.5)",
              "kinds": "list " * (len(sizes) - 3) + "domain domain domain", "endian": "big" if order == ">" else "little",
              "encoding": encoding, **{name.replace("_", " "): value for name, value in fields.items()}}
    text = "NRRD0005\n# fuzz\n" + "".join(f"{name}: {value}\n" for name, value in header.items() if value is not None)
    return (text + keys + "\n").encode() + (gzip.compress(data, mtime=0) if encoding == "gzip" else data)


def nrrd_corpus():
    for kind in NRRD_TYPES:
        yield kind.replace(" ", "_") + ".nrrd", nrrd(kind)
    yield "big_endian.nrrd", nrrd("int16", ">")
    yield "gzip.nrrd", nrrd("int16", encoding="gzip")
    yield "frames.nrrd", nrrd("int16", sizes=(3, *SIZE))
    yield "colour.nrrd", nrrd(sizes=(3, *SIZE), kinds="RGB-color domain domain domain")
    yield "spacings.nrrd", nrrd(space=None, space_directions=None, space_origin=None, spacings="1 1 2")
    yield "skips.nrrd", nrrd(byte_skip="-1", line_skip="0")
    yield "detached.nrrd", nrrd(data_file="missing.raw")
    yield "segments.nrrd", nrrd(encoding="gzip", keys=SEGMENTS % 0)
    yield "layers.nrrd", nrrd(sizes=(2, *SIZE), keys=SEGMENTS % 1)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour, bits, samples, extra=b"", interlaced=0):
    width, height = 5, 4
    row_bytes = (width * bits * samples + 7) // 8
    if interlaced:  # the seven passes of Adam7
        starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in starts]
        rows = [((w * bits * samples + 7) // 8, h) for w, h in sizes if w > 0 and h > 0]
    else:
        rows = [(row_bytes, height)]
    data = b"".join((b"\0" + bytes((i * 37 + j) % 4 for j in range(length))) for length, count in rows
                    for i in range(count))
    header = struct.pack(">2I5B", width, height, bits, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) +
            chunk(b"IEND", b""))


def png_corpus():
    palette = chunk(b"PLTE", bytes(range(12)))
    yield "grey1.png", png(0, 1, 1)
    yield "grey8.png", png(0, 8, 1)
    yield "grey16.png", png(0, 16, 1)
    yield "rgb8.png", png(2, 8, 3)
    yield "rgb16.png", png(2, 16, 3)
    yield "palette.png", png(3, 2, 1, palette)
    yield "palette_transparent.png", png(3, 8, 1, palette + chunk(b"tRNS", b"\0\x80"))
    yield "grey_alpha.png", png(4, 8, 2)
    yield "rgba16.png", png(6, 16, 4)
    yield "interlaced.png", png(2, 8, 3, interlaced=1)


def main():
    for name, files in (("nifti", nifti_corpus()), ("nrrd", nrrd_corpus()), ("png", png_corpus())):
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files:
            (folder / file).write_bytes(data)


main()
