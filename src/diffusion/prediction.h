/* What a network predicts of x_t = sqrt(A) x_0 + sqrt(1 - A) e: the noise e, the data x_0, or v = sqrt(A) e - sqrt(1 - A) x_0
 * (Salimans & Ho 2022, "Progressive distillation"), and how one is had from another. Each is linear in the others. */
#ifndef VAE_DIFFUSION_PREDICTION_H
#define VAE_DIFFUSION_PREDICTION_H

enum { VAE__PREDICT_V, VAE__PREDICT_NOISE, VAE__PREDICT_DATA };
extern const char *const vae__predict_names[];

/* x_0 = of_noisy x_t + of_prediction p, and the target p = of_data x_0 + of_noise e. */
typedef struct vae__prediction {
    double of_noisy, of_prediction, of_data, of_noise;
} vae__prediction;

/* For a step with this A_t. Noise says nothing of x_0 where hardly any of it is left: below 1e-4 v is predicted in its
 * place. */
vae__prediction vae__prediction_of(int predict, double retained);

/* The kind that is in force at this A_t. */
int vae__prediction_in_force(int predict, double retained);

#endif
