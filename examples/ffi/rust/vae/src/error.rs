use std::ffi::CStr;
use std::fmt;
use std::ptr::NonNull;

use crate::callback;
use crate::optimizer::StepReport;

/// What a function that can fail returns.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! statuses {
    ($($(#[$about:meta])* $name:ident = $constant:ident,)*) => {
        /// Why a call failed: the constants `VAE_ERROR_...`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$about])* $name,)*
            /// A status that a later version of the library has.
            Other(i32),
        }

        impl Status {
            /// The number that C knows it by.
            pub fn code(self) -> i32 {
                match self {
                    $(Status::$name => vae_sys::$constant,)*
                    Status::Other(code) => code,
                }
            }

            fn from_code(code: i32) -> Status {
                match code {
                    $(vae_sys::$constant => Status::$name,)*
                    other => Status::Other(other),
                }
            }
        }
    };
}

statuses! {
    /// A number out of range, or a call at a wrong time.
    Argument = VAE_ERROR_ARGUMENT,
    /// Rows are not as wide as the model, data set or latent.
    Width = VAE_ERROR_WIDTH,
    /// NaN, infinity or a value outside the likelihood's support.
    Data = VAE_ERROR_DATA,
    /// Handles of different models.
    Mismatch = VAE_ERROR_MISMATCH,
    /// Unknown, malformed or contradictory spec or options.
    Text = VAE_ERROR_TEXT,
    /// A file cannot be opened, read or written.
    File = VAE_ERROR_FILE,
    /// A file was read but is not what it should be.
    Format = VAE_ERROR_FORMAT,
    /// The context's `memory_limit` would be exceeded.
    Limit = VAE_ERROR_LIMIT,
    /// No memory.
    Memory = VAE_ERROR_MEMORY,
    /// A row's ELBO, a gradient or an update is not finite.
    Diverged = VAE_ERROR_DIVERGED,
    /// No answer for this model, or not in this build.
    Unsupported = VAE_ERROR_UNSUPPORTED,
    /// A defect in the library.
    Internal = VAE_ERROR_INTERNAL,
}

impl Status {
    /// The constant's name, e.g. "VAE_ERROR_TEXT".
    pub fn name(self) -> &'static str {
        // SAFETY: static texts that are never NULL.
        unsafe { crate::text::borrowed(vae_sys::vae_status_name(self.code())) }
    }
}

/// A failed call: its status, and a message that says what was expected and what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    status: Status,
    message: String,
    report: Option<Box<StepReport>>,
}

impl Error {
    pub(crate) fn new(status: Status, message: String) -> Error {
        Error { status, message, report: None }
    }

    pub(crate) fn with_report(self, report: StepReport) -> Error {
        Error { report: Some(Box::new(report)), ..self }
    }

    /// The kind of failure.
    pub fn status(&self) -> Status {
        self.status
    }

    /// One line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Of a training step that was refused: what is known of its batch, which is consumed.
    pub fn report(&self) -> Option<&StepReport> {
        self.report.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The end of every call of C that can fail: goes on with a callback's panic, or takes the message of this thread's failure.
/// Gives back the status, which is `VAE_OK` or `VAE_STOPPED`.
pub(crate) fn check(status: i32) -> Result<i32> {
    callback::resume();
    if status >= 0 {
        return Ok(status);
    }
    // SAFETY: a text that is never NULL, copied before this thread's next call.
    let message = unsafe { CStr::from_ptr(vae_sys::vae_last_error()) };
    Err(Error::new(Status::from_code(status), message.to_string_lossy().into_owned()))
}

/// The end of a call that makes a handle: what was made is owned before a panic goes on, so that it is not lost.
pub(crate) fn made<H, T>(status: i32, handle: *mut H, own: impl FnOnce(NonNull<H>) -> T) -> Result<T> {
    let owned = NonNull::new(handle).map(own);
    check(status)?;
    Ok(owned.expect("a handle that was made is not NULL"))
}
