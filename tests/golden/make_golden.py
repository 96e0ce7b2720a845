#!/usr/bin/env python3
"""Writes tests/golden/data/*.txt: what PyTorch gets, in float64, for the models of golden_test.c.

Run by hand, from anywhere, when a case is added; needs PyTorch 1.12 or later (made with 1.13.0). The losses are written
with torch.distributions (densities.py) and differentiated by autograd, the updates are torch.optim's and the learning
rates torch.optim.lr_scheduler's, so that nothing here repeats the library's own calculus.

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
import re
import warnings

import torch
from torch import distributions as dist
from torch import nn
from torch.optim import lr_scheduler

import densities
from densities import bound_logvar, softplus

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="The epoch parameter")  # SequentialLR's own call

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
LATENT, ROWS = 3, 5
RUNNING_DECAY = 0.99

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


def layer_of(word):
    """"dense 5" -> 5; "conv 8 4 stride 2" -> ("conv", 8, 4, 2, 0); "reshape 2x3x4" -> ("reshape", 2, 3, 4)"""
    name, *rest = word.split()
    if name == "dense":
        return int(rest[0])
    if name in ("conv", "deconv"):
        given = dict(zip(rest[2::2], map(int, rest[3::2])))
        return (name, int(rest[0]), int(rest[1]), given.get("stride", 1), given.get("pad", 0))
    if name == "reshape":
        return (name, *map(int, rest[0].split("x")))
    return (name, int(rest[0])) if rest else name


def layers_of(text):
    """"dense 5, res[dense 5, tanh]" -> [5, [5, "tanh"]]"""
    lists = [[]]
    for word in re.findall(r"\w+\[|\w+(?: \w+)*|\]", text):
        if word == "res[":
            lists.append([])
        elif word == "]":
            inside = lists.pop()
            lists[-1].append(inside)
        else:
            lists[-1].append(layer_of(word))
    return lists[0]


class Model:
    """The network under the library's parameter names."""

    def __init__(self, case):
        self.case = case
        self.encoder, self.decoder = layers_of(case["encoder"]), layers_of(case["decoder"])
        self.width = math.prod(case["input"])
        self.parameters = {}
        self.constants = {}  # parameters that are not trained
        self.running = self.batch_variance = None
        generator = torch.Generator().manual_seed(case["seed"])
        shape = self.declare("encoder", self.encoder, case["input"], generator)
        self.dense("posterior", math.prod(shape), 2 * LATENT, generator)
        shape = self.declare("decoder", self.decoder, (LATENT,), generator)
        self.head = self.head_of(shape)
        self.declare_one("likelihood", self.head, shape, generator)
        if case["sigma"] in ("shared", "per_dim"):
            count = 1 if case["sigma"] == "shared" else self.width
            self.parameters["likelihood.log_sigma"] = self.draw(generator, count)
        if case["likelihood"] == "negative_binomial":
            self.parameters["likelihood.log_dispersion"] = self.draw(generator, self.width)
        self.components = int(case["prior"].split(":")[1]) if case["prior"].startswith("mixture") else 0
        self.pseudo_inputs = int(case["prior"].split(":")[1]) if case["prior"].startswith("vamp") else 0
        if self.pseudo_inputs:
            self.parameters["prior.inputs"] = self.draw(generator, self.pseudo_inputs, self.width)
        self.couplings = int(case["prior"].split(":")[1]) if case["prior"].startswith("flow") else 0
        for l in range(self.couplings):
            kept, changed = (LATENT // 2, LATENT - LATENT // 2)[:: -1 if l % 2 else 1]
            self.dense(f"prior.{l}.hidden", kept, case["prior_hidden"], generator)
            self.dense(f"prior.{l}.output", case["prior_hidden"], 2 * changed, generator)
        if self.components:
            count, full = self.components, case["prior_covariance"] == "full"
            self.parameters["prior.weight_logits"] = self.draw(generator, count)
            self.parameters["prior.mean"] = self.draw(generator, count, LATENT)
            self.parameters["prior.whitening"] = self.draw(generator, count, *([LATENT, LATENT] if full else [LATENT]))
        if case["standardize"]:
            self.constants["input.shift"] = torch.tensor(case["shift"]).float().double()
            self.constants["input.scale"] = torch.tensor(case["scale"]).float().double()
        for name, values in case["set"].items():
            first, rest = values
            self.parameters[name].view(-1)[first : first + len(rest)] = torch.tensor(rest).float().double()
        for value in self.parameters.values():
            value.requires_grad_()

    def draw(self, generator, *shape):
        return (self.case["spread"] * torch.randn(*shape, generator=generator)).float().double()

    def dense(self, name, width, out, generator):
        self.parameters[name + ".weight"] = self.draw(generator, out, width)
        self.parameters[name + ".bias"] = self.draw(generator, out)

    def head_of(self, shape):
        """The layer behind the decoder."""
        heads, image = densities.heads(self.case), self.case["input"]
        if len(image) == 3 and len(shape) == 3:
            if shape[1:] == image[1:]:
                return ("conv", heads * image[0], 3, 1, 1)
            if tuple(2 * n for n in shape[1:]) == image[1:]:
                return ("deconv", heads * image[0], 4, 2, 1)
        return heads * self.width

    def declare_one(self, own, layer, shape, generator):
        """Draws the parameters of a layer behind rows of this shape; -> the shape behind it."""
        if isinstance(layer, int):
            self.dense(own, math.prod(shape), layer, generator)
            return (layer,)
        if layer == "layernorm" or layer[0] == "groupnorm":
            count = math.prod(shape) if layer == "layernorm" else shape[0]
            self.parameters[own + ".weight"] = self.draw(generator, count)
            self.parameters[own + ".bias"] = self.draw(generator, count)
        elif layer[0] in ("conv", "deconv"):
            sides = (layer[1], shape[0]) if layer[0] == "conv" else (shape[0], layer[1])
            self.parameters[own + ".weight"] = self.draw(generator, *sides, layer[2], layer[2])
            self.parameters[own + ".bias"] = self.draw(generator, layer[1])
        elif layer[0] == "attention":
            for name, sides in (("in_proj_weight", (3, shape[0])), ("out_proj.weight", (1, shape[0]))):
                self.parameters[f"{own}.{name}"] = self.draw(generator, sides[0] * shape[0], shape[0])
                self.parameters[f"{own}.{name.replace('weight', 'bias')}"] = self.draw(generator, sides[0] * shape[0])
        if layer[0] == "reshape":
            return layer[1:]
        if layer == "flatten" or isinstance(layer, tuple):
            with torch.no_grad():
                return tuple(self.image(own, layer, torch.zeros(1, *shape)).shape[1:])
        return shape

    def declare(self, name, layers, shape, generator):
        for i, layer in enumerate(layers):
            own = f"{name}.{i}"
            if isinstance(layer, list):
                made = self.declare(own, layer, shape, generator)
                if math.prod(made) != math.prod(shape):
                    images = len(shape) == 3 and len(made) == 3
                    self.declare_one(own + ".skip", ("conv", made[0], 1, 1, 0) if images else math.prod(made), shape,
                                     generator)
                shape = made
            else:
                shape = self.declare_one(own, layer, shape, generator)
        return shape

    def image(self, own, layer, h):
        """A layer of images, for h [n, channels, height, width]."""
        of = lambda what: self.parameters[f"{own}.{what}"]
        if layer == "flatten":
            return h.flatten(1)
        if layer[0] == "conv":
            return nn.functional.conv2d(h, of("weight"), of("bias"), layer[3], layer[4])
        if layer[0] == "deconv":
            return nn.functional.conv_transpose2d(h, of("weight"), of("bias"), layer[3], layer[4])
        if layer[0] == "groupnorm":
            return nn.functional.group_norm(h, layer[1], of("weight"), of("bias"))
        if layer[0] == "avgpool":
            return nn.functional.avg_pool2d(h, layer[1])
        if layer[0] == "attention":
            flat = h.flatten(2).permute(2, 0, 1)  # [positions, n, channels]
            made, _ = nn.functional.multi_head_attention_forward(
                flat, flat, flat, h.shape[1], layer[1], of("in_proj_weight"), of("in_proj_bias"), None, None, False, 0.0,
                of("out_proj.weight"), of("out_proj.bias"), need_weights=False)
            return made.permute(1, 2, 0).reshape(h.shape)
        assert layer[0] == "upsample", layer
        return nn.functional.interpolate(h, scale_factor=layer[1], mode="nearest")

    def linear(self, name, h):
        return nn.functional.linear(h, self.parameters[name + ".weight"], self.parameters[name + ".bias"])

    def run_one(self, own, layer, h, shape):
        """h [.., width], whose rows have this shape, through a layer; -> the same of what is behind it."""
        if isinstance(layer, int):
            return self.linear(own, h), (layer,)
        if isinstance(layer, list):
            inside, made = self.run(own, layer, h, shape)
            if own + ".skip.weight" in self.parameters:
                images = len(shape) == 3 and len(made) == 3
                skip = ("conv", made[0], 1, 1, 0) if images else math.prod(made)
                h, _ = self.run_one(own + ".skip", skip, h, shape)
            return inside + h, made
        if layer == "layernorm":
            weight, bias = self.parameters[own + ".weight"], self.parameters[own + ".bias"]
            return nn.functional.layer_norm(h, h.shape[-1:], weight, bias), shape
        if layer[0] == "reshape":
            return h, layer[1:]
        if layer == "flatten" or isinstance(layer, tuple):
            made = self.image(own, layer, h.reshape(-1, *shape))
            return made.reshape(*h.shape[:-1], -1), tuple(made.shape[1:])
        if layer in ("relu", "leaky_relu", "elu"):
            assert h.abs().min() > 1e-4, "a corner within float's reach: change the seed"
        return ACTIVATIONS[layer](h), shape

    def run(self, name, layers, h, shape):
        for i, layer in enumerate(layers):
            h, shape = self.run_one(f"{name}.{i}", layer, h, shape)
        return h, shape

    def encode(self, seen):
        return self.linear("posterior", self.run("encoder", self.encoder, seen, self.case["input"])[0])

    def decode(self, z):
        return self.run_one("likelihood", self.head, *self.run("decoder", self.decoder, z, (LATENT,)))[0]

    def seen(self, x):
        """What the encoder is given."""
        if self.case["likelihood"] in ("poisson", "negative_binomial"):
            return torch.log1p(x)
        if self.case["standardize"]:
            return (x - self.constants["input.shift"]) / self.constants["input.scale"]
        return x

    def log_prior(self, z):
        """log p(z) of z [rows, samples, LATENT]."""
        if self.pseudo_inputs:
            seen = self.parameters["prior.inputs"]
            if self.case["likelihood"] in ("poisson", "negative_binomial"):
                seen = softplus(seen)
            elif self.case["likelihood"] != "gaussian":
                seen = torch.sigmoid(seen)
            head = self.encode(seen)
            parts = dist.Independent(dist.Normal(head[:, :LATENT], torch.exp(bound_logvar(head[:, LATENT:]) / 2)), 1)
            return dist.MixtureSameFamily(dist.Categorical(logits=torch.zeros(self.pseudo_inputs)), parts).log_prob(z)
        total = torch.zeros(z.shape[:-1])
        for l in range(self.couplings):
            first, second = z[..., : LATENT // 2], z[..., LATENT // 2 :]
            kept, changed = (second, first) if l % 2 else (first, second)
            made = self.linear(f"prior.{l}.output", torch.tanh(self.linear(f"prior.{l}.hidden", kept)))
            scale, shift = made.chunk(2, dim=-1)
            scale = 3 * torch.tanh(scale / 3)
            changed = torch.exp(scale) * changed + shift
            z = torch.cat([changed, kept] if l % 2 else [kept, changed], -1)
            total = total + scale.sum(-1)
        if self.couplings:
            return total + dist.Normal(torch.zeros(LATENT), torch.ones(LATENT)).log_prob(z).sum(-1)
        if not self.components:
            return dist.Normal(torch.zeros(LATENT), torch.ones(LATENT)).log_prob(z).sum(-1)
        w, means = self.parameters["prior.whitening"], self.parameters["prior.mean"]
        diagonal = torch.diagonal(w, dim1=-2, dim2=-1) if w.dim() == 3 else w
        w = torch.tril(w, -1) + torch.diag_embed(diagonal.exp()) if w.dim() == 3 else torch.diag_embed(w.exp())
        parts = dist.MultivariateNormal(means, precision_matrix=w.transpose(-2, -1) @ w)
        weights = dist.Categorical(logits=self.parameters["prior.weight_logits"])
        return dist.MixtureSameFamily(weights, parts).log_prob(z)

    def objective(self, x, noise, beta):
        """-> objective, and the values that a step reports."""
        head = self.encode(self.seen(x))
        mean, logvar = head[:, :LATENT], bound_logvar(head[:, LATENT:])
        q = dist.Normal(mean, torch.exp(logvar / 2))
        z = q.loc[:, None] + q.scale[:, None] * noise.reshape(len(x), -1, LATENT)
        if self.components or self.couplings or self.pseudo_inputs:  # by latent there is none
            kl = (-q.entropy().sum(-1) - self.log_prior(z).mean(-1))[:, None]
        else:
            kl = dist.kl_divergence(q, dist.Normal(torch.zeros(LATENT), torch.ones(LATENT)))
        out = self.decode(z)
        log_p = densities.log_p(self, out, x[:, None])  # [rows, samples]
        reconstruction = log_p.mean()
        penalised = kl_mean = kl.mean(0)
        if self.case["free_bits"]:
            floor = torch.tensor(self.case["free_bits"])
            assert 0 < (kl_mean < floor).sum() < LATENT, "free bits should floor some latents, not all"
            penalised = torch.maximum(kl_mean, floor)
        objective = reconstruction - beta * penalised.sum()
        if self.case["objective"] == "iwae":
            q = dist.Normal(q.loc[:, None], q.scale[:, None])
            log_w = log_p + self.log_prior(z) - q.log_prob(z).sum(-1)
            objective = (torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])).mean()
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
    input=(6,),
    encoder="dense 5, tanh, dense 4, softplus",
    decoder="dense 4, silu, dense 5, gelu",
    likelihood="bernoulli",
    sigma=None,
    sigma_min=1e-3,
    size="none",
    counts=0.0,  # about the largest one
    prior="normal",
    prior_covariance="diagonal",
    prior_hidden=0,
    standardize=False,
    shift=(),
    scale=(),
    seed=1,
    spread=0.6,  # of the parameters
    set={},
    only="",
    beta=1.0,
    beta_warmup=0,
    free_bits=0.0,
    objective="elbo",
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
    sizes = "x".join(map(str, case["input"]))
    text = f"input={sizes} latent={LATENT} encoder=[{case['encoder']}] decoder=[{case['decoder']}]"
    text += f" likelihood={case['likelihood']}"
    if case["sigma"]:
        text += f" sigma={case['sigma']}"
    if case["sigma_min"] != DEFAULTS["sigma_min"]:
        text += f" sigma_min={case['sigma_min']}"
    if case["size"] != DEFAULTS["size"]:
        text += f" size={case['size']}"
    if case["prior"] != DEFAULTS["prior"]:
        text += f" prior={case['prior']}"
        if case["prior_hidden"]:
            text += f" prior_hidden={case['prior_hidden']}"
        if case["prior"].startswith("mixture"):
            text += f" prior_covariance={case['prior_covariance']}"
    return text + (" standardize=1" if case["standardize"] else "")


