#!/usr/bin/python3
"""Writes a BINARY segmentation again with compressed frames, each of whole bytes (PS3.5 8.2.2, Supplement 244).

usage: compress_binary.py IN.dcm OUT.dcm rle|deflate"""
import sys
import zlib

import numpy
import pydicom
from pydicom.encaps import encapsulate
from pydicom.pixel_data_handlers.rle_handler import rle_encode_frame

DEFLATED_FRAMES = b"1.2.840.10008.1.2.8.1\0"  # which this pydicom does not know


def frames_of(dataset):
    """The bits of every frame, each packed by itself."""
    count, pixels = int(dataset.NumberOfFrames), dataset.Rows * dataset.Columns
    bits = numpy.unpackbits(numpy.frombuffer(dataset.PixelData, "u1"), bitorder="little")
    return numpy.packbits(bits[:count * pixels].reshape(count, pixels), axis=1, bitorder="little")


def deflate(frame):
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(frame.tobytes()) + packer.flush()


def compress(source, target, how):
    dataset = pydicom.dcmread(source)
    encode = deflate if how == "deflate" else lambda frame: bytes(rle_encode_frame(frame[None, :]))
    dataset.PixelData = encapsulate([encode(frame) for frame in frames_of(dataset)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    named = pydicom.uid.JPEGBaseline8Bit if how == "deflate" else pydicom.uid.RLELossless
    dataset.file_meta.TransferSyntaxUID = named
    dataset.save_as(target)
    if how == "deflate":
        with open(target, "r+b") as file:
            whole = file.read()
            file.seek(whole.index(named.encode()))
            file.write(DEFLATED_FRAMES)


if __name__ == "__main__":
    compress(*sys.argv[1:4])
