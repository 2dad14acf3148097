"""How it is measured: windows, paces, limits. No time is asserted but against another."""

import time
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_models import TINY, tiny_enhancer

from pse_plugins import bundle
from pse_plugins.bench import find_contenders, measure
from pse_plugins.bench.contender import Contender
from pse_plugins.bench.contenders import of_enhancer
from pse_plugins.bench.roofline import Reader
from pse_plugins.bench.startup import start
from pse_plugins.bench.timing import Timer, Times
from pse_plugins.errors import BundleError, ConfigError
from pse_plugins.export import export
from pse_plugins.export.costs import macs_per_hop


def contender(feed, **changes):
    known = {
        "name": "fake",
        "runs_with": "python",
        "precision": "float32",
        "sample_rate": 1000,
        "hop": 20,
        "latency": 40,
        "feed": feed,
        "start": (),
        "parameters": None,
        "macs": None,
        "weight_bytes": 1000,
        "state_bytes": 0,
        "other_bytes": 0,
    }
    return Contender(**{**known, **changes})


def test_one_slow_window_does_not_move_the_median_but_its_hops_are_in_the_quantiles():
    times = Times([[1.0, 1.0, 1.0], [1.0, 1.0, 1.2], [9.0, 9.0, 9.0]])
    assert (times.p50, times.best, times.quantile(1.0), times.hops) == (1.0, 1.0, 9.0, 9)


def test_drift_is_from_the_first_quarter_of_the_windows_to_the_last_and_not_of_a_few():
    slower = Times([[1.0, 1.0]] * 10 + [[5.0, 5.0]] * 20 + [[1.0, 2.0]] * 10)
    assert slower.drift == 0.5
    assert Times(slower.windows[:39]).drift is None


def test_paced_hops_come_each_hop_of_real_time_and_late_ones_are_missed():
    came = []

    def feed(hop):
        came.append(time.perf_counter())
        if len(came) == 6:
            time.sleep(0.05)  # more than two hops

    timer = Timer(contender(feed))
    timer.run_paced(0.2)
    assert timer.paced.missed >= 1
    assert timer.paced.hops == 10
    assert came[4] - came[0] >= 0.9 * 4 * 0.02  # not one right after the other
    timer.run(0.01)
    assert timer.back_to_back.hops >= 8


def test_work_is_counted_and_sleep_is_not():
    def work(hop):
        stop = time.thread_time() + 0.01
        while time.thread_time() < stop:
            pass

    busy, idle = Timer(contender(work)), Timer(contender(lambda hop: time.sleep(0.01)))
    for timer in (busy, idle):
        timer.run_paced(0.2)
    assert busy.paced.cpu > 3 * idle.paced.cpu
    assert busy.paced.cpu < busy.paced.wall


def test_each_gets_hops_of_its_own_length_and_no_two_alike():
    heard = []
    Timer(contender(lambda hop: heard.append(hop.copy()), hop=16)).run(0.001)
    assert {hop.shape for hop in heard} == {(16,)} and heard[0].dtype == np.float32
    assert not np.array_equal(heard[0], heard[1])


def test_all_rows_take_turns():
    turns = []
    rows = [contender(lambda hop, k=k: turns.append(k), hop=2) for k in (0, 1)]
    found = measure(rows, seconds=0.75, paced=0.25, starts=0)
    changes = sum(a != b for a, b in pairwise(turns))
    assert changes == 2 * 3 - 1 + 2  # three turns each, then one paced
    assert [len(row.back_to_back.windows) for row in found] == [3, 3]
    assert found[0].start is None


def test_limits_follow_bytes_and_products():
    (light, heavy, much) = measure(
        [
            contender(lambda hop: None),
            contender(lambda hop: None, weight_bytes=2**24),
            contender(lambda hop: None, macs=10**9),
        ],
        seconds=0.25,
        paced=0.25,
        starts=0,
    )
    assert heavy.limit > 50 * light.limit
    assert heavy.limit == pytest.approx(2**24 / heavy.bandwidth)
    assert much.limit == pytest.approx(1e9 / much.mac_rate)
    assert heavy.times_limit == pytest.approx(heavy.back_to_back.p50 / heavy.limit)
    assert heavy.rtf == pytest.approx(heavy.back_to_back.p50 / 0.02)


