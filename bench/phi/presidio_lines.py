"""Presidio's pattern recognisers behind the JSON-lines protocol: `python -m bench.phi.presidio_lines`.

No language model: a blank tokeniser, so that what is compared is what a machine without downloads can run.
Knows nothing of the labelled set.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any


def analyzer() -> Any:
    """An engine for English and Spanish without any model."""
    # Imported by name: an optional package, of which mypy need not know on a machine without it.
    spacy: Any = import_module("spacy")
    presidio: Any = import_module("presidio_analyzer")
    suffixes: Any = import_module("tldextract")
    # The shipped list of domain endings; otherwise the first address found is looked up on the network.
    suffixes.extract = suffixes.TLDExtract(suffix_list_urls=(), cache_dir=None)
    engine = presidio.nlp_engine.SpacyNlpEngine(
        models=[{"lang_code": lang, "model_name": lang} for lang in ("en", "es")]
    )
    engine.nlp = {lang: spacy.blank(lang) for lang in ("en", "es")}
    registry = presidio.RecognizerRegistry(supported_languages=["en", "es"])
    registry.load_predefined_recognizers(languages=["en", "es"])
    for recognizer in list(registry.recognizers):
        if "Spacy" in recognizer.name:
            registry.remove_recognizer(recognizer.name)
    return presidio.AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=["en", "es"]
    )


def redact(engine: Any, text: str, lang: str) -> str:
    """Each finding becomes `<TYPE>`, the widest first where they overlap."""
    found = sorted(
        engine.analyze(text=text, language=lang), key=lambda one: (one.start, -(one.end))
    )
    out, at = [], 0
    for one in found:
        if one.start < at:
            continue
        out += [text[at : one.start], f"<{one.entity_type}>"]
        at = one.end
    return "".join([*out, text[at:]])


def main() -> None:
    """Answer until the input ends."""
    engine = analyzer()
    redact(
        engine, "warm up for jo@example.org", "en"
    )  # the first record would be charged for loading lists
    for line in sys.stdin:
        asked = json.loads(line)
        began_ns = time.perf_counter_ns()
        text = redact(engine, asked["text"], asked.get("lang", "en"))
        spent_us = (time.perf_counter_ns() - began_ns) / 1000
        print(json.dumps({"text": text, "us": spent_us}), flush=True)


if __name__ == "__main__":
    main()
