#!/usr/bin/python3
"""test_label_tables.py ULITE MAKE_SERIES FIXTURES: names and colours of labels in NIfTI files and beside them, told by
nibabel (the extension that Connectome Workbench and TotalSegmentator's tools read), nifti_tool, and niivue in Chromium."""
import json
import pathlib
import sys
import tempfile
import xml.etree.ElementTree

from forms import FIXTURES, HEAD, check, make, nibabel, numpy, run
from skipping import has, need, needed_modules

NAMES = {1: ("Left hippocampus", [250, 10, 20]), 5: ("a <b> & \"c\" ]]> d", [0, 128, 255]), 9: ("never there", [1, 2, 3])}


def table_of(path):
    """The label table of a NIfTI file: value to name and colour."""
    extensions = nibabel.load(path).header.extensions
    check([e.get_code() for e in extensions] == [30], f"{path.name}: extensions {[e.get_code() for e in extensions]}")
    root = xml.etree.ElementTree.fromstring(bytes(extensions[0].get_content()).rstrip(b"\0"))
    check(root.tag == "CaretExtension" and root.findtext("VolumeInformation/VolumeType") == "Label", "the XML")
    return {int(e.get("Key")): (e.text, [round(255 * float(e.get(c))) for c in ("Red", "Green", "Blue")])
            for e in root.iterfind("VolumeInformation/LabelTable/Label") if e.get("Key") != "0"}


def labels_of_names(folder):
    """A NIfTI file of two labels, its source, and NAMES as a segments file."""
    series = make(folder / "series")
    run("convert", series, "-o", folder / "image.nii.gz")
    image = nibabel.load(folder / "image.nii.gz")
    values = numpy.zeros(image.shape, numpy.uint8)
    values[3:20, 4:20, 2:6] = 1
    values[24:36, 8:28, 5:9] = 5
    nibabel.save(nibabel.Nifti1Image(values, image.affine), folder / "plain.nii.gz")
    (folder / "names.json").write_text(json.dumps({"segments": [
        {"number": n, "label": name, "rgb": rgb} for n, (name, rgb) in NAMES.items()]}))
    return series, values, image.affine


def tables_come_and_go(folder):
    series, values, affine = labels_of_names(folder)
    run("convert", folder / "plain.nii.gz", "-o", folder / "named.nii.gz", "--segments", folder / "names.json",
        "--label-table", folder / "named.tsv")
    check(table_of(folder / "named.nii.gz") == NAMES, f"the table: {table_of(folder / 'named.nii.gz')}")
    image = nibabel.load(folder / "named.nii.gz")
    check(numpy.array_equal(numpy.asarray(image.dataobj), values) and numpy.allclose(image.affine, affine), "the voxels")
    if has("nifti_tool"):
        said = run("-check_hdr", "-infiles", folder / "named.nii.gz", program="nifti_tool")
        check("is GOOD" in said or "header IS GOOD" in said, f"nifti_tool: {said}")
    # And back: from the NIfTI's own names, through DICOM and NRRD.
    run("convert", folder / "named.nii.gz", "-o", folder / "named.dcm", "--source", series)
    run("convert", folder / "named.dcm", "-o", folder / "back.nii.gz", "--source", series)
    check(table_of(folder / "back.nii.gz") == NAMES, f"through DICOM: {table_of(folder / 'back.nii.gz')}")
    run("convert", folder / "named.nii.gz", "-o", folder / "named.seg.nrrd")
    run("convert", folder / "named.seg.nrrd", "-o", folder / "again.nii")
    check(table_of(folder / "again.nii") == NAMES, "through NRRD")
    rows = [line.split("\t") for line in (folder / "named.tsv").read_text().splitlines()]
    check(rows[0][:3] == ["index", "name", "color"] and rows[1][:3] == ["1", "Left hippocampus", "#fa0a14"], f"{rows}")
    for name in ("named.txt", "named.json"):
        run("convert", folder / "named.nii.gz", "-o", folder / "x.nii", "--label-table", folder / name)
    snap = [line for line in (folder / "named.txt").read_text().splitlines() if not line.startswith("#")]
    check(snap[1].split()[:7] == ["1", "250", "10", "20", "1", "1", "1"] and snap[1].endswith('"Left hippocampus"'), f"{snap}")
    run("convert", folder / "named.nii.gz", "-o", folder / "x.nii", "--label-table", folder / "named.csv", code=2,
        says="--label-table")


def others_are_read(folder):
    """The extension as other programs write it: code 0, entities, in a big-endian file, damaged."""
    _, values, affine = labels_of_names(folder)

    def with_xml(xml, code=30, endian="<"):
        image = nibabel.Nifti1Image(values, affine, nibabel.Nifti1Header(endianness=endian))
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, b"hello"))
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, xml.encode()))
        nibabel.save(image, folder / "other.nii.gz")
        run("convert", folder / "other.nii.gz", "-o", folder / "read.nii", "--label-table", folder / "read.tsv")
        return {int(n): name for n, name, *_ in
                (line.split("\t") for line in (folder / "read.tsv").read_text().splitlines()[1:])}

    entry = "<CaretExtension><LabelTable><Label Key='1' Alpha='1'>vertebrae_L1 &amp; disc</Label>{}</LabelTable></CaretExtension>"
    for code, endian in ((0, "<"), (30, ">")):
        check(with_xml(entry.format(""), code, endian) == {1: "vertebrae_L1 & disc", 5: "Segment 5"}, f"code {code}")
    check(with_xml(entry.format("<Label Key='x'>a</Label><Label Key='70000'>b</Label><Label Key='5'")) ==
          {1: "vertebrae_L1 & disc", 5: "Segment 5"}, "damaged entries are passed over")
    # Looking for each one's attributes, or its end, in all of the rest would take hours.
    for many in ("<Label >", "<Label "):
        check(with_xml(entry.format(many * 2000000)) == {1: "vertebrae_L1 & disc", 5: "Segment 5"}, "entries without a key")


def segments_are_shown(folder):
    """niivue tells the name of the voxel under its crosshair, and the value of the NIfTI."""
    with needed_modules():
        import selenium # pylint: disable=unused-import
    from niivue_viewer import PROGRAMS, SCRIPT, Niivue
    series = make(folder / "series")
    if not has(SCRIPT, *PROGRAMS):
        return
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "-o", folder / "out.nii.gz", "--label-table",
        folder / "out.json", "--force")
    names = {value: name for value, (name, _) in table_of(folder / "out.nii.gz").items()}
    image = nibabel.load(folder / "out.nii.gz")
    values = numpy.asarray(image.dataobj)
    random = numpy.random.default_rng(5)
    voxels = [v for value in numpy.unique(values) for v in random.permutation(numpy.argwhere(values == value))[:10]]
    places = [[float(x) for x in image.affine[:3, :3] @ v + image.affine[:3, 3]] for v in voxels]
    with Niivue(folder) as niivue:
        shown = niivue.look("out.nii.gz", "out.json", places)
    check(isinstance(shown, list), f"niivue: {shown}")
    for voxel, (value, label) in zip(voxels, shown):
        own = int(values[tuple(voxel)])
        check(value == own, f"niivue reads {value} at {voxel}, the file has {own}")
        check(names.get(own, "background") in str(label), f"niivue calls {own} {label!r}, the table {names.get(own)!r}")


need(HEAD)
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
with tempfile.TemporaryDirectory() as temporary:
    for part in (tables_come_and_go, others_are_read, segments_are_shown):
        place = pathlib.Path(temporary) / part.__name__
        place.mkdir()
        part(place)
print("labels have their names for nibabel, nifti_tool and niivue")