def test_a_reader_reads_as_much_as_it_is_told_and_counts_bytes():
    size = 2**25
    reader, memory, seconds = Reader(size), torch.ones(size // 4), []
    reader.run()
    for _ in range(10):
        begin = time.perf_counter()
        memory.sum()
        seconds.append(time.perf_counter() - begin)
    assert reader._memory.nbytes == size and Reader(0)._memory.nbytes >= 2**16
    assert 0.02 < reader.rate / (size / min(seconds)) < 2


def test_misses_are_extrapolated_to_an_hour():
    (row,) = measure([contender(lambda hop: time.sleep(0.03))], seconds=0.25, paced=0.25, starts=0)
    assert row.paced.missed == row.paced.hops
    assert row.misses_per_hour == 3600 / 0.02


def test_a_bundle_and_its_export_are_rows_of_the_same_model(tmp_path):
    enhancer = tiny_enhancer("cross-attention", "transformer")
    bundle.save(enhancer, tmp_path / "run" / "bundle")
    export(enhancer, tmp_path / "live")
    export(enhancer, tmp_path / "more" / "live", int8=True)
    torch_row, live, again = find_contenders(
        [tmp_path / "run" / "bundle", tmp_path / "live", tmp_path / "more" / "live"]
    )
    assert [c.name for c in (torch_row, live, again)] == ["run", "live 1", "live 2"]
    assert (torch_row.runs_with, live.runs_with, again.precision) == ("torch", "pse-runtime", "int8")
    for name in ("sample_rate", "hop", "latency", "macs", "parameters", "state_bytes"):
        assert getattr(torch_row, name) == getattr(live, name) == getattr(again, name), name
    assert again.weight_bytes < live.weight_bytes
    assert live.other_bytes > live.state_bytes + 2 * 2 * 300 * 8 * 4  # keys and values of two layers
    noise = np.random.default_rng(0).standard_normal(live.hop).astype(np.float32)
    assert len(live.feed(noise)) == 0  # the first hop comes out a frame less a hop late
    rows = measure([torch_row, live], seconds=0.25, paced=0.25, starts=1)
    assert all(row.start.seconds > 0 for row in rows)
    if rows[0].start.resident is not None:
        assert rows[0].start.resident > 1.5 * rows[1].start.resident  # torch, and none


def test_what_a_hop_touches_grows_with_the_enrolment_it_attends_to():
    enhancer = tiny_enhancer("cross-attention", "transformer")
    made = of_enhancer(enhancer, "a")
    assert made.macs == macs_per_hop(enhancer)
    keys_and_values = 2 * 2 * 300 * 8 * 4  # of two layers, in float32
    assert made.other_bytes > keys_and_values + made.state_bytes


def test_of_an_ensemble_a_hop_touches_one_specialist():
    def touched(experts):
        options = {"experts": experts, "expert_options": TINY["gru"]}
        return of_enhancer(tiny_enhancer(None, "specialist-ensemble", backbone_options=options), "a")

    three, five = touched(3), touched(5)
    gate = 2 * 4 * 257  # two rows of the gate, in float32, no wider than a d-vector
    assert 0 < five.weight_bytes - three.weight_bytes <= gate
    assert five.parameters > three.parameters + 2 * 1000


def test_what_is_no_model_and_what_does_not_stream_is_said(tmp_path):
    with pytest.raises(BundleError, match="no such folder; give a bundle's, or one that pse export wrote"):
        find_contenders([tmp_path / "none"])
    with pytest.raises(ConfigError, match="cannot stream"):
        of_enhancer(tiny_enhancer("film", "voicefilter"), "a")


def test_a_process_that_fails_is_said():
    with pytest.raises(BundleError, match="came to no first hop .*no-such"):
        start(["-c", "raise SystemExit('no-such model')"], 1)
    with pytest.raises(BundleError, match="came to no first hop .*out of breath"):
        start(["-c", "print('ready'); raise SystemExit('out of breath')"], 1)
    assert start(["-c", "print('ready'); print('{\"resident\": 5}')"], 1).resident == 5
