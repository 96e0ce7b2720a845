"""log p(x|z) in float64 for make_golden.py: torch.distributions wherever it has the distribution, else the formula of
docs/numerics.md. What is shared with the library is the documented bounds of heads."""
import math

import torch
from torch import distributions as dist
from torch.nn.functional import logsigmoid

LOGVAR = (-16.0, 16.0)
LOG_SCALE = (-8.0, 2.0)
LOG_RATE = (-20.0, 24.0)
LOG_DISPERSION = (-16.0, 30.0)
LEVELS = 256


def softplus(a):
    # torch's own is cut to the identity above 20
    return torch.logaddexp(a, torch.zeros_like(a))


def bound(a, limits):
    low, high = limits
    return high - softplus(high - (low + softplus(a - low)))


def bound_logvar(a):
    return bound(a, LOGVAR)


def heads(case):
    return 2 if case["sigma"] == "decoder" or case["likelihood"] == "discretized_logistic" else 1


def bernoulli(model, head, x):
    return dist.Bernoulli(logits=head, validate_args=False).log_prob(x)


def gaussian(model, head, x):
    """Under standardize the density of x is that of an affine map of y, which the network is about."""
    sigma, least = model.case["sigma"], model.case["sigma_min"] ** 2
    mean = head[..., : model.width]
    if sigma in ("shared", "per_dim"):
        variance = least + torch.exp(2 * model.parameters["likelihood.log_sigma"])
    elif sigma == "decoder":
        variance = least + torch.exp(bound_logvar(head[..., model.width :]))
    elif sigma == "optimal":
        # Not detached: that its own derivative vanishes is for the library to be right about.
        variance = torch.clamp(((model.seen(x) - mean) ** 2).mean(), min=least)
        model.batch_variance = variance.item()
        if model.case["objective"] == "iwae":  # where it does not, and is held constant by definition
            variance = variance.detach()
    else:
        variance = torch.tensor(float(sigma) ** 2)
    density = dist.Normal(mean, variance.sqrt().expand_as(mean))
    if model.case["standardize"]:
        to_x = dist.AffineTransform(model.constants["input.shift"], model.constants["input.scale"])
        density = dist.TransformedDistribution(density, [to_x])
    return density.log_prob(x)


def continuous_bernoulli(model, head, x):
    # torch holds probabilities, which lose the digits of logits far from 0
    size = head.abs()
    log_sinh = size / 2 + torch.log(-torch.expm1(-size)) - math.log(2)
    formula = head * x - head / 2 - (log_sinh - torch.log(size / 2))
    if size.max() > 10:
        assert size.min() > 0.1, "the formula as it stands is not for logits near 0"
        return formula
    log_p = dist.ContinuousBernoulli(logits=head).log_prob(x)
    assert ((log_p - formula).abs() < 1e-9 + 1e-14 / size).all()
    return log_p


def discretized_logistic(model, head, x):
    m, s = head[..., : model.width], torch.exp(bound(head[..., model.width :], LOG_SCALE))
    step = 1 / (LEVELS - 1)
    level = torch.round(x / step).expand_as(m)
    low, high = level == 0, level == LEVELS - 1
    u, v = ((level + 0.5) * step - m) / s, ((level - 0.5) * step - m) / s
    between = logsigmoid(u) + logsigmoid(-v) + torch.log(-torch.expm1(-step / s))
    log_p = torch.where(low, logsigmoid(u), torch.where(high, logsigmoid(-v), between))
    # and as a difference of torch's distribution function
    maps = [dist.SigmoidTransform().inv, dist.AffineTransform(m, s)]
    logistic = dist.TransformedDistribution(dist.Uniform(torch.zeros_like(m), torch.ones_like(m)), maps)
    below = lambda edge: logistic.cdf(edge * step)
    p = torch.where(high, torch.ones_like(m), below(level + 0.5)) - torch.where(low, torch.zeros_like(m), below(level - 0.5))
    assert ((p - log_p.exp()).abs() < 1e-9).all()
    return log_p


def categorical(model, head, x):
    groups = lambda a: a.reshape(*a.shape[:-1], *model.case["input"])
    return dist.OneHotCategorical(logits=groups(head)).log_prob(groups(x).expand_as(groups(head)))


def mean_count(model, head, x):
    """Rates, and which rows take part: with size=total one without counts is certain."""
    rate = torch.exp(bound(head, LOG_RATE))
    if model.case["size"] == "none":
        return rate, torch.ones_like(x)
    size = x.mean(-1, keepdim=True)
    return rate * torch.where(size > 0, size, torch.ones_like(size)), size > 0


def poisson(model, head, x):
    rate, counts = mean_count(model, head, x)
    return counts * dist.Poisson(rate).log_prob(x)


def negative_binomial(model, head, x):
    """torch's logits are ln mean - ln r."""
    mean, counts = mean_count(model, head, x)
    log_r = bound(model.parameters["likelihood.log_dispersion"], LOG_DISPERSION)
    return counts * dist.NegativeBinomial(log_r.exp(), logits=mean.log() - log_r).log_prob(x)


def log_p(model, head, x):
    """head [rows, samples, heads width], x [rows, 1, width] -> [rows, samples]."""
    return globals()[model.case["likelihood"]](model, head, x).reshape(*head.shape[:2], -1).sum(-1)
