#!/usr/bin/python3
"""Training on images that are drawn from label maps: it learns, threads and interruptions change no byte,
images may be mixed in, the sheet shows patches, and what is wrong in generate.json is named.

usage: test_generate.py ULITE MAKE_SERIES"""
import copy
import json
import os

import datasets
from datasets import numpy, run
from trained import ULITE, card_of, content, metadata, run_tests, train

QUICK = {"batch": 2, "steps": 4, "average": 0.5, "warmup_steps": 2, "patch_width": 32, "patch_height": 32}


def plan_of(folder, generate=None, **training):
    return datasets.write_json(f"{folder}/plan.json", {
        "card": {"neighbour_mm": 4}, "training": {**QUICK, **training, "generate": {"draws": 1, **(generate or {})}}})


def test_plan(folder):
    data = datasets.make_maps(f"{folder}/data")
    plan = json.loads(run(ULITE, "train", data, "--dry-run").stdout)
    card, training = plan["card"], plan["training"]
    assert card["planes"] == ["axial", "coronal", "sagittal"], card["planes"]
    assert card["channels"] == "neighbours" and card["spacing_mm"] == [4, 4], card
    assert card["normalisation"]["kind"] == "foreground", card["normalisation"]
    assert [c["mirror"] for c in card["classes"]] == [2, 1, 4, 3], card["classes"]
    assert training["generate"]["rotate_degrees"] == 20 and training["augment"]["flip_x_p"] == 0
    again = json.loads(run(ULITE, "train", data, "--dry-run", "--plan",
                           datasets.write_json(f"{folder}/plan.json", plan)).stdout)
    assert again == plan


def test_learns(folder):
    """Two halves that look alike are told apart by their side; the loss falls."""
    data = datasets.make_maps(f"{folder}/data")
    plan = plan_of(folder, {"thick_p": 0, "noise": 0.02, "strip_p": 0, "cut_p": 0, "faint_p": 0},
                   steps=40, batch=4, average=0.8, validate_every=3)
    model = f"{folder}/model.safetensors"
    train(data, model, "--plan", plan, "--epochs", "3")
    with open(f"{folder}/model.csv", encoding="utf-8") as file:
        rows = [line.split(",") for line in file.read().split("\n")[1:] if line]
    losses = [float(row[2]) for row in rows]
    assert losses[-1] < 0.8 * losses[0], losses
    dice = {m["name"]: m["value"] for m in card_of(model)["metrics"]}
    assert dice["validation Dice left"] > 0.4 and dice["validation Dice right"] > 0.4, dice
    volumes = {v["number"]: v for v in card_of(model)["volumes"]}
    assert sorted(volumes) == [1, 2, 3, 4] and all(0 < v["low_ml"] <= v["high_ml"] for v in volumes.values())
    assert volumes[1] == {**volumes[2], "number": 1}, volumes  # mirrored heads have the other's


def test_any_thread_count(folder):
    data = datasets.make_maps(f"{folder}/data", images=(0, 1))
    plan = plan_of(folder, batch=4)
    models = []
    for threads in (1, 2, 3):
        os.mkdir(f"{folder}/{threads}")
        path = f"{folder}/{threads}/model.safetensors"
        run(ULITE, "train", data, "-o", path, "--plan", plan, "--epochs", "2", "--threads", threads)
        models.append(content(path))
    assert models[0] == models[1] == models[2], "the model depends on the threads"


def test_resumes_exactly(folder):
    data = datasets.make_maps(f"{folder}/data")
    for name in ("whole", "parts"):
        os.mkdir(f"{folder}/{name}")
    whole, parts = (f"{folder}/{name}/model.safetensors" for name in ("whole", "parts"))
    options = ["--plan", plan_of(folder, steps=6), "--epochs", "3"]
    train(data, whole, *options)
    train(data, parts, *options, "--minutes", "0.0001")  # ends after an epoch
    with open(f"{folder}/parts/model.csv", encoding="utf-8") as file:
        assert len(file.readlines()) == 2
    train(data, parts, *options, "--resume")
    assert content(parts) == content(whole), "a resumed run ends elsewhere"
    # Another generate.json is another data set.
    changed = copy.deepcopy(datasets.GENERATE)
    changed["values"][4]["outside"] = 0.5
    datasets.write_json(f"{data}/generate.json", changed)
    train(data, parts, *options[:2], "--epochs", "4", "--resume", code=6, says=["data set"])


def test_mixed_with_images(folder):
    """A share of the patches comes from the images: none of them, all of them and half differ."""
    data = datasets.make_maps(f"{folder}/data", images=(0, 1, 3))
    models = []
    for share in (0, 0.5, 1):
        path = f"{folder}/model.safetensors"
        train(data, path, "--plan", plan_of(folder, {"real_p": share}), "--epochs", "1", "--overwrite")
        models.append(content(path))
        assert json.loads(metadata(path)["ulite.plan"])["training"]["generate"]["real_p"] == share
    assert len(set(models)) == 3


