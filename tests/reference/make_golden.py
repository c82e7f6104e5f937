#!/usr/bin/python3
"""Makes golden data as tests/golden reads them.

make_golden.py OUT --size NxCxHxW [--blocks] [--weights F | --classes K --widths W,W,W,W,W,W --part P] [--seed S]

OUT/weights.safetensors is a network of that shape with random weights and batch-norm statistics, or a copy of F;
OUT/forward_NxCxHxW.safetensors holds a random input, the logits and, with --blocks, every block's output."""

import argparse
import os

import torch

import ulite_torch


def random_network(inputs, classes, widths, part):
    """Statistics and weights as training might leave them, nothing at its initial 0 or 1."""
    network = ulite_torch.ULite(inputs, classes, widths, part)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
            torch.nn.init.uniform_(module.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.2, 2.0)
    return network.eval()


def add_network_options(parser):
    parser.add_argument("out")
    parser.add_argument("--size", required=True)
    parser.add_argument("--weights")
    parser.add_argument("--classes", type=int, default=1)
    parser.add_argument("--widths", default="16,32,64,128,256,512")
    parser.add_argument("--part", type=int)
    parser.add_argument("--seed", type=int, default=1)


def network_of(options):
    """The network that the options ask for, and the size NxCxHxW as numbers; seeds torch."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    size = [int(value) for value in options.size.split("x")]
    if options.weights:
        return ulite_torch.from_state(ulite_torch.read_safetensors(options.weights)), size
    widths = [int(value) for value in options.widths.split(",")]
    return random_network(size[1], options.classes, widths, options.part), size


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, tensors in files.items():
        ulite_torch.write_safetensors(os.path.join(folder, name + ".safetensors"),
                                      {key: tensor.detach().numpy() for key, tensor in tensors.items()})


def state_of(network):
    return {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_network_options(parser)
    parser.add_argument("--blocks", action="store_true")
    options = parser.parse_args()
    network, size = network_of(options)
    tensors, blocks = {"input": torch.rand(size)}, {}
    with torch.no_grad():
        tensors["logits"] = network(tensors["input"], blocks)
    if options.blocks:
        tensors.update(blocks)
    write(options.out, {"weights": state_of(network), f"forward_{options.size}": tensors})


if __name__ == "__main__":
    main()
