/* vae.h - variational autoencoders on the CPU, inside your program.
 *
 * A model has data x in R^width, a latent z in R^latent, a decoder p(x|z), the prior p(z) = N(0, I) and an encoder
 * q(z|x) = N(mean(x), diag exp(logvar(x))). It is trained by maximising
 *
 *     ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))  =  log p(x) - KL(q(z|x) || p(z|x)).
 *
 * In ten lines:
 *
 *     vae_context_create("threads=2", &context);
 *     vae_dataset_open(context, "train-images-idx3-ubyte.gz", "batch=128 shuffle=1", &data);
 *     vae_model_create(context, "input=1x28x28 latent=20 likelihood=bernoulli "
 *                               "encoder=[dense 400, relu] decoder=[dense 400, relu]", &model);
 *     vae_model_initialize(model, data);
 *     vae_optimizer_create(model, "adam lr=1e-3", &optimizer);
 *     for (i = 0; i < 4690; i++) vae_step(model, optimizer, data, NULL);
 *     vae_sample(model, 64, seed, NULL, images, NULL);
 *
 * CONVENTIONS, true for every function below unless it says otherwise
 *   Arrays      row-major; "[n, width]" is n rows of width values. Matrices the caller passes are float32.
 *   Units       nats (natural logarithm), per row, summed over dimensions. Reports are means over the rows of a batch.
 *   Errors      a function that can fail returns a vae_status; vae_last_error() then says what, where, what was
 *               expected and what was found. A failed call leaves its handles usable and, unless documented, unchanged.
 *               The library never prints, aborts, exits, sets a locale or installs a signal handler.
 *   Ownership   buffers belong to the caller. Handles are reference-counted inside: a model keeps its context alive, an
 *               optimizer its model. They may be destroyed in any order, each exactly once; destroying NULL does nothing.
 *   Out         an out pointer that is not wanted may be NULL, except a handle's. A failed create sets *out to NULL.
 *   Overlap     input and output buffers of one call must not overlap. They need no alignment beyond float's own.
 *   Threads     a context may be used from all threads. Calls that take a `const` handle may run in many threads at
 *               once; any other call needs that handle alone. See each handle.
 *   Random      noise is a pure function of (seed, step, row, column, purpose): Philox 4x32-10 (Salmon et al. 2011).
 */
#ifndef VAE_H
#define VAE_H

#include <stddef.h>
#include <stdint.h>

#if defined(VAE_STATIC) || !defined(__GNUC__)
#define VAE_API
#else
#define VAE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version and status ------------------------------------------------------------------------------------------ */

#define VAE_VERSION_MAJOR 0
#define VAE_VERSION_MINOR 1
#define VAE_VERSION_PATCH 0

/* 0 is success, a positive value is not an error, a negative value is one. Numbers are never reused. */
typedef int32_t vae_status;

#define VAE_OK 0
#define VAE_STOPPED 1 /* a callback asked a long call to stop; what was done so far stands */
#define VAE_ERROR_ARGUMENT (-1) /* NULL where a value is needed, or a number out of its range */
#define VAE_ERROR_WIDTH \
    (-2) /* rows of another width than the model's, or the data set's, input or latent */
#define VAE_ERROR_DATA (-3) /* NaN, infinity or a value outside the likelihood's support in a row */
#define VAE_ERROR_MISMATCH \
    (-4) /* handles that do not belong together, e.g. an optimizer of another model */
#define VAE_ERROR_TEXT (-5)   /* unknown, malformed or contradictory spec or options text */
#define VAE_ERROR_FILE (-6)   /* a file cannot be opened, read or written */
#define VAE_ERROR_FORMAT (-7) /* a file was read but is not what it should be */
#define VAE_ERROR_LIMIT (-8)  /* the context's memory_limit would be exceeded */
#define VAE_ERROR_MEMORY (-9) /* the allocator returned NULL */
#define VAE_ERROR_DIVERGED \
    (-10) /* a step would have written a non-finite value; nothing was written */
#define VAE_ERROR_UNSUPPORTED \
    (-11) /* the question has no answer for this model, or this build lacks the feature */
#define VAE_ERROR_INTERNAL (-12) /* a defect in the library; please report it */

