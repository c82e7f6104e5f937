#!/usr/bin/python3
"""Writes the corpora of the fuzz targets `card`, `segments`, `plan`, `dataset`, `curves`, `checkpoint`, `csa`, `multipart`,
`node` and `codec`: one small file for each form that is read.

Usage: make_text_corpus.py tests/fuzz/corpus
"""
import json
import struct
import sys
import zlib
from pathlib import Path

import pydicom
from pydicom.encaps import generate_pixel_data_frame

CODE = {"value": "10200004", "scheme": "SCT", "meaning": "Liver"}
CLASS = {"label": 1, "name": "Liver", "category": {"value": "123037004", "scheme": "SCT", "meaning": "Body structure"},
         "type": CODE, "colour": [200, 30, 40]}
NODE = {"version": 1, "ae_title": "ULITE", "address": "0.0.0.0", "port": 11112, "metrics_port": 9112, "spool": "spool",
        "quiet_seconds": 5, "keep_seconds": 60, "remember_seconds": 600,
        "limits": {"associations": 4, "associations_per_host": 2, "idle_seconds": 10, "objects_per_association": 100,
                   "object_mib": 10, "free_mib": 5},
        "tls": {"key": "k", "certificate": "c", "trusted": "t"},
        "accept": [{"ae_title": "*"}, {"ae_title": "A", "host": "::1"}],
        "peers": [{"name": "a", "ae_title": "A", "host": "h", "port": 104, "tls": True},
                  {"name": "b", "stow": "https://h/studies", "authorization": "f"}],
        "models": [{"model": "brain", "rules": "r.json", "only": "Brain", "type": "auto", "rle": False, "tta": False,
                    "force": True, "results": ["seg", "capture"], "send": ["a", "b"]}]}
CARD = {"version": 1, "name": "fuzz", "modality": ["MR"], "plane": "axial",
        "input": {"channels": 3, "spacing_mm": [1, 1], "size": [256, 256]},
        "intensity": {"mode": "window", "window": [-100, 200]}, "classes": [CLASS], "metrics": [{"name": "Dice", "value": 0.9}]}
SEGMENTS = {"format": "ulite-segments-1", "segments": [{"number": 1, "label": "Liver", "category": CODE, "type": CODE,
                                                      "rgb": [1, 2, 3], "algorithm_type": "MANUAL"}]}
DCMQI_CODE = {"CodeValue": "T-62000", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Liver"}
DCMQI = {"ContentCreatorName": "Doe", "segmentAttributes": [[{
    "labelID": 1, "SegmentLabel": "Liver", "SegmentDescription": "Liver", "SegmentAlgorithmType": "SEMIAUTOMATIC",
    "SegmentAlgorithmName": "SlicerEditor", "SegmentedPropertyCategoryCodeSequence": DCMQI_CODE,
    "SegmentedPropertyTypeCodeSequence": DCMQI_CODE, "recommendedDisplayRGBValue": [221, 130, 101]}]]}
PLAN = {"card": {"name": "fuzz", "intensity": {"mode": "zscore"}},
        "training": {"epochs": 5, "steps": 10, "batch": 2, "patch": [64, 64], "rate": 1e-3,
                     "augment": {"rotate": [-0.1, 0.1], "scale": [0.9, 1.1], "blur": 0.2}}}
SPLITS = {"train": ["case0", "case1", "case2"], "val": ["case3"], "test": ["case4"]}
FOLDS = [{"train": ["case0", "case1"], "val": ["case2"]}]
NNUNET = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "liver": 1}, "numTraining": 5, "file_ending": ".nii.gz"}
CURVES = "epoch,loss,dice,rate,seconds\n1,1.25,0.1,0.001,10\n2,1.0,0.2,0.001,20\n3,0.8,,0.0009,30\n"


