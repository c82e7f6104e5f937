#!/usr/bin/python3
"""Training makes the same model whatever the threads, interruptions and time limits, and learns in few steps.

usage: test_exact.py ULITE MAKE_SERIES"""
import json
import os
import time

import datasets
from datasets import run
from trained import ULITE, content, interrupt, metadata, run_tests, train


def test_any_thread_count(folder):
    data = datasets.make_nifti(f"{folder}/data", classes=1)
    plan = datasets.quick_plan(folder, batch=3)
    models = []
    for threads in (1, 2, 3):
        os.mkdir(f"{folder}/{threads}")
        path = f"{folder}/{threads}/model.safetensors"
        run(ULITE, "train", data, "-o", path, "--plan", plan, "--epochs", "2", "--threads", threads)
        models.append(content(path))
    assert models[0] == models[1] == models[2], "the model depends on the threads"
    os.mkdir(f"{folder}/seed")
    other = f"{folder}/seed/model.safetensors"
    train(data, other, "--plan", plan, "--epochs", "2", "--seed", "2")
    assert content(other) != models[0], "the seed does not matter"


def test_resumes_exactly(folder):
    """Interrupted in the first epoch and in a later one, the run ends as one that was not."""
    data = datasets.make_nifti(f"{folder}/data")
    plan = datasets.quick_plan(folder, steps=40)
    options = ["--plan", plan, "--epochs", "3"]
    for name in ("whole", "parts"):
        os.mkdir(f"{folder}/{name}")
    whole, parts = (f"{folder}/{name}/model.safetensors" for name in ("whole", "parts"))
    train(data, whole, *options)
    assert "no model yet" in interrupt(data, parts, *options)
    assert not os.path.exists(parts)
    said, tries = "", 0
    while "no model yet" in (said or "no model yet") and tries < 50:
        said, tries = interrupt(data, parts, *options, "--resume"), tries + 1
    assert "model of epoch" in said, said
    done = train(data, parts, *options, "--resume")
    assert content(parts) == content(whole), "a resumed run ends elsewhere"
    csv = [[line.split(",")[:4] for line in open(f"{folder}/{name}/model.csv", encoding="utf-8")]
           for name in ("whole", "parts")]
    assert csv[0] == csv[1] and len(csv[0]) == 4, csv
    again = train(data, parts, *options, "--resume")  # is at its end: tests only
    assert again.stdout == done.stdout and content(parts) == content(whole)
    train(data, parts, "--plan", plan, "--resume", "--epochs", "4")
    with open(f"{folder}/parts/model.csv", encoding="utf-8") as file:
        assert len(file.readlines()) == 5, "--resume --epochs 4 does not go on"


def test_minutes(folder):
    """--minutes alone plans epochs that fit, whose number makes the run again; with --epochs it cuts."""
    data = datasets.make_nifti(f"{folder}/data")
    plan = datasets.quick_plan(folder, steps=2)
    for name in ("timed", "again", "cut"):
        os.mkdir(f"{folder}/{name}")
    timed, again, cut = (f"{folder}/{name}/model.safetensors" for name in ("timed", "again", "cut"))
    start = time.monotonic()
    train(data, timed, "--plan", plan, "--minutes", "0.2")
    seconds = time.monotonic() - start
    epochs = json.loads(metadata(timed)["ulite.plan"])["training"]["epochs"]
    with open(f"{folder}/timed/model.csv", encoding="utf-8") as file:
        lines = file.readlines()
    assert epochs > 1, f"{epochs} epochs in {seconds:.0f} s"
    if len(lines) == 1 + epochs:  # a machine that slows down meanwhile cuts the run
        assert float(lines[-1].split(",")[1]) < 1e-3, lines[-1]
        train(data, again, "--plan", plan, "--epochs", epochs)
        assert content(again) == content(timed), "the planned epochs make another model"
    train(data, cut, "--plan", plan, "--epochs", "100000", "--minutes", "0.02",
          says=["time of --minutes was over after epoch", "of 100000", "--resume"])
    assert os.path.exists(cut)


def test_short_training(folder):
    """Eighty steps learn blobs, though the plan averages weights over a hundred and warms up for fifty."""
    data = datasets.make_nifti(f"{folder}/data", cases=8)
    plan = datasets.write_json(f"{folder}/plan.json", {"training": {"batch": 2, "steps": 40}})
    done = train(data, f"{folder}/model.safetensors", "--plan", plan, "--epochs", "2", "--json", "-q")
    test = json.loads(done.stdout.splitlines()[-1])
    for entry in test["classes"]:
        assert entry["dice"]["mean"] > 0.7, test


run_tests(dict(globals()))
