"""Models, and the network alone."""

import ctypes
import json
import os
from ctypes import POINTER, byref, c_float, c_void_p

import numpy

from . import _c, _library
from ._c import call, lib
from .images import Labels, Series


def _find(name):
    """A file, or a bundled model by its name, as the program finds it."""
    folders = os.environ.get("ULITE_MODELS", "").split(":") + [_library.MODELS]
    for folder in filter(None, folders if os.sep not in name and not os.path.isfile(name) else []):
        for path in (f"{folder}/{name}.safetensors", f"{folder}/{name}/{name}.safetensors"):
            if os.path.isfile(path):
                return path
    return name


class Model:
    """Weights of a U-Lite network and their card, read-only."""

    def __init__(self, path):
        """A safetensors file, or the name of a bundled model."""
        self._handle = c_void_p()
        call("ul_model_open", os.fsencode(_find(os.fspath(path))), byref(self._handle))
        shape = lib.ul_model_get_shape(self._handle).contents
        self.input_channels, self.classes = shape.input_channels, shape.classes

    def __del__(self):
        lib.ul_model_close(self._handle)

    @property
    def card(self):
        """The model card as docs/model-format.md describes it; None: bare weights."""
        text = lib.ul_model_metadata(self._handle, b"ulite")
        return json.loads(text) if text else None

    @property
    def hash(self):
        """SHA-256 of the file."""
        digits = ctypes.create_string_buffer(_c.HASH)
        lib.ul_model_hash(self._handle, digits)
        return digits.value.decode()

    def segment(self, image, threads=0, flips=False, fractions=False):
        """Labels of a Series or a Volume that the model was made for, on its voxels. flips: average the flips that the
        card allows; fractions: keep probabilities for a fractional SEG."""
        options = _c.ul_segment_options(threads=threads, flips=flips, fractions=fractions)
        if isinstance(image, Series):
            labels = Labels._empty()
            call("ul_segment_series", self._handle, image._handle, byref(options), byref(labels._c))
        else:
            labels = Labels._empty(image._header)
            call("ul_segment_image", self._handle, byref(image._c), byref(options), byref(labels._c))
        return labels


class Session:
    """The network for slices of one size, which are multiples of 32."""

    def __init__(self, model, height, width, threads=0):
        self._handle, self._model = c_void_p(), model  # which has to outlive the session
        self.height, self.width = height, width
        options = _c.ul_session_options(height=height, width=width, threads=threads)
        call("ul_session_create", model._handle, byref(options), byref(self._handle))

    def __del__(self):
        lib.ul_session_close(self._handle)

    def run(self, slices):
        """slices [n, channel, row, column], as the network takes them; logits [n, class, row, column]."""
        slices = numpy.ascontiguousarray(slices, numpy.float32)
        expected = (self._model.input_channels, self.height, self.width)
        if slices.ndim != 4 or slices.shape[1:] != expected:
            raise ValueError(f"slices of {slices.shape}, expected n x {' x '.join(map(str, expected))}")
        logits = numpy.empty((len(slices), self._model.classes, self.height, self.width), numpy.float32)
        call("ul_session_run", self._handle, slices.ctypes.data_as(POINTER(c_float)), slices.size,
             logits.ctypes.data_as(POINTER(c_float)), logits.size)
        return logits
