"""`ulite batch --html`: a page per case, and one of all, looked at in real Chromium.

usage: test_index.py ULITE FIXTURES"""
import json
import os
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy

    import browser

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, FIXTURES = sys.argv[1:3]
need(HEAD, *browser.PROGRAMS)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
CASES = 5


def batch(*options, code):
    done = subprocess.run([ULITE, "batch", *options], capture_output=True, text=True)
    assert done.returncode == code, (options, done.returncode, done.stderr)


def make_cohort():
    """Cases of rising size; the second one is cut off."""
    head = nibabel.as_closest_canonical(nibabel.load(HEAD))
    for n in range(CASES):
        os.makedirs("in/DOE_JANE", exist_ok=True)
        part = head.slicer[60:100 + 4 * n, 60:110, 40:56]
        nibabel.save(nibabel.Nifti1Image(numpy.asarray(part.dataobj), part.affine), f"in/DOE_JANE/{n}.nii")
    with open("in/DOE_JANE/1.nii", "r+b") as stream:
        stream.truncate(5000)


def read_runs():
    with open("out/runs.jsonl") as stream:
        return [json.loads(line) for line in stream]


def numbers(page):
    """The cases of the table from top to bottom."""
    return [int(row.get_attribute("data-number")) for row in page.driver.find_elements("css selector", "tbody tr")]


def check_index(page, runs):
    page.open("out/index.html")
    failed = [run["number"] for run in runs if run["exit_code"]]
    assert failed == [2] and numbers(page)[0] == 2 and sorted(numbers(page)) == list(range(1, CASES + 1))
    pictures = page.driver.find_elements("css selector", "tbody img")
    assert len(pictures) == CASES - 1
    for picture in pictures:
        page.run("arguments[0].scrollIntoView(); return arguments[0].decode()", picture)
        assert page.run("return arguments[0].naturalWidth", picture) == 288
    column = page.driver.find_element("xpath", "//th[button[contains(., 'Fixture one (mL)')]]")
    sizes = {run["number"]: run["volumes"][0]["volume_ml"] for run in runs if not run["exit_code"]}
    for down in (False, True):
        column.find_element("css selector", "button").click()
        shown = [number for number in numbers(page) if number != 2]
        assert shown == sorted(sizes, key=sizes.get, reverse=down), (shown, sizes)
        assert numbers(page)[-1] == 2, "what is not known comes last"
    page.run("const e = arguments[0]; e.value = 'failed'; e.dispatchEvent(new Event('change'))",
             page.driver.find_element("id", "which"))
    assert numbers(page) == [2]
    assert page.complaints() == []


def check_link(page, runs):
    """A case's page opens from the table."""
    page.open("out/index.html")
    link = page.driver.find_element("css selector", "tr[data-number='3'] a")
    assert link.get_attribute("href").endswith(runs[2]["page"].replace("//", "/")), link.get_attribute("href")
    page.open(f"out/{runs[2]['page']}")
    assert len(page.driver.find_elements("css selector", ".view")) == 3


make_cohort()
model = f"{FIXTURES}/axial.safetensors"
with browser.Browser() as chromium:
    batch("in", "-m", model, "-o", "out", "--html", "--force", code=1)
    found = read_runs()
    check_index(chromium, found)
    check_link(chromium, found)
    with open("out/index.html") as page_file:
        text = page_file.read()
    assert "in/DOE_JANE/1.nii" not in text, "the path of an input is in the page"
    assert len(text) < 150000 * CASES, "200 cases need more than 30 MB"
    print("ok index", len(text) // CASES, "bytes a case")
    for shard in ("1/2", "2/2"):
        batch("in", "-m", model, "-o", "shards", "--html", "--force", "--shard", shard, "-q",
              code=1 if shard == "2/2" else 0)
    assert not os.path.exists("shards/index.html")
    batch("--merge", "shards", "--html", code=0)
    chromium.open("shards/index.html")
    assert sorted(numbers(chromium)) == list(range(1, CASES + 1))
    print("ok shards")
