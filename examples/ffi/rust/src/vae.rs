//! libvae from Rust: the declarations that the example needs, and owners that destroy their handles.

use std::ffi::{c_char, c_void, CStr, CString};
use std::ptr;

/// `vae_step_report`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct StepReport {
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

#[link(name = "vae")]
extern "C" {
    fn vae_build_info() -> *const c_char;
    fn vae_last_error() -> *const c_char;
    fn vae_model_create(context: *mut c_void, spec: *const c_char, out: *mut *mut c_void) -> i32;
    fn vae_model_destroy(model: *mut c_void);
    fn vae_model_latent(model: *const c_void) -> usize;
    fn vae_model_set_metadata(model: *mut c_void, key: *const c_char, value: *const c_char) -> i32;
    fn vae_model_metadata(model: *const c_void, key: *const c_char) -> *const c_char;
    fn vae_model_metadata_key(model: *const c_void, index: usize) -> *const c_char;
    fn vae_dataset_from_memory(
        context: *mut c_void,
        rows: *const c_void,
        n: usize,
        width: usize,
        options: *const c_char,
        out: *mut *mut c_void,
    ) -> i32;
    fn vae_dataset_destroy(dataset: *mut c_void);
    fn vae_optimizer_create(model: *mut c_void, options: *const c_char, out: *mut *mut c_void) -> i32;
    fn vae_optimizer_destroy(optimizer: *mut c_void);
    fn vae_step(
        model: *mut c_void,
        optimizer: *mut c_void,
        dataset: *mut c_void,
        report: *mut StepReport,
    ) -> i32;
    fn vae_checkpoint_save(
        model: *const c_void,
        optimizer: *const c_void,
        dataset: *const c_void,
        path: *const c_char,
    ) -> i32;
    fn vae_checkpoint_load(
        context: *mut c_void,
        path: *const c_char,
        dataset: *mut c_void,
        model: *mut *mut c_void,
        optimizer: *mut *mut c_void,
    ) -> i32;
    fn vae_encode(
        model: *const c_void,
        x: *const f32,
        n: usize,
        width: usize,
        mean: *mut f32,
        logvar: *mut f32,
    ) -> i32;
}

/// A failed call: its status and the library's message.
#[derive(Debug)]
pub struct Error {
    pub status: i32,
    pub message: String,
}

/// The library's texts are 0-terminated; this one is not NULL.
fn text(pointer: *const c_char) -> String {
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn check(status: i32) -> Result<(), Error> {
    if status >= 0 {
        return Ok(());
    }
    Err(Error { status, message: text(unsafe { vae_last_error() }) })
}

fn c_text(value: &str) -> CString {
    CString::new(value).expect("text without a 0 byte")
}

pub fn build_info() -> String {
    text(unsafe { vae_build_info() })
}

pub struct Model(*mut c_void);

impl Model {
    pub fn new(spec: &str) -> Result<Model, Error> {
        let mut handle = ptr::null_mut();
        check(unsafe { vae_model_create(ptr::null_mut(), c_text(spec).as_ptr(), &mut handle) })?;
        Ok(Model(handle))
    }

    /// A text that the model's file carries beside its spec; None removes the key.
    pub fn set_metadata(&mut self, key: &str, value: Option<&str>) -> Result<(), Error> {
        let value = value.map(c_text);
        let pointer = value.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        check(unsafe { vae_model_set_metadata(self.0, c_text(key).as_ptr(), pointer) })
    }

    pub fn metadata(&self, key: &str) -> Option<String> {
        let value = unsafe { vae_model_metadata(self.0, c_text(key).as_ptr()) };
        (!value.is_null()).then(|| text(value))
    }

    /// In order.
    pub fn metadata_keys(&self) -> Vec<String> {
        (0..)
            .map(|index| unsafe { vae_model_metadata_key(self.0, index) })
            .take_while(|key| !key.is_null())
            .map(text)
            .collect()
    }

    /// Mean and logvar of q(z|x) for rows of `width` values.
    pub fn encode(&self, x: &[f32], width: usize) -> Result<(Vec<f32>, Vec<f32>), Error> {
        let n = x.len() / width;
        let latent = unsafe { vae_model_latent(self.0) };
        let mut mean = vec![0.0; n * latent];
        let mut logvar = vec![0.0; n * latent];
        check(unsafe {
            vae_encode(self.0, x.as_ptr(), n, width, mean.as_mut_ptr(), logvar.as_mut_ptr())
        })?;
        Ok((mean, logvar))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        unsafe { vae_model_destroy(self.0) }
    }
}

pub struct Dataset(*mut c_void);

impl Dataset {
    /// Copies the rows.
    pub fn new(x: &[f32], width: usize, options: &str) -> Result<Dataset, Error> {
        let mut handle = ptr::null_mut();
        check(unsafe {
            vae_dataset_from_memory(
                ptr::null_mut(),
                x.as_ptr().cast(),
                x.len() / width,
                width,
                c_text(options).as_ptr(),
                &mut handle,
            )
        })?;
        Ok(Dataset(handle))
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        unsafe { vae_dataset_destroy(self.0) }
    }
}

pub struct Optimizer(*mut c_void);

impl Optimizer {
    pub fn new(model: &mut Model, options: &str) -> Result<Optimizer, Error> {
        let mut handle = ptr::null_mut();
        check(unsafe { vae_optimizer_create(model.0, c_text(options).as_ptr(), &mut handle) })?;
        Ok(Optimizer(handle))
    }

    pub fn step(&mut self, model: &mut Model, data: &mut Dataset) -> Result<StepReport, Error> {
        let mut report =
            StepReport { struct_size: std::mem::size_of::<StepReport>() as u32, ..Default::default() };
        check(unsafe { vae_step(model.0, self.0, data.0, &mut report) })?;
        Ok(report)
    }
}

/// Model, optimizer and the data set's cursor into one file.
pub fn save_checkpoint(
    model: &Model,
    optimizer: &Optimizer,
    data: &Dataset,
    path: &str,
) -> Result<(), Error> {
    check(unsafe { vae_checkpoint_save(model.0, optimizer.0, data.0, c_text(path).as_ptr()) })
}

/// Model and optimizer of a checkpoint; sets the cursor of the data set, opened as before.
pub fn load_checkpoint(path: &str, data: &mut Dataset) -> Result<(Model, Optimizer), Error> {
    let mut model = ptr::null_mut();
    let mut optimizer = ptr::null_mut();
    check(unsafe {
        vae_checkpoint_load(ptr::null_mut(), c_text(path).as_ptr(), data.0, &mut model, &mut optimizer)
    })?;
    Ok((Model(model), Optimizer(optimizer)))
}

impl Drop for Optimizer {
    fn drop(&mut self) {
        unsafe { vae_optimizer_destroy(self.0) }
    }
}
