"""What the round-trip tests share: series of every geometry, and comparisons in space.

Positions are compared, never counts alone: every voxel is looked up where its header says it lies.
"""
import json
import subprocess

from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy as np
    import pydicom

TEMPLATES = "/usr/share/mricron/templates/"
HEAD, AAL = TEMPLATES + "ch2.nii.gz", TEMPLATES + "aal.nii.gz"
BOX = ["--box", "55:95,84:128,40:64"]  # the left hippocampus and what lies around it
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# AAL label -> segment number of the tests
LABELS = {37: 1, 41: 2, 39: 3, 55: 4}
SEGMENTS = [
    (1, "Hippocampus", "5366008", [230, 60, 40]),
    (2, "Amygdala", "4958002", [40, 160, 230]),
    (3, "Parahippocampal gyrus", "369292001", [60, 200, 90]),
    (4, "Fusiform gyrus", "12814006", [20, 20, 60]),
]

# Geometries of a source, as options of ulite-make-series
GEOMETRIES = {
    "axial": [],
    "sagittal": ["--plane", "sagittal"],
    "coronal": ["--plane", "coronal"],
    "reversed": ["--reversed", "--names", "random"],
    "oblique": ["--rotate", "12,-8,20", "--spacing", "0.9,1.1", "--step", "2"],
    "decubitus": ["--position", "HFDR", "--instance-numbers", "wrong"],
    "feet first, prone, sagittal": ["--position", "FFP", "--plane", "sagittal"],
    "transposed": ["--transpose", "--flip", "columns", "--step", "3", "--thickness", "2.5"],
    "rounded cosines": ["--rotate", "0,0,12", "--round-cosines", "4"],
    "no frame of reference": ["--no-frame-of-reference"],
    "multi-frame": ["--multi-frame", "--shuffle"],
    "multi-frame, oblique": ["--multi-frame", "--rotate", "0,15,0", "--modality", "CT"],
    "tilted": ["--tilt", "-18.5", "--step", "2.5", "--modality", "CT"],
    "uneven": ["--step", "1,2,1.5"],
    "missing slices": ["--missing", "4,5,9", "--reversed"],
    "one slice": ["--size", "40,44,1"],
}
# Slices that no NIfTI matrix places: their labels come on an even grid that holds those slices
UNEVEN = {"uneven": ["--step", "0.5"], "missing slices": ["--reversed"]}
UNPLACED = {
    "single image": ["--no-positions", "--size", "40,44,1", "--modality", "CR"],
    "cine": ["--no-positions", "--multi-frame", "--modality", "US", "--bits", "8"],
}


class Programs:
    def __init__(self, make_series, ulite):
        self.make_series, self.ulite = make_series, ulite

    def series(self, folder, *options, source=HEAD):
        """Writes a series; returns its truth: the description and the labels on its slices."""
        truth = folder + "_truth"
        subprocess.run([self.make_series, source, "-o", folder, "--truth", truth, *options],
                       check=True)
        with open(truth + ".json", encoding="utf-8") as file:
            return json.load(file)

    def run(self, *arguments, status=0):
        """Runs ulite and checks its exit code; returns what it said on stderr."""
        done = subprocess.run([self.ulite, *arguments], capture_output=True, text=True)
        assert done.returncode == status, (
            f"ulite {' '.join(arguments)}: exit {done.returncode}, expected {status}: "
            f"{done.stderr.strip()}")
        return done.stderr


def load(path):
    """Values and voxel-to-LPS matrix of a NIfTI file; RGB gets a last axis."""
    image = nibabel.load(path)
    data = np.asarray(image.dataobj)
    if data.dtype.names:
        data = np.stack([data[c] for c in "RGB"], axis=-1)
    return data, LPS @ image.affine


