#!/usr/bin/python3
"""Headers that real files have and simple readers trip over, written by pydicom: pixels inside of
items, values longer than usual, other character sets, positions of RT doses and of nuclear medicine,
wrong statements of the encoding; and headers that are attacks.

usage: test_headers.py DUMP_SERIES"""
import os
import struct
import sys
import tempfile
import zlib

from dumped import Failed, Reader
from skipping import needed_modules

with needed_modules():
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

FRAMES, ROWS, COLUMNS = 3, 4, 6
NM, RT_DOSE, CT = ("1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.481.2",
                   "1.2.840.10008.5.1.4.1.1.2")


def image(sop_class, frames=1, **attributes):
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = sop_class, "2.25.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = "2.25.2", "2.25.3"
    data.Modality = "OT"
    data.Rows, data.Columns, data.BitsAllocated, data.BitsStored, data.HighBit = ROWS, COLUMNS, 16, 16, 15
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelSpacing = [2, 2]
    if frames > 1:
        data.NumberOfFrames = frames
    data.PixelData = np.arange(frames * ROWS * COLUMNS, dtype="<u2").tobytes()
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def item(**attributes):
    data = Dataset()
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def write(data, path, stated=ExplicitVRLittleEndian, written=ExplicitVRLittleEndian):
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = stated
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = data.SOPClassUID, "2.25.1"
    data.is_little_endian, data.is_implicit_VR = True, written == ImplicitVRLittleEndian
    dcmwrite(path, data, write_like_original=False)


def pixels_in_items(reader, path):
    """An icon's pixels come before the image's, in an item of its own."""
    icon = item(Rows=2, Columns=2, BitsAllocated=8, PixelData=b"\1\2\3\4", SamplesPerPixel=1)
    icon["PixelData"].VR = "OB"
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        write(image(CT, IconImageSequence=[icon]), path, syntax, syntax)
        _, samples = reader.read(path)
        assert np.array_equal(samples.ravel(), np.arange(ROWS * COLUMNS)), samples


def long_values(reader, path):
    """More frame offsets than 511 characters hold."""
    frames = 200
    offsets = [f"{2.5 * k:.6f}" for k in range(frames)]
    write(image(RT_DOSE, frames, GridFrameOffsetVector=offsets, ImagePositionPatient=[0, 0, -7],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0]), path)
    series, = reader.list(path)
    assert series["size"] == [COLUMNS, ROWS, frames], series["size"]
    assert np.allclose(np.array(series["origins"])[:, 2], -7 + 2.5 * np.arange(frames))


