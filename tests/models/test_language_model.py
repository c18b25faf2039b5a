"""Reading the stock model and mixing it with the clinic's sentences."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest

from models.clinic_language import ClinicLanguage, SentenceGroup
from models.errors import EngineUnavailable
from models.language_model import BuiltModel, build, model_for
from models.stock_model import StockModel, read_stock_model

STOCK = Path(pocketsphinx.get_model_path("en-us"))
LANGUAGE = ClinicLanguage(
    (SentenceGroup("one", 1, ("i need an MRI {day}", "{day} please")),),
    {"day": ("monday", "tuesday")},
    urgent=("chest pain",),
    pronunciations={"metformin": "M EH T F AO R M IH N"},
    samples=40,
)


@pytest.fixture(scope="module")
def stock() -> StockModel:
    return read_stock_model(STOCK / "en-us.lm.bin")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltModel:
    return build(LANGUAGE, tmp_path_factory.mktemp("cache"), STOCK)


def read_arpa(path: Path) -> list[dict[tuple[str, ...], tuple[float, float]]]:
    orders: list[dict[tuple[str, ...], tuple[float, float]]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.endswith("-grams:"):
            orders.append({})
        elif orders and line and not line.startswith("\\"):
            chance, *words = line.split()
            backoff = float(words.pop()) if len(words) > len(orders) else 0.0
            orders[-1][tuple(words)] = (float(chance), backoff)
    return orders


def test_the_stock_model_gives_the_probabilities_its_own_library_gives(stock: StockModel) -> None:
    reference = pocketsphinx.NGramModel.readfile(str(STOCK / "en-us.lm.bin"))
    for index in np.random.default_rng(3).integers(0, len(stock.pair_word), 200):
        words = [stock.words[stock.pair_word[index]], stock.words[stock.pair_history[index]]]
        ours = math.log(stock.pair_probability[index]) / math.log(1.0001)
        assert abs(reference.prob(words) - ours) < 2
    for index in np.random.default_rng(4).integers(0, len(stock.triple_pair), 200):
        pair = stock.triple_pair[index]
        ids = (stock.pair_word[pair], stock.pair_history[pair], stock.triple_history[index])
        ours = math.log(stock.triple_probability[index]) / math.log(1.0001)
        assert abs(reference.prob([stock.words[i] for i in ids]) - ours) < 2


@pytest.mark.parametrize("size", [0, 10, 40, 5_000, 4_000_000, 20_000_000])
def test_a_stock_model_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    cut = tmp_path / "en-us.lm.bin"
    cut.write_bytes((STOCK / "en-us.lm.bin").read_bytes()[:size])
    with pytest.raises(EngineUnavailable, match="reinstall"):
        read_stock_model(cut)


def test_the_mixture_prefers_the_clinic_and_knows_general_english(built: BuiltModel) -> None:
    one, two, three = read_arpa(built.language_model)
    assert ("<s>",) in one
    assert two["an", "mri"][0] > -1
    assert three["<s>", "tuesday", "please"][0] > -1
    assert ("weather",) in one
    assert ("the", "same") in two


def test_the_mixture_is_a_probability_distribution(built: BuiltModel) -> None:
    one, two, three = read_arpa(built.language_model)
    words = [word for word in one if word != ("<s>",)]
    assert abs(sum(10 ** one[word][0] for word in words) - 1) < 0.01

    def pair(history: str, word: str) -> float:
        if (history, word) in two:
            return two[history, word][0]
        return one[history,][1] + one[word,][0]

    def triple(first: str, second: str, word: str) -> float:
        if (first, second, word) in three:
            return three[first, second, word][0]
        return two[first, second][1] + pair(second, word)

    for history in ("<s>", "need", "the", "please", "weather"):
        total = sum(10 ** pair(history, word) for (word,) in words)
        assert abs(total - 1) < 0.02, history
    for first, second in (("<s>", "i"), ("an", "mri"), ("i", "need")):
        total = sum(10 ** triple(first, second, word) for (word,) in words)
        assert abs(total - 1) < 0.02, (first, second)


def test_the_dictionary_holds_exactly_the_words_of_the_model(built: BuiltModel) -> None:
    one, *_ = read_arpa(built.language_model)
    lines = built.dictionary.read_text(encoding="latin-1").splitlines()
    heard = {line.split()[0].split("(")[0] for line in lines if not line.split()[0].startswith("(")}
    assert heard == {word for (word,) in one} - {"<s>", "</s>"}
    assert "mri EH M AA R AY" in lines or any(
        line.startswith("mri(") and line.endswith("EH M AA R AY") for line in lines
    )


def test_equal_content_is_built_once_and_other_content_elsewhere(
    tmp_path: Path, built: BuiltModel
) -> None:
    cache = built.directory.parent
    before = built.language_model.stat().st_mtime_ns
    assert build(LANGUAGE, cache, tmp_path / "no-stock-needed") == built
    assert built.language_model.stat().st_mtime_ns == before
    other = ClinicLanguage(LANGUAGE.groups, LANGUAGE.words, urgent=("stroke",), samples=40)
    assert model_for(other, cache) != built
    assert [path for path in cache.iterdir() if path != built.directory] == []
