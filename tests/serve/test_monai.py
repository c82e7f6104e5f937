"""The calls of MONAI Label's clients, one by one: what 3D Slicer's extension and OHIF's plugin get equals `ulite segment`'s.

usage: test_monai.py ULITE MAKE_SERIES FIXTURES"""
import base64
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile
from urllib.parse import quote_plus

from server import ask_form, serving
from skipping import has, need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    import requests

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../peers")
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def make_image(path, seed):
    values = numpy.random.default_rng(seed).integers(-1000, 1000, (48, 40, 5)).astype("int16")
    affine = numpy.diag([-1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = 10, -20, 30
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def segmented(source, target="direct.nii.gz", *options):
    subprocess.run([ULITE, "segment", source, "-m", MODEL, "-o", target, "-q", *options], check=True)
    with open(target, "rb") as file:
        return file.read()


def test_first_calls(server):
    assert server.ask("GET", "/auth/")[0] == 404  # no login
    info = server.ask_json("GET", "/info/")
    assert info["models"]["ct"]["type"] == "segmentation" and info["models"]["ct"]["dimension"] == 3, info
    assert info["models"]["ct"]["labels"] == {"Fixture one": 1, "Fixture two": 2}, info
    assert "config" not in info and info["trainers"] == {} and info["strategies"] == {}, info
    assert server.ask("GET", "/train/?check_if_running=true")[0] == 404
    assert server.ask("POST", "/activelearning/random")[0] == 404


def test_session(server):
    status, text, _ = ask_form(server, "PUT", "/session/", {"client_id": "user-xyz"}, {"files": "image.nii.gz"})
    assert status == 200, text
    session = json.loads(text)["session_id"]
    assert server.ask_json("GET", f"/session/{session}")
    params = {"result_extension": ".nrrd", "result_dtype": "uint8", "client_id": "user-xyz"}
    status, fields, files = ask_form(server, "POST", f"/infer/ct?image={session}&session_id={session}",
                                     {"params": json.dumps(params)}, {})
    assert status == 200, fields
    assert json.loads(fields["params"])["label_names"] == {"Fixture one": 1, "Fixture two": 2}, fields
    assert list(files) == ["labels.nrrd"] and files["labels.nrrd"] == segmented("image.nii.gz", "direct.nrrd"), files.keys()
    status, fields, files = ask_form(server, "POST", f"/infer/ct?image={session}&session_id={session}",
                                     {"params": json.dumps({"result_extension": ".nii.gz"})}, {})
    assert list(files) == ["labels.nii.gz"] and files["labels.nii.gz"] == segmented("image.nii.gz"), files.keys()
    assert server.ask("GET", f"/session/{'0' * 32}")[0] == 404
    assert server.ask("POST", f"/infer/ct?image=x&session_id={'0' * 32}")[0] == 422
    assert server.ask("POST", "/infer/none?image=x")[0] == 404


def keep(server, name):
    """Uploads an image and its corrected labels, as "Submit label" does."""
    status, text, _ = ask_form(server, "PUT", f"/datastore/?image={quote_plus(name)}", {}, {"file": f"{name}.nii.gz"})
    assert status == 200, text
    image = json.loads(text)["image"]
    status, fields, files = ask_form(server, "POST", f"/infer/ct?image={quote_plus(image)}", {"params": '{"result_extension": ".nii.gz"}'}, {})
    assert status == 200, fields
    with open("label.nii.gz", "wb") as file:
        file.write(files["labels.nii.gz"])
    labels = nibabel.load("label.nii.gz")
    nibabel.save(nibabel.Nifti1Image(numpy.asarray(labels.dataobj)[::-1], labels.affine @ numpy.array(
        [[-1, 0, 0, 47], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])), "corrected.nii.gz")  # turned: the same in space
    params = {"label_info": [{"name": "Fixture one", "idx": 1}, {"name": "Fixture two", "idx": 2}]}
    status, text, _ = ask_form(server, "PUT", f"/datastore/label?image={quote_plus(image)}&tag=",
                               {"params": json.dumps(params)}, {"label": "corrected.nii.gz"})
    assert status == 200, text
    back = server.ask("GET", f"/datastore/label?label={quote_plus(image)}&tag=final")[2]
    assert (numpy.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(back)).dataobj) == numpy.asarray(labels.dataobj)).all()


def test_store(server):
    for number in range(4):
        make_image(f"case {number}.nii.gz", 10 + number)
        keep(server, f"case {number}")
    assert server.ask_json("GET", "/datastore/") == {"total": 4, "completed": 4}
    assert sorted(os.listdir("store/labels")) == [f"case_{n}.nii.gz" for n in range(4)] == sorted(os.listdir("store/images"))
    text = subprocess.run([ULITE, "train", "store", "-o", "model.safetensors", "--dry-run", "--json"],
                          check=True, capture_output=True, text=True).stdout
    assert "Fixture two" in text, text
    make_image("other.nii.gz", 1)
    nibabel.save(nibabel.Nifti1Image(numpy.zeros((8, 8, 2), "uint8"), numpy.eye(4)), "small.nii.gz")
    assert ask_form(server, "PUT", "/datastore/label?image=case+0", {}, {"label": "small.nii.gz"})[0] == 422  # another grid
    assert ask_form(server, "PUT", "/datastore/label?image=unknown", {}, {"label": "small.nii.gz"})[0] == 422
    assert ask_form(server, "PUT", "/datastore/?image=broken", {}, {"file": __file__})[0] == 422
    assert ask_form(server, "PUT", "/datastore/?image=..%2f..", {}, {"file": "small.nii.gz"})[0] == 400
    assert server.ask_json("GET", "/datastore/") == {"total": 4, "completed": 4}
    assert server.ask("GET", "/datastore/label?label=unknown")[0] == 404
    os.rename("store/labels/case_0.nii.gz", "case_0.nii.gz")
    os.mkdir("store/labels/case_0.nii.gz")  # in the way: why is told, and not where
    status, text, _ = ask_form(server, "PUT", "/datastore/label?image=case+0", {}, {"label": "corrected.nii.gz"})
    assert status == 507 and b"it is a folder" in text and b"store" not in text, text
    os.rmdir("store/labels/case_0.nii.gz")
    os.rename("case_0.nii.gz", "store/labels/case_0.nii.gz")


