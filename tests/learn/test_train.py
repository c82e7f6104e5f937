#!/usr/bin/python3
"""Training of every kind of data set; checkpoints that do not fit, cards, fine-tuning.

usage: test_train.py ULITE MAKE_SERIES"""
import csv
import json
import os

import datasets
from datasets import numpy, run
from skipping import has
from trained import MAKE_SERIES, ULITE, card_of, content, metadata, run_tests, tensor, train


def test_resume_checks(folder):
    """A checkpoint of another plan, model or data set is refused, and nothing is changed."""
    data = datasets.make_nifti(f"{folder}/data")
    other = datasets.make_nifti(f"{folder}/other", classes=1)
    plan = datasets.quick_plan(folder)
    model = f"{folder}/model.safetensors"
    start = ["--plan", plan, "--epochs", "1"]
    train(data, model, *start, "--resume", code=3, says=["model.checkpoint", "without --resume"])
    train(data, model, *start)
    before = content(model), content(f"{folder}/model.checkpoint"), content(f"{folder}/model.split.json")
    train(data, model, *start, "--resume", "--batch", "4", code=6,
          says=["model.checkpoint", "checkpoint of another model", "training.batch"])
    train(other, model, *start, "--resume", code=6, says=["checkpoint of another model", "card"])
    part = f"{folder}/part.safetensors"
    train(data, part, "--plan", datasets.quick_plan(folder, {"body_part": "HEAD"}), "--epochs", "1")
    datasets.quick_plan(folder)  # without what the card said
    train(data, part, *start, "--resume", code=6, says=["part.checkpoint", "another card.body_part"])
    image, labels = datasets.blob(numpy.random.default_rng(7), (32, 32, 4), 2)
    datasets.save_nifti(labels, f"{data}/labels/case3.nii.gz")
    train(data, model, *start, "--resume", code=6, says=["data set or its split has changed"])
    os.replace(model, f"{folder}/model.checkpoint")
    train(data, model, *start, "--resume", code=6, says=["model.checkpoint", "no state of a training run"])
    with open(f"{folder}/model.checkpoint", "wb") as file:
        file.write(before[1][:1000])
    train(data, model, *start, "--resume", code=6, says=["model.checkpoint"])
    assert content(f"{folder}/model.split.json") == before[2]


def test_kinds(folder):
    """NIfTI, grey and RGB pictures, DICOM series with SEG labels: trained, tested, and segmented with."""
    plan = datasets.quick_plan(folder, steps=12)
    cases = {
        "grey": (datasets.make_png(f"{folder}/grey", False), "grey", 1, "images/case0.png"),
        "equal": (datasets.make_png(f"{folder}/equal", "equal"), "grey", 1, "images/case0.png"),
        "rgb": (datasets.make_png(f"{folder}/rgb", True), "rgb", 3, "images/case0.png"),
        "volumes": (datasets.make_nifti(f"{folder}/volumes"), "neighbours", 3, "images/case0.nii.gz"),
    }
    if has(datasets.HEAD):
        data = datasets.make_dicom(f"{folder}/series", MAKE_SERIES, ULITE)
        cases["series"] = (data, "neighbours", 3, "images/case0")
    for name, (data, channels, inputs, image) in cases.items():
        model = f"{folder}/{name}.safetensors"
        done = train(data, model, "--plan", plan, "--epochs", "3", "--json", "--quiet")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        kinds = [e["event"] for e in events if e["event"] != "progress"]
        assert kinds == ["data", "plan", "epoch", "epoch", "epoch", "trained", "test"], kinds
        assert done.stderr == "", done.stderr
        losses = [e["loss"] for e in events if e["event"] == "epoch"]
        assert losses[2] < losses[0], (name, losses)
        card = card_of(model)
        assert card["channels"] == channels, card
        assert events[[e["event"] for e in events].index("plan")]["plan"]["input_channels"] == inputs
        check_card(name, card, events[-1])
        out = f"{folder}/{name}.nii.gz" if name in ("volumes", "series") else f"{folder}/{name}_out.png"
        run(ULITE, "segment", f"{data}/{image}", "-m", model, "-o", out)


