#!/usr/bin/env python3
"""Writes tests/golden/data/*.txt: what PyTorch gets, in float64, for the models of golden_test.c.

Run by hand, from anywhere, when a case is added; needs PyTorch 1.12 or later (made with 1.13.0). The losses are written
with torch.distributions and differentiated by autograd, the updates are torch.optim's and the learning rates
torch.optim.lr_scheduler's, so that nothing here repeats the library's own calculus.

A file is a list of words. Every case stands alone:

    case "NAME"                    only=double: not for the float build
    spec "..." options "..."       quoted, as the library reads them
    x N ...  noise N ...           [rows, input] and [rows samples, latent]
    start PARAMETER N ...          float32 values, so that both builds start at the same point
    value NAME V                   at the start: objective, elbo, reconstruction, kl, gradient_norm
    gradient PARAMETER N ...       of the loss, which is minus the objective
    rates N ...                    learning rate of each update
    after STEP PARAMETER N ...     parameters after that many updates, always on the same rows and noise
    end
"""
import math
import os
import warnings

import torch
from torch import distributions as dist
from torch import nn
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="The epoch parameter")  # SequentialLR's own call

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
INPUT, LATENT, ROWS = 6, 3, 5
LOGVAR_LOW, LOGVAR_HIGH = -16.0, 16.0
RUNNING_DECAY = 0.99


def softplus(a):
    # torch's own is cut to the identity above 20
    return torch.logaddexp(a, torch.zeros_like(a))


ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "elu": nn.functional.elu,
    "silu": nn.functional.silu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": softplus,
}


def bound_logvar(a):
    t = LOGVAR_LOW + softplus(a - LOGVAR_LOW)
    return LOGVAR_HIGH - softplus(LOGVAR_HIGH - t)


def layers_of(text):
    """"dense 5, tanh" -> [5, "tanh"]"""
    items = [item.strip() for item in text.split(",") if item.strip()]
    return [int(item.split()[1]) if item.startswith("dense") else item for item in items]


class Model:
    """The network under the library's parameter names."""

    def __init__(self, case):
        self.case = case
        self.encoder, self.decoder = layers_of(case["encoder"]), layers_of(case["decoder"])
        self.heads = 2 if case["sigma"] == "decoder" else 1
        self.parameters = {}
        self.running = None
        generator = torch.Generator().manual_seed(case["seed"])
        width = self.declare("encoder", self.encoder, INPUT, generator)
        self.dense("posterior", width, 2 * LATENT, generator)
        width = self.declare("decoder", self.decoder, LATENT, generator)
        self.dense("likelihood", width, self.heads * INPUT, generator)
        if case["sigma"] in ("shared", "per_dim"):
            count = 1 if case["sigma"] == "shared" else INPUT
            self.parameters["likelihood.log_sigma"] = self.draw(generator, count)
        for name, values in case["set"].items():
            first, rest = values
            self.parameters[name][first : first + len(rest)] = torch.tensor(rest)
        for value in self.parameters.values():
            value.requires_grad_()

    @staticmethod
    def draw(generator, *shape):
        return (0.6 * torch.randn(*shape, generator=generator)).float().double()

    def dense(self, name, width, out, generator):
        self.parameters[name + ".weight"] = self.draw(generator, out, width)
        self.parameters[name + ".bias"] = self.draw(generator, out)

    def declare(self, name, layers, width, generator):
        for i, layer in enumerate(layers):
            if isinstance(layer, int):
                self.dense(f"{name}.{i}", width, layer, generator)
                width = layer
        return width

    def linear(self, name, h):
        return nn.functional.linear(h, self.parameters[name + ".weight"], self.parameters[name + ".bias"])

    def run(self, name, layers, h):
        for i, layer in enumerate(layers):
            if isinstance(layer, int):
                h = self.linear(f"{name}.{i}", h)
            else:
                if layer in ("relu", "leaky_relu", "elu"):
                    assert h.abs().min() > 1e-4, "a corner within float's reach: change the seed"
                h = ACTIVATIONS[layer](h)
        return h

    def log_p(self, head, x):
        """log p(x|z) [rows, samples]; head [rows, samples, heads * INPUT]."""
        kind, sigma, least = self.case["likelihood"], self.case["sigma"], self.case["sigma_min"] ** 2
        if kind == "bernoulli":
            return dist.Bernoulli(logits=head, validate_args=False).log_prob(x).sum(-1)
        mean = head[..., :INPUT]
        if sigma in ("shared", "per_dim"):
            variance = least + torch.exp(2 * self.parameters["likelihood.log_sigma"])
        elif sigma == "decoder":
            variance = least + torch.exp(bound_logvar(head[..., INPUT:]))
        elif sigma == "optimal":
            # Not detached: that its own derivative vanishes is for the library to be right about.
            variance = torch.clamp(((x - mean) ** 2).mean(), min=least)
            self.batch_variance = variance.item()
        else:
            variance = torch.tensor(float(sigma) ** 2)
        return dist.Normal(mean, variance.sqrt()).log_prob(x).sum(-1)

    def objective(self, x, noise, beta):
        """-> objective, and the values that a step reports."""
        head = self.linear("posterior", self.run("encoder", self.encoder, x))
        mean, logvar = head[:, :LATENT], bound_logvar(head[:, LATENT:])
        q = dist.Normal(mean, torch.exp(logvar / 2))
        kl = dist.kl_divergence(q, dist.Normal(torch.zeros(LATENT), torch.ones(LATENT)))
        z = q.loc[:, None] + q.scale[:, None] * noise.reshape(len(x), -1, LATENT)
        out = self.linear("likelihood", self.run("decoder", self.decoder, z))
        reconstruction = self.log_p(out, x[:, None]).mean()
        penalised = kl_mean = kl.mean(0)
        if self.case["free_bits"]:
            floor = torch.tensor(self.case["free_bits"])
            assert 0 < (kl_mean < floor).sum() < LATENT, "free bits should floor some latents, not all"
            penalised = torch.maximum(kl_mean, floor)
        objective = reconstruction - beta * penalised.sum()
        return objective, {
            "objective": objective.item(),
            "elbo": (reconstruction - kl_mean.sum()).item(),
            "reconstruction": reconstruction.item(),
            "kl": kl_mean.sum().item(),
        }

    def backward(self, x, noise, beta):
        for value in self.parameters.values():
            value.grad = None
        objective, values = self.objective(x, noise, beta)
        (-objective).backward()
        norm = math.sqrt(sum((p.grad**2).sum().item() for p in self.parameters.values()))
        values["gradient_norm"] = norm
        return values, norm

    def finish_step(self):
        if self.case["sigma"] != "optimal":
            return
        before, batch = self.running, self.batch_variance
        self.running = batch if before is None else RUNNING_DECAY * before + (1 - RUNNING_DECAY) * batch


