use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::ptr::{self, NonNull};

use vae_sys as sys;

use crate::context::{raw, Context};
use crate::dataset::Dataset;
use crate::error::{check, made, Result};
use crate::evaluation::on_progress;
use crate::text;

/// A model. Functions that take `&self` may be called from many threads at once:
///
/// ```
/// # fn main() -> Result<(), vae::Error> {
/// let model = vae::Model::new(None, "input=3 latent=2 likelihood=gaussian")?;
/// std::thread::scope(|threads| {
///     for seed in 0..2 {
///         let model = &model;
///         threads.spawn(move || model.sample(10, seed).unwrap());
///     }
/// });
/// # Ok(()) }
/// ```
///
/// Training needs it alone:
///
/// ```compile_fail,E0596
/// fn train(model: &vae::Model, optimizer: &mut vae::Optimizer, data: &mut vae::Dataset) {
///     model.step(optimizer, data).unwrap();
/// }
/// ```
pub struct Model {
    pub(crate) raw: NonNull<sys::vae_model>,
    pub(crate) context: Option<Context>,
}

// SAFETY: a model is used from any thread.
unsafe impl Send for Model {}
// SAFETY: const functions of C may run in many threads at once; all others take `&mut self`.
unsafe impl Sync for Model {}

/// Parameters of q(z|x), one row of `latent` values for each row of x.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Means.
    pub mean: Vec<f32>,
    /// Logarithms of the variances.
    pub logvar: Vec<f32>,
}

/// Draws from the model, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Draws from the prior.
    pub z: Vec<f32>,
    /// E\[x|z\].
    pub x_mean: Vec<f32>,
    /// Draws from p(x|z).
    pub x: Vec<f32>,
}

/// One value for each row, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Elbo {
    /// reconstruction - kl.
    pub elbo: Vec<f64>,
    /// E_q\[log p(x|z)\], by one sample.
    pub reconstruction: Vec<f64>,
    /// KL(q(z|x) || p(z)).
    pub kl: Vec<f64>,
}

/// Estimates of log p(x), one for each row.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLikelihood {
    /// The estimates.
    pub log_p: Vec<f64>,
    /// Their standard errors; infinite where they cannot be trusted.
    pub std_error: Vec<f64>,
    /// Effective numbers of samples.
    pub ess: Vec<f64>,
}

/// How strange rows are.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// One for each row, in nats.
    pub score: Vec<f64>,
    /// One for each value.
    pub by_value: Vec<f64>,
}

/// Bytes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelMemory {
    /// Of the parameters.
    pub parameter_bytes: u64,
    /// Of the largest workspace.
    pub workspace_bytes: u64,
}

