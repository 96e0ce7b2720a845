/* vae.h - variational autoencoders on the CPU, inside your program. This file is the manual.
 *
 * A model has data x in R^width, a latent z in R^latent, a decoder p(x|z), a prior p(z), which is
 * N(0, I) unless the spec says otherwise, and an encoder q(z|x) = N(mean(x), diag exp(logvar(x))) (Kingma & Welling 2014).
 * It is trained by maximising
 *
 *     ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))  =  log p(x) - KL(q(z|x) || p(z|x)).
 *
 * In ten lines, without looking at the statuses:
 *
 *     vae_context_create("threads=2", &context);
 *     vae_dataset_open(context, "train-images-idx3-ubyte.gz", "batch=128", &data);
 *     vae_model_create(context, "input=1x28x28 latent=20 likelihood=bernoulli "
 *                               "encoder=[dense 400, relu] decoder=[dense 400, relu]", &model);
 *     vae_model_initialize(model, data);
 *     vae_optimizer_create(model, "adam lr=1e-3", &optimizer);
 *     for (i = 0; i < 4690; i++) vae_step(model, optimizer, data, NULL);
 *     vae_sample(model, 64, seed, NULL, images, NULL);
 *
 * CONVENTIONS, true for every function below unless it says otherwise
 *
 *   Arrays      Row-major. "[n, width]" is n rows of width values. What the caller passes and
 *               receives is float32, sums in nats are double.
 *   Units       Nats (natural logarithm), per row, summed over dimensions. Reports are means over
 *               the rows of a batch. Nothing is rescaled by the width or the batch.
 *   Errors      A function that can fail returns a vae_status; vae_last_error() then says what,
 *               where, what was expected and what was found. A failed call leaves its handles
 *               usable and, unless documented, unchanged; output buffers may have been written in
 *               part. Any call may fail with VAE_ERROR_ARGUMENT for a NULL handle or buffer, and
 *               one that allocates with VAE_ERROR_MEMORY or VAE_ERROR_LIMIT.
 *               The library never prints, aborts, exits, sets a locale or a signal handler.
 *   Ownership   Buffers belong to the caller and are not kept. Handles are reference-counted
 *               inside: a model keeps its context alive, an optimizer its model. They may be
 *               destroyed in any order, each exactly once; destroying NULL does nothing.
 *   Out         An out pointer that is not wanted may be NULL, except a handle's. A failed create
 *               sets *out to NULL.
 *   Overlap     Input and output buffers of one call must not overlap. They need no alignment
 *               beyond that of their type.
 *   Threads     A context may be used from all threads. Calls that take a `const` handle may run
 *               in many threads at once; any other call needs that handle alone.
 *   Random      Noise is a pure function of (seed, step, row, column, purpose): Philox 4x32-10
 *               (Salmon et al. 2011). There is no generator whose state could be shared or lost.
 *   Text        Specs and options are key=value pairs separated by white space; "#" starts a
 *               comment to the end of the line; lists stand in brackets, values with spaces in
 *               double quotes; numbers are read without the locale. An unknown key, a key given
 *               twice or a value out of its range is VAE_ERROR_TEXT, and the message names the
 *               place. Options text may be NULL, which is "". Every key with its default, range
 *               and meaning: docs/text.md.
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

/* ---- Version and status ---------------------------------------------------------------------- */

#define VAE_VERSION_MAJOR 0
#define VAE_VERSION_MINOR 2
#define VAE_VERSION_PATCH 0

/* 0 is success, a positive value is no error, a negative one is. Numbers are never reused. */
typedef int32_t vae_status;

#define VAE_OK 0
#define VAE_STOPPED 1               /* a callback stopped a long call; what was done stands */
#define VAE_ERROR_ARGUMENT (-1)     /* NULL, a number out of range, or a call at a wrong time */
#define VAE_ERROR_WIDTH (-2)        /* rows are not as wide as the model, data set or latent */
#define VAE_ERROR_DATA (-3)         /* NaN, infinity or a value outside the likelihood's support */
#define VAE_ERROR_MISMATCH (-4)     /* handles of different models, e.g. another's optimizer */
#define VAE_ERROR_TEXT (-5)         /* unknown, malformed or contradictory spec or options */
#define VAE_ERROR_FILE (-6)         /* a file cannot be opened, read or written */
#define VAE_ERROR_FORMAT (-7)       /* a file was read but is not what it should be */
#define VAE_ERROR_LIMIT (-8)        /* the context's memory_limit would be exceeded */
#define VAE_ERROR_MEMORY (-9)       /* the allocator returned NULL */
#define VAE_ERROR_DIVERGED (-10)    /* a row's ELBO, a gradient or an update is not finite */
#define VAE_ERROR_UNSUPPORTED (-11) /* no answer for this model, or not in this build */
#define VAE_ERROR_INTERNAL (-12)    /* a defect in the library; please report it */

/* The constant's own name, e.g. "VAE_ERROR_TEXT"; "unknown status" for any other number.
 * Never NULL; static storage. */
VAE_API const char *vae_status_name(vae_status status);

/* Text of this thread's last failed call; "" before the first. Never NULL. Valid until the thread's
 * next failing call. One line of at most 1023 bytes, always valid UTF-8: of a longer one, with a
 * very long path, the middle is left out, and what could not be shown is '?'. A call that succeeds
 * does not clear it.
 * The text belongs to the operating system's thread. Where the caller's code may move to another one
 * between two calls (goroutines, tasks of an asynchronous runtime), make the failing call, read its
 * text and copy it without giving up the thread in between: docs/embedding.md, "Errors". */
VAE_API const char *vae_last_error(void);

/* major << 16 | minor << 8 | patch of the library that runs (the macros are the header's). */
VAE_API uint32_t vae_version_number(void);

/* One line, e.g. "libvae 0.2.0, gcc 12.2, BLAS OpenBLAS 0.3.21 (pthreads), float, simd avx512 avx2
 * sse2": version, compiler, BLAS, real type, SIMD levels in this build. The BLAS's version is that
 * of the build; (serial), (pthreads) or (OpenMP) is how the OpenBLAS that is loaded uses threads,
 * and is left out where that is not known. Never NULL; static; the same for all threads. */
VAE_API const char *vae_build_info(void);

/* The value of any VAE_ constant of this header by its name ("VAE_ERROR_TEXT"), for languages that
 * do not read C headers. VAE_ERROR_ARGUMENT if there is none of that name. value: not NULL. */
VAE_API vae_status vae_constant(const char *name, int64_t *value);

/* ---- Context: allocator, threads, memory limit, log ------------------------------------------ */

/* NULL wherever one is taken stands for a context of its own with the defaults: malloc, one thread,
 * no limit and silence. */
typedef struct vae_context vae_context;

/* Returns at least `size` bytes aligned as malloc's, or NULL. Called from any thread that uses the
 * context, also from several at once. */
typedef void *(*vae_alloc_fn)(void *user, size_t size);
typedef void (*vae_free_fn)(void *user, void *block);

#define VAE_LOG_WARNING 1
#define VAE_LOG_INFO 2

/* Called on the thread of the call that has something to say; `message` is valid during it only. */
typedef void (*vae_log_fn)(void *user, int32_t level, const char *message);