def options_of(case):
    text = case["optimizer"]
    for key in ("objective", "beta", "beta_warmup", "free_bits", "samples", "clip_norm", "warmup"):
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


def rows_of(case, generator):
    """[ROWS, width] in the likelihood's support and in float32, from uniforms."""
    u = torch.rand(ROWS, math.prod(case["input"]), generator=generator)
    if case["likelihood"] == "discretized_logistic":  # some at either end
        u = torch.clamp(torch.round(400 * u - 70), 0, 255) / 255
    elif case["likelihood"] == "categorical":
        groups = u.reshape(ROWS, -1, case["input"][-1])
        u = nn.functional.one_hot(groups.argmax(-1), case["input"][-1]).reshape(ROWS, -1)
    elif case["counts"]:
        u = torch.floor(case["counts"] * u**3)
        u[0] = 0  # size=total: a row without counts says nothing
    elif case["standardize"]:
        u = torch.tensor(case["shift"]) + torch.tensor(case["scale"]) * (3 * u - 1.5)
    return u.float().double()


def text_of(name, **changes):
    case = {**DEFAULTS, **changes}
    model = Model(case)
    generator = torch.Generator().manual_seed(1000 + case["seed"])
    x = rows_of(case, generator)
    noise = torch.randn(ROWS * case["samples"], LATENT, generator=generator).float().double()
    nine = lambda v: f"{v:.9g}"  # all of a float32
    text = f"case \"{name}\" only={case['only']}\nspec \"{spec_of(case)}\"\noptions \"{options_of(case)}\"\n"
    text += words("x", x, nine) + words("noise", noise, nine)
    for key, value in {**model.parameters, **model.constants}.items():
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
             set={"likelihood.bias": (6, [-15.0, -17.0, -14.0])}),
    gaussian("gaussian, optimal sigma", "optimal", steps=(1, 2, 10), optimizer="adam lr=0.01 eps=1e-4",
             rule=lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-4)),
    gaussian("gaussian, optimal sigma on its floor", "optimal", sigma_min=3.5),
    text_of("posterior, lower bound of logvar", set={"posterior.bias": (LATENT, LOW)}),
    text_of("posterior, wide", set={"posterior.bias": (LATENT, HIGH)}),
    text_of("posterior, upper bound of logvar", decoder="dense 4, tanh",
            set={"posterior.bias": (LATENT, [15.0, 18.0, 12.5])}),
)

