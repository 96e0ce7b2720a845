/* A second translation unit that includes vae.hpp: everything in it is inline. */
#include "check.hpp"
#include "vae.hpp"

float first_mean_of_another_file() {
    vae::model model("input=2 latent=1 likelihood=bernoulli encoder=[] decoder=[]");
    const float row[] = {0, 1};
    return model.encode(row).mean[0];
}