/* The constant's own name, e.g. "VAE_ERROR_TEXT"; "unknown status" for any other number. Never NULL. */
VAE_API const char *vae_status_name(vae_status status);

/* Text of this thread's last failed call; "" before the first. Valid until the thread's next failing call. Never NULL. */
VAE_API const char *vae_last_error(void);

/* major << 16 | minor << 8 | patch of the library that is running (the macros above are of the header). */
VAE_API uint32_t vae_version_number(void);

/* One line: version, compiler, BLAS, real type, SIMD levels in this build. Never NULL. */
VAE_API const char *vae_build_info(void);

/* The value of any VAE_ constant of this header by name ("VAE_ERROR_TEXT"), for languages that do not read C headers.
 * VAE_ERROR_ARGUMENT if there is none of that name. */
VAE_API vae_status vae_constant(const char *name, int64_t *value);

/* ---- Context: allocator, threads, memory limit, log -------------------------------------------------------------- */

/* May be NULL wherever it is taken: malloc, one thread, no limit, silent. */
typedef struct vae_context vae_context;

/* Returns at least `size` bytes aligned as malloc's, or NULL. May be called from any thread that uses the context. */
typedef void *(*vae_alloc_fn)(void *user, size_t size);
typedef void (*vae_free_fn)(void *user, void *block);

#define VAE_LOG_WARNING 1
#define VAE_LOG_INFO 2

/* Called on the thread of the call that has something to say; `message` is valid during the call only. */
typedef void (*vae_log_fn)(void *user, int32_t level, const char *message);

/* options, all optional:
 *   threads=N          compute threads including the caller's, 1 .. 256; default 1. Started at the first use
 *   memory_limit=N     bytes this context may hold, with suffix K, M or G (binary); default none
 *   simd=auto|sse2|avx2|avx512   element-wise kernels; a level the machine lacks is an error; default auto
 *   blas_threads=set|keep        an OpenBLAS built on its own threads has one process-wide thread count. With threads > 1
 *                      `set` (default) makes it 1, since its threads would fight ours; `keep` leaves it alone
 * NULL or "" takes every default. */
VAE_API vae_status vae_context_create(const char *options, vae_context **out);

/* The same with the host's allocator. Every byte the library holds goes through it, except the threads' stacks. */
VAE_API vae_status vae_context_create_with_allocator(const char *options, vae_alloc_fn alloc,
                                                     vae_free_fn release, void *user,
                                                     vae_context **out);
VAE_API void vae_context_destroy(vae_context *context);

/* Where warnings go; NULL is silence (the default). Not to be changed while another thread uses the context. */
VAE_API vae_status vae_context_set_log(vae_context *context, vae_log_fn log, void *user);

/* Bytes held now, the most ever held, and allocations made so far. */
VAE_API vae_status vae_context_memory(const vae_context *context, uint64_t *bytes,
                                      uint64_t *peak_bytes, uint64_t *allocations);

/* ---- Data set: what a row is, and in what order ------------------------------------------------------------------ */

/* Used by one thread at a time; the const functions by many, while none changes it. */
typedef struct vae_dataset vae_dataset;

/* path: an IDX or IDX.gz file (the MNIST family), an NPY file (float32, float64, uint8; C order), a CSV file, or the
 * built-in generator "sprites" ("sprites:COUNT", default 10000: 1x32x32 images of one shape, 0 or 1 per pixel; labels are
 * its five factors: shape 0..2, size, rotation, row, column). The format is told from the content, not from the name.
 * options, all optional:
 *   batch=N (128)  shuffle=0|1 (1)  seed=N (1)  drop_last=0|1 (0)
 *   scale=auto|unit|none    auto: 8-bit data to [0, 1], floats untouched; unit: the file's own range to [0, 1]
 *   binarize=none|threshold|sample   threshold: x >= 0.5; sample: Bernoulli(x), drawn anew each epoch
 *   split=train:F|test:F  split_seed=N (1)   of a fixed shuffle the first round(F n) rows are train, the others test
 *   labels=PATH|column:NAME     an IDX or NPY file of one or more values a row, or a CSV column
 *   header=auto|yes|no  columns=[..]   CSV: column names or numbers from 0 to keep
 *   dtype=float32|float64|uint8        type in memory: for vae_dataset_from_memory (float32)
 *   copy=0|1 (1)                       vae_dataset_from_memory: 0 borrows the rows, which must outlive the data set */