def check_card(name, card, test):
    """Metrics are those of the test event, the field of view holds the training images."""
    assert card["name"] == name, card["name"]
    metrics = {m["name"]: m["value"] for m in card["metrics"]}
    for entry in test["classes"]:
        assert abs(metrics[f"test Dice {entry['name']}"] - entry["dice"]["mean"]) < 1e-12, metrics
        assert f"validation Dice {entry['name']}" in metrics, metrics
        assert 0 <= entry["dice"]["low95"] <= entry["dice"]["mean"] <= entry["dice"]["high95"] <= 1
    assert "validation cases" in card["provenance"] and "/" not in card["provenance"]
    if name == "volumes":
        assert card["fov_mm"] == [25, 40], card["fov_mm"]  # 32 mm, with a margin
        assert card["spacing_mm"] == [1, 1], card["spacing_mm"]
    if name == "series":
        assert [c["label"] for c in card["classes"]] == ["Brain"], card["classes"]
        assert card["modality"] == "MR" and card["planes"] == ["axial"], card
    if name in ("grey", "equal", "rgb"):
        assert "fov_mm" not in card and "spacing_mm" not in card, card


def test_names_of_classes(folder):
    """segments.json and a plan's card name the classes and say more about the model."""
    data = datasets.make_nifti(f"{folder}/data")
    datasets.write_json(f"{data}/dataset.json", {
        "modality": {"0": "MRI"}, "labels": {"0": "background", "1": "shell", "2": "kernel"}})
    plan = datasets.quick_plan(folder, {
        "task": "balls", "licence": "CC0", "provenance": "made up", "site": {"ward": 7}, "Modality": "no key of ours",
        "normalisation": {"clip": 5}, "tta": {"rotate": [90]}})
    model = f"{folder}/model.safetensors"
    train(data, model, "--plan", plan, "--epochs", "1")
    card = card_of(model)
    assert [c["label"] for c in card["classes"]] == ["shell", "kernel"], card["classes"]
    assert card["site"] == {"ward": 7}, "an unknown key of the plan's card is lost"
    assert card["Modality"] == "no key of ours", card
    assert (card["normalisation"]["clip"], card["tta"]["rotate"]) == (5, [90]), card
    assert all(c[code]["source"] for c in card["classes"] for code in ("category", "type")), card["classes"]
    assert (card["task"], card["licence"], card["provenance"], card["modality"]) == ("balls", "CC0", "made up", "MR")
    printed = run(ULITE, "train", data, "--dry-run", "--plan", plan, "--epochs", "1").stdout
    assert json.loads(printed) == json.loads(metadata(model)["ulite.plan"]), "--dry-run prints another plan"
    with open(f"{folder}/model.plan.json", encoding="utf-8") as file:
        assert json.load(file) == json.loads(printed), "another plan beside the model"
    train(data, model, "--plan", f"{folder}/model.plan.json", "--overwrite", code=2, says=["model.plan.json"])
    annotated = json.loads(printed)
    for found, side in zip(annotated["card"]["classes"], ("out", "in")):
        found["side"] = found["type"]["note"] = side
    datasets.write_json(f"{folder}/annotated.json", annotated)
    printed = run(ULITE, "train", data, "--dry-run", "--plan", f"{folder}/annotated.json").stdout
    assert json.loads(printed) == annotated, "a plan of one's own loses keys"


def test_outline(folder):
    """At most ten lines before the first epoch, with the names of the classes, time and files."""
    data = datasets.make_nifti(f"{folder}/data")
    datasets.write_json(f"{data}/segments.json", {"segments": [
        {"number": 1, "label": "shell"}, {"number": 2, "label": "kernel"}]})
    plan = datasets.quick_plan(folder)
    for name, options, left in (("one", ["--epochs", "1"], "about 0 s"), ("timed", ["--minutes", "0.05"], "about "),
                                ("folds", ["--epochs", "1", "--folds", "2"], "told after each epoch")):
        said = train(data, f"{folder}/{name}.safetensors", "--plan", plan, *options).stderr.splitlines()
        lines = [line.split()[0] for line in said[:[n for n, line in enumerate(said) if line.startswith("epoch 1")][0]]]
        lines = [word for word in lines if word != "fold"]
        assert lines == ["cases", "images", "classes", "input", "patches", "training", "files", "time", "memory"], said
        assert "shell (" in said[2] and "kernel (" in said[2] and f"{name}.safetensors" in said[6], said
        resumed = train(data, f"{folder}/{name}.safetensors", "--plan", plan, *options, "--resume").stderr
        assert f"time      {left}" in resumed, resumed


