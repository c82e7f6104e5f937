"""The Label Map Segmentation IOD (Supplement 243: PS3.3 A.51 with Segmentation Type LABELMAP) as a judge: Bookworm's
dciodvfy does not know it.

faults(dataset) lists what an object lacks or has wrong, by module: attributes of type 1 have a value, those of type 2
are there, those of type 1C and 2C where their condition holds; values are those that the standard enumerates."""
from collections import Counter

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.7"

# Attributes of the data set by module: (keyword, type).
MODULES = {
    "Patient": [("PatientName", "2"), ("PatientID", "2"), ("PatientBirthDate", "2"), ("PatientSex", "2")],
    "General Study": [("StudyInstanceUID", "1"), ("StudyDate", "2"), ("StudyTime", "2"),
                      ("ReferringPhysicianName", "2"), ("StudyID", "2"), ("AccessionNumber", "2")],
    "Segmentation Series": [("Modality", "1"), ("SeriesInstanceUID", "1"), ("SeriesNumber", "1")],
    "Enhanced General Equipment": [("Manufacturer", "1"), ("ManufacturerModelName", "1"), ("DeviceSerialNumber", "1"),
                                   ("SoftwareVersions", "1")],
    "Image Pixel": [("SamplesPerPixel", "1"), ("PhotometricInterpretation", "1"), ("Rows", "1"), ("Columns", "1"),
                    ("BitsAllocated", "1"), ("BitsStored", "1"), ("HighBit", "1"), ("PixelRepresentation", "1"),
                    ("PixelData", "1")],
    "Segmentation Image": [("ImageType", "1"), ("ContentLabel", "1"), ("ContentDescription", "2"),
                           ("ContentCreatorName", "2"), ("LossyImageCompression", "1"), ("SegmentationType", "1"),
                           ("PixelPaddingValue", "1"), ("SegmentSequence", "1")],
    "Multi-frame Functional Groups": [("SharedFunctionalGroupsSequence", "1"), ("PerFrameFunctionalGroupsSequence", "1"),
                                      ("InstanceNumber", "1"), ("ContentDate", "1"), ("ContentTime", "1"),
                                      ("NumberOfFrames", "1")],
    "Multi-frame Dimension": [("DimensionOrganizationSequence", "1"), ("DimensionIndexSequence", "1")],
    "Common Instance Reference": [("ReferencedSeriesSequence", "1")],
    "SOP Common": [("SOPClassUID", "1"), ("SOPInstanceUID", "1")],
}

# Attributes of the items of sequences.
ITEMS = {
    "SegmentSequence": [("SegmentNumber", "1"), ("SegmentLabel", "1"), ("SegmentAlgorithmType", "1"),
                        ("SegmentedPropertyCategoryCodeSequence", "1"), ("SegmentedPropertyTypeCodeSequence", "1")],
    "DimensionOrganizationSequence": [("DimensionOrganizationUID", "1")],
    "DimensionIndexSequence": [("DimensionIndexPointer", "1"), ("FunctionalGroupPointer", "1"),
                               ("DimensionOrganizationUID", "1")],
    "ReferencedSeriesSequence": [("SeriesInstanceUID", "1"), ("ReferencedInstanceSequence", "1")],
    "ReferencedInstanceSequence": [("ReferencedSOPClassUID", "1"), ("ReferencedSOPInstanceUID", "1")],
    "PerFrameFunctionalGroupsSequence": [("FrameContentSequence", "1"), ("DerivationImageSequence", "1")],
    "FrameContentSequence": [("DimensionIndexValues", "1")],
    "DerivationImageSequence": [("DerivationCodeSequence", "1"), ("SourceImageSequence", "2")],
    "SourceImageSequence": [("ReferencedSOPClassUID", "1"), ("ReferencedSOPInstanceUID", "1"),
                            ("PurposeOfReferenceCodeSequence", "1")],
    "PlanePositionSequence": [("ImagePositionPatient", "1")],
    "PlaneOrientationSequence": [("ImageOrientationPatient", "1")],
    "PixelMeasuresSequence": [("PixelSpacing", "1"), ("SliceThickness", "1")],
}

ENUMERATED = {
    "SOPClassUID": [SOP_CLASS], "Modality": ["SEG"], "SegmentationType": ["LABELMAP"], "SamplesPerPixel": [1],
    "PhotometricInterpretation": ["MONOCHROME2", "PALETTE COLOR"], "PixelRepresentation": [0],
    "BitsAllocated": [8, 16], "LossyImageCompression": ["00", "01"], "PatientSex": ["M", "F", "O"],
    "SegmentsOverlap": ["NO"], "SegmentAlgorithmType": ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"],
    "PatientIdentityRemoved": ["YES", "NO"], "SpatialLocationsPreserved": ["YES", "NO", "REORIENTED_ONLY"],
}

# What a label map has not: a value belongs to one segment, and to all of it.
FORBIDDEN = ("SegmentationFractionalType", "MaximumFractionalValue")


def missing(dataset, attributes, where):
    for keyword, kind in attributes:
        if keyword not in dataset:
            yield f"{where}: {keyword} is missing"
        elif kind == "1" and dataset[keyword].is_empty:
            yield f"{where}: {keyword} is empty"


