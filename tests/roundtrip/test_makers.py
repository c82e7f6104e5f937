#!/usr/bin/python3
"""Series as makers and their tools leave them: volumes that private elements or InstanceNumber alone tell apart, tiles
of UIH, objects without pixels, rounded times, identities that were replaced; and what is no DICOM at all. dcm2niix
judges where it takes such series.

usage: test_makers.py MAKE_SERIES ULITE"""
import bz2
import gzip
import os
import sys
import tempfile
import zipfile

from bench import Bench, by_dcm2niix
from shared import HEAD, in_space, load, np, pydicom
from skipping import need

SMALL = ["--size", "32,32,4"]


def images(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def edit(path, work):
    image = pydicom.dcmread(path)
    work(image)
    image.save_as(path)


def drop(image, *keywords):
    for keyword in keywords:
        if keyword in image:
            delattr(image, keyword)


def times(bench, name, work, *options):
    """A series of three times whose images work(image, time) has stripped and marked."""
    folder = bench.folder(name)
    truths = bench.series(folder, *SMALL, "--times", "3", *options)
    when = {slice_["file"]: time for time, truth in enumerate(truths) for slice_ in truth["slices"]}

    def mark(image, time):
        drop(image, "TemporalPositionIdentifier", "NumberOfTemporalPositions", "AcquisitionNumber",
             "AcquisitionTime", "ContentTime")
        work(image, time)

    for path in images(folder):
        edit(path, lambda image, p=path: mark(image, when[os.path.basename(p)]))
    return folder, truths


def splits(bench, folder, truths, *words):
    volumes = bench.info(folder)["series"]
    assert len(volumes) == len(truths), f"{folder}: {[v['part'] for v in volumes]}"
    for volume, truth, word in zip(volumes, truths, words):
        assert word in volume["part"], f"{folder}: {volume['part']}"
        bench.converts(folder, volume["series"], truth)
    found = by_dcm2niix(bench, folder)
    for truth in truths:
        wanted, place = load(truth["nifti"])
        assert any(volume.size == wanted.size and (in_space(volume, matrix, wanted.shape, place, folder) == wanted).all()
                   for volume, matrix in found), f"{folder}: dcm2niix splits otherwise"


def told_apart(bench):
    def directions(image, time):
        image.Manufacturer = "Philips Medical Systems"
        image.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", 800.0)
        block = image.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        for c in range(3):
            block.add_new(0xb0 + c, "FL", float(c == time))

    def labels(image, time):
        block = image.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        block.add_new(0x29, "CS", ["CONTROL", "LABEL", "M_ZERO_SCAN"][time])

    def uih(image, time):
        block = image.private_block(0x0065, "Image Private Header", create=True)
        block.add_new(0x09, "FD", [0.0, 500.0, 1000.0][time])

    numbers = ["repetition by InstanceNumber " + n for n in "123"]
    folder, truths = times(bench, "instance numbers", lambda image, time: None)
    splits(bench, folder, truths, *numbers)
    folder, truths = times(bench, "directions", directions)
    splits(bench, folder, truths, *["gradient direction"] * 3)
    for name, work, words in (("spin labels", labels, ["control", "label", "M0"]),
                              ("b-values of UIH", uih, ["b-value 0", "b-value 500", "b-value 1000"])):
        folder, truths = times(bench, name, work)
        for volume, truth, word in zip(bench.info(folder)["series"], truths, words):
            assert word in volume["part"], volume["part"]
            bench.converts(folder, volume["series"], truth)
    def rounded(image, time):  # in its last digits, otherwise on each slice
        image.DiffusionBValue = 800.0
        off = 3e-4 * (int(image.InstanceNumber) % 3 - 1)
        image.DiffusionGradientOrientation = [(c == time) + off for c in range(3)]

    folder, truths = times(bench, "rounded directions", rounded)
    for volume, truth in zip(bench.info(folder)["series"], truths, strict=True):
        assert "gradient direction" in volume["part"], volume["part"]
        bench.converts(folder, volume["series"], truth)
    # two times whose pictures are equal are not one picture sent twice
    folder, truths = times(bench, "equal pictures", lambda image, time: None)
    first, last = truths[0]["slices"][1]["file"], truths[2]["slices"][1]["file"]
    pixels = pydicom.dcmread(os.path.join(folder, first)).PixelData
    edit(os.path.join(folder, last), lambda image: setattr(image, "PixelData", pixels))
    assert [v["part"] for v in bench.info(folder)["series"]] == numbers


def one_volume(bench):
    """Rounded echo times and a frame of reference for each file part nothing; two of them do, by name."""
    folder = bench.folder("rounded echo")
    truth, = bench.series(folder, *SMALL)
    edit(images(folder)[1], lambda image: setattr(image, "EchoTime", "4.0000132"))
    volume, = bench.info(folder)["series"]
    bench.converts(folder, None, truth)
    folder = bench.folder("frames of reference")
    truth, = bench.series(folder, *SMALL)
    for n, path in enumerate(images(folder)):
        edit(path, lambda image, n=n: setattr(image, "FrameOfReferenceUID", f"2.25.9{n}"))
    volume, = bench.info(folder)["series"]
    assert "every file has a FrameOfReferenceUID of its own" in volume["notes"][0], volume["notes"]
    bench.converts(folder, None, truth)
    for n, path in enumerate(images(folder)):
        edit(path, lambda image, n=n: setattr(image, "FrameOfReferenceUID", f"2.25.9{n // 2}"))
    assert [v["part"] for v in bench.info(folder)["series"]] == ["frame of reference 1", "frame of reference 2"]


def tiles(bench):
    """A grid of UIH holds the slices of a volume and says where each lies; without that it is refused."""
    folder = bench.folder("slices")
    truth, = bench.series(folder, "--size", "32,32,5", "--rotate", "10,5,0")
    parts = [pydicom.dcmread(path) for path in images(folder)]
    picture = np.zeros((64, 96), "<u2")  # five tiles: three across, two down
    for n, part in enumerate(parts):
        picture[n // 3 * 32:n // 3 * 32 + 32, n % 3 * 32:n % 3 * 32 + 32] = part.pixel_array
    whole, places = parts[0], []
    for part in parts:
        places.append(pydicom.Dataset())
        places[-1].ImagePositionPatient = part.ImagePositionPatient
    whole.Manufacturer, whole.ImageType = "UIH", ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
    whole.Rows, whole.Columns, whole.PixelData = 64, 96, picture.tobytes()
    block = whole.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x50, "DS", "5")
    block.add_new(0x51, "SQ", pydicom.Sequence(places))
    grid = bench.folder("grid")
    os.mkdir(grid)
    whole.save_as(os.path.join(grid, "grid.dcm"))
    volume, = bench.info(grid)["series"]
    assert volume["size"] == [32, 32, 5] and volume["mosaic"], volume
    bench.converts(grid, None, truth)
    block.add_new(0x51, "SQ", pydicom.Sequence(places[:4]))
    whole.save_as(os.path.join(grid, "grid.dcm"))
    assert "VFRAME" in bench.ask("info", grid, status=3)


def without_pixels(bench):
    folder = bench.folder("beside the images")
    truth, = bench.series(folder, *SMALL)
    for n, (sop_class, keep_bits) in enumerate((("1.3.46.670589.11.0.0.12.2", False),
                                                ("1.3.46.670589.11.0.0.12.2", True),
                                                ("1.2.840.10008.5.1.4.1.1.4.2", False))):
        image = pydicom.dcmread(images(folder)[0])
        drop(image, "PixelData", *([] if keep_bits else ["BitsAllocated", "BitsStored", "HighBit"]))
        image.SOPClassUID, image.SOPInstanceUID = sop_class, f"2.25.8{n}"
        image.save_as(os.path.join(folder, f"XX_{n:04}.dcm"))
    about = bench.info(folder)
    assert about["files"]["without_pixels"] == 3 and about["files"]["unreadable"] == 0, about["files"]
    bench.converts(folder, None, truth)
    edit(images(folder)[0], lambda image: drop(image, "PixelData"))  # an image that lost its pixels
    assert "no pixel data" in bench.refuses(folder, 3)


def stated_step(bench):
    """Frames of a CT object of single images at the distance that it states; frames in time stay images."""
    folder = bench.folder("cone beam")
    truth, = bench.series(folder, *SMALL, "--modality", "CT", "--multi-frame")
    path, = images(folder)
    places = [groups.PlanePositionSequence[0].ImagePositionPatient
              for groups in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence]

    def flatten(image):
        shared = image.SharedFunctionalGroupsSequence[0]
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        image.ImagePositionPatient = places[0]
        image.ImageOrientationPatient = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        image.PixelSpacing = shared.PixelMeasuresSequence[0].PixelSpacing
        image.SpacingBetweenSlices = str(abs(float(places[1][2]) - float(places[0][2])))
        drop(image, "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

    edit(path, flatten)
    volume, = bench.info(folder)["series"]
    assert any("follow by SpacingBetweenSlices" in note for note in volume["notes"]), volume["notes"]
    bench.converts(folder, None, truth)
    edit(path, lambda image: setattr(image, "FrameTime", "40"))
    volume, = bench.info(folder)["series"]
    assert volume["stack"] == "unplaced" and "left out" in volume["notes"][0], volume


def empty_table(bench):
    folder = bench.folder("empty table")
    truth, = bench.series(folder, *SMALL, "--rescale", "2,-7")
    for path in images(folder):
        item = pydicom.Dataset()
        for tag in (0x00283002, 0x00283006):
            item.add_new(tag, "US", None)
        edit(path, lambda image, item=item: setattr(image, "ModalityLUTSequence", [item]))
    bench.converts(folder, None, truth)


def grey_colours(bench):
    """Pictures whose channels are equal are grey to a model of grey images; others are with --force."""
    for name, photometric in (("rgb", "RGB"), ("ybr", "YBR_FULL")):
        folder = bench.folder(name)
        bench.series(folder, "--no-positions", "--size", "32,32,1", "--modality", "US", "--photometric", photometric)
        path, = images(folder)
        out = folder + ".png"
        segment = ["segment", path, "-m", "fetal-head", "-o", out]
        assert "--force takes its luminance" in bench.ask(*segment, status=6)
        assert "luminance" in bench.ask(*segment, "--force", stream="stderr")
        os.remove(out)
        edit(path, lambda image: setattr(image, "PixelData", (np.arange(1024, dtype="u1").repeat(3) if photometric == "RGB"
             else np.stack([np.arange(1024) % 256, np.full(1024, 128), np.full(1024, 128)], 1).astype("u1")).tobytes()))
        assert "its channels are equal: read as grey" in bench.ask(*segment, stream="stderr")
    # of several in colour none is taken by chance; a grey one among them is
    folder = bench.folder("colours")
    for number in "12":
        bench.series(folder, "--size", "32,32,4", "--photometric", "RGB", "--series-number", number, "--names", "random", "--seed", number)
    out = folder + ".nii"
    segment = ["segment", folder, "-m", "hippocampus", "--force", "-o", out]
    assert "2 of 2 volumes fit the model" in bench.ask(*segment, status=4)
    one = bench.info(folder)["series"][1]["series"]
    assert "luminance" in bench.ask(*segment, "--series", one, stream="stderr")
    os.remove(out)
    bench.series(folder, "--size", "32,32,4", "--description", "grey", "--names", "random", "--seed", "3")
    assert "luminance" not in bench.ask("segment", folder, "-m", "hippocampus", "-o", out, stream="stderr")


def no_dicom(bench):
    folder = bench.folder("others")
    os.mkdir(folder)
    with open(HEAD, "rb") as file:
        packed = file.read()
    contents = {"4d7a2c": packed, "x.nii.bz2": bz2.compress(gzip.decompress(packed)[:5000]),
                "pointer.nii.gz": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                "image.dcm.gz": gzip.compress(bytes(128) + b"DICM")}
    for name, content in contents.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    with zipfile.ZipFile(os.path.join(folder, "export.zip"), "w") as archive:
        archive.writestr("a", "b")
    assert "NIfTI volume: 181x217x181" in bench.ask("info", os.path.join(folder, "4d7a2c"))
    for name, words in (("x.nii.bz2", "bzip2: to be unpacked first"), ("export.zip", "export.zip/a: not a DICOM file"),
                        ("pointer.nii.gz", "Git LFS"), ("image.dcm.gz", "gzipped"),
                        ("gone", "there is no such file or folder")):
        assert words in bench.ask("info", os.path.join(folder, name), status=3), name
    said = bench.ask("info", folder, status=3)
    assert "1 is a NIfTI file: give the file itself" in said and "1 is a zip archive" in said and "no DICOM image among 5 files" in said, said
    os.chdir(folder)
    assert "there is no such file or folder" in bench.ask("info", "exprt", status=3)


def main():
    need(HEAD, "dcm2niix")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), scratch)
        for part in (told_apart, one_volume, tiles, without_pixels, stated_step, empty_table, grey_colours, no_dicom):
            part(bench)


main()
