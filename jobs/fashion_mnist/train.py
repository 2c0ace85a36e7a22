#!/usr/bin/env python3
"""Train the quickstart model: a small residual network for Fashion-MNIST.

To repeat it on Debian 12 (in about 7 minutes on two cores with AVX512-BF16):

    apt-get install python3-torch python3-pil dataset-fashion-mnist
    python3 jobs/fashion_mnist/train.py OUTDIR

OUTDIR gets an Apache MXNet model, fashion_resnet-symbol.json and -0000.params,
fashion_resnet-preprocess.json and labels.txt (class names in label order).

Only the 60,000 training pictures are used to train, on a fixed schedule; the
weights are those of the last step. The 10,000 test pictures are looked at
once, at the end. To try other settings use --holdout: it measures accuracy on
that many training pictures kept back, and never reads the test pictures.
The pictures to be scored are JPEG files, so each training picture is shown at
random either as it is or after a JPEG round trip.

The seed is fixed, but the result repeats bit for bit only on the same type of
processor, number of threads and library versions. On processors with
AVX512-BF16 convolutions are trained in bfloat16, at twice the speed.
"""

import argparse
import gzip
import io
import json
import struct
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

DATA = "/usr/share/datasets/fashion-mnist"
LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
          "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
SIZE = 28
STEM = 32  # channels
UNITS = [  # name, output channels, stride
    ("stage1_unit1", 64, 2), ("stage1_unit2", 64, 1), ("stage2_unit1", 128, 2)]
