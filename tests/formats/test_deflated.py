#!/usr/bin/python3
"""test_deflated.py ULITE MAKE_SERIES FIXTURES: SEGs compressed as a whole hold what plain ones hold, for pydicom,
dcmdump and ulite."""
import pathlib
import tempfile

from forms import FIXTURES, HEAD, check, make, run
from skipping import has, need, needed_modules

with needed_modules():
    import pydicom

need(HEAD)
with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    series = make(folder / "series")
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "-o", folder / "labels.nii.gz", "-o",
        folder / "segment.dcm", "--deflated", "--force")
    check(pydicom.dcmread(folder / "segment.dcm").file_meta.TransferSyntaxUID.is_deflated, "segment --deflated")
    for kind in ("binary", "labelmap", "fractional"):
        made = {}
        for name, options in (("plain", []), ("deflated", ["--deflated"])):
            path = folder / f"{kind}_{name}.dcm"
            run("convert", folder / "labels.nii.gz", "-o", path, "--source", series, "--type", kind, *options)
            run("convert", path, "-o", folder / f"{name}.nii", "--source", series)
            made[name] = pydicom.dcmread(path)
        plain, deflated = made["plain"], made["deflated"]
        check(deflated.file_meta.TransferSyntaxUID.is_deflated, f"{kind}: {deflated.file_meta.TransferSyntaxUID.name}")
        check(plain.PixelData == deflated.PixelData, f"{kind}: pixels")
        check(plain.SOPInstanceUID != deflated.SOPInstanceUID, f"{kind}: two files under one UID")
        check((folder / "plain.nii").read_bytes() == (folder / "deflated.nii").read_bytes(), f"{kind}: labels")
        check((folder / f"{kind}_deflated.dcm").stat().st_size < (folder / f"{kind}_plain.dcm").stat().st_size, "no smaller")
        if has("dcmdump"):
            said = run(folder / f"{kind}_deflated.dcm", program="dcmdump")
            check(f"[{kind.upper()}" in said, f"dcmdump: {said[:400]}")
    run("convert", folder / "labels.nii.gz", "-o", folder / "none.dcm", "--source", series, "--rle", "--deflated", code=2,
        says="exclude each other")
print("deflated SEGs hold what plain ones hold")
