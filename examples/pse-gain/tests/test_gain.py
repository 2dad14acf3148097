"""The gain keeps to its contract, and does its work in an enhancer."""

from pse_plugins.testing import conformance, integration

test_conformance = conformance("conditioner", "gain")
test_gru_with_gain = conformance("backbone", "gru", conditioner="gain", hidden=8)
test_at_work = integration("conditioner", "gain")
