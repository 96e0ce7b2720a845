//! Panics on their way around C: caught in the callback, kept for the thread, resumed when the call has returned.

use std::any::Any;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

thread_local! {
    static PANIC: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

/// What the callback says, or None if it panicked now or before in this call.
pub(crate) fn guarded<T>(callback: impl FnOnce() -> T) -> Option<T> {
    if PANIC.with(|kept| kept.borrow().is_some()) {
        return None;
    }
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(value) => Some(value),
        Err(panic) => {
            PANIC.with(|kept| *kept.borrow_mut() = Some(panic));
            None
        }
    }
}

pub(crate) fn resume() {
    if let Some(panic) = PANIC.with(|kept| kept.borrow_mut().take()) {
        resume_unwind(panic);
    }
}

/// Whether C shall stop.
pub(crate) fn stop(said: Option<ControlFlow<()>>) -> i32 {
    i32::from(said != Some(ControlFlow::Continue(())))
}

/// The callback that asks for nothing: for [`Model::train`](crate::Model::train).
pub fn go_on(_: &crate::Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
