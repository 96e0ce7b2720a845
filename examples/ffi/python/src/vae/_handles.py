"""The library's handles as Python objects: Context, Dataset, Model, Optimizer, Evaluation.

Each object owns one handle and frees it once: by close, at the end of a with block, or when it is collected. What uses
a handle says so for the time of the call, so that a wrong moment is an exception and no crash: a closed handle
(ClosedError), one that another thread trains (BusyError), one of another kind (TypeError).
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Optional

import numpy

from . import _errors, _interrupt
from ._arrays import address, rows, stored
from ._errors import BusyError, ClosedError, TextError, WidthError
from ._library import (
    EVENT_EPOCH,
    LOG_FN,
    PROGRESS_FN,
    STOPPED,
    TRAIN_FN,
    StepReport,
    call,
)
from ._progress import make_progress
from ._text import text

_state = threading.Lock()  # of the counters below, for the moment that they take to change


class _Handle:
    _destroy = ""
    _pointer: Optional[ctypes.c_void_p] = None
    _alone: Optional[int] = None  # the thread that has the handle alone
    _users = 0

    @property
    def closed(self) -> bool:
        return self._pointer is None

    def close(self) -> None:
        """Frees the handle; once more does nothing. BusyError while a call uses it."""
        with _state:
            if self._users or self._alone is not None:
                raise BusyError("the %s is in use and cannot be closed" % type(self).__name__)
            pointer, self._pointer = self._pointer, None
        if pointer is not None:
            call(self._destroy, pointer)
        self._closed()

    def _closed(self) -> None:
        """What the handle kept alive may go."""

    def __enter__(self):
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        pointer, self._pointer = self._pointer, None
        if pointer is not None and call is not None:
            call(self._destroy, pointer)

    def _begin(self, alone: bool) -> ctypes.c_void_p:
        me = threading.get_ident()
        if self._pointer is None:
            raise ClosedError("the %s is closed" % type(self).__name__)
        if self._alone is not None and (alone or self._alone != me) or (alone and self._users):
            raise BusyError("the %s is in use by another call" % type(self).__name__)
        if alone:
            self._alone = me
        else:
            self._users += 1
        return self._pointer

    def _end(self, alone: bool) -> None:
        if alone:
            self._alone = None
        else:
            self._users -= 1


@contextmanager
def _using(*handles: tuple[Optional[_Handle], bool]) -> Iterator[list[Optional[ctypes.c_void_p]]]:
    """The pointers of these handles, each (handle, whether the call needs it alone), for the time of a call."""
    begun: list[tuple[_Handle, bool]] = []
    pointers: list[Optional[ctypes.c_void_p]] = []
    try:
        with _state:
            for handle, alone in handles:
                pointers.append(handle._begin(alone) if handle is not None else None)
                if handle is not None:
                    begun.append((handle, alone))
        yield pointers
    finally:
        with _state:
            for handle, alone in begun:
                handle._end(alone)


def _check(handle: Any, kind: type, what: str, optional: bool = False) -> None:
    if optional and handle is None:
        return
    if not isinstance(handle, kind):
        raise TypeError("%s: expected a %s, found %s" % (what, kind.__name__, type(handle).__name__))


def _text_of(name: str, pointer: Any) -> str:
    """A text of any length that a function writes into a buffer."""
    length = ctypes.c_size_t()
    call(name, pointer, None, 0, ctypes.byref(length))
    buffer = ctypes.create_string_buffer(length.value + 1)
    call(name, pointer, buffer, len(buffer), ctypes.byref(length))
    return buffer.value.decode()


class Context(_Handle):
    """Threads, a memory limit and a log, for the handles that are made with it.

    Context(threads=2, memory_limit="2G", log=print): `log` is called with a message, on the thread that has it.
    """

    _destroy = "vae_context_destroy"

    def __init__(self, options: Optional[str] = None, *, log: Optional[Callable[[str], Any]] = None, **values: Any):
        made = ctypes.c_void_p()
        self._log: Any = None
        call("vae_context_create", text(options, values), ctypes.byref(made))
        self._pointer = made
        if log is not None:
            self.set_log(log)

    def set_log(self, log: Optional[Callable[[str], Any]]) -> None:
        def forward(_user: Any, _level: int, message: bytes) -> None:
            try:
                log(message.decode(errors="replace"))  # type: ignore[misc]
            except Exception:  # a log that fails must not end what is logged
                pass

        keep = LOG_FN(forward) if log else LOG_FN(0)
        with _using((self, True)) as (pointer,):
            call("vae_context_set_log", pointer, keep, None)
        self._log = keep

    @property
    def memory(self) -> dict[str, int]:
        """Bytes held now, the most ever held, allocations so far."""
        found = [ctypes.c_uint64() for _ in range(3)]
        with _using((self, False)) as (pointer,):
            call("vae_context_memory", pointer, *(ctypes.byref(value) for value in found))
        return dict(zip(("bytes", "peak_bytes", "allocations"), (value.value for value in found)))

    def __repr__(self) -> str:
        return "Context(closed)" if self.closed else "Context(%d bytes)" % self.memory["bytes"]


class Dataset(_Handle):
    """Rows and a training cursor: Dataset.open, Dataset.from_array, Dataset.from_iterable."""

    _destroy = "vae_dataset_destroy"
    _context: Optional[Context] = None
    _rows: Any = None  # borrowed

    def __init__(self) -> None:
        raise TypeError("make a Dataset by Dataset.open, Dataset.from_array or Dataset.from_iterable")

    @classmethod
    def _make(cls, context: Optional[Context]) -> "Dataset":
        _check(context, Context, "context", optional=True)
        made = cls.__new__(cls)
        made._context = context
        return made

    @classmethod
    def open(
        cls, path: "str | os.PathLike[str]", options: Optional[str] = None, *, context: Optional[Context] = None, **values: Any
    ) -> "Dataset":
        """An IDX, NPY or CSV file, "sprites:COUNT" or "toy:ring:COUNT"; options as of vae_dataset_open."""
        made, out = cls._make(context), ctypes.c_void_p()
        with _using((context, False)) as (pointer,):
            call("vae_dataset_open", pointer, os.fsencode(path), text(options, values), ctypes.byref(out))
        made._pointer = out
        return made

    @classmethod
    def from_array(
        cls, array: Any, options: Optional[str] = None, *, context: Optional[Context] = None, **values: Any
    ) -> "Dataset":
        """Rows [n, ...]. float32, float64 and uint8 in C order are borrowed: do not change them while the data set
        lives. Others are copied once."""
        values_, dtype = stored(array)
        made, out = cls._make(context), ctypes.c_void_p()
        options_ = text(options, values, own="dtype=%s copy=0" % dtype)
        with _using((context, False)) as (pointer,):
            call("vae_dataset_from_memory", pointer, address(values_), *values_.shape, options_, ctypes.byref(out))
        made._pointer, made._rows = out, values_
        return made

    @classmethod
    def from_iterable(cls, batches: Iterable[Any], options: Optional[str] = None, **values: Any) -> "Dataset":
        """Rows, or batches of rows, one after the other; they are gathered in memory."""
        parts = [numpy.asarray(batch) for batch in batches]
        if not parts:
            raise _errors.DataError("expected at least one row, found none")
        joined = numpy.stack(parts) if parts[0].ndim == 1 else numpy.concatenate(parts)
        return cls.from_array(joined, options, **values)

    def _closed(self) -> None:
        self._rows = None

    def _number(self, name: str) -> int:
        with _using((self, False)) as (pointer,):
            return call(name, pointer)

    def __len__(self) -> int:
        return self._number("vae_dataset_size")

    @property
    def width(self) -> int:
        return self._number("vae_dataset_width")

    @property
    def batch(self) -> int:
        return self._number("vae_dataset_batch")

    @property
    def label_width(self) -> int:
        return self._number("vae_dataset_label_width")

    @property
    def epoch(self) -> int:
        """Epochs completed by the training cursor."""
        return self._number("vae_dataset_epoch")

    @property
    def position(self) -> int:
        """Rows consumed of the current epoch."""
        return self._number("vae_dataset_position")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row."""
        shape, rank = (ctypes.c_size_t * 8)(), ctypes.c_size_t()
        with _using((self, False)) as (pointer,):
            call("vae_dataset_shape", pointer, shape, 8, ctypes.byref(rank))
        return tuple(shape[: rank.value])

    @property
    def column_names(self) -> list[str]:
        with _using((self, False)) as (pointer,):
            return [call("vae_dataset_column_name", pointer, i) for i in range(call("vae_dataset_width", pointer))]

    @property
    def spec(self) -> str:
        """The part of a spec that suits the rows, with the reason as a comment."""
        with _using((self, False)) as (pointer,):
            return _text_of("vae_dataset_spec", pointer)

    def row_number(self, row: int) -> int:
        """The number that a row has in its file."""
        with _using((self, False)) as (pointer,):
            if not 0 <= row < call("vae_dataset_size", pointer):
                raise IndexError("row %d of %d" % (row, call("vae_dataset_size", pointer)))
            return call("vae_dataset_row_number", pointer, row)

    def scaling(self, column: int) -> tuple[float, float]:
        """offset and range of x = (stored - offset) / range."""
        offset, size = ctypes.c_double(), ctypes.c_double()
        with _using((self, False)) as (pointer,):
            call("vae_dataset_scaling", pointer, column, ctypes.byref(offset), ctypes.byref(size))
        return offset.value, size.value

    def _read(self, name: str, width: int, dtype: Any, first: int, n: Optional[int]) -> numpy.ndarray:
        n = len(self) - first if n is None else n
        if first < 0 or n < 0:
            raise IndexError("rows %d .. %d" % (first, first + n - 1))
        into = numpy.empty((n, width), dtype)
        with _using((self, False)) as (pointer,):
            call(name, pointer, first, n, address(into), width)
        return into

    def read(self, first: int = 0, n: Optional[int] = None) -> numpy.ndarray:
        """Rows as a model sees them, [n, width]."""
        return self._read("vae_dataset_read", self.width, numpy.float32, first, n)

    def labels(self, first: int = 0, n: Optional[int] = None) -> numpy.ndarray:
        return self._read("vae_dataset_read_labels", self.label_width, numpy.float64, first, n)

    def __repr__(self) -> str:
        if self.closed:
            return "Dataset(closed)"
        return "Dataset(%d rows of %s, batch=%d, epoch %d)" % (
            len(self),
            "x".join(map(str, self.shape)),
            self.batch,
            self.epoch,
        )


