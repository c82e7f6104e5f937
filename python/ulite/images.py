"""Volumes, labels and DICOM series."""

import ctypes
import os
from ctypes import byref, c_char_p, c_double, c_float, c_size_t, c_uint16, c_void_p

import numpy

from . import _c
from ._c import call, lib

_SAMPLES = [numpy.dtype(name) for name in "u1 i1 u2 i2 i4 u4 f4 f8".split()]  # in the order of ul_sample
_SEG_TYPES = ("auto", "binary", "fractional", "labelmap")


def _path(path):
    return os.fsencode(path)


def _text(text):
    return None if text is None else str(text).encode()


def _shape(grid):
    return tuple(reversed(grid.size))


def _affine(grid):
    matrix = (c_double * 4 * 4)()
    call("ul_grid_affine", byref(grid), matrix)
    return numpy.array(matrix)


class _Header:
    """The header of a NIfTI file, which its labels are written with."""

    def __init__(self):
        self._handle = c_void_p()

    def __del__(self):
        lib.ul_nifti_header_free(self._handle)


class _Placed:
    """What has a grid."""

    @property
    def shape(self):
        """Slices, rows, columns."""
        return _shape(self._c.grid)

    @property
    def spacing_mm(self):
        """Along columns' index and rows' index; 0 where unknown."""
        return tuple(self._c.grid.spacing_mm)

    def affine(self):
        """The 4 x 4 matrix from (column, row, slice, 1) to LPS mm; Error where slices are uneven or unplaced."""
        return _affine(self._c.grid)


class Volume(_Placed):
    """An image in memory. By read_nifti, read_png, Series.read, or of an array."""

    def __init__(self, array, spacing_mm=None, orientation=(1, 0, 0, 0, 1, 0), origin_mm=(0, 0, 0), modality=None):
        """array [slice, row, column] or [slice, row, column, 3] (RGB); spacing_mm: along columns' index, rows' index
        and slices' index, None: images without positions; orientation: direction cosines along those two; origin_mm:
        LPS centre of voxel (0, 0, 0); modality: "CT", "MR", ..."""
        array = numpy.asarray(array)
        array = numpy.ascontiguousarray(array, array.dtype.newbyteorder("="))
        if array.dtype not in _SAMPLES or array.ndim not in (3, 4):
            raise TypeError(f"an array of {array.ndim} axes of {array.dtype}: takes 3 or 4 axes of "
                            + ", ".join(str(dtype) for dtype in _SAMPLES))
        placing = spacing_mm is not None and _c.ul_placing(tuple(spacing_mm), tuple(orientation), tuple(origin_mm))
        self._c, self._header = _c.ul_volume(), None
        call("ul_volume_from_array", array.ctypes.data, array.nbytes, _SAMPLES.index(array.dtype),
             array.shape[3] if array.ndim == 4 else 1, (c_size_t * 3)(*reversed(array.shape[:3])),
             byref(placing) if placing else None, _text(modality), byref(self._c))

    @classmethod
    def _empty(cls):
        volume = cls.__new__(cls)
        volume._c, volume._header = _c.ul_volume(), None
        return volume

    def __del__(self):
        if hasattr(self, "_c"):
            lib.ul_volume_free(byref(self._c))

    @property
    def modality(self):
        return self._c.modality.decode()

    def array(self):
        """Real-world values (HU for CT) as float32."""
        values = numpy.empty(self.shape + ((3,) if self._c.channels == 3 else ()), numpy.float32)
        call("ul_volume_to_array", byref(self._c), values.ctypes.data_as(ctypes.POINTER(c_float)), values.size)
        return values

    def write_nifti(self, path):
        """.nii or .nii.gz."""
        call("ul_nifti_write", _path(path), byref(self._c), self._header and self._header._handle, 0, None)


