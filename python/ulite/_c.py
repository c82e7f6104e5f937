"""The C interface of ulite-imaging as ctypes sees it: the structures that Python fills or reads, and the calls.
tests/python compares every field with the compiler's."""

import ctypes
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_uint, \
    c_uint8, c_uint16, c_void_p

from . import _library

TEXT, HASH, ERROR_TEXT = 257, 65, 1024


class Structure(ctypes.Structure):
    pass


class ul_error(Structure):
    _fields_ = [("status", c_int), ("text", c_char * ERROR_TEXT)]


class ul_grid(Structure):
    _fields_ = [("size", c_size_t * 3), ("stack", c_int), ("axis_i", c_double * 3), ("axis_j", c_double * 3),
                ("spacing_mm", c_double * 2), ("origin_mm", POINTER(c_double * 3)), ("thickness_mm", c_double),
                ("slice_mm", POINTER(c_double)), ("median_step_mm", c_double)]


class ul_code(Structure):
    _fields_ = [("value", c_char * 65), ("scheme", c_char * 17), ("meaning", c_char * TEXT), ("source", c_char * TEXT)]


class ul_segment(Structure):
    _fields_ = [("number", c_uint), ("mirror", c_uint), ("label", c_char * TEXT), ("description", c_char * 1025),
                ("category", ul_code), ("type", ul_code), ("type_modifier", ul_code), ("region", ul_code),
                ("region_modifier", ul_code), ("rgb", c_uint8 * 3), ("algorithm_type", c_char * 17),
                ("algorithm_name", c_char * TEXT), ("tracking_id", c_char * TEXT), ("tracking_uid", c_char * 65)]


class ul_segments(Structure):
    _fields_ = [("count", c_size_t), ("items", POINTER(ul_segment))]


class ul_provenance(Structure):
    _fields_ = [("model_hash", c_char * HASH), ("note", c_char * (ERROR_TEXT + 64))]


class ul_labels(Structure):
    _fields_ = [("grid", ul_grid), ("segments", ul_segments), ("map", POINTER(c_uint16)),
                ("fractions", POINTER(c_uint8)), ("provenance", ul_provenance)]


class ul_volume(Structure):
    _fields_ = [("grid", ul_grid), ("channels", c_size_t), ("sample", c_int), ("samples", c_void_p),
                ("slope", POINTER(c_double)), ("intercept", POINTER(c_double)), ("has_padding", c_bool),
                ("padding_low", c_double), ("padding_high", c_double), ("modality", c_char * 17),
                ("body_part", c_char * 65)]


class ul_placing(Structure):
    _fields_ = [("spacing_mm", c_double * 3), ("orientation", c_double * 6), ("origin_mm", c_double * 3)]


class ul_model_shape(Structure):
    _fields_ = [("input_channels", c_size_t), ("classes", c_size_t), ("width", c_size_t * 6),
                ("bottleneck", c_size_t), ("parameters", c_size_t)]


class ul_session_options(Structure):
    _fields_ = [("height", c_size_t), ("width", c_size_t), ("threads", c_int), ("grey", c_bool),
                ("slices_bytes", c_size_t)]


class ul_catalog_options(Structure):
    _fields_ = [("whole_paths", c_bool), ("threads", c_int), ("progress", c_void_p)]


class ul_series_info(Structure):
    _fields_ = [("series_uid", c_char_p), ("study_uid", c_char_p), ("frame_of_reference_uid", c_char_p),
                ("series_number", c_int), ("modality", c_char_p), ("description", c_char_p),
                ("body_part", c_char_p), ("transfer_syntax_uid", c_char_p), ("split", c_char_p),
                ("multi_frame", c_bool), ("mosaic", c_bool), ("lossy", c_bool), ("philips_float", c_bool),
                ("note_count", c_size_t), ("notes", POINTER(c_char_p))]


class ul_segment_options(Structure):
    _fields_ = [("threads", c_int), ("flips", c_bool), ("fractions", c_bool), ("slices", POINTER(ul_grid)),
                ("quality", c_void_p), ("quality_count", c_size_t), ("logit_bytes", c_size_t), ("progress", c_void_p)]


class ul_seg_options(Structure):
    _fields_ = [("type", c_int), ("rle", c_bool), ("random_uids", c_bool), ("deflated", c_bool),
                ("model_hash", c_char_p), ("series_description", c_char_p), ("description_note", c_char_p),
                ("threads", c_int), ("progress", c_void_p), ("notes", c_void_p)]


class ul_segment_stats(Structure):
    _fields_ = [("number", c_uint), ("voxels", c_size_t), ("volume_ml", c_double), ("area_mm2", c_double),
                ("placed", c_bool), ("bbox_mm", c_double * 3 * 2), ("mean", c_double), ("sd", c_double)]