/* options, all optional:
 *
 *   threads=N (1)               compute threads with the caller's own, 1 .. 256; started when they
 *                               are first needed
 *   memory_limit=N (0: none)    bytes that the context may hold, its own among them; suffixes K, M,
 *                               G (powers of 1024)
 *   simd=auto | sse2 | avx2 | avx512
 *                               element-wise kernels; auto is the best that the processor runs.
 *                               One that it or the build lacks is VAE_ERROR_UNSUPPORTED
 *   blas_threads=set | keep     some BLAS libraries (OpenBLAS on POSIX threads, BLIS) have one
 *                               number of threads for the whole process. `set` makes it 1 when
 *                               the context is created, whatever `threads` is, and leaves it so:
 *                               its threads would fight with these and with the host's, ten times
 *                               slower and worse. `keep` does not touch it; see below
 *
 * Every matrix product runs on the thread that computes it. A BLAS with a number of threads for each
 * thread that calls it (one built for OpenMP) is set to 1 around the products and put back, with
 * `keep` too: the host sees nothing of it. For one with a process-wide number, a host that wants
 * its own products on several threads creates its contexts first and sets the number again, which
 * then holds for the library's products as well; or it uses `keep`. A handle made without a context
 * makes a default one, so it sets the number too. The log is told (VAE_LOG_INFO) when it is set.
 * Not while another thread of the host is inside the BLAS. */
VAE_API vae_status vae_context_create(const char *options, vae_context **out);

/* The same with the host's allocator, both functions or neither. Every byte that the library holds
 * goes through it, except its threads' stacks and what the BLAS takes for itself. */
VAE_API vae_status vae_context_create_with_allocator(const char *options, vae_alloc_fn alloc,
                                                     vae_free_fn release, void *user,
                                                     vae_context **out);

/* Gives the caller's reference back. Threads and memory go when nothing refers to it any more. */
VAE_API void vae_context_destroy(vae_context *context);

/* Where messages that are no errors go; NULL is silence (the default). What creating the context had
 * to say is said now, once. Not while another thread uses the context. */
VAE_API vae_status vae_context_set_log(vae_context *context, vae_log_fn log, void *user);

/* Bytes held now, the most ever held, and allocations made so far. */
VAE_API vae_status vae_context_memory(const vae_context *context, uint64_t *bytes,
                                      uint64_t *peak_bytes, uint64_t *allocations);

/* ---- Data set: what a row is, and in what order ---------------------------------------------- */

/* Rows in memory in the type they came in, converted batch by batch, and a training cursor. Only
 * vae_step and vae_train move the cursor. One thread; its const functions many, while none trains
 * on it. It need not share its context with the model it is used with. */
typedef struct vae_dataset vae_dataset;

/* path: an IDX file (the MNIST family), an NPY file (numpy.save of bool, integers or floats of up to
 * 64 bits, in C or Fortran order) or a CSV file, each also compressed by gzip, told from its content
 * and not from its name; or "sprites" or
 * "sprites:COUNT", the built-in generator (10000 rows if no count is given): 1x32x32 images of one
 * filled shape, 0 or 1 a pixel, drawn from `seed`. Its labels are the five factors: shape (0
 * square, 1 ellipse, 2 heart), size, rotation in radians, row and column of the centre in pixels.
 * "sprites:COUNT:3x64x64", with 1 channel or 3 and a height and width of 8 to 4096 each, are images
 * with soft edges of one shape (also 3 triangle, 4 star), with its colour as a sixth factor; those
 * that would take more than 64 MiB are made when they are read, and take no memory.
 * "toy:moons", "toy:ring" and "toy:checkerboard", each also with ":COUNT", are rows of two floats
 * drawn from `seed`, with the part that a row comes from as their label. docs/files.md has the
 * densities, and the mean of log p where it is known.
 *
 * uint8 stays uint8; bool (0 and 1), other integers of up to 16 bits, float16 and float32 are kept
 * as float32, which holds them exactly; integers of 32 and 64 bits, float64 and CSV as float64. Rows
 * become float32 when they are used. Integers that a float does not hold exactly are said once, as a
 * VAE_LOG_WARNING with an example.
 *
 * options, all optional:
 *
 *   batch=N (128)               rows per step, 1 .. 1e9; more than there are is all of them
 *   shuffle=0|1 (1)  seed=N (1) a new order each epoch, a function of (seed, epoch)
 *   drop_last=0|1 (0)           1 leaves out an epoch's short last batch; a set smaller than its
 *                               batch is one whole batch
 *   scale=auto | unit | none | range:LOW:HIGH
 *                               auto: 8-bit data to [0, 1] (/ 255), floats untouched; unit: the
 *                               least and the largest value of all rows to 0 and 1; none: as
 *                               stored; range: LOW to 0 and HIGH to 1, other values accordingly
 *   shift=none | columns | [a, b, ..]
 *                               what is subtracted from each column, in double, before values
 *                               become float: nothing; a value of the column near its middle (the
 *                               lower median of all rows, before the split); these numbers, one a
 *                               column, so that a later file is shifted as the training file was.
 *                               For large numbers that lie close together (times, dates), which a
 *                               float cannot hold. Not with scale=unit or range, nor binarize=
 *   binarize=none | threshold | sample
 *                               after scaling; threshold: x >= 0.5; sample: 1 with probability x,
 *                               drawn anew each epoch
 *   split=train:F | test:F  split_seed=N (1)
 *                               of a fixed shuffle of all rows the first round(F n) are train, the
 *                               others test; F in [0, 1]. Opened twice: two sets without a common row
 *   labels=PATH | column:NAME   a file with one or more numbers a row, or a column of the CSV file
 *   header=auto | yes | no      CSV: whether the first line holds names. auto: names if no cell is
 *                               a number, a row if all are; VAE_ERROR_FORMAT asks for header= or
 *                               columns= if only some are, if the cells are 0, 1, 2, .. (names
 *                               that pandas gives), if all are missing values, and if a column
 *                               that is used has no name (an index)
 *   columns=[a, "b, c", ..]     CSV: the columns of a row in this order, by name or number from 0;
 *                               in quotes a name that holds a comma, a bracket or #
 *   where=[COLUMN=VALUE, ..]    CSV: keeps the rows for which all conditions hold; also != < <= > >=.
 *                               As numbers if cell and value are numbers, else as texts. A column
 *                               compared with = is no part of a row unless columns= names it.
 *                               VAE_ERROR_DATA if no row is kept
 *   missing=refuse | skip       CSV: a row with a missing value in a column that is used (empty, NA,
 *                               N/A, NaN, NULL, None, ? or -, in any case) is VAE_ERROR_FORMAT, or
 *                               left out; VAE_ERROR_DATA if that leaves none
 *   delimiter=auto | comma | semicolon | tab | space
 *                               CSV: what separates fields. auto: commas, or semicolons or tabs where
 *                               commas cannot be meant; space: runs of blanks
 *   decimal=point | comma       CSV: comma reads 1,5 as one and a half (fields separated otherwise)
 *   comment=none | "#" | ..     CSV: lines that begin with the sign are passed over
 *                               split= and labels=PATH go with where= and missing=skip: the split is
 *                               of the rows that are left, the file of labels has one for each row
 *   dtype=float32 | float64 | uint8 (float32)
 *                               vae_dataset_from_memory: the type of the rows
 *   copy=0|1 (1)                vae_dataset_from_memory: 0 borrows the rows, which must then
 *                               outlive the data set and not change
 *
 * Errors: VAE_ERROR_TEXT; VAE_ERROR_FILE; VAE_ERROR_FORMAT, with the offset or line;
 * VAE_ERROR_LIMIT before anything that does not fit is read; VAE_ERROR_DATA where scale=unit finds
 * a value that is not finite, binarize=sample one that is no probability, or where the values of a
 * column differ as stored (float64, CSV) and would all become one float: the message names the
 * column and what to do, mostly shift=columns. A column that keeps little of its values is said in
 * the context's log, once. VAE_ERROR_UNSUPPORTED for gzip in a build without zlib. Other values are
 * looked at when a row is used. */
