"""Models to torch and back."""
import numpy
import pytest

import vae

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("spec", [
    "input=4 latent=2 likelihood=gaussian sigma=decoder encoder=[dense 8, gelu, dense 6, elu] decoder=[dense 8, silu]",
    "input=4 latent=2 likelihood=gaussian standardize=1 sigma=per_dim encoder=[dense 8, tanh]",
    "input=4 latent=3 likelihood=poisson encoder=[dense 8, softplus] decoder=[leaky_relu, dense 5]",
    "input=4 latent=2 likelihood=gaussian encoder=[dense 8, layernorm, res[tanh, res[dense 8], relu]] decoder=[res[dense 7, layernorm]]",
    "input=1x2x2 latent=2 likelihood=gaussian encoder=[conv 3 2 pad 1, groupnorm 3, relu, res[conv 5 1], avgpool 2, dense 4] decoder=[dense 3, reshape 3x1x1, relu]",
    "input=1x2x2 latent=2 likelihood=gaussian sigma=decoder encoder=[conv 3 2, flatten, tanh] decoder=[dense 3, reshape 3x1x1, upsample 2, res[layernorm, conv 3 3 pad 1]]",
    "input=2x2x1 latent=2 likelihood=gaussian encoder=[layernorm, res[attention 2], res[conv 1 1, flatten], tanh] decoder=[dense 2, reshape 2x1x1, deconv 4 2 stride 2]",
])  # fmt: skip
def test_there_and_back(x, spec):
    rows = numpy.round(numpy.abs(x) * 5) if "poisson" in spec else x
    data = vae.Dataset.from_array(rows, batch=100)
    model = vae.Model(spec)
    model.initialize(data)
    vae.Optimizer(model).train(data, epochs=2)
    module = model.to_torch()
    with torch.no_grad():
        mean, logvar = module.encode(torch.from_numpy(rows))
    found = model.encode(rows)
    assert numpy.allclose(mean.numpy(), found[0], atol=1e-5) and numpy.allclose(logvar.numpy(), found[1], atol=1e-5)
    for source in (module, module.tensors()):
        again = vae.from_torch(source, model.spec)
        assert numpy.array_equal(again.encode(rows)[0], found[0])
        assert numpy.array_equal(again.sample(3)[2], model.sample(3)[2])
    with pytest.raises(vae.MismatchError):
        vae.from_torch({}, model.spec)
