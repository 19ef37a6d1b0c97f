from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from auricle.train.muon import Muon, orthogonalise  # noqa: E402


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_an_orthogonal_update_keeps_directions_and_levels_their_sizes(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2)) * torch.logspace(0, -1, shape[1])
    update = orthogonalise(matrix)
    sizes = torch.linalg.svdvals(update)
    assert sizes.min() > 0.5 and sizes.max() < 1.3
    exact = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(update.flatten(), (exact.U @ exact.Vh).flatten(), dim=0) > 0.97


def test_muon_treats_a_kernel_as_its_matrix() -> None:
    kernel = torch.nn.Parameter(torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(3)).to(memory_format=torch.channels_last))
    matrix = torch.nn.Parameter(kernel.detach().flatten(1).clone())
    for weight in (kernel, matrix):
        optimiser = Muon([weight], lr=0.1, weight_decay=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            weight.square().sum().backward()
            optimiser.step()
    assert torch.allclose(kernel.flatten(1), matrix, atol=1e-6)


def test_half_precision_changes_an_update_little() -> None:
    weights = [torch.nn.Parameter(torch.randn(24, 60, generator=torch.Generator().manual_seed(4))) for _ in range(2)]
    start = weights[0].detach().clone()
    for weight, dtype in zip(weights, (torch.float32, torch.bfloat16), strict=True):
        weight.grad = torch.randn(24, 60, generator=torch.Generator().manual_seed(5))
        Muon([weight], lr=0.1, weight_decay=0.0, dtype=dtype).step()
    exact, half = (weight.detach() - start for weight in weights)
    assert half.dtype == torch.float32 and 0 < (half - exact).norm() < 0.03 * exact.norm()
