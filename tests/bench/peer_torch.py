#!/usr/bin/env python3
"""Times PyTorch on the networks, batches and threads of `make bench`, and compares.

    /usr/bin/python3 tests/bench/peer_torch.py [build/bench.json] [--repetitions 15] [--milliseconds 25] [--only TEXT]

A step is forward, backward and Adam on one Bernoulli VAE: dense layers with ReLU, binary cross-entropy
with logits and the closed-form KL, averaged over the rows. Encode gives mean and log variance without
gradients. The networks of images have 4 x 4 windows that move by 2, are mirrored around dense layers, and are
measured as they are and with `channels_last`; with --compile also compiled; the best counts. Each line is the median of the samples with its quartiles; the last column is PyTorch's
median over libvae's, where the file that `make bench` wrote has the same work on the same threads.
Each number of threads runs in a process of its own, since BLAS reads its own from the environment.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("peer_torch.py: %s has no PyTorch. On Debian and Ubuntu: apt-get install python3-torch, then run this "
             "with /usr/bin/python3; elsewhere: python3 -m pip install torch" % sys.executable)

NETWORKS = {  # width, hidden layers of the encoder, latent
    "784-400-20": (784, [400], 20),
    "784-200-200-50": (784, [200, 200], 50),
    "32-64-8": (32, [64], 8),
}
IMAGES = {  # shape, channels of the encoder, latent
    "1x28x28": ((1, 28, 28), [32, 64], 16),
    "3x64x64": ((3, 64, 64), [32, 64, 128, 256], 128),
    "3x256x256": ((3, 256, 256), [32, 64, 128, 256], 128),
}
UNET = "unet 1x28x28"  # a diffusion of images of this shape
CASES = [
    ("step", "784-400-20", 128), ("step", "784-400-20", 16), ("step", "784-200-200-50", 20),
    ("step", "784-200-200-50", 1000), ("step", "32-64-8", 32),
    ("step", "1x28x28", 128), ("step", "3x64x64", 32), ("step", "3x256x256", 8), ("step", UNET, 128), ("50 steps", UNET, 64 * 50),
    ("encode", "784-400-20", 1), ("encode", "784-400-20", 64), ("encode", "32-64-8", 1),
]


def stack(widths):
    """Dense layers with a ReLU after each."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return layers


def images_encoder(shape, channels, latent):
    layers, sides = [], shape[1] >> len(channels)
    for into, out in zip([shape[0]] + channels, channels):
        layers += [torch.nn.Conv2d(into, out, 4, 2, 1), torch.nn.ReLU()]
    return layers + [torch.nn.Flatten(), torch.nn.Linear(channels[-1] * sides * sides, 2 * latent)]


def images_decoder(shape, channels, latent):
    sides, back = shape[1] >> len(channels), channels[::-1]
    layers = [torch.nn.Linear(latent, back[0] * sides * sides), torch.nn.ReLU(),
              torch.nn.Unflatten(1, (back[0], sides, sides))]
    for into, out in zip(back, back[1:]):
        layers += [torch.nn.ConvTranspose2d(into, out, 4, 2, 1), torch.nn.ReLU()]
    return layers + [torch.nn.ConvTranspose2d(back[-1], shape[0], 4, 2, 1)]


class Autoencoder(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        if name in IMAGES:
            self.encoder, self.decoder = (torch.nn.Sequential(*make(*IMAGES[name])) for make in (images_encoder, images_decoder))
            return
        width, hidden, latent = NETWORKS[name]
        back = hidden[::-1]
        self.encoder = torch.nn.Sequential(*stack([width] + hidden), torch.nn.Linear(hidden[-1], 2 * latent))
        self.decoder = torch.nn.Sequential(*stack([latent] + back), torch.nn.Linear(back[-1], width))

    def forward(self, x):
        return self.loss(x)

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)

    def loss(self, x):
        mean, logvar = self.encode(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        logits = self.decoder(z)
        reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(mean * mean + torch.exp(logvar) - logvar - 1)
        return (reconstruction + kl) / x.shape[0]


class Block(torch.nn.Module):
    def __init__(self, into, out):
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.GroupNorm(8, into), torch.nn.SiLU(), torch.nn.Conv2d(into, out, 3, padding=1))
        self.step = torch.nn.Linear(64, out)
        self.second = torch.nn.Sequential(torch.nn.GroupNorm(8, out), torch.nn.SiLU(), torch.nn.Conv2d(out, out, 3, padding=1))
        self.skip = torch.nn.Identity() if into == out else torch.nn.Conv2d(into, out, 1)

    def forward(self, x, e):
        return self.skip(x) + self.second(self.first(x) + self.step(e)[:, :, None, None])


