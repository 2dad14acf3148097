"""Graphs with the inputs and outputs of GTCRN and DTLN, which give back what they take."""

from onnx import TensorProto, helper, save

F = TensorProto.FLOAT
GTCRN = {
    "mix": (1, 257, 1, 2),
    "conv_cache": (2, 1, 16, 16, 33),
    "tra_cache": (2, 3, 1, 1, 16),
    "inter_cache": (2, 1, 33, 16),
}
STATE = (1, 2, 128, 2)


def graph(path, inputs, outputs, nodes, constants=()):
    """Write a graph; inputs and outputs are name -> shape."""
    made = [[helper.make_tensor_value_info(n, F, s) for n, s in side.items()] for side in (inputs, outputs)]
    model = helper.make_model(
        helper.make_graph(nodes, "fake", *made, list(constants)), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    save(model, path)


def write_gtcrn(folder):
    """Write a GTCRN that keeps the spectrum, and adds 1 to its caches each hop."""
    names = {"mix": "enh", **{n: f"{n}_out" for n in GTCRN if n != "mix"}}
    one = helper.make_tensor("one", F, [1], [1.0])
    nodes = [helper.make_node("Identity", ["mix"], ["enh"])]
    nodes += [helper.make_node("Add", [n, "one"], [f"{n}_out"]) for n in GTCRN if n != "mix"]
    graph(folder / "gtcrn_simple.onnx", GTCRN, {names[n]: s for n, s in GTCRN.items()}, nodes, [one])
    return folder


def write_dtln(folder):
    """Write a DTLN whose mask is 1 and whose second network gives a quarter of each block, as four overlap."""
    one = helper.make_tensor("one", F, [1], [1.0])
    quarter = helper.make_tensor("quarter", F, [1], [0.25])
    zero = helper.make_tensor("zero", F, [1], [0.0])
    graph(
        folder / "dtln_model_1.onnx",
        {"input_2": (1, 1, 257), "input_3": STATE},
        {"mask": (1, 1, 257), "state": STATE},
        [
            helper.make_node("Mul", ["input_2", "zero"], ["none"]),
            helper.make_node("Add", ["none", "one"], ["mask"]),
            helper.make_node("Add", ["input_3", "one"], ["state"]),
        ],
        [one, zero],
    )
    graph(
        folder / "dtln_model_2.onnx",
        {"input_4": (1, 1, 512), "input_5": STATE},
        {"block": (1, 1, 512), "state": STATE},
        [
            helper.make_node("Mul", ["input_4", "quarter"], ["block"]),
            helper.make_node("Add", ["input_5", "one"], ["state"]),
        ],
        [quarter, one],
    )
    return folder
