#!/usr/bin/python3
"""PyTorch's side of inference.mjs: makes the network, then measures it as often as it is asked.

usage: torch_speed.py WEIGHTS.safetensors

Writes a network of the paper's shape to WEIGHTS.safetensors and prints PyTorch's version. Then each
line {"side", "threads", "batch", "seconds"} on stdin is answered by {"median", "min"} on stdout: ms
per slice of runs over one batch."""
import json
import os
import statistics
import sys
import time

if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
    sys.exit(__doc__)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "reference"))
import torch  # noqa: E402
from ulite_torch import ULite, write_safetensors  # noqa: E402


def measure(network, side, threads, batch, seconds):
    torch.set_num_threads(threads)
    data = torch.rand(batch, 3, side, side)
    network(data)
    times, begin = [], time.monotonic()
    while len(times) < 3 or time.monotonic() - begin < seconds:
        start = time.monotonic()
        network(data)
        times.append((time.monotonic() - start) * 1e3 / batch)
    return {"median": statistics.median(times), "min": min(times)}


def main():
    torch.manual_seed(1)
    network = ULite().eval()
    write_safetensors(sys.argv[1], {name: tensor.numpy() for name, tensor in network.state_dict().items()
                                    if tensor.is_floating_point()})
    print(json.dumps({"version": torch.__version__}), flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            print(json.dumps(measure(network, **json.loads(line))), flush=True)


main()
