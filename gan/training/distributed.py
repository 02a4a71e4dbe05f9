"""Data-parallel training: ``torchrun --nproc_per_node=N train_cgan.py ...`` makes N processes share one run.

Every process draws the same whole batch from the same random numbers and works on its own rows; before an optimizer
steps, gradients are averaged. All processes so hold the same networks, and what they learn is what one process learns,
up to the order of float additions. (Batch normalisation is the exception: each process uses its own rows' statistics.)

The processes may be on several machines, which then share the run's folder, and are to have the same data and settings;
they compare them before the first step. When one dies, the others end, and ``torchrun --max-restarts`` starts all of
them again; with ``--resume auto`` they go on from the last state.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from encoder.common.errors import BreakdownError, InputError, reason_of

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for the others; the first one draws sample grids meanwhile."""


class WorkerLostError(BreakdownError):
    """Another process of the run has ended or no longer answers."""


@dataclass(frozen=True)
class World:
    """The processes of a run; the first one (``rank`` 0) writes its files. Alone, every method is the identity."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> World:
        """The processes that ``torchrun`` started, connected by NCCL on GPUs and by gloo on CPUs; else this one alone.

        Raises:
            InputError: There are more processes on this machine than GPUs, or the variables that ``torchrun`` sets
                are none that it has set.
        """
        if "WORLD_SIZE" not in os.environ:
            return SINGLE_PROCESS
        size = _variable("WORLD_SIZE")
        if size == 1:
            return SINGLE_PROCESS
        _variable("RANK")
        if device.index is not None:
            raise InputError(f"device is {device}, and each process takes a GPU of its own; use --device cuda")
        if device.type == "cuda":
            local_rank, gpus = _variable("LOCAL_RANK"), torch.cuda.device_count()
            if local_rank >= gpus:
                raise InputError(f"process {local_rank} has no GPU of its own; use --nproc_per_node={gpus}")
            torch.cuda.set_device(local_rank)
        try:
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        except (ValueError, RuntimeError) as error:
            reason = reason_of(error)
            raise InputError(f"the processes of the run do not meet ({reason}); start them by torchrun") from error
        return cls(dist.get_rank(), size)

    @property
    def is_main_process(self) -> bool:
        """Whether this process is the one that reports and writes."""
        return self.rank == 0

    def assert_same_everywhere(self, what: str, value: str, advice: str) -> None:
        """Raise ``InputError``, in every process, unless all of them give the same value.

        Args:
            what: What it is, for the message: ``"the images"``.
            value: That of this process.
            advice: What to do where they differ.
        """
        if self.size == 1:
            return
        values: list[Any] = [None] * self.size
        try:
            dist.all_gather_object(values, value)
        except RuntimeError as error:
            raise self._lost(error) from error
        others = [str(rank) for rank, other in enumerate(values) if other != values[0]]
        if others:
            raise InputError(f"{what} of process {', '.join(others[:8])} are not those of process 0; {advice}")

    def check_batch(self, batch_size: int) -> None:
        """Raise ``InputError`` unless all processes get as many rows of a batch."""
        if batch_size % self.size:
            fitting = [str(size) for size in range(1, self.size) if batch_size % size == 0]
            raise InputError(
                f"batch_size is {batch_size}, which {self.size} processes cannot share evenly; start {fitting[-1]} of "
                f"them, or begin a run with --batch-size {-(-batch_size // self.size) * self.size}"
            )

    def rows(self, batch: Tensor) -> Tensor:
        """This process's rows, every ``size``-th, so that the first half of a batch is the first half everywhere."""
        return batch[self.rank :: self.size]

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.size == 1:
            return
        parameters = [p for p in network.parameters() if p.requires_grad]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.empty(sum(p.numel() for p in parameters), device=parameters[0].device)
        # In the layout of the weights: convolutions' are channels_last, and any other makes every copy, and Adam, slow.
        views = [
            part.as_strided(p.shape, p.stride())
            for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True)
        ]
        torch._foreach_copy_(views, gradients)
        self._add(flat).div_(self.size)
        for p, view in zip(parameters, views, strict=True):
            p.grad = view

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes, element by element."""
        return self._add(values.clone()) / self.size if self.size > 1 else values

    def _add(self, values: Tensor) -> Tensor:
        """``values``, which become their sum over the processes."""
        try:
            dist.all_reduce(values)
        except RuntimeError as error:
            raise self._lost(error) from error
        return values

    def _lost(self, error: RuntimeError) -> WorkerLostError:
        return WorkerLostError(
            f"process {self.rank} lost another one of the run ({reason_of(error)}); "
            "start it again with --resume: it goes on from the last state on disk"
        )

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether the flag is set in any process, so that all of them stop at the same step."""
        if self.size == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=device)) > 0)

    def leave(self) -> None:
        """Disconnect."""
        if self.size > 1:
            dist.destroy_process_group()


def _variable(name: str) -> int:
    """A number that ``torchrun`` says by the environment."""
    text = os.environ.get(name, "")
    smallest = 1 if name == "WORLD_SIZE" else 0
    if not text.isdecimal() or len(text) > 9 or int(text) < smallest:
        raise InputError(
            f"{name} is {text[:40]!r}, which is no number of processes; start several by torchrun, or unset WORLD_SIZE"
        )
    return int(text)


SINGLE_PROCESS = World()
"""The one process of an ordinary run."""