class Model(_Handle):
    """A model of a spec: Model("input=784 latent=20 likelihood=bernoulli"), or Model(input=784, latent=20, ...).

    Its inference may be called from many threads at once; what changes it needs it alone. It is pickled as its file.
    """

    _destroy = "vae_model_destroy"
    _context: Optional[Context] = None  # its log may be called as long as the model lives

    def __init__(self, spec: Optional[str] = None, *, context: Optional[Context] = None, **values: Any):
        self._create(context, "vae_model_create", text(spec, values))

    def _create(self, context: Optional[Context], name: str, *arguments: Any) -> None:
        _check(context, Context, "context", optional=True)
        made = ctypes.c_void_p()
        with _using((context, False)) as (pointer,):
            call(name, pointer, *arguments, ctypes.byref(made))
        self._adopt(made, context)

    def _adopt(self, pointer: ctypes.c_void_p, context: Optional[Context]) -> None:
        self._pointer, self._context = pointer, context
        self._width, self._latent = call("vae_model_width", pointer), call("vae_model_latent", pointer)
        self._spec = call("vae_model_spec", pointer)

    @classmethod
    def load(cls, path: "str | os.PathLike[str]", *, context: Optional[Context] = None) -> "Model":
        made = cls.__new__(cls)
        made._create(context, "vae_model_load", os.fsencode(path))
        return made

    @classmethod
    def from_bytes(cls, data: bytes, *, context: Optional[Context] = None) -> "Model":
        """The model of what to_bytes made."""
        made = cls.__new__(cls)
        made._create(context, "vae_model_load_memory", ctypes.c_char_p(bytes(data)), len(data))
        return made

    def save(self, path: "str | os.PathLike[str]") -> None:
        with _using((self, False)) as (pointer,):
            call("vae_model_save", pointer, os.fsencode(path))

    def to_bytes(self) -> bytes:
        """The model's file."""
        length = ctypes.c_size_t()
        with _using((self, False)) as (pointer,):
            call("vae_model_save_memory", pointer, None, 0, ctypes.byref(length))
            buffer = ctypes.create_string_buffer(length.value)
            call("vae_model_save_memory", pointer, buffer, length.value, ctypes.byref(length))
        return buffer.raw[: length.value]

    def __reduce__(self) -> Any:
        return Model.from_bytes, (self.to_bytes(),)

    def clone(self) -> "Model":
        made, out = Model.__new__(Model), ctypes.c_void_p()
        with _using((self, False)) as (pointer,):
            call("vae_model_clone", pointer, ctypes.byref(out))
        made._adopt(out, self._context)
        return made

    __copy__ = clone

    def __deepcopy__(self, _memo: Any) -> "Model":
        return self.clone()

    @property
    def width(self) -> int:
        return self._width

    @property
    def latent(self) -> int:
        return self._latent

    @property
    def spec(self) -> str:
        return self._spec

    def initialize(self, dataset: Dataset) -> None:
        """Starts it from the data: input scaling, output bias, sigma."""
        _check(dataset, Dataset, "dataset")
        with _using((self, True), (dataset, False)) as (model, data):
            call("vae_model_initialize", model, data)

    def set_prior(self, prior: str) -> None:
        """Another prior, e.g. "mixture:50 prior_covariance=full", with its starting values; optimizers that were made
        before fit the model no more."""
        with _using((self, True)) as (pointer,):
            call("vae_model_set_prior", pointer, text(prior, {}))
            self._spec = call("vae_model_spec", pointer)

    def fit_prior(
        self,
        dataset: Dataset,
        options: Optional[str] = None,
        *,
        callback: Optional[Callable[[int, int], Any]] = None,
        progress: bool = False,
        **values: Any,
    ) -> None:
        """Fits the prior to the posteriors of all rows of a data set. callback(done, total) returns True to stop: then
        InterruptedError, and the model has the prior that it had."""
        _check(dataset, Dataset, "dataset")
        shown = make_progress(progress, "rows")
        with _interrupt.guard() as guard, shown:

            def report(done: int, total: int) -> Any:
                shown.show(done, total)
                return callback is not None and callback(done, total)

            keep = PROGRESS_FN(lambda _user, done, total: guard.run(lambda: report(done, total)))
            with _using((self, True), (dataset, False)) as pointers:
                status = call("vae_model_fit_prior", *pointers, text(options, values), keep, None)
        if status == STOPPED:
            raise InterruptedError("the fit of the prior was stopped")

    # ---- parameters and metadata ----

    def _shape(self, pointer: Any, index: int) -> tuple[int, ...]:
        shape, rank = (ctypes.c_size_t * 8)(), ctypes.c_size_t()
        call("vae_model_parameter_shape", pointer, index, shape, 8, ctypes.byref(rank))
        return tuple(shape[: rank.value])

    def parameters(self) -> dict[str, numpy.ndarray]:
        """Copies of all parameters by name, in the shapes of PyTorch."""
        found = {}
        with _using((self, False)) as (pointer,):
            for index in range(call("vae_model_parameter_count", pointer)):
                name = call("vae_model_parameter_name", pointer, index)
                values = numpy.empty(self._shape(pointer, index), numpy.float32)
                call("vae_model_parameter_get", pointer, name.encode(), address(values), values.size)
                found[name] = values
        return found

    def set_parameter(self, name: str, values: Any) -> None:
        array = numpy.ascontiguousarray(values, dtype=numpy.float32)
        with _using((self, True)) as (pointer,):
            names = [call("vae_model_parameter_name", pointer, i) for i in range(call("vae_model_parameter_count", pointer))]
            if name in names and array.shape != self._shape(pointer, names.index(name)):
                shape = self._shape(pointer, names.index(name))
                raise WidthError("%s: expected shape %s, found %s" % (name, shape, array.shape))
            call("vae_model_parameter_set", pointer, name.encode(), address(array), array.size)

    @property
    def parameter_total(self) -> int:
        with _using((self, False)) as (pointer,):
            return call("vae_model_parameter_total", pointer)

    @property
    def metadata(self) -> dict[str, str]:
        """The texts that the model's file carries beside its spec, as a new dict: set_metadata changes one."""
        found: dict[str, str] = {}
        with _using((self, False)) as (pointer,):
            while True:
                key = call("vae_model_metadata_key", pointer, len(found))
                if key is None:
                    return found
                found[key] = call("vae_model_metadata", pointer, key.encode())

    def set_metadata(self, key: str, value: Optional[str]) -> None:
        """None removes the key."""
        with _using((self, True)) as (pointer,):
            call("vae_model_set_metadata", pointer, key.encode(), None if value is None else value.encode())

    @property
    def sigma(self) -> numpy.ndarray:
        """Standard deviations of p(x|z) that hold for every z, [width]."""
        values = numpy.empty(self.width, numpy.float64)
        with _using((self, False)) as (pointer,):
            call("vae_model_sigma", pointer, address(values), values.size)
        return values

    @property
    def memory(self) -> dict[str, int]:
        found = [ctypes.c_uint64() for _ in range(2)]
        with _using((self, False)) as (pointer,):
            call("vae_model_memory", pointer, *(ctypes.byref(value) for value in found))
        return {"parameter_bytes": found[0].value, "workspace_bytes": found[1].value}

    @property
    def plan(self) -> str:
        with _using((self, False)) as (pointer,):
            return _text_of("vae_model_plan", pointer)

    # ---- inference ----

    def _rows(self, values: Any, width: int, what: str) -> numpy.ndarray:
        array = rows(values, what)
        if array.shape[1] != width:
            raise WidthError("%s: expected rows of %d values, found shape %s" % (what, width, numpy.shape(values)))
        return array

    def encode(self, x: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
        """mean and logvar of q(z|x), [n, latent] each."""
        x = self._rows(x, self.width, "x")
        mean, logvar = (numpy.empty((len(x), self.latent), numpy.float32) for _ in range(2))
        with _using((self, False)) as (pointer,):
            call("vae_encode", pointer, address(x), *x.shape, address(mean), address(logvar))
        return mean, logvar

    def decode(self, z: Any) -> numpy.ndarray:
        """E[x|z], [n, width]."""
        z = self._rows(z, self.latent, "z")
        x = numpy.empty((len(z), self.width), numpy.float32)
        with _using((self, False)) as (pointer,):
            call("vae_decode", pointer, address(z), *z.shape, address(x))
        return x

    def reconstruct(self, x: Any) -> numpy.ndarray:
        """E[x|z] at z = mean(x), [n, width]."""
        x = self._rows(x, self.width, "x")
        into = numpy.empty_like(x)
        with _using((self, False)) as (pointer,):
            call("vae_reconstruct", pointer, address(x), *x.shape, address(into))
        return into

    def elbo(self, x: Any, seed: int = 1) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """elbo, reconstruction and kl in nats, [n] each."""
        x = self._rows(x, self.width, "x")
        parts = tuple(numpy.empty(len(x)) for _ in range(3))
        with _using((self, False)) as (pointer,):
            call("vae_elbo", pointer, address(x), *x.shape, seed, *map(address, parts))
        return parts  # type: ignore[return-value]

    def sample(self, n: int, seed: int = 1) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """z ~ p(z) [n, latent], E[x|z] and a draw x ~ p(x|z), [n, width] each."""
        if n < 0:
            raise _errors.ArgumentError("n: expected at least 0, found %d" % n)
        z = numpy.empty((n, self.latent), numpy.float32)
        mean, x = (numpy.empty((n, self.width), numpy.float32) for _ in range(2))
        with _using((self, False)) as (pointer,):
            call("vae_sample", pointer, n, seed, address(z), address(mean), address(x))
        return z, mean, x

    def generate(
        self,
        n: int,
        seed: int = 1,
        options: Optional[str] = None,
        *,
        callback: Optional[Callable[[int, int], Any]] = None,
        progress: bool = False,
        **values: Any,
    ) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """sample with options, such as temperature=0.7. callback(done, total) returns True to stop: InterruptedError."""
        if n < 0:
            raise _errors.ArgumentError("n: expected at least 0, found %d" % n)
        z = numpy.empty((n, self.latent), numpy.float32)
        mean, x = (numpy.empty((n, self.width), numpy.float32) for _ in range(2))
        shown = make_progress(progress, "rows")
        with _interrupt.guard() as guard, shown:

            def report(done: int, total: int) -> Any:
                shown.show(done, total)
                return callback is not None and callback(done, total)

            keep = PROGRESS_FN(lambda _user, done, total: guard.run(lambda: report(done, total)))
            with _using((self, False)) as (pointer,):
                status = call("vae_generate", pointer, n, seed, text(options, values), keep, None,
                              address(z), address(mean), address(x))  # fmt: skip
        if status == STOPPED:
            raise InterruptedError("the generation of rows was stopped")
        return z, mean, x

    def log_likelihood(self, x: Any, options: Optional[str] = None, **values: Any) -> tuple[numpy.ndarray, ...]:
        """log p(x) in nats, its standard error and effective sample size, [n] each."""
        x = self._rows(x, self.width, "x")
        parts = tuple(numpy.empty(len(x)) for _ in range(3))
        with _using((self, False)) as (pointer,):
            call("vae_log_likelihood", pointer, address(x), *x.shape, text(options, values), *map(address, parts))
        return parts

    def score(self, x: Any, options: Optional[str] = None, *, by_value: bool = False, **values: Any) -> Any:
        """How strange each row is in nats, [n]; with by_value=True also of each value, [n, width]."""
        x = self._rows(x, self.width, "x")
        score = numpy.empty(len(x))
        parts = numpy.empty(x.shape) if by_value else None
        with _using((self, False)) as (pointer,):
            call("vae_score", pointer, address(x), *x.shape, text(options, values), address(score), address(parts))
        return (score, parts) if by_value else score

    def evaluate(
        self,
        dataset: Dataset,
        fitted_on: Optional[Dataset] = None,
        options: Optional[str] = None,
        *,
        callback: Optional[Callable[[int, int], Any]] = None,
        progress: bool = False,
        **values: Any,
    ) -> "Evaluation":
        """The model against all rows of a data set. callback(done, total) returns True to stop: then
        InterruptedError."""
        _check(dataset, Dataset, "dataset")
        _check(fitted_on, Dataset, "fitted_on", optional=True)
        out = ctypes.c_void_p()
        shown = make_progress(progress, "rows")
        with _interrupt.guard() as guard, shown:

            def report(done: int, total: int) -> Any:
                shown.show(done, total)
                return callback is not None and callback(done, total)

            keep = PROGRESS_FN(lambda _user, done, total: guard.run(lambda: report(done, total)))
            with _using((self, False), (dataset, False), (fitted_on, False)) as pointers:
                status = call("vae_evaluate", *pointers, text(options, values), keep, None, ctypes.byref(out))
        if status == STOPPED:
            raise InterruptedError("the evaluation was stopped")
        return Evaluation._made(out, self)

    def to_torch(self) -> Any:
        """A torch.nn.Module with the same parameters under the same names. Needs torch."""
        from ._torch import to_torch

        return to_torch(self)

    def __repr__(self) -> str:
        if self.closed:
            return "Model(closed)"
        return "Model(%r: %d parameters)" % (self.spec, self.parameter_total)


def _epochs(given: bytes) -> int:
    """epochs= of an options text, for a progress bar."""
    found = re.findall(rb"(?m)^[^#]*?\bepochs=([0-9]+)", given)
    return int(found[-1]) if found else 1


class Optimizer(_Handle):
    """Trains one model: Optimizer(model, "adam lr=1e-3")."""

    _destroy = "vae_optimizer_destroy"

    def __init__(self, model: Model, options: Optional[str] = None, **values: Any):
        _check(model, Model, "model")
        made = ctypes.c_void_p()
        with _using((model, True)) as (pointer,):
            call("vae_optimizer_create", pointer, text(options, values), ctypes.byref(made))
        self._pointer, self.model = made, model

    @classmethod
    def resume(
        cls, path: "str | os.PathLike[str]", dataset: Optional[Dataset] = None, *, context: Optional[Context] = None
    ) -> "Optimizer":
        """The optimizer of a checkpoint, with its model as .model; sets the data set's cursor."""
        _check(dataset, Dataset, "dataset", optional=True)
        _check(context, Context, "context", optional=True)
        model, optimizer = ctypes.c_void_p(), ctypes.c_void_p()
        with _using((context, False), (dataset, True)) as (pointer, data):
            call("vae_checkpoint_load", pointer, os.fsencode(path), data, ctypes.byref(model), ctypes.byref(optimizer))
        made, made.model = cls.__new__(cls), Model.__new__(Model)  # type: ignore[misc]
        made.model._adopt(model, context)
        made._pointer = optimizer
        return made

    def save(self, path: "str | os.PathLike[str]", dataset: Optional[Dataset] = None) -> None:
        """A checkpoint: model, optimizer and the data set's cursor."""
        _check(dataset, Dataset, "dataset", optional=True)
        with _using((self.model, False), (self, False), (dataset, False)) as pointers:
            call("vae_checkpoint_save", *pointers, os.fsencode(path))

    def set(self, options: Optional[str] = None, **values: Any) -> None:
        """Changes options while training."""
        with _using((self, True)) as (pointer,):
            call("vae_optimizer_set", pointer, text(options, values))

    @property
    def steps(self) -> int:
        with _using((self, False)) as (pointer,):
            return call("vae_optimizer_steps", pointer)

    @property
    def options(self) -> str:
        with _using((self, False)) as (pointer,):
            return call("vae_optimizer_options", pointer)

    @property
    def memory(self) -> dict[str, int]:
        found = [ctypes.c_uint64() for _ in range(2)]
        with _using((self, False)) as (pointer,):
            call("vae_optimizer_memory", pointer, *(ctypes.byref(value) for value in found))
        return {"state_bytes": found[0].value, "workspace_bytes": found[1].value}

    @property
    def plan(self) -> str:
        with _using((self, False)) as (pointer,):
            return _text_of("vae_optimizer_plan", pointer)

    def _step(self, name: str, data: Optional[Dataset], *arguments: Any) -> StepReport:
        report = StepReport(struct_size=ctypes.sizeof(StepReport))
        with _using((self.model, True), (self, True), (data, True)) as pointers:
            given = pointers if data is not None else pointers[:2]
            try:
                call(name, *given, *arguments, ctypes.byref(report))
            except _errors.Error as error:
                error.report = report  # type: ignore[attr-defined]
                raise
        return report

    def step(self, dataset: Dataset) -> StepReport:
        """One update on the next mini-batch."""
        _check(dataset, Dataset, "dataset")
        return self._step("vae_step", dataset)

    def step_rows(self, x: Any) -> StepReport:
        """One update on the rows given."""
        x = self.model._rows(x, self.model.width, "x")
        return self._step("vae_step_rows", None, address(x), *x.shape)

    def train(
        self,
        dataset: Dataset,
        validation: Optional[Dataset] = None,
        options: Optional[str] = None,
        *,
        callback: Optional[Callable[[str, StepReport, Optional[StepReport]], Any]] = None,
        events: str = "all",
        progress: bool = False,
        **values: Any,
    ) -> bool:
        """Trains for epochs= epochs. callback("step" or "epoch", report, validation report or None) returns True to
        stop; events="epoch" leaves out the steps. Ctrl-C stops after the step under way and raises KeyboardInterrupt.
        True if the callback stopped it.

        A callback takes Python's lock: where several threads train, events="epoch" or no callback lets them run
        beside each other. In the main thread the package itself looks at every step, for the sake of Ctrl-C."""
        _check(dataset, Dataset, "dataset")
        _check(validation, Dataset, "validation", optional=True)
        if events not in ("all", "epoch"):
            raise TextError("events: expected 'all' or 'epoch', found %r" % (events,))
        given = text(options, values)
        epochs, shown, done = _epochs(given), make_progress(progress, "epochs"), [0]
        wanted = callback if events == "all" else None  # of the steps
        with _interrupt.guard() as guard, shown:

            def report(event: int, train: Any, held_out: Any) -> Any:
                if event == EVENT_EPOCH:
                    done[0] += 1
                    shown.show(done[0], epochs, "ELBO %.4g" % (held_out or train)[0].elbo)
                told = callback if event == EVENT_EPOCH else wanted
                if told is None:
                    return False
                return told(
                    "epoch" if event == EVENT_EPOCH else "step",
                    train[0].copy(),
                    held_out[0].copy() if held_out else None,
                )

            steps = guard.listens or wanted is not None
            keep = TRAIN_FN(lambda _user, event, train, held_out: guard.run(lambda: report(event, train, held_out)))
            if not (steps or callback or progress):
                keep = TRAIN_FN(0)
            given += b"\nevents=" + (b"all" if steps else b"epoch")
            with _using((self.model, True), (self, True), (dataset, True), (validation, False)) as pointers:
                status = call("vae_train", *pointers, given, keep, None)
        return status == STOPPED

    def __repr__(self) -> str:
        return "Optimizer(closed)" if self.closed else "Optimizer(%r: %d steps)" % (self.options, self.steps)


class Evaluation(_Handle):
    """The figures of Model.evaluate: evaluation["elbo"], evaluation.latents("kl"), str(evaluation)."""

    _destroy = "vae_evaluation_destroy"
    _model: Model

    def __init__(self) -> None:
        raise TypeError("an Evaluation is made by Model.evaluate")

    @classmethod
    def _made(cls, pointer: ctypes.c_void_p, model: Model) -> "Evaluation":
        made = cls.__new__(cls)
        made._pointer, made._model = pointer, model
        return made

    def __getitem__(self, name: str) -> float:
        value = ctypes.c_double()
        with _using((self, False)) as (pointer,):
            call("vae_evaluation_value", pointer, name.encode(), ctypes.byref(value))
        return value.value

    def latents(self, name: str) -> numpy.ndarray:
        values = numpy.empty(self._model.latent)
        with _using((self, False)) as (pointer,):
            call("vae_evaluation_latents", pointer, name.encode(), address(values), values.size)
        return values

    def __str__(self) -> str:
        with _using((self, False)) as (pointer,):
            return call("vae_evaluation_text", pointer)

    def __repr__(self) -> str:
        return "Evaluation(closed)" if self.closed else "Evaluation(elbo=%.6g)" % self["elbo"]


