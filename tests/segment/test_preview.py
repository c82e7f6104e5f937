"""--preview draws what was segmented, the same however the volume is stored, for every kind of input and output.

usage: test_preview.py ULITE FIXTURES"""
import json
import os
import struct
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    from PIL import Image

import png

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, FIXTURES = sys.argv[1], sys.argv[2]
need(HEAD)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def preview(source, model, output, *options, code=0):
    command = [ULITE, "segment", source, "-m", f"{FIXTURES}/{model}.safetensors", "-o", output,
               "--preview", "p.png", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, (command, done.returncode, done.stderr)
    if code:
        return done
    with open("p.png", "rb") as stream:
        return stream.read()


def size(picture):
    """Width, height, and the colour type, which is 2 for RGB."""
    width, height, bits, kind = struct.unpack(">IIBB", picture[16:26])
    assert (bits, kind) == (8, 2)
    return width, height


def images(picture):
    """The pixels of the panels: below the title, left of the legend; without their place texts."""
    with open("p.png", "wb") as stream:
        stream.write(picture)
    return numpy.asarray(Image.open("p.png")).astype(float)


image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:88, 50:120, 60:76]
nibabel.save(image, "plain.nii.gz")
plain = preview("plain.nii.gz", "axial", "l.nii.gz")
assert size(plain)[0] > 1000 and size(plain)[1] > 350, size(plain)

for axes in ("LPS", "RPI"):
    wanted = nibabel.orientations.axcodes2ornt(axes)
    nibabel.save(image.as_reoriented(nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), wanted)), "turned.nii")
    turned = preview("turned.nii", "axial", "l.nii.gz")
    assert size(turned) == size(plain)
    differ = abs(images(turned) - images(plain)).max(axis=2) > 8
    assert differ.mean() < 0.02, (axes, differ.mean())  # which slice it is by number, and ties
print("ok storage")

values = numpy.asarray(image.dataobj)[:, :, 8]
png.write("c.png", numpy.stack([values, values // 2, 255 - values], 2))
colour = preview("c.png", "colour", "l.png")
assert size(colour)[0] > 800, size(colour)
print("ok pictures")

done = subprocess.run([ULITE, "segment", "plain.nii.gz", "-m", f"{FIXTURES}/axial.safetensors", "-o",
                       "l.nii.gz", "--preview", "q.png", "--json", "-q"], capture_output=True, text=True)
events = [json.loads(line) for line in done.stdout.splitlines()]
assert {"event": "written", "path": "q.png", "version": 1} in events, events
for target in ("plain.nii.gz/p.png", "absent/p.png"):
    done = preview("plain.nii.gz", "axial", "fresh.nii.gz", "--preview", target, code=7)
    assert target in done.stderr and not os.path.exists("fresh.nii.gz"), done.stderr
print("ok targets")
