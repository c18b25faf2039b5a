from faster_whisper.tokenizer import Tokenizer

def get_suppressed_tokens(
    tokenizer: Tokenizer, suppress_tokens: tuple[int, ...]
) -> tuple[int, ...]: ...
