"""Models to PyTorch and back. The parameters have the names and shapes that a torch.nn.Sequential gives them."""

from __future__ import annotations

import re
from typing import Any, Mapping

import torch
from torch import nn
from torch.nn import functional as F

from ._errors import MismatchError
from ._handles import Model
from ._layers import find_list, split_layers

_ACTIVATIONS = {
    "identity": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "silu": nn.SiLU,
    "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus,
}  # fmt: skip
_SHAPES = {
    "flatten": nn.Flatten, "avgpool": nn.AvgPool2d, "upsample": lambda factor: nn.Upsample(scale_factor=factor),
}  # fmt: skip
_LOW, _HIGH = -16.0, 16.0  # of a log variance


def _bounded(raw: torch.Tensor) -> torch.Tensor:
    low = _LOW + F.softplus(raw - _LOW, threshold=1e9)
    return _HIGH - F.softplus(_HIGH - low, threshold=1e9)


def _filled(layer: nn.Module, tensors: Mapping[str, torch.Tensor], name: str) -> nn.Module:
    layer.load_state_dict({part: tensors["%s.%s" % (name, part)] for part in ("weight", "bias")})
    return layer


class Dense(nn.Linear):
    """A linear layer, also of images, whose rows it takes channel by channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1))


class RowNorm(nn.LayerNorm):
    """Layer normalisation of whole rows, also of images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1)).reshape(x.shape)