STEPS = (1, 2, 10)
stepped = dict(steps=STEPS, optimizer="adam lr=0.01 eps=1e-4", rule=lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-4))


def other(name, likelihood, **changes):
    return text_of(name, likelihood=likelihood, **changes)


write(
    "shares",  # of 1, and choices
    other("continuous_bernoulli", "continuous_bernoulli", seed=8, **stepped),
    other("continuous_bernoulli, logits near 0", "continuous_bernoulli", decoder="", seed=8,
          set={"likelihood.weight": (0, [1e-4] * 9), "likelihood.bias": (0, [1e-3, 0.0, -1e-3])}),
    other("continuous_bernoulli, logits far from 0", "continuous_bernoulli", seed=8,
          set={"likelihood.bias": (0, [30.0, -30.0, 90.0, -90.0, 700.0, -700.0])}),
    other("continuous_bernoulli, three samples", "continuous_bernoulli", samples=3, seed=9),
    other("discretized_logistic", "discretized_logistic", seed=8, **stepped),
    other("discretized_logistic, scales of a few levels", "discretized_logistic", seed=8,
          set={"likelihood.bias": (0, [0.0, 0.3, 0.5, 0.7, 1.0, 0.4, -4.5, -4.0, -5.0, -5.5, -4.0, -5.0])}),
    other("discretized_logistic, bounds of the scale", "discretized_logistic", seed=8,
          set={"likelihood.bias": (6, [-8.0, 2.0, -7.5, 1.5, -9.0, 3.0])}),
    other("discretized_logistic, three samples", "discretized_logistic", samples=3, seed=9),
    # A seed with no gradient near eps in size: there one rounding in float moves a whole Adam step.
    other("categorical", "categorical", input=(3, 4), seed=10, **stepped),
    other("categorical, one group", "categorical", input=(5,), seed=8),
    other("categorical, three axes, three samples", "categorical", input=(2, 3, 2), samples=3, seed=9),
)

