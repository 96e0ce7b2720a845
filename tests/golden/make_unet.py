"""Golden values of a small U-Net as the network of a diffusion, against PyTorch in double: losses, gradients, and the
parameters after ten steps of Adam.

    python3 tests/golden/make_unet.py        (with PyTorch)

Parameters are given by a formula that the test repeats, in the order in which libvae stores a kernel: [out, height, width, in].
"""

import math
import os

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
FEATURES, ROWS, STEPS = 64, 3, 12
SHAPE, CHANNELS, GROUPS, ATTENTION, BLOCKS = (2, 4, 8), [4, 6], 2, 2, 1


def features(t):
    half = FEATURES // 2
    frequency = 1000 / STEPS * 10000.0 ** (-torch.arange(half) / half)
    angle = t[:, None] * frequency[None, :]
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).reshape(len(t), FEATURES)


class Parameters:
    """Made when they are first asked for, which is the order of libvae's list; `weights` by name."""

    def __init__(self):
        self.weights = {}

    def get(self, name, *shape):
        if name not in self.weights:
            count, which = math.prod(shape), len(self.weights)
            values = 0.3 * torch.sin(1.7 * torch.arange(count) + 0.9 * which)
            self.weights[name] = values.reshape(shape).requires_grad_()
        return self.weights[name]

    def linear(self, name, x, out):
        return x @ self.get(name + ".weight", out, x.shape[1]).T + self.get(name + ".bias", out)

    def conv(self, name, x, out, kernel, stride=1):
        weight = self.get(name + ".weight", out, kernel, kernel, x.shape[1]).permute(0, 3, 1, 2)
        return functional.conv2d(x, weight, self.get(name + ".bias", out), stride, kernel // 2)

    def norm(self, name, x):
        return functional.group_norm(x, GROUPS, self.get(name + ".weight", x.shape[1]), self.get(name + ".bias", x.shape[1]))

    def attention(self, name, x):
        n, c, h, w = x.shape
        flat = x.reshape(n, c, h * w).transpose(1, 2)
        q, k, v = (flat @ self.get(name + ".in_proj_weight", 3 * c, c).T + self.get(name + ".in_proj_bias", 3 * c)).chunk(3, 2)
        mixed = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(c), 2) @ v
        out = mixed @ self.get(name + ".out_proj.weight", c, c).T + self.get(name + ".out_proj.bias", c)
        return out.transpose(1, 2).reshape(n, c, h, w)


def block(p, name, x, e, out):
    h = p.conv(name + ".conv1", functional.silu(p.norm(name + ".norm1", x)), out, 3)
    h = h + p.linear(name + ".step", e, out)[:, :, None, None]
    h = p.conv(name + ".conv2", functional.silu(p.norm(name + ".norm2", h)), out, 3)
    x = (p.conv(name + ".skip", x, out, 1) if x.shape[1] != out else x) + h
    if x.shape[2] == ATTENTION:
        x = x + p.attention(name + ".attention", p.norm(name + ".attention.norm", x))
    return x


def unet(p, x, t, outputs):
    silu = functional.silu
    e = silu(p.linear("embedding.0", features(t), FEATURES))
    e = silu(p.linear("embedding.2", e, FEATURES))
    h, saved = p.conv("in.conv", x, CHANNELS[0], 3), []
    for level, channels in enumerate(CHANNELS):
        for b in range(BLOCKS):
            h = block(p, f"down.{level}.{b}", h, e, channels)
            saved.append(h)
        if level + 1 < len(CHANNELS):
            h = p.conv(f"down.{level}.conv", h, channels, 3, 2)
    h = block(p, "middle.0", h, e, CHANNELS[-1])
    # Of the middle only the first block is followed by attention.
    global ATTENTION
    kept, ATTENTION = ATTENTION, 0
    h = block(p, "middle.1", h, e, CHANNELS[-1])
    ATTENTION = kept
    for level in reversed(range(len(CHANNELS))):
        for b in range(BLOCKS):
            h = block(p, f"up.{level}.{b}", torch.cat([h, saved.pop()], 1), e, CHANNELS[level])
        if level:
            h = functional.interpolate(h, scale_factor=2, mode="nearest")
            h = p.conv(f"up.{level}.conv", h, CHANNELS[level - 1], 3)
    return p.conv("out.conv", silu(p.norm("out.norm", h)), outputs, 3)


def retained():
    def f(t):
        return math.cos((t / STEPS + 0.008) / 1.008 * math.pi / 2) ** 2

    b = [min(1 - f(t) / f(t - 1), 0.999) for t in range(1, STEPS + 1)]
    return torch.cat([torch.ones(1), torch.cumprod(1 - torch.tensor(b), 0)])


def loss(p, x0, noise, t):
    """Squared error of v, summed over values."""
    kept = retained()[t][:, None, None, None]
    x_t = kept.sqrt() * x0 + (1 - kept).sqrt() * noise
    target = kept.sqrt() * noise - (1 - kept).sqrt() * x0
    return ((unet(p, x_t, t.to(torch.float64), SHAPE[0]) - target) ** 2).flatten(1).sum(1)


def line(name, values):
    return name + " " + " ".join("%.17g" % v for v in values.detach().reshape(-1))


def main():
    generator = torch.Generator().manual_seed(3)
    x0, noise = (torch.randn(ROWS, *SHAPE, generator=generator) for _ in range(2))
    t = torch.tensor([1, 5, STEPS])
    p = Parameters()
    first = loss(p, x0, noise, t)
    lines = [line("data", x0), line("noise", noise), line("step", t.to(torch.float64)), line("loss", first)]
    first.mean().backward()
    for name, value in p.weights.items():
        g = value.grad.reshape(-1)
        lines.append(line("gradient network." + name, torch.cat([g.norm()[None], g[:8]])))
    optimizer = torch.optim.Adam(p.weights.values(), lr=1e-2)
    for _ in range(10):
        optimizer.zero_grad()
        loss(p, x0, noise, t).mean().backward()
        optimizer.step()
    lines.append(line("trained_loss", loss(p, x0, noise, t)))
    for name, value in p.weights.items():
        flat = value.reshape(-1)
        lines.append(line("trained network." + name, torch.cat([flat.norm()[None], flat[:8]])))
    with open(os.path.join(here, "diffusion_unet.txt"), "w") as out:
        out.write("\n".join(lines) + "\n")


main()
