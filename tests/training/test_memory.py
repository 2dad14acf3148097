"""Memory that was freed is there at once when it is wanted again."""

import platform
import subprocess
import sys

from pse_plugins.training.memory import keep_freed_memory

CODE = """
import resource, sys
import torch
from pse_plugins.training.memory import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit("not here")
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(20)
print(faults(10))
"""


def page_faults(how):
    """Give the page faults of tensors of 40 MB, one after the other, once there have been some."""
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_freed_memory_is_not_cleared_again():
    if platform.libc_ver()[0] != "glibc":
        assert not keep_freed_memory()  # and training goes on as it would
        return
    assert page_faults("kept") < page_faults("given back") / 10