VAE_API vae_status vae_dataset_open(vae_context *context, const char *path, const char *options,
                                    vae_dataset **out);

/* rows: [n, width] of the type that dtype= names, at any alignment; n, width >= 1. */
VAE_API vae_status vae_dataset_from_memory(vae_context *context, const void *rows, size_t n,
                                           size_t width, const char *options, vae_dataset **out);
VAE_API void vae_dataset_destroy(vae_dataset *dataset);

/* Rows (after the split), values per row, rows per step, labels per row (0: no labels). 0 for
 * NULL. */
VAE_API size_t vae_dataset_size(const vae_dataset *dataset);
VAE_API size_t vae_dataset_width(const vae_dataset *dataset);
VAE_API size_t vae_dataset_batch(const vae_dataset *dataset);
VAE_API size_t vae_dataset_label_width(const vae_dataset *dataset);

/* The training cursor: epochs completed, and rows consumed of the current one. 0 for NULL. */
VAE_API uint64_t vae_dataset_epoch(const vae_dataset *dataset);
VAE_API uint64_t vae_dataset_position(const vae_dataset *dataset);

/* Shape of a row, outermost first: 28, 28 for an MNIST image. *rank is set to its length (at most
 * 8); at most `capacity` entries of shape are written. shape may be NULL. */
VAE_API vae_status vae_dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity,
                                     size_t *rank);

/* Name of a column, as the header of a CSV file has it; "" where there is none, past the last column, and
 * for NULL. Valid while the data set lives. */
VAE_API const char *vae_dataset_column_name(const vae_dataset *dataset, size_t column);

/* The number, from 0, that a row has in the file or the memory it came from, where split= and other options
 * leave rows out. UINT64_MAX past the last row, and for NULL. */
VAE_API uint64_t vae_dataset_row_number(const vae_dataset *dataset, size_t row);

/* The part of a spec that suits the rows, with the reason as a comment:
 *     input=1x28x28 likelihood=bernoulli # all values are 0 or 1
 * Looks at every value as a model would see it. 0 and 1: bernoulli; multiples of 1/255 in [0, 1], as 8-bit
 * data is read: discretized_logistic; whole numbers from 0 on: negative_binomial; real numbers: gaussian
 * with standardize=1 sigma=per_dim. A shape of two dimensions gets a channel in front. To make a model of it
 * put latent= and the layers in front. buffer, size and length as in vae_model_plan. VAE_ERROR_DATA for a
 * value that is not finite. */
VAE_API vae_status vae_dataset_spec(const vae_dataset *dataset, char *buffer, size_t size,
                                    size_t *length);

/* How a column's values become x = (stored - offset) / range: 0 and 255 for 8-bit data, 0 and 1 for
 * values that are taken as stored, what scale= and shift= say or found otherwise. So stored = x range
 * + offset gives what a model makes (x_mean, draws) in the units of the file. With binarize= this
 * holds for the values before it. VAE_ERROR_ARGUMENT for a column that is not below the width. Either
 * of offset and range may be NULL. */
VAE_API vae_status vae_dataset_scaling(const vae_dataset *dataset, size_t column, double *offset,
                                       double *range);

/* Rows first .. first + n - 1 in stored order as a model would see them (shifted, scaled,
 * binarised), into x [n, width]. Moves no cursor; binarize=sample draws as in epoch 0. */
VAE_API vae_status vae_dataset_read(const vae_dataset *dataset, size_t first, size_t n, float *x,
                                    size_t width);

/* The labels of the same rows, [n, label_width]. VAE_ERROR_UNSUPPORTED where there are none. */
VAE_API vae_status vae_dataset_read_labels(const vae_dataset *dataset, size_t first, size_t n,
                                           double *labels, size_t label_width);

/* ---- Model ----------------------------------------------------------------------------------- */

/* Const calls from many threads at once; training, initialising and setting parameters need it
 * alone. */
typedef struct vae_model vae_model;

