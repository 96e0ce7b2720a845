//! Variational autoencoders on the CPU: [libvae](vae_sys) for safe Rust. The manual of specs and options is the C header
//! `vae.h` and docs/text.md of the library; what stands here is how they look in Rust.
//!
//! ```
//! # fn main() -> Result<(), vae::Error> {
//! let rows: Vec<f32> = (0..3000).map(|i| (i as f32 * 0.1).sin()).collect();
//! let mut data = vae::Dataset::copy(None, &rows, 3, "batch=50")?;
//! let mut model = vae::Model::new(None, "input=3 latent=2 likelihood=gaussian encoder=[dense 16, tanh] decoder=[dense 16, tanh]")?;
//! model.initialize(&data)?;
//! let mut optimizer = vae::Optimizer::new(&mut model, "adam lr=1e-2")?;
//! model.train(&mut optimizer, &mut data, None, "epochs=3", vae::go_on)?;
//! let drawn = model.sample(64, 1)?.x;
//! assert_eq!(drawn.len(), 64 * 3);
//! # Ok(()) }
//! ```
//!
//! * A call that fails returns an [`Error`] with the library's status and message.
//! * Handles are destroyed when they are dropped, in any order; the library keeps what another handle needs.
//! * Rows are slices, one row after the other. A length that is no whole number of rows is [`Status::Width`].
//! * A panic of a callback does not cross C: the call ends, then the panic goes on in the caller.
//! * [`Context`] and [`Model`] may be used from many threads at once, training needs `&mut`. The other handles may be
//!   moved to another thread.

#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod callback;
mod context;
mod dataset;
mod error;
mod evaluation;
mod model;
mod optimizer;
mod text;

pub use callback::go_on;
pub use context::{Allocator, Context, ContextBuilder, LogLevel, Memory};
pub use dataset::{Dataset, Scaling, Value};
pub use error::{Error, Result, Status};
pub use evaluation::Evaluation;
pub use model::{Elbo, Encoded, LogLikelihood, Model, ModelMemory, Sample, Score};
pub use optimizer::{
    load_checkpoint, save_checkpoint, Event, EventKind, Optimizer, OptimizerMemory, Outcome, StepReport,
};

/// One line about the library that runs: version, compiler, BLAS, real type, instruction sets.
pub fn build_info() -> &'static str {
    // SAFETY: a static text that is never NULL.
    unsafe { text::borrowed(vae_sys::vae_build_info()) }
}

/// `(major, minor, patch)` of the library that runs.
pub fn version() -> (u32, u32, u32) {
    // SAFETY: no arguments.
    let number = unsafe { vae_sys::vae_version_number() };
    (number >> 16, number >> 8 & 0xff, number & 0xff)
}

/// The value of a constant of `vae.h` by its name.
pub fn constant(name: &str) -> Result<i64> {
    let name = text::c_text(name)?;
    let mut value = 0;
    // SAFETY: the text ends in 0 and `value` is written to.
    error::check(unsafe { vae_sys::vae_constant(name.as_ptr(), &mut value) })?;
    Ok(value)
}

/// The Rust of the library's documents is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/embedding.md")]
struct Documents;
