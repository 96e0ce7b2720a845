use std::ffi::c_void;
use std::ops::ControlFlow;
use std::path::Path;
use std::ptr::{self, NonNull};

use vae_sys as sys;

use crate::callback::{guarded, stop};
use crate::context::{raw, Context};
use crate::dataset::Dataset;
use crate::error::{check, made, Result};
use crate::model::Model;
use crate::text;

/// Moments, step count, schedule and objective of the training of one model.
pub struct Optimizer {
    raw: NonNull<sys::vae_optimizer>,
    /// The model's, which C keeps alive through the model.
    _context: Option<Context>,
}

// SAFETY: an optimizer is used by one thread at a time, no matter which.
unsafe impl Send for Optimizer {}

/// What a step did: means over the rows of its batch, in nats per row, before the update.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub struct StepReport {
    /// The gradient was scaled down to `clip_norm`.
    pub clipped: bool,
    /// Nothing was updated.
    pub refused: bool,
    /// The batch was the last of its epoch.
    pub epoch_end: bool,
    /// Updates made, this one included.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Rows consumed of the current epoch.
    pub position: u64,
    /// Rows in this batch.
    pub rows: u64,
    /// What was maximised.
    pub objective: f64,
    pub elbo: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub beta: f64,
    pub learning_rate: f64,
    /// Before clipping.
    pub gradient_norm: f64,
}

impl StepReport {
    fn from_c(c: &sys::vae_step_report) -> StepReport {
        StepReport {
            clipped: c.flags & sys::VAE_STEP_CLIPPED != 0,
            refused: c.flags & sys::VAE_STEP_REFUSED != 0,
            epoch_end: c.flags & sys::VAE_STEP_EPOCH_END != 0,
            step: c.step,
            epoch: c.epoch,
            position: c.position,
            rows: c.rows,
            objective: c.objective,
            elbo: c.elbo,
            reconstruction: c.reconstruction,
            kl: c.kl,
            beta: c.beta,
            learning_rate: c.learning_rate,
            gradient_norm: c.gradient_norm,
        }
    }
}

/// When [`Model::train`] calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// After a step.
    Step,
    /// After an epoch.
    Epoch,
}

/// What [`Model::train`] tells its callback. The handles are lent for the call, for a checkpoint, say.
pub struct Event<'t> {
    /// Step or epoch.
    pub kind: EventKind,
    /// Of the step, or means over the epoch.
    pub train: StepReport,
    /// Of the epoch, if there is a validation set.
    pub validation: Option<StepReport>,
    /// The model in training.
    pub model: &'t Model,
    /// Its optimizer.
    pub optimizer: &'t Optimizer,
    /// The training set.
    pub data: &'t Dataset<'t>,
}

/// How a training ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done, or patience is at its end.
    Finished,
    /// The callback stopped it.
    Stopped,
}

/// Bytes of an optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptimizerMemory {
    /// Of the moments.
    pub state_bytes: u64,
    /// Of the training workspace.
    pub workspace_bytes: u64,
}

impl Optimizer {
    /// `adam`, `adamw` or `sgd` with options, for this model.
    pub fn new(model: &mut Model, options: &str) -> Result<Optimizer> {
        let options = text::c_text(options)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the text ends in 0; the handle is written to.
        let status = unsafe { sys::vae_optimizer_create(model.raw.as_ptr(), options.as_ptr(), &mut handle) };
        made(status, handle, |raw| Optimizer { raw, _context: model.context.clone() })
    }

    /// Changes some of the options.
    pub fn set(&mut self, options: &str) -> Result<()> {
        let options = text::c_text(options)?;
        // SAFETY: the text ends in 0.
        check(unsafe { sys::vae_optimizer_set(self.raw.as_ptr(), options.as_ptr()) })?;
        Ok(())
    }

