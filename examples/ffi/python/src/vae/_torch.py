"""Models to PyTorch and back. The parameters have the names and shapes that a torch.nn.Sequential gives them."""

from __future__ import annotations

import re
from typing import Any, Mapping

import torch
from torch import nn
from torch.nn import functional as F

from ._errors import MismatchError
from ._handles import Model

_ACTIVATIONS = {
    "identity": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "silu": nn.SiLU,
    "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus,
}  # fmt: skip
_LOW, _HIGH = -16.0, 16.0  # of a log variance


def _parse(spec: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in re.findall(r"(\w+)=(\[[^\]]*\]|\S+)", spec):
        found[key] = [item.strip() for item in value[1:-1].split(",") if item.strip()] if value[0] == "[" else value
    return found


def _bounded(raw: torch.Tensor) -> torch.Tensor:
    low = _LOW + F.softplus(raw - _LOW, threshold=1e9)
    return _HIGH - F.softplus(_HIGH - low, threshold=1e9)


class TorchVAE(nn.Module):
    """encode(x) -> mean, logvar; decode(z) -> the decoder's outputs; forward(x) -> those at z = mean.

    `likelihood` gives the outputs of p(x|z) before its link: logits for bernoulli, means for gaussian. The other
    tensors of the file (sigma, input.shift and input.scale) are buffers, their dots written as underscores.
    """

    def __init__(self, spec: str, tensors: Mapping[str, torch.Tensor]):
        super().__init__()
        self.spec, keys = spec, _parse(spec)
        self.encoder, self.decoder = (self._layers(tensors, name, keys.get(name, [])) for name in ("encoder", "decoder"))
        self.posterior, self.likelihood = (self._linear(tensors, name) for name in ("posterior", "likelihood"))
        self._counts = keys["likelihood"] in ("poisson", "negative_binomial")
        self._names: dict[str, str] = {}
        for name, values in tensors.items():
            if name not in self.state_dict():
                self._names[name.replace(".", "_")] = name
                self.register_buffer(name.replace(".", "_"), values)

    @staticmethod
    def _linear(tensors: Mapping[str, torch.Tensor], name: str) -> nn.Linear:
        out, into = tensors[name + ".weight"].shape
        layer = nn.Linear(into, out)
        layer.load_state_dict({"weight": tensors[name + ".weight"], "bias": tensors[name + ".bias"]})
        return layer

    def _layers(self, tensors: Mapping[str, torch.Tensor], name: str, layers: list[str]) -> nn.Sequential:
        made: list[nn.Module] = []
        for index, layer in enumerate(layers):
            kind = layer.split()[0]
            made.append(self._linear(tensors, "%s.%d" % (name, index)) if kind == "dense" else _ACTIVATIONS[kind]())
        return nn.Sequential(*made)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if hasattr(self, "input_shift"):
            x = (x - self.input_shift) / self.input_scale
        mean, raw = self.posterior(self.encoder(torch.log1p(x) if self._counts else x)).chunk(2, dim=1)
        return mean, _bounded(raw)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.likelihood(self.decoder(z))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(x)[0])

    def tensors(self) -> dict[str, torch.Tensor]:
        """The parameters under the names of the library's file."""
        return {self._names.get(name, name): values for name, values in self.state_dict().items()}


def to_torch(model: Model) -> TorchVAE:
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