small_rates = {"likelihood.bias": (0, [-20.0, -19.0, -22.0, 0.0, 1.0, -6.0])}
large = dict(counts=20000.0, set={"likelihood.bias": (0, [8.0, 8.5, 9.0, 7.5, 8.0, 8.5])})
dispersions = {"likelihood.log_dispersion": (0, [-17.0, -5.0, -1.0, 3.0, 6.0, 8.0])}
write(
    "counts",
    other("poisson", "poisson", counts=6.0, seed=8, **stepped),
    other("poisson, large counts", "poisson", seed=8, **large),
    other("poisson, rates near the lower bound", "poisson", counts=3.0, set=small_rates, seed=8),
    other("poisson, size", "poisson", counts=6.0, size="total", seed=9, **stepped),
    other("poisson, size, large counts, three samples", "poisson", counts=20000.0, size="total", samples=3, seed=9),
    other("negative_binomial", "negative_binomial", counts=6.0, seed=8, **stepped),
    other("negative_binomial, large counts", "negative_binomial", seed=8, **large),
    other("negative_binomial, rates near the lower bound", "negative_binomial", counts=3.0, set=small_rates, seed=8),
    other("negative_binomial, dispersions", "negative_binomial", counts=30.0, set=dispersions, seed=8),
    other("negative_binomial, size", "negative_binomial", counts=6.0, size="total", seed=9, **stepped),
    other("negative_binomial, size, large counts, three samples", "negative_binomial", counts=20000.0, size="total",
          samples=3, seed=9),
)

