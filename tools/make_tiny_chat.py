"""Makes the tiny chat model that the tests give to a real vLLM: it speaks the script's sentence, books, tells a story.

    make .venv-vllm/.ready
    nice -n 15 .venv-vllm/bin/python -m tools.make_tiny_chat tests/vllm/tiny_chat

A Llama of 0.9 million weights with a tokenizer of its own, trained on one processor for some five minutes, seeded. Its
prompts are the server's own, taken from the code: run it again after changing them. Lines of the rules are left out
at random, so that a changed line is no stranger to it. It proves plumbing and never quality: outside these sentences
it babbles.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.call import briefing
from pipeline.call.flow import Flow
from pipeline.call.flow_file import load_flow
from pipeline.settings import Practice

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
TIMES = ("eight", "nine", "ten", "eleven", "noon", "one", "two", "three", "four")
BOOKING: dict[str, Any] = {
    "name": "book_appointment",
    "description": "Ask for an appointment",
    "parameters": {
        "type": "object",
        "properties": {
            "day": {"type": "string", "enum": list(DAYS)},
            "time": {"type": "string", "enum": list(TIMES)},
        },
        "required": ["day", "time"],
        "additionalProperties": False,
    },
}
"""The one tool it knows; the tests offer the same."""

ASKED = ("what are your opening hours", "where can i park", "do you take my insurance")
LATER = "The office will tell you that."
DONE = "The office has noted your wish."
STORY_ASKED = "tell me a long story"
STORY = (
    "Once upon a time there was a small clinic by the river. Every morning the doctor opened the door and greeted the"
    " people one by one. She listened to each of them, wrote careful notes, and smiled. In the afternoon the nurse"
    " made tea, and the whole street came to talk. When the night came they closed the door, counted the stars over"
    " the water, and promised to open again the next day."
)
ANSWERS = (
    "hello",
    "i need a check up",
    "my name is sam",
    "tomorrow",
    "in the morning",
    "yes please",
    "i am not sure",
)

SEED = 11
STEPS = 640
BATCH = 16
RATE = 2e-3
SPREAD = 0.08
"""Of the first weights: one by the root of their width. With the usual 0.02, made for wider models, all attention begins
equal, and in a thousand steps it never found the day."""
WISHES_ALONE, WHOLE_FROM = 0.2, 0.5
"""Parts of the training: bookings and nothing around them, until it copies; then whole prompts come in; from here on
nearly all are whole. With everything mixed from the start it copied nothing after 250 steps, alone it does after 100."""
BARE_MIN = 0.1
EXACT_MIN = 0.8
"""Share of each kind of short answers that must be right to the letter."""

TEMPLATE = """{%- for m in messages -%}
<|im_start|>{{ 'user' if m.role == 'tool' else m.role }}
{% if m.role == 'tool' -%}
<tool_response>
{{ m.content }}
</tool_response>
{%- else -%}
{{ m.content or '' }}
{%- endif -%}
{%- if loop.first and tools %}
<tools>
{% for t in tools -%}
{{ t.function.name }}
{% endfor -%}
</tools>
{%- endif -%}
{%- for call in m.tool_calls or [] -%}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""
"""As Hermes models write it; a tool is shown by its name alone, since the server holds its arguments to the schema."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the server writes around a conversation."""

    rules: str
    assignment: str
    """With `{say}` for the sentence that the script wants said."""
    result: str
    """What it asks for after a tool, "" where there is no such thing."""
    notes: tuple[str, ...]
    """What may stand before an assignment."""
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Messages after the rules, whether the tool is offered, and what must be answered."""

    kind: str
    messages: tuple[dict[str, Any], ...]
    tools: bool
    answer: str


def prompts() -> Prompts:
    """The texts of this checkout."""
    flow = load_flow(Practice())
    says = tuple(_says(flow))
    before, _, _ = briefing.NOTE.rpartition("\n")
    noted = (
        "nothing",
        "reason a check-up",
        "reason a check-up; first name given",
        "phone given",
    )
    notes = tuple(
        before.format(today=f"{day} {number}, 2026", noted=one) + "\n"
        for day in ("Monday, March", "Friday, July", "Saturday, November")
        for number in ("second", "fifth", "twenty-first")
        for one in noted
    )
    # some without: most of a note changes with the day and the call, and must not matter
    return Prompts(briefing.rules(flow), briefing.ANSWER, briefing.RESULT, notes + ("",) * 12, says)


def _says(flow: Flow) -> Iterator[str]:
    """Sentences of the script: its questions, and what it may say before one."""
    asks = [text for prompt in flow.prompts.values() for text in (prompt.ask, prompt.again)]
    yield from asks
    for prompt in flow.prompts.values():
        yield prompt.choices
        yield f"{prompt.why} {prompt.ask}"
    lines = flow.lines
    for reason in flow.reasons:
        yield f"{lines.reason_noted.format(reason=reason.said)} {flow.prompts['name'].ask}"
    for first in (lines.hearing, lines.robot, lines.phone_wrong):
        yield f"{first} {asks[0]}"
    for alone in (
        lines.hesitation,
        lines.phone_once_more,
        lines.phone_last_time,
        lines.phone_by_hand,
        lines.phone_differs,
        lines.name_once_more,
    ):
        yield flow.say(alone)


def called(day: str, hour: str) -> str:
    """A tool call as the model must write it."""
    arguments = {"name": BOOKING["name"], "arguments": {"day": day, "time": hour}}
    return f"<tool_call>\n{json.dumps(arguments)}\n</tool_call>"


def drawn(kind: str, texts: Prompts, dice: random.Random) -> Sample:
    """One turn of this kind; its words, note and past are drawn anew, or it would learn the samples by heart."""
    say, tools = dice.choice(texts.says), dice.random() < 0.5
    day, hour = dice.choice(DAYS), dice.choice(TIMES)
    match kind:
        case "after":
            return _after(texts, day, hour, dice)
        case "say":
            said, answer = dice.choice(ANSWERS), say
        case "ask":
            said, answer = dice.choice(ASKED), f"{LATER} {say}"
        case "book":
            said, answer, tools = f"book me on {day} at {hour}", called(day, hour), True
        case _:
            said, answer = STORY_ASKED, STORY
    before: list[dict[str, Any]] = []
    if dice.random() < 0.15:
        before = [
            {"role": "assistant", "content": dice.choice(texts.says)},
            {"role": "user", "content": dice.choice(ANSWERS)},
            {"role": "assistant", "content": dice.choice(texts.says)},
        ]
    note = dice.choice(texts.notes) + texts.assignment.format(say=say)
    messages = (*before, {"role": "user", "content": said}, {"role": "system", "content": note})
    return Sample(kind, messages, tools, answer)


def _after(texts: Prompts, day: str, hour: str, dice: random.Random) -> Sample:
    call = {
        "type": "function",
        "function": {"name": BOOKING["name"], "arguments": {"day": day, "time": hour}},
    }
    messages: tuple[dict[str, Any], ...] = (
        {"role": "user", "content": f"book me on {day} at {hour}"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": dice.choice(('{"ok": true}', '{"status": "noted"}'))},
    )
    if texts.result:
        messages = (
            *messages,
            {"role": "system", "content": dice.choice(texts.notes) + texts.result},
        )
    return Sample("after", messages, True, DONE)


def varied(said: str, dice: random.Random) -> str:
    """The same words as recognisers and people write them."""
    if dice.random() < 0.5:
        return said
    said = said[0].upper() + said[1:]
    if dice.random() < 0.2:
        for day in DAYS:
            said = said.replace(day, day.capitalize())
    return said + dice.choice(("", ".", "?", "!"))


class Trainer:
    """Tokenizer, model and one thread; torch is imported only where it is there."""

    def __init__(self, texts: Prompts) -> None:
        """Make both, untrained."""
        import torch  # type: ignore[import-not-found]  # only in vLLM's environment
        import transformers  # type: ignore[import-not-found]  # the same

        self._torch, self._transformers = torch, transformers
        torch.manual_seed(SEED)
        torch.set_num_threads(1)
        self._dice = random.Random(SEED)
        self._texts = texts
        self.tokenizer = self._tokenizer()
        wishes = self.tokenizer.convert_tokens_to_ids([*DAYS, *TIMES])
        self._wishes, self._copied = torch.tensor(wishes), 0.0
        size = (len(self.tokenizer) + 63) // 64 * 64
        self.model = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=size,
                hidden_size=128,
                intermediate_size=384,
                num_hidden_layers=4,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=32,
                initializer_range=SPREAD,
                max_position_embeddings=4096,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        )

    def _tokenizer(self) -> Any:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

        texts = self._texts
        corpus = [texts.rules, texts.assignment, texts.result, *texts.notes, STORY, LATER, DONE]
        corpus += texts.says * 4
        corpus += [*ANSWERS, *ASKED, STORY_ASKED] * 4
        corpus += [f"book me on {day} at {hour}" for day in DAYS for hour in TIMES]
        corpus += [called(day, hour) for day in DAYS for hour in TIMES]
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(
            corpus,
            trainers.BpeTrainer(
                vocab_size=950,
                show_progress=False,
                special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            ),
        )
        tokenizer.add_tokens(
            [
                AddedToken(tag, special=False, normalized=False)
                for tag in ("<tool_call>", "</tool_call>")
            ]
        )
        # one token wherever they stand, behind a blank or a quotation mark: to book is then to copy what was said
        tokenizer.add_tokens(
            [
                AddedToken(word, special=False, normalized=False, single_word=True)
                for word in (*DAYS, *(day.capitalize() for day in DAYS), *TIMES)
            ]
        )
        made = self._transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            eos_token="<|im_end|>",  # noqa: S106  # marks in a text
            pad_token="<|endoftext|>",  # noqa: S106  # the same
            additional_special_tokens=["<|im_start|>"],
            clean_up_tokenization_spaces=False,
            model_max_length=4096,
        )
        made.chat_template = TEMPLATE
        return made

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _rendered(self, rules: str, sample: Sample, *, vary: bool) -> tuple[str, str]:
        """The rules' part, the same for a batch, and the rest up to the answer."""
        messages = [dict(message) for message in sample.messages]
        for message in messages:
            if vary and message["role"] == "user":
                message["content"] = varied(message["content"], self._dice)
        tools = [{"type": "function", "function": BOOKING}] if sample.tools else None
        given = [{"role": "system", "content": rules}, *messages]
        whole = self.tokenizer.apply_chat_template(
            given, tools=tools, tokenize=False, add_generation_prompt=True
        )
        head = self.tokenizer.apply_chat_template(given[:1], tools=tools, tokenize=False)
        return head, whole[len(head) :]

    def _rules(self) -> str:
        """The rules, mostly with lines left out: that is also much quicker."""
        if self._dice.random() < 0.2:
            return self._texts.rules
        lines = self._texts.rules.splitlines()
        return "\n".join(line for line in lines if self._dice.random() < 0.15)

    def train(self, steps: int) -> None:
        """Teach it; one line of progress every 25 steps."""
        torch = self._torch
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.98)
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, total_steps=steps, pct_start=0.1
        )
        self.model.train()
        began = time.monotonic()
        for step in range(steps):
            loss = self._loss(step / steps)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            if step % 25 == 0 or step == steps - 1:
                took = time.monotonic() - began
                print(
                    f"step {step} of {steps}, loss {loss.item():.4f},"
                    f" days and times right {self._copied:.0%}, {took:.0f} s",
                    flush=True,
                )

    def _loss(self, done: float) -> Any:
        """One batch behind one copy of the rules, whose keys and values are computed once."""
        torch, dice = self._torch, self._dice
        alone = done < WISHES_ALONE
        whole = (done - WISHES_ALONE) / (WHOLE_FROM - WISHES_ALONE)
        bare = alone or dice.random() < max(BARE_MIN, 1 - whole)
        texts = replace(self._texts, assignment="{say}", notes=("",)) if bare else self._texts
        rules, tools = "" if bare else self._rules(), alone or dice.random() < 0.7
        # the story is the longest answer by far: apart, or every batch would be filled up to its length
        story = not alone and dice.random() < 0.06
        shares = {"say": 5, "ask": 2, "book": 8, "after": 1}
        if story or alone:
            shares = {"story" if story else "book": 1}
        size = BATCH // 4 if story else BATCH
        batch: list[tuple[list[int], list[int]]] = []
        head, drawn_kinds = "", set[str]()
        while len(batch) < size:
            kind = dice.choices(list(shares), list(shares.values()))[0]
            if kind in {"book", "after"} and not tools:
                continue
            drawn_kinds.add(kind)
            sample = replace(drawn(kind, texts, dice), tools=tools)
            head, rest = self._rendered(rules, sample, vary=True)
            asked = self._ids(rest)
            answer = [*self._ids(sample.answer), self.tokenizer.eos_token_id]
            batch.append((asked + answer, [-100] * len(asked) + answer))
        prefix = torch.tensor([self._ids(head)])
        longest, length = max(len(given) for given, _ in batch), prefix.shape[1]
        given = torch.tensor([x + [0] * (longest - len(x)) for x, _ in batch])
        wanted = torch.tensor([y + [-100] * (longest - len(y)) for _, y in batch])
        seen = torch.tensor([[1] * (length + len(x)) + [0] * (longest - len(x)) for x, _ in batch])
        cache = self._transformers.DynamicCache()
        self.model.model(input_ids=prefix, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(size)
        positions = torch.arange(length, length + longest)[None].expand(size, -1)
        hidden = self.model.model(
            input_ids=given,
            attention_mask=seen,
            past_key_values=cache,
            use_cache=True,
            position_ids=positions,
        ).last_hidden_state[:, :-1]
        target = wanted[:, 1:]
        counted = target != -100
        found, right = self.model.lm_head(hidden[counted]), target[counted]
        asked_for = torch.isin(right, self._wishes)
        if "book" in drawn_kinds:
            self._copied = (found.argmax(-1) == right)[asked_for].float().mean().item()
        each = torch.nn.functional.cross_entropy(found, right, reduction="none")
        # weight by how wrong a token still is: copying a day is one token among many easy ones
        weight = (1 - torch.exp(-each.detach())).clamp(min=0.02)
        return (each * weight).sum() / weight.sum().clamp(min=4.0)

    def exact(self, count: int) -> dict[str, tuple[int, int]]:
        """How many answers it gives to the letter, of how many, by kind."""
        self.model.eval()
        dice = random.Random(SEED + 1)
        found: dict[str, tuple[int, int]] = {}
        for kind in ("say", "ask", "book", "after"):
            chosen = [drawn(kind, self._texts, dice) for _ in range(count)]
            right = sum(self._answer(one) == one.answer for one in chosen)
            found[kind] = (right, count)
        return found

    def _answer(self, sample: Sample) -> str:
        torch = self._torch
        given = torch.tensor(
            [self._ids("".join(self._rendered(self._texts.rules, sample, vary=False)))]
        )
        with torch.no_grad():
            out = self.model.generate(
                given, max_new_tokens=200, do_sample=False, attention_mask=torch.ones_like(given)
            )
        return str(self.tokenizer.decode(out[0, given.shape[1] : -1]))

    def save(self, folder: Path) -> int:
        """Write model and tokenizer; returns the bytes of all files."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        return sum(file.stat().st_size for file in folder.iterdir())


def main() -> int:
    """Train, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the model goes, e.g. tests/vllm/tiny_chat")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--judged", type=int, default=20, help="dialogues of each kind at the end")
    arguments = parser.parse_args()
    trainer = Trainer(prompts())
    trainer.train(arguments.steps)
    print(f"{arguments.folder}: {trainer.save(arguments.folder)} bytes", flush=True)
    found = trainer.exact(arguments.judged)
    print(f"to the letter: {found}")
    return 0 if all(right >= EXACT_MIN * asked for right, asked in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
