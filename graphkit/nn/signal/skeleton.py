"""Features of the frames of a skeleton, whatever the place and the size of the body."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

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
        - **input:** ``[B, T, N, C]``; mask bool ``[B, T]`` (frames that are there) or
          ``[B, T, N, C]`` (joints that were observed, all coordinates of which are), or ``None``
        - **output:** ``[B, T, out_channels]``, 0 where a joint it needs is missing
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
        self.dims = dims
        self.register_buffer(
            "pairs", torch.triu_indices(num_joints, num_joints, 1), persistent=False
        )
        self.out_channels = (
            num_joints * dims * (coordinates + 2 * velocities) + self.pairs.shape[1] * distances
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        joints = self._joints(x, mask)
        first, second = self.pairs
        if joints is None:
            centred, pairs = x - x.mean(2, keepdim=True), None
        else:
            x = torch.where(joints[..., None], x, 0)
            centred = x - _mean_of(x, joints[..., None])
            pairs = joints[:, :, first] & joints[:, :, second]
        apart = (x[:, :, first] - x[:, :, second]).square().sum(-1).add(1e-12).sqrt()
        size = _mean_distance(apart, pairs)
        found = []
        if self.coordinates:
            found.append((centred / size[..., None]).flatten(2))
        if self.distances:
            found.append(apart / size)
        if self.velocities:
            place = (x / size[..., None]).flatten(2)
            found += [frame_differences(place, None, gap) for gap in (1, 2)]
        features = torch.cat(found, -1)
        observed = self.observed(mask)
        return features if observed is None else torch.where(observed, features, 0)

    def observed(self, mask: Tensor | None) -> Tensor | None:
        """bool ``[B, T, out_channels]``, the features whose joints were observed.

        Args:
            mask: As for :meth:`forward`.
        """
        if mask is None:
            return None
        num_joints = int(self.pairs[1, -1]) + 1
        if mask.dim() == 2:
            mask = mask[..., None, None].expand(*mask.shape, num_joints, 1)
        joints = mask.all(-1)
        each = joints.repeat_interleave(self.dims, 2)
        found = []
        if self.coordinates:
            found.append(each)
        if self.distances:
            found.append(joints[:, :, self.pairs[0]] & joints[:, :, self.pairs[1]])
        if self.velocities:
            for gap in (1, 2):
                both = each.clone()  # the first frames have no difference: it is 0
                both[:, gap:] &= each[:, :-gap]
                found.append(both)
        return torch.cat(found, -1)

    def _joints(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """bool ``[B, T, N]``, where a joint was observed."""
        if mask is None:
            return None
        if mask.dim() == 2:
            return mask[..., None].expand(x.shape[:3])
        return mask.expand_as(x).all(-1)


def _mean_of(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over axis 2 of what was observed; to the bit that of all where all was."""
    some = torch.where(mask, x, 0).sum(2, keepdim=True) / mask.sum(2, keepdim=True).clamp(min=1)
    return torch.where(mask.all(2, keepdim=True), x.mean(2, keepdim=True), some)


def _mean_distance(apart: Tensor, pairs: Tensor | None) -> Tensor:
    """The mean distance of two joints of a clip, ``[B, 1, 1]``."""
    if pairs is None:
        return apart.mean((1, 2), keepdim=True).clamp(min=1e-6)
    # Frames weigh the same, however many of their pairs were observed.
    some = pairs.any(2)
    frame = _mean_of(apart, pairs).squeeze(2)
    size = torch.where(some, frame, 0).sum(1) / some.sum(1).clamp(min=1)
    return size.view(-1, 1, 1).clamp(min=1e-6)


def frame_differences(x: Tensor, mask: Tensor | None = None, gap: int = 1) -> Tensor:
    """``x_t - x_{t - gap}``, 0 where one of the two is missing: ``[B, T, F]``."""
    out = torch.zeros_like(x)
    if x.shape[1] > gap:
        out[:, gap:] = x[:, gap:] - x[:, :-gap]
        if mask is not None:
            both = mask[:, gap:] & mask[:, :-gap]
            out[:, gap:] = torch.where(both[..., None], out[:, gap:], 0)
    return out
