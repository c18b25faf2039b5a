"""What onnxruntime raises: its kinds have no common ancestor, and each release may add one."""

from __future__ import annotations

from importlib import import_module

_DECLARED = vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()

ONNX_FAULTS: tuple[type[Exception], ...] = (
    *(kind for kind in _DECLARED if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,  # what its C++ side throws undeclared
    ValueError,  # an input that the model does not name
)