class Unet(torch.nn.Module):
    """network=unet channels=[32, 64, 64], with the loss of v over the cosine schedule."""

    def __init__(self):
        super().__init__()
        conv = torch.nn.Conv2d
        self.embedding = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU())
        self.into, self.out = conv(1, 32, 3, padding=1), torch.nn.Sequential(torch.nn.GroupNorm(8, 32), torch.nn.SiLU(), conv(32, 1, 3, padding=1))
        self.down = torch.nn.ModuleList([Block(32, 32), Block(32, 64), Block(64, 64)])
        self.halves = torch.nn.ModuleList([conv(32, 32, 3, 2, 1), conv(64, 64, 3, 2, 1)])
        self.middle = torch.nn.ModuleList([Block(64, 64), Block(64, 64)])
        self.up = torch.nn.ModuleList([Block(128, 64), Block(128, 64), Block(64, 32)])
        self.twice = torch.nn.ModuleList([conv(64, 64, 3, padding=1), conv(64, 32, 3, padding=1)])
        self.kept = torch.cos(torch.arange(1001) / 1000 * torch.pi / 2) ** 2

    def predict(self, x, t):
        angle = t[:, None] * 10000.0 ** (-torch.arange(32) / 32)
        e = self.embedding(torch.cat([angle.sin(), angle.cos()], 1))
        h, saved = self.into(x), []
        for i, block in enumerate(self.down):
            h = block(h, e)
            saved.append(h)
            if i < 2:
                h = self.halves[i](h)
        for block in self.middle:
            h = block(h, e)
        for i, block in enumerate(self.up):
            h = block(torch.cat([h, saved.pop()], 1), e)
            if i < 2:
                h = self.twice[i](torch.nn.functional.interpolate(h, scale_factor=2))
        return self.out(h)

    def forward(self, x):
        t = torch.randint(1, 1001, (len(x),))
        a, noise = self.kept[t][:, None, None, None], torch.randn_like(x)
        target = a.sqrt() * noise - (1 - a).sqrt() * x
        return ((self.predict(a.sqrt() * x + (1 - a).sqrt() * noise, t.float()) - target) ** 2).sum() / len(x)

    @torch.inference_mode()
    def sample(self, n):
        """50 steps of DDIM."""
        x = torch.randn(n, 1, 28, 28)
        for t in range(1000, 0, -20):
            a, before = self.kept[t], self.kept[t - 20]
            v = self.predict(x, torch.full((n,), float(t)))
            data, noise = a.sqrt() * x - (1 - a).sqrt() * v, (1 - a).sqrt() * x + a.sqrt() * v
            x = before.sqrt() * data + (1 - before).sqrt() * noise
        return x


def make_unet_calls(what, batch, compiled):
    for form in ["eager", "channels_last"] + (["compile"] if compiled else []):
        torch.manual_seed(1)
        model = Unet().to(memory_format=torch.contiguous_format if form == "eager" else torch.channels_last)
        model = torch.compile(model) if form == "compile" and what == "step" else model
        yield make_step(model, torch.rand(batch, 1, 28, 28)) if what == "step" else lambda: model.sample(batch // 50)


def make_step(model, x):
    fused = {"fused": True} if torch.__version__ >= "2.3" and x.dim() == 4 else {}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, **fused)

    def step():
        optimizer.zero_grad(set_to_none=True)
        model(x).backward()
        optimizer.step()
    return step


