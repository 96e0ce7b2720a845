use std::ffi::{c_void, CStr};
use std::os::raw::c_char;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use vae_sys as sys;

use crate::callback::guarded;
use crate::error::{check, Result};
use crate::text::c_text;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLevel {
    /// Something is probably not as it was meant.
    Warning,
    /// Something that may be good to know.
    Info,
}

/// Where a context takes its memory from.
///
/// # Safety
/// `allocate` returns NULL or a block of at least `size` bytes, aligned as malloc's, that nothing else uses until it is
/// given to `free`.
pub unsafe trait Allocator: Send + Sync + 'static {
    /// A block, or NULL. A panic is NULL, too.
    fn allocate(&self, size: usize) -> *mut u8;

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` comes from `allocate` of the same allocator and was not given back before.
    unsafe fn free(&self, block: *mut u8);
}

type Log = dyn Fn(LogLevel, &str) + Send + Sync;

#[derive(Default)]
struct Hooks {
    log: Option<Box<Log>>,
    allocator: Option<Box<dyn Allocator>>,
}

struct Inner {
    raw: NonNull<sys::vae_context>,
    /// C has pointers to it while the context lives.
    _hooks: Arc<Hooks>,
}

// SAFETY: a context may be used from all threads, and the hooks are Send and Sync.
unsafe impl Send for Inner {}
// SAFETY: as above; the log is set before a second thread can know the context.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: destroyed once. Every handle that uses it holds this Inner and is destroyed before, so the hooks outlive it.
        unsafe { sys::vae_context_destroy(self.raw.as_ptr()) }
    }
}

/// Threads, memory limit, allocator and log, shared by the handles that are made with it. A clone is the same context.
/// Where `None` is passed for a context, the handle has one of its own with the defaults.
///
/// ```
/// # fn main() -> Result<(), vae::Error> {
/// let context = vae::Context::builder()
///     .options("threads=2 memory_limit=100M")
///     .log(|level, message| eprintln!("{level:?}: {message}"))
///     .build()?;
/// let model = vae::Model::new(&context, "input=3 latent=2 likelihood=gaussian")?;
/// assert!(context.memory()?.bytes > 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// What a context holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes held now.
    pub bytes: u64,
    /// The most bytes ever held.
    pub peak_bytes: u64,
    /// Allocations made so far.
    pub allocations: u64,
}

/// Options, log and allocator of a context to be made.
#[derive(Default)]
pub struct ContextBuilder {
    options: String,
    hooks: Hooks,
}

impl ContextBuilder {
    /// `threads=`, `memory_limit=`, `simd=`, `blas_threads=`.
    pub fn options(self, options: &str) -> Self {
        ContextBuilder { options: options.into(), ..self }
    }

    /// Where messages that are no errors go. Called on the thread of the call that has something to say; if it panics,
    /// training and evaluation stop, other calls run to their end, and the panic goes on after the call.
    pub fn log(mut self, log: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        self.hooks.log = Some(Box::new(log));
        self
    }

    /// Where every byte that the library holds comes from.
    pub fn allocator(mut self, allocator: impl Allocator) -> Self {
        self.hooks.allocator = Some(Box::new(allocator));
        self
    }

    /// Makes the context.
    pub fn build(self) -> Result<Context> {
        let options = c_text(&self.options)?;
        let hooks = Arc::new(self.hooks);
        let user = Arc::as_ptr(&hooks) as *mut c_void;
        let own = hooks.allocator.is_some();
        let mut raw = ptr::null_mut();
        // SAFETY: `user` are the hooks, which live as long as the context.
        check(unsafe {
            sys::vae_context_create_with_allocator(
                options.as_ptr(),
                if own { Some(allocate) } else { None },
                if own { Some(free) } else { None },
                user,
                &mut raw,
            )
        })?;
        let raw = NonNull::new(raw).expect("a context that was made is not NULL");
        let logs = hooks.log.is_some();
        let context = Context(Arc::new(Inner { raw, _hooks: hooks }));
        if logs {
            // SAFETY: no other thread knows the context.
            check(unsafe { sys::vae_context_set_log(raw.as_ptr(), Some(log), user) })?;
        }
        Ok(context)
    }
}

unsafe extern "C" fn allocate(user: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: `user` are the hooks.
    let hooks = unsafe { &*user.cast::<Hooks>() };
    let allocator = hooks.allocator.as_ref().expect("set before the context was made");
    guarded(|| allocator.allocate(size)).unwrap_or(ptr::null_mut()).cast()
}

unsafe extern "C" fn free(user: *mut c_void, block: *mut c_void) {
    // SAFETY: `user` are the hooks.
    let hooks = unsafe { &*user.cast::<Hooks>() };
    let allocator = hooks.allocator.as_ref().expect("set before the context was made");
    // A panic that is kept must not keep blocks from their owner.
    // SAFETY: C gives each block back once.
    let freed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| unsafe { allocator.free(block.cast()) }));
    if let Err(panic) = freed {
        guarded(|| std::panic::resume_unwind(panic));
    }
}

unsafe extern "C" fn log(user: *mut c_void, level: i32, message: *const c_char) {
    guarded(|| {
        // SAFETY: `user` are the hooks; the message is valid during the call.
        let (hooks, message) = unsafe { (&*user.cast::<Hooks>(), CStr::from_ptr(message)) };
        let level = if level == sys::VAE_LOG_WARNING { LogLevel::Warning } else { LogLevel::Info };
        if let Some(log) = &hooks.log {
            log(level, &message.to_string_lossy());
        }
    });
}

impl Context {
    /// A context that is silent and uses malloc.
    pub fn new(options: &str) -> Result<Context> {
        Context::builder().options(options).build()
    }

    /// For a context with a log or an allocator.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// What the context holds now.
    pub fn memory(&self) -> Result<Memory> {
        let mut memory = Memory { bytes: 0, peak_bytes: 0, allocations: 0 };
        // SAFETY: the handle lives; the three numbers are written to.
        check(unsafe {
            sys::vae_context_memory(
                self.0.raw.as_ptr(),
                &mut memory.bytes,
                &mut memory.peak_bytes,
                &mut memory.allocations,
            )
        })?;
        Ok(memory)
    }
}

pub(crate) fn raw(context: &Option<Context>) -> *mut sys::vae_context {
    context.as_ref().map_or(ptr::null_mut(), |context| context.0.raw.as_ptr())
}
