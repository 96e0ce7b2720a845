"""The handles: every function of vae.h, arrays, wrong uses."""
import ctypes
import gc
import os
import pickle
import re
import threading

import numpy
import pytest

import vae
from conftest import SPEC
from vae import _library


def test_every_function_is_declared():
    header = os.environ.get("VAE_HEADER")
    if not header:
        pytest.skip("VAE_HEADER names no vae.h")
    with open(header) as file:
        names = set(re.findall(r"VAE_API [^;]*?\b(vae_\w+)\(", file.read()))
    assert names == set(_library.FUNCTIONS) | _library.NOT_FOR_PYTHON
    sources = "".join(open(os.path.join(os.path.dirname(vae.__file__), name)).read()
                      for name in ("_handles.py", "_library.py"))  # fmt: skip
    for name in _library.FUNCTIONS:
        assert len(re.findall('"%s"' % name, sources)) > 1, name + " is declared and not used"


def test_trains_and_samples(x, trained):
    model, optimizer, data = trained
    before = model.elbo(x)[0].mean()
    events = []
    stopped = optimizer.train(data, epochs=6, callback=lambda event, *_: events.append(event))
    assert not stopped and events.count("epoch") == 6 and events.count("step") == 36
    assert model.elbo(x)[0].mean() > before
    z, mean, draw = model.sample(5, seed=3)
    assert z.shape == (5, 2) and mean.shape == draw.shape == (5, 4)
    assert numpy.array_equal(model.decode(z), mean)
    assert numpy.array_equal(model.decode(model.encode(x)[0]), model.reconstruct(x))
    log_p, error, ess = model.log_likelihood(x[:5], samples=50)
    assert (log_p > model.elbo(x[:5])[0] - 5).all() and (error > 0).all() and (ess >= 1).all()
    score, parts = model.score(x, by_value=True)
    assert score.shape == (600,) and parts.shape == (600, 4)
    assert model.sigma.shape == (4,) and model.memory["parameter_bytes"] > 0
    assert "encode:" in model.plan and "train:" in optimizer.plan and optimizer.memory["state_bytes"] > 0
    assert optimizer.steps == 54 and optimizer.options.startswith("adam")
    evaluation = model.evaluate(data, samples=10)
    assert evaluation["rows"] == 600 and evaluation.latents("kl").shape == (2,) and "elbo" in str(evaluation)
    assert optimizer.train(data, epochs=99, callback=lambda *_: True)
    report = optimizer.step(data)
    assert report.rows == 100 and report.as_dict()["step"] == report.step
    assert optimizer.step_rows(x[:7]).rows == 7
    optimizer.set(lr=1e-4)
    for handle in (model, optimizer, data, evaluation, vae.Context(threads=2)):
        assert type(handle).__name__ in repr(handle)


def test_priors(x, trained):
    model, optimizer, data = trained
    other, before = model.clone(), model.parameters()
    seen = []
    for each in (model, other):
        each.set_prior("mixture:4 prior_covariance=full")
        assert each.spec.endswith("prior=mixture:4 prior_covariance=full")
        each.fit_prior(data, iterations=5, tolerance=0, callback=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3600, 3600) and model.to_bytes() == other.to_bytes()
    # What vae.h gives for the same calls.
    raw, made = ctypes.c_void_p(), _library._functions
    bytes_ = vae.Model(SPEC).to_bytes()
    assert made["vae_model_load_memory"](None, bytes_, len(bytes_), ctypes.byref(raw)) == 0
    assert made["vae_model_set_prior"](raw, b"mixture:4 prior_covariance=full") == 0
    assert made["vae_model_fit_prior"](raw, data._pointer, b"iterations=5", _library.PROGRESS_FN(0), None) == 0
    same = vae.Model(SPEC)
    same.set_prior("mixture:4 prior_covariance=full")
    same.fit_prior(data, iterations=5)
    expected = numpy.empty(8, numpy.float32)
    assert made["vae_model_parameter_get"](raw, b"prior.mean", expected.ctypes.data, 8) == 0
    made["vae_model_destroy"](raw)
    assert numpy.array_equal(same.parameters()["prior.mean"].ravel(), expected)
    after = model.parameters()
    assert after["prior.whitening"].shape == (4, 2, 2) and all(numpy.array_equal(after[n], before[n]) for n in before)
    assert model.elbo(x)[0].mean() > vae.Model.from_bytes(other.to_bytes()).elbo(x)[0].mean() - 1e-9
    with pytest.raises(vae.MismatchError):
        optimizer.step(data)
    with pytest.raises(InterruptedError):
        model.fit_prior(data, seed=9, callback=lambda *_: True)
    assert model.to_bytes() == other.to_bytes()
    assert vae.Optimizer(model, train="prior").step(data).rows == 100


