"""VAE: the model as an estimator of scikit-learn. Without scikit-learn it works as well, with checks of its own."""

from __future__ import annotations

from typing import Any, Optional

import numpy

from ._handles import Context, Dataset, Model, Optimizer
from ._layers import split_layers

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted, validate_data

    def _validated(estimator: Any, X: Any, reset: bool) -> numpy.ndarray:
        return validate_data(estimator, X, reset=reset, dtype=[numpy.float32, numpy.float64, numpy.uint8])

except ImportError:
    import inspect

    class BaseEstimator:  # type: ignore[no-redef]
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

        def set_params(self, **values: Any) -> Any:
            for name, value in values.items():
                if name not in self.get_params():
                    raise ValueError("VAE has no parameter %r" % name)
                setattr(self, name, value)
            return self

    class TransformerMixin:  # type: ignore[no-redef]
        def fit_transform(self, X: Any, y: Any = None) -> numpy.ndarray:
            return self.fit(X).transform(X)  # type: ignore[attr-defined]

    def check_is_fitted(estimator: Any) -> None:  # type: ignore[misc]
        if not hasattr(estimator, "model_"):
            raise ValueError("this VAE is not fitted yet: call fit first")

    def _validated(estimator: Any, X: Any, reset: bool) -> numpy.ndarray:
        names = list(X.columns) if hasattr(X, "columns") else None
        X = numpy.asarray(X)
        if X.dtype not in (numpy.float32, numpy.float64, numpy.uint8):
            X = X.astype(numpy.float64)
        if X.ndim != 2 or not X.size:
            raise ValueError("expected an array [n, width] with rows, found shape %s" % (X.shape,))
        if not numpy.isfinite(X).all():
            raise ValueError("X contains NaN or infinity")
        if reset:
            estimator.n_features_in_ = X.shape[1]
            if names is not None:
                estimator.feature_names_in_ = numpy.asarray(names, dtype=object)
        elif X.shape[1] != estimator.n_features_in_:
            raise ValueError("X has %d features, expected %d" % (X.shape[1], estimator.n_features_in_))
        return X


