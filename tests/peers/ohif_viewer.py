"""The real OHIF viewer, as a person opens it: its published build in headless Chromium, images over DICOMweb.

    with Ohif(folder) as ohif:
        found = ohif.open([*source_files, seg_file])

found is the JSON of pydicom_seg.py, or {"refused": "why"}. Needs Debian's chromium, chromium-driver and
python3-selenium, and the npm package @ohif/app, whose dist/ is a built viewer.
"""
import http.server
import json
import pathlib
import re
import threading
import time

import pydicom
import pydicom.config
import pydicom.encaps
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

DIST = pathlib.Path(__file__).resolve().parent / "node_modules/@ohif/app/dist"
PROGRAMS = ("chromium", "chromedriver")
PAGE_SECONDS, SEG_SECONDS = 240, 120  # generous: they bound a hang, not a speed

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm",
         ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png"}
STUDY_TAGS = ("00080020", "00080030", "00080050", "00080090", "00100010", "00100020", "00100030", "00100040",
              "0020000D", "00200010")
SERIES_TAGS = ("00080021", "00080031", "00080060", "0008103E", "0020000D", "0020000E", "00200011")

CONFIG = "window.config=" + json.dumps({
    "routerBasename": "/", "extensions": [], "modes": [], "showStudyList": True, "maxNumberOfWebWorkers": 2,
    "strictZSpacingForVolumeViewport": True, "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "dicomweb",
    "dataSources": [{
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb", "sourceName": "dicomweb",
        "configuration": {
            "friendlyName": "test", "name": "test", "wadoUriRoot": "/wado", "qidoRoot": "/dicom-web",
            "wadoRoot": "/dicom-web", "qidoSupportsIncludeField": False, "imageRendering": "wadors",
            "thumbnailRendering": "wadors", "enableStudyLazyLoad": True, "supportsWildcard": True,
            "staticWado": True, "singlepart": "bulkdata,video,pdf",
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"}}}]})

# What the viewer holds: of every labelled image its place and [pixel, segment, pixel, segment, ...].
HELD = """
const cs = window.cornerstone, tools = window.cornerstoneTools
if (!cs || !tools) return []
return tools.segmentation.state.getSegmentations().map((segmentation) => {
  const images = []
  for (const id of (segmentation.representationData.Labelmap || {}).imageIds || []) {
    const image = cs.cache.getImage(id)
    if (!image) continue
    const values = image.voxelManager ? image.voxelManager.getScalarData() : image.getPixelData()
    const plane = cs.metaData.get('imagePlaneModule', image.referencedImageId) || {}
    const held = []
    for (let i = 0; i < values.length; i++) if (values[i]) held.push(i, values[i])
    images.push({columns: image.columns || image.width, held, position: Array.from(plane.imagePositionPatient || []),
      cosines: Array.from(plane.imageOrientationPatient || []),
      spacing: [plane.columnPixelSpacing, plane.rowPixelSpacing]})
  }
  const segments = Object.entries(segmentation.segments || {}).filter(([, s]) => s)
    .map(([number, s]) => ({number: Number(number), label: s.label}))
  return {segments, images}
})"""
LOADING = "return document.body.innerText.includes('Loading SEG')"
HYDRATE = """const yes = [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Yes')
if (yes) yes.click()"""
MESSAGES = """return [...document.querySelectorAll('[data-sonner-toast], [role=alert], [role=dialog]')]
  .map((e) => e.innerText.replace(/\\s+/g, ' ').slice(0, 200)).filter((text) => text)"""


class Archive:
    """The files of one study, as DICOMweb (PS3.18) hands them out."""

    def __init__(self):
        self.files = {}  # instance UID: data set
        self.paths = {}

    def fill(self, paths):
        self.files, self.paths = {}, {}
        for path in paths:
            dataset = pydicom.dcmread(path)
            self.files[str(dataset.SOPInstanceUID)] = dataset
            self.paths[str(dataset.SOPInstanceUID)] = pathlib.Path(path)
        return str(dataset.StudyInstanceUID)

    def metadata(self, uid, root):
        dataset = self.files[uid]
        base = f"{root}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{uid}"
        tags = dataset.to_json_dict(bulk_data_threshold=1024,
                                    bulk_data_element_handler=lambda e: f"{base}/bulkdata/{int(e.tag):08X}")
        tags["7FE00010"] = {"vr": "OW", "BulkDataURI": f"{base}/frames"}
        tags["00083002"] = {"vr": "UI", "Value": [str(dataset.file_meta.TransferSyntaxUID)]}
        return tags

    def frame(self, uid, number):
        """Bytes of a frame and their transfer syntax; a frame of bits begins with its first bit."""
        dataset = self.files[uid]
        syntax, count = dataset.file_meta.TransferSyntaxUID, int(dataset.get("NumberOfFrames", 1) or 1)
        if syntax.is_compressed:
            frames = list(pydicom.encaps.generate_pixel_data_frame(dataset.PixelData, count))
            return frames[number - 1], str(syntax)
        bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated)
        data, first = dataset.PixelData, (number - 1) * bits
        whole = int.from_bytes(data[first // 8:(first + bits + 7) // 8], "little") >> first % 8
        return (whole & (1 << bits) - 1).to_bytes((bits + 7) // 8, "little"), "1.2.840.10008.1.2.1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    archive = None

    def log_message(self, *_):
        pass

    def answer(self, body, kind, code=200):
        self.send_response(code)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))),
                            ("Cross-Origin-Opener-Policy", "same-origin"),
                            ("Cross-Origin-Embedder-Policy", "require-corp"),
                            ("Cross-Origin-Resource-Policy", "cross-origin")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value):
        self.answer(json.dumps(value).encode(), "application/dicom+json")

    def multipart(self, body, kind):
        mark = "ulite-part"
        self.answer(f"--{mark}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + f"\r\n--{mark}--\r\n".encode(),
                    f'multipart/related; type="{kind.split(";")[0]}"; boundary={mark}')

    def do_GET(self):  # noqa: N802, the base class's name
        try:
            path = self.path.partition("?")[0]
            if path == "/app-config.js":
                self.answer(CONFIG.encode(), "text/javascript")
            elif path.startswith("/dicom-web/"):
                self.dicomweb(path.split("/")[2:])
            else:
                self.page(path)
        except (BrokenPipeError, ConnectionResetError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.answer(repr(error).encode(), "text/plain", 500)

    def page(self, path):
        file = (DIST / path.lstrip("/")).resolve()
        if DIST not in file.parents or not file.is_file():
            file = DIST / "index.html"
        self.answer(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

    def dicomweb(self, words):
        files, root = self.archive.files, f"http://{self.headers['Host']}/dicom-web"
        series = words[3] if len(words) > 3 else None
        everything = {uid: self.archive.metadata(uid, root) for uid, dataset in files.items()
                      if series in (None, dataset.SeriesInstanceUID)} if len(words) < 6 else {}
        if words == ["studies"]:
            tags = next(iter(everything.values()))
            study = {tag: tags[tag] for tag in STUDY_TAGS if tag in tags}
            study["00080061"] = {"vr": "CS", "Value": sorted({d.Modality for d in files.values()})}
            study["00201208"] = {"vr": "IS", "Value": [len(files)]}
            self.json([study])
        elif len(words) == 3 and words[2] == "series":
            self.json(list({tags["0020000E"]["Value"][0]: {tag: tags[tag] for tag in SERIES_TAGS if tag in tags}
                            for tags in everything.values()}.values()))
        elif words[-1] == "metadata":
            self.json(list(everything.values()) or [self.archive.metadata(words[5], root)])
        elif len(words) == 6:
            self.multipart(self.archive.paths[words[5]].read_bytes(), "application/dicom")
        elif len(words) == 8 and words[6] == "frames":
            body, syntax = self.archive.frame(words[5], int(words[7]))
            self.multipart(body, f"application/octet-stream; transfer-syntax={syntax}")
        elif len(words) == 8 and words[6] == "bulkdata":
            self.answer(bytes(files[words[5]][int(words[7], 16)].value), "application/octet-stream")
        else:
            self.answer(b"", "text/plain", 404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A browser closes connections as it likes; what goes wrong in an answer is answered with 500."""


class Ohif:
    def __init__(self, folder):
        """folder: where the browser keeps its profile."""
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        self.archive = Archive()
        handler = type("ArchiveHandler", (Handler,), {"archive": self.archive})
        self.server = Server(("127.0.0.1", 0), handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader",
                     "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--window-size=1500,950",
                     f"--user-data-dir={folder}/profile"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(PAGE_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.server.shutdown()
        self.server.server_close()

    def wait(self, seconds, ready):
        """What ready() gives once it is true, else None when the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := ready():
                return value
            time.sleep(.3)
        return None

    def errors(self):
        return sorted({re.sub(r"^.*? - ", "", entry["message"])[:200] for entry in self.driver.get_log("browser")
                       if entry["level"] == "SEVERE"})

    def open(self, paths):
        study = self.archive.fill(paths)
        self.driver.get("about:blank")
        self.errors()  # those of the last page
        self.driver.get(f"{self.root}/segmentation?StudyInstanceUIDs={study}")
        find = self.driver.find_elements
        thumbnails = self.wait(PAGE_SECONDS, lambda: find(By.CSS_SELECTOR, "canvas") and find(
            By.CSS_SELECTOR, '[data-cy="study-browser-thumbnail-no-image"]'))
        if not thumbnails:
            return {"refused": f"the study does not open: {self.errors()[:3]}"}
        time.sleep(3)  # the viewport takes the source first
        ActionChains(self.driver).double_click(thumbnails[0]).perform()
        messages = set()

        def loaded():
            self.driver.execute_script(HYDRATE)
            messages.update(self.driver.execute_script(MESSAGES))
            held = [] if self.driver.execute_script(LOADING) else self.driver.execute_script(HELD)
            return held if any(image["held"] for one in held for image in one["images"]) else None

        held = self.wait(SEG_SECONDS, loaded)
        if not held:
            return {"refused": f"nothing is shown: {sorted(messages)[:3]} {self.errors()[:3]}"}
        time.sleep(1)  # the rest of its images
        return {"segments": voxels_of(self.driver.execute_script(HELD)[0])}


def voxels_of(held):
    segments = {segment["number"]: {**segment, "rgb": None, "voxels": []} for segment in held["segments"]}
    for image in held["images"]:
        origin, cosines, spacing = image["position"], image["cosines"], image["spacing"]
        pairs = iter(image["held"])
        for pixel, number in zip(pairs, pairs):
            i, j = pixel % image["columns"], pixel // image["columns"]
            segments[number]["voxels"].append([
                origin[c] + i * spacing[0] * cosines[c] + j * spacing[1] * cosines[3 + c] for c in range(3)])
    return list(segments.values())