def test_long_names(folder):
    """Names that do not fit are cut between characters, and a model that holds them can be read."""
    data = datasets.make_nifti(f"{folder}/{'肝臓' * 25}")
    label = "肝臓" * 40
    datasets.write_json(f"{data}/dataset.json", {"labels": {label: 1, "b" * 80: 2}})
    model = f"{folder}/{'ä' * 40}.safetensors"
    train(data, model, "--plan", datasets.quick_plan(folder, steps=1), "--epochs", "1")
    card = card_of(model)
    assert card["name"] == "ä" * 32 and f" of {'肝臓' * 21};" in card["provenance"], card
    assert [c["label"] for c in card["classes"]] == [label[:64], "b" * 64], card["classes"]
    names = {f"{split} Dice {cut}" for split in ("validation", "test") for cut in (label[:16], "b" * 48)}
    assert {m["name"] for m in card["metrics"]} == names, card["metrics"]
    run(ULITE, "info", model)
    name = os.fsencode(f"{folder}/") + b"m\xf6del.safetensors"  # Latin-1, as old archives have it
    run(ULITE, "train", data, "-o", os.fsdecode(name), "--plan", f"{folder}/plan.json", "--epochs", "1", errors="replace")
    assert card_of(name)["name"] == "m\u00f6del"


def test_folders_in_cases(folder):
    """Series that lie deeper in their cases' folders are told apart."""
    data = datasets.make_nested(f"{folder}/data", MAKE_SERIES)
    model = f"{folder}/model.safetensors"
    train(data, model, "--plan", datasets.quick_plan(folder, steps=1), "--epochs", "1")
    split = json.load(open(f"{folder}/model.split.json", encoding="utf-8"))
    assert len({case["sha256"] for part in ("train", "val", "test") for case in split[part]}) == 4, split


def test_pairs(folder):
    """Headers and pixels in two files, either compressed or not: the same training as in one."""
    plain, data = datasets.make_nifti(f"{folder}/plain"), datasets.make_folders(f"{folder}/pairs")
    forms = [(header, pixels) for header in (".hdr", ".hdr.gz") for pixels in (".img", ".img.gz")]
    for case in range(6):
        for part, form in (("images", forms[case % 4]), ("labels", forms[(case + 1) % 4])):
            array = numpy.asarray(datasets.nibabel.load(f"{plain}/{part}/case{case}.nii.gz").dataobj)
            datasets.save_pair(array, f"{data}/{part}/case{case}", *form)
    plan = datasets.quick_plan(folder)
    for source in (plain, data):
        train(source, f"{source}.safetensors", "--plan", plan, "--epochs", "1")
    weights = [tensor(f"{source}.safetensors", "e3.pw.weight") for source in (plain, data)]
    assert weights[0].size > 0 and numpy.array_equal(*weights), "another training"
    array = numpy.asarray(datasets.nibabel.load(f"{plain}/images/case4.nii.gz").dataobj)
    datasets.splits(data, [0, 2, 3], [1, 4], [5])
    datasets.save_pair(array, f"{data}/images/case0")
    train(data, f"{folder}/model.safetensors", "--plan", plan, "--epochs", "1", code=3, says=["are the same image"])
    os.remove(f"{data}/images/case0.img")
    train(data, f"{folder}/model.safetensors", "--plan", plan, "--epochs", "1", code=3, says=["case0.img"])


