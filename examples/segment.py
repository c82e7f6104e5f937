"""A folder of DICOM images and a model to a DICOM Segmentation, a NIfTI file and volumes:
segment.py FOLDER MODEL OUT.dcm OUT.nii.gz"""

import sys

import ulite

folder, weights, seg, nifti = sys.argv[1:]
model = ulite.Model(weights)
series = ulite.Catalog(folder).choose(model)
labels = model.segment(series)
labels.write_seg(seg, series)
labels.write_nifti(nifti)
for name, volume_ml in labels.volumes_ml().items():
    print(f"{name}: {volume_ml:.4g} mL")
