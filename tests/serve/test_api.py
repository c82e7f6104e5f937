"""The JSON interface: what a job leaves equals `ulite segment`'s, whatever way its input came.

usage: test_api.py ULITE MAKE_SERIES FIXTURES [UPLOADS]

UPLOADS: how many come at a time; 6."""
import concurrent.futures
import glob
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile

from server import form, serving
from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import requests

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
UPLOADS = int(sys.argv[4]) if len(sys.argv) > 4 else 6
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def direct(source, target, *options):
    subprocess.run([ULITE, "segment", source, "-m", MODEL, "-o", target, "-q", *options], check=True)
    return content(target)


def wait(server, reply):
    """The job of a reply when it is over."""
    assert reply.status_code == 202, reply.text
    url = f"{server.url}/api/jobs/{reply.json()['id']}"
    while True:
        job = requests.get(url, timeout=60).json()
        if job["state"] not in ("waiting", "running"):
            return job
        assert job.get("done", 0) <= job.get("total", 0), job
        time.sleep(0.02)


def fetch(server, job, name):
    reply = requests.get(server.url + job["results"][name], timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.content


def post(server, query="", **more):
    return requests.post(f"{server.url}/api/jobs?model=ct{query}", timeout=60, **more)


def zipped():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in glob.glob("series/**/*.dcm", recursive=True):
            archive.write(path)
    return data.getvalue()


def test_series(server):
    seg, nifti = direct("series", "direct.seg.dcm"), direct("series", "series.nii.gz")
    paths = glob.glob("series/**/*.dcm", recursive=True)
    uploads = ({"data": zipped()}, {"files": {"a": ("a.zip", zipped())}},
               {"files": [("files", (os.path.basename(path), content(path))) for path in paths]}, {"query": "&path=."})
    for upload in uploads:
        job = wait(server, post(server, upload.pop("query", "") + "&preview=true&view=true", **upload))
        assert job["state"] == "done" and sorted(job["results"]) == ["nifti", "preview", "seg", "stats", "view"], job
        assert fetch(server, job, "seg") == seg and fetch(server, job, "nifti") == nifti
        assert fetch(server, job, "preview")[:4] == b"\x89PNG"
        assert json.loads(fetch(server, job, "stats"))["segments"]
    job = wait(server, post(server, "&formats=nrrd,nifti", data=zipped()))
    assert sorted(job["results"]) == ["nifti", "nrrd", "stats"] and fetch(server, job, "nrrd") == direct("series", "series.nrrd"), job
    job = wait(server, post(server, "&formats=seg&only=Fixture%20two", data=zipped()))
    assert sorted(job["results"]) == ["seg", "stats"], job
    assert fetch(server, job, "seg") == direct("series", "only.seg.dcm", "--only", "Fixture two")


def test_faults(server):
    assert post(server, data=b"").status_code == 422
    assert requests.post(f"{server.url}/api/jobs?model=none", data=b"x", timeout=60).status_code == 400
    for query, code in (("&formats=seg", 2), ("&only=nothing", 2), ("&filename=x.png", 3)):
        job = wait(server, post(server, query, data=content("image.nii.gz")))
        assert job["state"] == "failed" and job["exit_code"] == code, job
    content_type, body = form({}, {"file": "image.nii.gz"})
    job = wait(server, post(server, data=body, headers={"Content-Type": content_type.replace("multipart/form", "Multipart/Form")}))
    assert job["state"] == "done", job
    assert post(server, "&path=none").status_code == 422
    assert requests.get(f"{server.url}/api/jobs", timeout=60).status_code == 404


def test_delete(server):
    job = wait(server, post(server, data=content("image.nii.gz")))
    url = f"{server.url}/api/jobs/{job['id']}"
    assert requests.get(url + "/task.json", timeout=60).status_code == 404  # no result
    assert requests.delete(url, timeout=60).status_code == 200
    assert requests.get(url, timeout=60).status_code == requests.delete(url, timeout=60).status_code == 404
    assert requests.get(server.url + job["results"]["nifti"], timeout=60).status_code == 404


def test_concurrent(server):
    """All of many uploads at a time are served, each with its own result."""
    data, truth = [], []
    for number in range(UPLOADS):
        values = numpy.random.default_rng(number).integers(-1000, 1000, (48, 48, 4)).astype("int16")
        nibabel.save(nibabel.Nifti1Image(values, numpy.eye(4)), f"{number}.nii.gz")
        data.append(content(f"{number}.nii.gz"))
        truth.append(direct(f"{number}.nii.gz", "direct.nii.gz"))

    def one(number):
        start = time.monotonic()
        job = wait(server, post(server, data=data[number]))
        return fetch(server, job, "nifti") == truth[number], time.monotonic() - start

    single = one(0)[1]
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
        served = list(pool.map(one, range(UPLOADS)))
    assert all(good for good, _ in served)
    times = sorted(seconds for _, seconds in served)
    print(f"{UPLOADS} uploads: p95 {times[int(0.95 * (UPLOADS - 1))]:.3f} s, a single one {single:.3f} s")


def test_description(server):
    models = requests.get(f"{server.url}/api/models", timeout=60).json()["models"]
    assert [model["name"] for model in models] == ["ct"] and models[0]["classes"][1]["name"] == "Fixture two", models
    text = requests.get(f"{server.url}/api/openapi.yaml", timeout=60).text
    for path in ("/api/models", "/api/jobs", "/api/jobs/{id}", "/api/jobs/{id}/{file}", "/api/health", "/infer/{model}", "/session/", "/datastore/label"):
        assert f"  {path}:" in text, path
    assert requests.get(f"{server.url}/api/health", timeout=60).json()["running"] == 0


def main():
    need(HEAD)
    subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--modality", "CT", "--box", "60:108,60:108,80:86"], check=True)
    values = numpy.random.default_rng(3).integers(-1000, 1000, (48, 48, 4)).astype("int16")
    nibabel.save(nibabel.Nifti1Image(values, numpy.eye(4)), "image.nii.gz")
    with serving(ULITE, "-m", MODEL, "--images", "series", "--threads", "2") as server:
        for test in (test_series, test_faults, test_delete, test_concurrent, test_description):
            test(server)


main()