def test_layout_of_others(folder):
    """imagesTr/case_0000.nii.gz, labelsTr/case.nii.gz and dataset.json as nnU-Net writes them: the same training."""
    plain = datasets.make_nifti(f"{folder}/plain")
    data = datasets.make_nifti(f"{folder}/Dataset001")
    for part in ("images", "labels"):
        os.rename(f"{data}/{part}", f"{data}/{part}Tr")
    for case in range(6):
        os.rename(f"{data}/imagesTr/case{case}.nii.gz", f"{data}/imagesTr/case{case}_0000.nii.gz")
    os.makedirs(f"{data}/imagesTs")  # images without labels: not for training
    datasets.save_nifti(numpy.zeros((32, 32, 4), "f4"), f"{data}/imagesTs/case9_0000.nii.gz")
    datasets.write_json(f"{data}/dataset.json", {
        "channel_names": {"0": "T1"}, "labels": {"background": 0, "shell": 1, "kernel": 2},
        "numTraining": 6, "file_ending": ".nii.gz"})
    plan = datasets.quick_plan(folder)
    models = [f"{folder}/{name}.safetensors" for name in ("plain", "other")]
    for source, model in zip((plain, data), models):
        train(source, model, "--plan", plan, "--epochs", "1")
    card = card_of(models[1])
    assert [c["label"] for c in card["classes"]] == ["shell", "kernel"] and card["modality"] == "MR", card
    weights = [tensor(model, "e3.pw.weight") for model in models]
    assert weights[0].size > 0 and numpy.array_equal(*weights), "another training"
    splits = [json.load(open(model.replace("safetensors", "split.json"), encoding="utf-8")) for model in models]
    names = [{part: sorted(case["name"] for case in split[part]) for part in ("train", "val", "test")}
             for split in splits]
    assert names[0] == names[1] and sum(map(len, names[1].values())) == 6, names
    os.link(f"{data}/imagesTr/case0_0000.nii.gz", f"{data}/imagesTr/case0_0001.nii.gz")
    train(data, models[1], "--plan", plan, "--epochs", "1", "--overwrite", code=3, says=["case0_0001", "no label"])