def in_space(data, matrix, other_shape, other_matrix, name):
    """data resampled onto another grid whose voxels must be the same points, in any order."""
    voxels = np.indices(other_shape[:3]).reshape(3, -1)
    to = np.linalg.inv(matrix) @ other_matrix
    at = to[:3, :3] @ voxels + to[:3, 3:]
    whole = np.rint(at).astype(int)
    off = np.abs(at - whole).max()
    assert off < 2e-3, f"{name}: voxels lie {off:.4f} voxels beside their places"
    for d in range(3):
        assert whole[d].min() >= 0 and whole[d].max() < data.shape[d], f"{name}: voxels missing"
    return data[tuple(whole)].reshape(tuple(other_shape[:3]) + data.shape[3:])


def write_labels(programs, folder, options, path):
    """Writes a series, and the AAL labels on its slices as a label volume of segments 1 to 4;
    returns (truth, labels [i, j, k])."""
    truth = programs.series(folder, *options, "--labels", AAL)
    image = nibabel.load(folder + "_truth_labels.nii.gz")
    aal = np.asarray(image.dataobj)
    labels = np.zeros_like(aal)
    for number, segment in LABELS.items():
        labels[aal == number] = segment
    out = nibabel.Nifti1Image(labels, None, image.header)
    out.header.set_intent("label")
    nibabel.save(out, path)
    return truth, labels


def write_segments(path):
    def code(value, meaning):
        return {"value": value, "scheme": "SCT", "meaning": meaning}
    segments = [{"number": number, "label": label, "rgb": rgb,
                 "category": code("123037004", "Anatomical Structure"),
                 "type": code(value, label)} for number, label, value, rgb in SEGMENTS]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"segments": segments}, file)


def frame_group(seg, frame, sequence):
    """A functional group item of a frame, its own or the shared one."""
    for groups in (seg.PerFrameFunctionalGroupsSequence[frame],
                   seg.SharedFunctionalGroupsSequence[0]):
        if sequence in groups:
            return groups[sequence].value[0]
    return None


def check_seg(path, truth, labels, name):
    """Every frame of a SEG, read by pydicom, lies on one slice of the source, names it as its
    source, and holds that slice's labels; no labelled slice is missing."""
    seg = pydicom.dcmread(path)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    slices = truth["volumes"][0]["slices"]
    placed = "position" in slices[0]
    by_source = {(s["sop_instance_uid"], s["frame"]): k for k, s in enumerate(slices)}
    seen = set()
    for n, pixels in enumerate(frames):
        groups = seg.PerFrameFunctionalGroupsSequence[n]
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        k = by_source[(source.ReferencedSOPInstanceUID,
                       int(source.get("ReferencedFrameNumber", 0)))]
        position = frame_group(seg, n, "PlanePositionSequence")
        assert (position is not None) == placed, f"{name}: frame {n + 1}: a position"
        if placed:
            at = np.array(position.ImagePositionPatient, float)
            off = np.abs(at - slices[k]["position"]).max()
            assert off < 1e-3, f"{name}: frame {n + 1} lies {off} mm beside its slice"
            axes = np.array(frame_group(seg, n, "PlaneOrientationSequence")
                            .ImageOrientationPatient, float)
            wanted = [*truth["axis_i"], *truth["axis_j"]]
            assert np.abs(axes - wanted).max() < 1e-3, f"{name}: frame {n + 1}: axes {axes}"
            spacing = [float(x) for x in
                       frame_group(seg, n, "PixelMeasuresSequence").PixelSpacing]
            assert np.allclose(spacing[::-1], truth["spacing_mm"]), f"{name}: spacing {spacing}"
        assert (pixels.T == (labels[:, :, k] == number)).all(), f"{name}: frame {n + 1}: labels"
        assert (k, number) not in seen, f"{name}: two frames of segment {number} on slice {k}"
        seen.add((k, number))
    wanted = {(k, int(n)) for k in range(len(slices)) for n in np.unique(labels[:, :, k]) if n}
    assert wanted <= seen, f"{name}: {len(wanted - seen)} labelled slices are missing"
    return seg


def dciodvfy_errors(path):
    """Error lines of dciodvfy, which may print them and still exit 0."""
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True)
    return [line for line in (done.stdout + done.stderr).splitlines()
            if "error" in line.lower() or "abort" in line.lower()]