def test_files_and_checkpoints(x, trained, tmp_path):
    model, optimizer, data = trained
    model.set_metadata("test.note", "t\N{SUPERSCRIPT TWO}")
    model.save(tmp_path / "m.safetensors")
    for again in (vae.Model.load(tmp_path / "m.safetensors"), vae.Model.from_bytes(model.to_bytes()), model.clone(),
                  pickle.loads(pickle.dumps(model))):  # fmt: skip
        assert again.spec == model.spec and again.metadata == {"test.note": "t\N{SUPERSCRIPT TWO}"}
        assert numpy.array_equal(again.encode(x)[0], model.encode(x)[0])
    optimizer.save(tmp_path / "c.safetensors", data)
    other = vae.Dataset.from_array(x, batch=100)
    resumed = vae.Optimizer.resume(tmp_path / "c.safetensors", other)
    for _ in range(20):
        assert bytes(optimizer.step(data)) == bytes(resumed.step(other))
    values = model.parameters()
    values["likelihood.bias"][:] = 7
    model.set_parameter("likelihood.bias", values["likelihood.bias"])
    assert (model.parameters()["likelihood.bias"] == 7).all()


def test_data_sets(x, tmp_path):
    numpy.save(tmp_path / "x.npy", x)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    assert len(vae.Dataset.open(tmp_path / "x.npy", batch=10)) == 600
    data = vae.Dataset.open(tmp_path / "x.csv", columns=["a"], labels="column:b", where=["a!=1"])
    assert data.column_names == ["a"] and data.row_number(0) == 1 and data.labels().tolist() == [[4.0], [7.0]]
    sprites = vae.Dataset.open("sprites:20")
    assert sprites.shape == (1, 32, 32) and sprites.label_width == 5 and "bernoulli" in sprites.spec
    with vae.Dataset.from_iterable(row for row in x) as data:
        assert numpy.array_equal(data.read(), x) and data.epoch == data.position == 0
    images = (x * 40 + 100).astype(numpy.uint8)
    data = vae.Dataset.from_array(images)
    assert data.scaling(0) == (0.0, 255.0) and numpy.allclose(data.read(), images / 255)
    wide = vae.Dataset.from_array(x.astype("f8").T.copy().T)  # float64 in Fortran order
    assert numpy.allclose(wide.read(), x)
    assert numpy.array_equal(vae.Dataset.from_array(numpy.arange(12).reshape(6, 2)).read(), numpy.arange(12).reshape(6, 2))


def test_rows_are_borrowed(x, monkeypatch):
    seen = []
    original = _library._functions["vae_encode"]
    monkeypatch.setitem(_library._functions, "vae_encode", lambda *a: seen.append(a[1]) or original(*a))
    vae.Model(SPEC).encode(x)
    assert seen == [x.ctypes.data]
    vae.Model(SPEC).encode(x.astype("f8"))
    assert seen[1] != x.ctypes.data
    for dtype in ("f4", "f8", "u1"):
        array = numpy.ones((10, 4), dtype)
        data = vae.Dataset.from_array(array)
        assert data._rows.ctypes.data == array.ctypes.data
        address = array.ctypes.data
        del array
        gc.collect()
        assert data._rows.ctypes.data == address and (data.read() > 0).all()