def test_sheet(folder):
    data = datasets.make_maps(f"{folder}/data")
    sheet = f"{folder}/sheet.png"
    run(ULITE, "train", data, "--dry-run", "--plan", plan_of(folder), "--samples", sheet)
    png = content(sheet)
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert (width, height) == (4 + 4 * 68, 4 + 6 * 36), (width, height)
    run(ULITE, "train", data, "--dry-run", "--samples", f"{folder}/sheet.jpg", code=2, says=["--samples", ".png"])
    run(ULITE, "train", data, "-o", f"{folder}/m.safetensors", "--samples", sheet, code=2, says=["--dry-run"])
    ordinary = datasets.make_png(f"{folder}/pictures", rgb=True)
    run(ULITE, "train", ordinary, "--dry-run", "--samples", f"{folder}/pictures.png")
    assert content(f"{folder}/pictures.png")[:4] == b"\x89PNG"


def refused(folder, data, words, code=3):
    done = run(ULITE, "train", data, "-o", f"{folder}/none.safetensors", "--epochs", "1", "--quiet", code=code,
               says=words)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not os.path.exists(f"{folder}/none.safetensors")


def test_bad_generate(folder):
    data = datasets.make_maps(f"{folder}/data")

    def bad(change, *words):
        changed = copy.deepcopy(datasets.GENERATE)
        change(changed)
        datasets.write_json(f"{data}/generate.json", changed)
        refused(folder, data, words)

    entry = 'entry 1 of "values"'
    bad(lambda g: g["values"].pop(), "case", "label value 510", "generate.json")
    bad(lambda g: g.update(values=[]), "generate.json", '"values"', "a list of objects")
    bad(lambda g: g.update(colour=1), '"colour" is no key')
    bad(lambda g: g["values"][0].update(value=0), entry, '"value"', "1 to 65535")
    bad(lambda g: g["values"][0].update({"class": 255}), entry, '"class"', "0 to 254")
    bad(lambda g: g["values"][0].update(group=3), entry, '"group"', "a name")
    bad(lambda g: g["values"][0].update(outside=2), entry, '"outside"', "0 to 1")
    bad(lambda g: g["values"][0].update(lesions=1), entry, '"lesions"', "true or false")
    bad(lambda g: g["values"][0].update(side="left"), entry, '"side" is no key')
    bad(lambda g: g["values"][0].update(mirror=99), entry, '"mirror"', "another entry")
    bad(lambda g: g["values"][0].update(mirror=17), "value 2 has", "name each other")
    bad(lambda g: g["values"][1].update(value=2), 'entry 2 of "values"', "value 2 stands twice")
    bad(lambda g: g["values"].insert(0, 5), entry, "not an object")
    bad(lambda g: g["relations"][0].update(near="skull"), 'entry 1 of "relations"', '"near"')
    bad(lambda g: g.update(relations={}), '"relations"', "a list of objects")
    tissue = 'entry 1 of "tissues"'
    bad(lambda g: g.update(tissues={}), '"tissues"', "a list of objects")
    bad(lambda g: g["tissues"][0].update(group="skull"), tissue, '"group"', "of a value")
    bad(lambda g: g["tissues"][0].update(t1_ms=0), tissue, '"t1_ms"', "above 0")
    bad(lambda g: g["tissues"][0].pop("density"), tissue, '"density"', "above 0")
    bad(lambda g: g["tissues"].append(g["tissues"][0]), 'entry 2 of "tissues"', "group brain stands twice")
    bad(lambda g: [g["values"][n].update({"class": c}) for n, c in ((1, 4), (3, 2))], "value 2 is class 1",
        "its mirror 41 is class 4")
    with open(f"{data}/generate.json", "w", encoding="utf-8") as file:
        file.write("{")
    refused(folder, data, ["generate.json"])


def test_bad_maps(folder):
    data = datasets.make_maps(f"{folder}/data")
    empty = numpy.zeros((32, 32, 32), numpy.int16)
    datasets.save_nifti(empty, f"{data}/labels/case0.nii.gz")
    refused(folder, data, ["case0", "nothing but background"])
    datasets.save_nifti(empty[:, :, :1], f"{data}/labels/case0.nii.gz")
    refused(folder, data, ["case0", "several"], code=5)
    os.rename(f"{data}/generate.json", f"{data}/other.json")
    refused(folder, data, ["holds no folder images", "generate.json"])


def test_bad_ranges(folder):
    data = datasets.make_maps(f"{folder}/data")

    def bad(words, **ranges):
        run(ULITE, "train", data, "--dry-run", "--plan", plan_of(folder, ranges), code=3, says=words)

    bad(["scale_low", "above 0"], scale_low=0)
    bad(["thick_low", "at most the second"], thick_low=9)
    bad(["draws is at least 1"], draws=0)
    bad(["strip_p", "0 to 1"], strip_p=2)
    bad(["no training setting \"stripp\""], stripp=1)
    plan = datasets.write_json(f"{folder}/slices.json", {"card": {"normalisation": {"over": "slice"}}})
    run(ULITE, "train", data, "--dry-run", "--plan", plan, code=3, says=["normalised as a volume"])


run_tests(dict(globals()))
