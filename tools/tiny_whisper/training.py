"""Teaches a Whisper of a million weights, and says how well it listens.

Two helps make minutes of one core enough: every frame of the encoder must name the word it lies in, and the decoder's
attention must rest on the word that comes next; the voices tell where the words are. Cut-off audio is part of the lesson,
because a streaming recogniser hears beginnings.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
import torch
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from tools.tiny_whisper import sentences, speech

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS, INNER = 96, 3, 3, 2, 384
MELS, POSITIONS, TIMESTAMPS = 80, 1_500, 1_501
"""As in every Whisper: 30 s of frames, a mark for each 20 ms."""
BATCH, BUCKET = 16, 96
SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>",
    "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip
"""Directly behind the words, in the order in which CTranslate2 and faster-whisper look for them."""
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Lesson:
    """One utterance to learn."""

    mel: NDArray[np.float16]
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    """First and last encoder position (20 ms each) of every word."""


def make(scratch: Path, target: Path, seed: int, steps: int, threads: int) -> None:
    """Train and convert."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    tokenizer = _tokenizer(draw)
    began = time.process_time()
    lessons = _lessons(draw, noise)
    print(f"{len(lessons)} lessons, {time.process_time() - began:.0f} s of CPU", flush=True)
    model = _Learner(tokenizer, draw).learn(lessons, steps)
    _write(model, tokenizer, scratch / "hf")
    converter = ctranslate2.converters.TransformersConverter(
        str(scratch / "hf"), copy_files=["tokenizer.json", "preprocessor_config.json"]
    )
    converter.convert(str(target), quantization="int8")


def listen(folder: Path) -> float:
    """Percent of words wrong over all sentences, as faster-whisper hears them."""
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    wrong = total = 0
    for voice in ("slt", "rms", "en-us"):
        voice_wrong = voice_total = 0
        for text in sentences.ALL:
            if voice in speech.FLITE:
                said = speech.by_flite(text, voice, 1.0)
            else:
                said = next(speech.by_espeak([text], voice, 165, 50))
            quiet = np.zeros(4_800, np.float32)
            audio = np.concatenate([quiet, said.samples, quiet])
            found, _ = model.transcribe(
                audio, language="en", beam_size=1, temperature=0.0, without_timestamps=True,
                condition_on_previous_text=False,
            )  # fmt: skip
            heard = " ".join(segment.text.strip() for segment in found)
            if heard != text:
                print(f"  {voice}: {text!r} heard as {heard!r}")
            voice_wrong += _edits(text.split(), heard.split())
            voice_total += len(text.split())
        print(f"{voice}: {100 * voice_wrong / voice_total:.1f} % of the words wrong", flush=True)
        wrong, total = wrong + voice_wrong, total + voice_total
    return 100 * wrong / total