/* spec, of which input, latent and likelihood are required:
 *
 *   input=784 | 1x28x28         values per row, as a width or as up to three dimensions
 *   latent=20                   width of z, 1 .. 2^24
 *   likelihood=NAME             p(x|z), the values or groups of x independent given z; x may be
 *       bernoulli               [0, 1]; a density of 0 and 1 only
 *       continuous_bernoulli    [0, 1] (Loaiza-Ganem & Cunningham 2019)
 *       gaussian                any finite number. (Its density is computed for all of them; the
 *                               layers' own values must stay within the range of floats)
 *       discretized_logistic    multiples of 1/255 in [0, 1], as 8-bit data is read; two outputs of
 *                               the decoder per value, m and log s in [-8, 2]
 *       categorical             one-hot groups along the last dimension of input: 10x4 is ten
 *                               choices among four
 *       poisson                 counts: whole numbers from 0 to 1e9; the encoder sees log(1 + x),
 *                               the decoder gives log rates, bounded to [-20, 24]
 *       negative_binomial       counts of variance mu + mu^2 / r, log r learned for each value
 *   encoder=[dense 400, relu]  decoder=[dense 400, relu]      ([]: a linear map)
 *                               up to 64 layers each: dense N, or an activation: identity relu
 *                               leaky_relu elu silu gelu tanh sigmoid softplus; layernorm;
 *                               res[ .. ]. The layers that make mean, logvar and x are added
 *                               behind them. For images, input=3x64x64 (channels first):
 *                               conv C K [stride S] [pad P], deconv C K .., avgpool K,
 *                               upsample F, groupnorm G, attention H, reshape CxHxW, flatten
 *   head=auto | dense (auto)    the layer behind the decoder: auto: a convolution where the decoder
 *                               ends in an image of the input's size or of half of it
 *   sigma=0.1 | shared | optimal | per_dim | decoder (shared)
 *                               gaussian: standard deviation of p(x|z): a number; one that is
 *                               learned; the best of each batch (Rybkin et al. 2021); one learned
 *                               per dimension; a function of z
 *   sigma_min=1e-3              gaussian: the least standard deviation, absolute (with
 *                               standardize=1 of the standardised columns, as a sigma given)
 *   standardize=0|1 (0)         gaussian: vae_model_initialize fits a shift and a scale to each
 *                               column; inside the model columns have mean 0 and variance 1,
 *                               outside all is of x, the densities with the Jacobian. Recommended
 *                               for tables. Without vae_model_initialize, and unless input.shift or
 *                               input.scale is set, such a model refuses to train
 *   size=none | total (none)    counts: total multiplies a row's rates by its mean count, which is
 *                               then taken as given; E[x|z] and draws are for a mean count of 1
 *   init=auto | glorot | he     uniform weights within sqrt(1 / in), sqrt(6 / (in + out)) (Glorot &
 *                               Bengio 2010), sqrt(6 / in) (He et al. 2015); biases 0
 *   seed=1                      of the initial weights
 *   posterior=diagonal          the only one now
 *   prior=normal | mixture:K | vamp:K | flow:L | diffusion (normal)
 *                               p(z). normal: N(0, I). mixture: sum_k pi_k N(z; m_k, C_k). vamp: the
 *                               mean of the posteriors at K pseudo-inputs (Tomczak & Welling 2018),
 *                               which vae_model_initialize begins at K random rows. flow: L affine
 *                               couplings (Dinh et al. 2017); latent at least 2. diffusion: T steps from
 *                               N(0, I), each by a network (Ho et al. 2020), on latents of mean 0 and
 *                               variance 1; it has a bound of log p(z) and no density. All but normal
 *                               have parameters: trained with the network (not diffusion), or fitted to
 *                               a trained one by vae_model_fit_prior
 *   prior_covariance=diagonal | full (diagonal)
 *                               mixture: of C_k
 *   prior_hidden=64             flow: values of the one hidden layer of each coupling
 *   prior_steps=200  prior_schedule=linear | cosine (cosine)
 *                               diffusion: T, 1 to 65536, more than 20 for linear; the noise of each step
 *   prior_predict=v | noise | data (v)
 *                               diffusion: what the network predicts (v: Salimans & Ho 2022)
 *   prior_variance=large | small | optimal | learned (optimal)
 *                               diffusion: of each step back (optimal: Bao et al. 2022; learned: Nichol
 *                               & Dhariwal 2021)
 *   prior_network=[...]         diffusion: layers ([dense 256, silu, res[dense 256, silu, dense 256],
 *                               silu]); each dense and each res receives the embedding of the step
 * Which function does what with which prior: docs/text.md.
 *
 * model=diffusion makes another model of it: a denoising diffusion of x itself (Ho et al. 2020), whose latents
 * x_1 .. x_T are as wide as x and whose encoder adds noise. It takes input, init, seed, and
 *
 *   likelihood=gaussian | discretized_gaussian (gaussian)
 *                               p(x|x_1). gaussian: of any numbers, with standardize=1 of columns of different
 *                               scales. discretized_gaussian: of 8-bit values, multiples of 1/255 in [0, 1];
 *                               log p is of a probability, as with discretized_logistic
 *   steps=1000  schedule=linear | cosine (cosine)  predict=v | noise | data (v)
 *   variance=large | small | optimal | learned (large)  network=[...]
 *                               as those of prior=diffusion
 *   network=unet                of images, and the default for them: residual blocks on the image, its half,
 *                               its quarter .. and back, with connections across (Ho et al. 2020)
 *   channels=[32, 64, 64]       unet: of each size. Height and width must be multiples of 2^(numbers - 1)
 *   blocks=1  groups=8          unet: blocks of each size; groups of each groupnorm, which divide channels
 *   attention=[]                unet: heights at which self-attention follows each block, e.g. [7]
 *
 * Its latent is x_T: vae_encode gives q(x_T|x), vae_decode goes back by 50 steps of ddim without noise, and
 * vae_reconstruct there and back. vae_elbo is the bound: reconstruction is log p(x|x_1), kl the rest, each by one
 * draw. vae_log_likelihood has estimators of its own, vae_score takes samples=, x and x_mean of vae_sample are
 * the same, since the last step adds no noise; but with discretized_gaussian x is rounded to 8-bit levels.
 */
VAE_API vae_status vae_model_create(vae_context *context, const char *spec, vae_model **out);

/* Starts from the data: changes the first encoder layer so that rows reach it with mean 0 and,
 * over all columns together, variance 1 (not where the encoder begins with an activation); sets the
 * output bias to the columns' means (for a Bernoulli their logits), a learned sigma or dispersion
 * to the data's and, with standardize=1, shift and scale to each column. A convolution that is the
 * first or the last layer is started from the channels, not the columns. For a Gaussian without
 * standardize=1 whose columns' deviation, over all of them together, is below 0.2 or above 5, the
 * output weights are multiplied by each column's. Reads the rows once; the data set, cursor
 * included, stays as it is.
 *
 * Call it before training. Called again it draws the weights anew from the spec's seed first, so
 * that the result is that of one call. It is VAE_ERROR_ARGUMENT, and changes nothing, for a model
 * whose parameters would be lost: one that was trained or loaded, a clone of such a one, and one of
 * which parameters were set by vae_model_parameter_set and that was initialised already.
 *
 * With standardize=1 and a data set with a shift (option shift=) the model records that shift and
 * keeps it through clone, save, load and checkpoints: in the file's metadata it is "dataset.shift",
 * a list that the option takes, "[1e+09, 0]". From then on a data set with another shift, or with
 * none, is VAE_ERROR_MISMATCH in vae_step, vae_train, vae_evaluate and the checkpoints' functions.
 * Rows given directly (vae_encode, vae_step_rows ..) are shifted by the caller, and what the model
 * makes is shifted too: vae_dataset_scaling has the offsets.
 *
 * A column that does not vary is held, with standardize=1 and with sigma=per_dim and decoder: the
 * output is its value for every z, the encoder does not see it, its scale is s = max(1, |value| /
 * 1000), and the smallest sigma of x that per_dim and decoder give it is s / 10. A warning in the
 * log names such columns. Another warning says that the data is too large or too small to be
 * trained on without standardize=1.
 * VAE_ERROR_DATA, with the row, for a value that the likelihood cannot take; VAE_ERROR_ARGUMENT for
 * prior=vamp:K with more pseudo-inputs than rows. */
VAE_API vae_status vae_model_initialize(vae_model *model, const vae_dataset *dataset);

/* A model of its own with the same spec, parameters and metadata, in the same context. */
VAE_API vae_status vae_model_clone(const vae_model *model, vae_model **out);

/* One safetensors file: every parameter under its name in PyTorch layout; format version and spec
 * in __metadata__ (docs/files.md). Written durably: to a temporary file in the same folder, synced,
 * renamed over `path`; a failure leaves an existing file whole. Loading checks every count, offset
 * and shape before memory is taken for it: VAE_ERROR_FORMAT says what is wrong and where. */
VAE_API vae_status vae_model_save(const vae_model *model, const char *path);
VAE_API vae_status vae_model_load(vae_context *context, const char *path, vae_model **out);

/* The same bytes in memory. *length (not NULL) is set to the size needed; with buffer NULL nothing
 * else happens. A buffer smaller than that is VAE_ERROR_ARGUMENT and is not written. Loading does
 * not keep `bytes`. */
VAE_API vae_status vae_model_save_memory(const vae_model *model, void *buffer, size_t size,
                                         size_t *length);
