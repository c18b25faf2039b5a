"""Mixes what callers of this clinic say with general English into one n-gram model, cached by content.

A clinic-only model hears its own sentences in everything; the stock model alone misses names, drugs
and numbers. The mixture interpolates both (Witten-Bell smoothing for the clinic half). It is built
once per content, by `python -m models.language_model CACHE_DIRECTORY` with the clinic language as
JSON on standard input, because building holds the interpreter lock for seconds. What the sentences
mean, and who wrote them, is not known here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.clinic_language import ClinicLanguage, corpus
from models.errors import EngineUnavailable
from models.lexicon import Lexicon, abbreviations, words_of
from models.offline import refuse_network
from models.stock_model import Floats, Ints, StockModel, read_stock_model

_VERSION = 1  # raise it when the same input would give another model
CLINIC_SHARE = 0.5
STOCK_WORDS = 14_000
"""General vocabulary kept: more words cost decoding time and invite confusion."""
_FLOOR = 1e-9
_UNSEEN_WORD = 1e-7
_WORTH_PAIR = 2e-8
_WORTH_TRIPLE = 1e-7
"""Joint probability below which a stock n-gram is left to its backoff."""


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """The files a decoder needs; both lie in one directory named after the content."""

    directory: Path

    @property
    def language_model(self) -> Path:
        """The n-gram model, in ARPA form."""
        return self.directory / "mixed.arpa"

    @property
    def dictionary(self) -> Path:
        """Pronunciations of exactly the words in the model."""
        return self.directory / "words.dict"

    def exists(self) -> bool:
        """True when it was built before: the directory appears in one step."""
        return self.language_model.is_file() and self.dictionary.is_file()


def model_for(language: ClinicLanguage, cache_directory: Path) -> BuiltModel:
    """Where the model of this language lies or will lie."""
    content = f"{_VERSION} {CLINIC_SHARE} {STOCK_WORDS} {language.to_json()}"
    return BuiltModel(cache_directory / hashlib.sha256(content.encode()).hexdigest()[:32])


def build(language: ClinicLanguage, cache_directory: Path, stock_directory: Path) -> BuiltModel:
    """Make the model unless the cache has it; two builders at once do no harm."""
    built = model_for(language, cache_directory)
    if built.exists():
        return built
    sentences = [words_of(sentence) for sentence in corpus(language)]
    lexicon = Lexicon(
        stock_directory / "cmudict-en-us.dict",
        language.pronunciations,
        abbreviations(language.texts()),
    )
    stock = read_stock_model(stock_directory / "en-us.lm.bin")
    mixture = _Mixture(stock, sentences, lexicon)
    try:
        cache_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=cache_directory))
    except OSError as error:
        raise EngineUnavailable(
            f"the speech cache {cache_directory} cannot be written ({error.strerror})"
        ) from None
    try:
        mixture.write(scratch / built.language_model.name)
        _write_dictionary(scratch / built.dictionary.name, mixture.words, lexicon)
        try:
            os.rename(scratch, built.directory)
        except OSError:
            if not built.exists():
                raise EngineUnavailable(f"cannot write {built.directory}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return built


def _write_dictionary(path: Path, words: list[str], lexicon: Lexicon) -> None:
    lines = []
    for word in words:
        if word in ("<s>", "</s>"):
            continue
        for index, phones in enumerate(dict.fromkeys(lexicon.pronounce(word))):
            lines.append(f"{word}({index + 1}) {phones}" if index else f"{word} {phones}")
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")


class _Table:
    """Numbers under sorted integer keys."""

    def __init__(self, keys: Ints, values: Floats) -> None:
        order = np.argsort(keys)
        self.keys, self.values = keys[order], values[order]

    def find(self, keys: Ints, absent: Floats | float) -> Floats:
        """The value of each key, `absent` where there is none."""
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: Floats = np.where(self.keys[place] == keys, self.values[place], absent)
        return found


class _Mixture:
    """Both halves on one vocabulary. A pair (a, b) has the key a*V+b, a triple (a*V+b)*V+c."""

    def __init__(self, stock: StockModel, sentences: list[list[str]], lexicon: Lexicon) -> None:
        clinic_words = {word for sentence in sentences for word in sentence}
        general = [
            stock.words[index]
            for index in np.argsort(-stock.probability)[:STOCK_WORDS]
            if stock.words[index] in lexicon
        ]
        self.words = sorted({*clinic_words, *general, "<s>", "</s>"})
        self._count = len(self.words)
        ids = {word: index for index, word in enumerate(self.words)}
        self._start, self._end = ids["<s>"], ids["</s>"]
        self._read_stock(stock, ids)
        self._count_clinic([[ids[word] for word in sentence] for sentence in sentences])
        self._mix()

    def _read_stock(self, stock: StockModel, ids: dict[str, int]) -> None:
        count = self._count
        ours = np.array([ids.get(word, -1) for word in stock.words], np.int64)
        kept = ours >= 0
        self._g1 = np.full(count, _UNSEEN_WORD)
        self._g1[ours[kept]] = stock.probability[kept]
        self._g1[self._start] = 0.0
        self._g1_backoff = np.ones(count)
        self._g1_backoff[ours[kept]] = stock.backoff[kept]
        history, word = ours[stock.pair_history], ours[stock.pair_word]
        both = (history >= 0) & (word >= 0)
        key = history * count + word
        self._g2 = _Table(key[both], stock.pair_probability[both])
        self._g2_backoff = _Table(key[both], stock.pair_backoff[both])
        first = ours[stock.triple_history]
        all_three = (first >= 0) & both[stock.triple_pair]
        self._g3 = _Table(
            first[all_three] * count**2 + key[stock.triple_pair[all_three]],
            stock.triple_probability[all_three],
        )

    def _count_clinic(self, sentences: list[list[int]]) -> None:
        count = self._count
        flat = np.array([i for one in sentences for i in (self._start, *one, self._end)], np.int64)
        start = flat == self._start
        word = flat[~start]
        pair = (flat[:-1] * count + flat[1:])[~start[1:]]
        triple = (flat[:-2] * count**2 + flat[1:-1] * count + flat[2:])[~start[1:-1] & ~start[2:]]
        times = np.bincount(word, minlength=count).astype(np.float64)
        known = times > 0
        times[known] += 0.5
        self._c1 = times / times.sum()
        self._pairs = _Counts(pair, count)
        self._triples = _Counts(triple, count)

    def _clinic2(self, key: Ints) -> Floats:
        return self._pairs.smooth(key, self._c1[key % self._count], self._count)

    def _clinic3(self, key: Ints) -> Floats:
        return self._triples.smooth(key, self._clinic2(key % self._count**2), self._count)

    def _stock2(self, key: Ints) -> Floats:
        backed_off = self._g1_backoff[key // self._count] * self._g1[key % self._count]
        return self._g2.find(key, backed_off)

    def _stock3(self, key: Ints) -> Floats:
        lower = self._stock2(key % self._count**2)
        return self._g3.find(key, self._g2_backoff.find(key // self._count, 1.0) * lower)

    def _mix(self) -> None:
        count, share = self._count, CLINIC_SHARE
        one = np.maximum(_FLOOR, share * self._c1 + (1 - share) * self._g1)
        one[self._start] = 0.0
        self._p1 = one / one.sum()

        triple = np.union1d(self._triples.keys, self._worthy_triples())
        pair = np.union1d(
            np.union1d(self._pairs.keys, self._worthy_pairs()),
            np.union1d(triple // count, triple % count**2),
        )
        pair = pair[(pair % count != self._start) & (pair // count != self._end)]
        self._p2 = _Table(pair, share * self._clinic2(pair) + (1 - share) * self._stock2(pair))
        self._b1 = _backoffs(pair // count, self._p2.values, self._p1[pair % count], count)

        triple = triple[np.isin(triple // count, pair) & np.isin(triple % count**2, pair)]
        self._p3 = _Table(
            triple, share * self._clinic3(triple) + (1 - share) * self._stock3(triple)
        )
        history = np.searchsorted(self._p2.keys, triple // count)
        lower = self._p2.find(triple % count**2, _FLOOR)
        self._b2 = _backoffs(history, self._p3.values, lower, len(pair))

    def _worthy_pairs(self) -> Ints:
        """Stock pairs that say clearly more than their words alone, and are not rare."""
        key, chance = self._g2.keys, self._g2.values
        joint = self._g1[key // self._count] * chance
        return key[(chance > 1.5 * self._g1[key % self._count]) & (joint > _WORTH_PAIR)]

    def _worthy_triples(self) -> Ints:
        key, chance = self._g3.keys, self._g3.values
        history = key // self._count
        joint = self._g1[history // self._count] * self._g2.find(history, 0.0) * chance
        wanted = np.isin(history, self._pairs.keys) | (
            (joint > _WORTH_TRIPLE) & (chance > 1.5 * self._stock2(key % self._count**2))
        )
        return key[wanted]

    def write(self, path: Path) -> None:
        """The mixture as an ARPA file."""
        words, count = self.words, self._count
        one = zip(words, _logs(self._p1), _logs(self._b1), strict=True)
        two = zip(self._p2.keys.tolist(), _logs(self._p2.values), _logs(self._b2), strict=True)
        three = zip(self._p3.keys.tolist(), _logs(self._p3.values), strict=True)
        parts = [
            f"\\data\\\nngram 1={count}\nngram 2={len(self._p2.keys)}\nngram 3={len(self._p3.keys)}\n",
            "\\1-grams:",
            # every hypothesis is empty when <s> is not among the unigrams
            *(f"{'-99' if w == '<s>' else p} {w} {b}" for w, p, b in one),
            "\n\\2-grams:",
            *(f"{p} {words[k // count]} {words[k % count]} {b}" for k, p, b in two),
            "\n\\3-grams:",
            *(
                f"{p} {words[k // count**2]} {words[k // count % count]} {words[k % count]}"
                for k, p in three
            ),
            "\n\\end\\\n",
        ]
        path.write_text("\n".join(parts), encoding="latin-1")


class _Counts:
    """n-gram counts with Witten-Bell smoothing towards the next lower order."""

    def __init__(self, keys: Ints, count: int) -> None:
        self.keys, times = np.unique(keys, return_counts=True)
        history, place = np.unique(self.keys // count, return_inverse=True)
        self._times = _Table(self.keys, times.astype(np.float64))
        self._total = _Table(history, np.bincount(place, weights=times).astype(np.float64))
        self._types = _Table(history, np.bincount(place).astype(np.float64))

    def smooth(self, keys: Ints, lower: Floats, count: int) -> Floats:
        """Probability of each n-gram given the probabilities of its lower order."""
        total, types = (table.find(keys // count, 0.0) for table in (self._total, self._types))
        mass = np.where(total > 0, total + types, 1.0)
        seen = (self._times.find(keys, 0.0) + types * lower) / mass
        found: Floats = np.where(total > 0, seen, lower)
        return found


def _backoffs(history: Ints, upper: Floats, lower: Floats, count: int) -> Floats:
    """What each history has left for words not listed, over what those words have below."""
    given = np.bincount(history, weights=upper, minlength=count)
    below = np.bincount(history, weights=lower, minlength=count)
    found: Floats = np.maximum(1e-4, 1 - given) / np.maximum(1e-4, 1 - below)
    found[given == 0] = 1.0
    return found


def _logs(values: Floats) -> list[str]:
    return [f"{value:.4f}" for value in np.log10(np.maximum(values, 1e-10)).tolist()]


def main() -> int:
    """Build from standard input; the exit status says whether the cache now has the model."""
    import pocketsphinx  # here, so that reading the paths of a cache needs no engine

    language = ClinicLanguage.from_json(sys.stdin.read())
    stock_directory = Path(pocketsphinx.get_model_path("en-us"))
    try:
        build(language, Path(sys.argv[1]), stock_directory)
    except EngineUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    refuse_network()
    sys.exit(main())