@pytest.mark.parametrize("wrong, kind", [
    (lambda m, o, d: vae.Optimizer(d), TypeError),
    (lambda m, o, d: m.initialize(m), TypeError),
    (lambda m, o, d: o.step(m), TypeError),
    (lambda m, o, d: o.train(d, validation=m), TypeError),
    (lambda m, o, d: m.evaluate(None), TypeError),
    (lambda m, o, d: vae.Dataset(), TypeError),
    (lambda m, o, d: vae.Model("input=4", context=m), TypeError),
    (lambda m, o, d: m.encode([1, 2, 3, 4]), vae.WidthError),
    (lambda m, o, d: m.encode(numpy.ones((3, 5))), ValueError),
    (lambda m, o, d: m.decode(numpy.ones((3, 4))), vae.WidthError),
    (lambda m, o, d: m.encode([["a", "b", "c", "d"]]), TypeError),
    (lambda m, o, d: m.encode([[1, 2, 3, float("nan")]]), vae.DataError),
    (lambda m, o, d: m.encode(numpy.ones((3, 4), complex)), TypeError),
    (lambda m, o, d: o.train(d, events="epochs"), vae.TextError),
    (lambda m, o, d: m.sample(-1), vae.ArgumentError),
    (lambda m, o, d: m.set_parameter("likelihood.bias", [1]), vae.WidthError),
    (lambda m, o, d: m.set_parameter("none", [1]), vae.ArgumentError),
    (lambda m, o, d: vae.Dataset.from_array(numpy.ones((3, 2)), dtype="float64"), vae.TextError),
    (lambda m, o, d: vae.Dataset.from_array(numpy.ones((3, 2)), "copy=0"), vae.TextError),
    (lambda m, o, d: vae.Dataset.from_array(numpy.ones((0, 2))), ValueError),
    (lambda m, o, d: vae.Dataset.from_iterable([]), vae.DataError),
    (lambda m, o, d: vae.Dataset.open("/no/such/file"), OSError),
    (lambda m, o, d: vae.Model("input=4 latent=2 likelihood=bernouli"), vae.TextError),
    (lambda m, o, d: vae.Model.from_bytes(b"nonsense"), vae.FormatError),
    (lambda m, o, d: vae.Context(memory_limit=10), MemoryError),
    (lambda m, o, d: vae.Optimizer(vae.Model(SPEC)).step(d) if False else vae.Optimizer(m).step(
        vae.Dataset.from_array(numpy.ones((3, 5)))), vae.WidthError),
    (lambda m, o, d: m.evaluate(d)["nonsense"], vae.UnsupportedError),
])  # fmt: skip
def test_wrong_uses_are_exceptions(trained, wrong, kind):
    with pytest.raises(kind) as found:
        wrong(*trained)
    assert str(found.value)
    if isinstance(found.value, vae.Error):
        assert str(pickle.loads(pickle.dumps(found.value))) == str(found.value)


def test_use_after_close(x, trained):
    model, optimizer, data = trained
    for handle, use in ((model, lambda: model.encode(x)), (optimizer, lambda: optimizer.steps), (data, lambda: len(data))):
        handle.close()
        handle.close()
        assert handle.closed and "closed" in repr(handle)
        with pytest.raises(vae.ClosedError):
            use()
    with pytest.raises(vae.ClosedError):
        optimizer.step(data)


def test_use_while_training(x, trained):
    model, optimizer, data = trained
    problems, started, go_on = [], threading.Event(), threading.Event()

    def wait(*_):
        started.set()
        go_on.wait(20)
        model.encode(x[:2])  # the thread that trains may read
        return True

    thread = threading.Thread(target=lambda: optimizer.train(data, epochs=9, callback=wait))
    thread.start()
    started.wait(20)
    for use in (model.close, optimizer.close, data.close, lambda: model.encode(x), lambda: optimizer.step(data),
                lambda: model.set_metadata("a.b", "c")):  # fmt: skip
        with pytest.raises(vae.BusyError):
            use()
    go_on.set()
    thread.join()
    assert model.encode(x)[0].shape == (600, 2) and not problems


