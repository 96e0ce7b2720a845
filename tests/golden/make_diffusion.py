"""Golden values of diffusions: samplers against the package diffusers, and a small network against PyTorch, in double.

    python3 -m venv --system-site-packages VENV && VENV/bin/pip install diffusers==0.27.2   (beside PyTorch)
    VENV/bin/python tests/golden/make_diffusion.py

The tables of the schedulers are replaced by double ones, since the package computes them in float. Its DDIM takes the step
before t as t - T // n and not from the list, so that only lists are here where both are the same.
"""

import math
import os

import numpy
import torch
from diffusers import DDIMScheduler, DDPMScheduler

torch.set_default_dtype(torch.float64)
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
ROWS, WIDTH = 2, 3


def numbers(name, values):
    flat = numpy.asarray(values, dtype=float).reshape(-1)
    return name + " " + " ".join("%.17g" % v for v in flat)


# ---- samplers ----


def cosine(t, steps):
    return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2


def betas(schedule, steps):
    if schedule == "cosine":
        return [min(1 - cosine(t, steps) / cosine(t - 1, steps), 0.999) for t in range(1, steps + 1)]
    return list(numpy.linspace(0.1 / steps, 20 / steps, steps))


def in_double(scheduler, schedule, steps):
    scheduler.betas = torch.tensor(betas(schedule, steps))
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, 0)
    scheduler.one = torch.tensor(1.0)
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = torch.tensor(1.0)


PREDICT = {"v": "v_prediction", "noise": "epsilon", "data": "sample"}
VARIANCE = {"large": "fixed_large", "small": "fixed_small", "learned": "learned_range"}


def network(x, t, steps, outputs):
    """What stands for a network: of x and t alone, and the same in the test."""
    mixed = 0.6 * x + 0.3 * torch.roll(x, 1, dims=1) - 0.2
    out = torch.tanh(mixed) * math.cos(t / steps)
    return torch.cat([out, torch.sin(3 * mixed)], dim=1) if outputs == 2 * WIDTH else out


def sampler(name, schedule, steps, predict, variance, kind, n, spacing, eta, clip):
    generator = torch.Generator().manual_seed(len(name) + 7 * n)
    common = dict(num_train_timesteps=steps, prediction_type=PREDICT[predict], clip_sample=bool(clip), timestep_spacing=spacing)
    if kind == "ddpm":
        scheduler = DDPMScheduler(variance_type=VARIANCE[variance], **common)
    else:
        scheduler = DDIMScheduler(set_alpha_to_one=True, **common)
    in_double(scheduler, schedule, steps)
    scheduler.set_timesteps(n)
    outputs = 2 * WIDTH if variance == "learned" else WIDTH
    x = torch.randn(ROWS, WIDTH, generator=generator)
    lines = [
        f"case {name.replace(' ', '_')} {schedule} {steps} {predict} {variance} {kind} {n} {spacing} {eta:g} {clip}",
        numbers("start", x),
    ]
    for i, t in enumerate(scheduler.timesteps):
        noise = torch.randn(ROWS, WIDTH, generator=generator)
        lines.append(numbers("noise", noise))
        out = network(x, int(t) + 1, steps, outputs)
        if kind == "ddim":
            x = scheduler.step(out, t, x, eta=eta, use_clipped_model_output=True, variance_noise=noise).prev_sample
        else:
            x = ddpm_step(scheduler, out, t, x, noise)
        lines.append(numbers("x", x))
    return lines + ["end"]


def ddpm_step(scheduler, out, t, x, noise):
    """The package draws the noise itself: here it is given."""
    import diffusers.schedulers.scheduling_ddpm as module

    before = module.randn_tensor
    module.randn_tensor = lambda *a, **k: noise
    try:
        return scheduler.step(out, t, x).prev_sample
    finally:
        module.randn_tensor = before


samplers = [
    sampler("all steps, large", "cosine", 12, "v", "large", "ddpm", 12, "trailing", 0, 0),
    sampler("all steps, small", "linear", 40, "noise", "small", "ddpm", 40, "leading", 0, 0),
    sampler("all steps, learned", "cosine", 12, "v", "learned", "ddpm", 12, "trailing", 0, 0),
    sampler("data, clipped", "linear", 30, "data", "large", "ddpm", 30, "trailing", 0, 1),
    sampler("every fourth step, large", "linear", 40, "v", "large", "ddpm", 10, "leading", 0, 0),
    sampler("every fourth step, small, clipped", "linear", 40, "noise", "small", "ddpm", 10, "leading", 0, 1),
    sampler("implicit, all steps", "cosine", 16, "v", "large", "ddim", 16, "trailing", 0, 0),
    sampler("implicit, every fourth step", "linear", 40, "noise", "large", "ddim", 10, "trailing", 0, 0),
    sampler("implicit, clipped", "linear", 40, "noise", "large", "ddim", 10, "trailing", 0, 1),
    sampler("implicit, noise", "linear", 1000, "v", "large", "ddim", 20, "leading", 0.6, 0),
    sampler("implicit, eta 1, clipped", "linear", 100, "data", "large", "ddim", 25, "trailing", 1, 1),
]
with open(os.path.join(here, "diffusion_samplers.txt"), "w") as out:
    out.write("\n".join(line for case in samplers for line in case) + "\n")

# ---- a network, its losses and gradients ----

FEATURES = 64


