"""Makes a data set for `ulite train` of planning CT: make.py SOURCE FOLDER

SOURCE holds images/ and labels/ of the same names (1 brain stem, 2 cord, 3 and 4 right and left parotid, 5 mandible);
FOLDER, with images/ and labels/ in it, gets links, labels and splits.json: every tenth case but those of the test,
whose names begin with "validation", chooses the epoch."""
import glob, json, os, sys
import nibabel as nib, numpy as np
src, here = (os.path.abspath(a) for a in sys.argv[1:])
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
choose = [n for i, n in enumerate(train) if i % 10 == 9]  # 9 to choose the epoch
json.dump({'train': [n for n in train if n not in choose], 'val': choose, 'test': val}, open(here + '/splits.json', 'w'))
print(len(train), len(val), len(choose))
