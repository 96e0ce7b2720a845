"""The shared library: finds it, and declares every function of vae.h.

A function is declared here once, by its result and its arguments; a test holds the list against the header. ctypes
gives up Python's lock during each call.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from . import _errors


class StepReport(ctypes.Structure):
    """What a step did: means over the rows of the batch, in nats a row. A copy: it stays as it is."""

    _fields_ = (
        [("struct_size", c_uint32), ("flags", c_uint32)]
        + [(name, c_uint64) for name in ("step", "epoch", "position", "rows")]
        + [
            (name, c_double)
            for name in ("objective", "elbo", "reconstruction", "kl", "beta", "learning_rate", "gradient_norm")
        ]
    )

    def copy(self) -> "StepReport":
        return type(self).from_buffer_copy(self)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name, *_ in self._fields_[1:]}

    def __repr__(self) -> str:
        return "StepReport(step=%d, epoch=%d, rows=%d, elbo=%.6g, reconstruction=%.6g, kl=%.6g)" % (
            self.step,
            self.epoch,
            self.rows,
            self.elbo,
            self.reconstruction,
            self.kl,
        )


REPORT = POINTER(StepReport)
LOG_FN = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
TRAIN_FN = ctypes.CFUNCTYPE(c_int32, c_void_p, c_int32, REPORT, REPORT)
PROGRESS_FN = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)

H = c_void_p  # a handle, or an array's address
OUT = POINTER(c_void_p)
STATUS = "status"  # the function's result is a vae_status: a failure is raised

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "vae_status_name": (c_char_p, [c_int32]),
    "vae_last_error": (c_char_p, []),
    "vae_version_number": (c_uint32, []),
    "vae_build_info": (c_char_p, []),
    "vae_constant": (STATUS, [c_char_p, POINTER(c_int64)]),
    "vae_context_create": (STATUS, [c_char_p, OUT]),
    "vae_context_destroy": (None, [H]),
    "vae_context_set_log": (STATUS, [H, LOG_FN, c_void_p]),
    "vae_context_memory": (STATUS, [H, POINTER(c_uint64), POINTER(c_uint64), POINTER(c_uint64)]),
    "vae_dataset_open": (STATUS, [H, c_char_p, c_char_p, OUT]),
    "vae_dataset_from_memory": (STATUS, [H, H, c_size_t, c_size_t, c_char_p, OUT]),
    "vae_dataset_destroy": (None, [H]),
    "vae_dataset_size": (c_size_t, [H]),
    "vae_dataset_width": (c_size_t, [H]),
    "vae_dataset_batch": (c_size_t, [H]),
    "vae_dataset_label_width": (c_size_t, [H]),
    "vae_dataset_epoch": (c_uint64, [H]),
    "vae_dataset_position": (c_uint64, [H]),
    "vae_dataset_shape": (STATUS, [H, POINTER(c_size_t), c_size_t, POINTER(c_size_t)]),
    "vae_dataset_column_name": (c_char_p, [H, c_size_t]),
    "vae_dataset_row_number": (c_uint64, [H, c_size_t]),
    "vae_dataset_spec": (STATUS, [H, H, c_size_t, POINTER(c_size_t)]),
    "vae_dataset_scaling": (STATUS, [H, c_size_t, POINTER(c_double), POINTER(c_double)]),
    "vae_dataset_read": (STATUS, [H, c_size_t, c_size_t, H, c_size_t]),
    "vae_dataset_read_labels": (STATUS, [H, c_size_t, c_size_t, H, c_size_t]),
    "vae_model_create": (STATUS, [H, c_char_p, OUT]),
    "vae_model_initialize": (STATUS, [H, H]),
    "vae_model_clone": (STATUS, [H, OUT]),
    "vae_model_save": (STATUS, [H, c_char_p]),
    "vae_model_load": (STATUS, [H, c_char_p, OUT]),
    "vae_model_save_memory": (STATUS, [H, H, c_size_t, POINTER(c_size_t)]),
    "vae_model_load_memory": (STATUS, [H, H, c_size_t, OUT]),
    "vae_model_destroy": (None, [H]),
    "vae_model_width": (c_size_t, [H]),
    "vae_model_latent": (c_size_t, [H]),
    "vae_model_spec": (c_char_p, [H]),
    "vae_model_set_metadata": (STATUS, [H, c_char_p, c_char_p]),
    "vae_model_metadata": (c_char_p, [H, c_char_p]),
    "vae_model_metadata_key": (c_char_p, [H, c_size_t]),
    "vae_model_sigma": (STATUS, [H, H, c_size_t]),
    "vae_model_parameter_count": (c_size_t, [H]),
    "vae_model_parameter_total": (c_uint64, [H]),
    "vae_model_parameter_name": (c_char_p, [H, c_size_t]),
    "vae_model_parameter_shape": (STATUS, [H, c_size_t, POINTER(c_size_t), c_size_t, POINTER(c_size_t)]),
    "vae_model_parameter_get": (STATUS, [H, c_char_p, H, c_size_t]),
    "vae_model_parameter_set": (STATUS, [H, c_char_p, H, c_size_t]),
    "vae_model_set_prior": (STATUS, [H, c_char_p]),
    "vae_model_fit_prior": (STATUS, [H, H, c_char_p, PROGRESS_FN, c_void_p]),
    "vae_model_memory": (STATUS, [H, POINTER(c_uint64), POINTER(c_uint64)]),
    "vae_model_plan": (STATUS, [H, H, c_size_t, POINTER(c_size_t)]),
    "vae_optimizer_create": (STATUS, [H, c_char_p, OUT]),
    "vae_optimizer_set": (STATUS, [H, c_char_p]),
    "vae_optimizer_destroy": (None, [H]),
    "vae_optimizer_steps": (c_uint64, [H]),
    "vae_optimizer_options": (c_char_p, [H]),
    "vae_optimizer_memory": (STATUS, [H, POINTER(c_uint64), POINTER(c_uint64)]),
    "vae_optimizer_plan": (STATUS, [H, H, c_size_t, POINTER(c_size_t)]),
    "vae_step": (STATUS, [H, H, H, REPORT]),
    "vae_step_rows": (STATUS, [H, H, H, c_size_t, c_size_t, REPORT]),
    "vae_train": (STATUS, [H, H, H, H, c_char_p, TRAIN_FN, c_void_p]),
    "vae_checkpoint_save": (STATUS, [H, H, H, c_char_p]),
    "vae_checkpoint_load": (STATUS, [H, c_char_p, H, OUT, OUT]),
    "vae_encode": (STATUS, [H, H, c_size_t, c_size_t, H, H]),
    "vae_decode": (STATUS, [H, H, c_size_t, c_size_t, H]),
    "vae_reconstruct": (STATUS, [H, H, c_size_t, c_size_t, H]),
    "vae_elbo": (STATUS, [H, H, c_size_t, c_size_t, c_uint64, H, H, H]),
    "vae_sample": (STATUS, [H, c_size_t, c_uint64, H, H, H]),
    "vae_generate": (STATUS, [H, c_size_t, c_uint64, c_char_p, PROGRESS_FN, c_void_p, H, H, H]),
    "vae_log_likelihood": (STATUS, [H, H, c_size_t, c_size_t, c_char_p, H, H, H]),
    "vae_score": (STATUS, [H, H, c_size_t, c_size_t, c_char_p, H, H]),
    "vae_evaluate": (STATUS, [H, H, H, c_char_p, PROGRESS_FN, c_void_p, OUT]),
    "vae_evaluation_destroy": (None, [H]),
    "vae_evaluation_value": (STATUS, [H, c_char_p, POINTER(c_double)]),
    "vae_evaluation_latents": (STATUS, [H, c_char_p, H, c_size_t]),
    "vae_evaluation_text": (c_char_p, [H]),
}

# Python's own memory functions serve no allocator that is called without its lock.
NOT_FOR_PYTHON = {"vae_context_create_with_allocator"}


def _path() -> str:
    """VAE_LIBRARY, else the library that the package carries."""
    given = os.environ.get("VAE_LIBRARY")
    if given:
        return given
    own = sorted(Path(__file__).parent.glob("_libvae*.so*"))
    if not own:
        raise ImportError(
            "the package vae carries no library: install it with 'pip install .', or name one built by 'make' in the"
            " environment variable VAE_LIBRARY"
        )
    return str(own[0])


def _declare(library: ctypes.CDLL) -> dict[str, Any]:
    made = {}
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = c_int32 if result is STATUS else result
        function.argtypes = arguments
        made[name] = function
    return made


_functions = _declare(ctypes.CDLL(_path()))


def failure(status: int) -> _errors.Error:
    """The exception for a status, with the text of this thread's last failure."""
    name = _functions["vae_status_name"](status).decode()
    message = _functions["vae_last_error"]().decode(errors="replace")
    return _errors.BY_NAME.get(name, _errors.Error)(message, status, name)


def call(name: str, *arguments: Any) -> Any:
    """Calls a function. A negative status is raised; any other result is returned, texts as str."""
    result = _functions[name](*arguments)
    if FUNCTIONS[name][0] is STATUS and result < 0:
        raise failure(result)
    return result.decode(errors="replace") if isinstance(result, bytes) else result


def constant(name: str) -> int:
    """The value of a constant of vae.h, such as "VAE_ERROR_TEXT"."""
    value = c_int64()
    call("vae_constant", name.encode(), ctypes.byref(value))
    return value.value


def build_info() -> str:
    """Version, compiler, matrix product, real type and instruction sets of the library."""
    return call("vae_build_info")


def version() -> str:
    number = call("vae_version_number")
    return "%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255)


STOPPED = constant("VAE_STOPPED")
EVENT_STEP = constant("VAE_EVENT_STEP")
EVENT_EPOCH = constant("VAE_EVENT_EPOCH")
STEP_CLIPPED = constant("VAE_STEP_CLIPPED")
STEP_REFUSED = constant("VAE_STEP_REFUSED")
STEP_EPOCH_END = constant("VAE_STEP_EPOCH_END")
