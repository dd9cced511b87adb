"""One LSTM layer in PyTorch on the CPU: 512 units on 512 inputs, a batch of 64, 25 steps.

The same as `cargo bench -p traduko-kernels --bench sequence`: forward, and forward with the gradients of the weights
and of the input. Prints milliseconds: the least, the median and the greatest of 30 runs after 5 to warm up.

    pip install torch numpy
    python tests/peers/lstm_speed.py [THREADS]
"""

import sys
import time

import torch

TIME, BATCH, D = 25, 64, 512
WARMUP, RUNS = 5, 30


def measure(name, run):
    for _ in range(WARMUP):
        run()
    elapsed = []
    for _ in range(RUNS):
        started = time.perf_counter()
        run()
        elapsed.append((time.perf_counter() - started) * 1e3)
    elapsed.sort()
    print(f"{name}: {elapsed[0]:.1f} ms, {elapsed[RUNS // 2]:.1f} ms, {elapsed[-1]:.1f} ms")


def main():
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    lstm = torch.nn.LSTM(D, D)
    x = torch.randn(TIME, BATCH, D, requires_grad=True)

    def forward():
        with torch.no_grad():
            return lstm(x)[0]

    def forward_and_backward():
        lstm.zero_grad()
        x.grad = None
        lstm(x)[0].sum().backward()

    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    measure("forward", forward)
    measure("forward and backward", forward_and_backward)


main()