DEFAULTS = dict(
    encoder="dense 5, tanh, dense 4, softplus",
    decoder="dense 4, silu, dense 5, gelu",
    likelihood="bernoulli",
    sigma=None,
    sigma_min=1e-3,
    seed=1,
    set={},
    only="",
    beta=1.0,
    beta_warmup=0,
    free_bits=0.0,
    samples=1,
    clip_norm=0.0,
    optimizer="adam",  # the text of the rule and its options
    rule=lambda p: torch.optim.Adam(p, lr=1e-3),
    schedule="",
    scheduler=None,
    warmup=0,
    steps=(),
)


def number(value):
    return f"{value:.14g}"


def words(title, tensor, form=number):
    flat = tensor.detach().reshape(-1).tolist()
    lines = [" ".join(form(v) for v in flat[i : i + 8]) for i in range(0, len(flat), 8)]
    return f"{title} {len(flat)}\n" + "\n".join(lines) + "\n"


def spec_of(case):
    text = f"input={INPUT} latent={LATENT} encoder=[{case['encoder']}] decoder=[{case['decoder']}]"
    text += f" likelihood={case['likelihood']}"
    if case["sigma"]:
        text += f" sigma={case['sigma']}"
    if case["sigma_min"] != DEFAULTS["sigma_min"]:
        text += f" sigma_min={case['sigma_min']}"
    return text


def options_of(case):
    text = case["optimizer"]
    for key in ("beta", "beta_warmup", "free_bits", "samples", "clip_norm", "warmup"):
        if case[key] != DEFAULTS[key]:
            text += f" {key}={case[key]}"
    return text + (" " + case["schedule"] if case["schedule"] else "")


def beta_at(case, step):
    return case["beta"] if step > case["beta_warmup"] else case["beta"] * (step - 1) / case["beta_warmup"]


def scheduler_of(case, optimizer):
    """torch's schedule behind a linear warm-up of `warmup` updates."""
    constant = lambda o: lr_scheduler.ConstantLR(o, 1, 0)
    n = case["warmup"]
    rise = lr_scheduler.LinearLR(optimizer, 1 / n, 1, n - 1) if n > 1 else constant(optimizer)
    then = (case["scheduler"] or constant)(optimizer)
    return lr_scheduler.SequentialLR(optimizer, [rise, then], [n]) if n else then


def train(case, model, x, noise):
    """Yields (update, its learning rate) after each update."""
    optimizer = case["rule"](list(model.parameters.values()))
    scheduler = scheduler_of(case, optimizer)
    for step in range(1, max(case["steps"]) + 1):
        _, norm = model.backward(x, noise, beta_at(case, step))
        if case["clip_norm"] and norm > case["clip_norm"]:
            # torch's clip_grad_norm_ adds 1e-6 to the norm
            for p in model.parameters.values():
                p.grad *= case["clip_norm"] / norm
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()
        model.finish_step()
        yield step, rate


