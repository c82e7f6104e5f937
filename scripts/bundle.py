#!/usr/bin/python3
"""Makes a trained model a bundled one: bundle.py MODEL.safetensors models/NAME [KEY=JSON...]

The weights are copied to models/NAME/NAME.safetensors. What the card tells people comes from the folder, as far as it
says so: texts, groups and the localiser from the card in plan.json, the classes from segments.json. Then the keys given
are set, or deleted where their JSON is null. Files that a run leaves beside the model (MODEL.csv, MODEL.split.json) come
along as curve.csv and split.json. The model may be the bundled one itself."""
import json
import os
import shutil
import struct
import sys


def read(path):
    """The header, and the tensors as bytes."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        return json.loads(stream.read(length)), stream.read()


def write(path, header, tensors):
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the data start aligned
    with open(path + ".part", "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text + tensors)
    os.replace(path + ".part", path)


TOLD = ("name", "task", "licence", "provenance", "groups", "localiser", "dark_surroundings")  # keys that training does not depend on


def part(path, key):
    """What a JSON file has under a key; None where there is no such file or key."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as stream:
        return json.load(stream).get(key)


def main():
    source, folder, *changes = sys.argv[1:]
    header, tensors = read(source)
    card = json.loads(header["__metadata__"]["ulite"])
    told = part(os.path.join(folder, "plan.json"), "card") or {}
    card.update({key: told[key] for key in TOLD if key in told})
    classes = part(os.path.join(folder, "segments.json"), "segments")
    if classes:
        assert [c["number"] for c in classes] == [c["number"] for c in card["classes"]], "other classes"
        card["classes"] = classes
    for change in changes:
        key, _, value = change.partition("=")
        card[key] = json.loads(value)
        if card[key] is None:
            del card[key]
    header["__metadata__"]["ulite"] = json.dumps(card, separators=(",", ":"), ensure_ascii=False)
    name = os.path.basename(os.path.normpath(folder))
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, name + ".safetensors"), header, tensors)
    for ending, kept in ((".csv", "curve.csv"), (".split.json", "split.json")):
        beside = source[: -len(".safetensors")] + ending
        if os.path.exists(beside):
            shutil.copyfile(beside, os.path.join(folder, kept))


if __name__ == "__main__":
    main()
