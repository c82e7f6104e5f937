#!/usr/bin/python3
"""Hostile files, through the program: whatever opens one refuses it in one line that names it, with
the documented exit code and without much memory.

usage: test_hostile.py MAKE_SERIES ULITE MODEL [sanitized]: the program is built with sanitizers, which take address space
of their own: it is not limited then."""
import gzip
import os
import resource
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pydicom

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"


class Bench:
    def __init__(self, make_series, ulite, model, scratch, limited):
        self.make_series, self.ulite, self.model, self.scratch = make_series, ulite, model, scratch
        self.limited = limited  # whether address space may be

    def path(self, name):
        return os.path.join(self.scratch, name)

    def series(self, name, *options):
        subprocess.run([self.make_series, HEAD, "-o", self.path(name), "--box", "60:100,80:120,50:54", *options],
                       check=True)
        return self.path(name)

    def run(self, *arguments):
        subprocess.run([self.ulite, *arguments], check=True, capture_output=True)

    def refused(self, name, arguments, status, words, most_mib=None):
        """Runs ulite, within most_mib of address space where given."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (most_mib << 20, most_mib << 20))
        done = subprocess.run([self.ulite, *arguments], capture_output=True, text=True, timeout=120,
                              preexec_fn=limit if most_mib and self.limited else None)
        said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("note: fixture"))
        what = f"ulite {' '.join(arguments)}: exit {done.returncode}: {said!r}"
        assert done.returncode == status, f"{what}, expected {status}"
        assert len(said.splitlines()) == 1 and name in said, f"{what}: not one line that names {name}"
        for word in words:
            assert word in said, f"{what}: says nothing of {word!r}"


def nested_sequences(bench):
    """A SEG of sequences in each other, deeper than a reader by recursion has stack for."""
    source = bench.series("source")
    bench.run("convert", source, "-o", bench.path("image.nii"))
    bench.run("segment", source, "-m", bench.model, "--force", "-o", bench.path("seg.dcm"))
    bench.run("convert", bench.path("seg.dcm"), "-o", bench.path("labels.nii"))
    with open(bench.path("seg.dcm"), "rb") as file:
        whole = file.read()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00OB")
    level = b"\x70\x70\x10\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    for depth in (8000, 20000):
        name = f"nested{depth}.dcm"
        with open(bench.path(name), "wb") as file:
            file.write(whole[:pixels] + depth * level + whole[pixels:])
        for arguments in (["info", bench.path(name)], ["verify", bench.path(name)],
                          ["convert", bench.path(name), "-o", bench.path("out.nii")],
                          ["convert", bench.path(name), "-o", bench.path("out.nii"), "--source", source],
                          ["eval", bench.path(name), bench.path("labels.nii")],
                          ["eval", bench.path("labels.nii"), bench.path(name)],
                          ["segment", bench.path(name), "-m", bench.model, "-o", bench.path("out.nii")]):
            bench.refused(name, arguments, 3, ["nested too deeply"])


def declared_frames(bench):
    """Compressed pixels too short for the frames that the header declares."""
    folder = bench.series("frames", "--multi-frame", "--syntax", "rle")
    path = next(Path(folder).iterdir())
    head = struct.pack("<HH2sH", 0x28, 8, b"IS", 2) + b"4 "
    whole = path.read_bytes()
    assert whole.count(head) == 1
    path.write_bytes(whole.replace(head, struct.pack("<HH2sH", 0x28, 8, b"IS", 8) + b"1000000 "))
    for arguments in (["info", str(path)], ["convert", str(path), "-o", bench.path("out.nii")]):
        bench.refused(path.name, arguments, 3, ["1000000 frames"], 512)


def png(width, height, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(rows)) + packer.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def large_pictures(bench):
    """Pictures of more pixels than the limit, and of more than the memory limit, from small files."""
    Path(bench.path("wide.png")).write_bytes(png(20000, 20000, 1))
    bench.refused("wide.png", ["info", bench.path("wide.png")], 8, ["20000 x 20000", "268435456"], 512)
    Path(bench.path("large.png")).write_bytes(png(5000, 5000, 5000))
    large = ["info", bench.path("large.png")]
    bench.refused("large.png", [*large, "--max-memory", "16M"], 8, ["5000 x 5000", "limit is 16 MiB"])
    os.environ["ULITE_MAX_MEMORY"] = "16777216"
    bench.refused("large.png", large, 8, ["5000 x 5000", "limit is 16 MiB"])
    bench.run(*large, "--max-memory", "1G")
    for wrong in ("lots", "16MB", "-1"):
        os.environ["ULITE_MAX_MEMORY"] = wrong
        done = subprocess.run([bench.ulite, *large], capture_output=True, text=True)
        assert done.returncode == 2 and f'ULITE_MAX_MEMORY takes a size such as 512M or 8G, not "{wrong}"' in \
            done.stderr, done
    del os.environ["ULITE_MAX_MEMORY"]


def large_volumes(bench):
    """A small gzip file of a large volume, and a deflated DICOM one: refused over the limit, and
    scanned without inflating pixels."""
    header = bytearray(352)
    struct.pack_into("<i8h", header, 0, 348, *[0] * 8)
    struct.pack_into("<8h", header, 40, 3, 256, 512, 512, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    with gzip.open(bench.path("large.nii.gz"), "wb", 9) as file:
        file.write(header + bytes(1 << 26))
    bench.refused("large.nii.gz", ["info", bench.path("large.nii.gz"), "--max-memory", "32M"], 8,
                  ["256 x 512 x 512", "64 MiB", "limit is 32 MiB"])
    folder = bench.series("deflated", "--multi-frame", "--syntax", "deflated")
    path = next(Path(folder).iterdir())
    whole = path.read_bytes()
    data = zlib.decompressobj(-15).decompress(whole[meta_end(whole):])
    pixels = data.rindex(b"\xe0\x7f\x10\x00OW")
    data = data[:pixels + 8] + struct.pack("<I", 4 * 2 * 4000 * 2000) + bytes(4 * 2 * 4000 * 2000)
    for element, old, new in ((0x10, 40, 4000), (0x11, 40, 2000)):
        head = struct.pack("<HH2sH", 0x28, element, b"US", 2)
        assert data.count(head + struct.pack("<H", old)) == 1
        data = data.replace(head + struct.pack("<H", old), head + struct.pack("<H", new))
    packer = zlib.compressobj(9, wbits=-15)
    path.write_bytes(whole[:meta_end(whole)] + packer.compress(data) + packer.flush())
    bench.run("info", str(path), "--max-memory", "32M")
    bench.refused(path.name, ["convert", str(path), "-o", bench.path("out.nii"), "--max-memory", "32M"], 8,
                  ["limit is 32 MiB"])


def deflated_values(bench):
    """Values of a deflated file that are longer than what is read at once: lookup tables of 128 KiB."""
    image = pydicom.dcmread(next(Path(bench.path("source")).iterdir()))
    image.PhotometricInterpretation = "PALETTE COLOR"
    for name in ("RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
        if name in image:
            delattr(image, name)
    for n in range(3):
        image.add_new(0x00281101 + n, "US", [0, 0, 16])
        table = [i * (n + 3) * 257 % 65536 for i in range(65536)]
        image.add_new(0x00281201 + n, "OW", struct.pack("<65536H", *table))
    image.is_little_endian, image.is_implicit_VR = True, False
    results = []
    for syntax in (pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.DeflatedExplicitVRLittleEndian):
        image.file_meta.TransferSyntaxUID = syntax
        image.save_as(bench.path("palette.dcm"))
        bench.run("convert", bench.path("palette.dcm"), "-o", bench.path("palette.nii"))
        results.append(Path(bench.path("palette.nii")).read_bytes())
    assert results[0] == results[1], "a deflated file is read differently"


def meta_end(whole):
    """Where the data set begins: after the meta header, whose length its first element tells."""
    return 144 + struct.unpack("<I", whole[140:144])[0]


def large_code_stream(bench):
    """A JPEG 2000 code stream that is larger than the header says, and one of many tiles."""
    for name, place, words in (("tall", 8, "pixels"), ("tiles", 24, "damaged")):
        folder = bench.series(name, "--syntax", "jpeg2000")
        for path in Path(folder).iterdir():
            whole = bytearray(path.read_bytes())
            siz = whole.index(b"\xff\x4f\xff\x51")
            if name == "tall":  # the picture and its one tile
                struct.pack_into(">II", whole, siz + 8, 40, 1 << 25)
                struct.pack_into(">II", whole, siz + 24, 40, 1 << 25)
            else:
                struct.pack_into(">II", whole, siz + 24, 1, 1)
            path.write_bytes(whole)
        bench.refused("S01IM000", ["convert", folder, "-o", bench.path("out.nii")], 3, [words], 512)


def little_memory(bench):
    """Too little address space ends with a line or with success, never with a signal."""
    if not bench.limited:
        return
    folder = bench.series("little")
    for mib in range(64, 160, 16):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
        done = subprocess.run([bench.ulite, "info", folder], capture_output=True, text=True, preexec_fn=limit,
                              env={**os.environ, "OMP_NUM_THREADS": "2"})
        assert done.returncode >= 0, f"{mib} MiB: {done.returncode}: {done.stderr}"


def claimed_length(bench):
    """A value that claims more bytes than its file has is refused without room for it."""
    whole = next(Path(bench.path("source")).iterdir()).read_bytes()
    path = Path(bench.path("claimed.dcm"))
    for element in (b"\x20\x00\x32\x00DS", b"\x08\x00\x60\x00CS"):
        at = whole.index(element)
        long_form = element[:4] + b"OB\0\0" + struct.pack("<I", 2998009858) + whole[at + 8:]
        path.write_bytes(whole[:at] + long_form)
        for arguments in (["info"], ["convert", "-o", bench.path("out.nii")], ["verify"]):
            bench.refused("claimed.dcm", [*arguments, str(path)], 3, ["truncated"], 512)


def unplaced_images(bench):
    """What lacks positions is named where an even grid is asked for."""
    image = pydicom.dcmread(next(Path(bench.path("source")).iterdir()))
    for name in ("ImagePositionPatient", "ImageOrientationPatient"):
        delattr(image, name)
    image.save_as(bench.path("unplaced.dcm"))
    bench.refused("unplaced.dcm", ["convert", bench.path("unplaced.dcm"), "-o", bench.path("out.nii"),
                                   "--grid", "regular"], 5, ["without positions"])


def control_characters(bench):
    """verify tells them; a message shows them on its one line."""
    whole = Path(bench.path("seg.dcm")).read_bytes()
    label = whole.index(b"\x62\x00\x05\x00LO") + 8  # SegmentLabel
    path = Path(bench.path("control.dcm"))
    path.write_bytes(whole[:label] + b"\x1b\n" + whole[label + 2:])
    done = subprocess.run([bench.ulite, "verify", str(path)], capture_output=True, text=True)
    assert done.returncode == 1 and "SegmentLabel holds control characters" in done.stdout, done
    done = subprocess.run([bench.ulite, "verify", bench.path("seg.dcm")], capture_output=True, text=True)
    assert "control characters" not in done.stdout, done


def main():
    make_series, ulite, model, *sanitized = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(make_series, ulite, model, scratch, not sanitized)
        for part in (nested_sequences, declared_frames, large_pictures, large_volumes, deflated_values,
                     large_code_stream,
                     little_memory, claimed_length, unplaced_images, control_characters):
            part(bench)


main()