def text_of(name, **changes):
    case = {**DEFAULTS, **changes}
    model = Model(case)
    generator = torch.Generator().manual_seed(1000 + case["seed"])
    x = torch.rand(ROWS, INPUT, generator=generator).float().double()
    noise = torch.randn(ROWS * case["samples"], LATENT, generator=generator).float().double()
    nine = lambda v: f"{v:.9g}"  # all of a float32
    text = f"case \"{name}\" only={case['only']}\nspec \"{spec_of(case)}\"\noptions \"{options_of(case)}\"\n"
    text += words("x", x, nine) + words("noise", noise, nine)
    for key, value in model.parameters.items():
        text += words(f"start {key}", value, nine)
    values, _ = model.backward(x, noise, beta_at(case, 1))
    for key, value in values.items():
        text += f"value {key} {number(value)}\n"
    for key, value in model.parameters.items():
        text += words(f"gradient {key}", value.grad)
    if case["steps"]:
        after, rates = "", []
        for step, rate in train(case, model, x, noise):
            rates.append(rate)
            if step not in case["steps"]:
                continue
            for key, value in model.parameters.items():
                after += words(f"after {step} {key}", value)
            if model.running is not None:
                after += words(f"after {step} likelihood.sigma2", torch.tensor([model.running]))
        text += words("rates", torch.tensor(rates)) + after
    return text + "end\n\n"


def write(name, *cases):
    path = os.path.join(FOLDER, name + ".txt")
    with open(path, "w", encoding="ascii") as out:
        out.write("".join(cases))
    print(f"{path}: {len(cases)} cases, {os.path.getsize(path)} bytes")


def gaussian(name, sigma, **changes):
    return text_of(name, likelihood="gaussian", sigma=sigma, **changes)


LOW, HIGH = [-15.0, -18.0, -12.5], [9.0, 4.0, 6.0]

write(
    "likelihoods",
    text_of("bernoulli"),
    gaussian("gaussian, sigma given", "0.3"),
    gaussian("gaussian, one learned sigma", "shared"),
    gaussian("gaussian, one learned sigma near its floor", "shared", sigma_min=0.5),
    gaussian("gaussian, a learned sigma per dimension", "per_dim"),
    gaussian("gaussian, a learned sigma per dimension near its floor", "per_dim", sigma_min=0.5),
    gaussian("gaussian, sigma from the decoder", "decoder"),
    gaussian("gaussian, sigma from the decoder near its floor", "decoder", sigma_min=0.5),
    gaussian("gaussian, sigma from the decoder, lower bound", "decoder", sigma_min=0.1,
             set={"likelihood.bias": (INPUT, [-15.0, -17.0, -14.0])}),
    gaussian("gaussian, optimal sigma", "optimal", steps=(1, 2, 10), optimizer="adam lr=0.01 eps=1e-4",
             rule=lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-4)),
    gaussian("gaussian, optimal sigma on its floor", "optimal", sigma_min=3.5),
    text_of("posterior, lower bound of logvar", set={"posterior.bias": (LATENT, LOW)}),
    text_of("posterior, wide", set={"posterior.bias": (LATENT, HIGH)}),
    text_of("posterior, upper bound of logvar", decoder="dense 4, tanh",
            set={"posterior.bias": (LATENT, [15.0, 18.0, 12.5])}),
)

write(
    "activations",
    text_of("tanh, softplus, silu, gelu"),
    text_of("relu, elu, leaky_relu, sigmoid", encoder="dense 5, relu, dense 4, elu",
            decoder="dense 4, leaky_relu, dense 5, sigmoid", seed=2),
    text_of("gelu, silu, elu, relu", encoder="dense 5, gelu, dense 4, silu",
            decoder="dense 4, elu, dense 5, relu", seed=3),
    text_of("linear", encoder="", decoder="", seed=4),
    text_of("activations alone and in a row", encoder="tanh, dense 4, identity, sigmoid, softplus",
            decoder="silu, gelu", seed=5),
)

objectives = dict(likelihood="gaussian", sigma="shared", seed=6)
write(
    "objectives",
    text_of("beta", beta=2.5, **objectives),
    text_of("beta 0", beta=0.0, **objectives),
    text_of("free bits", free_bits=0.6, **objectives),
    text_of("free bits, beta, two samples", free_bits=0.6, beta=0.5, samples=2, **objectives),
    text_of("three samples", samples=3, **objectives),
    text_of("three samples, bernoulli", samples=3, seed=6),
    gaussian("three samples, sigma per dimension", "per_dim", samples=3, seed=6),
    gaussian("three samples, sigma from the decoder", "decoder", samples=3, seed=6),
    gaussian("three samples, optimal sigma", "optimal", samples=3, seed=6),
)

