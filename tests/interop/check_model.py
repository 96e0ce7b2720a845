"""Rebuilds libvae's models in torch from nothing but their files, and compares what they compute.

    check_model.py folder write_model      with what the program wrote there

A file holds its architecture as text (metadata "spec") and its parameters in PyTorch layout: encoder.<i>.weight is the
weight of layer i of a torch.nn.Sequential.
"""
import glob
import os
import subprocess
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

NOTE = 'a "quoted" \\ text,\n\ton two lines\x01'  # as in write_model.c
TOLERANCE = 1e-5  # relative to max(1, |value|)
LOGVAR_LOW, LOGVAR_HIGH = -16.0, 16.0

ACTIVATIONS = {
    "identity": torch.nn.Identity,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "silu": torch.nn.SiLU,
    "gelu": torch.nn.GELU,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
    "softplus": torch.nn.Softplus,
}


def split_list(text):
    """"[dense 4, res[relu, dense 4]]" -> ["dense 4", "res[relu, dense 4]"]"""
    items, depth = [""], 0
    for letter in text[1:-1]:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items if item.strip()]


def parse_spec(text):
    """{"latent": "20", "encoder": ["dense 400", "relu"], ...}"""
    spec, words, depth = {}, [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter.isspace() and depth == 0:
            words.append("")
        else:
            words[-1] += letter
    for word in filter(None, words):
        key, value = word.split("=", 1)
        spec[key] = split_list(value) if value.startswith("[") else value
    return spec


def linear(tensors, name):
    """Takes a layer's tensors out of the file's."""
    weight, bias = tensors.pop(name + ".weight"), tensors.pop(name + ".bias")
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer.double()


def filled(tensors, name, layer):
    layer.load_state_dict({part: tensors.pop("%s.%s" % (name, part)) for part in ("weight", "bias")})
    return layer.double()


class Residual(torch.nn.Module):
    def __init__(self, inside, skip):
        super().__init__()
        self.inside, self.skip = inside, skip

    def forward(self, x):
        return self.inside(x) + self.skip(x)


class Rows(torch.nn.Module):
    """A layer of whole rows behind one of images; rows of this shape come out."""

    def __init__(self, layer, shape):
        super().__init__()
        self.layer, self.shape = layer, shape

    def forward(self, x):
        return self.layer(x.flatten(1)).reshape(-1, *self.shape)


class Attention(torch.nn.Module):
    def __init__(self, tensors, name, channels, heads):
        super().__init__()
        self.inner = torch.nn.MultiheadAttention(channels, heads, batch_first=True)
        self.inner.load_state_dict({part: tensors.pop("%s.%s" % (name, part)) for part in self.inner.state_dict()})
        self.double()

    def forward(self, x):
        flat = x.flatten(2).transpose(1, 2)
        return self.inner(flat, flat, flat, need_weights=False)[0].transpose(1, 2).reshape(x.shape)


def image_layer(tensors, name, words, channels):
    """A layer of images by its text."""
    numbers = [int(word) for word in words[1:3] if word.isdigit()]
    given = dict(zip(words[3::2], map(int, words[4::2])))
    window = dict(stride=given.get("stride", 1), padding=given.get("pad", 0))
    if words[0] == "conv":
        return filled(tensors, name, torch.nn.Conv2d(channels, *numbers, **window))
    if words[0] == "deconv":
        return filled(tensors, name, torch.nn.ConvTranspose2d(channels, *numbers, **window))
    if words[0] == "groupnorm":
        return filled(tensors, name, torch.nn.GroupNorm(numbers[0], channels))
    if words[0] == "attention":
        return Attention(tensors, name, channels, numbers[0])
    if words[0] == "avgpool":
        return torch.nn.AvgPool2d(numbers[0])
    assert words[0] == "upsample", words
    return torch.nn.Upsample(scale_factor=numbers[0], mode="nearest")


def sequential(tensors, name, layers, shape):
    """The network of a list of layers behind rows of this shape, and the shape of its output."""
    modules = []
    for index, layer in enumerate(layers):
        words, own, width = layer.split(), "%s.%d" % (name, index), torch.Size(shape).numel()
        if layer.startswith("res["):
            inside, made = sequential(tensors, own, split_list(layer[layer.index("[") :]), shape)
            skip = torch.nn.Identity()
            if made != shape and len(made) == 3:
                skip = filled(tensors, own + ".skip", torch.nn.Conv2d(shape[0], made[0], 1))
            elif made != shape:
                skip = linear(tensors, own + ".skip")
            modules.append(Residual(inside, skip))
            shape = made
        elif layer == "layernorm":
            modules.append(Rows(filled(tensors, own, torch.nn.LayerNorm(width)), shape))
        elif words[0] == "dense":
            dense = linear(tensors, own)
            assert dense.weight.shape == (int(words[1]), width), (name, index, dense.weight.shape, words[1], width)
            shape = (int(words[1]),)
            modules.append(Rows(dense, shape))
        elif words[0] in ("reshape", "flatten"):
            shape = tuple(map(int, words[1].split("x"))) if words[0] == "reshape" else (width,)
            modules.append(Rows(torch.nn.Identity(), shape))
        elif words[0] in ACTIVATIONS:
            modules.append(ACTIVATIONS[words[0]]())
        else:
            modules.append(image_layer(tensors, own, words, shape[0]))
            with torch.no_grad():
                shape = tuple(modules[-1](torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
    return torch.nn.Sequential(*modules), shape


def head(tensors, front, shape, heads):
    """The layer that makes `heads` numbers for each value of a row, as head=auto chooses it."""
    if len(shape) == 3 and len(front) == 3:
        if front[1:] == shape[1:]:
            return filled(tensors, "likelihood", torch.nn.Conv2d(front[0], heads * shape[0], 3, padding=1))
        if tuple(2 * n for n in front[1:]) == shape[1:]:
            deconv = torch.nn.ConvTranspose2d(front[0], heads * shape[0], 4, stride=2, padding=1)
            return filled(tensors, "likelihood", deconv)
    return Rows(linear(tensors, "likelihood"), (heads * torch.Size(shape).numel(),))


def bound_logvar(a):
    """Smoothly into [LOGVAR_LOW, LOGVAR_HIGH]."""
    t = LOGVAR_LOW + torch.nn.functional.softplus(a - LOGVAR_LOW, threshold=1e9)
    return LOGVAR_HIGH - torch.nn.functional.softplus(LOGVAR_HIGH - t, threshold=1e9)


def take_likelihood_state(tensors, spec, width):
    """What a Gaussian keeps beside its output layer."""
    if spec["likelihood"] != "gaussian":
        return
    sigma = spec.get("sigma", "shared")
    if sigma in ("shared", "per_dim"):
        log_sigma = tensors.pop("likelihood.log_sigma")
        assert tuple(log_sigma.shape) == ((1,) if sigma == "shared" else (width,)), log_sigma.shape
    elif sigma == "optimal":
        tensors.pop("likelihood.sigma2")


def product(text):
    result = 1
    for factor in text.split("x"):
        result *= int(factor)
    return result


def array(folder, name, what, columns):
    with open(os.path.join(folder, "%s.%s" % (name, what)), "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(-1, columns).double()


def compare(name, what, found, expected):
    assert found.shape == expected.shape, (name, what, found.shape, expected.shape)
    error = ((found - expected).abs() / expected.abs().clamp(min=1)).max().item()
    good = error <= TOLERANCE  # false for NaN
    print("  %-7s %-10s %-8s largest error %.1e" % ("ok" if good else "FAIL", name, what, error))
    return good


def check(path):
    folder, name = os.path.dirname(path), os.path.basename(path)[: -len(".safetensors")]
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    assert metadata["format"] == "libvae-1", metadata
    assert metadata["name"] == name and metadata["note \u20ac"] == NOTE, metadata
    spec = parse_spec(metadata["spec"])
    shape, latent = tuple(map(int, spec["input"].split("x"))), int(spec["latent"])
    width = product(spec["input"])

    encoder, features = sequential(tensors, "encoder", spec.get("encoder", []), shape)
    posterior = linear(tensors, "posterior")
    assert posterior.weight.shape == (2 * latent, torch.Size(features).numel()), posterior.weight.shape
    decoder, features = sequential(tensors, "decoder", spec.get("decoder", []), (latent,))
    output = head(tensors, features, shape, 2 if spec.get("sigma") == "decoder" else 1)
    take_likelihood_state(tensors, spec, width)
    assert not tensors, "%s: unexpected tensors %s" % (name, sorted(tensors))

    with torch.no_grad():
        x = array(folder, name, "x", width).reshape(-1, *shape)
        mean, raw = posterior(encoder(x).flatten(1)).chunk(2, dim=1)
        decoded = output(decoder(array(folder, name, "z", latent))).flatten(1)[:, :width]
        if spec["likelihood"] == "bernoulli":
            decoded = torch.sigmoid(decoded)
    return [
        compare(name, "mean", array(folder, name, "mean", latent), mean),
        compare(name, "logvar", array(folder, name, "logvar", latent), bound_logvar(raw)),
        compare(name, "decoded", array(folder, name, "decoded", width), decoded),
    ]


def check_foreign(path, write_model):
    """A file whose metadata this package wrote keeps it when libvae loads and saves it."""
    foreign, again = path + ".foreign", path + ".again"
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), "author": "\u00e9 \"x\"\n\x1f", "": "empty", "dataset_url": "y"}
        save_file({key: file.get_tensor(key) for key in file.keys()}, foreign, metadata)
    subprocess.run([write_model, "resave", foreign, again], check=True)
    with safe_open(again, framework="pt") as file:
        good = file.metadata() == metadata
    print("  %-7s %-10s metadata of others" % ("ok" if good else "FAIL", os.path.basename(path)[: -len(".safetensors")]))
    return good


def main():
    results = []
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.safetensors"))):
        try:
            results += check(path) + [check_foreign(path, sys.argv[2])]
        except (AssertionError, KeyError, subprocess.CalledProcessError) as problem:
            print("  FAIL    %s: %s %s" % (os.path.basename(path), type(problem).__name__, problem))
            results.append(False)
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
