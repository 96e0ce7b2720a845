/* Trains a small model through vae.hpp and prints the version of the library that runs. */
#include <vae.hpp>

#include <cmath>
#include <cstdio>

int main() {
    vae::dataset data("sprites:50");
    vae::model model("input=1x32x32 latent=2 likelihood=bernoulli encoder=[dense 8, tanh] "
                     "decoder=[dense 8, tanh]");
    vae::optimizer optimizer(model);
    model.train(optimizer, data, "epochs=2");
    if (!std::isfinite(model.evaluate(data).value("elbo"))) return 1;
    const unsigned version = vae::version_number();
    std::printf("%u.%u.%u\n", version >> 16, version >> 8 & 255, version & 255);
}