class VAE(TransformerMixin, BaseEstimator):
    """A variational autoencoder of the rows of a table.

    Parameters
    ----------
    latent : components of z.
    encoder, decoder : layers, such as "dense 128, relu"; decoder None is the encoder's layers in reverse.
    likelihood : "auto" chooses by the values (vae_dataset_spec), else a name, with options after it:
        "gaussian sigma=shared".
    epochs, batch, learning_rate, beta : of the training. options : further options of the optimizer, as text.
    prior : put on the latents at the end of fit: "normal" leaves N(0, I); "mixture:10", with options after it, makes
        samples more like the rows and raises log p(x).
    validation : share of the rows that is held out. patience : epochs without a better held-out ELBO before the
        training ends; the best epoch is kept. Needs validation.
    samples : draws for a row of score_samples.
    random_state : an int gives the same model again. None: another one each time.
    threads : of the library. progress : show a bar.

    Attributes
    ----------
    model_ : the Model. n_features_in_, feature_names_in_, elbo_ (a row's mean, after each epoch).
    """

    def __init__(
        self,
        latent: int = 16,
        encoder: str = "dense 128, relu",
        decoder: Optional[str] = None,
        likelihood: str = "auto",
        epochs: int = 50,
        batch: int = 128,
        learning_rate: float = 1e-3,
        beta: float = 1.0,
        options: str = "",
        prior: str = "normal",
        validation: float = 0.0,
        patience: int = 0,
        samples: int = 64,
        random_state: Any = None,
        threads: int = 1,
        progress: bool = False,
    ):
        self.latent = latent
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.beta = beta
        self.options = options
        self.prior = prior
        self.validation = validation
        self.patience = patience
        self.samples = samples
        self.random_state = random_state
        self.threads = threads
        self.progress = progress

    # ---- training ----

    def _seed(self) -> int:
        if self.random_state is None:
            return int(numpy.random.randint(1, 2**31))
        if isinstance(self.random_state, (int, numpy.integer)):
            return int(self.random_state)
        return int(self.random_state.randint(1, 2**31))

    def _spec(self, data: Dataset, seed: int) -> str:
        def layers(text: str, backwards: bool) -> str:
            items = split_layers(text)
            if not backwards:
                return "[%s]" % ", ".join(items)
            blocks: list[list[str]] = []  # a dense layer and what follows it
            for item in items:
                if item.startswith("dense") or not blocks:
                    blocks.append([])
                blocks[-1].append(item)
            return "[%s]" % ", ".join(item for block in reversed(blocks) for item in block)

        decoder = layers(self.encoder, True) if self.decoder is None else layers(self.decoder, False)
        found = data.spec.split("#")[0].strip()
        if self.likelihood != "auto":
            found = found.split()[0] + " likelihood=" + self.likelihood
        return "%s latent=%d encoder=%s decoder=%s seed=%d" % (
            found, self.latent, layers(self.encoder, False), decoder, seed)  # fmt: skip

    def _start(self, X: numpy.ndarray) -> Dataset:
        """Model and optimizer for these rows."""
        seed = self._seed()
        context = Context(threads=self.threads)
        split = "train:%r" % (1 - self.validation) if self.validation else None
        data = Dataset.from_array(X, batch=self.batch, seed=seed, split=split, context=context)
        self.model_ = Model(self._spec(data, seed), context=context)
        self.model_.initialize(data)
        self._optimizer = Optimizer(
            self.model_, ("adam %s" % self.options).strip(), lr=self.learning_rate, beta=self.beta, seed=seed)  # fmt: skip
        self.elbo_: list[float] = []
        return data

    def _train(self, data: Dataset, validation: Optional[Dataset], epochs: int) -> None:
        def note(_event: str, train: Any, held_out: Any) -> None:
            self.elbo_.append((held_out or train).elbo)

        best: dict[str, Any] = {"patience": self.patience, "restore_best": True} if self.patience else {}
        self._optimizer.train(
            data, validation, callback=note, events="epoch", progress=self.progress, epochs=epochs, **best)  # fmt: skip

    def fit(self, X: Any, y: Any = None) -> "VAE":
        X = _validated(self, X, True)
        data = self._start(X)
        held_out = None
        if self.validation:
            held_out = Dataset.from_array(X, split="test:%r" % (1 - self.validation), context=data._context)
        self._train(data, held_out, self.epochs)
        del self._optimizer
        if self.prior != "normal":
            self.model_.set_prior(self.prior)
            self.model_.fit_prior(data, progress=self.progress)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> "VAE":
        """One epoch over these rows. The first call starts the model from them."""
        first = not hasattr(self, "model_")
        X = _validated(self, X, first)
        if first:
            data = self._start(X)
        else:
            data = Dataset.from_array(X, batch=self.batch)
            if not hasattr(self, "_optimizer"):  # after fit, or out of a pickle
                self._optimizer = Optimizer(
                    self.model_, ("adam %s" % self.options).strip(), lr=self.learning_rate, beta=self.beta)  # fmt: skip
        self._train(data, None, 1)
        return self

    # ---- what the model says ----

    def _rows(self, X: Any) -> numpy.ndarray:
        check_is_fitted(self)
        return _validated(self, X, False)

    def transform(self, X: Any) -> numpy.ndarray:
        """Means of q(z|x), [n, latent]."""
        return self.model_.encode(self._rows(X))[0]

    def inverse_transform(self, Z: Any) -> numpy.ndarray:
        """E[x|z], [n, n_features_in_]."""
        check_is_fitted(self)
        return self.model_.decode(Z)

    def score_samples(self, X: Any) -> numpy.ndarray:
        """log p(x) of each row in nats, an importance estimate of `samples` draws. A row's value depends on that row
        alone. Low values are unusual rows."""
        return -self.model_.score(self._rows(X), samples=self.samples)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of score_samples: what GridSearchCV maximises."""
        return float(numpy.mean(self.score_samples(X)))

    def sample(self, n_samples: int = 1, random_state: Optional[int] = None) -> numpy.ndarray:
        """Draws from the model, [n_samples, n_features_in_]."""
        check_is_fitted(self)
        seed = int(numpy.random.randint(1, 2**31)) if random_state is None else int(random_state)
        return self.model_.sample(n_samples, seed)[2]

    def get_feature_names_out(self, input_features: Any = None) -> numpy.ndarray:
        check_is_fitted(self)
        return numpy.asarray(["vae%d" % i for i in range(self.model_.latent)], dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__() if hasattr(super(), "__getstate__") else self.__dict__
        state = dict(state if state is not None else self.__dict__)
        state.pop("_optimizer", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


__all__ = ["VAE"]