VAE_API vae_status vae_model_load_memory(vae_context *context, const void *bytes, size_t size,
                                         vae_model **out);
VAE_API void vae_model_destroy(vae_model *model);

/* Values per row of x, and width of z. 0 for NULL. */
VAE_API size_t vae_model_width(const vae_model *model);
VAE_API size_t vae_model_latent(const vae_model *model);

/* The spec in canonical form, every key written out; parsing it gives the same model. Valid while
 * the model lives. "" for NULL. */
VAE_API const char *vae_model_spec(const vae_model *model);

/* Texts that the model carries beside its spec, each under a key, in its file's __metadata__ under that
 * key: a version of the data, a licence, column names, a date. What the host sets and what other
 * programs put into a file is kept, in order, by loading, saving, cloning and checkpoints.
 *
 * value NULL removes the key, if it is there; "" is a value. key and value are copied, and may be
 * texts that the two functions below returned. Needs the model alone. Refused, and nothing is changed:
 * VAE_ERROR_ARGUMENT for an empty key, for one of the library's own (format, spec, checkpoint, and all
 * that begin with "optimizer." or "dataset") and where keys and values would be more than 10,000,000
 * bytes together; VAE_ERROR_TEXT for what is not UTF-8. */
VAE_API vae_status vae_model_set_metadata(vae_model *model, const char *key, const char *value);

/* The value of a key; NULL if there is none, and for NULL. "format" and "spec" give what a file of
 * this model says there. Valid until the next vae_model_set_metadata or vae_model_initialize. */
VAE_API const char *vae_model_metadata(const vae_model *model, const char *key);

/* Key `index` from 0, in the order in which they were set or stand in the file; NULL past the end and
 * for NULL. "format", "spec" and what a checkpoint holds of the training are not among them. Other
 * keys with a reserved name are: "dataset.shift", and those that came with another program's file.
 * Valid until the next vae_model_set_metadata or vae_model_initialize. */
VAE_API const char *vae_model_metadata_key(const vae_model *model, size_t index);

/* Standard deviations of p(x|z), [width]. VAE_ERROR_UNSUPPORTED where there are none that hold for
 * every z: a Bernoulli, and sigma=decoder. */
VAE_API vae_status vae_model_sigma(const vae_model *model, double *sigma, size_t width);

/* Parameters are named tensors: "encoder.0.weight" [out, in], "encoder.0.bias" [out] ..., in the
 * order of computation. parameter_count: tensors. parameter_total: values. 0 for NULL.
 * "likelihood.sigma_floor", the last with sigma=per_dim and decoder, is counted once it holds a
 * value other than 0; it can be got and set by its name at any time. */
VAE_API size_t vae_model_parameter_count(const vae_model *model);
VAE_API uint64_t vae_model_parameter_total(const vae_model *model);

/* Name of tensor `index` from 0; NULL past the end. Valid while the model lives. */
VAE_API const char *vae_model_parameter_name(const vae_model *model, size_t index);

/* Its shape, as vae_dataset_shape; the rank is 1 to 4: a kernel is [out, in, height, width]. */
VAE_API vae_status vae_model_parameter_shape(const vae_model *model, size_t index, size_t *shape,
                                             size_t capacity, size_t *rank);

/* Copies a tensor out or in. count must be its number of values (VAE_ERROR_WIDTH); values that are
 * set must be finite, those of "input.scale" above 0 and of "likelihood.sigma_floor" at least 0
 * (VAE_ERROR_DATA), and none is set where one is not. VAE_ERROR_ARGUMENT for a name that the model
 * does not have. */
VAE_API vae_status vae_model_parameter_get(const vae_model *model, const char *name, float *values,
                                           size_t count);
VAE_API vae_status vae_model_parameter_set(vae_model *model, const char *name, const float *values,
                                           size_t count);

/* Gives the model another prior, with its starting values, and keeps all else: prior is what the spec says
 * behind prior=, then that prior's own keys: "mixture:50 prior_covariance=full"; "normal". Needs the model
 * alone. Optimizers and plans that were made for the model before do not fit any more: their calls
 * return VAE_ERROR_MISMATCH, and vae_optimizer_destroy is all that is left to do with them. Texts that the
 * model gave before (spec, names of parameters) stay valid while it lives. VAE_ERROR_TEXT changes nothing. */
VAE_API vae_status vae_model_set_prior(vae_model *model, const char *prior);

/* Called now and then with rows done and rows in all; returns 0 to go on, anything else to stop. */
typedef int32_t (*vae_progress_fn)(void *user, uint64_t done, uint64_t total);

/* Fits the prior to the posteriors q(z|x) of all rows of a data set and changes nothing else: raises the mean
 * of E_q[log p(z)], and with it the ELBO. Moves no cursor. Needs the model alone. In two ways:
 *
 *   mixture     by EM (Dempster, Laird & Rubin 1977) on the posteriors' means and variances, from centres
 *               chosen by k-means++ (Arthur & Vassilvitskii 2007), whatever the parameters were before
 *   flow, vamp, diffusion
 *               by steps of Adam on draws from the posteriors, with a learning rate that falls to 0 along a
 *               half cosine: a flow and a diffusion from what they are, pseudo-inputs from K random rows.
 *               If log p(z), or its bound, is then no better on a fixed draw of each row the prior stays as
 *               it was, which the log says
 *
 * options, all optional:
 *
 *   iterations=100 (flow, vamp: 20; diffusion: 30)
 *                       at most so many passes over the posteriors
 *   seed=1              of the start, the order and the draws
 *   tolerance=1e-4      EM: ends when an iteration is better by less than this, in nats a row
 *   floor=1e-6          EM: least eigenvalue (diagonal: variance) of a component's covariance
 *   lr=2e-3 (diffusion: 5e-3)  batch=256
 *                       steps: the first learning rate, and rows of a step
 *
 * The same seed gives the same prior whatever the number of threads (up to the BLAS's rounding; with
 * BLAS=builtin the same bits). It holds the means and variances of all rows, 8 latent bytes a row, and for EM
 * some sums. progress counts rows, once for the posteriors and once for each iteration.
 *
 * VAE_STOPPED if progress stopped it. In that case and after every error the model has the prior that it
 * had: VAE_ERROR_UNSUPPORTED for a prior without parameters; VAE_ERROR_ARGUMENT for more components or
 * pseudo-inputs than rows; VAE_ERROR_TEXT for an option of the other way; VAE_ERROR_DATA, with the row, for
 * a value that the likelihood cannot take, and for EM where the posterior means have fewer different values
 * than there are components (collapsed latents); VAE_ERROR_DIVERGED for a posterior, a gradient or an
 * update that is not finite. */
VAE_API vae_status vae_model_fit_prior(vae_model *model, const vae_dataset *dataset,
                                       const char *options, vae_progress_fn progress, void *user);

/* Bytes of the parameters, and of the largest inference workspace. Each thread that is inside a
 * const call holds one; the model keeps them for later calls. */
VAE_API vae_status vae_model_memory(const vae_model *model, uint64_t *parameter_bytes,
                                    uint64_t *workspace_bytes);

