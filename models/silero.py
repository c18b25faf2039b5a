"""Silero voice activity: one shared ONNX session, a recurrent state per call."""
