"""The estimator, as scikit-learn and pandas use it."""
import pickle

import numpy
import pytest

import vae

sklearn = pytest.importorskip("sklearn")


def small(**values):
    return vae.VAE(**{"latent": 2, "encoder": "dense 8, relu", "epochs": 2, "random_state": 1, **values})


def test_check_estimator():
    from sklearn.utils.estimator_checks import check_estimator

    outcomes = check_estimator(small(), on_fail=None)
    failed = [(each["check_name"], each["exception"]) for each in outcomes if each["status"] == "failed"]
    assert not failed and sum(each["status"] == "passed" for each in outcomes) > 40


def test_fits_and_samples(x):
    model = small(epochs=20, learning_rate=1e-2).fit(x)
    assert len(model.elbo_) == 20 and model.elbo_[-1] > model.elbo_[0]
    assert model.inverse_transform(model.transform(x)).shape == x.shape
    assert numpy.array_equal(model.sample(3, random_state=5), model.sample(3, random_state=5))
    assert model.score_samples(x).mean() == pytest.approx(model.score(x))
    assert model.score(x) > model.score(x + 3)
    again = small(epochs=20, learning_rate=1e-2).fit(x)
    assert numpy.array_equal(again.transform(x), model.transform(x))
    assert numpy.array_equal(pickle.loads(pickle.dumps(model)).transform(x), model.transform(x))


def test_pandas(x):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(x, columns=list("abcd"))
    model = small().set_output(transform="pandas").fit(frame)
    assert list(model.feature_names_in_) == list("abcd")
    assert list(model.transform(frame).columns) == ["vae0", "vae1"]
    with pytest.raises(ValueError):
        model.transform(frame[list("bacd")])


def test_prior(x):
    plain = small(epochs=20, learning_rate=1e-2).fit(x)
    model = small(epochs=20, learning_rate=1e-2, prior="mixture:5 prior_covariance=full").fit(x)
    assert "prior=mixture:5 prior_covariance=full" in model.model_.spec
    assert numpy.array_equal(model.transform(x), plain.transform(x))
    assert model.model_.elbo(x)[0].mean() > plain.model_.elbo(x)[0].mean()
    pickle.loads(pickle.dumps(model)).partial_fit(x)
    with pytest.raises(ValueError):
        small(prior="mixture:0").fit(x)


def test_partial_fit_goes_on(x):
    model = small().partial_fit(x[:300])
    before = model.score(x)
    for _ in range(30):
        model.partial_fit(x[300:])
    assert model.score(x) > before
    pickle.loads(pickle.dumps(model)).partial_fit(x)


def test_patience_keeps_the_best(x):
    model = small(epochs=400, validation=0.3, patience=3, learning_rate=0.05).fit(x)
    assert len(model.elbo_) < 400


def test_images_and_likelihoods(x):
    images = numpy.random.default_rng(1).integers(0, 256, (50, 16)).astype(numpy.uint8)
    assert "discretized_logistic" in small().fit(images).model_.spec
    assert "negative_binomial" in small().fit(images.astype(int)).model_.spec
    assert "sigma=shared" in small(likelihood="gaussian sigma=shared").fit(x).model_.spec
    mirrored = small(encoder="dense 16, relu, dense 8, tanh").fit(x).model_.spec
    assert "decoder=[dense 8, tanh, dense 16, relu]" in mirrored


def test_grid_search_in_threads(x):
    import joblib
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    search = GridSearchCV(make_pipeline(StandardScaler(), small()), {"vae__latent": [1, 2]}, cv=2, n_jobs=2)
    with joblib.parallel_backend("threading"):
        search.fit(x)
    assert search.best_params_["vae__latent"] in (1, 2)
