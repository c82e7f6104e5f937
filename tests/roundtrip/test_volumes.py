#!/usr/bin/python3
"""What makes a volume where places alone do not tell: echoes and time points that share none, series
numbers, thickness, parts that are missing; and values with a unit.

usage: test_volumes.py MAKE_SERIES ULITE"""
import glob
import os
import sys
import tempfile

from bench import Bench
from shared import HEAD, load, np, pydicom
from skipping import need


def files_of(folder):
    return sorted(path for path in glob.glob(folder + "/**/*", recursive=True) if os.path.isfile(path))


def change(folder, edit):
    """Rewrites every file of a folder: edit(data set, number from 0); False takes the file away."""
    for number, path in enumerate(files_of(folder)):
        data = pydicom.dcmread(path)
        if edit(data, number) is False:
            os.remove(path)
        else:
            data.save_as(path)


def slices_of(bench, folder):
    return sorted(volume["size"][2] for volume in bench.info(folder)["series"])


def volumes_without_common_places(bench):
    """Echoes, time points and b-values of which parts were lost are not stacked into one volume."""
    def lost(data, number):
        return number < 5 if data.EchoNumbers == 1 else number - 8 >= 5
    folder = bench.folder("echoes in part")
    bench.series(folder, "--echoes", "2")
    change(folder, lost)
    assert slices_of(bench, folder) == [3, 5]

    def interleaved(data, number):
        return number % 2 == data.EchoNumbers - 1
    folder = bench.folder("echoes between each other")
    bench.series(folder, "--echoes", "2")
    change(folder, interleaved)
    assert slices_of(bench, folder) == [4, 4]

    def moved(data, number):
        data.ImagePositionPatient[2] += 0.3 * data.TemporalPositionIdentifier
        data.AcquisitionNumber = data.TemporalPositionIdentifier
    folder = bench.folder("patient moved")
    bench.series(folder, "--times", "3")
    change(folder, moved)
    assert slices_of(bench, folder) == [8, 8, 8]

    def swapped(data, number):
        place = number % 8
        data.AcquisitionNumber = 1 + (place + data.EchoNumbers) % 2
    folder = bench.folder("acquisitions swap the echoes")
    truths = bench.series(folder, "--echoes", "2")
    change(folder, swapped)
    about = bench.info(folder)["series"]
    assert ["echo" in volume["part"] for volume in about] == [True, True], about
    for volume, truth in zip(about, truths):
        bench.converts(folder, volume["series"], truth)


def series_numbers(bench):
    """Two numbers are two series, whether they share a UID or have none."""
    for name, spoil in (("one UID", lambda data: None),
                        ("no UID", lambda data: data.pop("SeriesInstanceUID", None))):
        def numbered(data, number):
            data.SeriesNumber = 5 if number % 2 else 6
            spoil(data)
        folder = bench.folder("numbers with " + name)
        bench.series(folder)
        change(folder, numbered)
        about = bench.info(folder)["series"]
        assert sorted((v["series"], v["size"][2]) for v in about) == [("5", 4), ("6", 4)], about


def thin_and_thick(bench):
    """Slices that touch leave no gap, however thick they are; a slice that is away does."""
    def thick(data, number):
        data.SliceThickness = 1 if number < 6 else 3
    folder = bench.folder("thin and thick")
    bench.series(folder, "--step", "1,1,1,1,1,2,3")
    change(folder, thick)
    notes = bench.info(folder)["series"][0]["notes"]
    assert any("thickness differs" in note for note in notes), notes
    assert not any("missing" in note for note in notes), notes
    os.remove(files_of(folder)[2])
    notes = bench.info(folder)["series"][0]["notes"]
    assert any("missing at 1 place" in note for note in notes), notes


def parts_of_a_concatenation(bench):
    folder = bench.folder("concatenation")
    bench.series(folder, "--multi-frame")

    def second_of_two(data, number):
        data.ConcatenationUID = "2.25.4711"
        data.InConcatenationNumber, data.InConcatenationTotalNumber = 2, 2
    change(folder, second_of_two)
    notes = bench.info(folder)["series"][0]["notes"]
    assert "1 of the 2 parts of a concatenation missing" in notes, notes


def values_with_a_unit(bench):
    """MONOCHROME1 is a matter of display where values are HU; a dose has its scaling."""
    folder = bench.folder("inverted CT")
    truth, = bench.series(folder, "--modality", "CT", "--rescale", "1,-1024")

    def inverted(data, number):
        data.PhotometricInterpretation = "MONOCHROME1"
    change(folder, inverted)
    assert "MONOCHROME1: a matter of display, values are kept" in bench.info(folder)["series"][0]["notes"]
    bench.converts(folder, None, truth)

    def dose(data, number):
        data.Modality, data.DoseGridScaling = "RTDOSE", "0.125"
    folder = bench.folder("dose")
    truth, = bench.series(folder)
    change(folder, dose)
    out = bench.folder("out") + ".nii"
    bench.ask("convert", folder, "-q", "-o", out)
    assert load(out)[0].max() == load(truth["nifti"])[0].max() / 8