class Labels(_Placed):
    """Segment numbers on the voxels of an image, and what they mean. By Model.segment, read_seg, read_nifti_labels, or
    of an array."""

    def __init__(self, array, like):
        """array [slice, row, column] of whole numbers from 0 to 65535 on the grid of another volume or labels."""
        array = numpy.ascontiguousarray(array)
        if array.dtype.kind not in "bui" or array.size and not 0 <= array.min() <= array.max() <= 65535:
            raise TypeError("labels are whole numbers from 0 to 65535")
        if array.shape != like.shape:
            raise ValueError(f"an array of {array.shape} on a grid of {like.shape}")
        array = array.astype(numpy.uint16)
        self._c, self._header = _c.ul_labels(), like._header
        call("ul_labels_from_array", array.ctypes.data_as(ctypes.POINTER(c_uint16)), array.size, byref(like._c.grid),
             byref(self._c))

    @classmethod
    def _empty(cls, header=None):
        labels = cls.__new__(cls)
        labels._c, labels._header = _c.ul_labels(), header
        return labels

    def __del__(self):
        if hasattr(self, "_c"):
            lib.ul_labels_free(byref(self._c))

    @property
    def segments(self):
        """{number: name}"""
        listed = self._c.segments
        return {listed.items[n].number: listed.items[n].label.decode() for n in range(listed.count)}

    def array(self):
        numbers = numpy.empty(self.shape, numpy.uint16)
        call("ul_labels_to_array", byref(self._c), numbers.ctypes.data_as(ctypes.POINTER(c_uint16)), numbers.size)
        return numbers

    def volumes_ml(self):
        """{name: mL}; NaN in 2D and where the spacing is unknown."""
        stats = (_c.ul_segment_stats * self._c.segments.count)()
        call("ul_stats_measure", None, byref(self._c), None, stats, len(stats))
        return {self.segments[s.number]: s.volume_ml for s in stats}

    def write_seg(self, path, source, type="auto", rle=False, random_uids=False):
        """A DICOM Segmentation of the series that the labels lie on. type: auto, binary, fractional, labelmap."""
        options = _c.ul_seg_options(type=_SEG_TYPES.index(type), rle=rle, random_uids=random_uids)
        call("ul_seg_write", _path(path), byref(self._c), source._handle, byref(options))

    def write_nifti(self, path):
        """.nii or .nii.gz."""
        call("ul_nifti_write_labels", _path(path), byref(self._c), self._header and self._header._handle, 0, None)


class Series:
    """One volume of a DICOM series, as a Catalog lists it."""

    def __init__(self, catalog, handle):
        self._catalog, self._handle = catalog, handle  # the catalog owns what the handle means
        info = lib.ul_series_get_info(handle).contents
        self.uid, self.study_uid = info.series_uid.decode(), info.study_uid.decode()
        self.number, self.modality = info.series_number, info.modality.decode()
        self.description, self.body_part = info.description.decode(), info.body_part.decode()
        self.notes = [info.notes[n].decode() for n in range(info.note_count)]

    @property
    def shape(self):
        """Slices, rows, columns."""
        return _shape(lib.ul_series_grid(self._handle).contents)

    def affine(self):
        """The 4 x 4 matrix from (column, row, slice, 1) to LPS mm; Error where slices are uneven or unplaced."""
        return _affine(lib.ul_series_grid(self._handle).contents)

    def read(self, threads=0):
        """Decodes every slice into a Volume."""
        volume = Volume._empty()
        call("ul_series_read", self._handle, threads, None, byref(volume._c))
        return volume


class Catalog:
    """The series in DICOM files and folders of any depth. Only headers are read."""

    def __init__(self, *paths, threads=0):
        self._handle = c_void_p()
        listed = (c_char_p * len(paths))(*(_path(path) for path in paths))
        call("ul_catalog_open_all", listed, len(paths), byref(_c.ul_catalog_options(threads=threads)),
             byref(self._handle))

    def __del__(self):
        lib.ul_catalog_close(self._handle)

    def __len__(self):
        return lib.ul_catalog_size(self._handle)

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"volume {index} of {len(self)}")
        return Series(self, lib.ul_catalog_at(self._handle, index % len(self)))

    def names(self):
        """What `find` takes for each of the volumes."""
        name = ctypes.create_string_buffer(96)
        return [lib.ul_catalog_name(self._handle, n, name) or name.value.decode() for n in range(len(self))]

    def _series(self, function, what):
        handle = c_void_p()
        call(function, self._handle, what, byref(handle))
        return Series(self, handle.value)

    def find(self, name=None):
        """The one volume of a series number or SeriesInstanceUID, with .PART where the series has several; None: the
        only one."""
        return self._series("ul_catalog_find", _text(name))

    def choose(self, model):
        """The only volume, or the only one that the model was made for."""
        return self._series("ul_catalog_choose", model._handle)

    def find_source(self, seg):
        """The volume that the DICOM Segmentation at a path was made from."""
        handle = c_void_p()
        call("ul_seg_find_source", _path(seg), self._handle, byref(handle))
        return Series(self, handle.value)


def read_nifti(path, frame=0):
    """frame: of a 4D file, from 1."""
    volume = Volume._empty()
    volume._header = _Header()
    call("ul_nifti_read", _path(path), frame, byref(volume._c), byref(volume._header._handle), None)
    return volume


def read_nifti_labels(path):
    labels = Labels._empty(_Header())
    call("ul_nifti_read_labels", _path(path), byref(labels._c), byref(labels._header._handle))
    return labels


def read_png(path):
    volume = Volume._empty()
    call("ul_png_read", _path(path), byref(volume._c))
    return volume


def read_seg(path, source=None):
    """A DICOM Segmentation: on the whole grid of its source, or on that of its frames."""
    labels = Labels._empty()
    call("ul_seg_read", _path(path), source and source._handle, byref(labels._c), None)
    return labels
