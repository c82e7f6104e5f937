"""Where pydicom finds the labels of a DICOM Segmentation.

{"segments": [{"number", "label", "rgb", "voxels": [[x, y, z], ...]}]}: SegmentNumber and positions in
DICOM patient coordinates; of frames without positions [column, row, frame of the source - 1].
For FRACTIONAL every voxel carries its value as a fourth number.
"""
import numpy
import pydicom


def macro(dataset, frame, name):
    for groups in (frame, dataset.SharedFunctionalGroupsSequence[0]):
        if name in groups:
            return groups[name].value[0]
    return None


def frames(dataset):
    count, rows, columns = int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns
    data = numpy.frombuffer(dataset.PixelData, numpy.uint8)
    if dataset.BitsAllocated == 1:
        data = numpy.unpackbits(data, bitorder="little")
    return data[: count * rows * columns].reshape(count, rows, columns)


def positions(dataset, groups, pixels):
    rows, columns = numpy.nonzero(pixels)
    place = macro(dataset, groups, "PlanePositionSequence")
    if place is None:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        at = int(source.get("ReferencedFrameNumber", 1)) - 1
        return numpy.stack([columns, rows, numpy.full(rows.shape, at)], 1).astype(float)
    cosines = numpy.array(macro(dataset, groups, "PlaneOrientationSequence").ImageOrientationPatient, float)
    spacing = numpy.array(macro(dataset, groups, "PixelMeasuresSequence").PixelSpacing, float)
    origin = numpy.array(place.ImagePositionPatient, float)
    return (origin + columns[:, None] * spacing[1] * cosines[:3] + rows[:, None] * spacing[0] * cosines[3:])


def read(path):
    dataset = pydicom.dcmread(path)
    segments = [{"number": int(item.SegmentNumber), "label": str(item.SegmentLabel), "rgb": None, "voxels": []}
                for item in dataset.SegmentSequence]
    by_number = {segment["number"]: segment for segment in segments}
    for groups, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, frames(dataset)):
        number = int(macro(dataset, groups, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        voxels = positions(dataset, groups, pixels)
        if dataset.BitsAllocated == 8:
            voxels = numpy.concatenate([voxels, pixels[pixels != 0][:, None]], 1)
        by_number[number]["voxels"] += numpy.round(voxels, 4).tolist()
    return {"segments": segments}
