//! Declarations of the functions, types and constants of libvae's `vae.h`, which is their manual, as they stand there.
//! The crate `vae` puts safe types over them. `tests/header.rs` compares this file with the header.

#![allow(non_camel_case_types)]

use core::marker::{PhantomData, PhantomPinned};
use std::ffi::c_void;
use std::os::raw::c_char;

pub type vae_status = i32;

pub const VAE_VERSION_MAJOR: i32 = 0;
pub const VAE_VERSION_MINOR: i32 = 2;
pub const VAE_VERSION_PATCH: i32 = 0;
pub const VAE_OK: i32 = 0;
pub const VAE_STOPPED: i32 = 1;
pub const VAE_ERROR_ARGUMENT: i32 = -1;
pub const VAE_ERROR_WIDTH: i32 = -2;
pub const VAE_ERROR_DATA: i32 = -3;
pub const VAE_ERROR_MISMATCH: i32 = -4;
pub const VAE_ERROR_TEXT: i32 = -5;
pub const VAE_ERROR_FILE: i32 = -6;
pub const VAE_ERROR_FORMAT: i32 = -7;
pub const VAE_ERROR_LIMIT: i32 = -8;
pub const VAE_ERROR_MEMORY: i32 = -9;
pub const VAE_ERROR_DIVERGED: i32 = -10;
pub const VAE_ERROR_UNSUPPORTED: i32 = -11;
pub const VAE_ERROR_INTERNAL: i32 = -12;
pub const VAE_LOG_WARNING: i32 = 1;
pub const VAE_LOG_INFO: i32 = 2;
pub const VAE_STEP_CLIPPED: u32 = 1;
pub const VAE_STEP_REFUSED: u32 = 2;
pub const VAE_STEP_EPOCH_END: u32 = 4;
pub const VAE_EVENT_STEP: i32 = 1;
pub const VAE_EVENT_EPOCH: i32 = 2;

