"""Studies for a node, and what it should make of them."""
import os
import shutil
import subprocess
import sys

import skipping

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "batch"))
import cohort  # noqa: E402

with skipping.needed_modules():
    import pydicom


def make(count):
    """So many good studies, and one broken, one that no model is for. Returns {name: folder}."""
    kinds = cohort.make("in", count, 0, 1, 0)
    places = {f"good{n}": place for n, place in enumerate(kinds["good"])}
    places["unfit"] = kinds["unfit"][0]
    broken = cohort.make("broken", 1, 0, 0, 0)["good"][0]
    shutil.rmtree(f"{broken}/b")
    for name in os.listdir(f"{broken}/a"):
        d = pydicom.dcmread(f"{broken}/a/{name}")
        d.PixelData = d.PixelData[:1000]  # of an object that can be sent
        d.save_as(f"{broken}/a/{name}")
    places["broken"] = broken
    return places


def compress(place):
    """JPEG-LS, in place."""
    skipping.need("dcmcjpls")
    for series in ("a", "b"):
        for name in os.listdir(f"{place}/{series}"):
            subprocess.run(["dcmcjpls", f"{place}/{series}/{name}", f"{place}/{series}/{name}"], check=True)


def content(path):
    """What a SEG says, whatever its file says of itself."""
    d = pydicom.dcmread(path)
    return d.SOPInstanceUID, d.to_json()


def expected(ulite, model, place):
    """The content of the SEG that `ulite segment` writes."""
    out = f"single-{place.rsplit('_', 1)[1]}.seg.dcm"
    cohort.run(ulite, "segment", place, "-m", model, "-o", out, "--threads", "1")
    return content(out)


def uids(place):
    """All that must not be in a log."""
    found = {"Secret", "secret-id"}
    for folder, _, names in os.walk(place):
        for name in names:
            d = pydicom.dcmread(f"{folder}/{name}", stop_before_pixels=True)
            found |= {str(d.StudyInstanceUID), str(d.SeriesInstanceUID), str(d.SOPInstanceUID)}
    return found


def study_uid(place):
    name = sorted(os.listdir(f"{place}/a"))[0]
    return str(pydicom.dcmread(f"{place}/a/{name}", stop_before_pixels=True).StudyInstanceUID)
