"""Makes the durations inside a voice's ONNX file an output, so that word times can be told.

A voice as published gives only audio; how long each of its sounds lasts is what its single Ceil node puts out.
Messages of the same field that follow one another are merged by every reader of protocol buffers, so a declaration
appended to the file's bytes is enough, and no ONNX library is needed. Knows no voice and no audio.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_OUTPUT, _NODE_OPERATION = 2, 4
_VALUE_NAME = 1
"""Field numbers of onnx.proto3."""


def with_durations(model: bytes) -> tuple[bytes, str | None]:
    """The model with its durations as a further output, and the output's name; None where they are not to be found.

    Raises ValueError when these bytes are no ONNX model.
    """
    ceilings: list[str] = []
    declared: list[str] = []
    whole = memoryview(model)
    graphs = [value for field, value in _fields(whole) if field == _MODEL_GRAPH]
    if not graphs:
        raise ValueError("no graph")
    for graph in graphs:
        for field, value in _fields(graph):
            if field == _GRAPH_NODE:
                parts = list(_fields(value))
                if any(at == _NODE_OPERATION and bytes(part) == b"Ceil" for at, part in parts):
                    ceilings += [_text(part) for at, part in parts if at == _NODE_OUTPUT]
            elif field == _GRAPH_OUTPUT:
                declared += [_text(part) for at, part in _fields(value) if at == _VALUE_NAME]
    if len(ceilings) != 1:
        return model, None
    name = ceilings[0]
    if name in declared:
        return model, name
    value_info = _message(_VALUE_NAME, name.encode())
    return model + _message(_MODEL_GRAPH, _message(_GRAPH_OUTPUT, value_info)), name


def _text(data: memoryview) -> str:
    return bytes(data).decode()


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Field number and content of every field; numbers have no content."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        start = at
        if kind == _VARINT:
            _, at = _varint(data, at)
            start = at
        elif kind == _LENGTH:
            length, start = _varint(data, at)
            at = start + length
        elif kind in (_FIXED32, _FIXED64):
            at = start = at + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError("not a protocol buffer")
        if at > end:
            raise ValueError("cut short")
        yield key >> 3, data[start:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("not a protocol buffer")


def _message(field: int, content: bytes) -> bytes:
    return _number(field << 3 | _LENGTH) + _number(len(content)) + content


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