VAE_API vae_status vae_dataset_open(vae_context *context, const char *path, const char *options,
                                    vae_dataset **out);

/* rows: [n, width] of the type dtype= names. */
VAE_API vae_status vae_dataset_from_memory(vae_context *context, const void *rows, size_t n,
                                           size_t width, const char *options, vae_dataset **out);
VAE_API void vae_dataset_destroy(vae_dataset *dataset);

VAE_API size_t vae_dataset_size(const vae_dataset *dataset);  /* rows after the split; 0 for NULL */
VAE_API size_t vae_dataset_width(const vae_dataset *dataset); /* values per row; 0 for NULL */
VAE_API size_t vae_dataset_batch(const vae_dataset *dataset); /* rows per step */
VAE_API size_t
vae_dataset_label_width(const vae_dataset *dataset); /* labels per row; 0 without labels */
VAE_API uint64_t
vae_dataset_epoch(const vae_dataset *dataset); /* epochs completed by the training cursor */
VAE_API uint64_t
vae_dataset_position(const vae_dataset *dataset); /* rows consumed of the current epoch */

/* Shape of a row, outermost first: 28, 28 for an MNIST image. *rank is set; at most `capacity` entries are written. */
VAE_API vae_status vae_dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity,
                                     size_t *rank);

/* Rows first .. first + n - 1 in stored order as a model would see them (scaled, binarised). Moves no cursor. */
VAE_API vae_status vae_dataset_read(const vae_dataset *dataset, size_t first, size_t n, float *x,
                                    size_t width);

/* The labels of the same rows, [n, label_width]. */
VAE_API vae_status vae_dataset_read_labels(const vae_dataset *dataset, size_t first, size_t n,
                                           double *labels, size_t label_width);

/* ---- Model ------------------------------------------------------------------------------------------------------- */

/* const calls from many threads at once; training and setting parameters need it alone. */
typedef struct vae_model vae_model;

/* spec: white-space separated key=value, comments from # to the end of the line:
 *   input=784 | 1x28x28        values per row (required)
 *   latent=20                  width of z (required)
 *   encoder=[dense 400, relu]  decoder=[dense 400, relu]      lists of layers; [] is a linear map (default)
 *       layers: dense N, and identity relu leaky_relu elu silu gelu tanh sigmoid softplus
 *   likelihood=bernoulli | gaussian
 *   sigma=0.1 | shared | optimal | per_dim | decoder    gaussian only; default shared
 *   sigma_min=1e-3             gaussian only: floor of sigma, absolute
 *   init=auto|glorot|he        uniform weights, zero biases; auto: within 1 / sqrt(inputs)
 *   seed=1                     of the initial parameters
 *   posterior=diagonal  prior=normal                    the only values now */
VAE_API vae_status vae_model_create(vae_context *context, const char *spec, vae_model **out);

/* Starts from the data: scales the first encoder layer so that its input has mean 0 and variance 1, sets the output bias
 * to the data's mean (its logit for a Bernoulli) and a learned sigma to the data's deviation. Reads the rows once or
 * twice; does not move the cursor. Call before training, after creating the model. */
VAE_API vae_status vae_model_initialize(vae_model *model, vae_dataset *dataset);

/* A model of its own with the same spec and parameters, in the same context. */
VAE_API vae_status vae_model_clone(const vae_model *model, vae_model **out);

/* One safetensors file: every parameter under its name in PyTorch layout, the spec and format version in __metadata__.
 * Written durably: to a temporary file beside it, synced, renamed; a failure leaves an existing file whole. */
VAE_API vae_status vae_model_save(const vae_model *model, const char *path);
VAE_API vae_status vae_model_load(vae_context *context, const char *path, vae_model **out);

/* The same bytes in memory. *length is the size needed and is always set; with buffer NULL nothing else happens.
 * A buffer smaller than *length is VAE_ERROR_ARGUMENT and is not written. */
