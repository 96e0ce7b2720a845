"""Trains on the library's own pictures of shapes and draws what the model has learned.

    python example.py [folder]      writes training.png, reconstructions.png, samples.png, latent.png

Needs matplotlib.
"""
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy

import vae


def grid(axes, images, title):
    """Pictures [n, 1024] side by side, eight in a row."""
    tall = len(images) // 8
    picture = images.reshape(tall, 8, 32, 32).transpose(0, 2, 1, 3).reshape(tall * 32, 8 * 32)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.axis("off")


def main(folder):
    context = vae.Context(threads=2)
    data = vae.Dataset.open("sprites:4000", batch=100, context=context)
    model = vae.Model(
        "input=1x32x32 latent=8 likelihood=bernoulli encoder=[dense 256, relu] decoder=[dense 256, relu]", context=context
    )
    model.initialize(data)
    optimizer = vae.Optimizer(model, "adam lr=2e-3")
    history = []
    optimizer.train(data, epochs=15, progress=True,
                    callback=lambda event, report, _: history.append(report.elbo) if event == "epoch" else None)  # fmt: skip

    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(range(1, len(history) + 1), history, marker="o")
    axes.set(xlabel="epoch", ylabel="ELBO, nats a picture", title="Training")
    figure.savefig(folder / "training.png", dpi=100)

    rows = data.read(0, 16)
    figure, axes = plt.subplots(2, 1, figsize=(6, 4))
    grid(axes[0], rows, "pictures")
    grid(axes[1], model.reconstruct(rows), "reconstructions E[x|z] at the posterior's mean")
    figure.savefig(folder / "reconstructions.png", dpi=100)

    figure, axes = plt.subplots(figsize=(6, 4))
    grid(axes, model.sample(32, seed=1)[1], "samples: E[x|z], z from the prior")
    figure.savefig(folder / "samples.png", dpi=100)

    everything, labels = data.read(), data.labels()
    mean = model.encode(everything)[0]
    widest = numpy.argsort(-mean.var(axis=0))[:2]
    figure, axes = plt.subplots(figsize=(6, 5))
    for number, name in enumerate(["square", "ellipse", "heart"]):
        chosen = labels[:, 0] == number
        axes.scatter(*mean[chosen][:, widest].T, s=4, label=name)
    axes.set(xlabel="latent %d" % widest[0], ylabel="latent %d" % widest[1], title="Means of q(z|x)")
    axes.legend()
    figure.savefig(folder / "latent.png", dpi=100)
    print("ELBO %.2f after %d epochs; pictures in %s" % (history[-1], len(history), folder))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    target.mkdir(parents=True, exist_ok=True)
    main(target)
