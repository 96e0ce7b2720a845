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


class Residual(torch.nn.Module):
    def __init__(self, inside, skip):
        super().__init__()
        self.inside, self.skip = inside, skip

    def forward(self, x):
        return self.inside(x) + self.skip(x)


def sequential(tensors, name, layers, width):
    """The network of a list of layers, and the width of its output."""
    modules = []
    for index, layer in enumerate(layers):
        words, own = layer.split(), "%s.%d" % (name, index)
        if layer.startswith("res"):
            inside, made = sequential(tensors, own, split_list(layer[layer.index("[") :]), width)
            modules.append(Residual(inside, linear(tensors, own + ".skip") if made != width else torch.nn.Identity()))
            width = made
        elif layer == "layernorm":
            modules.append(torch.nn.LayerNorm(width).double())
            with torch.no_grad():
                modules[-1].weight.copy_(tensors.pop(own + ".weight"))
                modules[-1].bias.copy_(tensors.pop(own + ".bias"))
        elif words[0] == "dense":
            modules.append(linear(tensors, own))
            shape = (int(words[1]), width)
            assert modules[-1].weight.shape == shape, (name, index, modules[-1].weight.shape, shape)
            width = shape[0]
        else:
            modules.append(ACTIVATIONS[words[0]]())
    return torch.nn.Sequential(*modules), width


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
    width, latent = product(spec["input"]), int(spec["latent"])

    encoder, features = sequential(tensors, "encoder", spec.get("encoder", []), width)
    posterior = linear(tensors, "posterior")
    assert posterior.weight.shape == (2 * latent, features), posterior.weight.shape
    decoder, features = sequential(tensors, "decoder", spec.get("decoder", []), latent)
    output = linear(tensors, "likelihood")
    heads = 2 if spec.get("sigma") == "decoder" else 1
    assert output.weight.shape == (heads * width, features), output.weight.shape
    take_likelihood_state(tensors, spec, width)
    assert not tensors, "%s: unexpected tensors %s" % (name, sorted(tensors))

    with torch.no_grad():
        mean, raw = posterior(encoder(array(folder, name, "x", width))).chunk(2, dim=1)
        decoded = output(decoder(array(folder, name, "z", latent)))[:, :width]
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