VAE_API vae_status vae_model_save_memory(const vae_model *model, void *buffer, size_t size,
                                         size_t *length);
VAE_API vae_status vae_model_load_memory(vae_context *context, const void *bytes, size_t size,
                                         vae_model **out);
VAE_API void vae_model_destroy(vae_model *model);

VAE_API size_t vae_model_width(const vae_model *model);  /* values per row of x; 0 for NULL */
VAE_API size_t vae_model_latent(const vae_model *model); /* width of z; 0 for NULL */

/* The spec in canonical form; parsing it gives the same model. Valid while the model lives. "" for NULL. */
VAE_API const char *vae_model_spec(const vae_model *model);

/* Standard deviations of p(x|z), [width]. VAE_ERROR_UNSUPPORTED where there is none that holds for every z. */
VAE_API vae_status vae_model_sigma(const vae_model *model, double *sigma, size_t width);

/* Parameters are named tensors; weights are [out, in]. */
VAE_API size_t vae_model_parameter_count(const vae_model *model);   /* number of tensors */
VAE_API uint64_t vae_model_parameter_total(const vae_model *model); /* number of values */
VAE_API const char *vae_model_parameter_name(const vae_model *model,
                                             size_t index); /* NULL past the end */
VAE_API vae_status vae_model_parameter_shape(const vae_model *model, size_t index, size_t *shape,
                                             size_t capacity, size_t *rank);
VAE_API vae_status vae_model_parameter_get(const vae_model *model, const char *name, float *values,
                                           size_t count);
VAE_API vae_status vae_model_parameter_set(vae_model *model, const char *name, const float *values,
                                           size_t count);

/* Bytes of the parameters, and of one inference workspace (each thread that is inside a const call holds one). */
VAE_API vae_status vae_model_memory(const vae_model *model, uint64_t *parameter_bytes,
                                    uint64_t *workspace_bytes);

/* The inference plans (encode, decode, elbo) as text, for people. *length is what is needed with the final 0; at most
 * `size` bytes are written, always ending in 0 if size > 0. buffer may be NULL with size 0. */
VAE_API vae_status vae_model_plan(const vae_model *model, char *buffer, size_t size,
                                  size_t *length);

/* ---- Training ---------------------------------------------------------------------------------------------------- */

/* One thread. Belongs to the model it was created with. */
typedef struct vae_optimizer vae_optimizer;

/* options: `adam` (default), `adamw` or `sgd` first, then, all optional:
 *   lr=1e-3  beta1=0.9  beta2=0.999  eps=1e-8  weight_decay=0 (adamw: 0.01)      adam: Kingma & Ba 2015
 *   momentum=0  nesterov=0|1                                                      sgd
 *   schedule=constant|cosine|exponential|steps  steps=N  gamma=0.1  milestones=[N, ..]
 *       cosine: lr (1 + cos(pi t / steps)) / 2, 0 after; exponential: lr gamma^(t / steps); steps: lr gamma^(milestones passed)
 *   warmup=N      the first N steps raise lr linearly; the schedule then starts
 *   clip_norm=C   gradients with a larger global norm are scaled down to it
 *   objective=elbo  samples=K (1)   ELBO averaged over K draws of z per row
 *   beta=1  beta_warmup=N   weight of the KL, raised linearly from 0 over N steps (Higgins et al. 2017; Bowman et al. 2016)
 *   free_bits=L   each latent's batch-mean KL below L nats is not penalised (Kingma et al. 2016)
 *   seed=1        of the noise */
VAE_API vae_status vae_optimizer_create(vae_model *model, const char *options, vae_optimizer **out);

/* Changes some of the options, e.g. "lr=1e-4 beta=2", and leaves the others, the moments and the step count. The
 * algorithm (adam, adamw, sgd) cannot change. Refused text changes nothing. */
VAE_API vae_status vae_optimizer_set(vae_optimizer *optimizer, const char *options);
VAE_API void vae_optimizer_destroy(vae_optimizer *optimizer);

VAE_API uint64_t vae_optimizer_steps(const vae_optimizer *optimizer); /* updates made; 0 for NULL */
VAE_API const char *vae_optimizer_options(
    const vae_optimizer *optimizer); /* canonical text; valid until _set */

