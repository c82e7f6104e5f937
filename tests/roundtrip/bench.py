"""Folders that are made, asked about and converted: what the tests of folders share."""
import json
import os
import shutil
import subprocess

from shared import Programs, in_space, load, np

CUT = ["--box", "60:92,84:116,50:58"]  # 32x32x8
# what ulite-make-series writes into every header about the patient and the visit
SECRETS = ["Gwendolyn", "Generated^", "PID-4711", "19610203", "A4711", "Referrer", "20200229"]


class Bench:
    def __init__(self, make_series, ulite, scratch):
        self.programs, self.scratch, self.count = Programs(make_series, ulite), scratch, 0

    def folder(self, name):
        self.count += 1
        return os.path.join(self.scratch, f"{self.count:02}_{name.replace(' ', '_')}")

    def series(self, folder, *options):
        """Adds a series to a folder; returns the truth about its volumes."""
        made = self.folder("made")
        volumes = self.programs.series(made, *CUT, *options)["volumes"]
        shutil.copytree(made, folder, dirs_exist_ok=True)
        return volumes

    def ask(self, *arguments, status=0, before=(), stream="stdout"):
        done = subprocess.run([*before, self.programs.ulite, *arguments], capture_output=True, text=True, timeout=120)
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{arguments}: exit {done.returncode}: {said}"
        for secret in SECRETS:
            assert secret not in said, f"{arguments}: names the patient: {said}"
        return done.stdout if status == 0 and stream == "stdout" else done.stderr

    def info(self, folder):
        """What `info --json` says, after the table for people has said as much."""
        about = json.loads(self.ask("info", folder, "--json"))
        table = self.ask("info", folder).splitlines()
        for volume in about["series"]:
            if volume["notes"]:
                line = "; ".join(volume["notes"])
                assert any(text.strip() == line for text in table), f"{folder}: {line}: {table}"
        return about

    def converts(self, folder, series, truth):
        """The volume that --series means equals the generator's."""
        out = self.folder("out") + ".nii"
        self.ask("convert", folder, "-q", "-o", out, *(["--series", series] if series else []))
        data, matrix = load(out)
        wanted, place = load(truth["nifti"])
        got = in_space(data, matrix, wanted.shape, place, folder)
        assert (got == wanted).all(), f"{folder}, series {series}: values differ"

    def refuses(self, folder, status, *words):
        out = self.folder("out") + ".nii"
        said = self.ask("convert", folder, "-o", out, status=status)
        for word in words:
            assert word in said, f"{folder}: says nothing of {word!r}: {said}"
        assert not os.path.exists(out)
        return said


def by_dcm2niix(bench, folder, *options):
    """The 3D volumes that dcm2niix makes of a folder."""
    out = bench.folder("dcm2niix")
    os.mkdir(out)
    subprocess.run(["dcm2niix", "-z", "n", "-b", "n", "-f", "%s_%e_%p_%o", *options, "-o", out, folder],
                   check=True, capture_output=True)
    found = []
    for name in sorted(name for name in os.listdir(out) if name.endswith(".nii")):  # not .bval, .bvec
        data, matrix = load(os.path.join(out, name))
        for volume in np.moveaxis(data, 3, 0) if data.ndim == 4 else [data]:
            found.append((volume, matrix))
    return found
