"""The one place where a card's normalisation becomes numbers for a network."""

import torch

from streamcls.records import ModelCard


def mean_and_std(card: ModelCard) -> tuple[torch.Tensor, torch.Tensor]:
    """What is taken from pixels of 0 to 255, and what they are then divided by: (3, 1, 1), RGB."""
    mean, std = torch.tensor(card.mean), torch.tensor(card.std)
    return mean.view(3, 1, 1) * 255, std.view(3, 1, 1) * 255