_size3, _error = c_size_t * 3, POINTER(ul_error)
_calls = {  # name: result (int: a status, with an error as the last argument), arguments
    "ul_version": (c_char_p,),
    "ul_status_name": (c_char_p, c_int),
    "ul_model_open": (int, c_char_p, POINTER(c_void_p)),
    "ul_model_close": (None, c_void_p),
    "ul_model_get_shape": (POINTER(ul_model_shape), c_void_p),
    "ul_model_metadata": (c_char_p, c_void_p, c_char_p),
    "ul_model_hash": (None, c_void_p, c_char_p),
    "ul_session_create": (int, c_void_p, POINTER(ul_session_options), POINTER(c_void_p)),
    "ul_session_close": (None, c_void_p),
    "ul_session_run": (int, c_void_p, POINTER(c_float), c_size_t, POINTER(c_float), c_size_t),
    "ul_catalog_open_all": (int, POINTER(c_char_p), c_size_t, POINTER(ul_catalog_options), POINTER(c_void_p)),
    "ul_catalog_close": (None, c_void_p),
    "ul_catalog_size": (c_size_t, c_void_p),
    "ul_catalog_at": (c_void_p, c_void_p, c_size_t),
    "ul_catalog_name": (None, c_void_p, c_size_t, c_char_p),
    "ul_catalog_find": (int, c_void_p, c_char_p, POINTER(c_void_p)),
    "ul_catalog_choose": (int, c_void_p, c_void_p, POINTER(c_void_p)),
    "ul_series_get_info": (POINTER(ul_series_info), c_void_p),
    "ul_series_grid": (POINTER(ul_grid), c_void_p),
    "ul_series_read": (int, c_void_p, c_int, c_void_p, POINTER(ul_volume)),
    "ul_segment_image": (int, c_void_p, POINTER(ul_volume), POINTER(ul_segment_options), POINTER(ul_labels)),
    "ul_segment_series": (int, c_void_p, c_void_p, POINTER(ul_segment_options), POINTER(ul_labels)),
    "ul_stats_measure": (int, POINTER(ul_volume), POINTER(ul_labels), c_void_p, POINTER(ul_segment_stats), c_size_t),
    "ul_grid_affine": (int, POINTER(ul_grid), POINTER(c_double * 4)),
    "ul_volume_from_array": (int, c_void_p, c_size_t, c_int, c_size_t, _size3, POINTER(ul_placing), c_char_p,
                             POINTER(ul_volume)),
    "ul_volume_to_array": (int, POINTER(ul_volume), POINTER(c_float), c_size_t),
    "ul_volume_free": (None, POINTER(ul_volume)),
    "ul_labels_from_array": (int, POINTER(c_uint16), c_size_t, POINTER(ul_grid), POINTER(ul_labels)),
    "ul_labels_to_array": (int, POINTER(ul_labels), POINTER(c_uint16), c_size_t),
    "ul_labels_free": (None, POINTER(ul_labels)),
    "ul_seg_write": (int, c_char_p, POINTER(ul_labels), c_void_p, POINTER(ul_seg_options)),
    "ul_seg_read": (int, c_char_p, c_void_p, POINTER(ul_labels), c_void_p),
    "ul_seg_find_source": (int, c_char_p, c_void_p, POINTER(c_void_p)),
    "ul_nifti_read": (int, c_char_p, c_size_t, POINTER(ul_volume), POINTER(c_void_p), c_void_p),
    "ul_nifti_header_free": (None, c_void_p),
    "ul_nifti_read_labels": (int, c_char_p, POINTER(ul_labels), POINTER(c_void_p)),
    "ul_nifti_write": (int, c_char_p, POINTER(ul_volume), c_void_p, c_int, c_void_p),
    "ul_nifti_write_labels": (int, c_char_p, POINTER(ul_labels), c_void_p, c_int, c_void_p),
    "ul_png_read": (int, c_char_p, POINTER(ul_volume)),
}

lib = ctypes.CDLL(_library.PATH)
for _name, (_result, *_arguments) in _calls.items():
    _function = getattr(lib, _name)
    _function.restype = c_int if _result is int else _result
    _function.argtypes = _arguments + [_error] if _result is int else _arguments


class Error(Exception):
    """What a call of ulite failed with: status, a number as the exit codes of the program, and a line of text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def call(name, *arguments):
    """Calls a function that gives a status; raises Error unless it is 0."""
    error = ul_error()
    status = getattr(lib, name)(*arguments, byref(error))
    if status != 0:
        raise Error(status, error.text.decode())
