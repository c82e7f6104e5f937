"""Makes a data set for `ulite train` of planning CT: make.py SOURCE FOLDER

SOURCE holds images/ and labels/ of the same names (1 brain stem, 2 cord, 3 and 4 right and left parotid, 5 mandible), with
axes that run to the left, back and head (LPS) and -1000 HU around the patient. FOLDER gets images/, labels/ and
splits.json: every tenth case but those of the test, whose names begin with "validation", chooses the epoch. Each case of
training is there twice: as it is, and with what a scanner's picture shows around a patient and this data does not (NAME_couch):
a margin of air, a table, a head rest, a mask's shell, the circle of reconstruction, noise. Needs nibabel, numpy and SciPy."""
import glob, json, os, sys
import nibabel as nib, numpy as np
from scipy import ndimage as ndi


def put(image, where, hu):
    """Draws HU where the picture shows air."""
    image[where & (image < -700)] = hu


def surround(hu, mm, rng):
    """hu with a margin (voxels, (left, back, head)), its surroundings drawn in; returns it and the margin."""
    margin = [(int(m / s), int(n / s)) for s, m, n in zip(mm, rng.uniform(10, 80, 3), rng.uniform(10, 110, 3))]
    margin[2] = (0, int(rng.uniform(0, 30) / mm[2]) if rng.random() < .5 else 0)
    image = np.pad(hu, margin, constant_values=-1000).astype(np.float32)
    body = ndi.binary_fill_holes(ndi.binary_opening(image > -400))
    x, y, z = np.ogrid[tuple(slice(n) for n in image.shape)]
    x, y, z = x * mm[0], y * mm[1], z * mm[2]
    lowest = np.flatnonzero(body.any((0, 2))).max() * mm[1]
    middle = np.flatnonzero(body.any((1, 2))).mean() * mm[0]
    if rng.random() < .6:  # the shell of a mask, near the skin
        distance = ndi.distance_transform_edt(~body, sampling=mm)
        near = rng.uniform(1, 6)
        put(image, (distance > near) & (distance < near + rng.uniform(2.5, 6)) & (y < lowest - rng.uniform(20, 120)), rng.uniform(-700, 50))
    if rng.random() < .7:  # a head rest: a cup below the upper part
        top, radius, thick = z.max() - rng.uniform(120, 200), rng.uniform(70, 120), rng.uniform(5, 25)
        back = np.flatnonzero(body[..., -1 - int(40 / mm[2]):].any((0, 2)))
        centre = (back.max() * mm[1] if len(back) else lowest) + rng.uniform(2, 10) - radius
        r = np.hypot(x - middle - rng.uniform(-10, 10), y - centre)
        put(image, (r > radius) & (r < radius + thick) & (y > centre + rng.uniform(0, .7) * radius) & (z > top), rng.uniform(-950, -300))
    if rng.random() < .85:  # a table: a plate, flat or hollow, with a skin
        gap, thick, half = rng.uniform(0, 25), rng.uniform(12, 70), rng.uniform(180, 280)
        hollow = rng.uniform(0, 1 / 500) if rng.random() < .5 else 0
        depth = y - lowest - gap + hollow * (x - middle) ** 2
        plate = (np.abs(x - middle) < half) & (depth > 0) & (depth < thick) & (z >= 0)
        put(image, plate, rng.uniform(-980, -700))
        skin = rng.uniform(2, 6)
        image[plate & ((depth < skin) | (depth > thick - skin)) & (image < -650)] = rng.uniform(-600, 150)
    image += ndi.gaussian_filter(rng.normal(0, 1, image.shape), rng.uniform(0, .6)) * rng.uniform(0, 40)
    if rng.random() < .4:  # outside the circle of reconstruction
        r = np.hypot(x - x.mean(), y - y.mean())
        image[(r > max(x.max(), y.max()) / 2 + 0 * z)] = rng.choice([-1024, -2000, -3024])
    return np.clip(np.round(image), -3024, 3071).astype(np.int16), margin


def save(array, affine, margin, path):
    affine = affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [m[0] for m in margin]
    nib.save(nib.Nifti1Image(array, affine), path)


def main(source, folder):
    train, test = [], []
    for kind in 'images', 'labels':
        os.makedirs(f'{folder}/{kind}', exist_ok=True)
    for path in sorted(glob.glob(source + '/images/*.nii.gz')):
        name = os.path.basename(path)[:-7]
        image, label = nib.load(path), nib.load(f'{source}/labels/{name}.nii.gz')
        hu, labels = np.asarray(image.dataobj), np.asarray(label.dataobj).astype(np.uint8)
        if not all((labels == v).any() for v in range(1, 6)):
            continue
        labels[labels > 5] = 0
        none = [(0, 0)] * 3
        save(hu, image.affine, none, f'{folder}/images/{name}.nii.gz')
        save(labels, label.affine, none, f'{folder}/labels/{name}.nii.gz')
        if name.startswith('validation'):
            test.append(name)
            continue
        train.append(name)
        drawn, margin = surround(hu, image.header.get_zooms(), np.random.default_rng(len(train)))
        save(drawn, image.affine, margin, f'{folder}/images/{name}_couch.nii.gz')
        save(np.pad(labels, margin), label.affine, margin, f'{folder}/labels/{name}_couch.nii.gz')
    choose = train[9::10]
    both = lambda names: [n + end for n in names for end in ('', '_couch')]
    splits = {'train': both([n for n in train if n not in choose]), 'val': both(choose), 'test': test}
    json.dump(splits, open(folder + '/splits.json', 'w'), indent=1)
    print({k: len(v) for k, v in splits.items()})


main(*(os.path.abspath(a) for a in sys.argv[1:3]))