table = dict(standardize=True, shift=(-3000.0, 0.0, 7.0, 2.5, 0.1, 64.0), scale=(1000.0, 1.0, 0.01, 5.0, 30.0, 0.2), seed=8)
write(
    "standardize",
    gaussian("sigma given", "0.3", **table),
    gaussian("one learned sigma", "shared", **table, **stepped),
    gaussian("a learned sigma per dimension, three samples", "per_dim", samples=3, **table),
    gaussian("sigma from the decoder", "decoder", **table),
    gaussian("optimal sigma", "optimal", **table, **stepped),
)

iwae = lambda k, seed=10: dict(objective="iwae", samples=k, seed=seed)
write(
    "importance",
    text_of("bernoulli, one sample", **iwae(1)),
    text_of("bernoulli, three samples", **iwae(3), **stepped),
    gaussian("gaussian, one sample", "shared", **iwae(1)),
    gaussian("gaussian, three samples", "shared", **iwae(3), **stepped),
    gaussian("gaussian, sigma per dimension", "per_dim", **iwae(3)),
    gaussian("gaussian, sigma from the decoder", "decoder", **iwae(3)),
    gaussian("gaussian, standardised", "shared", **{**table, **iwae(3)}),
    other("negative_binomial, size", "negative_binomial", counts=6.0, size="total", **iwae(3)),
    other("discretized_logistic", "discretized_logistic", **iwae(3)),
    text_of("one weight above all others", **iwae(3), set={"posterior.bias": (LATENT, [6.0, 7.0, 5.0])}),
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

write(
    "layers",
    text_of("layernorm", encoder="dense 7, layernorm, tanh", decoder="layernorm, dense 6, silu", seed=11, **stepped),
    text_of("residual", encoder="dense 5, res[tanh, dense 5]", decoder="res[dense 4, silu, dense 3], tanh", seed=22,
            **stepped),
    text_of("residual with a linear map", encoder="res[dense 5, tanh]", decoder="dense 4, res[dense 7, gelu]", seed=13,
            **stepped),
    gaussian("nested, three samples", "shared", encoder="res[layernorm, res[dense 5, tanh], dense 6], layernorm",
             decoder="res[res[layernorm]], dense 4, tanh", samples=3, seed=14, **stepped),
)

# The last network learns by adam; single layers by sgd, whose updates are as exact in float as the gradients.
image = lambda *shape: {"input": shape, "steps": (2,), "optimizer": "sgd lr=0.02",
                        "rule": lambda p: torch.optim.SGD(p, lr=0.02), "spread": 0.4}
write(
    "images",
    text_of("conv", encoder="conv 3 3 pad 1, tanh", decoder="", seed=31, **image(2, 5, 4)),
    text_of("conv with a stride", encoder="conv 4 4 stride 2 pad 1, silu, conv 3 2, gelu", decoder="", seed=32,
            **image(1, 7, 7)),
    text_of("gaps, and windows in the padding alone", encoder="conv 3 2 stride 3 pad 4, tanh", decoder="", seed=33,
            **image(2, 2, 3)),
    text_of("images of one pixel", encoder="conv 4 3 pad 1, tanh, conv 3 1", decoder="dense 5, reshape 5x1x1, tanh",
            seed=34, **image(3, 1, 1)),
    text_of("deconv", encoder="", decoder="dense 12, tanh, reshape 3x2x2, deconv 4 3 stride 2 pad 1, silu, deconv 2 3",
            seed=35, **image(2, 5, 5)),
    text_of("deconv with gaps", encoder="", decoder="dense 12, reshape 2x3x2, deconv 3 2 stride 3 pad 1, tanh", seed=36,
            **image(1, 6, 3)),
    text_of("avgpool, upsample", encoder="conv 3 2, avgpool 2, tanh", decoder="dense 8, reshape 2x2x2, upsample 3, tanh",
            seed=37, **image(2, 6, 6)),
    text_of("groupnorm", encoder="conv 6 3, groupnorm 3, tanh",
            decoder="dense 16, reshape 4x2x2, groupnorm 2, silu, upsample 2, groupnorm 1", seed=38, **image(1, 4, 4)),
    text_of("residual", encoder="res[conv 3 3 pad 1, tanh], res[groupnorm 3, tanh, conv 5 3 pad 1], tanh",
            decoder="dense 20, reshape 2x5x2, res[conv 2 3 pad 1, silu], res[conv 3 1]", seed=39, **image(2, 5, 2)),
    text_of("flatten and dense layers", encoder="conv 3 2, flatten, layernorm, dense 4, tanh, res[dense 12, reshape "
            "3x2x2, tanh]", decoder="dense 9, res[reshape 1x3x3, conv 1 3 pad 1, flatten]", seed=50, **image(1, 3, 3)),
    gaussian("two outputs of a conv, three samples", "decoder", encoder="conv 3 3, tanh", samples=3,
             decoder="dense 16, reshape 1x4x4, tanh", seed=41, **image(2, 4, 4)),
    gaussian("two outputs of a deconv", "decoder", encoder="conv 3 3, tanh", decoder="dense 8, reshape 2x2x2, tanh",
             seed=42, **image(2, 4, 4)),
    text_of("importance", encoder="conv 3 3 stride 2, tanh", decoder="dense 9, reshape 1x3x3, tanh", **image(1, 6, 6),
            **{**iwae(3), "seed": 43}),
    text_of("pseudo-inputs", encoder="conv 3 2 stride 2, tanh", decoder="dense 8, reshape 2x2x2, tanh", prior="vamp:2",
            seed=44, **image(2, 4, 4)),
    text_of("attention", encoder="conv 6 2, res[attention 3], tanh", decoder="dense 20, reshape 5x2x2, attention 1, tanh",
            seed=46, **image(2, 4, 4)),
    text_of("a network of convolutions", encoder="conv 4 4 stride 2 pad 1, relu, conv 6 4 stride 2 pad 1, relu",
            decoder="dense 24, relu, reshape 6x2x2, deconv 4 4 stride 2 pad 1, relu", seed=45,
            **{**stepped, "input": (2, 8, 8), "spread": 0.3}),
)

mixture = lambda count, covariance="diagonal": dict(prior=f"mixture:{count}", prior_covariance=covariance)
write(
    "priors",
    text_of("two components", **mixture(2), seed=15, **stepped),
    text_of("four components", **mixture(4), seed=16, **stepped),
    text_of("four components, full", **mixture(4, "full"), seed=17, **stepped),
    text_of("full, three samples", **mixture(3, "full"), samples=3, seed=18),
    text_of("importance", **mixture(3), **iwae(3)),
    text_of("importance, full", **mixture(3, "full"), **iwae(3)),
    text_of("flow", prior="flow:1", prior_hidden=4, seed=19, **stepped),
    text_of("flow of three couplings, three samples", prior="flow:3", prior_hidden=5, samples=3, seed=20, **stepped),
    text_of("flow, importance", prior="flow:2", prior_hidden=4, **iwae(3)),
    text_of("pseudo-inputs", prior="vamp:3", seed=21, **stepped),
    other("pseudo-inputs of counts, three samples", "poisson", counts=6.0, prior="vamp:2", samples=3, seed=22, **stepped),
    gaussian("pseudo-inputs of standardised columns, importance", "shared", prior="vamp:3", **{**table, **iwae(3)}),
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
