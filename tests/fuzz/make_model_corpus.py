#!/usr/bin/env python3
"""Writes the corpus of the fuzz target `model`: tiny valid models and one hostile file per rule of the format.

Usage: make_model_corpus.py tests/fuzz/corpus/model
"""
import json
import pathlib
import struct
import sys

WIDTHS = [1, 2, 1, 1, 2, 1]
BOTTLENECK = 1


def layout(input_channels=1, classes=1):
    """(name, shape) of every tensor, in the order of the state dict."""
    def conv(name, *shape):
        return [(name + ".weight", list(shape)), (name + ".bias", [shape[0]])]

    def norm(name, channels):
        return [(f"{name}.bn.{part}", [channels]) for part in ("weight", "bias", "running_mean", "running_var")]

    def axial(name, channels, taps):
        return conv(name + ".dw_h", channels, 1, taps, 1) + conv(name + ".dw_w", channels, 1, 1, taps)

    w = WIDTHS
    tensors = conv("conv_in", w[0], input_channels, 7, 7)
    for i in range(1, 6):
        tensors += axial(f"e{i}.dw", w[i - 1], 7) + norm(f"e{i}", w[i - 1]) + conv(f"e{i}.pw", w[i], w[i - 1], 1, 1)
    tensors += conv("b5.pw1", BOTTLENECK, w[5], 1, 1)
    for i in range(1, 4):
        tensors += axial(f"b5.dw{i}", BOTTLENECK, 3)
    tensors += norm("b5", 4 * BOTTLENECK) + conv("b5.pw2", w[5], 4 * BOTTLENECK, 1, 1)
    for i in range(5, 0, -1):
        tensors += conv(f"d{i}.pw", w[i - 1], w[i] + w[i - 1], 1, 1) + norm(f"d{i}", w[i - 1])
        tensors += axial(f"d{i}.dw", w[i - 1], 7) + conv(f"d{i}.pw2", w[i - 1], w[i - 1], 1, 1)
    return tensors + conv("conv_out", classes, w[0], 1, 1)


def count(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def model(dtype="F32", change=None, metadata=None, values=None, without=None):
    """A file: change(entries) edits the header's dict before it is written, values(name) a tensor's fill."""
    code = {"F32": "<f", "F16": "<e"}.get(dtype)
    entries, data = {}, b""
    if metadata:
        entries["__metadata__"] = metadata
    for name, shape in layout():
        if name == without:
            continue
        value = values(name) if values else 0.5
        one = struct.pack(code, value) if code else struct.pack("<f", value)[2:]  # BF16: the upper half
        start = len(data)
        data += one * count(shape)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, len(data)]}
    if change:
        change(entries)
    return pack(json.dumps(entries, separators=(",", ":")), data)


def pack(header, data=b"", claimed=None):
    header = header.encode() if isinstance(header, str) else header
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header) if claimed is None else claimed) + header + data


def edit(name, **fields):
    return lambda entries: entries[name].update(fields)


