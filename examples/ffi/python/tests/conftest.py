import numpy
import pytest

import vae

SPEC = "input=4 latent=2 likelihood=gaussian encoder=[dense 16, tanh] decoder=[dense 16, tanh]"


@pytest.fixture(scope="session")
def x():
    """Points near a curve in four dimensions."""
    random = numpy.random.default_rng(1)
    t = random.uniform(-1, 1, (600, 1))
    return (numpy.hstack([t, t**2, numpy.sin(3 * t), numpy.cos(3 * t)]) + random.normal(0, 0.05, (600, 4))).astype("f4")


@pytest.fixture
def trained(x):
    data = vae.Dataset.from_array(x, batch=100)
    model = vae.Model(SPEC)
    model.initialize(data)
    optimizer = vae.Optimizer(model, "adam lr=1e-2")
    optimizer.train(data, epochs=3)
    return model, optimizer, data
