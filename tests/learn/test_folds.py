#!/usr/bin/python3
"""Cross-validation: every case is held out once, groups whole, and judged by the model that did not see it;
interrupted anywhere it ends as one that was not.

usage: test_folds.py ULITE MAKE_SERIES"""
import csv
import json
import os
import statistics

import datasets
from datasets import run
from trained import ULITE, card_of, content, interrupt, metadata, run_tests, train

MODELS = ["model.fold1", "model.fold2", "model"]


def rows_of(folder):
    with open(f"{folder}/model.folds.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def split_of(path):
    with open(f"{path}.split.json", encoding="utf-8") as file:
        splits = json.load(file)
    assert splits.pop("version") == 1
    return {name: {case["name"] for case in cases} for name, cases in splits.items()}


def grouped(folder, cases=10):
    """A data set whose splits file has no val, a test case, and two groups."""
    data = datasets.make_nifti(f"{folder}/data", cases=cases)
    datasets.write_json(f"{data}/dataset.json", {"labels": {"shell, outer": 1, "kernel": 2}})
    datasets.write_json(f"{data}/splits.json", {
        "train": [f"case{n}" for n in range(cases - 1)], "test": [f"case{cases - 1}"],
        "groups": [["case0", "case3", "case5"], ["case1.nii.gz", "case8"]]})
    return data


def test_table(folder):
    data = grouped(folder)
    done = train(data, f"{folder}/model.safetensors", "--plan", datasets.quick_plan(folder), "--epochs", "4",
                 "--folds", "3", "--json", "-q")
    held_out = {}
    for fold in (1, 2, 3):
        split = split_of(f"{folder}/model.fold{fold}")
        assert split["test"] == {"case9"} and len(split["val"]) == 3 and len(split["train"]) == 6, split
        held_out.update(dict.fromkeys(split["val"], fold))
    assert len(held_out) == 9, held_out
    assert held_out["case0"] == held_out["case3"] == held_out["case5"] and held_out["case1"] == held_out["case8"]
    assert split_of(f"{folder}/model") == {"train": set(held_out), "val": set(), "test": {"case9"}}
    rows = rows_of(folder)
    assert {(row["case"], int(row["fold"])) for row in rows} == set(held_out.items())
    events = [json.loads(line) for line in done.stdout.splitlines()]
    events = [event for event in events if event["event"] != "progress"]
    assert [e["event"] for e in events] == [
        "data", "plan", *(["fold"] + 4 * ["epoch"] + ["trained"]) * 3, "out_of_fold",
        "fold", *["epoch"] * events[-3]["epochs"], "trained", "test"]
    card, table = card_of(f"{folder}/model.safetensors"), events[[e["event"] for e in events].index("out_of_fold")]
    metrics = {m["name"]: m["value"] for m in card["metrics"]}
    for entry in table["classes"]:
        dices = [float(row["dice"]) for row in rows if row["class"] == entry["name"]]
        assert len(dices) == table["cases"] == 9
        for key, value in (("mean", statistics.mean), ("sd", statistics.stdev), ("median", statistics.median)):
            assert abs(entry["dice"][key] - value(dices)) < 1.5e-4, (key, entry, dices)
        assert abs(metrics[f"out-of-fold Dice {entry['name']}"] - entry["dice"]["mean"]) < 1e-12, metrics
        assert f"test Dice {entry['name']}" in metrics and f"validation Dice {entry['name']}" not in metrics
    best = [e["best_epoch"] for e in events if e["event"] == "trained"][:3]
    epochs = json.loads(metadata(f"{folder}/model.safetensors")["ulite.plan"])["training"]["epochs"]
    assert epochs == int(sum(best) / 3 + 0.5), (epochs, best)
    assert "on 9 cases of data" in card["provenance"] and "cross-validation" in card["provenance"], card


def test_judged_by_others(folder):
    """The score of a case is that of its fold's model, as `ulite eval` finds it."""
    data = grouped(folder)
    train(data, f"{folder}/model.safetensors", "--plan", datasets.quick_plan(folder), "--epochs", "2", "--folds", "2")
    first = {row["case"]: (row["fold"], float(row["dice"])) for row in rows_of(folder) if row["class"] == "kernel"}
    for case in ("case0", "case2"):
        fold, dice = first[case]
        assert case in split_of(f"{folder}/model.fold{fold}")["val"]
        run(ULITE, "segment", f"{data}/images/{case}.nii.gz", "-m", f"{folder}/model.fold{fold}.safetensors", "-o",
            f"{folder}/{case}.nii.gz")
        found = json.loads(run(ULITE, "eval", f"{folder}/{case}.nii.gz", f"{data}/labels/{case}.nii.gz", "--json").stdout)
        measured = [c["dice"] for c in found["cases"][0]["classes"] if c["number"] == 2]
        assert abs(measured[0] - dice) < 1e-4, (case, measured, dice)


def test_resumes_exactly(folder):
    """Interrupted in folds and in the last run; the seed decides how cases are dealt."""
    data = datasets.make_nifti(f"{folder}/data", cases=7)
    plan = datasets.quick_plan(folder, steps=40)  # time to interrupt it
    options = ["--plan", plan, "--epochs", "2", "--folds", "2"]
    for name in ("whole", "parts", "seed"):
        os.mkdir(f"{folder}/{name}")
    train(data, f"{folder}/whole/model.safetensors", *options)
    parts = f"{folder}/parts/model.safetensors"
    assert interrupt(data, parts, *options).startswith("ulite train: fold 1 of 2: epoch 1")
    assert "fold 2 of 2" in interrupt(data, parts, *options, "--resume", after="fold 2 of 2")
    train(data, parts, *options, code=2, says=["model.folds.csv", "--resume"])
    train(data, parts, *options[:-1], "3", "--resume", code=6, says=["fold 1 of 3", "split has changed"])
    assert "the run on all cases" in interrupt(data, parts, *options, "--resume", after="the mean of the best")
    done = train(data, parts, *options, "--resume")
    for name in MODELS:
        assert content(f"{folder}/parts/{name}.safetensors") == content(f"{folder}/whole/{name}.safetensors"), name
    assert rows_of(f"{folder}/parts") == rows_of(f"{folder}/whole")
    again = train(data, parts, *options, "--resume")
    assert again.stdout == done.stdout and content(parts) == content(f"{folder}/whole/model.safetensors")
    train(data, f"{folder}/seed/model.safetensors", *options, "--seed", "2")
    assert {r["case"]: r["fold"] for r in rows_of(f"{folder}/seed")} != {
        r["case"]: r["fold"] for r in rows_of(f"{folder}/whole")}
    # Begun anew with another plan and interrupted, it does not go on with the older folds.
    other = ["--plan", datasets.quick_plan(folder, steps=100), "--epochs", "1", "--folds", "2"]
    interrupt(data, parts, *other, "--overwrite")
    train(data, parts, *other, "--resume")


def test_minutes(folder):
    """The folds have as many epochs as fit into the share of the first."""
    data = datasets.make_nifti(f"{folder}/data")
    plan = datasets.quick_plan(folder, steps=2)
    train(data, f"{folder}/model.safetensors", "--plan", plan, "--folds", "2", "--minutes", "0.15")
    epochs = [json.loads(metadata(f"{folder}/model.fold{n}.safetensors")["ulite.plan"])["training"]["epochs"]
              for n in (1, 2)]
    assert epochs[0] == epochs[1], epochs


def test_drawn_images(folder):
    """Label maps are dealt too; each draw of one counts as an image."""
    data = datasets.make_maps(f"{folder}/data")
    datasets.write_json(f"{folder}/plan.json", {
        "card": {"neighbour_mm": 4}, "training": {"batch": 2, "steps": 4, "average": 0.5, "warmup_steps": 2,
                                                  "patch_width": 32, "patch_height": 32, "generate": {"draws": 2}}})
    train(data, f"{folder}/model.safetensors", "--plan", f"{folder}/plan.json", "--epochs", "1", "--folds", "2")
    cases = [row["case"] for row in rows_of(folder) if row["class"] == "left"]
    assert sorted(cases) == sorted(2 * [f"case{n}" for n in range(4)]), cases


def test_refused(folder):
    data = grouped(folder)
    model, plan = f"{folder}/model.safetensors", datasets.quick_plan(folder)
    options = ["--plan", plan, "--epochs", "1"]
    train(data, model, *options, code=3, says=['"val" is empty'])
    train(data, model, *options, "--folds", "1", code=2, says=["--folds", "2"])
    train(data, model, *options, "--folds", "7", code=2, says=["are 6", "7 folds"])
    plateau = ["--plan", datasets.quick_plan(folder, schedule="plateau")]
    train(data, model, *plateau, "--folds", "2", code=2, says=["plateau", "cosine"])
    datasets.quick_plan(folder)
    train(data, model, *options, "--folds", "2", "--resume", code=3, says=["model.fold1.checkpoint", "without --resume"])

    def bad(words, **keys):
        datasets.write_json(f"{data}/splits.json", {
            "train": [f"case{n}" for n in range(8)], "val": ["case8"], "test": ["case9"], **keys})
        train(data, model, *options, code=3, says=["splits.json", *words])
    bad(["case0 (train) and case9 (test)", "one group"], groups=[["case0", "case9"]])
    bad(["case0 (train) and case8 (val)"], groups=[["case0", "case8"]])
    bad(["case1 stands twice"], groups=[["case0", "case1"], ["case1"]])
    bad(['"groups" names case17'], groups=[["case17"]])
    bad(['"groups" holds something but names'], groups=[[1]])
    bad(['"groups" must hold lists'], groups={"a": ["case0"]})
    bad(['"groups" must hold lists'], groups=["case0"])
    assert not [name for name in os.listdir(folder) if name.startswith("model")]


run_tests(dict(globals()))
