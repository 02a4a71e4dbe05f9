"""The training of a small network on labelled images, by any loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from encoder.common.errors import BreakdownError
from encoder.common.progress import Progress

WARM_UP = 0.1  # of the steps


def fit(
    model: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    count: int,
    *,
    name: str,
    steps: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.999),
    progress: bool = True,
) -> None:
    """Train a network in place by AdamW, with one cycle of the learning rate; it is left in evaluation mode.

    Args:
        loss_of: The loss of a batch of images, by their int64 positions.
        count: Images.
        name: Of the network, for progress and errors.
        steps: Batches.
        batch_size: At most as many as there are images.
        learning_rate: At its highest, after a tenth of the steps.
        generator: Of the order.
        weight_decay: Of AdamW; so are ``betas``.

    Raises:
        BreakdownError: The loss is not finite.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=betas, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1, pct_start=WARM_UP)
    order = batches(count, min(batch_size, count), generator)
    model.train()
    with Progress(name, steps, "step", shown=progress) as bar:
        for step in range(steps):
            loss = loss_of(next(order))
            if not loss.isfinite():
                raise BreakdownError(f"the {name}'s loss is {loss.item()} in step {step}; look for damaged images")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                bar.note({"loss": f"{loss.item():.3f}"})
            bar.update()
    model.eval()


def batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Full batches of positions, for ever; within an epoch none comes twice."""
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % batch_size].split(batch_size)
