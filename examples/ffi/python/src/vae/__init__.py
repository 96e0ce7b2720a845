"""libvae: trains, evaluates and runs variational autoencoders on the CPU.

    import vae
    model = vae.VAE(latent=8, epochs=20).fit(X)     # scikit-learn's way
    z = model.transform(X)

    data = vae.Dataset.from_array(X, batch=128)     # the library's handles, with all of its functions
    model = vae.Model(data.spec + "\\n latent=8 encoder=[dense 64, relu] decoder=[dense 64, relu]")
"""

from typing import Any

from ._errors import (
    ArgumentError,
    BusyError,
    ClosedError,
    DataError,
    DivergedError,
    Error,
    FileError,
    FormatError,
    InternalError,
    LimitError,
    MismatchError,
    OutOfMemoryError,
    TextError,
    UnsupportedError,
    WidthError,
)
from ._handles import Context, Dataset, Evaluation, Model, Optimizer
from ._library import STEP_CLIPPED, STEP_EPOCH_END, STEP_REFUSED, StepReport, build_info, constant, version

__version__ = version()

__all__ = [
    "ArgumentError", "BusyError", "ClosedError", "Context", "DataError", "Dataset", "DivergedError", "Error",
    "Evaluation", "FileError", "FormatError", "InternalError", "LimitError", "MismatchError", "Model", "Optimizer",
    "OutOfMemoryError", "STEP_CLIPPED", "STEP_EPOCH_END", "STEP_REFUSED", "StepReport", "TextError",
    "UnsupportedError", "VAE", "WidthError", "build_info", "constant", "from_torch", "version",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """VAE and from_torch are imported when they are first used: scikit-learn and torch take long to load."""
    if name == "VAE":
        from ._estimator import VAE

        return VAE
    if name == "from_torch":
        from ._torch import from_torch

        return from_torch
    raise AttributeError("module 'vae' has no attribute %r" % name)
