#!/bin/sh
# Measures this machine's card at the engines' shapes, with random weights and torch alone; writes JSON.
#   bench/gpu.sh [--out FILE] [--only whisper|llm|piper] [--rounds N]
# Python: $PYTHON, else .venv-gpu or vLLM's environment where there is one. About ten minutes on a card.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-}
for each in .venv-gpu/bin/python /opt/vllm/bin/python; do
  if [ -z "$python" ] && [ -x "$each" ]; then python=$each; fi
done
exec "${python:-python3}" -m bench.gpu "$@"