def features(t, steps):
    half = FEATURES // 2
    frequency = 1000 / steps * 10000.0 ** (-torch.arange(half) / half)
    angle = t[:, None] * frequency[None, :]
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).reshape(len(t), FEATURES)


def linear(p, name, x):
    return x @ p[name + ".weight"].T + p[name + ".bias"]


def denoiser(p, x, t, steps):
    """network=[dense 5, silu, res[dense 4, tanh, dense 5], silu]"""
    silu = torch.nn.functional.silu
    e = silu(linear(p, "network.embedding.2", silu(linear(p, "network.embedding.0", features(t, steps)))))
    h = silu(linear(p, "network.0", x) + linear(p, "network.0.step", e))
    f = linear(p, "network.2.2", torch.tanh(linear(p, "network.2.0", h)))
    h = silu(h + f + linear(p, "network.2.step", e))
    return linear(p, "network.head", h)


def formula(which, count):
    return 0.3 * torch.sin(1.7 * torch.arange(count) + 0.9 * which)


def parameters(outputs):
    """Values by a formula that the test repeats."""
    shapes = {
        "network.embedding.0": (FEATURES, FEATURES),
        "network.embedding.2": (FEATURES, FEATURES),
        "network.0": (5, WIDTH),
        "network.0.step": (5, FEATURES),
        "network.2.0": (4, 5),
        "network.2.2": (5, 4),
        "network.2.step": (5, FEATURES),
        "network.head": (outputs, 5),
    }
    p = {}
    for name, (out, inputs) in shapes.items():
        p[name + ".weight"] = formula(len(p), out * inputs).reshape(out, inputs)
        p[name + ".bias"] = formula(len(p), out)
    return {name: value.requires_grad_() for name, value in p.items()}


def losses(schedule, steps, predict, variance, loss, generator):
    rows = 4
    b = torch.tensor(betas(schedule, steps))
    a = torch.cat([torch.ones(1), torch.cumprod(1 - b, 0)])
    x0, noise = torch.randn(rows, WIDTH, generator=generator), torch.randn(rows, WIDTH, generator=generator)
    # Noise is predicted where at least 1e-4 of the data is left.
    last = max(i for i in range(1, steps + 1) if predict != "noise" or a[i] > 1e-4)
    t = torch.tensor([1, 2, steps // 2, last])
    outputs = 2 * WIDTH if variance == "learned" else WIDTH
    p = parameters(outputs)
    kept = a[t][:, None]
    x_t = kept.sqrt() * x0 + (1 - kept).sqrt() * noise
    out = denoiser(p, x_t, t.to(torch.float64), steps)
    prediction = out[:, :WIDTH]
    target = {"v": kept.sqrt() * noise - (1 - kept).sqrt() * x0, "noise": noise, "data": x0}[predict]
    found = {
        "v": kept.sqrt() * x_t - (1 - kept).sqrt() * prediction,
        "noise": (x_t - (1 - kept).sqrt() * prediction) / kept.sqrt(),
        "data": prediction,
    }[predict]
    before = a[t - 1][:, None]
    large = 1 - kept / before
    small = (1 - before) / (1 - kept) * large
    second = (1 - a[1]) / (1 - a[2]) * (1 - a[2] / a[1])
    small = torch.where(t[:, None] == 1, second, small)
    if variance == "learned":
        u = (out[:, WIDTH:] + 1) / 2
        log_variance = u * large.log() + (1 - u) * small.log()
    else:
        log_variance = {"large": large, "small": small}[variance].log() + torch.zeros_like(x0)

    def terms(found):
        of_data = before.sqrt() * large / (1 - kept)
        square = (of_data * (found - x0)) ** 2 / log_variance.exp()
        kl = 0.5 * (small / log_variance.exp() - 1 - small.log() + log_variance + square)
        first = 0.5 * (math.log(2 * math.pi) + log_variance + (x0 - found) ** 2 / log_variance.exp())
        return torch.where(t[:, None] == 1, first, kl).sum(1)

    simple = ((prediction - target) ** 2).sum(1)
    value = {
        "simple": simple,
        "vlb": steps * terms(found),
        "hybrid": simple + 0.001 * steps * terms(found.detach()),
    }[loss]
    value.mean().backward()
    lines = [f"network {schedule} {steps} {predict} {variance} {loss}"]
    lines += [numbers("data", x0), numbers("noise", noise), numbers("step", t), numbers("output", out.detach())]
    lines += [numbers("loss", value.detach())]
    zero = lambda v: torch.zeros_like(v) if v.grad is None else v.grad
    # Norm and first values of each gradient.
    first = lambda g: torch.cat([g.norm().reshape(1), g.reshape(-1)[:20]])
    return lines + [numbers("gradient " + name, first(zero(v))) for name, v in p.items()] + ["end"]


generator = torch.Generator().manual_seed(11)
cases = [
    losses("cosine", 20, "v", "large", "simple", generator),
    losses("cosine", 20, "v", "small", "vlb", generator),
    losses("linear", 50, "noise", "large", "vlb", generator),
    losses("cosine", 20, "data", "small", "simple", generator),
    losses("linear", 30, "v", "learned", "hybrid", generator),
    losses("cosine", 9, "data", "learned", "vlb", generator),
]
with open(os.path.join(here, "diffusion_network.txt"), "w") as out:
    out.write("\n".join(line for case in cases for line in case) + "\n")