def check_code(item, where):
    if not any(item.get(keyword) for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue")):
        yield f"{where}: no code value"
    if not item.get("CodingSchemeDesignator") and "URNCodeValue" not in item:
        yield f"{where}: CodingSchemeDesignator is missing"
    if not item.get("CodeMeaning"):
        yield f"{where}: CodeMeaning is missing"


def check_items(dataset, where=""):
    """Types and values at every depth."""
    for element in dataset:
        if element.keyword in ENUMERATED and not element.is_empty and element.value not in ENUMERATED[element.keyword]:
            yield f"{where}: {element.keyword} is {element.value}"
        if element.VR != "SQ":
            continue
        for n, item in enumerate(element.value, 1):
            here = f"{where}{element.keyword}[{n}]"
            if element.keyword.endswith("CodeSequence"):
                yield from check_code(item, here)
            yield from missing(item, ITEMS.get(element.keyword, []), here)
            yield from check_items(item, here + ".")


def check_conditions(dataset):
    """1C and 2C of the data set."""
    placed = any("PlanePositionSequence" in frame for frame in dataset.PerFrameFunctionalGroupsSequence)
    if placed:
        yield from missing(dataset, [("FrameOfReferenceUID", "1"), ("PositionReferenceIndicator", "2")],
                           "Frame of Reference")
    elif "PatientOrientation" not in dataset:
        yield "General Image: PatientOrientation is missing, there are no positions"
    if dataset.LossyImageCompression == "01":
        yield from missing(dataset, [("LossyImageCompressionRatio", "1"), ("LossyImageCompressionMethod", "1")],
                           "Segmentation Image")
    if dataset.get("PatientIdentityRemoved") == "YES" and not (
            dataset.get("DeidentificationMethod") or dataset.get("DeidentificationMethodCodeSequence")):
        yield "Patient: DeidentificationMethod is missing"
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        yield from missing(dataset, [(f"{c}PaletteColorLookupTable{what}", "1") for c in ("Red", "Green", "Blue")
                                     for what in ("Descriptor", "Data")], "Palette Color Lookup Table")
    yield from (f"Segmentation Image: {keyword} does not belong in a LABELMAP" for keyword in FORBIDDEN if keyword in dataset)
    if (dataset.BitsStored, dataset.HighBit) != (dataset.BitsAllocated, dataset.BitsAllocated - 1):
        yield "Segmentation Image: BitsStored and HighBit do not follow BitsAllocated"
    if list(dataset.ImageType)[:2] != ["DERIVED", "PRIMARY"]:
        yield f"Segmentation Image: ImageType is {dataset.ImageType}"


def check_segments(dataset):
    """Each number once; each stored value is a segment or the padding."""
    numbers = Counter(int(segment.SegmentNumber) for segment in dataset.SegmentSequence)
    yield from (f"Segmentation Image: SegmentNumber {n} stands {times} times" for n, times in numbers.items() if times > 1)
    for segment in dataset.SegmentSequence:
        if segment.SegmentAlgorithmType != "MANUAL" and not segment.get("SegmentAlgorithmName"):
            yield f"Segment {segment.SegmentNumber}: SegmentAlgorithmName is missing"
        if ("TrackingID" in segment) != ("TrackingUID" in segment):
            yield f"Segment {segment.SegmentNumber}: TrackingID and TrackingUID go together"
    stored = {int(value) for value in set(dataset.pixel_array.ravel().tolist())}
    if strange := stored - set(numbers) - {int(dataset.PixelPaddingValue)}:
        yield f"Segmentation Image: pixels of {sorted(strange)[:5]}, which no segment describes"


def check_groups(dataset):
    """Functional groups: each macro shared or in every frame, dimensions that tell frames apart, known sources."""
    shared, frames = dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence
    if len(shared) != 1 or len(frames) != dataset.NumberOfFrames:
        yield f"Multi-frame Functional Groups: {len(shared)} shared items, {len(frames)} frames"
    macros = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    if any(macro in groups for macro in macros for groups in [*shared, *frames]):
        for macro in macros:
            at = (macro in shared[0], sum(macro in frame for frame in frames))
            if at not in ((True, 0), (False, len(frames))):
                yield f"{macro}: shared {at[0]}, in {at[1]} of {len(frames)} frames"
    if any("SegmentIdentificationSequence" in groups for groups in [*shared, *frames]):
        yield "SegmentIdentificationSequence does not belong in a LABELMAP"
    dimensions = [item.DimensionIndexPointer for item in dataset.DimensionIndexSequence]
    if 0x0062000B in dimensions:
        yield "Multi-frame Dimension: ReferencedSegmentNumber does not belong in a LABELMAP"
    indices = []
    for frame in frames:
        value = frame.FrameContentSequence[0].DimensionIndexValues
        indices.append(tuple(value) if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else (value,))
    if any(len(index) != len(dimensions) for index in indices) or len(set(indices)) != len(indices):
        yield "Multi-frame Dimension: DimensionIndexValues do not tell the frames apart"
    listed = {i.ReferencedSOPInstanceUID for s in dataset.ReferencedSeriesSequence for i in s.ReferencedInstanceSequence}
    named = {i.ReferencedSOPInstanceUID for f in frames for d in f.DerivationImageSequence for i in d.SourceImageSequence}
    if named - listed:
        yield f"Common Instance Reference: {len(named - listed)} source images are not listed"


def faults(dataset):
    found = [fault for module, attributes in MODULES.items() for fault in missing(dataset, attributes, module)]
    found += check_items(dataset)
    if not found:  # else what follows would not find what it looks at
        for check in (check_conditions, check_segments, check_groups):
            found += check(dataset)
    return found
