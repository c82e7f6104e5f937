"""U-Lite segmentation of DICOM series and NIfTI volumes on the CPU, over the C library ulite-imaging.

    import ulite
    model = ulite.Model("hippocampus")
    series = ulite.Catalog("mr/").choose(model)
    labels = model.segment(series)
    labels.write_seg("out.dcm", series)

Arrays are NumPy's, indexed [slice, row, column]; positions are DICOM's: LPS, millimetres, voxel centres. What fails
raises ulite.Error with a line that says why."""

from ._c import Error, lib as _lib
from .images import Catalog, Labels, Series, Volume, read_nifti, read_nifti_labels, read_png, read_seg
from .model import Model, Session

__all__ = ["Catalog", "Error", "Labels", "Model", "Series", "Session", "Volume", "read_nifti", "read_nifti_labels",
           "read_png", "read_seg"]
__version__ = _lib.ul_version().decode()
