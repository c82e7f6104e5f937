import glob, json, os
import nibabel as nib, numpy as np
src = '/work/shared/data/openkbp'; here = os.path.dirname(os.path.abspath(__file__))
train, val = [], []
for f in sorted(glob.glob(src + '/images/*.nii.gz')):
    name = os.path.basename(f)[:-7]
    l = nib.load(f'{src}/labels/{name}.nii.gz'); a = np.asarray(l.dataobj).astype(np.uint8)
    if not all((a == v).any() for v in range(1, 6)): continue
    a[a > 5] = 0
    nib.save(nib.Nifti1Image(a, l.affine), f'{here}/labels/{name}.nii.gz')
    t = f'{here}/images/{name}.nii.gz'
    if os.path.lexists(t): os.remove(t)
    os.symlink(f, t)
    (val if name.startswith('validation') else train).append(name)
choose = [n for i, n in enumerate(train) if i % 10 == 9]  # 9 to choose the epoch; the 16 validation cases are the test
json.dump({'train': [n for n in train if n not in choose], 'val': choose, 'test': val}, open(here + '/splits.json', 'w'))
def seg(n, label, value, meaning, rgb, mirror=None, side=None, src='DICOM CID 7140'):
    s = {"number": n, "label": label, "category": {"value": "123037004", "scheme": "SCT", "meaning": "Anatomical Structure"},
         "type": {"value": value, "scheme": "SCT", "meaning": meaning}, "rgb": rgb}
    if side: s.update(mirror=mirror, type_modifier={"value": side[0], "scheme": "SCT", "meaning": side[1], "source": "DICOM CID 244"})
    return s
json.dump({"segments": [seg(1, "brain stem", "119238007", "Brain stem", [119,159,176]), seg(2, "spinal cord", "2748008", "Spinal cord", [244,214,49]),
  seg(3, "right parotid gland", "45289007", "Parotid gland", [233,138,112], 4, ("24028007","Right")), seg(4, "left parotid gland", "45289007", "Parotid gland", [233,138,112], 3, ("7771000","Left")),
  seg(5, "mandible", "91609006", "Mandible", [222,198,101])]}, open(here + '/segments.json', 'w'), indent=1)
json.dump({"input_channels": 3, "card": {"name": "head-neck", "task": "organs at risk in planning CT of head and neck", "modality": "CT", "planes": ["axial"], "channels": "neighbours", "neighbour_mm": 2.5,
  "normalisation": {"kind": "window", "low": -250, "high": 400}, "spacing_mm": [3, 3], "postprocess": {"largest_component": True}},
  "training": {"patch_width": 128, "patch_height": 128, "batch": 16, "steps": 125, "foreground": 0.6, "average": 0.999, "augment": {"flip_x_p": 0, "flip_y_p": 0, "flip_z_p": 0, "mirror_p": 0.5, "gamma_p": 0, "invert_p": 0}}}, open(here + '/plan.json', 'w'), indent=1)
print(len(train), len(val), len(choose))
