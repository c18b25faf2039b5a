"""Writes a small ONNX model without the onnx package: the few messages of onnx.proto3 that a test voice needs.

Knows the wire format of protocol buffers and the field numbers of ONNX, and nothing about voices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float32": 1, "int8": 3, "int64": 7}
"""`TensorProto.DataType`."""
_OPSET = 17
_IR_VERSION = 9
_ATTRIBUTE_INT = 2
_VARINT, _LENGTH = 0, 2


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH) + _varint(len(data)) + data


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    kind = _number(2, _TYPES[array.dtype.name])
    return dims + kind + _text(8, name) + _message(9, np.ascontiguousarray(array).tobytes())


def _value(name: str, kind: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _message(1, _number(1, size) if isinstance(size, int) else _text(2, size)) for size in shape
    )
    return _text(1, name) + _message(2, _message(1, _number(1, _TYPES[kind]) + _message(2, dims)))


class Graph:
    """Nodes and constants in the order they are added."""

    def __init__(self, name: str) -> None:
        """Begin an empty graph."""
        self._name = name
        self._parts: list[bytes] = []
        self._constants = 0

    def constant(self, array: NDArray[Any]) -> str:
        """A tensor of the model; returns its name."""
        self._constants += 1
        name = f"constant_{self._constants}"
        self._parts.append(_message(5, _tensor(name, array)))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        """One operation; returns the name of what comes out."""
        node = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, op)
        for name, value in attributes.items():
            found = _text(1, name) + _number(3, value) + _number(20, _ATTRIBUTE_INT)
            node += _message(5, found)
        self._parts.append(_message(1, node))
        return output

    def takes(self, name: str, kind: str, shape: Sequence[int | str]) -> None:
        """Declare an input."""
        self._parts.append(_message(11, _value(name, kind, shape)))

    def gives(self, name: str, kind: str, shape: Sequence[int | str]) -> None:
        """Declare an output."""
        self._parts.append(_message(12, _value(name, kind, shape)))

    def model(self) -> bytes:
        """The whole file."""
        graph = _text(2, self._name) + b"".join(self._parts)
        opset = _text(1, "") + _number(2, _OPSET)
        return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, opset)
