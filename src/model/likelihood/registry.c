#include "model/likelihood/likelihood.h"

const vae__likelihood *const vae__likelihoods[] = {
    &vae__likelihood_bernoulli,
    &vae__likelihood_gaussian,
    NULL,
};

void vae__likelihood_weigh(const vae__call *call, vae__real *also, size_t also_width) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head);
    vae__real *gradient = call->input_gradient[0];
    if (call->gradient_known) return;
    for (size_t i = 0; i < rows; i++) {
        vae__real weight = call->output_gradient[0][i];
        call->kernels->scale(gradient + i * head->width, weight, head->width);
        if (also) call->kernels->scale(also + i * also_width, weight, also_width);
    }
}
