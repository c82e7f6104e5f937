"""Runs dump_series and hands over what the DICOM reader made of folders and files."""
import json
import os
import subprocess
import tempfile

from skipping import needed_modules

with needed_modules():
    import numpy as np


class Failed(Exception):
    """The reader refused: its exit status and its one line."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status
        self.text = text


class Reader:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        result = subprocess.run([self.program, *map(str, arguments)], capture_output=True)
        if result.returncode != 0:
            raise Failed(result.returncode, result.stderr.decode())
        if result.stderr:
            raise AssertionError("unexpected on stderr: " + result.stderr.decode())
        return [json.loads(line) for line in result.stdout.decode().splitlines()]

    def list(self, *paths):
        """The series of a catalog."""
        return self.run(*paths)

    def read(self, *paths, index=0):
        """Series number index, its description and its stored samples as [k, j, i(, channel)]."""
        with tempfile.TemporaryDirectory() as folder:
            raw = os.path.join(folder, "samples")
            series, volume = self.run("-s", index, "-o", raw, *paths)
            samples = np.fromfile(raw, dtype=volume["sample"])
        columns, rows, slices = series["size"]
        shape = [slices, rows, columns] + ([3] if volume["channels"] == 3 else [])
        series.update(volume)
        return series, samples.reshape(shape)


def rescaled(series, stored):
    """Real-world values."""
    rescale = np.array(series["rescale"])
    shape = (-1,) + (1,) * (stored.ndim - 1)
    return stored * rescale[:, 0].reshape(shape) + rescale[:, 1].reshape(shape)


def affine_ras(series):
    """The matrix from voxel (i, j, k) to RAS mm of an evenly stacked series."""
    matrix = np.eye(4)
    axes, origins = np.array(series["axes"]), np.array(series["origins"])
    matrix[:3, 0] = axes[:3] * series["spacing"][0]
    matrix[:3, 1] = axes[3:] * series["spacing"][1]
    if len(origins) > 1:
        matrix[:3, 2] = (origins[-1] - origins[0]) / (len(origins) - 1)
    else:
        matrix[:3, 2] = np.cross(axes[:3], axes[3:]) * (series["thickness"] or 1)
    matrix[:3, 3] = origins[0]
    return np.diag([-1, -1, 1, 1]) @ matrix
