"""A headless Chromium that opens files, without a network."""
import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PROGRAMS = ("chromium", "chromedriver")
PAGE_SECONDS = 120  # generous: it bounds a hang, not a speed


class Browser:
    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="ulite-chromium-")
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--window-size=1500,1000", "--force-device-scale-factor=1",
                     "--proxy-server=127.0.0.1:9", f"--user-data-dir={self.profile.name}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.profile.cleanup()

    def open(self, path):
        """Opens a page of ulite and waits until it says that it is ready."""
        self.driver.get(pathlib.Path(path).resolve().as_uri())
        end = time.monotonic() + PAGE_SECONDS
        while not self.run("return document.body.dataset.ready"):
            assert time.monotonic() < end, self.run("return document.body.innerText")
            time.sleep(0.05)
        self.settle()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def settle(self):
        """Waits until what was asked for is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))")

    def complaints(self):
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