def nuclear_medicine(reader, path):
    """Slices behind and in front of the first, and their order as the vector has it."""
    detector = item(ImagePositionPatient=[10, 20, 30], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    for step in (4, -4):
        write(image(NM, FRAMES, DetectorInformationSequence=[detector], SpacingBetweenSlices=step,
                    SliceVector=[3, 1, 2], FrameIncrementPointer=0x00540080), path)
        series, samples = reader.read(path)
        assert series["stack"] == 1, series["stack"]
        heights = np.array(series["origins"])[:, 2]
        assert np.allclose(np.sort(heights), np.sort(30 + step * np.arange(FRAMES))), heights
        # the frame of each slice is the one that the vector gives its number
        first = np.array([1, 2, 0])[np.argsort(30 + step * np.arange(FRAMES))] * ROWS * COLUMNS
        if heights[0] > heights[-1]:
            first = first[::-1]
        assert np.array_equal(samples[:, 0, 0], first), samples[:, 0, 0]


def character_sets(reader, path):
    for charset, text in (("ISO_IR 100", "Schädel"), ("ISO_IR 144", "Голова"), ("ISO_IR 126", "Κεφάλι"),
                          ("ISO_IR 192", "頭部"), (["", "ISO 2022 IR 87"], "頭部"), ("GB18030", "头颅")):
        write(image(CT, SpecificCharacterSet=charset, SeriesDescription=text), path)
        series, = reader.list(path)
        assert series["description"] == text, (charset, series["description"])


def wrong_statements(reader, path):
    """Written without VRs, and said to have them; a wrong length of the meta header."""
    write(image(CT), path, ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    assert len(reader.list(path)) == 1
    write(image(CT), path)
    with open(path, "r+b") as file:
        file.seek(140)
        file.write(struct.pack("<I", 4711))
    assert len(reader.list(path)) == 1


def refused(reader, path, word):
    try:
        reader.list(path)
    except Failed as failed:
        assert failed.status == 3 and word in failed.text and failed.text.count("\n") == 1, failed.text
        return
    raise AssertionError(f"{path} was read")


def numbers(reader, path):
    """Decimal commas are read, junk in the last of several numbers is not; an empty attribute is as good as none, and
    a slope of 0 is taken as 1."""
    def spoil(written, stated, **attributes):
        write(image(CT, ImagePositionPatient=["-1.5", "2.5", "3.5"], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                    RescaleSlope="0.5", RescaleIntercept="-7", **attributes), path)
        with open(path, "r+b") as file:
            content = file.read()
            assert content.count(written) == 1 and len(written) == len(stated)
            file.seek(0)
            file.write(content.replace(written, stated))

    spoil(b"-1.5\\2.5\\3.5", b"-1,5\\2,5\\3,5")
    series, _ = reader.read(path)
    assert series["origins"] == [[-1.5, 2.5, 3.5]] and series["rescale"] == [[0.5, -7]], series
    for stated in (b"-1.5\\2.5\\3.x", b"-1.5\\2.5\\nan", b"-1.5\\2.5000 ", b"a.b\\2.50\\1.5"):
        spoil(b"-1.5\\2.5\\3.5", stated)
        refused(reader, path, "ImagePositionPatient")
    spoil(b"-1.5\\2.5\\3.5", b" " * 12)
    series, _ = reader.read(path)
    assert "no positions" in series["notes"]["0"], series["notes"]
    spoil(b"0.5 ", b"0   ")
    series, _ = reader.read(path)
    assert series["rescale"] == [[1, -7]] and "RescaleSlope is 0" in str(series["notes"]), series


def stray_items(reader, path):
    """Item tags of no length outside of any sequence, early in the header and before the pixels."""
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        write(image(CT), path, syntax, syntax)
        with open(path, "rb") as file:
            content = file.read()
        for before in (b"\x28\x00\x10\x00", b"\xe0\x7f\x10\x00"):
            with open(path, "wb") as file:
                file.write(content.replace(before, b"\xfe\xff\x00\xe0\0\0\0\0" + before, 1))
            _, samples = reader.read(path)
            assert np.array_equal(samples.ravel(), np.arange(ROWS * COLUMNS)), samples


def attacks(reader, path):
    """Sequences within sequences, a value of four gigabytes, a deflated file that never ends."""
    def explicit(tag, vr, length):
        long = vr in ("SQ", "OB", "UN")
        return struct.pack("<HH2s", *tag, vr.encode()) + struct.pack("<xxI" if long else "<H", length)

    def file(body, syntax=b"1.2.840.10008.1.2.1\0"):
        meta = explicit((2, 0x10), "UI", len(syntax)) + syntax
        with open(path, "wb") as out:
            out.write(b"\0" * 128 + b"DICM" + explicit((2, 0), "UL", 4) + struct.pack("<I", len(meta)) + meta + body)

    deeper = explicit((8, 0x1140), "SQ", 0xffffffff) + struct.pack("<HHI", 0xfffe, 0xe000, 0xffffffff)
    file(deeper * 200000)
    refused(reader, path, "nested too deeply")
    file(explicit((8, 0x103e), "UN", 0xfffffff0) + b"short")
    refused(reader, path, "truncated")
    zip = zlib.compressobj(9, zlib.DEFLATED, -15)
    endless = zip.compress(explicit((9, 0x1001), "OB", 0x3ffffff0) + bytes(300 << 20)) + zip.flush()
    file(endless, b"1.2.840.10008.1.2.1.99")
    refused(reader, path, "too long")


def padding_ranges(reader, path):
    """PixelPaddingRangeLimit lies on either side of PixelPaddingValue."""
    for value, limit in ((3, 9), (9, 3)):
        write(image(CT, PixelPaddingValue=value, PixelPaddingRangeLimit=limit), path)
        series, _ = reader.read(path)
        assert series["padding"] == [3, 9], series["padding"]


def ge_b_values(reader, path):
    """GE keeps b-values in a private element and adds 1e9 where the direction was optimised."""
    with tempfile.TemporaryDirectory() as folder:
        for n, b in enumerate((0, 1000000800)):
            data = image("1.2.840.10008.5.1.4.1.1.4", ImagePositionPatient=[0, 0, 0],
                         ImageOrientationPatient=[1, 0, 0, 0, 1, 0], InstanceNumber=n + 1)
            data.SOPInstanceUID, data.Modality = f"2.25.1{n}", "MR"
            block = data.private_block(0x0043, "GEMS_PARM_01", create=True)
            block.add_new(0x39, "IS", [b, 0, 0, 0])
            write(data, os.path.join(folder, f"{n}.dcm"))
        split = [series["split"] for series in reader.list(folder)]
        assert len(split) == 2 and "b-value 0" in split[0] and "b-value 800" in split[1], split


def main():
    reader = Reader(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "image.dcm")
        for part in (pixels_in_items, long_values, nuclear_medicine, character_sets, wrong_statements, numbers,
                     padding_ranges, ge_b_values,
                     stray_items, attacks):
            part(reader, path)


main()
