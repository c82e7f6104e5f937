"""Small data sets of blobs for tests, in every form that `ulite train` takes."""
import gzip
import json
import os
import subprocess
import zlib

from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
BRAIN = "/usr/share/mricron/templates/ch2bet.nii.gz"


def run(*command, code=0, says=(), **options):
    """Runs a command, which must end with the exit code and say all words on stderr."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    shown = f"{' '.join(map(str, command))}: exit {done.returncode}, expected {code}: {done.stderr[-600:]}"
    assert done.returncode == code, shown
    for word in says:
        assert word in done.stderr, f"{shown}\nsays nothing of {word!r}"
    return done


def blob(random, size, classes):
    """An image of one or two nested balls in noise, and its labels."""
    place = numpy.indices(size)
    middle = [random.uniform(0.35 * n, 0.65 * n) for n in size]
    radius = random.uniform(0.2, 0.3) * size[0]
    distance = numpy.sqrt(sum((p - m) ** 2 for p, m in zip(place[:2], middle[:2])))
    labels = (distance < radius).astype(numpy.uint8)
    if classes > 1:
        labels[distance < 0.6 * radius] = 2
    image = 100 + 60 * labels + random.normal(0, 8, size)
    return image.astype(numpy.float32), labels


def save_nifti(array, path, affine=None):
    nibabel.save(nibabel.Nifti1Image(array, numpy.diag([1, 1, 2, 1]) if affine is None else affine), path)


def save_pair(array, stem, header=".hdr", pixels=".img", affine=None):
    """A NIfTI pair; header and pixels end as told, compressed where that is .gz."""
    nibabel.save(nibabel.Nifti1Pair(array, numpy.diag([1, 1, 2, 1]) if affine is None else affine), f"{stem}.img")
    for plain, ending in ((".hdr", header), (".img", pixels)):
        if ending != plain:
            with open(stem + plain, "rb") as file, gzip.open(stem + ending, "wb") as packed:
                packed.write(file.read())
            os.remove(stem + plain)


def save_png(array, path):
    """8-bit grey [rows, columns] or RGB [rows, columns, 3]."""
    rows = numpy.ascontiguousarray(array, numpy.uint8)
    colour = 2 if rows.ndim == 3 else 0

    def chunk(kind, data):
        return (len(data).to_bytes(4, "big") + kind + data
                + zlib.crc32(kind + data).to_bytes(4, "big"))
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = rows.shape[1].to_bytes(4, "big") + rows.shape[0].to_bytes(4, "big") + bytes([8, colour, 0, 0, 0])
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw))
                   + chunk(b"IEND", b""))


def make_folders(folder):
    for part in ("images", "labels"):
        os.makedirs(f"{folder}/{part}")
    return folder


def make_nifti(folder, cases=6, size=(32, 32, 4), classes=2, seed=1):
    random = numpy.random.default_rng(seed)
    make_folders(folder)
    for case in range(cases):
        image, labels = blob(random, size, classes)
        save_nifti(image, f"{folder}/images/case{case}.nii.gz")
        save_nifti(labels, f"{folder}/labels/case{case}.nii.gz")
    return folder


def make_png(folder, rgb, cases=6, seed=2):
    """Pictures in grey, in colour (rgb), or in grey that is stored in colour (rgb "equal")."""
    random = numpy.random.default_rng(seed)
    make_folders(folder)
    for case in range(cases):
        image, labels = blob(random, (32, 40), 1)
        image = numpy.clip(image, 0, 255)
        if rgb:
            image = numpy.stack([image] * 3 if rgb == "equal" else [image, 255 - image, image / 2], axis=-1)
        save_png(image, f"{folder}/images/case{case}.png")
        save_png(255 * labels, f"{folder}/labels/case{case}.png")
    return folder


def make_dicom(folder, make_series, ulite, cases=4):
    """Series of a real head, SEG labels of its brain mask (as FILE, as folder, in turn)."""
    make_folders(folder)
    names = write_json(f"{folder}/names.json", {"segments": [{"number": 1, "label": "Brain"}]})
    for case in range(cases):
        series, truth = f"{folder}/images/case{case}", f"{folder}/truth{case}"
        run(make_series, HEAD, "-o", series, "--box", f"20:160,20:200,{40 + 20 * case}:{52 + 20 * case}",
            "--spacing", "6", "--step", "3", "--truth", truth, "--labels", f"{BRAIN}:any")
        target = f"{folder}/labels/case{case}.seg.dcm"
        if case % 2:
            os.makedirs(f"{folder}/labels/case{case}")
            target = f"{folder}/labels/case{case}/labels.dcm"
        run(ulite, "convert", f"{truth}_labels.nii.gz", "-o", target, "--source", series,
            "--segments", names)
    return folder


def make_nested(folder, make_series, cases=4, seed=3):
    """Series of blobs in folders named after a patient below the folder of the case."""
    random = numpy.random.default_rng(seed)
    make_folders(folder)
    for case in range(cases):
        image, labels = blob(random, (32, 32, 4), 1)
        save_nifti(image.astype(numpy.int16), f"{folder}/image.nii.gz")
        save_nifti(labels, f"{folder}/labels.nii.gz")
        run(make_series, f"{folder}/image.nii.gz", "-o", f"{folder}/images/case{case}/DOE^JANE/series",
            "--truth", f"{folder}/labels/case{case}", "--labels", f"{folder}/labels.nii.gz:any")
        os.rename(f"{folder}/labels/case{case}_labels.nii.gz", f"{folder}/labels/case{case}.nii.gz")
    return folder


GENERATE = {
    "values": [{"value": 2, "class": 1, "group": "brain", "mirror": 41, "lesions": True},
               {"value": 41, "class": 2, "group": "brain", "mirror": 2, "lesions": True},
               {"value": 17, "class": 3, "group": "spot", "mirror": 53},
               {"value": 53, "class": 4, "group": "spot", "mirror": 17},
               {"value": 510, "outside": 1}],
    "relations": [{"group": "spot", "near": "brain"}],
    "tissues": [{"group": "brain", "t1_ms": 800, "t2_ms": 75, "density": 0.7}]}
SIDES = {"segments": [{"number": 1, "label": "left", "mirror": 2}, {"number": 2, "label": "right", "mirror": 1},
                      {"number": 3, "label": "left spot", "mirror": 4},
                      {"number": 4, "label": "right spot", "mirror": 3}]}


def make_maps(folder, cases=4, images=(), seed=4):
    """Label maps of two halves, a spot in each and a shell, of 4 mm; images of the cases named."""
    random = numpy.random.default_rng(seed)
    make_folders(folder)
    x, y, z = (p - 15.5 for p in numpy.indices((32, 32, 32)))
    for case in range(cases):
        a, b, c = random.uniform(11, 13, 3)
        distance = numpy.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
        labels = numpy.where(distance < 1, numpy.where(x < 0, 2, 41), 0).astype(numpy.int16)
        labels[(abs(x) - 5) ** 2 + y ** 2 + z ** 2 < 10] += 1000
        labels = numpy.select([labels == 1002, labels == 1041], [17, 53], labels).astype(numpy.int16)
        labels[(distance >= 1) & (distance < 1.2)] = 510
        affine = numpy.diag([4, 4, 4, 1])  # x from left to right: RAS
        affine[0, 0] = -4
        save_nifti(labels, f"{folder}/labels/case{case}.nii.gz", affine)
        if case in images:
            image = numpy.select([labels == 0, labels == 510], [0, 30], 100 + labels)
            save_nifti((image + random.normal(0, 5, image.shape)).astype(numpy.float32),
                       f"{folder}/images/case{case}.nii.gz", affine)
    if not images:
        os.rmdir(f"{folder}/images")
    write_json(f"{folder}/generate.json", GENERATE)
    write_json(f"{folder}/segments.json", SIDES)
    splits(folder, range(cases - 1), [cases - 1], [])
    return folder


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def splits(folder, train, val, test):
    return write_json(f"{folder}/splits.json", {
        "train": [f"case{n}" for n in train], "val": [f"case{n}" for n in val],
        "test": [f"case{n}" for n in test]})


def quick_plan(folder, card=None, **training):
    """A plan file of a few tiny steps."""
    return write_json(f"{folder}/plan.json", {
        "card": card or {}, "training": {"batch": 2, "steps": 6, "average": 0.5, "warmup_steps": 2, **training}})
