"""libvae from Python, through ctypes: a module to copy and extend, and a short training when run.

    VAE_LIBRARY=path/to/libvae.so.0 python3 vae.py

Needs numpy. Rows are float32 arrays [n, width]; the library copies what it keeps.
"""
import ctypes
import ctypes.util
import os

import numpy


def _load():
    path = os.environ.get("VAE_LIBRARY") or ctypes.util.find_library("vae") or "libvae.so.0"
    return ctypes.CDLL(path)


_library = _load()
_handle = ctypes.c_void_p
_text = ctypes.c_char_p
_size = ctypes.c_size_t


class StepReport(ctypes.Structure):
    """vae_step_report."""

    _fields_ = (
        [("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32)]
        + [(name, ctypes.c_uint64) for name in ("step", "epoch", "position", "rows")]
        + [
            (name, ctypes.c_double)
            for name in ("objective", "elbo", "reconstruction", "kl", "beta", "learning_rate", "gradient_norm")
        ]
    )


_report = ctypes.POINTER(StepReport)
_train_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, _report, _report)


class Error(Exception):
    """A call failed; str() is the library's message."""

    def __init__(self, status):
        super().__init__("%s: %s" % (_status_name(status).decode(), _last_error().decode()))
        self.status = status


def _check(status):
    """Errors are negative; a positive status is none."""
    if status < 0:
        raise Error(status)
    return status


def _function(name, result, *arguments):
    function = getattr(_library, name)
    function.restype = result
    function.argtypes = arguments
    return function


_status_name = _function("vae_status_name", _text, ctypes.c_int32)
_last_error = _function("vae_last_error", _text)
_build_info = _function("vae_build_info", _text)
_constant = _function("vae_constant", ctypes.c_int32, _text, ctypes.POINTER(ctypes.c_int64))


def _call(name, *arguments):
    """A function that returns a status, as one that raises."""
    function = _function(name, ctypes.c_int32, *arguments)
    return lambda *values: _check(function(*values))


_model_create = _call("vae_model_create", _handle, _text, ctypes.POINTER(_handle))
_model_load = _call("vae_model_load", _handle, _text, ctypes.POINTER(_handle))
_model_save = _call("vae_model_save", _handle, _text)
_model_initialize = _call("vae_model_initialize", _handle, _handle)
_model_destroy = _function("vae_model_destroy", None, _handle)
_model_width = _function("vae_model_width", _size, _handle)
_model_latent = _function("vae_model_latent", _size, _handle)
_model_spec = _function("vae_model_spec", _text, _handle)
_model_set_metadata = _call("vae_model_set_metadata", _handle, _text, _text)
_model_metadata = _function("vae_model_metadata", _text, _handle, _text)
_model_metadata_key = _function("vae_model_metadata_key", _text, _handle, _size)
_from_memory = _call("vae_dataset_from_memory", _handle, _handle, _size, _size, _text, ctypes.POINTER(_handle))
_dataset_destroy = _function("vae_dataset_destroy", None, _handle)
_optimizer_create = _call("vae_optimizer_create", _handle, _text, ctypes.POINTER(_handle))
_optimizer_destroy = _function("vae_optimizer_destroy", None, _handle)
_step = _call("vae_step", _handle, _handle, _handle, _report)
_train = _call("vae_train", _handle, _handle, _handle, _handle, _text, _train_fn, _handle)
_checkpoint_save = _call("vae_checkpoint_save", _handle, _handle, _handle, _text)
_checkpoint_load = _call(
    "vae_checkpoint_load", _handle, _text, _handle, ctypes.POINTER(_handle), ctypes.POINTER(_handle)
)
_encode = _call("vae_encode", _handle, _handle, _size, _size, _handle, _handle)
_decode = _call("vae_decode", _handle, _handle, _size, _size, _handle)
_elbo = _call("vae_elbo", _handle, _handle, _size, _size, ctypes.c_uint64, _handle, _handle, _handle)
_sample = _call("vae_sample", _handle, _size, ctypes.c_uint64, _handle, _handle, _handle)


def build_info():
    return _build_info().decode()


def constant(name):
    """The value of a VAE_ constant of vae.h."""
    value = ctypes.c_int64()
    _check(_constant(name.encode(), ctypes.byref(value)))
    return value.value


def _rows(x):
    x = numpy.ascontiguousarray(x, dtype=numpy.float32)
    if x.ndim != 2:
        raise ValueError("expected an array [n, width], found shape %s" % (x.shape,))
    return x


class _Owner:
    """Holds a handle and destroys it once."""

    _destroy = None

    def __init__(self, create):
        self._as_parameter_ = _handle()
        create(ctypes.byref(self._as_parameter_))

    def __del__(self):
        handle = getattr(self, "_as_parameter_", None)
        if handle and self._destroy:
            type(self)._destroy(handle)
            self._as_parameter_ = None


class Dataset(_Owner):
    _destroy = _dataset_destroy

    def __init__(self, x, options=""):
        x = _rows(x)
        super().__init__(lambda out: _from_memory(None, x.ctypes.data, x.shape[0], x.shape[1], options.encode(), out))


class Model(_Owner):
    _destroy = _model_destroy

    def __init__(self, spec=None, path=None):
        if path is not None:
            super().__init__(lambda out: _model_load(None, os.fsencode(path), out))
        else:
            super().__init__(lambda out: _model_create(None, spec.encode(), out))
        self.width = _model_width(self)
        self.latent = _model_latent(self)

    @property
    def spec(self):
        return _model_spec(self).decode()

    @property
    def metadata(self):
        """The texts that the model's file carries beside its spec, in order, as a new dict: set_metadata changes one."""
        found = {}
        while True:
            key = _model_metadata_key(self, len(found))
            if key is None:
                return found
            found[key.decode()] = _model_metadata(self, key).decode()

    def set_metadata(self, key, value):
        """None removes the key."""
        _model_set_metadata(self, key.encode(), None if value is None else value.encode())

    def initialize(self, dataset):
        _model_initialize(self, dataset)

    def save(self, path):
        _model_save(self, os.fsencode(path))

    def encode(self, x):
        """mean and logvar of q(z|x), [n, latent] each."""
        x = _rows(x)
        mean, logvar = (numpy.empty((len(x), self.latent), numpy.float32) for _ in range(2))
        _encode(self, x.ctypes.data, x.shape[0], x.shape[1], mean.ctypes.data, logvar.ctypes.data)
        return mean, logvar

    def decode(self, z):
        """E[x|z], [n, width]."""
        z = _rows(z)
        x = numpy.empty((len(z), self.width), numpy.float32)
        _decode(self, z.ctypes.data, z.shape[0], z.shape[1], x.ctypes.data)
        return x

    def elbo(self, x, seed=1):
        """elbo, reconstruction and kl in nats, [n] each."""
        x = _rows(x)
        parts = [numpy.empty(len(x)) for _ in range(3)]
        _elbo(self, x.ctypes.data, x.shape[0], x.shape[1], seed, *(part.ctypes.data for part in parts))
        return parts

    def sample(self, n, seed=1):
        """z ~ p(z) and E[x|z]."""
        z = numpy.empty((n, self.latent), numpy.float32)
        x = numpy.empty((n, self.width), numpy.float32)
        _sample(self, n, seed, z.ctypes.data, x.ctypes.data, None)
        return z, x


class Optimizer(_Owner):
    _destroy = _optimizer_destroy

    def __init__(self, model, options="adam"):
        self.model = model
        super().__init__(lambda out: _optimizer_create(model, options.encode(), out))

    @classmethod
    def resume(cls, path, dataset=None):
        """The optimizer of a checkpoint, with its model; sets the data set's cursor."""
        made, model = cls.__new__(cls), Model.__new__(Model)
        _Owner.__init__(
            made,
            lambda optimizer: _Owner.__init__(
                model, lambda out: _checkpoint_load(None, os.fsencode(path), dataset, out, optimizer)
            ),
        )
        model.width, model.latent = _model_width(model), _model_latent(model)
        made.model = model
        return made

    def save(self, path, dataset=None):
        """A checkpoint: model, optimizer and the data set's cursor."""
        _checkpoint_save(self.model, self, dataset, os.fsencode(path))

    def step(self, dataset):
        report = StepReport(struct_size=ctypes.sizeof(StepReport))
        _step(self.model, self, dataset, ctypes.byref(report))
        return report

    def train(self, dataset, validation=None, options="", callback=None):
        """callback(event, train_report, validation_report or None) returns True to stop. True if it did."""
        raised = []

        def forward(_user, event, train, held_out):
            try:  # an exception cannot cross C: stop, and raise it when the call is back
                return int(bool(callback and callback(event, train[0], held_out[0] if held_out else None)))
            except BaseException as problem:  # pylint: disable=broad-except
                raised.append(problem)
                return 1

        status = _train(self.model, self, dataset, validation, options.encode(), _train_fn(forward), None)
        if raised:
            raise raised[0]
        return status == constant("VAE_STOPPED")


def main():
    """Trains on points near a curve in four dimensions."""
    t = numpy.random.default_rng(1).uniform(-1, 1, (2000, 1))
    noise = numpy.random.default_rng(2).normal(0, 0.05, (2000, 4))
    x = (numpy.hstack([t, t**2, numpy.sin(3 * t), numpy.cos(3 * t)]) + noise).astype(numpy.float32)

    print(build_info())
    data = Dataset(x, "batch=100")
    model = Model("input=4 latent=2 likelihood=gaussian encoder=[dense 32, tanh] decoder=[dense 32, tanh]")
    model.initialize(data)
    optimizer = Optimizer(model, "adam lr=1e-2")
    before = model.elbo(x)[0].mean()

    first = optimizer.step(data)
    assert first.step == 1 and first.rows == 100, (first.step, first.rows)
    epochs = []

    def progress(event, train, _validation):
        if event == constant("VAE_EVENT_EPOCH"):
            epochs.append(train.elbo)
        return False

    stopped = optimizer.train(data, options="epochs=10", callback=progress)
    assert not stopped and len(epochs) == 10, epochs
    after = model.elbo(x)[0].mean()
    print("mean ELBO: %.3f before, %.3f after ten epochs" % (before, after))
    assert after > before

    def fail(_event, _train_report, _validation):
        raise KeyError("from the callback")

    try:
        optimizer.train(data, callback=fail)
        raise AssertionError("the callback's exception was lost")
    except KeyError:
        pass

    optimizer.save("vae-example.safetensors", data)
    again = Dataset(x, "batch=100")
    resumed = Optimizer.resume("vae-example.safetensors", again)
    for _ in range(30):
        kept, anew = optimizer.step(data), resumed.step(again)
        assert bytes(kept) == bytes(anew), (kept.step, kept.objective, anew.objective)
    assert numpy.array_equal(resumed.model.elbo(x), model.elbo(x))
    try:
        Optimizer.resume("vae-example.safetensors", Dataset(x, "batch=99"))
        raise AssertionError("another data set was taken")
    except Error as error:
        assert error.status == constant("VAE_ERROR_MISMATCH"), error.status
    print("resumed, and 30 steps on the same, bit for bit")

    mean, logvar = model.encode(x[:3])
    assert mean.shape == logvar.shape == (3, 2)
    model.set_metadata("example.columns", "t, t\N{SUPERSCRIPT TWO}, sin 3t, cos 3t")
    model.set_metadata("example.draft", "yes")
    model.set_metadata("example.draft", None)
    try:
        model.set_metadata("spec", "")
        raise AssertionError("a key of the library's own was taken")
    except Error as error:
        assert error.status == constant("VAE_ERROR_ARGUMENT"), error.status
    model.save("vae-example.safetensors")
    again = Model(path="vae-example.safetensors")
    os.remove("vae-example.safetensors")
    assert again.spec == model.spec and numpy.array_equal(again.encode(x[:3])[0], mean)
    assert again.metadata == {"example.columns": "t, t\N{SUPERSCRIPT TWO}, sin 3t, cos 3t"}, again.metadata
    assert numpy.array_equal(again.decode(mean), model.decode(mean))
    assert model.sample(5)[1].shape == (5, 4)

    try:
        Model("input=4 latent=2 likelihood=bernouli")
        raise AssertionError("a wrong spec was taken")
    except Error as error:
        assert error.status == constant("VAE_ERROR_TEXT"), error.status
        print("as it should, a misspelt likelihood fails: %s" % error)


if __name__ == "__main__":
    main()
