r"""Networks for skeletons and other small bodies of sensors, and how to fuse them.

Xu and Wang, "Ensemble One-dimensional Convolution Neural Networks for Skeleton-based Action
Recognition", IEEE Signal Processing Letters 2018, arXiv 1801.02475: one base network
(:class:`~graphkit.nn.signal.residual_cnn.ResidualCNN`) looks at the frames, at the joints, at parts
of the body, at differences of frames, and through attention; class probabilities are multiplied.

Our choice where the authors' code has a defect: their attention over frames takes a softmax over an
axis of size one, which is always 1; here it is over frames, times their number, so that equal
weights change nothing. What is multiplied are probabilities, added up as logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.signal.residual_cnn import ResidualCNN, masked_mean

__all__ = [
    "BodyPartNet",
    "FeatureAttention",
    "FrameAttention",
    "FrameDiffNet",
    "SkeletonConvNet",
    "SkeletonFeatures",
    "TwoStreamNet",
    "frame_differences",
    "product_of_experts",
]


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


def product_of_experts(log_probs: Tensor) -> Tensor:
    """Multiplies the opinions of K networks.

    Args:
        log_probs: ``[K, ..., classes]``, logits or log probabilities.

    Returns:
        ``[..., classes]``, log probabilities of the normalised product.
    """
    return log_probs.log_softmax(-1).sum(0).log_softmax(-1)


class SkeletonConvNet(nn.Module):
    r"""The base network with a mean over time and a linear layer: logits of a clip.

    Args:
        in_channels: Features of a frame.
        num_classes: Classes.
        cnn: ``widths``, ``kernel_size``, ``strides``, ``norm``, ``norm_momentum``, ``dropout`` of
            :class:`~graphkit.nn.signal.residual_cnn.ResidualCNN`.

    Shapes:
        - **input:** ``[B, T, in_channels]``, mask bool ``[B, T]`` (valid frames first) or ``None``
        - **output:** ``[B, num_classes]``
    """

    def __init__(self, in_channels: int, num_classes: int, **cnn: object) -> None:
        super().__init__()
        self.cnn = ResidualCNN(in_channels, **cnn)
        self.lin = nn.Linear(self.cnn.out_channels, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights from He's normal distribution by fan-in, biases 0."""
        self.cnn.reset_parameters()
        nn.init.kaiming_normal_(self.lin.weight, nonlinearity="relu")
        nn.init.zeros_(self.lin.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.lin(masked_mean(*self.cnn(x, mask)))


class FrameDiffNet(nn.Module):
    """A network on the differences of frames; see :class:`SkeletonConvNet`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.net(frame_differences(x, mask), mask)


class TwoStreamNet(nn.Module):
    r"""One network along the frames, one along the features of clips of a fixed length.

    Args:
        along_frames: Takes ``[B, T, F]`` and a mask.
        along_features: Takes ``[B, F, frames]``.
        frames: Clips are cut or padded with zeros to this length for it.

    Shapes:
        - **output:** log probabilities of the product, ``[B, classes]``
    """

    def __init__(self, along_frames: nn.Module, along_features: nn.Module, frames: int) -> None:
        super().__init__()
        self.along_frames, self.along_features, self.frames = along_frames, along_features, frames

    def turn(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, T, F]`` to ``[B, F, frames]``."""
        if mask is not None:
            x = torch.where(mask[..., None], x, 0)
        x = x[:, : self.frames].transpose(1, 2)
        return nn.functional.pad(x, (0, self.frames - x.shape[2]))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        both = [self.along_frames(x, mask), self.along_features(self.turn(x, mask))]
        return product_of_experts(torch.stack(both))


class BodyPartNet(nn.Module):
    r"""A network of its own for each group of joints, or for each community of any small graph.

    Args:
        groups: Joints of each part.
        nets: One per group, for ``len(group) * C`` features.

    Shapes:
        - **input:** ``[B, T, N, C]``, mask bool ``[B, T]`` or ``None``
        - **output:** log probabilities of the product, ``[B, classes]``

    Raises:
        GraphError: Not as many networks as groups.
    """

    def __init__(self, groups: Sequence[Sequence[int]], nets: Sequence[nn.Module]) -> None:
        super().__init__()
        if len(groups) != len(nets) or not groups:
            raise GraphError(
                "nets", "one for each group is needed", expected=len(groups), got=len(nets)
            )
        self.groups, self.nets = [list(group) for group in groups], nn.ModuleList(nets)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        found = [net(x[:, :, g].flatten(2), mask) for g, net in zip(self.groups, self.nets)]
        return product_of_experts(torch.stack(found))


class FeatureAttention(nn.Module):
    r"""Weighs the features of a frame: :math:`x \odot \mathrm{softmax}(W_2 \tanh(W_1 x))`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(channels, 2 * channels)
        self.lin2 = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.softmax(self.lin2(torch.tanh(self.lin1(x))), -1)


class FrameAttention(nn.Module):
    r"""Weighs frames: softmax over valid frames of :math:`W_2 \mathrm{relu}(W_1 y)`, times their
    number.

    Shapes:
        - **input:** ``[B, T, channels]``, mask bool ``[B, T]`` or ``None``
        - **output:** ``[B, T, channels]``
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(channels, 2 * channels)
        self.lin2 = nn.Linear(2 * channels, 1)

    def weights(self, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, T]``, sums to 1 over the valid frames of a row that has some."""
        score = self.lin2(self.lin1(y).relu()).squeeze(-1)
        if mask is None:
            return score.softmax(1)
        some = mask.any(1, keepdim=True)
        score = score.masked_fill(~mask & some, -torch.inf)
        return torch.where(mask, score.softmax(1), 0)

    def forward(self, y: Tensor, mask: Tensor | None = None) -> Tensor:
        count = y.shape[1] if mask is None else mask.sum(1)[:, None, None]
        return y * self.weights(y, mask)[..., None] * count