impl Model {
    /// A model by its spec.
    pub fn new<'c>(context: impl Into<Option<&'c Context>>, spec: &str) -> Result<Model> {
        let context = context.into().cloned();
        let spec = text::c_text(spec)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the text ends in 0; the handle is written to. So in the functions below.
        let status = unsafe { sys::vae_model_create(raw(&context), spec.as_ptr(), &mut handle) };
        made(status, handle, |raw| Model { raw, context })
    }

    /// The model of a file.
    pub fn load<'c>(context: impl Into<Option<&'c Context>>, path: impl AsRef<Path>) -> Result<Model> {
        let context = context.into().cloned();
        let path = text::c_path(path.as_ref())?;
        let mut handle = ptr::null_mut();
        // SAFETY: as in `new`.
        let status = unsafe { sys::vae_model_load(raw(&context), path.as_ptr(), &mut handle) };
        made(status, handle, |raw| Model { raw, context })
    }

    /// The model of a file's bytes.
    pub fn from_bytes<'c>(context: impl Into<Option<&'c Context>>, bytes: &[u8]) -> Result<Model> {
        let context = context.into().cloned();
        let mut handle = ptr::null_mut();
        // SAFETY: as in `new`; `bytes` are read only.
        let status =
            unsafe { sys::vae_model_load_memory(raw(&context), bytes.as_ptr().cast(), bytes.len(), &mut handle) };
        made(status, handle, |raw| Model { raw, context })
    }

    pub(crate) fn get(&self) -> *const sys::vae_model {
        self.raw.as_ptr()
    }

    /// A model of its own with the same spec, parameters and metadata, in the same context.
    pub fn try_clone(&self) -> Result<Model> {
        let mut handle = ptr::null_mut();
        // SAFETY: as in `new`.
        let status = unsafe { sys::vae_model_clone(self.get(), &mut handle) };
        made(status, handle, |raw| Model { raw, context: self.context.clone() })
    }

    /// Starts from the data. Before training.
    pub fn initialize(&mut self, data: &Dataset) -> Result<()> {
        // SAFETY: both handles live.
        check(unsafe { sys::vae_model_initialize(self.raw.as_ptr(), data.raw.as_ptr()) })?;
        Ok(())
    }

    /// Gives it another prior, with its starting values, and keeps all else. Optimizers that were made before fit
    /// the model no more.
    ///
    /// ```
    /// # fn main() -> Result<(), vae::Error> {
    /// use std::ops::ControlFlow;
    /// # let rows: Vec<f32> = (0..60).map(|i| (i as f32).sin()).collect();
    /// # let data = vae::Dataset::copy(None, &rows, 3, "")?;
    /// # let mut model = vae::Model::new(None, "input=3 latent=1 likelihood=gaussian")?;
    /// model.set_prior("mixture:2")?;
    /// assert!(model.fit_prior(&data, "iterations=10", |_, _| ControlFlow::Continue(()))?);
    /// # Ok(()) }
    /// ```
    pub fn set_prior(&mut self, prior: &str) -> Result<()> {
        let prior = text::c_text(prior)?;
        // SAFETY: the text ends in 0.
        check(unsafe { sys::vae_model_set_prior(self.raw.as_ptr(), prior.as_ptr()) })?;
        Ok(())
    }

    /// Fits the prior to the posteriors of all rows of `data`. `progress` is called with rows done and rows in all.
    /// False if it stopped the fit: then the model has the prior that it had.
    pub fn fit_prior<F: FnMut(u64, u64) -> ControlFlow<()>>(
        &mut self,
        data: &Dataset,
        options: &str,
        mut progress: F,
    ) -> Result<bool> {
        let options = text::c_text(options)?;
        // SAFETY: the handles live; the callback lives during the call, on this thread.
        let status = unsafe {
            sys::vae_model_fit_prior(
                self.raw.as_ptr(),
                data.raw.as_ptr(),
                options.as_ptr(),
                Some(on_progress::<F>),
                (&mut progress as *mut F).cast(),
            )
        };
        Ok(check(status)? == 0)
    }

    /// Writes a safetensors file: the old file or the new one is there, whatever happens.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = text::c_path(path.as_ref())?;
        // SAFETY: the text ends in 0.
        check(unsafe { sys::vae_model_save(self.get(), path.as_ptr()) })?;
        Ok(())
    }

    /// The bytes of that file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: asks for the length only.
        check(unsafe { sys::vae_model_save_memory(self.get(), ptr::null_mut(), 0, &mut length) })?;
        let mut bytes: Vec<u8> = text::zeros(length, 1)?;
        // SAFETY: the buffer has that length.
        check(unsafe { sys::vae_model_save_memory(self.get(), bytes.as_mut_ptr().cast(), bytes.len(), &mut length) })?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Values per row of x.
    pub fn width(&self) -> usize {
        // SAFETY: the handle lives, here and in the functions below.
        unsafe { sys::vae_model_width(self.get()) }
    }

    /// Values per row of z.
    pub fn latent(&self) -> usize {
        // SAFETY: as in `width`.
        unsafe { sys::vae_model_latent(self.get()) }
    }

    /// The spec in canonical form.
    pub fn spec(&self) -> &str {
        // SAFETY: the text lives as long as the model.
        unsafe { text::borrowed(sys::vae_model_spec(self.get())) }
    }

    /// A text that the model's file carries beside the spec; None removes the key.
    pub fn set_metadata(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let key = text::c_text(key)?;
        let value = value.map(text::c_text).transpose()?;
        let pointer = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: texts that end in 0, or NULL.
        check(unsafe { sys::vae_model_set_metadata(self.raw.as_ptr(), key.as_ptr(), pointer) })?;
        Ok(())
    }

    /// The value of a key.
    pub fn metadata(&self, key: &str) -> Option<Cow<'_, str>> {
        let key = text::c_text(key).ok()?;
        // SAFETY: the text lives until a function that takes `&mut self`.
        unsafe { text::foreign(sys::vae_model_metadata(self.get(), key.as_ptr())) }
    }

    /// The keys, in order.
    pub fn metadata_keys(&self) -> impl Iterator<Item = Cow<'_, str>> {
        // SAFETY: as in `metadata`.
        (0..).map_while(|index| unsafe { text::foreign(sys::vae_model_metadata_key(self.get(), index)) })
    }

    /// Standard deviations of p(x|z), where they do not depend on z.
    pub fn sigma(&self) -> Result<Vec<f64>> {
        let mut sigma = text::zeros(1, self.width())?;
        // SAFETY: the buffer has that width.
        check(unsafe { sys::vae_model_sigma(self.get(), sigma.as_mut_ptr(), sigma.len()) })?;
        Ok(sigma)
    }

    /// Tensors among the parameters.
    pub fn parameter_count(&self) -> usize {
        // SAFETY: as in `width`.
        unsafe { sys::vae_model_parameter_count(self.get()) }
    }

    /// Values among the parameters.
    pub fn parameter_total(&self) -> u64 {
        // SAFETY: as in `width`.
        unsafe { sys::vae_model_parameter_total(self.get()) }
    }

    /// Name of a tensor; None past the end.
    pub fn parameter_name(&self, index: usize) -> Option<&str> {
        // SAFETY: the text lives as long as the model.
        unsafe {
            let name = sys::vae_model_parameter_name(self.get(), index);
            (!name.is_null()).then(|| text::borrowed(name))
        }
    }

    /// Shape of a tensor.
    pub fn parameter_shape(&self, index: usize) -> Result<Vec<usize>> {
        // SAFETY: the buffer has the capacity that is said.
        text::shape(|shape, capacity, rank| unsafe {
            sys::vae_model_parameter_shape(self.get(), index, shape, capacity, rank)
        })
    }

    /// Copies a tensor of `count` values out.
    pub fn parameter(&self, name: &str, count: usize) -> Result<Vec<f32>> {
        let name = text::c_text(name)?;
        let mut values = text::zeros(count, 1)?;
        // SAFETY: the buffer has that length.
        check(unsafe { sys::vae_model_parameter_get(self.get(), name.as_ptr(), values.as_mut_ptr(), values.len()) })?;
        Ok(values)
    }

    /// Copies a tensor in.
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let name = text::c_text(name)?;
        // SAFETY: `values` are read only.
        check(unsafe {
            sys::vae_model_parameter_set(self.raw.as_ptr(), name.as_ptr(), values.as_ptr(), values.len())
        })?;
        Ok(())
    }

    /// Bytes that the model holds.
    pub fn memory(&self) -> Result<ModelMemory> {
        let mut memory = ModelMemory { parameter_bytes: 0, workspace_bytes: 0 };
        // SAFETY: the two numbers are written to.
        check(unsafe { sys::vae_model_memory(self.get(), &mut memory.parameter_bytes, &mut memory.workspace_bytes) })?;
        Ok(memory)
    }

    /// The inference plans as text, for people.
    pub fn plan(&self) -> Result<String> {
        // SAFETY: the buffer has the size that is said.
        text::measured(|buffer, size, length| unsafe { sys::vae_model_plan(self.get(), buffer, size, length) })
    }

    /// Parameters of q(z|x).
    pub fn encode(&self, x: &[f32]) -> Result<Encoded> {
        let n = text::rows(x, self.width())?;
        let mut mean = text::zeros(n, self.latent())?;
        let mut logvar = text::zeros(n, self.latent())?;
        // SAFETY: x has n rows of that width, the buffers n rows of latent values.
        check(unsafe {
            sys::vae_encode(self.get(), x.as_ptr(), n, self.width(), mean.as_mut_ptr(), logvar.as_mut_ptr())
        })?;
        Ok(Encoded { mean, logvar })
    }

    /// E\[x|z\].
    pub fn decode(&self, z: &[f32]) -> Result<Vec<f32>> {
        let n = text::rows(z, self.latent())?;
        let mut x_mean = text::zeros(n, self.width())?;
        // SAFETY: z has n rows of latent values, the buffer n rows of that width.
        check(unsafe { sys::vae_decode(self.get(), z.as_ptr(), n, self.latent(), x_mean.as_mut_ptr()) })?;
        Ok(x_mean)
    }

    /// E\[x|z\] at z = mean(x).
    pub fn reconstruct(&self, x: &[f32]) -> Result<Vec<f32>> {
        let n = text::rows(x, self.width())?;
        let mut x_mean = text::zeros(n, self.width())?;
        // SAFETY: both have n rows of that width.
        check(unsafe { sys::vae_reconstruct(self.get(), x.as_ptr(), n, self.width(), x_mean.as_mut_ptr()) })?;
        Ok(x_mean)
    }

    /// The ELBO of each row.
    pub fn elbo(&self, x: &[f32], seed: u64) -> Result<Elbo> {
        let n = text::rows(x, self.width())?;
        let mut all = Elbo { elbo: text::zeros(n, 1)?, reconstruction: text::zeros(n, 1)?, kl: text::zeros(n, 1)? };
        // SAFETY: x has n rows of that width, the buffers n values.
        check(unsafe {
            sys::vae_elbo(
                self.get(),
                x.as_ptr(),
                n,
                self.width(),
                seed,
                all.elbo.as_mut_ptr(),
                all.reconstruction.as_mut_ptr(),
                all.kl.as_mut_ptr(),
            )
        })?;
        Ok(all)
    }

    /// `n` draws from the model.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Sample> {
        let mut all = Sample {
            z: text::zeros(n, self.latent())?,
            x_mean: text::zeros(n, self.width())?,
            x: text::zeros(n, self.width())?,
        };
        // SAFETY: the buffers have n rows.
        check(unsafe {
            sys::vae_sample(self.get(), n, seed, all.z.as_mut_ptr(), all.x_mean.as_mut_ptr(), all.x.as_mut_ptr())
        })?;
        Ok(all)
    }

    /// `sample` with options, such as `temperature=0.7`. `progress` is called with rows done and rows in all. None if
    /// it stopped the call.
    pub fn generate<F: FnMut(u64, u64) -> ControlFlow<()>>(
        &self,
        n: usize,
        seed: u64,
        options: &str,
        mut progress: F,
    ) -> Result<Option<Sample>> {
        let options = text::c_text(options)?;
        let mut all = Sample {
            z: text::zeros(n, self.latent())?,
            x_mean: text::zeros(n, self.width())?,
            x: text::zeros(n, self.width())?,
        };
        // SAFETY: the buffers have n rows; the callback lives during the call, on this thread.
        let status = unsafe {
            sys::vae_generate(
                self.get(),
                n,
                seed,
                options.as_ptr(),
                Some(on_progress::<F>),
                (&mut progress as *mut F).cast(),
                all.z.as_mut_ptr(),
                all.x_mean.as_mut_ptr(),
                all.x.as_mut_ptr(),
            )
        };
        Ok(if check(status)? == 0 { Some(all) } else { None })
    }

    /// Estimates of log p(x).
    pub fn log_likelihood(&self, x: &[f32], options: &str) -> Result<LogLikelihood> {
        let n = text::rows(x, self.width())?;
        let options = text::c_text(options)?;
        let mut all =
            LogLikelihood { log_p: text::zeros(n, 1)?, std_error: text::zeros(n, 1)?, ess: text::zeros(n, 1)? };
        // SAFETY: x has n rows of that width, the buffers n values.
        check(unsafe {
            sys::vae_log_likelihood(
                self.get(),
                x.as_ptr(),
                n,
                self.width(),
                options.as_ptr(),
                all.log_p.as_mut_ptr(),
                all.std_error.as_mut_ptr(),
                all.ess.as_mut_ptr(),
            )
        })?;
        Ok(all)
    }

    /// How strange each row is, in all and by value.
    pub fn score(&self, x: &[f32], options: &str) -> Result<Score> {
        let n = text::rows(x, self.width())?;
        let options = text::c_text(options)?;
        let mut all = Score { score: text::zeros(n, 1)?, by_value: text::zeros(n, self.width())? };
        // SAFETY: x has n rows of that width, the buffers n values and n rows.
        check(unsafe {
            sys::vae_score(
                self.get(),
                x.as_ptr(),
                n,
                self.width(),
                options.as_ptr(),
                all.score.as_mut_ptr(),
                all.by_value.as_mut_ptr(),
            )
        })?;
        Ok(all)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: destroyed once, before its context.
        unsafe { sys::vae_model_destroy(self.raw.as_ptr()) }
    }
}
