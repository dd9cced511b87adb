"""The network of configs/bench.toml in PyTorch: target tokens a second in training, on made-up sentences.

The same as `traduko bench configs/bench.toml`: BPE 8k tied three ways, 320 units, a two-layer bidirectional LSTM encoder,
a two-layer LSTM decoder with general attention on top, dropout 0.1, label smoothing 0.1, clipping, Adam. Prints the
median of the steps after two to warm up. On a GPU add --device cuda (cuDNN), and --bf16 for mixed precision.

    pip install torch numpy
    python tests/peers/seq2seq_speed.py [--threads 2] [--d 320] [--batch-tokens 2500] [--length 20]
"""

import argparse
import time

import torch
from torch import nn
from torch.nn import functional as F


class Seq2Seq(nn.Module):
    def __init__(self, vocab, d):
        super().__init__()
        self.embedding = nn.Embedding(vocab, d)
        self.encoder = nn.LSTM(d, d // 2, num_layers=2, bidirectional=True, dropout=0.1)
        self.decoder = nn.LSTM(d, d, num_layers=2, dropout=0.1)
        self.bridge = nn.Linear(d, 2 * d)
        self.key, self.query = nn.Linear(d, d, bias=False), nn.Linear(d, d, bias=False)
        self.combine = nn.Linear(2 * d, d)
        self.bias = nn.Parameter(torch.zeros(vocab))
        self.dropout = nn.Dropout(0.1)

    def forward(self, source, target):
        encoded, (hidden, _) = self.encoder(self.dropout(self.embedding(source)))
        summary = torch.cat([hidden[-2], hidden[-1]], 1)
        start = torch.tanh(self.bridge(summary)).chunk(2, 1)
        start = torch.stack(start).contiguous()
        decoded, _ = self.decoder(self.dropout(self.embedding(target)), (start, torch.zeros_like(start)))
        queries = self.query(decoded).transpose(0, 1)
        keys, values = self.key(encoded).transpose(0, 1), encoded.transpose(0, 1)
        weights = torch.softmax(queries @ keys.transpose(1, 2), 2)
        joined = torch.cat([decoded.transpose(0, 1), weights @ values], 2)
        output = self.dropout(torch.tanh(self.combine(joined)))
        return F.linear(output, self.embedding.weight, self.bias)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--d", type=int, default=320)
    parser.add_argument("--vocab", type=int, default=8000)
    parser.add_argument("--batch-tokens", type=int, default=2500)
    parser.add_argument("--length", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = Seq2Seq(args.vocab, args.d).to(args.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
    batch = args.batch_tokens // args.length
    elapsed = []
    for step in range(2 + args.steps):
        source = torch.randint(4, args.vocab, (args.length, batch), device=args.device)
        target = torch.randint(4, args.vocab, (args.length, batch), device=args.device)
        if args.device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        with torch.autocast(args.device, dtype=torch.bfloat16, enabled=args.bf16):
            logits = model(source, target)
        loss = F.cross_entropy(logits.float().flatten(0, 1), target.transpose(0, 1).flatten(), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if args.device == "cuda":
            torch.cuda.synchronize()
        if step >= 2:
            elapsed.append(time.perf_counter() - started)
    elapsed.sort()
    median = elapsed[len(elapsed) // 2]
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads: {parameters} parameters, {batch} sentences a step: "
        f"{median * 1e3:.0f} ms a step, {batch * args.length / median:.0f} target tokens a second"
    )


main()
