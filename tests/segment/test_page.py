"""--html in real Chromium: it is scrolled and clicked through, and what it says of the pixel under the mouse is compared
with the source's own files; the letters at the edges with where the mouse goes.

usage: test_page.py ULITE FIXTURES MAKE_SERIES [NAME...]      of the images below; all without"""
import glob
import json
import math
import os
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    import browser

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, FIXTURES, MAKE_SERIES, *CHOSEN = sys.argv[1:]
need(HEAD, *browser.PROGRAMS)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
SIDES = ("LR", "PA", "HF")
BOX = "60:108,60:130,40:70"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)


class Nifti:
    """The truth about a NIfTI input, by nibabel."""

    def __init__(self, path):
        image = nibabel.load(path)
        self.values, self.affine = image.get_fdata(), image.affine

    def value(self, i, j, k):
        return self.values[i, j, k]

    def place(self, i, j, k):
        return (self.affine @ (i, j, k, 1))[:3] * (-1, -1, 1)


class Series:
    """The truth about a DICOM series, by pydicom."""

    def __init__(self, folder):
        self.slices = [pydicom.dcmread(path) for path in glob.glob(f"{folder}/*")]
        cosines = numpy.array(self.slices[0].ImageOrientationPatient, float).reshape(2, 3)
        self.axes, normal = cosines, numpy.cross(*cosines)
        self.slices.sort(key=lambda s: numpy.dot(normal, numpy.array(s.ImagePositionPatient, float)))

    def value(self, i, j, k):
        data = self.slices[k]
        return data.pixel_array[j, i] * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))

    def place(self, i, j, k):
        data = self.slices[k]
        down, right = map(float, data.PixelSpacing)
        return numpy.array(data.ImagePositionPatient, float) + i * right * self.axes[0] + j * down * self.axes[1]


def letters(direction):
    """As a viewer marks an edge that lies this way: the nearest axis first, others from 15 degrees on."""
    order = sorted(range(3), key=lambda c: -abs(direction[c]))
    return "".join(SIDES[c][int(direction[c] < 0)] for c in order if abs(direction[c]) >= math.sin(math.radians(15)))


def under(page, canvas, x, y):
    """What the page says where the mouse is: at a share of the canvas from its left and top."""
    size = canvas.size
    ActionChains(page.driver, duration=0).move_to_element_with_offset(
        canvas, int((x - 0.5) * size["width"]), int((y - 0.5) * size["height"])).perform()
    told = page.run("return {...document.getElementById('under').dataset}")
    return told if told else None


def check_under(told, truth, labels, exact):
    i, j, k = (int(told[axis]) for axis in "ijk")
    value, wanted = float(told["value"]), truth.value(i, j, k)
    assert abs(value - wanted) <= (1e-6 * abs(wanted) + 1e-9 if exact else 0.02), (told, wanted)
    place = numpy.array(told["lps"].split(), float)
    assert numpy.allclose(place, truth.place(i, j, k), atol=2e-3), (told, truth.place(i, j, k))
    if labels is not None:
        voxel = numpy.rint(numpy.linalg.solve(labels.affine, (*(place * (-1, -1, 1)), 1)))[:3].astype(int)
        assert int(told["label"]) == labels.value(*voxel), (told, voxel)
    return place


def check_plane(page, view, truth, labels, exact, oblique):
    """Reads pixels all over a plane; its letters are those of the ways that the mouse went."""
    canvas = view.find_element("css selector", "canvas")
    places, seen = {}, set()
    for x in (0.35, 0.5, 0.65):
        for y in (0.35, 0.45, 0.65):
            told = under(page, canvas, x, y)
            if told:
                places[x, y] = check_under(told, truth, labels, exact)
                seen.add(told["label"])
    edges = page.run("""return Object.fromEntries(['left', 'right', 'top', 'bottom'].map(
        (edge) => [edge, arguments[0].querySelector('.letter.' + edge).innerText]))""", view)
    ways = {"right": [], "bottom": []}
    for (x, y), place in places.items():
        for (ox, oy), other in places.items():
            if y == oy and x < ox:
                ways["right"].append(other - place)
            if x == ox and y < oy:
                ways["bottom"].append(other - place)
    for side, opposite in (("right", "left"), ("bottom", "top")):
        way = max(ways[side], key=numpy.linalg.norm)
        way = way / numpy.linalg.norm(way)
        wanted = {side: letters(way), opposite: letters(-way)}
        for edge, text in wanted.items():
            shown = edges[edge]
            # The mouse tells the way to a voxel: a direction near 15 degrees may fall either side.
            assert shown == text if not oblique else shown[0] == text[0], (edge, shown, text, way)
    upright = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}[view.get_attribute("data-plane")]
    shown = "".join(edges[edge][0] for edge in ("left", "right", "top", "bottom"))
    assert shown == upright, (shown, upright)
    return seen


