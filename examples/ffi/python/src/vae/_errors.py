"""Statuses of the library as exceptions."""

from __future__ import annotations


class Error(Exception):
    """A call failed. str() is the library's message; `status` its number, `name` the number's name."""

    status: int = 0
    name: str = ""

    def __init__(self, message: str, status: int = 0, name: str = "") -> None:
        super().__init__(message)
        self.status = status or type(self).status
        self.name = name or type(self).__name__

    def __reduce__(self):  # so that an error of a worker process reaches its parent
        return type(self), (str(self), self.status, self.name)


class ArgumentError(Error, ValueError):
    """A number out of range, or a call at a wrong time."""


class WidthError(Error, ValueError):
    """Rows are not as wide as the model, the data set or the latent."""


class DataError(Error, ValueError):
    """NaN, infinity, or a value that the likelihood does not take."""


class MismatchError(Error, ValueError):
    """Handles of different models, such as the optimizer of another one."""


class TextError(Error, ValueError):
    """An unknown, malformed or contradictory spec or option."""


class FileError(Error, OSError):
    """A file cannot be opened, read or written."""

    def __str__(self) -> str:
        return str(self.args[0])


class FormatError(Error, ValueError):
    """A file was read but is not what it should be."""


class LimitError(Error, MemoryError):
    """The context's memory_limit would be exceeded."""


class OutOfMemoryError(Error, MemoryError):
    """There is no more memory."""


class DivergedError(Error, ArithmeticError):
    """The ELBO of a row, a gradient or an update is not finite. `report` is the refused step's, where there is one."""

    report = None


class UnsupportedError(Error, NotImplementedError):
    """This model or this build cannot do that."""


class InternalError(Error, RuntimeError):
    """A defect of the library; please report it."""


class ClosedError(Error, ValueError):
    """The handle was closed."""


class BusyError(Error, RuntimeError):
    """Another thread uses the handle in a way that needs it alone."""


BY_NAME = {
    "VAE_ERROR_ARGUMENT": ArgumentError,
    "VAE_ERROR_WIDTH": WidthError,
    "VAE_ERROR_DATA": DataError,
    "VAE_ERROR_MISMATCH": MismatchError,
    "VAE_ERROR_TEXT": TextError,
    "VAE_ERROR_FILE": FileError,
    "VAE_ERROR_FORMAT": FormatError,
    "VAE_ERROR_LIMIT": LimitError,
    "VAE_ERROR_MEMORY": OutOfMemoryError,
    "VAE_ERROR_DIVERGED": DivergedError,
    "VAE_ERROR_UNSUPPORTED": UnsupportedError,
    "VAE_ERROR_INTERNAL": InternalError,
}
