// Trains a VAE on small pictures and writes 64 samples as a PGM image. Node has no calls to C of its own: the package koffi
// makes them.
//
//     npm install koffi
//     VAE_LIBRARY=/usr/local/lib/libvae.so.0 node train.mjs
//
// A call blocks Node's thread while it runs; koffi's `.async` runs one on another thread. The text of a failure belongs to
// the thread of the call, so an asynchronous call has only its status, by name.
import fs from 'node:fs';
import koffi from 'koffi';

const library = koffi.load(process.env.VAE_LIBRARY ?? 'libvae.so.0');
koffi.opaque('vae_context');
koffi.opaque('vae_dataset');
koffi.opaque('vae_model');
koffi.opaque('vae_optimizer');
koffi.struct('vae_step_report', {
  struct_size: 'uint32_t', flags: 'uint32_t', step: 'uint64_t', epoch: 'uint64_t', position: 'uint64_t', rows: 'uint64_t',
  objective: 'double', elbo: 'double', reconstruction: 'double', kl: 'double', beta: 'double', learning_rate: 'double',
  gradient_norm: 'double',
});
const train_callback = koffi.proto(
  'int32_t vae_train_fn(void *user, int32_t event, const vae_step_report *train, const vae_step_report *validation)');

const status_name = library.func('const char *vae_status_name(int32_t status)');
const last_error = library.func('const char *vae_last_error()');

// A function that throws where C returns a failure.
function checked(declaration) {
  const call = library.func(declaration);
  return (...values) => {
    const status = call(...values);
    if (status < 0) throw new Error(`${status_name(status)}: ${last_error()}`);
    return status;
  };
}

const context_create = checked('int32_t vae_context_create(const char *options, _Out_ vae_context **out)');
const dataset_open = checked(
  'int32_t vae_dataset_open(vae_context *context, const char *path, const char *options, _Out_ vae_dataset **out)');
const model_create = checked('int32_t vae_model_create(vae_context *context, const char *spec, _Out_ vae_model **out)');
const model_initialize = checked('int32_t vae_model_initialize(vae_model *model, vae_dataset *data)');
const optimizer_create = checked(
  'int32_t vae_optimizer_create(vae_model *model, const char *options, _Out_ vae_optimizer **out)');
const train = checked(
  'int32_t vae_train(vae_model *model, vae_optimizer *optimizer, vae_dataset *data, ' +
  'const vae_dataset *validation, ' +
  'const char *options, vae_train_fn *callback, void *user)');
const sample = checked(
  'int32_t vae_sample(const vae_model *model, size_t n, uint64_t seed, float *z, _Out_ float *mean, float *x)');
const destroy = ['optimizer', 'model', 'dataset', 'context'].map(
  (kind) => [kind, library.func(`void vae_${kind}_destroy(vae_${kind} *handle)`)]);

// The handle that a function writes into its last argument.
function made(create, ...values) {
  const out = [null];
  create(...values, out);
  return out[0];
}

const EPOCH = 2; // VAE_EVENT_EPOCH
const handles = {};
try {
  handles.context = made(context_create, 'threads=2');
  handles.dataset = made(dataset_open, handles.context, 'sprites:2000', 'batch=100');
  handles.model = made(model_create, handles.context,
    'input=1x32x32 latent=8 likelihood=bernoulli encoder=[dense 128, relu] decoder=[dense 128, relu]');
  model_initialize(handles.model, handles.dataset);
  handles.optimizer = made(optimizer_create, handles.model, 'adam lr=2e-3');
  const report = koffi.register((user, event, pointer) => {
    const now = koffi.decode(pointer, 'vae_step_report');
    if (event === EPOCH) console.log(`epoch ${now.epoch}: ELBO ${now.elbo.toFixed(2)} nats`);
    return 0; // anything else stops the training
  }, koffi.pointer(train_callback));
  train(handles.model, handles.optimizer, handles.dataset, null, 'epochs=20 events=epoch', report, null);
  koffi.unregister(report);

  const side = 32, columns = 8, images = new Float32Array(64 * side * side);
  sample(handles.model, 64, 1, null, images, null);
  const pixels = Buffer.alloc(images.length), width = columns * side;
  for (let i = 0; i < pixels.length; i++) {
    const x = i % width, y = Math.floor(i / width);
    const image = Math.floor(y / side) * columns + Math.floor(x / side);
    pixels[i] = Math.round(255 * images[(image * side + y % side) * side + x % side]);
  }
  fs.writeFileSync('samples.pgm', Buffer.concat([Buffer.from(`P5 ${width} ${pixels.length / width} 255\n`), pixels]));
  console.log('samples.pgm');
} finally {
  for (const [kind, free] of destroy) if (handles[kind]) free(handles[kind]);
}