    /// Updates made.
    pub fn steps(&self) -> u64 {
        // SAFETY: the handle lives.
        unsafe { sys::vae_optimizer_steps(self.raw.as_ptr()) }
    }

    /// The options in force.
    pub fn options(&self) -> &str {
        // SAFETY: the text lives until `set`, which takes `&mut self`.
        unsafe { text::borrowed(sys::vae_optimizer_options(self.raw.as_ptr())) }
    }

    /// Bytes that the optimizer holds.
    pub fn memory(&self) -> Result<OptimizerMemory> {
        let mut memory = OptimizerMemory { state_bytes: 0, workspace_bytes: 0 };
        // SAFETY: the two numbers are written to.
        check(unsafe {
            sys::vae_optimizer_memory(self.raw.as_ptr(), &mut memory.state_bytes, &mut memory.workspace_bytes)
        })?;
        Ok(memory)
    }

    /// The training plan as text, for people.
    pub fn plan(&self) -> Result<String> {
        // SAFETY: the buffer has the size that is said.
        text::measured(|buffer, size, length| unsafe {
            sys::vae_optimizer_plan(self.raw.as_ptr(), buffer, size, length)
        })
    }
}

impl Drop for Optimizer {
    fn drop(&mut self) {
        // SAFETY: destroyed once, before its context.
        unsafe { sys::vae_optimizer_destroy(self.raw.as_ptr()) }
    }
}

fn empty_report() -> sys::vae_step_report {
    sys::vae_step_report {
        struct_size: std::mem::size_of::<sys::vae_step_report>() as u32,
        ..sys::vae_step_report::default()
    }
}

fn reported(status: i32, report: &sys::vae_step_report) -> Result<StepReport> {
    let report = StepReport::from_c(report);
    match check(status) {
        Ok(_) => Ok(report),
        Err(error) if report.refused => Err(error.with_report(report)),
        Err(error) => Err(error),
    }
}

struct Training<'t, F> {
    callback: F,
    model: &'t Model,
    optimizer: &'t Optimizer,
    data: &'t Dataset<'t>,
}

unsafe extern "C" fn on_event<F: FnMut(&Event<'_>) -> ControlFlow<()>>(
    user: *mut c_void,
    kind: i32,
    train: *const sys::vae_step_report,
    validation: *const sys::vae_step_report,
) -> i32 {
    stop(guarded(|| {
        // SAFETY: `user` is the Training of the call that is running, which nothing else uses; the reports are valid
        // during the call.
        let (training, train, validation) = unsafe { (&mut *user.cast::<Training<F>>(), &*train, validation.as_ref()) };
        let event = Event {
            kind: if kind == sys::VAE_EVENT_EPOCH { EventKind::Epoch } else { EventKind::Step },
            train: StepReport::from_c(train),
            validation: validation.map(StepReport::from_c),
            model: training.model,
            optimizer: training.optimizer,
            data: training.data,
        };
        (training.callback)(&event)
    }))
}

impl Model {
    /// One update on the next mini-batch.
    pub fn step(&mut self, optimizer: &mut Optimizer, data: &mut Dataset) -> Result<StepReport> {
        let mut report = empty_report();
        // SAFETY: the handles live and nothing else uses them; the report has its size.
        let status =
            unsafe { sys::vae_step(self.raw.as_ptr(), optimizer.raw.as_ptr(), data.raw.as_ptr(), &mut report) };
        reported(status, &report)
    }

    /// One update on these rows.
    pub fn step_rows(&mut self, optimizer: &mut Optimizer, x: &[f32]) -> Result<StepReport> {
        let n = text::rows(x, self.width())?;
        let mut report = empty_report();
        // SAFETY: as in `step`; x has n rows of that width.
        let status = unsafe {
            sys::vae_step_rows(self.raw.as_ptr(), optimizer.raw.as_ptr(), x.as_ptr(), n, self.width(), &mut report)
        };
        reported(status, &report)
    }