/* Bytes of the moments, and of the training workspace (activations, noise, staging) for the largest batch so far. */
VAE_API vae_status vae_optimizer_memory(const vae_optimizer *optimizer, uint64_t *state_bytes,
                                        uint64_t *workspace_bytes);

/* The training plan as text, as vae_model_plan. Empty before the first step. */
VAE_API vae_status vae_optimizer_plan(const vae_optimizer *optimizer, char *buffer, size_t size,
                                      size_t *length);

#define VAE_STEP_CLIPPED 1u   /* flags: the gradient was scaled down to clip_norm */
#define VAE_STEP_REFUSED 2u   /* flags: nothing was updated; the status says why */
#define VAE_STEP_EPOCH_END 4u /* flags: the batch was the last of its epoch */

/* What a step did. Set struct_size = sizeof(vae_step_report) before the call; the library writes no byte past it, never
 * writes it, and refuses less than 8. Means over the rows of the batch, in nats per row, at the parameters before the
 * update. `objective` is what was maximised (with beta, free bits); elbo, reconstruction and kl are always raw. */
typedef struct {
    uint32_t struct_size, flags;
    uint64_t step;     /* updates made, this one included */
    uint64_t epoch;    /* epochs completed by the data set */
    uint64_t position; /* rows consumed of the current epoch; 0 right after an epoch's end */
    uint64_t rows;     /* rows in this batch */
    double objective, elbo, reconstruction, kl, beta, learning_rate, gradient_norm;
} vae_step_report;

/* Takes the next mini-batch and makes one update. Never runs out: at an epoch's end the data set reshuffles and goes on.
 * A refused batch (VAE_ERROR_DATA, VAE_ERROR_DIVERGED) is consumed and leaves model and optimizer as they were. */
VAE_API vae_status vae_step(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                            vae_step_report *report);

/* The same with rows given: [n, width], n >= 1. epoch and position are 0. */
VAE_API vae_status vae_step_rows(vae_model *model, vae_optimizer *optimizer, const float *x,
                                 size_t n, size_t width, vae_step_report *report);

#define VAE_EVENT_STEP 1 /* after each step; validation is NULL */
#define VAE_EVENT_EPOCH \
    2 /* after each epoch; train holds the epoch's means, validation is NULL without a validation set */

/* Returns 0 to go on, anything else to stop. Runs on the caller's thread; may call const functions of the handles. */
typedef int32_t (*vae_train_fn)(void *user, int32_t event, const vae_step_report *train,
                                const vae_step_report *validation);

/* Trains for whole epochs of `dataset`. validation may be NULL. options, all optional:
 *   epochs=N (1)
 *   patience=N (0: off)    stop after N epochs without a better validation ELBO (beta = 1), counted after the warm-ups
 *   min_delta=0            nats by which an ELBO must be better
 *   restore_best=0|1 (0)   end with the parameters of the best validation epoch
 *   validation_seed=1      of the noise, the same at every validation
 * patience and restore_best need a validation set. Returns VAE_OK, VAE_STOPPED if the callback stopped it, or the first
 * error of a step. */
VAE_API vae_status vae_train(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                             const vae_dataset *validation, const char *options,
                             vae_train_fn callback, void *user);

/* ---- Inference: const, pure, from many threads at once; n = 0 is a no-op ------------------------------------------ */

/* Parameters of q(z|x), never a sample: mean and logvar, [n, latent] each. logvar lies in [-16, 16]. */
VAE_API vae_status vae_encode(const vae_model *model, const float *x, size_t n, size_t width,
                              float *mean, float *logvar);

/* E[x|z], [n, width]. */
VAE_API vae_status vae_decode(const vae_model *model, const float *z, size_t n, size_t latent,
                              float *x_mean);

/* E[x|z] at z = mean(x), [n, width]. */
VAE_API vae_status vae_reconstruct(const vae_model *model, const float *x, size_t n, size_t width,
                                   float *x_mean);

/* Per row, [n] each: one-sample estimate of E_q[log p(x|z)] with noise keyed (seed, row of this call), the closed-form KL,
 * and their difference. Always beta = 1. */