def ultrasound_regions(bench):
    """The pixel size of an image whose one region is 2D and in cm."""
    def region(data, number):
        item = pydicom.Dataset()
        item.RegionSpatialFormat, item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = 1, 3, 3
        item.PhysicalDeltaX, item.PhysicalDeltaY = 0.025, 0.05
        data.SequenceOfUltrasoundRegions = [item]
    folder = bench.folder("ultrasound")
    bench.series(folder, "--no-positions", "--size", "16,16,1", "--modality", "US", "--bits", "8")
    assert bench.info(folder)["series"][0]["spacing_mm"] == [0, 0]
    change(folder, region)
    assert bench.info(folder)["series"][0]["spacing_mm"] == [0.25, 0.5]


def directions(bench):
    """Diffusion-weighted images that only the makers' private elements tell apart."""
    def siemens(data, number):
        data.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
        data.add_new(0x0019100C, "IS", "1000")
        data.add_new(0x0019100E, "FD", [float(data.AcquisitionNumber == t) for t in (1, 2, 3)])

    def ge(data, number):
        data.add_new(0x00430010, "LO", "GEMS_PARM_01")
        data.add_new(0x00431039, "IS", ["1000001000", "0", "0", "0"])
        data.add_new(0x00190010, "LO", "GEMS_ACQU_01")
        for c in range(3):
            data.add_new(0x001910BB + c, "DS", str(int(data.AcquisitionNumber == c + 1)))

    def pet(data, number):
        data.FrameReferenceTime = str(1000 * data.AcquisitionNumber)

    for name, maker, word in (("Siemens", siemens, "gradient"), ("GE", ge, "gradient"), ("PET", pet, "frame time")):
        def anonymous(data, number):
            maker(data, number)
            for keyword in ("AcquisitionNumber", "TemporalPositionIdentifier", "AcquisitionTime", "ContentTime"):
                data.pop(keyword, None)
        folder = bench.folder("directions of " + name)
        truths = bench.series(folder, "--times", "3")
        change(folder, anonymous)
        about = bench.info(folder)["series"]
        assert [word in volume["part"] for volume in about] == [True] * 3, about
        order = truths if name == "PET" else None
        for n, volume in enumerate(about):
            if order:
                bench.converts(folder, volume["series"], order[n])


def faults(bench):
    """Sizes that no header can hold, whole slides, and one bad volume among good ones."""
    def huge(data, number):
        for keyword in ("Rows", "Columns"):
            data.pop(keyword, None)
        data.add_new(0x00280010, "DS", "4294967296")
        data.add_new(0x00280011, "DS", "4294967296")
    folder = bench.folder("huge")
    bench.series(folder, "--size", "8,8,2")
    change(folder, huge)
    said = bench.refuses(folder, 3, "at most 65535x65535")
    assert len(said.splitlines()) == 1, said

    def slide(data, number):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    folder = bench.folder("slide")
    bench.series(folder, "--size", "8,8,2")
    change(folder, slide)
    bench.refuses(folder, 9, "whole slide")

    folder = bench.folder("one bad")
    bench.series(folder, "--series-number", "1", "--missing", "3")
    good, = bench.series(folder, "--series-number", "2")
    out = bench.folder("out") + ".nii"
    said = bench.ask("convert", folder, "--split", "-o", out, status=1)
    assert "series 1" in said and "1 of 2 volumes" in said, said
    assert not os.path.exists(out[:-4] + "-1.nii")
    assert load(out[:-4] + "-2.nii")[0].shape == load(good["nifti"])[0].shape


def options_that_mean_nothing(bench):
    folder = bench.folder("plain")
    truth, = bench.series(folder)
    out = bench.folder("out") + ".nii"
    for arguments in (["convert", folder, "-o", out, "--segments", "x.json"],
                      ["convert", folder, "-o", out, "--type", "fractional"],
                      ["convert", folder, "-o", out, "--source", folder],
                      ["segment", folder, "-m", "hippocampus", "-o", out, "--frame", "2"],
                      ["segment", folder, "-m", "hippocampus", "-o", out, "--source", folder],
                      ["segment", truth["nifti"], "-m", "hippocampus", "-o", out, "--series", "2"]):
        assert arguments[-2] in bench.ask(*arguments, status=2), arguments


def main():
    need(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(sys.argv[1], sys.argv[2], scratch)
        for part in (volumes_without_common_places, series_numbers, thin_and_thick, parts_of_a_concatenation,
                     values_with_a_unit, ultrasound_regions, directions, faults, options_that_mean_nothing):
            part(bench)
    print(f"{bench.count} folders and files")


main()
