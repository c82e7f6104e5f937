#!/usr/bin/python3
"""Puts what bench/brain.py printed into models/brain/README.md: brain_figures.py FIGURES.txt

    bench/brain.py build/release/bin/ulite brain DATA > FIGURES.txt"""
import sys

README = "models/brain/README.md"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"
NAMES = {"cWM": "cerebral white matter", "cCtx": "cerebral cortex", "LV": "lateral ventricle", "cbWM": "cerebellar white matter",
         "cbCtx": "cerebellar cortex", "thal": "thalamus", "caud": "caudate", "put": "putamen", "pall": "pallidum", "hip": "hippocampus",
         "amyg": "amygdala", "vDC": "ventral diencephalon", "3V": "third ventricle", "4V": "fourth ventricle", "BS": "brain stem"}


def number(text):
    return "" if text == "nan" else text


def tables(path):
    with open(path, encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip()]
    short = lines[0][4:-1]
    cases = {line[0]: line[1:] for line in lines[1:] if line[0] != "malc2012"}
    mean = next((line[2:] for line in lines if line[0] == "malc2012"), None)
    heads = [name for name in cases if name.isdigit()]
    if mean:
        brain = sum(float(cases[name][1]) for name in heads) / len(heads)
        yield f"Dice, both sides together, mean of the {len(heads)} T1 heads (stripped) with manual labels of MALC 2012; brain {brain:.3f}:\n"
        yield "| structure | Dice | lowest |\n|---|---|---|"
        for n, name in enumerate(short):
            yield f"| {NAMES[name]} | {mean[n + 1]} | {min(float(cases[head][n + 3]) for head in heads):.3f} |"
        yield f"| **mean** | {mean[0]} | {min(float(cases[head][0]) for head in heads):.3f} |\n"
    yield "Others, whole heads but for the averages of MNI (`template_`): Dice of the brain without and with the fluid around it, mean of the structures where there are labels, voxels of one side called by the other's name:\n"
    yield "| image | brain | with fluid | structures | other side |\n|---|---|---|---|---|"
    for name, values in cases.items():
        if not name.isdigit():
            yield f"| {name} | {values[1]} | {values[2]} | {number(values[0])} | {values[-1] if values[0] != 'nan' else ''} |"


def main():
    with open(README, encoding="utf-8") as stream:
        text = stream.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(README, "w", encoding="utf-8") as stream:
        stream.write(before + BEGIN + "\n".join(tables(sys.argv[1])) + "\n" + END + after)


if __name__ == "__main__":
    main()