    /// Trains for `epochs=` and calls `callback` after each step and each epoch, which may stop it.
    ///
    /// ```
    /// # fn main() -> Result<(), vae::Error> {
    /// use std::ops::ControlFlow;
    /// # let mut data = vae::Dataset::copy(None, &[0.1f32, 0.7, 0.2, 0.5, 0.3, 0.9], 3, "")?;
    /// # let mut model = vae::Model::new(None, "input=3 latent=1 likelihood=gaussian")?;
    /// # let mut optimizer = vae::Optimizer::new(&mut model, "adam")?;
    /// let outcome = model.train(&mut optimizer, &mut data, None, "epochs=9", |now| {
    ///     if now.train.step == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// })?;
    /// assert_eq!((outcome, optimizer.steps()), (vae::Outcome::Stopped, 5));
    /// # Ok(()) }
    /// ```
    ///
    /// The callback cannot train, too:
    ///
    /// ```compile_fail,E0596
    /// # fn f(model: &mut vae::Model, optimizer: &mut vae::Optimizer, data: &mut vae::Dataset) {
    /// model.train(optimizer, data, None, "", |now| {
    ///     now.model.initialize(now.data).unwrap();
    ///     std::ops::ControlFlow::Continue(())
    /// }).unwrap();
    /// # }
    /// ```
    pub fn train<F: FnMut(&Event<'_>) -> ControlFlow<()>>(
        &mut self,
        optimizer: &mut Optimizer,
        data: &mut Dataset,
        validation: Option<&Dataset>,
        options: &str,
        callback: F,
    ) -> Result<Outcome> {
        let options = text::c_text(options)?;
        let (model, step, rows) = (self.raw.as_ptr(), optimizer.raw.as_ptr(), data.raw.as_ptr());
        let mut training = Training { callback, model: self, optimizer, data };
        // SAFETY: the handles live and nothing else uses them, but for the callback, which has const functions only.
        let status = check(unsafe {
            sys::vae_train(
                model,
                step,
                rows,
                validation.map_or(ptr::null(), |set| set.raw.as_ptr()),
                options.as_ptr(),
                Some(on_event::<F>),
                (&mut training as *mut Training<F>).cast(),
            )
        })?;
        Ok(if status == sys::VAE_STOPPED { Outcome::Stopped } else { Outcome::Finished })
    }
}

/// Training as one file: model, optimizer and, if given, the data set's cursor.
pub fn save_checkpoint(
    model: &Model,
    optimizer: &Optimizer,
    data: Option<&Dataset>,
    path: impl AsRef<Path>,
) -> Result<()> {
    let path = text::c_path(path.as_ref())?;
    let data = data.map_or(ptr::null(), |data| data.raw.as_ptr() as *const _);
    // SAFETY: the handles live; the text ends in 0.
    check(unsafe { sys::vae_checkpoint_save(model.get(), optimizer.raw.as_ptr(), data, path.as_ptr()) })?;
    Ok(())
}

/// Model and optimizer of such a file; sets the cursor of the data set, which was opened as before.
pub fn load_checkpoint<'c>(
    context: impl Into<Option<&'c Context>>,
    path: impl AsRef<Path>,
    data: Option<&mut Dataset>,
) -> Result<(Model, Optimizer)> {
    let context = context.into().cloned();
    let path = text::c_path(path.as_ref())?;
    let data = data.map_or(ptr::null_mut(), |data| data.raw.as_ptr());
    let (mut model, mut optimizer) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the text ends in 0; the two handles are written to.
    let status = unsafe { sys::vae_checkpoint_load(raw(&context), path.as_ptr(), data, &mut model, &mut optimizer) };
    let optimizer = NonNull::new(optimizer).map(|raw| Optimizer { raw, _context: context.clone() });
    let model = made(status, model, |raw| Model { raw, context })?;
    Ok((model, optimizer.expect("an optimizer that was made is not NULL")))
}
