//! Texts and buffers on their way to C and back.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::path::Path;

use crate::error::{check, Error, Result, Status};

pub(crate) fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| {
        Error::new(
            Status::Text,
            format!("a text has a 0 byte at position {}, where C would end it", error.nul_position()),
        )
    })
}

pub(crate) fn c_path(path: &Path) -> Result<CString> {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    #[cfg(not(unix))]
    let bytes = path.to_string_lossy().into_owned().into_bytes();
    CString::new(bytes).map_err(|_| Error::new(Status::File, format!("{}: a path has no 0 byte", path.display())))
}

/// A text of the library's own, which is UTF-8.
///
/// # Safety
/// `pointer` is a text that ends in 0 and lives, unchanged, for `'t`.
pub(crate) unsafe fn borrowed<'t>(pointer: *const c_char) -> &'t str {
    // SAFETY: as this function's own.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap_or("")
}

/// A text that may come from a file. NULL is none.
///
/// # Safety
/// As `borrowed`, or NULL.
pub(crate) unsafe fn foreign<'t>(pointer: *const c_char) -> Option<Cow<'t, str>> {
    // SAFETY: as this function's own.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy())
}

/// The text of a function that takes (buffer, size, length).
pub(crate) fn measured(mut ask: impl FnMut(*mut c_char, usize, *mut usize) -> i32) -> Result<String> {
    let mut length = 0;
    check(ask(std::ptr::null_mut(), 0, &mut length))?;
    let mut bytes: Vec<u8> = zeros(length, 1)?;
    check(ask(bytes.as_mut_ptr().cast(), bytes.len(), &mut length))?;
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How many rows of `width` values there are.
pub(crate) fn rows<T>(values: &[T], width: usize) -> Result<usize> {
    if width == 0 {
        return Err(Error::new(Status::Width, "rows of width 0: a row needs at least one value".into()));
    }
    if values.len() % width != 0 {
        return Err(Error::new(
            Status::Width,
            format!("{} values are no whole number of rows of width {width}", values.len()),
        ));
    }
    Ok(values.len() / width)
}

pub(crate) fn zeros<T: Clone + Default>(n: usize, width: usize) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let size = n.saturating_mul(width);
    all.try_reserve_exact(size)
        .map_err(|_| Error::new(Status::Memory, format!("no memory for {n} rows of width {width}")))?;
    all.resize(size, T::default());
    Ok(all)
}

/// A shape by a function that takes (shape, capacity, rank).
pub(crate) fn shape(mut ask: impl FnMut(*mut usize, usize, *mut usize) -> i32) -> Result<Vec<usize>> {
    let mut rank = 0;
    check(ask(std::ptr::null_mut(), 0, &mut rank))?;
    let mut all = vec![0; rank];
    check(ask(all.as_mut_ptr(), all.len(), &mut rank))?;
    Ok(all)
}
