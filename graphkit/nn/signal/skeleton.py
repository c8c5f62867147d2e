"""Features of the frames of a skeleton, whatever the place and the size of the body."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.signal.pooling import masked_mean

__all__ = ["SkeletonFeatures", "frame_differences"]


class SkeletonFeatures(nn.Module):
    r"""What a person does, whatever their place and size: features of every frame.

    Coordinates from the centre of the joints, distances of all pairs of joints, both over the mean
    distance of the clip, and differences of the coordinates to the frame before and to the one
    before that.

    After DD-Net (Yang et al., ACM Multimedia Asia 2019, arXiv 1907.09658), and not the same: there
    distances over their mean, less 1, and differences of coordinates that are not scaled;
    differences over two frames at every other frame, in a branch of half the length; no
    coordinates; and clips that a median filter smooths and that are stretched to one length first.

    Args:
        num_joints: N.
        dims: C, coordinates of a joint.
        coordinates, distances, velocities: Which of the features.

    Shapes:
        - **input:** ``[B, T, N, C]``, mask bool ``[B, T]`` or ``None``
        - **output:** ``[B, T, out_channels]``
    """

    def __init__(
        self,
        num_joints: int,
        dims: int,
        *,
        coordinates: bool = True,
        distances: bool = True,
        velocities: bool = True,
    ) -> None:
        super().__init__()
        if not (coordinates or distances or velocities):
            raise GraphError("coordinates", "no feature is left")
        self.coordinates, self.distances, self.velocities = coordinates, distances, velocities
        self.register_buffer(
            "pairs", torch.triu_indices(num_joints, num_joints, 1), persistent=False
        )
        self.out_channels = (
            num_joints * dims * (coordinates + 2 * velocities) + self.pairs.shape[1] * distances
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        centred = x - x.mean(2, keepdim=True)
        first, second = self.pairs
        apart = (x[:, :, first] - x[:, :, second]).square().sum(-1).add(1e-12).sqrt()
        size = masked_mean(apart.mean(2, keepdim=True), mask).unsqueeze(1).clamp(min=1e-6)
        found = []
        if self.coordinates:
            found.append((centred / size[..., None]).flatten(2))
        if self.distances:
            found.append(apart / size)
        if self.velocities:
            place = (x / size[..., None]).flatten(2)
            found += [frame_differences(place, mask, gap) for gap in (1, 2)]
        features = torch.cat(found, -1)
        return features if mask is None else torch.where(mask[..., None], features, 0)


def frame_differences(x: Tensor, mask: Tensor | None = None, gap: int = 1) -> Tensor:
    """``x_t - x_{t - gap}``, 0 where one of the two is missing: ``[B, T, F]``."""
    out = torch.zeros_like(x)
    if x.shape[1] > gap:
        out[:, gap:] = x[:, gap:] - x[:, :-gap]
        if mask is not None:
            both = mask[:, gap:] & mask[:, :-gap]
            out[:, gap:] = torch.where(both[..., None], out[:, gap:], 0)
    return out
