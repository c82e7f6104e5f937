"""The Python package.
usage: test_python.py ULITE MAKE_SERIES FIXTURES PACKAGE CC INCLUDE"""
import ctypes
import filecmp
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy

import package
from skipping import need

TEMPLATES = "/usr/share/mricron/templates"
ULITE, MAKE_SERIES, FIXTURES, PACKAGE, CC, INCLUDE = sys.argv[1:7]
need(f"{TEMPLATES}/aal.nii.gz", f"{TEMPLATES}/ch2.nii.gz")
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
ulite = package.load(PACKAGE)
from ulite import _c  # noqa: E402


def raised(kind, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def series(folder, *options):
    subprocess.run([MAKE_SERIES, f"{TEMPLATES}/ch2.nii.gz", "-o", folder, *options], check=True)


def test_layout():
    """Every structure and field lies where the compiler puts it."""
    lines, found = [], []
    for kind in _c.Structure.__subclasses__():
        found.append(str(ctypes.sizeof(kind)))
        lines.append(f'printf("%zu\\n", sizeof({kind.__name__}));')
        for name, _ in kind._fields_:
            field = getattr(kind, name)
            found.append(f"{kind.__name__}.{name} {field.offset} {field.size}")
            lines.append(f'printf("{kind.__name__}.{name} %zu %zu\\n", offsetof({kind.__name__}, {name}), '
                         f"sizeof((({kind.__name__} *)0)->{name}));")
    with open("layout.c", "w", encoding="utf-8") as stream:
        stream.write("#include <stddef.h>\n#include <stdio.h>\n#include <ulite.h>\nint main(void) {\n"
                     + "\n".join(lines) + "\n}\n")
    subprocess.run([CC, "-I", INCLUDE, "layout.c", "-o", "layout"], check=True)
    said = subprocess.run(["./layout"], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    assert len(found) > 100 and found == said, set(found) ^ set(said)


def test_series():
    series("crop", "--around", f"{TEMPLATES}/aal.nii.gz:37", "--extent", "36,50,36", "--series-number", "4")
    catalog = ulite.Catalog("crop")
    assert len(catalog) == 1 and catalog.names() == ["4"] and [s.number for s in catalog] == [4]
    one = catalog.find("4")
    assert (one.modality, one.uid, one.shape) == ("MR", catalog[-1].uid, one.read().shape)
    assert raised(ulite.Error, catalog.find, "5").status == 4
    raised(IndexError, catalog.__getitem__, 1)
    subprocess.run([ULITE, "convert", "crop", "-o", "crop.nii.gz", "-q"], check=True)
    image = nibabel.load("crop.nii.gz")
    assert numpy.array_equal(one.read().array(), image.get_fdata().T)
    assert numpy.allclose(numpy.diag([-1, -1, 1, 1]) @ one.affine(), image.affine)
    assert numpy.allclose(one.affine(), one.read().affine())


def test_segment():
    model = ulite.Model("hippocampus")
    assert model.card["name"] == "hippocampus" and len(model.hash) == 64
    source = ulite.Catalog("crop").choose(model)
    labels = model.segment(source)
    subprocess.run([ULITE, "segment", "crop", "-m", "hippocampus", "-q", "-o", "program.dcm", "-o", "program.nii.gz"],
                   check=True)
    labels.write_seg("python.dcm", source)
    labels.write_nifti("python.nii.gz")
    for ending in "dcm", "nii.gz":
        assert filecmp.cmp(f"program.{ending}", f"python.{ending}", shallow=False), ending
    numbers = labels.array()
    for number, name in labels.segments.items():
        voxels = numpy.count_nonzero(numbers == number)
        assert voxels > 100 and numpy.isclose(labels.volumes_ml()[name],
                                              voxels * abs(numpy.linalg.det(source.affine())) / 1000)
    back = ulite.read_seg("python.dcm", ulite.Catalog("crop").find_source("python.dcm"))
    assert numpy.array_equal(back.array(), numbers) and back.segments == labels.segments
    rle = "rle.dcm"
    labels.write_seg(rle, source, type="labelmap", rle=True)
    assert numpy.array_equal(ulite.read_seg(rle, source).array(), numbers)
    fractions = model.segment(source, fractions=True)
    fractions.write_seg("fractional.dcm", source, type="fractional")


def test_nifti():
    """Labels of a NIfTI image have its header, as the program's have."""
    model = ulite.Model(f"{FIXTURES}/slices.safetensors")
    labels = model.segment(ulite.read_nifti("crop.nii.gz"))
    labels.write_nifti("python.nii")
    subprocess.run([ULITE, "segment", "crop.nii.gz", "-m", f"{FIXTURES}/slices.safetensors", "-q", "-o", "program.nii"],
                   check=True)
    assert filecmp.cmp("program.nii", "python.nii", shallow=False)
    assert numpy.array_equal(ulite.read_nifti_labels("python.nii").array(), labels.array())


def test_arrays():
    """A volume of an array is that of the file; labels of an array go into a SEG."""
    model = ulite.Model("hippocampus")
    source = ulite.Catalog("crop").choose(model)
    image, affine = source.read(), source.affine()
    spacing = numpy.linalg.norm(affine[:3, :3], axis=0)
    cosines = (affine[:3, :2] / spacing[:2]).T.ravel()
    placed = ulite.Volume(image.array().astype(">i2"), spacing, cosines, affine[:3, 3], modality="MR")
    assert numpy.allclose(placed.affine(), affine) and numpy.array_equal(placed.array(), image.array())
    expected = model.segment(source).array()
    assert numpy.array_equal(model.segment(placed).array(), expected)
    own = ulite.Labels(expected == 2, like=image)
    own.write_seg("own.dcm", source)
    assert numpy.array_equal(ulite.read_seg("own.dcm", source).array(), expected == 2)
    colour = ulite.Volume(numpy.zeros((1, 32, 64, 3), numpy.uint8))
    assert colour.array().shape == (1, 32, 64, 3) and colour.shape == (1, 32, 64)
    raised(ulite.Error, colour.affine)
    raised(TypeError, ulite.Volume, numpy.zeros((2, 2)))
    raised(TypeError, ulite.Volume, numpy.zeros((2, 2, 2), numpy.complex64))
    assert raised(ulite.Error, ulite.Volume, numpy.zeros((2, 2, 2)), (1, 0, 1)).status == 5
    raised(TypeError, ulite.Labels, numpy.full(image.shape, 70000), like=image)
    raised(ValueError, ulite.Labels, numpy.zeros((1, 2, 3), int), like=image)


def test_network():
    model = ulite.Model("hippocampus")
    session = ulite.Session(model, 64, 96, threads=2)
    slices = numpy.random.default_rng(1).random((3, model.input_channels, 64, 96))
    logits = session.run(slices)
    assert logits.shape == (3, model.classes, 64, 96) and numpy.isfinite(logits).all()
    assert numpy.array_equal(session.run(slices[1:2])[0], logits[1])
    raised(ValueError, session.run, slices[:, :-1])
    assert raised(ulite.Error, ulite.Session, model, 64, 90).status == 2


def test_errors():
    error = raised(ulite.Error, ulite.Model, "absent.safetensors")
    assert error.status == 3 and "absent.safetensors" in str(error)
    assert raised(ulite.Error, ulite.Catalog, "absent").status == 3
    assert raised(ulite.Error, ulite.read_nifti, "crop").status == 3
    head = ulite.Volume(numpy.zeros((4, 64, 64), numpy.int16), (1, 1, 1), modality="CT")
    assert raised(ulite.Error, ulite.Model("hippocampus").segment, head).status == 6


for name, test in list(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