def check_order(nrrd):
    """Rows, columns and slices lie as in OHIF's volume: those of the images, sorted along the normal."""
    head, body = nrrd.split(b"\n\n", 1)
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    assert fields["type"] in ("uint8", "uchar", "unsigned char") and fields["space"] == "left-posterior-superior", fields
    values = numpy.frombuffer(gzip.decompress(body) if fields["encoding"] == "gzip" else body, "uint8")
    images = [pydicom.dcmread(path) for path in glob.glob("series/**/*.dcm", recursive=True)]
    row, column = numpy.array(images[0].ImageOrientationPatient[:3]), numpy.array(images[0].ImageOrientationPatient[3:])
    images.sort(key=lambda image: numpy.dot(image.ImagePositionPatient, numpy.cross(row, column)))
    assert fields["sizes"] == f"{images[0].Columns} {images[0].Rows} {len(images)}", fields
    origin = [float(number) for number in fields["space origin"].strip("()").split(",")]
    assert numpy.allclose(origin, images[0].ImagePositionPatient, atol=1e-3), (origin, images[0].ImagePositionPatient)
    seg = pydicom.dcmread("viewer.seg.dcm")
    truth = numpy.zeros((len(images), images[0].Rows, images[0].Columns), "uint8")
    places = [str(image.SOPInstanceUID) for image in images]
    for frame, about in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence):
        place = places.index(about.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        if "SegmentIdentificationSequence" in about:
            truth[place][frame > 0] = about.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        else:
            truth[place] = frame
    assert truth.any() and (values.reshape(truth.shape) == truth).all()
    return truth


def check_viewer(server, uid, output, kind, truth):
    """What the plugin's own libraries make of the answer."""
    seen = json.loads(subprocess.run(["node", f"{PEERS}/monai_viewer.mjs", server.url + "/", "ct", uid, output, kind],
                                     check=True, capture_output=True, text=True).stdout)
    values = numpy.frombuffer(base64.b64decode(seen["values"]), "<u2").reshape(truth.shape)
    assert seen["sizes"] == list(truth.shape[::-1]) and (values == truth).all(), (output, kind, seen["sizes"])
    assert seen["labels"] == ["background", "Fixture one", "Fixture two"], seen["labels"]
    if output == "all":
        assert seen["names"] == {"Fixture one": 1, "Fixture two": 2}, seen
        for name, (number, *place) in seen["centroids"].items():
            assert numpy.allclose(place, numpy.argwhere(truth == number).mean(axis=0)[::-1]), (name, place)


def test_viewer(server):
    """OHIF names a series, and takes the file alone."""
    uid = str(pydicom.dcmread(glob.glob("series/**/*.dcm", recursive=True)[0]).SeriesInstanceUID)
    segmented("series", "viewer.seg.dcm")
    reply = requests.post(f"{server.url}/infer/ct?image={uid}&output=image", timeout=60)
    assert reply.status_code == 200 and reply.content == segmented("series", "viewer.nrrd"), reply.text
    check_order(reply.content)
    reply = requests.post(f"{server.url}/infer/ct?image={uid}&output=image", timeout=60,
                          files={"params": (None, json.dumps({"result_compress": False, "result_dtype": "uint8"}))},
                          headers={"Origin": "http://viewer.example:3000"})
    assert reply.status_code == 200 and b"encoding: raw" in reply.content, reply.text
    truth = check_order(reply.content)
    if has("node", f"{PEERS}/node_modules/nrrd-js"):
        for output, kind in (("all", "uint16"), ("all", "uint8"), ("image", "uint8")):
            check_viewer(server, uid, output, kind, truth)
    assert reply.headers["Access-Control-Allow-Origin"] == "http://viewer.example:3000", reply.headers
    assert requests.post(f"{server.url}/infer/ct?image=1.2.3&output=image", timeout=60).status_code == 422
    preflight = requests.options(f"{server.url}/infer/ct", headers={"Origin": "http://viewer.example:3000"}, timeout=60)
    assert preflight.status_code == 204 and "POST" in preflight.headers["Access-Control-Allow-Methods"]


def main():
    need(HEAD)
    make_image("image.nii.gz", 3)
    subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--modality", "CT", "--box", "60:108,60:108,80:86"], check=True)
    with serving(ULITE, "-m", MODEL, "--store", "store", "--images", "series", "--origin", "http://viewer.example:3000",
                 "--threads", "2") as server:
        test_first_calls(server)
        test_session(server)
        test_store(server)
        test_viewer(server)
    with serving(ULITE, "-m", MODEL) as server:
        assert ask_form(server, "PUT", "/datastore/?image=x", {}, {"file": "image.nii.gz"})[0] == 404  # nothing is kept
        assert server.ask("POST", "/infer/ct?image=1.2.3")[0] == 422


main()