macro_rules! handles {
    ($($name:ident)*) => {$(
        /// Known by its pointer only.
        #[repr(C)]
        pub struct $name {
            private: [u8; 0],
            neither_send_nor_sync: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

handles! { vae_context vae_dataset vae_model vae_optimizer vae_evaluation }

/// What a step did. Set `struct_size` to the size of this struct before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct vae_step_report {
    pub struct_size: u32,
    pub flags: u32,
    pub step: u64,
    pub epoch: u64,
    pub position: u64,
    pub rows: u64,
    pub objective: f64,
    pub elbo: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub beta: f64,
    pub learning_rate: f64,
    pub gradient_norm: f64,
}

pub type vae_alloc_fn = unsafe extern "C" fn(user: *mut c_void, size: usize) -> *mut c_void;
pub type vae_free_fn = unsafe extern "C" fn(user: *mut c_void, block: *mut c_void);
pub type vae_log_fn = unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char);
pub type vae_train_fn = unsafe extern "C" fn(
    user: *mut c_void,
    event: i32,
    train: *const vae_step_report,
    validation: *const vae_step_report,
) -> i32;
pub type vae_progress_fn = unsafe extern "C" fn(user: *mut c_void, done: u64, total: u64) -> i32;

extern "C" {
    pub fn vae_status_name(status: vae_status) -> *const c_char;
    pub fn vae_last_error() -> *const c_char;
    pub fn vae_version_number() -> u32;
    pub fn vae_build_info() -> *const c_char;
    pub fn vae_constant(name: *const c_char, value: *mut i64) -> vae_status;
    pub fn vae_context_create(options: *const c_char, out: *mut *mut vae_context) -> vae_status;
    pub fn vae_context_create_with_allocator(
        options: *const c_char,
        alloc: Option<vae_alloc_fn>,
        release: Option<vae_free_fn>,
        user: *mut c_void,
        out: *mut *mut vae_context,
    ) -> vae_status;
    pub fn vae_context_destroy(context: *mut vae_context);
    pub fn vae_context_set_log(context: *mut vae_context, log: Option<vae_log_fn>, user: *mut c_void) -> vae_status;
    pub fn vae_context_memory(
        context: *const vae_context,
        bytes: *mut u64,
        peak_bytes: *mut u64,
        allocations: *mut u64,
    ) -> vae_status;
    pub fn vae_dataset_open(
        context: *mut vae_context,
        path: *const c_char,
        options: *const c_char,
        out: *mut *mut vae_dataset,
    ) -> vae_status;
    pub fn vae_dataset_from_memory(
        context: *mut vae_context,
        rows: *const c_void,
        n: usize,
        width: usize,
        options: *const c_char,
        out: *mut *mut vae_dataset,
    ) -> vae_status;
    pub fn vae_dataset_destroy(dataset: *mut vae_dataset);
    pub fn vae_dataset_size(dataset: *const vae_dataset) -> usize;
    pub fn vae_dataset_width(dataset: *const vae_dataset) -> usize;
    pub fn vae_dataset_batch(dataset: *const vae_dataset) -> usize;
    pub fn vae_dataset_label_width(dataset: *const vae_dataset) -> usize;
    pub fn vae_dataset_epoch(dataset: *const vae_dataset) -> u64;
    pub fn vae_dataset_position(dataset: *const vae_dataset) -> u64;
    pub fn vae_dataset_shape(
        dataset: *const vae_dataset,
        shape: *mut usize,
        capacity: usize,
        rank: *mut usize,
    ) -> vae_status;
    pub fn vae_dataset_column_name(dataset: *const vae_dataset, column: usize) -> *const c_char;
    pub fn vae_dataset_row_number(dataset: *const vae_dataset, row: usize) -> u64;
    pub fn vae_dataset_spec(
        dataset: *const vae_dataset,
        buffer: *mut c_char,
        size: usize,
        length: *mut usize,
    ) -> vae_status;
    pub fn vae_dataset_scaling(
        dataset: *const vae_dataset,
        column: usize,
        offset: *mut f64,
        range: *mut f64,
    ) -> vae_status;
    pub fn vae_dataset_read(
        dataset: *const vae_dataset,
        first: usize,
        n: usize,
        x: *mut f32,
        width: usize,
    ) -> vae_status;
    pub fn vae_dataset_read_labels(
        dataset: *const vae_dataset,
        first: usize,
        n: usize,
        labels: *mut f64,
        label_width: usize,
    ) -> vae_status;
    pub fn vae_model_create(context: *mut vae_context, spec: *const c_char, out: *mut *mut vae_model) -> vae_status;
    pub fn vae_model_initialize(model: *mut vae_model, dataset: *const vae_dataset) -> vae_status;
    pub fn vae_model_clone(model: *const vae_model, out: *mut *mut vae_model) -> vae_status;
    pub fn vae_model_save(model: *const vae_model, path: *const c_char) -> vae_status;
    pub fn vae_model_load(context: *mut vae_context, path: *const c_char, out: *mut *mut vae_model) -> vae_status;
    pub fn vae_model_save_memory(
        model: *const vae_model,
        buffer: *mut c_void,
        size: usize,
        length: *mut usize,
    ) -> vae_status;
    pub fn vae_model_load_memory(
        context: *mut vae_context,
        bytes: *const c_void,
        size: usize,
        out: *mut *mut vae_model,
    ) -> vae_status;
    pub fn vae_model_destroy(model: *mut vae_model);
    pub fn vae_model_width(model: *const vae_model) -> usize;
    pub fn vae_model_latent(model: *const vae_model) -> usize;
    pub fn vae_model_spec(model: *const vae_model) -> *const c_char;
    pub fn vae_model_set_prior(model: *mut vae_model, prior: *const c_char) -> vae_status;
    pub fn vae_model_fit_prior(
        model: *mut vae_model,
        dataset: *const vae_dataset,
        options: *const c_char,
        progress: Option<vae_progress_fn>,
        user: *mut c_void,
    ) -> vae_status;
    pub fn vae_model_set_metadata(model: *mut vae_model, key: *const c_char, value: *const c_char) -> vae_status;
    pub fn vae_model_metadata(model: *const vae_model, key: *const c_char) -> *const c_char;
    pub fn vae_model_metadata_key(model: *const vae_model, index: usize) -> *const c_char;
    pub fn vae_model_sigma(model: *const vae_model, sigma: *mut f64, width: usize) -> vae_status;
    pub fn vae_model_parameter_count(model: *const vae_model) -> usize;
    pub fn vae_model_parameter_total(model: *const vae_model) -> u64;
    pub fn vae_model_parameter_name(model: *const vae_model, index: usize) -> *const c_char;
    pub fn vae_model_parameter_shape(
        model: *const vae_model,
        index: usize,
        shape: *mut usize,
        capacity: usize,
        rank: *mut usize,
    ) -> vae_status;
    pub fn vae_model_parameter_get(
        model: *const vae_model,
        name: *const c_char,
        values: *mut f32,
        count: usize,
    ) -> vae_status;
    pub fn vae_model_parameter_set(
        model: *mut vae_model,
        name: *const c_char,
        values: *const f32,
        count: usize,
    ) -> vae_status;
    pub fn vae_model_memory(
        model: *const vae_model,
        parameter_bytes: *mut u64,
        workspace_bytes: *mut u64,
    ) -> vae_status;
    pub fn vae_model_plan(model: *const vae_model, buffer: *mut c_char, size: usize, length: *mut usize) -> vae_status;
    pub fn vae_optimizer_create(
        model: *mut vae_model,
        options: *const c_char,
        out: *mut *mut vae_optimizer,
    ) -> vae_status;
    pub fn vae_optimizer_set(optimizer: *mut vae_optimizer, options: *const c_char) -> vae_status;
    pub fn vae_optimizer_destroy(optimizer: *mut vae_optimizer);
    pub fn vae_optimizer_steps(optimizer: *const vae_optimizer) -> u64;
    pub fn vae_optimizer_options(optimizer: *const vae_optimizer) -> *const c_char;
    pub fn vae_optimizer_memory(
        optimizer: *const vae_optimizer,
        state_bytes: *mut u64,
        workspace_bytes: *mut u64,
    ) -> vae_status;
    pub fn vae_optimizer_plan(
        optimizer: *const vae_optimizer,
        buffer: *mut c_char,
        size: usize,
        length: *mut usize,
    ) -> vae_status;
    pub fn vae_step(
        model: *mut vae_model,
        optimizer: *mut vae_optimizer,
        dataset: *mut vae_dataset,
        report: *mut vae_step_report,
    ) -> vae_status;
    pub fn vae_step_rows(
        model: *mut vae_model,
        optimizer: *mut vae_optimizer,
        x: *const f32,
        n: usize,
        width: usize,
        report: *mut vae_step_report,
    ) -> vae_status;
    pub fn vae_train(
        model: *mut vae_model,
        optimizer: *mut vae_optimizer,
        dataset: *mut vae_dataset,
        validation: *const vae_dataset,
        options: *const c_char,
        callback: Option<vae_train_fn>,
        user: *mut c_void,
    ) -> vae_status;
    pub fn vae_checkpoint_save(
        model: *const vae_model,
        optimizer: *const vae_optimizer,
        dataset: *const vae_dataset,
        path: *const c_char,
    ) -> vae_status;
    pub fn vae_checkpoint_load(
        context: *mut vae_context,
        path: *const c_char,
        dataset: *mut vae_dataset,
        model: *mut *mut vae_model,
        optimizer: *mut *mut vae_optimizer,
    ) -> vae_status;
    pub fn vae_encode(
        model: *const vae_model,
        x: *const f32,
        n: usize,
        width: usize,
        mean: *mut f32,
        logvar: *mut f32,
    ) -> vae_status;
    pub fn vae_decode(model: *const vae_model, z: *const f32, n: usize, latent: usize, x_mean: *mut f32) -> vae_status;
    pub fn vae_reconstruct(
        model: *const vae_model,
        x: *const f32,
        n: usize,
        width: usize,
        x_mean: *mut f32,
    ) -> vae_status;
    pub fn vae_elbo(
        model: *const vae_model,
        x: *const f32,
        n: usize,
        width: usize,
        seed: u64,
        elbo: *mut f64,
        reconstruction: *mut f64,
        kl: *mut f64,
    ) -> vae_status;
    pub fn vae_sample(
        model: *const vae_model,
        n: usize,
        seed: u64,
        z: *mut f32,
        x_mean: *mut f32,
        x: *mut f32,
    ) -> vae_status;
    pub fn vae_generate(
        model: *const vae_model,
        n: usize,
        seed: u64,
        options: *const c_char,
        progress: Option<vae_progress_fn>,
        user: *mut c_void,
        z: *mut f32,
        x_mean: *mut f32,
        x: *mut f32,
    ) -> vae_status;
    pub fn vae_log_likelihood(
        model: *const vae_model,
        x: *const f32,
        n: usize,
        width: usize,
        options: *const c_char,
        log_p: *mut f64,
        std_error: *mut f64,
        ess: *mut f64,
    ) -> vae_status;
    pub fn vae_score(
        model: *const vae_model,
        x: *const f32,
        n: usize,
        width: usize,
        options: *const c_char,
        score: *mut f64,
        by_value: *mut f64,
    ) -> vae_status;
    pub fn vae_evaluate(
        model: *const vae_model,
        dataset: *const vae_dataset,
        fitted_on: *const vae_dataset,
        options: *const c_char,
        progress: Option<vae_progress_fn>,
        user: *mut c_void,
        out: *mut *mut vae_evaluation,
    ) -> vae_status;
    pub fn vae_evaluation_destroy(evaluation: *mut vae_evaluation);
    pub fn vae_evaluation_value(evaluation: *const vae_evaluation, name: *const c_char, value: *mut f64) -> vae_status;
    pub fn vae_evaluation_latents(
        evaluation: *const vae_evaluation,
        name: *const c_char,
        values: *mut f64,
        latent: usize,
    ) -> vae_status;
    pub fn vae_evaluation_text(evaluation: *const vae_evaluation) -> *const c_char;
}