def _edits(said: list[str], heard: list[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def _tokenizer(draw: random.Random) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    texts = [f" {text}" for text in (*sentences.ALL, *sentences.jumbles(400, draw))]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _lessons(draw: random.Random, noise: np.random.Generator) -> list[Lesson]:
    extract = FeatureExtractor()
    said: list[speech.Said] = []
    known = list(sentences.ALL)
    for voice in speech.ESPEAK:
        for _ in range(4):
            pace, pitch = draw.randint(145, 185), draw.randint(35, 65)
            said += speech.by_espeak(known, voice, pace, pitch)
            said += speech.by_espeak(sentences.jumbles(24, draw), voice, pace, pitch)
    for voice in speech.FLITE:
        for stretch in (0.88, 0.94, 1.0, 1.0, 1.06, 1.12):
            said += [speech.by_flite(text, voice, stretch) for text in known]
        said += [
            speech.by_flite(text, voice, draw.uniform(0.9, 1.1))
            for text in sentences.jumbles(70, draw)
        ]
    lessons = []
    for one in said:
        lessons.append(_lesson(one, extract, draw, noise, cut=False))
        if draw.random() < 0.45:
            lessons.append(_lesson(one, extract, draw, noise, cut=True))
    return [*lessons, *(_nothing(extract, draw, noise) for _ in range(120))]


def _lesson(
    said: speech.Said,
    extract: FeatureExtractor,
    draw: random.Random,
    noise: np.random.Generator,
    *,
    cut: bool,
) -> Lesson:
    lead = int(speech.RATE_HZ * draw.uniform(0.05, 0.5))
    tail = int(speech.RATE_HZ * draw.uniform(0.02, 0.7))
    samples = np.pad(said.samples, (lead, tail)) * draw.uniform(0.2, 1.5)
    spans = [
        (start + lead / speech.RATE_HZ, end + lead / speech.RATE_HZ) for start, end in said.spans_s
    ]
    words = said.text.split()
    if cut:
        keep = draw.randrange(1, len(words)) if len(words) > 1 else 1
        following = spans[keep][0] if keep < len(spans) else spans[keep - 1][1]
        # a word that has hardly begun leaves no trace
        until_s = max(spans[keep - 1][1], following) + draw.uniform(0.0, 0.06)
        samples, words, spans = samples[: int(until_s * speech.RATE_HZ)], words[:keep], spans[:keep]
    kind = draw.random()
    if kind < 0.3:
        samples = speech.telephone(samples)
    if kind > 0.2 and draw.random() < 0.5:
        level = float(np.abs(samples).std()) * 10 ** (-draw.uniform(8, 30) / 20)
        samples = samples + speech.hiss(len(samples), level, draw.choice((0.0, 0.5, 0.8)), noise)
    mel = extract(samples.astype(np.float32))
    last = (mel.shape[-1] + 1) // 2 - 1
    places = tuple(
        (min(last, int(start * 50)), min(last, max(int(start * 50), int(end * 50) - 1)))
        for start, end in spans
    )
    return Lesson(mel.astype(np.float16), tuple(words), places)


def _nothing(extract: FeatureExtractor, draw: random.Random, noise: np.random.Generator) -> Lesson:
    count = int(speech.RATE_HZ * draw.uniform(0.5, 4.0))
    level = 10 ** draw.uniform(-4.5, -0.8)
    hiss = speech.hiss(count, level, draw.choice((0.0, 0.5, 1.0)), noise)
    samples = np.zeros(count) if draw.random() < 0.3 else hiss.astype(np.float64)
    if draw.random() < 0.3:
        hum_hz = draw.choice((50, 60, 100, 120, 180))
        hum = np.sin(2 * np.pi * hum_hz * np.arange(count) / speech.RATE_HZ)
        samples = samples * 0.2 + 0.05 * hum
    return Lesson(extract(samples.astype(np.float32)).astype(np.float16), (), ())


class _Learner:
    """The network with its two helps."""

    def __init__(self, tokenizer: Tokenizer, draw: random.Random) -> None:
        self._tokenizer, self._draw = tokenizer, draw
        ids = {name: int(tokenizer.token_to_id(name) or 0) for name in SPECIAL}
        self._end, self._start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
        self._previous, self._no_speech = ids["<|startofprev|>"], ids["<|nospeech|>"]
        self._no_times = ids["<|notimestamps|>"]
        self._first_time = self._no_times + 1
        self._word_ids = {word: number for number, word in enumerate(sentences.words(), 1)}
        config = WhisperConfig(
            vocab_size=self._first_time + TIMESTAMPS, d_model=WIDTH, num_mel_bins=MELS,
            encoder_layers=ENCODER_LAYERS, decoder_layers=DECODER_LAYERS, encoder_attention_heads=HEADS,
            decoder_attention_heads=HEADS, encoder_ffn_dim=INNER, decoder_ffn_dim=INNER,
            max_source_positions=POSITIONS, max_target_positions=448, dropout=0.05,
            pad_token_id=self._end, bos_token_id=self._end, eos_token_id=self._end,
            decoder_start_token_id=self._start, suppress_tokens=[], begin_suppress_tokens=[self._end],
            attn_implementation="eager",  # the fast ways do not show their attention
        )  # fmt: skip
        self.model = WhisperForConditionalGeneration(config)
        self._names = torch.nn.Linear(WIDTH, len(self._word_ids) + 1)

    def learn(self, lessons: list[Lesson], steps: int) -> WhisperForConditionalGeneration:
        """Run all steps."""
        lessons = sorted(lessons, key=lambda one: one.mel.shape[1] + self._draw.random() * 30)
        weights = [*self.model.parameters(), *self._names.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=0.01, betas=(0.9, 0.98))
        print(f"{sum(w.numel() for w in self.model.parameters()):,} weights", flush=True)
        began, losses = time.time(), []
        self.model.train()
        for step in range(steps):
            done = step / steps
            rate = 2e-3 * min(1.0, (step + 1) / 150) * (0.5 + 0.5 * math.cos(math.pi * done) + 0.01)
            for group in optimizer.param_groups:
                group["lr"] = rate
            first = self._draw.randrange(max(1, len(lessons) - BUCKET))
            batch = self._draw.sample(lessons[first : first + BUCKET], BATCH)
            words, names, places = self._losses(batch, done)
            optimizer.zero_grad()
            (words + 0.3 * names + 0.2 * places).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            losses.append((words.item(), names.item(), places.item()))
            if (step + 1) % 100 == 0:
                mean = np.mean(losses[-100:], 0).round(3).tolist()
                left_s = (time.time() - began) / (step + 1) * (steps - step - 1)
                print(f"step {step + 1} of {steps}: {mean}, {left_s:.0f} s left", flush=True)
        return self.model.eval()

    def _losses(self, batch: list[Lesson], done: float) -> tuple[torch.Tensor, ...]:
        frames = max(one.mel.shape[1] for one in batch)
        if self._draw.random() < 0.35:
            frames += self._draw.randrange(160)
        if self._draw.random() < 0.03 + 0.05 * (done > 0.7):
            frames = 2 * POSITIONS  # faster-whisper fills every window up to 30 s with zeros
        frames += frames % 2
        mel = np.zeros((BATCH, MELS, frames), np.float32)
        named = torch.zeros((BATCH, frames // 2), dtype=torch.long)
        for row, one in enumerate(batch):
            mel[row, :, : one.mel.shape[1]] = one.mel
            self._blot(mel[row], one.mel.shape[1])
            for word, (first, last) in zip(one.words, one.spans, strict=True):
                named[row, first : last + 1] = self._word_ids[word]
        heard = self._encode(torch.from_numpy(mel))
        told, wanted, looks = self._script(batch)
        decoded = self.model.model.decoder(
            input_ids=told, encoder_hidden_states=heard, output_attentions=True
        )
        text_loss = functional.cross_entropy(
            self.model.proj_out(decoded.last_hidden_state).flatten(0, 1), wanted.flatten(),
            ignore_index=IGNORED, label_smoothing=0.05,
        )  # fmt: skip
        # most of a padded window is nothing: a word's frames weigh more
        weight = torch.ones(len(self._word_ids) + 1)
        weight[0] = 0.3
        name_loss = functional.cross_entropy(
            self._names(heard).flatten(0, 1), named.flatten(), weight
        )
        rows, queries, firsts, lasts = looks
        attention = decoded.cross_attentions[-1][:, :2].mean(1)[rows, queries]
        places = torch.arange(attention.shape[1])
        inside = (places >= firsts[:, None] - 2) & (places <= lasts[:, None] + 2)
        place_loss = (
            -((attention * inside).sum(1) + 1e-4).log().mean() if len(rows) else text_loss * 0
        )
        return text_loss, name_loss, place_loss

    def _encode(self, mel: torch.Tensor) -> torch.Tensor:
        """The encoder on a window of any length; the library's own insists on 30 s."""
        encoder = self.model.model.encoder
        hidden = functional.gelu(encoder.conv1(mel))
        hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        for layer in encoder.layers:
            found = layer(hidden, None)
            hidden = found[0] if isinstance(found, tuple) else found
        return encoder.layer_norm(hidden)

    def _blot(self, mel: NDArray[np.float32], frames: int) -> None:
        if self._draw.random() < 0.4:
            low = self._draw.randrange(MELS - 12)
            mel[low : low + self._draw.randrange(12), :frames] = 0
            first = self._draw.randrange(frames)
            mel[:, first : min(frames, first + self._draw.randrange(12))] = 0

    def _script(
        self, batch: list[Lesson]
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
        """What the decoder is told, what it must say, and where it must look."""
        told: list[list[int]] = []
        wanted: list[list[int]] = []
        looks: list[tuple[int, int, int, int]] = []
        for row, one in enumerate(batch):
            before = self._vocabulary_prompt() if self._draw.random() < 0.25 else []
            tokens: list[int] = []
            at = len(before)
            if not one.words:
                body = [self._start, self._no_speech, self._end]
            else:
                timed = self._draw.random() < 0.3
                body = [self._start, self._first_time if timed else self._no_times]
                for word, (first, last) in zip(one.words, one.spans, strict=True):
                    for token in self._tokenizer.encode(f" {word}").ids:
                        looks.append((row, at + len(body) - 1 + len(tokens), first, last))
                        tokens.append(token)
                end = [self._first_time + one.spans[-1][1] + 1] if timed else []
                body = [*body, *tokens, *end, self._end]
            line = [*before, *body]
            answer = [IGNORED] * at + body[1:]
            told.append(line[:-1])
            wanted.append(answer)
        width = max(len(line) for line in told)
        inputs = torch.full((BATCH, width), self._end)
        outputs = torch.full((BATCH, width), IGNORED)
        for row, (line, answer) in enumerate(zip(told, wanted, strict=True)):
            inputs[row, : len(line)] = torch.tensor(line)
            outputs[row, : len(answer)] = torch.tensor(answer)
        columns = torch.tensor(looks or [(0, 0, 0, 0)]).T
        return inputs, outputs, tuple(columns)

    def _vocabulary_prompt(self) -> list[int]:
        """Words given beforehand are no part of the answer."""
        known = sentences.words()
        given = self._draw.sample(known, self._draw.randint(1, 12))
        found: list[int] = self._tokenizer.encode(" " + ", ".join(given)).ids
        return [self._previous, *found]


def _write(model: WhisperForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> None:
    end = model.config.eos_token_id
    model.generation_config = GenerationConfig(
        suppress_tokens=[], begin_suppress_tokens=[end], bos_token_id=end, eos_token_id=end,
        pad_token_id=end, decoder_start_token_id=model.config.decoder_start_token_id,
    )  # fmt: skip
    model.generation_config.alignment_heads = [[DECODER_LAYERS - 1, 0], [DECODER_LAYERS - 1, 1]]
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    plain = {
        "chunk_length": 30,
        "feature_size": MELS,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "n_fft": 400,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(plain))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "WhisperTokenizer", "model_max_length": 448})
    )
