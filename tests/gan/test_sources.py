import pytest
import torch

from gan.sources import condition_dim, join_source


@pytest.mark.parametrize("names", [(), ("extra",), ("extra", "anime"), ("a", "b", "c")])
def test_the_condition_has_a_place_for_each_source_where_there_are_several(names) -> None:
    c, sources = torch.rand(4, 5), torch.arange(4) % max(1, len(names))
    joined = join_source(c, sources, names)
    assert joined.shape == (4, condition_dim(5, names))
    assert torch.equal(joined[:, :5], c)
    if len(names) > 1:
        assert torch.equal(joined[:, 5:].argmax(1), sources)
        assert torch.equal(joined[:, 5:].sum(1), torch.ones(4))
