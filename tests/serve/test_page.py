"""The page in Chromium: a NIfTI file and a zipped series are dropped on it, its labels are looked at, downloaded and verified.

usage: test_page.py ULITE MAKE_SERIES FIXTURES"""
import base64
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile

from server import serving
from skipping import need, needed_modules

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../segment"))
with needed_modules():
    from browser import PAGE_SECONDS, PROGRAMS, Browser

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")

# Drops files, which come as base64, as the browser does when a user drops them.
DROP = """
const transfer = new DataTransfer();
for (const [name, data] of arguments[0])
  transfer.items.add(new File([Uint8Array.from(atob(data), one => one.charCodeAt(0))], name));
document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
"""
WATCH = """
window.stages = [];
new MutationObserver(() => window.stages.push(document.getElementById("stage").textContent))
  .observe(document.getElementById("stage"), {childList: true});
"""


def content(path):
    with open(path, "rb") as file:
        return file.read()


def direct(source, target):
    subprocess.run([ULITE, "segment", source, "-m", MODEL, "-o", target, "-q"], check=True)
    return content(target)


def shown(browser, name):
    return browser.run(f"return !document.getElementById('{name}').hidden")


def wait(browser, *names):
    """Until one of these parts of the page is shown: its name."""
    end = time.monotonic() + PAGE_SECONDS
    while not (seen := [name for name in names if shown(browser, name)]):
        assert time.monotonic() < end, browser.run("return document.body.innerText")
        time.sleep(0.05)
    return seen[0]


def drop(browser, *paths):
    browser.run(WATCH)
    browser.run(DROP, [[os.path.basename(path), base64.b64encode(content(path)).decode()] for path in paths])
    browser.settle()


def finish(browser):
    assert wait(browser, "result", "fault") == "result", browser.run("return document.getElementById('fault').textContent")
    stages = browser.run("return window.stages")
    assert "Sending" in stages and len(stages) > 1, stages


def download(browser, kind):
    """What the browser saves when a user clicks on the link."""
    folder = tempfile.mkdtemp(dir=SCRATCH.name)
    browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})
    browser.run(f"document.querySelector('[data-format={kind}]').click()")
    end = time.monotonic() + PAGE_SECONDS
    while not (names := [name for name in os.listdir(folder) if name.startswith("labels-") and not name.endswith(".crdownload")]):
        assert time.monotonic() < end, os.listdir(folder)
        time.sleep(0.05)
    return content(f"{folder}/{names[0]}")


def look(browser):
    """The viewer, in its frame, is ready and shows pixels."""
    browser.driver.switch_to.frame("viewer")
    end = time.monotonic() + PAGE_SECONDS
    while not browser.run("return document.body.dataset.ready"):
        assert time.monotonic() < end, browser.run("return document.body.innerText")
        time.sleep(0.05)
    assert browser.run("return document.querySelectorAll('canvas').length") > 0
    browser.driver.switch_to.default_content()


def test_nifti(browser):
    drop(browser, "image.nii.gz")
    finish(browser)
    assert browser.run("return [...document.querySelectorAll('#downloads a')].map(one => one.dataset.format)") == ["nifti", "stats"]
    assert download(browser, "nifti") == direct("image.nii.gz", "direct.nii.gz")
    rows = browser.run("return [...document.querySelectorAll('#volumes tbody tr')].map(one => one.innerText.split('\\t'))")
    stats = json.loads(download(browser, "stats"))["segments"]
    assert [row[0] for row in rows] == [one["name"] for one in stats] and int(rows[0][2]) == stats[0]["voxels"], (rows, stats)
    look(browser)


def test_series(browser):
    with zipfile.ZipFile("series.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in glob.glob("series/**/*.dcm", recursive=True):
            archive.write(path)
    seg = direct("series", "direct.seg.dcm")
    for paths in (["series.zip"], glob.glob("series/**/*.dcm", recursive=True)):
        drop(browser, *paths)
        finish(browser)
        assert download(browser, "seg") == seg and download(browser, "nifti") == direct("series", "direct.nii.gz")
        look(browser)
    with open("downloaded.seg.dcm", "wb") as file:
        file.write(download(browser, "seg"))
    subprocess.run([ULITE, "verify", "downloaded.seg.dcm", "--source", "series", "-q"], check=True, stdout=subprocess.DEVNULL)


def test_fault(browser):
    drop(browser, __file__)
    assert wait(browser, "fault", "result") == "fault" and not shown(browser, "work")
    assert "not a DICOM" in browser.run("return document.getElementById('fault').textContent")


def test_token(browser, server):
    browser.driver.get(server.url + "/")
    wait(browser, "login")
    assert browser.run("return document.getElementById('model').options.length") == 0
    browser.run("document.getElementById('token').value = '0123456789abcdef'; document.getElementById('enter').click()")
    end = time.monotonic() + PAGE_SECONDS
    while shown(browser, "login"):
        assert time.monotonic() < end
        time.sleep(0.05)
    drop(browser, "image.nii.gz")
    finish(browser)
    assert download(browser, "nifti") == direct("image.nii.gz", "direct.nii.gz")


def main():
    need(HEAD, *PROGRAMS)
    os.chdir(SCRATCH.name)
    subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--modality", "CT", "--box", "60:108,60:108,80:86"], check=True)
    subprocess.run([ULITE, "convert", "series", "-o", "image.nii.gz", "-q"], check=True)
    with open("token", "w", encoding="ascii") as file:
        file.write("0123456789abcdef\n")
    with Browser() as browser:
        with serving(ULITE, "-m", MODEL, "--threads", "2") as server:
            browser.driver.get(server.url + "/")
            for test in (test_nifti, test_series, test_fault):
                test(browser)
            assert browser.complaints() == [], browser.complaints()
        with serving(ULITE, "-m", MODEL, "--threads", "2", "--token-file", "token") as server:
            test_token(browser, server)


main()
