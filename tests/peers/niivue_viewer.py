"""niivue, as a page shows it: its published build in headless Chromium.

    with Niivue(folder) as niivue:
        shown = niivue.look("labels.nii.gz", "labels.json", [[x, y, z], ...])

folder holds the files; places are in RAS mm. shown: of each place the value and the label that the crosshair tells.
Needs Debian's chromium, chromium-driver and python3-selenium, and the npm package @niivue/niivue.
"""
import functools
import http.server
import json
import pathlib
import shutil
import threading

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

SCRIPT = pathlib.Path(__file__).resolve().parent / "node_modules/@niivue/niivue/dist/niivue.umd.js"
PROGRAMS = ("chromium", "chromedriver")
SECONDS = 240  # generous: it bounds a hang, not a speed

PAGE = """<!DOCTYPE html><canvas id="canvas" width="512" height="512"></canvas><script src="niivue.js"></script>
<script>
async function look(image, table, places) {
  let told = null
  const nv = new niivue.Niivue({onLocationChange: (data) => { told = data }})
  await nv.attachTo('canvas')
  await nv.loadVolumes([{url: image}])
  await nv.volumes[0].setColormapLabelFromUrl(table)
  nv.updateGLVolume()
  return places.map((place) => {
    nv.scene.crosshairPos = nv.mm2frac(place)
    nv.createOnLocationChange()
    const value = told.values[0]
    return [value.value, value.label === undefined ? told.string : value.label]
  })
}
</script>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Niivue:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        shutil.copyfile(SCRIPT, folder / "niivue.js")
        (folder / "page.html").write_text(PAGE)
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-gl=angle",
                     "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"):
            options.add_argument(word)
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_script_timeout(SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.server.shutdown()
        self.server.server_close()

    def look(self, image, table, places):
        self.driver.get(f"http://127.0.0.1:{self.server.server_port}/page.html")
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]\n"
            "look(arguments[0], arguments[1], arguments[2]).then((v) => done(JSON.stringify(v)), "
            "(e) => done(JSON.stringify({error: String(e && e.stack || e)})))", image, table, places)
        return json.loads(found)
