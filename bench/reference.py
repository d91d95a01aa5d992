"""A checkout of the original for train.js, run as it is, one optimiser step at a time.

Usage: python3 reference.py CHECKOUT OPTIONS..., the options for its train.py. It makes one step for each line that it reads, what comes before the first
step with it, and waits after each; nothing of the checkout is changed. What the checkout prints goes to standard error.
"""

import json
import os
import runpy
import sys
import time

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from step import peak_mib

checkout, *options = sys.argv[1:]
script = os.path.join(checkout, "train.py")
if not os.path.isfile(script):
    sys.exit(f"{script} is not there: --reference takes a checkout of the original, with its train.py.")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
begin = 0.0


def say(line):
    print(json.dumps(line), file=answers, flush=True)


def wait():
    """For the next line; without one the run ends here, and nothing of it is saved."""
    global begin
    if not sys.stdin.readline():
        os._exit(0)
    begin = time.perf_counter()


def stepped(*_):
    say({"seconds": time.perf_counter() - begin, "peakMiB": peak_mib()})
    wait()


say({"versions": f"the original in {checkout}, Python {sys.version.split()[0]}, PyTorch {torch.__version__}"})
register_optimizer_step_post_hook(stepped)
wait()
os.chdir(checkout)
del sys.modules["step"]  # the checkout's modules have their own names
sys.path[0] = os.getcwd()
sys.argv = ["train.py", *options]
runpy.run_path("train.py", run_name="__main__")
sys.exit("The original's training ended before enough steps were made: its data set was too small, or its epochs too few.")