VAE_API vae_status vae_elbo(const vae_model *model, const float *x, size_t n, size_t width,
                            uint64_t seed, double *elbo, double *reconstruction, double *kl);

/* z ~ p(z) [n, latent], E[x|z] [n, width] and a draw x ~ p(x|z) [n, width]; noise keyed (seed, row). */
VAE_API vae_status vae_sample(const vae_model *model, size_t n, uint64_t seed, float *z,
                              float *x_mean, float *x);

/* Estimates of log p(x) per row, [n] each. options, all optional:
 *   estimator=importance   log (1/K) sum_k p(x, z_k) / q(z_k|x), z_k ~ q(z|x) (Burda et al. 2016):
 *                          a lower bound in expectation that rises with K to log p(x). Noise keyed
 *                          (seed, row, sample)
 *   estimator=prior        naive Monte Carlo, log (1/K) sum_k p(x|z_k), z_k ~ p(z), the same z_k
 *                          for all rows of the call: useless in high dimension; its ess says so
 *   samples=500  seed=1
 * std_error is the Monte Carlo standard error of log_p by the delta method; ess =
 * (sum w)^2 / sum w^2, the effective number of samples. With ess < 10 the error estimate cannot be
 * trusted and std_error is +infinity. Memory does not grow with samples; a failed call writes
 * nothing. */
VAE_API vae_status vae_log_likelihood(const vae_model *model, const float *x, size_t n,
                                      size_t width, const char *options, double *log_p,
                                      double *std_error, double *ess);

/* ---- Evaluation of a whole data set ---------------------------------------------------------- */

typedef struct vae_evaluation vae_evaluation;

/* Called now and then with rows done and rows in all; returns 0 to go on, anything else to stop. */
typedef int32_t (*vae_progress_fn)(void *user, uint64_t done, uint64_t total);

/* Holds the model against all rows of a data set; moves no cursor. Baselines are fitted to the rows
 * of fitted_on (the training set, say; NULL: to the same rows) and evaluated on `dataset`. options,
 * all optional:
 *   samples=0    of the estimate of log p(x) per row; 0: none, the bound only
 *   estimator=importance|prior  seed=1      baselines=0|1 (1)
 * Returns VAE_STOPPED, without a result, if progress stopped it. Latents that are not active are
 * named in a warning to the context's log. */
VAE_API vae_status vae_evaluate(const vae_model *model, const vae_dataset *dataset,
                                const vae_dataset *fitted_on, const char *options,
                                vae_progress_fn progress, void *user, vae_evaluation **out);
VAE_API void vae_evaluation_destroy(vae_evaluation *evaluation);

/* A figure by name, means over the rows in nats:
 *   rows  elbo  elbo_error (sd / sqrt n)  reconstruction  kl  active_units (Var[mean_j(x)] > 0.01)
 *   with samples: log_p  log_p_monte_carlo_error (sqrt(sum se^2) / n)
 *                 log_p_sampling_error (sd / sqrt n)  untrusted_rows (infinite std_error)
 *                 gap (log_p - elbo: the estimate of KL(q(z|x) || p(z|x)))
 *   discrete likelihoods: bits_per_dim, of log_p or, without samples, of the ELBO
 *   with baselines: baseline_marginals (the likelihood with constant outputs)
 *                 baseline_ppca (gaussian: probabilistic PCA with the same number of components,
 *                 where that is less than the width)
 * VAE_ERROR_UNSUPPORTED for a figure that this evaluation does not have. */
VAE_API vae_status vae_evaluation_value(const vae_evaluation *evaluation, const char *name,
                                        double *value);

/* Per latent, [latent]: "kl", "mean" (E[mean_j]), "mean_variance" (Var[mean_j]),
 * "aggregated_variance" (Var[mean_j] + E[variance_j]); the aggregated posterior matches the prior
 * where the mean is near 0 and that variance near 1. */
VAE_API vae_status vae_evaluation_latents(const vae_evaluation *evaluation, const char *name,
                                          double *values, size_t latent);

/* All of it as text, for people. Valid until the evaluation is destroyed. "" for NULL. */
VAE_API const char *vae_evaluation_text(const vae_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
