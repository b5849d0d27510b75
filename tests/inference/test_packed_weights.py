from pathlib import Path

import numpy as np

from streamcls.inference.packed_weights import pack, unpack


def test_packing_keeps_a_127th_of_each_channels_range(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(16, 8, 3, 3)).astype(np.float32)
    values[3] = 0
    small_ones = np.arange(16, dtype=np.float32)
    packed = tmp_path / "w.npz"
    packed.write_bytes(pack({"conv.weight": values, "bn.bias": small_ones}))
    with packed.open("rb") as file:
        found = unpack(file)
    np.testing.assert_array_equal(found["bn.bias"], small_ones)
    reach = np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127
    assert (np.abs(found["conv.weight"].astype(np.float64) - values) <= reach / 2 + 1e-7).all()
    assert found["conv.weight"].dtype == np.float32
