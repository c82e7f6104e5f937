#!/usr/bin/python3
"""Data sets that cannot be trained on: the documented exit code, one line that names the case, no
model left behind; a diverging loss and a full disk keep what was good.

usage: test_badinput.py ULITE MAKE_SERIES"""
import os
import resource
import signal
import subprocess
import sys
import tempfile

import datasets
from datasets import numpy

ULITE, MAKE_SERIES = sys.argv[1:3]


def refuse(data, code, words, *options, **how):
    """`ulite train` ends with the code, says one line with all words, and leaves no file."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([ULITE, "train", data, "-o", f"{out}/model.safetensors", "--epochs", "1",
                               "--threads", "1", "--quiet", *options],
                              capture_output=True, text=True, check=False, **how)
        said = done.stderr.strip()
        assert done.returncode == code, f"{words}: exit {done.returncode}, expected {code}: {said}"
        assert len(said.splitlines()) == 1, said
        for word in words:
            assert word in said, f"says nothing of {word!r}: {said}"
        assert os.listdir(out) == [], os.listdir(out)


def put_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_cases(folder):
    def broken(name, change, code, words, *options):
        data = datasets.make_nifti(f"{folder}/{name}", cases=5)
        change(data)
        refuse(data, code, words, *options)

    def put(data, case, image=None, labels=None, affine=None):
        for part, array in (("images", image), ("labels", labels)):
            if array is not None:
                datasets.save_nifti(array, f"{data}/{part}/case{case}.nii.gz", affine)

    image, labels = datasets.blob(numpy.random.default_rng(5), (32, 32, 4), 2)
    nan, infinite = image.copy(), image.copy()
    nan[3, 4, 2] = numpy.nan
    infinite[30, 4, 1] = -numpy.inf
    broken("no_label", lambda d: os.remove(f"{d}/labels/case3.nii.gz"), 3, ["case3.nii.gz", "no label"])
    broken("no_folder", lambda d: os.rename(f"{d}/labels", f"{d}/other"), 3, ["holds no folder labels"])
    broken("nan", lambda d: put(d, 3, nan), 3, ["case3", "NaN", "column 3, row 4, slice 2"])
    broken("infinite", lambda d: put(d, 2, infinite), 3, ["case2", "column 30, row 4, slice 1"])
    broken("sizes", lambda d: put(d, 1, None, labels[:, :30]), 5, ["case1", "32x30x4", "32x32x4"])
    broken("place", lambda d: put(d, 1, None, labels, numpy.diag([1, 1, 2.5, 1])), 5, ["case1"])
    broken("cut", lambda d: os.truncate(f"{d}/images/case2.nii.gz", 500), 3, ["case2"])
    broken("large", lambda d: put(d, 4, None, labels.astype("u2") * 200), 3, ["case4", "label value 400"])
    broken("fraction", lambda d: put(d, 4, None, labels * numpy.float32(0.5)), 3, ["case4"])

    def skip(data):
        for case in range(5):
            put(data, case, None, labels)
        put(data, 3, None, numpy.where(labels == 2, 4, labels).astype("u1"))
        datasets.splits(data, [0, 1, 2, 3], [4], [])
    broken("skip", skip, 3, ["case3", "label values skip", "has 4", "has 3"])

    def only_in_test(data):
        put(data, 4, None, 3 * (labels > 0).astype("u1"))
        datasets.splits(data, [0, 1, 2], [3], [4])
    broken("only_in_test", only_in_test, 3, ["case4 (test)", "it has 3"])

    def nothing(data):
        for case in range(5):
            put(data, case, None, 0 * labels)
    broken("nothing", nothing, 3, ["no label of a training case"])

    broken("no_train", lambda d: datasets.splits(d, [], [1], [2]), 3, ["\"train\" is empty"])
    broken("no_val", lambda d: datasets.splits(d, [0, 1], [], [2]), 3, ["\"val\" is empty"])
    broken("twice", lambda d: datasets.splits(d, [0, 1], [2, 1], [3]), 3, ["case1", "train", "val"])
    broken("unknown", lambda d: datasets.splits(d, [0, 1], [2, 17], [3]), 3, ["case17"])
    broken("few", lambda d: [os.remove(f"{d}/images/case{n}.nii.gz") for n in range(3)], 3, ["2 cases"])
    broken("no_json", lambda d: open(f"{d}/splits.json", "w").close(), 3, ["splits.json"])
    broken("two_lists", lambda d: put_text(f"{d}/splits.json", '{"train": ["case0"], "train": ["case1"]}'), 3,
           ["splits.json", "\"train\" stands twice"])
    broken("empty", lambda d: [os.remove(f"{d}/images/case{n}.nii.gz") for n in range(5)], 3,
           ["images", "no image"])
    refuse(f"{folder}/nowhere", 3, ["nowhere"])


def test_dataset_json(folder):
    """Labels of dataset.json that are not what it should hold; regions, lists of labels, may."""
    data = datasets.make_nifti(f"{folder}/data")
    for labels, words in ((["background", "liver"], ["\"labels\" is", "must be an object"]), ("liver", ["an object"]),
                          (None, ["\"labels\" is null"]), ({"1.5": "liver"}, ["\"1.5\" of \"liver\""]),
                          ({"-1": "liver"}, ["\"-1\""]), ({"": "liver"}, ["\"\" of"]), ({"1 ": "liver"}, ["\"1 \""]),
                          ({"4294967297": "liver"}, ["\"4294967297\""]), ({"65536": "liver"}, ["\"65536\""]),
                          ({"liver": 1.5}, ["\"liver\" is 1.5, must be a whole number from 0 to 65535"]),
                          ({"liver": -1}, ["\"liver\" is -1"]), ({"liver": 4294967297}, ["\"liver\" is 4294967297"])):
        datasets.write_json(f"{data}/dataset.json", {"labels": labels})
        refuse(data, 3, ["data/dataset.json: ", *words])
    datasets.write_json(f"{data}/dataset.json", ["labels"])
    refuse(data, 3, ["dataset.json: is not a JSON object"])
    labels = {"background": 0, "both": [1, 2], "liver": 1, "tumour": 2.0}
    datasets.write_json(f"{data}/dataset.json", {"labels": labels})
    datasets.run(ULITE, "train", data, "-o", f"{folder}/model.safetensors", "--epochs", "1", "--threads", "1", "-q",
                 "--plan", datasets.quick_plan(folder))
    with open(f"{folder}/model.safetensors", "rb") as file:
        text = file.read(20000)
    assert b"liver" in text and b"tumour" in text and b"both" not in text


def test_pictures(folder):
    data = datasets.make_png(f"{folder}/mixed", False)
    image, labels = datasets.blob(numpy.random.default_rng(3), (32, 40), 1)
    datasets.save_png(numpy.stack([image, image, 0 * image], axis=-1).clip(0, 255), f"{data}/images/case2.png")
    refuse(data, 3, ["case2", "grey and RGB do not mix"])
    datasets.save_png(numpy.stack([image] * 3, axis=-1).clip(0, 255), f"{data}/images/case2.png")  # equal: grey
    datasets.save_png(labels[:31], f"{data}/labels/case3.png")
    refuse(data, 5, ["case3", "40x31x1", "40x32x1"])


def test_folders_of_patients(folder):
    """Folders below that of a case stay out of messages, unless --debug asks for them."""
    data = datasets.make_nested(f"{folder}/data", MAKE_SERIES)
    os.truncate(f"{data}/images/case2/DOE^JANE/series/S01IM0003.dcm", 1500)
    command = ULITE, "train", data, "-o", f"{folder}/model.safetensors", "-q"
    said = datasets.run(*command, code=3, says=["case2", f"{data}/images/case2/.../S01IM0003.dcm"]).stderr
    assert "DOE" not in said, said
    datasets.run(*command, "--debug", code=3, says=[f"{data}/images/case2/DOE^JANE/series/S01IM0003.dcm"])


def test_plans(folder):
    data = datasets.make_nifti(f"{folder}/data")

    def plan(value, words, code=3):
        refuse(data, code, words, "--plan", datasets.write_json(f"{folder}/plan.json", value))
    plan({"training": {"learning_speed": 1}}, ["plan.json", "learning_speed"])
    plan({"training": {"augment": {"flips": 1}}}, ["plan.json", "flips"])
    plan({"training": {"loss": "hinge"}}, ["plan.json", "loss"])
    plan({"training": {"batch": 0}}, ["batch"])
    plan({"training": {"patch_width": 40}}, ["patch"])
    plan({"training": {"learning_rate": -1}}, ["plan.json", "learning_rate"])
    plan({"trainings": {}}, ["plan.json", "trainings"])
    plan({"card": {"channels": "seven"}}, ["plan.json", "channels"], 6)
    plan({"card": {"normalisation": {"kind": 3}}}, ["plan.json", "\"normalisation\": \"kind\" is 3"], 6)
    plan({"card": {"classes": [{"number": 1, "label": "one"}]}}, ["the labels hold class 2"])
    plan({"card": "axial"}, ["plan.json", "\"card\" is \"axial\", must be an object"])
    plan({"input_channels": 2.5}, ["plan.json", "\"input_channels\" is 2.5"])
    plan({"input_channels": 65}, ["65 input_channels, at most 63"])
    plan({"training": {"batch": 1.5}}, ["plan.json", "\"batch\" is 1.5"])
    plan({"training": {"foreground": 2}}, ["\"foreground\" is 2, must be a number from 0 to 1"])
    plan({"training": {"average": 1}}, ["average is 1"])
    plan({"training": {"augment": {"flip_x_p": 7}}}, ["\"flip_x_p\" is 7, must be a number from 0 to 1"])
    plan({"training": {"augment": {"scale_low": 0}}}, ["scale_low and scale_high are 0 and"])
    plan({"training": {"augment": {"blur_low": 3}}}, ["blur_low and blur_high are 3 and"])
    plan({"training": {"augment": {"augment": {"blur_p": 0}}}}, ["plan.json", "no training setting \"augment\""])
    plan({"training": {"augment": {"stretch": 1}}}, ["stretch is 1, must be below 1"])
    plan({"training": {"augment": {"colour": 1.5}}}, ["colour is 1.5, must be below 1"])
    plan([1], ["plan.json"])
    for text, word in (('{"training": {"batch": 1, "batch": 2}}', '"training": "batch" stands twice'),
                       ("{} {}", "not valid JSON: line 1, byte 4")):
        refuse(data, 3, ["text.json", word], "--plan", put_text(f"{folder}/text.json", text))
    for options in (["--epochs", "0"], ["--epochs", "x"], ["--lr", "-1"], ["--loss", "hinge"], ["--minutes", "nan"]):
        refuse(data, 2, [options[0]], *options)


def files(folder):
    return {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}


def test_divergence(folder):
    """Exit 11; in the first epoch nothing is there, later the last good model and checkpoint stay."""
    data = datasets.make_nifti(f"{folder}/data")
    plan = datasets.quick_plan(folder, warmup_steps=0)
    refuse_some = [ULITE, "train", data, "--plan", plan, "--threads", "1", "-q", "--lr", "1e8"]
    done = subprocess.run([*refuse_some, "-o", f"{folder}/first.safetensors", "--epochs", "2"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 11, (done.returncode, done.stderr)
    for words in ("epoch 1", "not finite", "no model yet", "nothing to resume from"):
        assert words in done.stderr, done.stderr
    assert not os.path.exists(f"{folder}/first.safetensors")

    os.mkdir(f"{folder}/out")
    model = f"{folder}/out/model.safetensors"
    datasets.run(ULITE, "train", data, "-o", model, "--plan", plan, "--threads", "1", "--epochs", "1")
    before = files(f"{folder}/out")
    done = subprocess.run([*refuse_some, "-o", model, "--epochs", "3", "--resume"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 11, (done.returncode, done.stderr)
    for words in ("epoch 2", "not finite", "the model of epoch 1 is kept", "--resume --lr"):
        assert words in done.stderr, done.stderr
    assert files(f"{folder}/out") == before, "divergence changed what was good"
    datasets.run(ULITE, "train", data, "-o", model, "--plan", plan, "--threads", "1", "--epochs", "2",
                 "--resume", "--lr", "1e-4")


def limit_files(size):
    def limit():  # as if the disk were full
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def test_full_disk(folder):
    """Exit 7 names the file that could not be written; an older model and checkpoint stay whole."""
    data = datasets.make_nifti(f"{folder}/data")
    plan = datasets.quick_plan(folder)
    refuse(data, 7, ["model.split.json"], "--plan", plan, preexec_fn=limit_files(100))
    command = [ULITE, "train", data, "--plan", plan, "--threads", "1", "-q"]
    os.mkdir(f"{folder}/out")
    model = f"{folder}/out/model.safetensors"
    subprocess.run([*command, "-o", model, "--epochs", "1"], check=True, stdout=subprocess.DEVNULL)
    before = files(f"{folder}/out")
    for size, what in ((1 << 20, "model.safetensors"), (5 << 20, "model.checkpoint")):
        done = subprocess.run([*command, "-o", model, "--epochs", "2", "--overwrite"], check=False,
                              capture_output=True, text=True, preexec_fn=limit_files(size))
        assert done.returncode == 7 and what in done.stderr, (size, done.returncode, done.stderr)
        left = files(f"{folder}/out")
        assert left.keys() == before.keys(), left.keys()
        assert left["model.checkpoint"] == before["model.checkpoint"], "the checkpoint was spoilt"
    refuse(data, 7, ["model.safetensors"], "-o", f"{data}/images/case1.nii.gz/model.safetensors")


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 4 or name in sys.argv[3:]):
            with tempfile.TemporaryDirectory() as folder:
                test(folder)
            print(f"{name}: passed")


main()