/* The inference plans (encode, decode, reconstruct, sample, elbo, density, score, and components of
 * vamp) as text, for people.
 * *length is what the text needs with its final 0; at most `size` bytes are written, always ending
 * in 0 if size > 0. buffer may be NULL. */
VAE_API vae_status vae_model_plan(const vae_model *model, char *buffer, size_t size,
                                  size_t *length);

/* ---- Training -------------------------------------------------------------------------------- */

/* Moments, step count, schedule and objective. One thread. Belongs to the model it was created
 * with, and keeps it alive. */
typedef struct vae_optimizer vae_optimizer;

/* options: `adam` (default), `adamw` or `sgd` comes first; then, all optional:
 *
 *   lr=1e-3                     learning rate
 *   beta1=0.9  beta2=0.999  eps=1e-8
 *                               adam (Kingma & Ba 2015) and adamw (Loshchilov & Hutter 2019)
 *   momentum=0  nesterov=0|1 (0)
 *                               sgd, as PyTorch defines them
 *   weight_decay=0 (adamw: 0.01)
 *                               of every parameter; adam, sgd: added to the gradient; adamw: apart
 *   warmup=N (0)                the first N updates raise lr linearly; the schedule follows, its
 *                               time t counted from 0 at the update after them
 *   schedule=constant | cosine | exponential | steps
 *                               lr; lr (1 + cos(pi t / steps)) / 2, then 0; lr gamma^(t / steps);
 *                               lr gamma^(number of milestones that t has reached)
 *   steps=N  gamma=0.1  milestones=[N, ..]
 *                               steps: for cosine, exponential; milestones: rising, up to 32
 *   from=start | now | N (start)
 *                               the schedule's time t is counted from update N, if that is after
 *                               the warm-up; now: from the updates made so far, which is kept as a
 *                               number
 *   clip_norm=C (0: off)        a gradient with a larger global norm is scaled down to it
 *   objective=elbo | iwae | simple | vlb | hybrid (elbo; of a diffusion simple, of a learned variance hybrid)
 *                               what is maximised; iwae: the importance-weighted bound of K draws
 *                               (Burda et al. 2016), without beta, beta_warmup and free_bits, and
 *                               (K > 1) not with sigma=optimal, which weighs all draws alike. The
 *                               others are losses of a diffusion: the squared error of what is predicted
 *                               (Ho et al. 2020, eq. 14), its bound, and the former with 0.001 of the
 *                               latter for a learned variance (Nichol & Dhariwal 2021)
 *   samples=K (1)               draws of z per row: the ELBO is averaged over them, iwae weighs
 *                               them
 *   beta=1                      weight of the KL (Higgins et al. 2017)
 *   beta_warmup=N (0)           beta rises linearly from 0 over N updates (Bowman et al. 2016)
 *   free_bits=L (0)             the batch mean of a latent's KL is not penalised below L nats
 *                               (Kingma et al. 2016)
 *   seed=1                      of the noise
 *   train=all | prior | network (all)
 *                               what is trained: with `prior` or `network` the other one stays as it
 *                               is, costs no gradient, and no weight decay changes it
 *   ema=0                       decay, 0 to 0.9999999, of an exponential moving average of the parameters, debiased:
 *                               sum_i d^(t-i) w_i / sum_i d^(t-i) after t updates (0: none)
 *
 * With ema= the model holds the average: all that reads it (inference, validation, vae_model_save,
 * vae_model_parameter_get) sees that, while updates go on from the last parameters, which a checkpoint keeps too;
 * vae_model_parameter_set and vae_model_fit_prior write both. Such an optimizer is the model's only one while it lives:
 * VAE_ERROR_ARGUMENT for a second one, and VAE_ERROR_MISMATCH for a step of an earlier one.
 *
 * free_bits goes with prior=normal alone, since no other KL is a sum over latents. With a mixture or a flow
 * beta weighs the KL for the encoder, and the prior's own parameters keep the weight 1; with vamp, whose
 * components the encoder makes, beta weighs all of it. train=network keeps the parameters of a prior as they
 * are; the components of vamp still follow the encoder. prior=diffusion is trained with train=prior alone, and
 * the steps' reports have the bound of one drawn step for each row in the place of log p(z).
 */
VAE_API vae_status vae_optimizer_create(vae_model *model, const char *options, vae_optimizer **out);

/* Changes some of the options, e.g. "lr=1e-4 beta=2", and leaves the others, the moments and the
 * step count. The algorithm cannot change. Refused text changes nothing. A schedule is counted from
 * the first update unless from= says otherwise: where it then leaves no learning rate to speak of,
 * a warning in the log says so. */
VAE_API vae_status vae_optimizer_set(vae_optimizer *optimizer, const char *options);
VAE_API void vae_optimizer_destroy(vae_optimizer *optimizer);

/* Updates made; 0 for NULL. */
VAE_API uint64_t vae_optimizer_steps(const vae_optimizer *optimizer);

/* The options in force, in canonical form; valid until vae_optimizer_set. "" for NULL. */
VAE_API const char *vae_optimizer_options(const vae_optimizer *optimizer);

/* Bytes of the moments (and of a whole gradient, where clipping asked for one), and of the training
 * workspace (activations, gradients, noise) for the largest batch so far. */
VAE_API vae_status vae_optimizer_memory(const vae_optimizer *optimizer, uint64_t *state_bytes,
                                        uint64_t *workspace_bytes);

/* The training plan as text, as vae_model_plan. Empty before the first step. */
VAE_API vae_status vae_optimizer_plan(const vae_optimizer *optimizer, char *buffer, size_t size,
                                      size_t *length);

/* Flags of a report: */
#define VAE_STEP_CLIPPED 1u   /* the gradient was scaled down to clip_norm */
#define VAE_STEP_REFUSED 2u   /* nothing was updated; the status says why */
#define VAE_STEP_EPOCH_END 4u /* the batch was the last of its epoch */

/* What a step did: means over the rows of the batch, in nats per row, at the parameters before the
 * update. Set struct_size = sizeof(vae_step_report) before the call: the library writes no byte
 * past it, never writes it, and refuses less than 8.
 *
 *   step            updates made, this one included
 *   epoch           epochs completed by the data set
 *   position        rows consumed of the current epoch; 0 right after an epoch's end
 *   rows            rows in this batch
 *   objective       what was maximised: with beta and free bits, or the importance-weighted bound
 *   elbo, reconstruction, kl      always raw: beta = 1, no free bits
 *   beta, learning_rate           of this update
 *   gradient_norm   global norm of the gradient, before clipping
 */
typedef struct {
    uint32_t struct_size, flags;
    uint64_t step, epoch, position, rows;
    double objective, elbo, reconstruction, kl, beta, learning_rate, gradient_norm;
} vae_step_report;

/* Takes the next mini-batch and makes one update. Never runs out: at an epoch's end the data set
 * reshuffles and goes on; with n rows and batch b an epoch is ceil(n / b) steps (floor with
 * drop_last=1). Memory is taken by the first step and by one with more rows than any before; in a
 * steady state a step allocates nothing.
 * A refused batch (VAE_ERROR_DATA, VAE_ERROR_DIVERGED) is consumed and reported, and leaves model
 * and optimizer as they were. The message names the row whose value or ELBO is the cause, by its
 * number in the source of the data set; where all are finite and the gradient or the update is not,
 * it names the learning rate and the row with the lowest ELBO. After any other error, that of a row
 * which cannot be read among them, the data set's cursor too is where it was: the next step takes
 * the same batch. VAE_ERROR_MISMATCH for the optimizer of another model; VAE_ERROR_ARGUMENT for a
 * model with standardize=1 without shift and scale. */