def tensor(dtype="F32", shape="[2]", offsets="[0,8]"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def corpus():
    card = {"format": "pt", "ulite": '{"name":"tiny","trained":false}', "naïve": "\u00e9\U0001F600\n"}
    nan = float("nan")
    eight = b"\0" * 8
    yield "valid_f32", model(metadata=card)
    yield "valid_f16", model("F16")
    yield "valid_bf16", model("BF16", metadata=card)
    yield "nan_weight", model(values=lambda name: nan if name == "e3.pw.weight" else 1.0)
    yield "infinite_weight_f16", model("F16", values=lambda name: float("inf") if name == "d1.pw2.bias" else 1.0)
    yield "negative_variance", model(values=lambda name: -1.0 if name.endswith("running_var") else 1.0)
    yield "missing_tensor", model(without="conv_out.bias")
    yield "missing_first_tensor", model(without="conv_in.weight")
    yield "stranger", model(change=lambda entries: entries.update(x={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}))
    yield "wrong_shape", model(change=edit("e1.bn.weight", shape=[1, 1]))
    yield "wrong_dtype", model(change=edit("e1.bn.weight", dtype="I32"))
    yield "empty_file", b""
    yield "short_length", b"\1\2\3"
    yield "huge_length", pack("{}", claimed=2**64 - 1)
    yield "length_past_end", pack("{}", claimed=64)
    yield "no_tensors", pack("{}")
    yield "array_header", pack("[]")
    yield "nested_header", pack("[" * 4096)
    yield "nested_objects", pack('{"a":' * 2048)
    yield "overlap", pack(f'{{"a":{tensor()},"b":{tensor(offsets="[4,12]")}}}', eight + eight[:4])
    yield "gap", pack(f'{{"a":{tensor()},"b":{tensor(offsets="[12,20]")}}}', eight * 2 + eight[:4])
    yield "trailing_bytes", pack(f'{{"a":{tensor()}}}', eight + b"x")
    yield "same_name", pack(f'{{"a":{tensor()},"a":{tensor(offsets="[8,16]")}}}', eight * 2)
    yield "backward_offsets", pack(f'{{"a":{tensor(offsets="[8,0]")}}}', eight)
    yield "negative_offset", pack(f'{{"a":{tensor(offsets="[-4,4]")}}}', eight)
    yield "float_offset", pack(f'{{"a":{tensor(offsets="[4.5,8]")}}}', eight)
    yield "offset_past_end", pack(f'{{"a":{tensor(offsets="[0,16]")}}}', eight)
    yield "offset_overflow", pack(f'{{"a":{tensor(offsets="[0,18446744073709551616]")}}}', eight)
    yield "shape_overflow", pack(f'{{"a":{tensor(shape="[4294967296,4294967296,4]")}}}', eight)
    yield "negative_shape", pack(f'{{"a":{tensor(shape="[-2]")}}}', eight)
    yield "string_shape", pack('{"a":' + tensor(shape='"2"') + "}", eight)
    yield "float_shape", pack(f'{{"a":{tensor(shape="[2.0]")}}}', eight)
    yield "rank_nine", pack(f'{{"a":{tensor(shape="[1,1,1,1,1,1,1,1,2]")}}}', eight)
    yield "unknown_dtype", pack(f'{{"a":{tensor(dtype="F8_E4M3")}}}', eight)
    yield "number_dtype", pack('{"a":{"dtype":5,"shape":[2],"data_offsets":[0,8]}}', eight)
    yield "null_entry", pack('{"a":null}', eight)
    yield "unknown_key", pack('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}', eight)
    yield "missing_key", pack('{"a":{"dtype":"F32","shape":[2]}}', eight)
    yield "second_key", pack('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', eight)
    yield "one_offset", pack('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}', eight)
    yield "metadata_number", pack(f'{{"__metadata__":{{"a":1}},"a":{tensor()}}}', eight)
    yield "metadata_null", pack(f'{{"__metadata__":null,"a":{tensor()}}}', eight)
    yield "metadata_same_key", pack(f'{{"__metadata__":{{"ulite":"1","b":"","ulite":"2"}},"a":{tensor()}}}', eight)
    yield "metadata_twice", pack(f'{{"__metadata__":{{}},"__metadata__":{{"ulite":"1"}},"a":{tensor()}}}', eight)
    yield "escapes", pack(f'{{"__metadata__":{{"a\\u0041\\ud83d\\ude00":"\\"\\\\\\/\\b\\f\\n\\r\\t"}},"a":{tensor()}}}', eight)
    yield "nul_escape", pack(f'{{"a\\u0000":{tensor()}}}', eight)
    yield "lone_surrogate", pack(f'{{"a\\ud800":{tensor()}}}', eight)
    yield "newline_in_name", pack(f'{{"a\\nb":{tensor()}}}', eight)
    yield "newline_in_key", pack('{"a":{"\\n":1}}', eight)
    yield "newline_in_dtype", pack('{"a":' + tensor(dtype="\\n") + "}", eight)
    yield "bad_utf8", pack(b'{"a\xc0\xaf":' + tensor().encode() + b"}", eight)
    yield "open_string", pack('{"a')
    yield "trailing_comma", pack(f'{{"a":{tensor()},}}', eight)
    yield "text_after", pack(f'{{"a":{tensor()}}} x', eight)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in corpus():
        (folder / name).write_bytes(data)


main()
