"""Ctrl-C, fork, spawn, joblib, memory."""
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap

import numpy
import pytest

import vae
from conftest import SPEC

INTERRUPTED = textwrap.dedent(
    """
    import numpy, sys, vae
    data = vae.Dataset.from_array(numpy.random.default_rng(1).normal(size=(2000, 4)).astype("f4"), batch=20)
    model = vae.Model(%r)
    optimizer = vae.Optimizer(model)
    print("ready", flush=True)
    try:
        optimizer.train(data, epochs=1000000)
    except KeyboardInterrupt:
        assert optimizer.step(data).step > 1  # all of it can still be used
        print("interrupted")
    """
    % SPEC
)


def test_ctrl_c_20_of_20():
    import time

    for i in range(20):
        child = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.02 + 0.005 * i)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=30)
        assert (out, child.returncode) == ("interrupted\n", 0), i


def train_and_encode(x):
    return vae.VAE(latent=2, encoder="dense 8, tanh", epochs=2, random_state=1).fit(x).transform(x)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(x, method):
    expected = train_and_encode(x)
    with multiprocessing.get_context(method).Pool(2) as pool:
        for found in pool.map(train_and_encode, [x, x]):
            assert numpy.array_equal(found, expected)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(x, backend):
    joblib = pytest.importorskip("joblib")
    expected = train_and_encode(x)
    for found in joblib.Parallel(2, backend=backend)(joblib.delayed(train_and_encode)(x) for _ in range(3)):
        assert numpy.array_equal(found, expected)


def test_memory_is_flat():
    """10,000 small fits through the handles."""
    x = numpy.random.default_rng(1).normal(size=(20, 3)).astype("f4")

    def fits(count):
        for _ in range(count):
            data = vae.Dataset.from_array(x, batch=10)
            model = vae.Model("input=3 latent=1 likelihood=gaussian")
            model.initialize(data)
            vae.Optimizer(model).train(data, epochs=1)
            model.encode(x)
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    before = fits(1000)
    assert fits(9000) < before + (2 << 20)


def test_library_of_its_own():
    if not os.environ.get("VAE_LIBRARY"):
        assert vae.build_info().count("builtin")