VAE_API vae_status vae_step(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                            vae_step_report *report);

/* The same with rows given: x [n, width], n >= 1. epoch and position are 0. */
VAE_API vae_status vae_step_rows(vae_model *model, vae_optimizer *optimizer, const float *x,
                                 size_t n, size_t width, vae_step_report *report);

/* Events of vae_train. STEP: after each step; validation is NULL. EPOCH: after each epoch; train
 * holds means over its rows (and the last step's counts, beta and learning rate), validation is
 * NULL without a validation set. */
#define VAE_EVENT_STEP 1
#define VAE_EVENT_EPOCH 2

/* Returns 0 to go on, anything else to stop. Runs on the caller's thread; may call the const
 * functions of the handles. The reports are valid during the call. */
typedef int32_t (*vae_train_fn)(void *user, int32_t event, const vae_step_report *train,
                                const vae_step_report *validation);

/* Trains until the data set's cursor has passed `epochs` epoch ends (the first epoch is the rest of
 * one that has begun). validation (may be NULL) is evaluated after each: the mean ELBO of all of
 * its rows, beta = 1, with the same noise every time. options, all optional:
 *
 *   epochs=N (1)
 *   patience=N (0: off)         stop after N epochs without a better validation ELBO, counted
 *                               after both warm-ups
 *   min_delta=0                 nats by which an ELBO must be better
 *   restore_best=0|1 (0)        end with the parameters of the best epoch after the warm-ups, also
 *                               when stopped or failed; the optimizer's moments stay
 *   validation_seed=1           of the validation noise
 *   events=all|epoch (all)      the events that call the callback; epoch for a caller in a language
 *                               whose calls wait for a lock, such as Python's
 *
 * patience and restore_best need a validation set. callback may be NULL. Returns VAE_OK also when
 * patience ended it, VAE_STOPPED if the callback did, or the first error of a step or of validation:
 * what the steps before it did stays (with restore_best the best of them), and training may go on
 * from there. A validation row whose ELBO is not finite is such an error, VAE_ERROR_DIVERGED, and
 * named; so is, with patience or restore_best, a mean so large that it cannot show which epoch is
 * better. The log has a warning where no epoch will be counted since the warm-ups last longer than
 * the training, and where the schedule leaves no learning rate. */
VAE_API vae_status vae_train(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                             const vae_dataset *validation, const char *options,
                             vae_train_fn callback, void *user);

/* Training as one safetensors file, to go on with after the process has ended: the model, the
 * optimizer with moments, options and step count, and the data set's cursor (docs/files.md).
 * Written durably, as vae_model_save does: whenever the process is killed, `path` is the old file
 * or the new one, whole; a full disk or another failure leaves the old one and is reported. A model
 * file too: vae_model_load reads it and passes over the rest.
 *
 * Resuming is exact. With the same build, threads= and simd= on the same machine, the steps after a
 * load give the parameters, moments and reports of the run that was not interrupted, bit for bit,
 * wherever it was cut: orders and noise are functions of seeds and of the counts that are saved. A
 * program that uses vae_step_rows gives its rows in the right order itself.
 *
 * dataset: what training goes on with, or NULL. The optimizer is the model's (VAE_ERROR_MISMATCH).
 * Reads its handles only, so that vae_train's callback may call it, at STEP as at EPOCH. What
 * vae_train counts itself (epochs, patience, the best parameters) is of one call and not saved. */
VAE_API vae_status vae_checkpoint_save(const vae_model *model, const vae_optimizer *optimizer,
                                       const vae_dataset *dataset, const char *path);

/* Makes model and optimizer anew and sets the cursor of `dataset`, which the caller opened as
 * before. Another one is VAE_ERROR_MISMATCH, naming the first difference of: rows, width, batch,
 * shuffle, seed, drop_last, binarize, type and scaling of the values, and a hash of some of the
 * rows; so is any one where the file was saved without. dataset NULL: a saved cursor is passed
 * over. VAE_ERROR_FORMAT for a file that is none of vae_checkpoint_save, a plain model file among
 * them.
 * On any failure *model and *optimizer are NULL, and the cursor is where it was. */
VAE_API vae_status vae_checkpoint_load(vae_context *context, const char *path, vae_dataset *dataset,
                                       vae_model **model, vae_optimizer **optimizer);

/* ---- Inference ------------------------------------------------------------------------------- */

/* All const and pure: nothing that can be observed changes, noise comes only from the seed given,
 * and many threads may call at once. Rows go through in chunks of fixed size, so memory does not
 * grow with n. n = 0 does nothing and needs no buffers. VAE_ERROR_WIDTH where width or latent is
 * not the model's; VAE_ERROR_DATA for an x outside the likelihood's support or a z that is not
 * finite, with its row and column, both from 0. */

/* Parameters of q(z|x), never a sample: mean and logvar, [n, latent] each; logvar in [-16, 16]. */
VAE_API vae_status vae_encode(const vae_model *model, const float *x, size_t n, size_t width,
                              float *mean, float *logvar);

/* z [n, latent] -> E[x|z] [n, width]. */
VAE_API vae_status vae_decode(const vae_model *model, const float *z, size_t n, size_t latent,
                              float *x_mean);

/* x [n, width] -> E[x|z] at z = mean(x), [n, width]. */
VAE_API vae_status vae_reconstruct(const vae_model *model, const float *x, size_t n, size_t width,
                                   float *x_mean);

/* Per row, [n] each: a one-sample estimate of E_q[log p(x|z)] with noise keyed (seed, row of this
 * call), the KL, and elbo = reconstruction - kl. Always beta = 1. The KL to N(0, I) is in closed form;
 * that to another prior is -H(q) - log p(z) at the draw, with the entropy in closed form, an unbiased
 * estimate that may be negative. */
VAE_API vae_status vae_elbo(const vae_model *model, const float *x, size_t n, size_t width,
                            uint64_t seed, double *elbo, double *reconstruction, double *kl);

/* z ~ p(z) [n, latent], E[x|z] [n, width] and a draw x ~ p(x|z) [n, width]; noise keyed (seed,
 * row): the first rows of a longer call are those of a shorter one, up to the BLAS's rounding. */
VAE_API vae_status vae_sample(const vae_model *model, size_t n, uint64_t seed, float *z,
                              float *x_mean, float *x);