FORM = """multipart/form-data; boundary="x y"
--x y\r
Content-Disposition: form-data; name="params"\r
\r
{"a": 1}\r
--x y\r
Content-Disposition: form-data; name="file"; filename="a \\"b\\".nii"\r
Content-Type: application/octet-stream\r
\r
\r
-- \r
--x y--\r
"""


def checkpoint():
    run = {"epoch": 1, "step": 2, "loss_sum": 3.5, "best": 0.5, "best_epoch": 1, "seconds": 9, "plateau_factor": 1,
           "plateau_best": 0.5, "plateau_stale": 0, "data": "0000"}
    header = json.dumps({"__metadata__": {"ulite.run": json.dumps(run), "ulite.plan": json.dumps(PLAN)}})
    return struct.pack("<Q", len(header)) + header.encode()


def csa(version):
    def tag(name, items):
        data = struct.pack("<64si4siiI", name, 1, b"DS\0\0", 0, len(items), 77)
        for item in items:
            data += struct.pack("<4i", len(item), len(item), 77, len(item)) + item + bytes(-len(item) % 4)
        return data
    head = b"SV10\4\3\2\1" if version == 2 else b""
    tags = tag(b"NumberOfImagesInMosaic", [b"3"]) + tag(b"SliceNormalVector", [b"0.0", b"0.1", b"0.99"])
    tags += tag(b"PhaseEncodingDirectionPositive", [b"1"]) + tag(b"MosaicRefAcqTimes", [b"0.0", b"40.0", b"80.0"])
    return head + struct.pack("<ii", 4, 77) + tags


def codec_seeds(corpus):
    syntaxes = ["1.2.840.10008.1.2.5", *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 57, 70, 80, 81, 90, 91))]
    for path in sorted((corpus / "dicom").iterdir()):
        image = pydicom.dcmread(path, force=True)
        syntax = str(getattr(image, "file_meta", {}).get("TransferSyntaxUID", ""))
        if syntax not in syntaxes:
            continue
        frame = next(generate_pixel_data_frame(image.PixelData, int(image.get("NumberOfFrames", 1))))
        bits = {8: 0, 16: 1, 32: 2}[image.BitsAllocated] | (4 if image.BitsStored == image.BitsAllocated else 0)
        kind = {"MONOCHROME1": 1, "RGB": 2, "YBR_FULL": 3, "YBR_FULL_422": 4}.get(image.PhotometricInterpretation, 0)
        yield path.stem, bytes([syntaxes.index(syntax), image.Rows - 1, image.Columns - 1,
                                int(image.SamplesPerPixel == 3), bits, kind, 0, 0]) + frame
    deflated = zlib.compressobj(9, wbits=-15)  # 10 x 12 pixels of 16 bits
    samples = struct.pack("<120H", *(i * i % 4001 for i in range(120)))
    yield "deflated", bytes([len(syntaxes), 9, 11, 0, 5, 0, 0, 0]) + deflated.compress(samples) + deflated.flush()


def main():
    corpus = Path(sys.argv[1])
    seeds = {"card": {"card": CARD}, "segments": {"ulite": SEGMENTS, "dcmqi": DCMQI}, "plan": {"plan": PLAN}, "node": {"node": NODE},
             "curves": {"curves": CURVES}, "checkpoint": {"run": checkpoint()}, "csa": {"csa1": csa(1), "csa2": csa(2)}, "codec": dict(codec_seeds(corpus)),
             "multipart": {"form": FORM},
             "dataset": {"splits": (0, SPLITS), "folds": (0, FOLDS), "nnunet": (1, NNUNET), "segments": (2, SEGMENTS)}}
    for target, files in seeds.items():
        (corpus / target).mkdir(exist_ok=True)
        for name, content in files.items():
            first, content = content if isinstance(content, tuple) else (None, content)
            if isinstance(content, (dict, list)):
                content = json.dumps(content)
            data = content.encode() if isinstance(content, str) else content
            (corpus / target / name).write_bytes((b"" if first is None else bytes([first])) + data)


main()