def test_refused_steps_have_their_report(trained):
    model, optimizer, _ = trained
    with pytest.raises(vae.DataError) as found:
        optimizer.step_rows(numpy.full((3, 4), numpy.inf))
    assert found.value.report.flags & vae.STEP_REFUSED and found.value.status == vae.constant("VAE_ERROR_DATA")


def test_exceptions_of_callbacks_arrive(trained):
    model, optimizer, data = trained

    def fail(*_):
        raise KeyError("from the callback")

    with pytest.raises(KeyError):
        optimizer.train(data, callback=fail, epochs=9)
    with pytest.raises(KeyError):
        model.evaluate(data, callback=fail)
    with pytest.raises(InterruptedError):
        model.evaluate(data, callback=lambda *_: True)


def test_threads_read_at_once(x, trained):
    model, found = trained[0], []
    expected = model.encode(x)[0]
    threads = [threading.Thread(target=lambda: found.append(model.encode(x)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(numpy.array_equal(each, expected) for each in found)


def test_log_and_memory():
    said = []
    context = vae.Context(threads=1, log=said.append)
    data = vae.Dataset.from_array(numpy.ones((4, 2)), context=context)
    vae.Model("input=2 latent=1 likelihood=gaussian sigma=per_dim", context=context).initialize(data)
    assert any("do not vary" in message for message in said)
    assert context.memory["bytes"] > 0


def test_a_log_outlives_its_context(x):
    """A model's log calls the context's function, which must live as long as the model."""
    lines = []
    model = vae.Model(SPEC, context=vae.Context(log=lines.append))
    gc.collect()
    copies = [model.clone()]
    evaluation = copies[0].evaluate(vae.Dataset.from_array(x))
    del model
    gc.collect()
    vae.Optimizer(copies[0]).step(vae.Dataset.from_array(x, batch=100))
    assert lines and evaluation.latents("kl").shape == (2,)


def test_a_comment_hides_nothing(x):
    data = vae.Dataset.from_array(x, "batch=100 # of 600", shuffle=0)
    assert data.batch == 100
    model = vae.Model("input=4 # columns", latent=2, likelihood="gaussian")
    assert model.latent == 2
    events = []
    vae.Optimizer(model).train(data, None, "epochs=2 # epochs=9", callback=lambda *event: events.append(event), events="epoch")
    assert [event[0] for event in events] == ["epoch"] * 2


def test_codes_are_no_pictures(x, trained):
    """8-bit x is scaled to 0 .. 1 as in the library; 8-bit z is what it is."""
    model = trained[0]
    z = numpy.array([[1, 2], [0, 3]], numpy.uint8)
    assert numpy.array_equal(model.decode(z), model.decode(z.astype(numpy.float32)))
    pixels = numpy.arange(8, dtype=numpy.uint8).reshape(2, 4)
    assert numpy.array_equal(model.encode(pixels)[0], model.encode(pixels / numpy.float32(255))[0])


def test_progress(trained, capsys):
    trained[1].train(trained[2], epochs=6, progress=True)
    assert "ELBO" in capsys.readouterr().err
    trained[0].evaluate(trained[2], progress=True)


def test_generates(trained):
    model = trained[0]
    raw, made = vae.Model.from_bytes(model.to_bytes()), _library._functions
    expected = numpy.empty((300, model.width), numpy.float32)
    assert made["vae_generate"](raw._pointer, 300, 5, b"temperature=0.5", _library.PROGRESS_FN(0), None, None,
                                expected.ctypes.data, None) == 0  # fmt: skip
    seen = []
    z, mean, x = model.generate(300, 5, temperature=0.5, callback=lambda done, total: seen.append((done, total)))
    assert numpy.array_equal(mean, expected) and seen[-1] == (300, 300) and z.shape == (300, model.latent)
    assert numpy.array_equal(model.generate(300, 5)[2], model.sample(300, 5)[2])
    with pytest.raises(InterruptedError):
        model.generate(300, callback=lambda *_: True)
    with pytest.raises(vae.TextError):
        model.generate(3, temperature=-1)