/* vae_sample with options and progress; without options the same rows. Each of z, x_mean and x may be NULL.
 * progress (may be NULL) is called with rows done and n, and returns 0 to go on; anything else ends the call
 * with VAE_STOPPED, and rows behind those are then not written. options, all optional:
 *   temperature=1     times the standard deviation of z: N(0, I) becomes N(0, T^2 I), each component of a
 *                     mixture keeps its mean and weight, and x_T of a diffusion has that deviation. Below 1
 *                     rows are more alike and more typical
 * of a diffusion, with T steps; progress is then asked after each step too, whether to go on:
 *   sampler=ddpm | ddim (ddpm)
 *                     ancestral sampling (Ho et al. 2020), or the implicit sampler (Song et al. 2021)
 *   steps=N (T; ddim: 50)  spacing=trailing | leading | linspace (trailing)
 *                     how many of the steps are taken, and which: rint(T - i T / N); multiples of T / N from
 *                     the first step on; evenly from the first to the last
 *   taken=K           takes the first K of these steps and no more: x is what they have come to, z of a prior too
 *   eta=0             ddim: 0 to 1; 0 adds no noise, 1 as much as the variance small
 *   clip=0|1          keeps the predicted data within -1 and 1; 1 with discretized_gaussian, else 0 */
VAE_API vae_status vae_generate(const vae_model *model, size_t n, uint64_t seed,
                                const char *options, vae_progress_fn progress, void *user, float *z,
                                float *x_mean, float *x);

/* Estimates of log p(x) per row, [n] each. options, all optional:
 *   estimator=importance   log (1/K) sum_k p(x, z_k) / q(z_k|x), z_k ~ q(z|x) (Burda et al. 2016):
 *                          a lower bound in expectation that rises with K to log p(x). Noise keyed
 *                          (seed, row, sample)
 *   estimator=prior        naive Monte Carlo, log (1/K) sum_k p(x|z_k), z_k ~ p(z), the same z_k
 *                          for all rows of the call: useless in high dimension; its ess says so
 *   samples=500  seed=1
 * of model=diffusion, with T steps:
 *   estimator=bound        the bound of log p(x): the first step, and samples - 1 strata of the others; from T
 *                          samples on the whole sum. Two replicates, whose mean it is; std_error is half their
 *                          difference, ess NaN
 *   estimator=path         log (1/K) sum_k p(x, x_1 .. x_T) / q(x_1 .. x_T|x) of K whole paths: a tighter bound
 *                          that rises with K to log p(x); std_error and ess as below
 * std_error is the Monte Carlo standard error of log_p by the delta method; ess =
 * (sum w)^2 / sum w^2, the effective number of samples. With ess < 10 the error estimate cannot be
 * trusted and std_error is +infinity. Memory does not grow with samples; a failed call writes
 * nothing, for which it holds 24 bytes a row. */
VAE_API vae_status vae_log_likelihood(const vae_model *model, const float *x, size_t n,
                                      size_t width, const char *options, double *log_p,
                                      double *std_error, double *ess);

/* How strange each row is, in nats: higher is stranger. score [n]; by_value [n, width] says which values
 * make it so, and may be NULL, as may score. options, all optional:
 *   at=mean                the default: score = KL(q(z|x) || p(z)) + the sum of by_value at z = mean(x).
 *                          Exact, without noise, and quick with prior=normal. With mixture and vamp the
 *                          KL is -H(q) - log sum_k pi_k exp(E_q[log N_k(z)]), a little above the true
 *                          one; with flow the mean over 64 draws of z that are the same for every row
 *   samples=K  seed=1      minus the importance estimate of log p(x) from K draws (vae_log_likelihood)
 * by_value = -log p(x_i | z = mean(x)) in either case; of a categorical group the first column has it and
 * the others 0.
 *
 * A row's score depends on that row alone, not on its place in the call or on the other rows (up to the
 * BLAS's rounding; with BLAS=builtin the same bits): the noise of samples=K is keyed by (seed, a 64-bit
 * hash of the row's values), not by the row's number. Equal rows therefore share their noise, and the mean
 * of many such scores has a larger error than that of vae_log_likelihood: use this for scores only.
 * At the mean a steady call allocates nothing. */
VAE_API vae_status vae_score(const vae_model *model, const float *x, size_t n, size_t width,
                             const char *options, double *score, double *by_value);

/* ---- Evaluation of a whole data set ---------------------------------------------------------- */

typedef struct vae_evaluation vae_evaluation;

/* Holds the model against all rows of a data set; moves no cursor. Baselines are fitted to the rows
 * of fitted_on (the training set, say; NULL: to the same rows) and evaluated on `dataset`. options,
 * all optional:
 *   samples=0    of the estimate of log p(x) per row; 0: none, the bound only
 *   estimator=importance|prior  seed=1      baselines=0|1 (1)
 * Returns VAE_STOPPED, without a result, if progress stopped it; VAE_ERROR_DATA with the row's number
 * if a row is outside the likelihood's support; VAE_ERROR_DIVERGED, with the row's number too, if its
 * ELBO or its estimate of log p(x) is not finite: means over the rows would say nothing. Latents that
 * are not active are named in a warning to the context's log. */
VAE_API vae_status vae_evaluate(const vae_model *model, const vae_dataset *dataset,
                                const vae_dataset *fitted_on, const char *options,
                                vae_progress_fn progress, void *user, vae_evaluation **out);
VAE_API void vae_evaluation_destroy(vae_evaluation *evaluation);

/* A figure by name, means over the rows in nats:
 *   rows  elbo  elbo_error (sd / sqrt n)  reconstruction  kl  active_units (Var[mean_j(x)] > 0.01)
 *   prior_distance (energy statistic of 500 draws of q(z), the mean of q(z|x) over the rows, and of p(z):
 *                 0 where the prior matches, at most 1; below 0.003 by chance; of 2 rows and more)
 *   kl_standard (another prior than N(0, I): the KL to N(0, I))
 *   with samples: log_p  log_p_monte_carlo_error (sqrt(sum se^2) / n)
 *                 log_p_sampling_error (sd / sqrt n)  untrusted_rows (infinite std_error)
 *                 gap (log_p - elbo: the estimate of KL(q(z|x) || p(z|x)))
 *   discrete likelihoods: bits_per_dim, -log_p / (D ln 2), or of the ELBO without samples; D is the
 *                 number of columns, for a categorical that of its groups
 *   with baselines: baseline_marginals (the likelihood with constant outputs)
 *                 baseline_ppca (gaussian: probabilistic PCA with the same number of components,
 *                 where that is less than the width, and the width at most 1024; its sigma is at
 *                 least sigma_min. With standardize=1 of the standardised columns, with the
 *                 Jacobian: still log p(x))
 * VAE_ERROR_UNSUPPORTED for a figure that this evaluation does not have. */
VAE_API vae_status vae_evaluation_value(const vae_evaluation *evaluation, const char *name,
                                        double *value);

/* Per latent, [latent]: "kl", "mean" (E[mean_j]), "mean_variance" (Var[mean_j]),
 * "aggregated_variance" (Var[mean_j] + E[variance_j]); the aggregated posterior matches the prior
 * N(0, I) where the mean is near 0 and that variance near 1. VAE_ERROR_UNSUPPORTED for "kl" with a prior
 * other than normal. */
VAE_API vae_status vae_evaluation_latents(const vae_evaluation *evaluation, const char *name,
                                          double *values, size_t latent);

/* All of it as a table for people: figures with three or four decimals, +- and a standard error, and
 * what each figure means. Its layout may change between versions; a program takes the figures by name.
 * Valid until the evaluation is destroyed. "" for NULL. */
VAE_API const char *vae_evaluation_text(const vae_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
