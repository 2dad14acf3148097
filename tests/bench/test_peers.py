"""What lies around the peers' graphs: transforms and state."""

import numpy as np
import pytest
from fake_peers import GTCRN, graph, write_dtln, write_gtcrn
from onnx import helper
from pse_runtime.bench_peers import Dtln, Gtcrn, find_peers
from pse_runtime.errors import BundleError
from scipy.signal import get_window


@pytest.mark.parametrize(("write", "kind"), [(write_gtcrn, Gtcrn), (write_dtln, Dtln)])
def test_a_peer_that_changes_nothing_gives_back_its_input_a_frame_less_a_hop_late(tmp_path, write, kind):
    peer = kind(write(tmp_path))
    x = np.random.default_rng(0).standard_normal(20 * peer.hop).astype(np.float32)
    y = np.concatenate([peer.feed(hop) for hop in x.reshape(-1, peer.hop)])
    late = 512 - peer.hop
    np.testing.assert_allclose(y[late:], x[:-late], atol=1e-5)


def test_gtcrn_looks_through_a_periodic_root_hann_window(tmp_path):
    window = Gtcrn(write_gtcrn(tmp_path))._window
    np.testing.assert_allclose(window**2, get_window("hann", 512), atol=1e-6)


def test_state_goes_on_from_hop_to_hop(tmp_path):
    write_gtcrn(tmp_path), write_dtln(tmp_path)
    gtcrn, dtln = find_peers(tmp_path)
    for _ in range(3):
        gtcrn.feed(np.zeros(256, dtype=np.float32)), dtln.feed(np.zeros(128, dtype=np.float32))
    assert {float(c.mean()) for c in gtcrn._caches.values()} == {3.0}
    assert [float(s.mean()) for s in dtln._states] == [3.0, 3.0]
    caches = sum(int(np.prod(shape)) for name, shape in GTCRN.items() if name != "mix")
    assert gtcrn.state_bytes == 4 * (caches + 2 * 256)


def test_a_folder_without_peers_says_what_may_lie_there(tmp_path):
    with pytest.raises(
        BundleError, match="no peer there; it may hold gtcrn_simple.onnx of GTCRN; dtln_model_1"
    ):
        find_peers(tmp_path)


def test_half_a_peer_is_said(tmp_path):
    write_dtln(tmp_path)
    (tmp_path / "dtln_model_2.onnx").unlink()
    with pytest.raises(BundleError, match=r"DTLN needs .*; no dtln_model_2.onnx there"):
        find_peers(tmp_path)


def test_a_file_that_is_something_else_is_said(tmp_path):
    (tmp_path / "gtcrn_simple.onnx").write_text("not a graph")
    with pytest.raises(BundleError, match=r"gtcrn_simple.onnx: no ONNX graph that runs"):
        find_peers(tmp_path)
    node = helper.make_node("Identity", ["x"], ["y"])
    graph(tmp_path / "gtcrn_simple.onnx", {"x": (1, 2)}, {"y": (1, 2)}, [node])
    with pytest.raises(BundleError, match=r"not GTCRN's streaming model: its inputs are x \[1, 2\]"):
        find_peers(tmp_path)