def make_image_steps(name, batch, compiled):
    """The step of a network of images in each form that PyTorch has."""
    for form in ["eager", "channels_last"] + (["compile"] if compiled else []):
        torch.manual_seed(1)
        layout = torch.contiguous_format if form == "eager" else torch.channels_last
        model = Autoencoder(name).to(memory_format=layout)
        x = torch.rand(batch, *IMAGES[name][0]).to(memory_format=layout)
        yield make_step(torch.compile(model) if form == "compile" else model, x)


def make_encode(model, x):
    def encode():
        with torch.inference_mode():
            model.encode(x)
    return encode


def time_calls(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def measure(call, repetitions, seconds):
    """Seconds of one call: `repetitions` samples of about `seconds` each."""
    for _ in range(3):
        call()
    calls = max(1, int(seconds / time_calls(call, 3)))
    samples = []
    for _ in range(repetitions):
        time_calls(call, 1 + calls // 8)
        samples.append(time_calls(call, calls))
    return samples


def load(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def describe_bench(path):
    report = load(path)
    if report is None:
        print("%s is not there: run `make bench` first for a comparison" % path)
    else:
        print("libvae: %s, BLAS %s" % (report["date"], report["blas"]))


def read_bench(path):
    """Median seconds of libvae by (what, network, batch, threads)."""
    results = (load(path) or {"results": []})["results"]
    return {(r["what"], r["network"], r["batch"], r["threads"]): r["seconds"]["median"] for r in results}


def run_cases(options):
    """Every case on one number of threads."""
    threads = options.threads
    ours = read_bench(options.bench)
    torch.set_num_threads(threads)
    for what, name, batch in CASES:
        if (batch == 1 and threads > 1) or options.only not in "%s %s %d" % (what, name, batch):
            continue
        if name == UNET:
            calls = list(make_unet_calls(what, batch, options.compile))
        elif name in IMAGES:
            calls = list(make_image_steps(name, batch, options.compile))
        else:
            torch.manual_seed(1)
            model = Autoencoder(name)
            x = torch.rand(batch, NETWORKS[name][0])
            calls = [make_step(model, x) if what == "step" else make_encode(model, x)]
        samples = min((measure(call, max(3, options.repetitions), options.milliseconds / 1e3) for call in calls),
                      key=statistics.median)
        lower, median, upper = (1e6 * q for q in statistics.quantiles(samples, n=4, method="inclusive"))
        libvae = ours.get((what, name, batch, threads))
        found = "%10.2f %8.2f" % (1e6 * libvae, median / (1e6 * libvae)) if libvae else ""
        print("%-7s %-15s %5d %3d %10.2f  %-21s %s" % (
            what, name, batch, threads, median, "[%.4g .. %.4g]" % (lower, upper), found), flush=True)


def run_in_process(threads):
    """This script again, with every BLAS that PyTorch may be linked to on this many threads."""
    names = ("OMP", "OPENBLAS", "MKL", "BLIS", "GOTO")
    environment = dict(os.environ, **{"%s_NUM_THREADS" % name: str(threads) for name in names})
    subprocess.run([sys.executable] + sys.argv + ["--threads", str(threads)], env=environment, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", nargs="?", default="build/bench.json", help="what `make bench` wrote")
    parser.add_argument("--repetitions", type=int, default=15, help="samples, at least 3")
    parser.add_argument("--milliseconds", type=float, default=25, help="of a sample")
    parser.add_argument("--compile", action="store_true", help="also torch.compile for images, which takes minutes")
    parser.add_argument("--only", default="", help="cases whose title contains this text")
    parser.add_argument("--threads", type=int, help="only this number, in this process")
    options = parser.parse_args()
    if options.threads:
        run_cases(options)
        return
    describe_bench(options.bench)
    print("PyTorch %s\n\n%-7s %-15s %5s %3s %10s  %-21s %10s %8s" % (
        torch.__version__, "", "network", "batch", "thr", "us", "", "libvae us", "ratio"), flush=True)
    for threads in (1, 2) if (os.cpu_count() or 1) > 1 else (1,):
        run_in_process(threads)


if __name__ == "__main__":
    main()
