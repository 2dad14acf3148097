"""Weights of matrix products in 8 bits."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any


def quantise(graph: Any) -> Any:
    """Store the weights of matrix products as 8 bits, unsigned, with a scale and a zero for each column.

    What is multiplied by them is quantised as it comes, with one scale a hop: exact to any block size, as a step
    is always one hop. Signed weights of the full range would saturate on processors with AVX2 and without VNNI;
    unsigned ones do not.

    Parameters
    ----------
    graph : onnx.ModelProto

    Returns
    -------
    onnx.ModelProto
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    batched = {tensor.name for tensor in graph.graph.initializer if len(tensor.dims) != 2}
    left = [node.name for node in graph.graph.node if node.op_type == "MatMul" and batched & set(node.input)]
    del graph.graph.value_info[:]  # shapes in between, which do not hold for products that it turns round
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises to simplify graphs, which the exporter has done
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "step.onnx"
            quantize_dynamic(
                graph,
                path,
                op_types_to_quantize=["MatMul", "Gemm"],
                nodes_to_exclude=left,
                per_channel=True,
                weight_type=QuantType.QUInt8,
                extra_options={"MatMulConstBOnly": True},
            )
            return onnx.load(path)
    finally:
        logging.disable(disabled)
