"""U-Lite in PyTorch, written from the description of the network (docs/numerics.md): the independent implementation
that golden data are made with. State-dict names are the paper's. Also reads and writes safetensors: F32 and U8."""

import json
import struct

import numpy
import torch
from torch import nn
from torch.nn import functional


class Axial(nn.Module):
    """x + vertical depthwise + horizontal depthwise, zero padded."""

    def __init__(self, channels, taps, dilation=1):
        super().__init__()
        reach = taps // 2 * dilation
        self.dw_h = nn.Conv2d(channels, channels, (taps, 1), padding=(reach, 0), groups=channels, dilation=dilation)
        self.dw_w = nn.Conv2d(channels, channels, (1, taps), padding=(0, reach), groups=channels, dilation=dilation)

    def forward(self, x):
        return x + self.dw_h(x) + self.dw_w(x)


class Encoder(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.dw = Axial(inputs, 7)
        self.bn = nn.BatchNorm2d(inputs)
        self.pw = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        skip = self.bn(self.dw(x))
        return functional.gelu(functional.max_pool2d(self.pw(skip), 2)), skip


class Bottleneck(nn.Module):
    def __init__(self, channels, part):
        super().__init__()
        self.pw1 = nn.Conv2d(channels, part, 1)
        self.dw1 = Axial(part, 3, 1)
        self.dw2 = Axial(part, 3, 2)
        self.dw3 = Axial(part, 3, 3)
        self.bn = nn.BatchNorm2d(4 * part)
        self.pw2 = nn.Conv2d(4 * part, channels, 1)

    def forward(self, x):
        x = self.pw1(x)
        return functional.gelu(self.pw2(self.bn(torch.cat([x, self.dw1(x), self.dw2(x), self.dw3(x)], 1))))


class Decoder(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.pw = nn.Conv2d(inputs + outputs, outputs, 1)
        self.bn = nn.BatchNorm2d(outputs)
        self.dw = Axial(outputs, 7)
        self.pw2 = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x, skip):
        x = torch.cat([functional.interpolate(x, scale_factor=2, mode="nearest"), skip], 1)
        return functional.gelu(self.pw2(self.dw(self.bn(self.pw(x)))))


class ULite(nn.Module):
    def __init__(self, inputs=3, classes=1, widths=(16, 32, 64, 128, 256, 512), part=None):
        super().__init__()
        self.conv_in = nn.Conv2d(inputs, widths[0], 7, padding=3)
        for i in range(5):
            setattr(self, f"e{i + 1}", Encoder(widths[i], widths[i + 1]))
        self.b5 = Bottleneck(widths[5], part or widths[5] // 4)
        for i in range(4, -1, -1):
            setattr(self, f"d{i + 1}", Decoder(widths[i + 1], widths[i]))
        self.conv_out = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x, blocks=None):
        """Logits; every block's output goes into the dictionary `blocks` where given."""
        seen = {} if blocks is None else blocks
        x = seen["conv_in.out"] = self.conv_in(x)
        skips = []
        for i in range(1, 6):
            x, skip = getattr(self, f"e{i}")(x)
            skips.append(skip)
            seen[f"e{i}.out"], seen[f"e{i}.skip"] = x, skip
        x = seen["b5.out"] = self.b5(x)
        for i in range(5, 0, -1):
            x = seen[f"d{i}.out"] = getattr(self, f"d{i}")(x, skips[i - 1])
        x = seen["conv_out.out"] = self.conv_out(x)
        return x


def from_state(state):
    """The network of a state dict of numpy arrays, in evaluation mode."""
    widths = [state["conv_in.weight"].shape[0]] + [state[f"e{i}.pw.weight"].shape[0] for i in range(1, 6)]
    network = ULite(state["conv_in.weight"].shape[1], state["conv_out.weight"].shape[0], widths,
                    state["b5.pw1.weight"].shape[0])
    tensors = {name: torch.from_numpy(array.copy()) for name, array in state.items()}
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            tensors[name] = tensor.reshape(())
    network.load_state_dict(tensors, strict=False)
    return network.eval()


def read_safetensors(path):
    types = {"F32": "<f4", "I64": "<i8", "U8": "u1"}
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Floating-point arrays as F32, bytes as U8, in the order given."""
    header, chunks, offset = {}, [], 0
    for name, array in tensors.items():
        kind, stored = ("U8", "u1") if array.dtype == numpy.uint8 else ("F32", "<f4")
        chunk = numpy.ascontiguousarray(array, stored).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(chunk)]}
        chunks.append(chunk)
        offset += len(chunk)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))
