#!/usr/bin/python3
"""Records training steps as tests/grad/golden_train reads them.

make_trace.py OUT --size NxCxHxW [--steps S] [--double] [--weights F | --classes K --widths W,W,W,W,W,W --part P] [--seed S]

OUT/weights.safetensors is where training starts; OUT/train_trace.safetensors holds inputs and targets of every step,
the losses, the first step's gradients and the final state. Soft Dice, Adam at 2e-3; --double computes in float64."""

import argparse

import torch

import make_golden

SMOOTH, RATE = 1e-3, 2e-3


def draw(size, classes):
    """Slices of noise with a disc of each class, brighter where the class is higher, and their labels."""
    count, channels, height, width = size
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width).view(1, -1)
    labels = torch.zeros(count, 1, height, width, dtype=torch.uint8)
    for label in labels[:, 0]:
        for value in range(1, max(classes, 2)):
            row, column = (torch.rand(2) * torch.tensor([height, width]) * 0.6 + 0.2 * torch.tensor([height, width])).tolist()
            radius = min(height, width) * (0.15 + 0.1 * torch.rand(1).item())
            label[(rows - row) ** 2 + (columns - column) ** 2 < radius ** 2] = value
    return torch.rand(count, channels, height, width) * 0.5 + 0.25 * labels, labels


def soft_dice(logits, labels):
    """On sigmoid for one class; else the mean over all classes but the background, on softmax."""
    classes = logits.shape[1]
    if classes == 1:
        predicted, truth = [torch.sigmoid(logits)], [labels]
    else:
        predicted = torch.softmax(logits, 1)[:, 1:].split(1, 1)
        truth = [labels == value for value in range(1, classes)]
    losses = [1 - (2 * (p * t).sum() + SMOOTH) / (p.sum() + t.sum() + SMOOTH) for p, t in zip(predicted, truth)]
    return sum(losses) / len(losses)


def record(network, size, steps):
    """Trains the network, whose type is that of the computation, and returns the trace."""
    kind = next(network.parameters()).dtype
    optimizer = torch.optim.Adam(network.train().parameters(), lr=RATE)
    trace, losses = {}, []
    for step in range(steps):
        inputs, labels = draw(size, network.conv_out.out_channels)
        trace[f"step{step}.input"], trace[f"step{step}.target"] = inputs, labels
        optimizer.zero_grad()
        loss = soft_dice(network(inputs.to(kind)), labels)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            trace.update({f"grad0.{name}": p.grad.clone() for name, p in network.named_parameters()})
        optimizer.step()
    trace["losses"] = torch.tensor(losses)
    trace.update({f"final.{name}": tensor for name, tensor in make_golden.state_of(network).items()})
    return trace


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    make_golden.add_network_options(parser)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--double", action="store_true")
    options = parser.parse_args()
    network, size = make_golden.network_of(options)
    make_golden.write(options.out, {"weights": make_golden.state_of(network)})
    trace = record(network.double() if options.double else network, size, options.steps)
    make_golden.write(options.out, {"train_trace": trace})


if __name__ == "__main__":
    main()