class Attention(nn.MultiheadAttention):
    """Self-attention over the positions of images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(2).transpose(1, 2)
        return super().forward(flat, flat, flat, need_weights=False)[0].transpose(1, 2).reshape(x.shape)


def _attention(tensors: Mapping[str, torch.Tensor], name: str, heads: int) -> nn.Module:
    layer = Attention(len(tensors[name + ".out_proj.bias"]), heads, batch_first=True)
    layer.load_state_dict({part: tensors["%s.%s" % (name, part)] for part in layer.state_dict()})
    return layer


class Reshape(nn.Module):
    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, *self.shape)


def _linear(tensors: Mapping[str, torch.Tensor], name: str) -> nn.Module:
    out, into = tensors[name + ".weight"].shape
    return _filled(Dense(into, out), tensors, name)


def _conv(tensors: Mapping[str, torch.Tensor], name: str, stride: int = 1, pad: int = 0) -> nn.Module:
    out, into, kernel, _ = tensors[name + ".weight"].shape
    return _filled(nn.Conv2d(into, out, kernel, stride, pad), tensors, name)


def _deconv(tensors: Mapping[str, torch.Tensor], name: str, stride: int = 1, pad: int = 0) -> nn.Module:
    into, out, kernel, _ = tensors[name + ".weight"].shape
    return _filled(nn.ConvTranspose2d(into, out, kernel, stride, pad), tensors, name)


def _head(tensors: Mapping[str, torch.Tensor], name: str) -> nn.Module:
    """The layer behind the decoder: dense, `conv 3 pad 1` or `deconv 4 stride 2 pad 1`."""
    shape = tensors[name + ".weight"].shape
    if len(shape) == 2:
        return _linear(tensors, name)
    return _conv(tensors, name, 1, 1) if shape[2] == 3 else _deconv(tensors, name, 2, 1)


class Residual(nn.Sequential):
    """x + f(x), or skip(x) + f(x) where f changes the width; f is the layers of this Sequential before `skip`.

    The sum has the shape of f(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = x
        for name, layer in self.named_children():
            if name != "skip":
                made = layer(made)
        return made + (self.skip(x) if hasattr(self, "skip") else x).reshape(made.shape)


def _sequential(tensors: Mapping[str, torch.Tensor], name: str, layers: list[str], kind: type = nn.Sequential) -> Any:
    made = kind(*(_layer(tensors, "%s.%d" % (name, index), layer) for index, layer in enumerate(layers)))
    if name + ".skip.weight" in tensors:
        skip = name + ".skip"
        made.add_module("skip", _conv(tensors, skip) if tensors[skip + ".weight"].dim() == 4 else _linear(tensors, skip))
    return made


def _layer(tensors: Mapping[str, torch.Tensor], name: str, layer: str) -> nn.Module:
    kind, *words = layer.split("[")[0].split()
    if kind == "dense":
        return _linear(tensors, name)
    if kind in ("conv", "deconv"):
        given = dict(zip(words[2::2], map(int, words[3::2])))
        return (_conv if kind == "conv" else _deconv)(tensors, name, given.get("stride", 1), given.get("pad", 0))
    if kind == "layernorm":
        return _filled(RowNorm(tensors[name + ".weight"].shape), tensors, name)
    if kind == "groupnorm":
        return _filled(nn.GroupNorm(int(words[0]), len(tensors[name + ".weight"])), tensors, name)
    if kind == "attention":
        return _attention(tensors, name, int(words[0]))
    if kind == "reshape":
        return Reshape(*map(int, words[0].split("x")))
    if kind in _SHAPES:
        return _SHAPES[kind](*map(int, words))
    if kind == "res":
        return _sequential(tensors, name, split_layers(layer[layer.index("[") :]), Residual)
    if kind not in _ACTIVATIONS:
        raise NotImplementedError("layer %r has no counterpart in PyTorch here" % kind)
    return _ACTIVATIONS[kind]()


class TorchVAE(nn.Module):
    """encode(x) -> mean, logvar; decode(z) -> the decoder's outputs; forward(x) -> those at z = mean.

    Rows are vectors, also those of images: [n, channels height width].

    `likelihood` gives the outputs of p(x|z) before its link: logits for bernoulli, means for gaussian. The other
    tensors of the file (sigma, input.shift and input.scale) are buffers, their dots written as underscores.
    """

    def __init__(self, spec: str, tensors: Mapping[str, torch.Tensor]):
        super().__init__()
        self.spec = spec
        self.encoder, self.decoder = (
            _sequential(tensors, name, split_layers(find_list(spec, name))) for name in ("encoder", "decoder"))  # fmt: skip
        self.posterior, self.likelihood = _linear(tensors, "posterior"), _head(tensors, "likelihood")
        self._shape = tuple(map(int, re.findall(r"\binput=([0-9x]+)", spec)[0].split("x")))
        self._counts = re.search(r"likelihood=(poisson|negative_binomial)\b", spec) is not None
        self._names: dict[str, str] = {}
        for name, values in tensors.items():
            if name not in self.state_dict():
                self._names[name.replace(".", "_")] = name
                self.register_buffer(name.replace(".", "_"), values)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if hasattr(self, "input_shift"):
            x = (x - self.input_shift) / self.input_scale
        x = torch.log1p(x) if self._counts else x
        x = x.reshape(-1, *self._shape) if len(self._shape) == 3 else x
        mean, raw = self.posterior(self.encoder(x)).chunk(2, dim=1)
        return mean, _bounded(raw)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.likelihood(self.decoder(z)).flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(x)[0])

    def tensors(self) -> dict[str, torch.Tensor]:
        """The parameters under the names of the library's file."""
        return {self._names.get(name, name): values for name, values in self.state_dict().items()}


def to_torch(model: Model) -> TorchVAE:
    if model.spec.startswith("model="):
        raise NotImplementedError("only a VAE has a counterpart in PyTorch here, and the spec is %r" % model.spec)
    return TorchVAE(model.spec, {name: torch.from_numpy(values) for name, values in model.parameters().items()})


def from_torch(state_dict: "Mapping[str, torch.Tensor] | TorchVAE", spec: str) -> Model:
    """The model of this spec with these tensors, all of them."""
    tensors = state_dict.tensors() if isinstance(state_dict, TorchVAE) else state_dict
    model = Model(spec)
    optional = {"likelihood.sigma_floor"}
    expected = set(model.parameters())
    if expected - set(tensors) or set(tensors) - expected - optional:
        raise MismatchError("the spec asks for %s, found %s" % (sorted(expected), sorted(tensors)))
    for name, values in tensors.items():
        model.set_parameter(name, values.detach().cpu().numpy())
    return model