STEPS = (1, 2, 10)
small = dict(encoder="dense 3, tanh", decoder="", seed=7)
adam = lambda **k: (lambda p: torch.optim.Adam(p, eps=1e-4, **k))
adamw = lambda **k: (lambda p: torch.optim.AdamW(p, eps=1e-4, **k))
sgd = lambda **k: (lambda p: torch.optim.SGD(p, **k))
write(
    "optimizers",
    text_of("adam", optimizer="adam lr=0.01 eps=1e-4", rule=adam(lr=0.01), steps=STEPS),
    text_of("adam, eps 1e-8", optimizer="adam lr=0.01", rule=lambda p: torch.optim.Adam(p, lr=0.01), steps=STEPS,
            only="double", **small),
    text_of("adam, every option", optimizer="adam lr=0.02 eps=1e-4 beta1=0.8 beta2=0.95 weight_decay=0.1",
            rule=adam(lr=0.02, betas=(0.8, 0.95), weight_decay=0.1), steps=STEPS, **small),
    text_of("adamw", optimizer="adamw lr=0.02 eps=1e-4 weight_decay=0.3", rule=adamw(lr=0.02, weight_decay=0.3),
            steps=STEPS, **small),
    text_of("adamw, default decay", optimizer="adamw lr=0.02 eps=1e-4", rule=adamw(lr=0.02, weight_decay=0.01),
            steps=(10,), **small),
    text_of("sgd", optimizer="sgd lr=0.05", rule=sgd(lr=0.05), steps=(10,), **small),
    text_of("sgd, weight decay", optimizer="sgd lr=0.05 weight_decay=0.1", rule=sgd(lr=0.05, weight_decay=0.1),
            steps=(10,), **small),
    text_of("sgd, momentum", optimizer="sgd lr=0.02 momentum=0.9 weight_decay=0.01",
            rule=sgd(lr=0.02, momentum=0.9, weight_decay=0.01), steps=STEPS, **small),
    text_of("sgd, nesterov", optimizer="sgd lr=0.02 momentum=0.9 nesterov=1",
            rule=sgd(lr=0.02, momentum=0.9, nesterov=True), steps=STEPS, **small),
    text_of("clip_norm reached", optimizer="sgd lr=0.05 momentum=0.5", rule=sgd(lr=0.05, momentum=0.5),
            clip_norm=0.25, steps=STEPS, **small),
    text_of("clip_norm not reached", optimizer="sgd lr=0.05", rule=sgd(lr=0.05), clip_norm=1000.0, steps=(2,), **small),
    text_of("clip_norm under adam", optimizer="adam lr=0.01 eps=1e-4", rule=adam(lr=0.01), clip_norm=0.01,
            steps=(10,), **small),
    text_of("beta warm-up", optimizer="adam lr=0.01 eps=1e-4", rule=adam(lr=0.01), beta=2.0, beta_warmup=4,
            steps=STEPS, **small),
)

# 12 updates show what comes after its end.
few = dict(steps=(12,), optimizer="sgd lr=0.1", rule=sgd(lr=0.1), **small)


class CosineThenZero(lr_scheduler.CosineAnnealingLR):
    """torch's rises again after T_max."""

    def _get_closed_form_lr(self):
        return [0.0] * len(self.base_lrs) if self.last_epoch >= self.T_max else super()._get_closed_form_lr()

    get_lr = _get_closed_form_lr


cosine = lambda n: dict(schedule=f"schedule=cosine steps={n}", scheduler=lambda o: CosineThenZero(o, n))
decay = lambda n, g: dict(schedule=f"schedule=exponential steps={n} gamma={g}",
                          scheduler=lambda o: lr_scheduler.ExponentialLR(o, g ** (1 / n)))
steps = lambda m, g: dict(schedule=f"schedule=steps milestones={m} gamma={g}",
                          scheduler=lambda o: lr_scheduler.MultiStepLR(o, m, g))
write(
    "schedules",
    text_of("constant, warm-up", warmup=4, **few),
    text_of("cosine", **cosine(10), **few),
    text_of("cosine, warm-up", warmup=3, **cosine(6), **few),
    text_of("exponential", **decay(5, 0.2), **few),
    text_of("exponential, warm-up", warmup=4, **decay(5, 0.2), **few),
    text_of("steps", **steps([3, 7], 0.5), **few),
    text_of("steps, warm-up", warmup=4, **steps([3, 7], 0.5), **few),
    text_of("steps, warm-up of one update", warmup=1, **steps([3, 7], 0.5), **few),
)