def curve(path):
    """Columns of the CSV beside a model: rates and validation Dices."""
    with open(path.replace(".safetensors", ".csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [[float(row[name]) for row in rows] for name in ("rate", "val_dice")]


def test_rates(folder):
    """The rates of the CSV are those of the planned schedule."""
    data = datasets.make_nifti(f"{folder}/data", cases=3, size=(32, 32, 1))
    epochs, steps, top = 8, 2, 1e-9  # too low to learn
    rates, dices = {}, {}
    for name in ("cosine", "plateau"):
        plan = datasets.quick_plan(folder, steps=steps, warmup_steps=0, schedule=name, plateau_epochs=2)
        train(data, f"{folder}/{name}.safetensors", "--plan", plan, "--epochs", epochs, "--lr", top)
        rates[name], dices[name] = curve(f"{folder}/{name}.safetensors")
    for epoch in range(epochs):
        last = (epoch + 1) * steps - 1  # of its steps
        wanted = top / 2 * (1 + numpy.cos(numpy.pi * last / (epochs * steps)))
        assert abs(rates["cosine"][epoch] / wanted - 1) < 1e-5, (epoch, rates["cosine"])
    best, stale, wanted = -1, 0, top
    for rate, dice in zip(rates["plateau"], dices["plateau"], strict=True):
        assert abs(rate / wanted - 1) < 1e-5, (rates["plateau"], dices["plateau"])
        best, stale = (dice, 0) if dice > best else (best, stale + 1)
        if stale == 2:
            wanted, stale = wanted / 2, 0
    assert wanted < top, dices["plateau"]


def test_decays(folder):
    """One step with a decay: AdamW takes a part of the weights away, Adam lets it decide the direction."""
    data = datasets.make_nifti(f"{folder}/data", cases=3, size=(32, 32, 1))
    rate, decay, weights = 0.003, 10, {}
    for name, training in {"start": {}, "plain": {}, "adamw": {"optimizer": "adamw", "weight_decay": decay},
                           "adam": {"weight_decay": decay}}.items():
        plan = datasets.quick_plan(folder, steps=1, warmup_steps=0, average=0, **training)
        model = f"{folder}/{name}.safetensors"
        train(data, model, "--plan", plan, "--epochs", "1", "--lr", "1e-12" if name == "start" else rate)
        weights[name] = tensor(model, "e5.pw.weight").astype(float)
    lost = weights["plain"] - weights["adamw"]
    assert numpy.abs(lost - rate * decay * weights["start"]).max() < 1e-6, "AdamW's decay"
    large = numpy.abs(weights["start"]) > 0.01
    toward = -numpy.sign(weights["start"])[large]
    step = {name: (weights[name] - weights["start"])[large] / rate for name in ("plain", "adam")}
    assert numpy.abs(step["adam"] - toward).max() < 1e-2 and large.mean() > 0.5, "Adam's decay"
    assert numpy.abs(step["plain"] - toward).max() > 1, "there is no gradient"


def test_fine_tuning(folder):
    """Weights of a model with other input channels and classes are taken where they fit."""
    base = datasets.make_nifti(f"{folder}/base")
    plan = datasets.quick_plan(folder, {"site": {"ward": 7}})
    model = f"{folder}/base.safetensors"
    train(base, model, "--plan", plan, "--epochs", "1")
    new = datasets.make_png(f"{folder}/new", False)  # K = 1 instead of 3, C_in = 1 instead of 3
    still = datasets.quick_plan(f"{folder}/new", steps=1, average=0)
    tuned, fresh = f"{folder}/tuned.safetensors", f"{folder}/fresh.safetensors"
    train(new, tuned, "--plan", still, "--epochs", "1", "--lr", "1e-12", "--from", model,
          says=["base.safetensors: ", "start anew: conv_in, conv_out"])
    train(new, fresh, "--plan", still, "--epochs", "1", "--lr", "1e-12")
    weights = [tensor(path, "e3.pw.weight") for path in (model, tuned, fresh)]
    assert numpy.abs(weights[0] - weights[1]).max() < 1e-6, "weights that fit are not taken over"
    assert numpy.abs(weights[0] - weights[2]).max() > 1e-3
    assert tensor(tuned, "conv_in.weight").size == 16 * 49 and tensor(tuned, "conv_out.weight").size == 16
    assert "Fine-tuned" in card_of(tuned)["provenance"]
    assert "site" in card_of(model) and "site" not in card_of(tuned), "a new model has a card of its own"
    train(new, tuned, "--from", "no-such-model", code=3, says=["no-such-model"])


def test_flips_are_learnt(folder):
    """`--tta` averages no flip that training never makes."""
    data = datasets.make_nifti(f"{folder}/data")
    flips = {"flip_x_p": 0, "flip_y_p": 0, "mirror_p": 0}
    planes = ["axial", "coronal", "sagittal"]
    for card, changes, x, y in (
        ({}, {}, True, True),
        ({}, flips, False, False),
        ({"tta": {"flip_x": True, "flip_y": True}}, {**flips, "flip_y_p": 0.1}, False, True),
        ({"tta": {"flip_x": False, "flip_y": False}}, {}, False, False),
        ({"planes": ["axial"]}, {**flips, "mirror_p": 0.5}, True, False),
        ({"planes": planes}, {**flips, "mirror_p": 0.5}, False, False),
    ):
        plan = datasets.quick_plan(folder, card, augment=changes)
        planned = json.loads(run(ULITE, "train", data, "--dry-run", "--plan", plan).stdout)["card"].get("tta", {})
        assert (planned.get("flip_x", False), planned.get("flip_y", False)) == (x, y), (card, changes, planned)


def test_sides_are_exchanged(folder):
    """Classes called left and right are partners, so that mirrored images exchange them."""
    data = datasets.make_nifti(f"{folder}/data")
    for one, other, pairs in (
        ("left kidney", "right kidney", True), ("RightParotid", "LeftParotid", True), ("Hippocampus_L", "hippocampus_r", True),
        ("lh.cortex", "rh.cortex", True), ("left kidney", "right lung", False), ("liver", "river", False), ("left", "left 2", False),
    ):
        datasets.write_json(f"{data}/dataset.json", {"labels": {"0": "background", "1": one, "2": other}})
        for plan, partners in ((datasets.quick_plan(folder), pairs), (datasets.quick_plan(f"{folder}/data", {"planes": ["sagittal"]}), False)):
            done = run(ULITE, "train", data, "--dry-run", "--plan", plan)
            found = [c.get("mirror", 0) for c in json.loads(done.stdout)["card"]["classes"]]
            assert found == ([2, 1] if partners else [0, 0]), (one, other, found)
    datasets.write_json(f"{data}/dataset.json", {"labels": {"0": "background", "1": "left", "2": "right"}})
    train(data, f"{folder}/m.safetensors", "--plan", datasets.quick_plan(folder), "--epochs", "1",
          says=["; 1 pair of left and right, exchanged where images are mirrored"])


run_tests(dict(globals()))
