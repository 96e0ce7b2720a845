use std::ffi::c_void;
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};

use vae_sys as sys;

use crate::callback::{guarded, stop};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{check, Result};
use crate::model::Model;
use crate::text;

/// A model held against all rows of a data set.
pub struct Evaluation {
    raw: NonNull<sys::vae_evaluation>,
    latent: usize,
    /// It may hold memory of either.
    _contexts: [Option<Context>; 2],
}

// SAFETY: an evaluation is used by one thread at a time, no matter which.
unsafe impl Send for Evaluation {}

pub(crate) unsafe extern "C" fn on_progress<F: FnMut(u64, u64) -> ControlFlow<()>>(
    user: *mut c_void,
    done: u64,
    total: u64,
) -> i32 {
    // SAFETY: `user` is the callback of the call that is running, which nothing else uses.
    stop(guarded(|| unsafe { (*user.cast::<F>())(done, total) }))
}

impl Model {
    /// Evaluates the model on all rows of `data`, with baselines fitted to `fitted_on` (None: to the same rows).
    /// `progress` is called with rows done and rows in all. None if it stopped the evaluation.
    ///
    /// ```
    /// # fn main() -> Result<(), vae::Error> {
    /// use std::ops::ControlFlow;
    /// # let data = vae::Dataset::copy(None, &[0.1f32, 0.7, 0.2, 0.5, 0.3, 0.9], 3, "")?;
    /// # let model = vae::Model::new(None, "input=3 latent=1 likelihood=gaussian")?;
    /// let evaluation = model.evaluate(&data, None, "", |_, _| ControlFlow::Continue(()))?.unwrap();
    /// assert!(evaluation.value("elbo")?.is_finite());
    /// # Ok(()) }
    /// ```
    pub fn evaluate<F: FnMut(u64, u64) -> ControlFlow<()>>(
        &self,
        data: &Dataset,
        fitted_on: Option<&Dataset>,
        options: &str,
        mut progress: F,
    ) -> Result<Option<Evaluation>> {
        let options = text::c_text(options)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the handles live; the callback lives during the call, on this thread; the handle is written to.
        let status = unsafe {
            sys::vae_evaluate(
                self.get(),
                data.raw.as_ptr(),
                fitted_on.map_or(ptr::null(), |set| set.raw.as_ptr()),
                options.as_ptr(),
                Some(on_progress::<F>),
                (&mut progress as *mut F).cast(),
                &mut handle,
            )
        };
        // Owned before a panic goes on.
        let contexts = [self.context.clone(), data.context.clone()];
        let made = NonNull::new(handle).map(|raw| Evaluation { raw, latent: self.latent(), _contexts: contexts });
        check(status)?;
        Ok(made)
    }
}

impl Evaluation {
    /// A figure by its name, e.g. "elbo".
    pub fn value(&self, name: &str) -> Result<f64> {
        let name = text::c_text(name)?;
        let mut value = 0.0;
        // SAFETY: the text ends in 0; the value is written to.
        check(unsafe { sys::vae_evaluation_value(self.raw.as_ptr(), name.as_ptr(), &mut value) })?;
        Ok(value)
    }

    /// One number for each latent: "kl", "mean", "mean_variance" or "aggregated_variance".
    pub fn latents(&self, name: &str) -> Result<Vec<f64>> {
        let name = text::c_text(name)?;
        let mut values = text::zeros(1, self.latent)?;
        // SAFETY: the text ends in 0; the buffer has that length.
        check(unsafe {
            sys::vae_evaluation_latents(self.raw.as_ptr(), name.as_ptr(), values.as_mut_ptr(), values.len())
        })?;
        Ok(values)
    }

    /// All of it as a table for people.
    pub fn text(&self) -> &str {
        // SAFETY: the text lives as long as the evaluation.
        unsafe { text::borrowed(sys::vae_evaluation_text(self.raw.as_ptr())) }
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        // SAFETY: destroyed once, before the contexts.
        unsafe { sys::vae_evaluation_destroy(self.raw.as_ptr()) }
    }
}
