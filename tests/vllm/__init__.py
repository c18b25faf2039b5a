"""Tests against a real vLLM on the processor, kept alive by `wardline models serve`: `make test-vllm`."""