BN_EPS = 1e-5
BATCH = 128
SHIFT = 2  # pixels, each way


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    raw = gzip.decompress(Path(path).read_bytes())
    ndim = raw[3]
    shape = struct.unpack_from(f">{ndim}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape).copy()


def load(part):
    """Pictures and labels of "train" or "t10k"."""
    x = read_idx(f"{DATA}/{part}-images-idx3-ubyte.gz")
    y = read_idx(f"{DATA}/{part}-labels-idx1-ubyte.gz")
    return x, torch.from_numpy(y.astype(np.int64))


def jpeg_round_trip(pictures):
    out = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        f = io.BytesIO()
        Image.fromarray(picture).save(f, "JPEG", quality=95)
        out[i] = np.asarray(Image.open(f))
    return out


def augment(padded, pick):
    """Randomly shifted and flipped pictures, some with a box of noise.

    padded: (2, N, 32, 32) bytes, plain and JPEG; returns (B, 28, 28) bytes.
    """
    n = len(pick)
    variant = torch.randint(2, (n, 1, 1))
    rows = torch.randint(2 * SHIFT + 1, (n, 1)) + torch.arange(SIZE)
    cols = torch.randint(2 * SHIFT + 1, (n, 1)) + torch.arange(SIZE)
    cols = torch.where(torch.rand(n, 1) < 0.5, cols, cols.flip(1))
    x = padded[variant, pick.view(n, 1, 1), rows.unsqueeze(2), cols.unsqueeze(1)]

    # In half of them; 2 to 40 % of the area, sides 1:3 to 3:1, centre anywhere.
    area = torch.empty(n, 1).uniform_(0.02, 0.4) * (torch.rand(n, 1) < 0.5)
    ratio = torch.empty(n, 1).uniform_(-1.0986, 1.0986).exp()
    at = (torch.arange(SIZE) + 0.5) / SIZE
    high = (at - torch.rand(n, 1)).abs() * 2 < (area * ratio).sqrt()
    wide = (at - torch.rand(n, 1)).abs() * 2 < (area / ratio).sqrt()
    noise = torch.randint(256, x.shape, dtype=torch.uint8)
    return torch.where(high.unsqueeze(2) & wide.unsqueeze(1), noise, x)


class FashionResNet(nn.Module):
    """Layer names are those of the written graph."""

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std
        self.add_conv("conv0", "bn0", 1, STEM, 3, 1)
        channels = STEM
        for name, out, stride in UNITS:
            self.add_conv(f"{name}_conv1", f"{name}_bn1", channels, out, 3, stride)
            self.add_conv(f"{name}_conv2", f"{name}_bn2", out, out, 3, 1)
            if stride != 1 or channels != out:
                self.add_conv(f"{name}_sc", f"{name}_sc_bn", channels, out, 1, stride)
            channels = out
        self.fc1 = nn.Linear(channels, len(LABELS))

    def add_conv(self, conv, bn, inputs, outputs, kernel, stride):
        module = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.add_module(conv, module)
        self.add_module(bn, nn.BatchNorm2d(outputs, eps=BN_EPS))

    def conv_bn(self, x, conv, bn):
        return getattr(self, bn)(getattr(self, conv)(x))

    def forward(self, pictures):
        """Class scores, before softmax, of (B, 28, 28) bytes."""
        x = ((pictures.float() - self.mean) / self.std).unsqueeze(1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.relu(self.conv_bn(x, "conv0", "bn0"))
        for name, _, _ in UNITS:
            y = F.relu(self.conv_bn(x, f"{name}_conv1", f"{name}_bn1"))
            y = self.conv_bn(y, f"{name}_conv2", f"{name}_bn2")
            if hasattr(self, f"{name}_sc"):
                x = self.conv_bn(x, f"{name}_sc", f"{name}_sc_bn")
            x = F.relu(y + x)
        return self.fc1(x.mean((2, 3)))


def train(model, padded, labels, epochs):
    bf16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    steps = len(labels) // BATCH
    optimizer = torch.optim.SGD(
        model.parameters(), 0.2, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.2, epochs * steps, pct_start=0.15, cycle_momentum=False,
        final_div_factor=1000)
    start = time.time()
    model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(labels))[:steps * BATCH].view(steps, BATCH)
        total = 0.0
        for pick in order:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                scores = model(augment(padded, pick)).float()
            loss = F.cross_entropy(scores, labels[pick], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, "
              f"{time.time() - start:.0f} s", flush=True)


@torch.no_grad()
def settle_batch_norm(model, pictures):
    """Replace the running statistics by FP32 ones over the given pictures."""
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
            m.momentum = None  # plain average over all batches
    model.train()
    for pick in torch.randperm(len(pictures)).split(500):
        model(pictures[pick])


@torch.no_grad()
def accuracy(model, pictures, labels):
    model.eval()
    best = [model(x).argmax(1) for x in torch.from_numpy(pictures).split(500)]
    return (torch.cat(best) == labels).float().mean().item()


class Graph:
    """Collects the nodes of an MXNet symbol; a node is known by its index."""

    def __init__(self, model):
        self.model, self.nodes, self.row_ptr = model, [], [0]

    def add(self, op, name, inputs=(), outputs=1, **attrs):
        attrs = {"attrs": {k: str(v) for k, v in attrs.items()}} if attrs else {}
        inputs = [[i, 0, int("_moving_" in self.nodes[i]["name"])] for i in inputs]
        self.nodes.append({"op": op, "name": name, **attrs, "inputs": inputs})
        self.row_ptr.append(self.row_ptr[-1] + outputs)
        return len(self.nodes) - 1

    def variables(self, prefix, *suffixes):
        return [self.add("null", f"{prefix}_{s}") for s in suffixes]

    def conv_bn(self, x, conv, bn):
        module = getattr(self.model, conv)
        weight = self.variables(conv, "weight")
        x = self.add("Convolution", conv, [x] + weight, kernel=module.kernel_size,
                     stride=module.stride, pad=module.padding,
                     num_filter=module.out_channels, num_group=1, no_bias=True)
        stats = self.variables(bn, "gamma", "beta", "moving_mean", "moving_var")
        return self.add("BatchNorm", bn, [x] + stats, outputs=3, axis=1,
                        eps=BN_EPS, fix_gamma=False, momentum=0.9,
                        use_global_stats=False)

    def relu(self, x, name):
        return self.add("Activation", name, [x], act_type="relu")


def make_symbol(model):
    g = Graph(model)
    x = g.relu(g.conv_bn(g.add("null", "data"), "conv0", "bn0"), "relu0")
    for name, _, _ in UNITS:
        y = g.relu(g.conv_bn(x, f"{name}_conv1", f"{name}_bn1"), f"{name}_relu1")
        y = g.conv_bn(y, f"{name}_conv2", f"{name}_bn2")
        if hasattr(model, f"{name}_sc"):
            x = g.conv_bn(x, f"{name}_sc", f"{name}_sc_bn")
        y = g.add("elemwise_add", f"{name}_plus", [y, x])
        x = g.relu(y, f"{name}_relu")
    x = g.add("Pooling", "pool1", [x], global_pool=True, kernel=(7, 7), pool_type="avg")
    x = g.add("Flatten", "flatten0", [x])
    x = g.add("FullyConnected", "fc1", [x] + g.variables("fc1", "weight", "bias"),
              num_hidden=len(LABELS), no_bias=False, flatten=True)
    x = g.add("softmax", "prob", [x], axis=-1)
    variables = [i for i, n in enumerate(g.nodes) if n["op"] == "null"]
    return {"nodes": g.nodes, "arg_nodes": variables, "node_row_ptr": g.row_ptr,
            "heads": [[x, 0, 0]], "attrs": {"mxnet_version": ["int", 10900]}}


def named_arrays(model):
    """(key, array) of every parameter, keyed as in an MXNet checkpoint."""
    for name, m in model.named_children():
        if isinstance(m, nn.BatchNorm2d):
            yield f"arg:{name}_gamma", m.weight
            yield f"arg:{name}_beta", m.bias
            yield f"aux:{name}_moving_mean", m.running_mean
            yield f"aux:{name}_moving_var", m.running_var
        else:
            for suffix, value in m.named_parameters():
                yield f"arg:{name}_{suffix}", value


def write_params(path, items):
    """An NDArray list file: dense FP32 arrays, version 2, little-endian."""
    items = [(k, a.detach().contiguous().numpy().astype("<f4")) for k, a in items]
    with open(path, "wb") as f:
        f.write(struct.pack("<QQQ", 0x112, 0, len(items)))
        for _, a in items:
            f.write(struct.pack("<Iii", 0xF993FAC9, 0, a.ndim))  # dense
            f.write(struct.pack(f"<{a.ndim}q", *a.shape))
            f.write(struct.pack("<iii", 1, 0, 0))  # cpu(0), float32
            f.write(a.tobytes())
        f.write(struct.pack("<Q", len(items)))
        for key, _ in items:
            f.write(struct.pack("<Q", len(key)) + key.encode())


def write_model(model, outdir):
    outdir = Path(outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    preprocess = {
        "input": "data", "shape": [1, SIZE, SIZE], "color": "GRAY",
        "resize": "none", "interpolation": "bilinear",
        "mean": [model.mean], "std": [model.std], "labels": "labels.txt"}
    for what, content in (("symbol", make_symbol(model)), ("preprocess", preprocess)):
        text = json.dumps(content, indent=1) + "\n"
        (outdir / f"fashion_resnet-{what}.json").write_text(text)
    write_params(outdir / "fashion_resnet-0000.params", named_arrays(model))
    (outdir / "labels.txt").write_text("\n".join(LABELS) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("outdir")
    ap.add_argument("--epochs", type=int, default=16)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--holdout", type=int, default=0, help="see the top of this file")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1)

    x, y = load("train")
    keep = len(x) - args.holdout
    model = FashionResNet(round(float(x.mean()), 4), round(float(x.std()), 4))
    model.to(memory_format=torch.channels_last)
    both = torch.from_numpy(np.stack([x[:keep], jpeg_round_trip(x[:keep])]))
    train(model, F.pad(both, [SHIFT] * 4), y[:keep], args.epochs)
    settle_batch_norm(model, both[1])
    write_model(model, args.outdir)

    x, y = (x[keep:], y[keep:]) if args.holdout else load("t10k")
    print(f"accuracy on {len(x)} pictures: plain {accuracy(model, x, y):.4f}, "
          f"JPEG {accuracy(model, jpeg_round_trip(x), y):.4f}")


if __name__ == "__main__":
    main()
