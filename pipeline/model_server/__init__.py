"""Keeps the language model's server (vLLM, a program in an environment of its own) running on loopback."""
