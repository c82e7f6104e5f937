"""NIfTI volumes of every kind give the labels that the plain one gives, on its own grid.

usage: test_nifti.py ULITE FIXTURES"""
import json
import os
import subprocess
import sys
import tempfile

from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, FIXTURES = sys.argv[1], sys.argv[2]
DATA = os.path.join(os.path.dirname(nibabel.__file__), "tests/data")
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
AFFINE = numpy.array([[2, 0, 0, -30], [0, 2, 0, -40], [0, 0, 3, 10], [0, 0, 0, 1.0]])
rng = numpy.random.default_rng(1)
smooth = numpy.kron(rng.integers(0, 100, (6, 5, 2)), numpy.ones((6, 6, 3)))


def run(source, *options, code=0):
    command = [ULITE, "segment", source, "-m", f"{FIXTURES}/slices.safetensors", "-o", "l.nii", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, (command, done.returncode, done.stderr)
    return done.stderr if code else (numpy.asarray(nibabel.load("l.nii").dataobj), done.stderr)


def save(data, name, kind=nibabel.Nifti1Image, endian="<", affine=AFFINE, slope=None):
    image = kind(data, affine, kind.header_class(endianness=endian))
    image.set_data_dtype(data.dtype)
    if slope:
        image.header.set_slope_inter(*slope)
    nibabel.save(image, name)


save(smooth.astype("u1"), "plain.nii")
PLAIN, _ = run("plain.nii")
assert PLAIN.shape == smooth.shape and len(numpy.unique(PLAIN)) > 1


def test_types():
    for dtype in "u1 i1 u2 i2 u4 i4 u8 i8 f4 f8".split():
        for endian in "<>":
            for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
                for name in ("t.nii", "t.nii.gz"):
                    save(smooth.astype(endian + dtype), name, kind, endian)
                    found, _ = run(name)
                    assert numpy.array_equal(found, PLAIN), (dtype, endian, kind, name)
                    assert isinstance(nibabel.load("l.nii"), kind)


def test_pair():
    save(smooth.astype("i2"), "p.hdr", nibabel.Nifti1Pair)
    assert numpy.array_equal(run("p.hdr")[0], PLAIN)
    done = subprocess.run([ULITE, "info", "p.hdr", "--json"], capture_output=True, text=True, check=True)
    about = json.loads(done.stdout)
    assert (about["kind"], about["size"], about["sample"]) == ("nifti", list(smooth.shape), "int16"), about
    assert about["spacing_mm"] == [2, 2, 3] and about["maximum"] == smooth.max(), about
    os.remove("p.img")
    assert "p.img:" in run("p.hdr", code=3)


def test_endings():
    """Compressed by the ending, in whatever case."""
    save(smooth.astype("i2"), "e.nii")
    subprocess.run([ULITE, "segment", "e.nii", "-m", f"{FIXTURES}/slices.safetensors", "-q", "-o", "E.NII.GZ"], check=True)
    with open("E.NII.GZ", "rb") as stream:
        assert stream.read(2) == b"\x1f\x8b"


def test_bad_scaling():
    for slope in (0.0, numpy.nan):
        save(smooth.astype("i2"), "s.nii")
        with open("s.nii", "r+b") as stream:  # nibabel does not write such a slope itself
            stream.seek(112)
            stream.write(numpy.array([slope, 5], "<f4").tobytes())
        assert numpy.array_equal(run("s.nii")[0], PLAIN), slope


def test_frames():
    save(numpy.stack([smooth, smooth.max() - smooth], 3).astype("i2"), "f.nii.gz")
    found, messages = run("f.nii.gz")
    assert numpy.array_equal(found, PLAIN) and "2 volumes" in messages
    second, _ = run("f.nii.gz", "--frame", "2")
    assert second.shape == PLAIN.shape and not numpy.array_equal(second, PLAIN)
    run("f.nii.gz", "--frame", "3", code=4)


def test_forms():
    for sform, qform, expected in ((1, 1, ""), (1, 0, ""), (0, 1, ""), (0, 0, "unknown orientation")):
        image = nibabel.Nifti1Image(smooth.astype("u1"), AFFINE)
        image.set_sform(AFFINE, sform)
        image.set_qform(AFFINE, qform)
        nibabel.save(image, "f.nii")
        found, messages = run("f.nii")
        header = nibabel.load("l.nii").header
        assert (header["sform_code"], header["qform_code"]) == (sform, qform)
        assert numpy.array_equal(found, PLAIN) and expected in messages, (sform, qform, messages)
    image.set_sform(AFFINE, 1)
    moved = AFFINE.copy()
    moved[0, 3] += 7
    image.set_qform(moved, 1)
    nibabel.save(image, "f.nii")
    assert "7 mm apart" in run("f.nii")[1]
    assert numpy.allclose(nibabel.load("l.nii").get_qform(), moved)
    assert numpy.allclose(nibabel.load("l.nii").get_sform(), AFFINE)


def patched(name, **fields):
    """plain.nii with header fields as nibabel would not write them."""
    header = nibabel.load("plain.nii").header.copy()
    for field, value in {"vox_offset": 352, **fields}.items():
        header[field] = value
    with open("plain.nii", "rb") as stream:
        content = stream.read()
    with open(name, "wb") as stream:
        stream.write(header.binaryblock + content[348:])


def test_odd_qforms():
    """Lengths and quaternions that the standard forbids, where the qform places the voxels."""
    patched("q.nii", sform_code=0, qform_code=1, pixdim=[1, -2, 2, 3, 0, 0, 0, 0])
    found, messages = run("q.nii")
    assert numpy.array_equal(found, PLAIN) and "pixel dimension 1 is negative" in messages, messages
    patched("q.nii", sform_code=0, qform_code=1, pixdim=[1, 0, 2, 3, 0, 0, 0, 0])
    assert "length 0 mm" in run("q.nii", code=5)
    patched("q.nii", sform_code=0, qform_code=1, quatern_b=0.9, quatern_c=0.9, quatern_d=0.9)
    assert "quaternion" in run("q.nii", code=3)
    patched("q.nii", sform_code=1, qform_code=1, quatern_b=0.9, quatern_c=0.9, quatern_d=0.9)
    assert "the sform is used" in run("q.nii")[1]
    patched("q.nii", sform_code=0, qform_code=1, quatern_b=0.0, quatern_c=0.0, quatern_d=1.0001)
    run("q.nii")
    assert numpy.allclose(nibabel.load("l.nii").affine[:3, :3], numpy.diag([-2, -2, 3]), atol=1e-3)


def test_skewed_sform():
    """Rows and columns as far from a right angle as DICOM's may be."""
    for cosine, code in ((0.0024, 0), (0.009, 0), (0.011, 5)):
        skewed = AFFINE.copy()
        skewed[0, 1] = 2 * cosine
        save(smooth.astype("u1"), "k.nii", affine=skewed)
        if run("k.nii", code=code) and code == 0:
            assert numpy.allclose(nibabel.load("l.nii").affine, skewed)


def test_samples_within_the_header():
    for offset in (0, 350):
        patched("v.nii", vox_offset=offset)
        assert "352" in run("v.nii", code=3), offset


def test_too_wide():
    save(numpy.zeros((17000, 32, 1), "u1"), "wide.nii")
    assert "16384" in run("wide.nii", code=8)


def test_damaged():
    save(smooth.astype("i2"), "d.nii.gz")
    whole = open("d.nii.gz", "rb").read()
    for size in (0, 100, len(whole) // 2, len(whole) - 40):
        open("cut.nii.gz", "wb").write(whole[:size])
        assert "cut.nii.gz" in run("cut.nii.gz", code=3)
    raw = bytearray(open("plain.nii", "rb").read())
    raw[42:48] = numpy.array([32767] * 3, "<i2").tobytes()
    open("huge.nii", "wb").write(raw)
    assert "too short" in run("huge.nii", code=3)


def test_packaged():
    for name in ("anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz"):
        path = os.path.join(DATA, name)
        found, _ = run(path)
        source = nibabel.load(path)
        assert found.shape == source.shape[:3]
        assert numpy.allclose(nibabel.load("l.nii").affine, source.affine)


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