def check_scrolling(page, view):
    canvas, place = (view.find_element("css selector", what) for what in ("canvas", ".place"))
    before, told = place.text, under(page, canvas, 0.5, 0.5)
    ActionChains(page.driver).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, 100).perform()
    page.settle()
    after = place.text
    assert before.splitlines()[0] == after.splitlines()[0] == view.get_attribute("data-plane"), (before, after)
    count = [int(text.splitlines()[2].split()[1].split("/")[0]) for text in (before, after)]
    assert count[1] == count[0] + 1, (before, after)
    ActionChains(page.driver).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, -100).perform()
    page.settle()
    assert place.text == before and under(page, canvas, 0.5, 0.5) == told


COLOUR = """const canvas = arguments[0];
return [...canvas.getContext('2d').getImageData(...arguments[1], 1, 1).data].slice(0, 3)"""


def check_toggling(page, view, rgb):
    """A segment of opacity 1 covers the image in its colour where it is, until it is hidden."""
    canvas = view.find_element("css selector", "canvas")
    page.run("""const set = (id, value) => { const e = document.getElementById(id); e.value = value;
        e.dispatchEvent(new Event('input')) }; set('opacity', 100); document.getElementById('outlines').click()""")
    page.settle()
    found = None
    for x in numpy.linspace(0.3, 0.7, 12):
        for y in numpy.linspace(0.3, 0.7, 12):
            told = found or under(page, canvas, x, y)
            if not found and told and told["label"] != "0":
                found, at = told, (int(x * canvas.size["width"]), int(y * canvas.size["height"]))
    assert found, "no segment lies in the plane"
    assert page.run(COLOUR, canvas, at) == rgb[int(found["label"])], (found, at)
    box = page.driver.find_element("css selector", f"[data-segment='{found['label']}']")
    box.click()
    page.settle()
    hidden = page.run(COLOUR, canvas, at)
    assert hidden[0] == hidden[1] == hidden[2], hidden
    box.click()
    page.settle()
    assert page.run(COLOUR, canvas, at) == rgb[int(found["label"])]


def check(page, name, source, truth, exact=True, oblique=False, labelled=True, clicked=False):
    outputs = ["-o", "l.nii.gz"] if labelled else ["-o", "l.dcm"]
    run(ULITE, "segment", source, "-m", f"{FIXTURES}/axial.safetensors", *outputs, "--html", f"{name}.html",
        "--force")
    page.open(f"{name}.html")
    views = page.driver.find_elements("css selector", ".view")
    assert [view.get_attribute("data-plane") for view in views] == ["axial", "coronal", "sagittal"]
    labels = Nifti("l.nii.gz") if labelled else None
    seen = set()
    for view in views:
        seen |= check_plane(page, view, truth, labels, exact, oblique)
        if clicked:
            check_scrolling(page, view)
    assert seen - {"0"}, "no segment was under the mouse"
    if clicked:
        case = json.loads(page.run("return document.getElementById('case').textContent"))
        rgb = {s["number"]: [int(s["rgb"][n:n + 2], 16) for n in (1, 3, 5)] for s in case["segments"]}
        check_toggling(page, views[0], rgb)
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.complaints() == []
    print("ok", name, flush=True)


def niftis():
    image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:104, 40:120, 40:80]
    values = numpy.asarray(image.dataobj)
    nibabel.save(image, "plain.nii.gz")
    yield "plain", {"clicked": True}
    for axes in ("LPI", "PIR", "SAL"):
        wanted = nibabel.orientations.axcodes2ornt(axes)
        nibabel.save(image.as_reoriented(nibabel.orientations.ornt_transform(
            nibabel.io_orientation(image.affine), wanted)), f"{axes}.nii.gz")
        yield axes, {}
    for name, degrees in (("oblique", 25), ("leaning", 40)):
        a = math.radians(degrees)
        turn = numpy.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
        affine = image.affine.copy()
        affine[:3, :3] = turn @ affine[:3, :3] @ numpy.diag([1, 1.5, 2])
        nibabel.save(nibabel.Nifti1Image(values, affine), f"{name}.nii.gz")
        yield name, {"oblique": True}
    floats = nibabel.Nifti1Image(values.astype("f4") / 7, image.affine)
    nibabel.save(floats, "floats.nii.gz")
    yield "floats", {"exact": False}


SERIES = {
    "decubitus": ["--position", "HFDR"],
    "feet": ["--position", "FFP"],
    "coronal": ["--plane", "coronal", "--flip", "both"],
    "tilted": ["--tilt", "12", "--step", "2"],
    "turned": ["--rotate", "10,20,30"],
    "uneven": ["--step", "1,2,4"],
    "slopes": ["--slope-per-slice", "--signed", "--modality", "CT"],
}

with browser.Browser() as page:
    for name, options in niftis():
        if CHOSEN and name not in CHOSEN:
            continue
        check(page, name, f"{name}.nii.gz", Nifti(f"{name}.nii.gz"), **options)
    for name, options in SERIES.items():
        if CHOSEN and name not in CHOSEN:
            continue
        run(MAKE_SERIES, HEAD, "-o", name, "--box", BOX, *options)
        check(page, name, name, Series(name), oblique=name == "turned", labelled=name != "uneven",
              clicked=name == "tilted")
