use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::Path;
use std::ptr::{self, NonNull};

use vae_sys as sys;

use crate::context::{raw, Context};
use crate::error::{check, made, Error, Result, Status};
use crate::text;

mod sealed {
    pub trait Value: Copy + Sync + 'static {
        const DTYPE: &'static str;
    }
}

/// The types of values that rows in memory may have: `f32`, `f64`, and `u8`, which becomes 0 to 1 unless `scale=` says
/// otherwise.
pub trait Value: sealed::Value {}

macro_rules! values {
    ($($name:ident $dtype:literal,)*) => {$(
        impl sealed::Value for $name {
            const DTYPE: &'static str = $dtype;
        }
        impl Value for $name {}
    )*};
}

values! { f32 "float32", f64 "float64", u8 "uint8", }

/// Rows, and a training cursor. `'rows` is how long borrowed rows live; a data set that owns its rows is
/// `Dataset<'static>`.
///
/// Rows that are borrowed must outlive it:
///
/// ```compile_fail,E0597
/// let data = {
///     let rows = vec![0.5f32; 30];
///     vae::Dataset::borrow(None, &rows, 3, "").unwrap()
/// };
/// println!("{}", data.size());
/// ```
///
/// and cannot change while they are:
///
/// ```compile_fail,E0502
/// let mut rows = vec![0.5f32; 30];
/// let data = vae::Dataset::borrow(None, &rows, 3, "").unwrap();
/// rows[0] = 1.0;
/// println!("{}", data.size());
/// ```
///
/// Other types of values are none that C knows:
///
/// ```compile_fail,E0277
/// vae::Dataset::copy(None, &[1i32, 2, 3], 3, "").unwrap();
/// ```
///
/// One thread at a time uses it:
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<vae::Dataset>();
/// ```
pub struct Dataset<'rows> {
    pub(crate) raw: NonNull<sys::vae_dataset>,
    pub(crate) context: Option<Context>,
    rows: PhantomData<&'rows [u8]>,
}

// SAFETY: a data set is used by one thread at a time, no matter which; borrowed rows are Sync.
unsafe impl Send for Dataset<'_> {}

/// How stored values become what a model sees: (stored - offset) / range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// What is subtracted.
    pub offset: f64,
    /// What is divided by.
    pub range: f64,
}

impl Dataset<'static> {
    /// A file (IDX, NPY, CSV, each also compressed), "sprites:COUNT" or "toy:ring:COUNT".
    pub fn open<'c>(
        context: impl Into<Option<&'c Context>>,
        path: impl AsRef<Path>,
        options: &str,
    ) -> Result<Dataset<'static>> {
        let context = context.into().cloned();
        let (path, options) = (text::c_path(path.as_ref())?, text::c_text(options)?);
        let mut handle = ptr::null_mut();
        // SAFETY: the texts end in 0; the handle is written to.
        let status = unsafe { sys::vae_dataset_open(raw(&context), path.as_ptr(), options.as_ptr(), &mut handle) };
        made(status, handle, |raw| Dataset::own(raw, context))
    }

    /// A copy of `rows`, each of `width` values.
    ///
    /// ```
    /// let seven = [0.0f64; 7];
    /// let error = vae::Dataset::copy(None, &seven, 3, "").err().unwrap();
    /// assert_eq!(error.status(), vae::Status::Width);
    /// ```
    pub fn copy<'c, T: Value>(
        context: impl Into<Option<&'c Context>>,
        rows: &[T],
        width: usize,
        options: &str,
    ) -> Result<Dataset<'static>> {
        let context = context.into().cloned();
        // SAFETY: the library copies the rows.
        unsafe { from_memory(context, rows, width, options, 1) }
    }
}

/// # Safety
/// With copy 0 the rows live, unchanged, for `'any`.
unsafe fn from_memory<'any, T: Value>(
    context: Option<Context>,
    rows: &[T],
    width: usize,
    options: &str,
    copy: u8,
) -> Result<Dataset<'any>> {
    let n = text::rows(rows, width)?;
    // They come first: the library refuses a key that is given twice, so that no options can change them.
    let all = text::c_text(&format!("dtype={} copy={copy} {options}", T::DTYPE))?;
    let mut handle = ptr::null_mut();
    // SAFETY: n rows of that width and type; the text ends in 0; the handle is written to.
    let status = unsafe {
        sys::vae_dataset_from_memory(raw(&context), rows.as_ptr().cast(), n, width, all.as_ptr(), &mut handle)
    };
    made(status, handle, |raw| Dataset::own(raw, context)).map_err(|error| match error.status() {
        Status::Text if options.contains("dtype") || options.contains("copy") => Error::new(
            Status::Text,
            format!("{}; dtype= and copy= follow from the type of the rows and from the function", error.message()),
        ),
        _ => error,
    })
}

impl<'rows> Dataset<'rows> {
    /// These `rows` themselves, each of `width` values.
    pub fn borrow<'c, T: Value>(
        context: impl Into<Option<&'c Context>>,
        rows: &'rows [T],
        width: usize,
        options: &str,
    ) -> Result<Dataset<'rows>> {
        let context = context.into().cloned();
        // SAFETY: the rows are borrowed for `'rows`.
        unsafe { from_memory(context, rows, width, options, 0) }
    }

    fn own(raw: NonNull<sys::vae_dataset>, context: Option<Context>) -> Self {
        Dataset { raw, context, rows: PhantomData }
    }

    fn get(&self) -> *const sys::vae_dataset {
        self.raw.as_ptr()
    }

    /// Rows, after the split.
    pub fn size(&self) -> usize {
        // SAFETY: the handle lives, here and in the functions below.
        unsafe { sys::vae_dataset_size(self.get()) }
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        // SAFETY: as in `size`.
        unsafe { sys::vae_dataset_width(self.get()) }
    }

    /// Rows per step.
    pub fn batch(&self) -> usize {
        // SAFETY: as in `size`.
        unsafe { sys::vae_dataset_batch(self.get()) }
    }

    /// Labels per row; 0 if there are none.
    pub fn label_width(&self) -> usize {
        // SAFETY: as in `size`.
        unsafe { sys::vae_dataset_label_width(self.get()) }
    }

    /// Epochs completed.
    pub fn epoch(&self) -> u64 {
        // SAFETY: as in `size`.
        unsafe { sys::vae_dataset_epoch(self.get()) }
    }

    /// Rows consumed of the current epoch.
    pub fn position(&self) -> u64 {
        // SAFETY: as in `size`.
        unsafe { sys::vae_dataset_position(self.get()) }
    }

    /// Shape of a row, outermost first.
    pub fn shape(&self) -> Result<Vec<usize>> {
        // SAFETY: the buffer has the capacity that is said.
        text::shape(|shape, capacity, rank| unsafe { sys::vae_dataset_shape(self.get(), shape, capacity, rank) })
    }

    /// Name of a column in the header of a CSV file; "" where there is none.
    pub fn column_name(&self, column: usize) -> Cow<'_, str> {
        // SAFETY: the text lives as long as the data set.
        unsafe { text::foreign(sys::vae_dataset_column_name(self.get(), column)) }.unwrap_or_default()
    }

    /// The number that a row has in what it came from; None past the last row.
    pub fn row_number(&self, row: usize) -> Option<u64> {
        // SAFETY: as in `size`.
        Some(unsafe { sys::vae_dataset_row_number(self.get(), row) }).filter(|number| *number != u64::MAX)
    }

    /// The part of a spec that suits the rows, with the reason as a comment.
    pub fn spec(&self) -> Result<String> {
        // SAFETY: the buffer has the size that is said.
        text::measured(|buffer, size, length| unsafe { sys::vae_dataset_spec(self.get(), buffer, size, length) })
    }

    /// How the values of a column become what a model sees.
    pub fn scaling(&self, column: usize) -> Result<Scaling> {
        let mut scaling = Scaling { offset: 0.0, range: 1.0 };
        // SAFETY: the two numbers are written to.
        check(unsafe { sys::vae_dataset_scaling(self.get(), column, &mut scaling.offset, &mut scaling.range) })?;
        Ok(scaling)
    }

    /// Rows as a model sees them, in stored order.
    pub fn read(&self, rows: Range<usize>) -> Result<Vec<f32>> {
        let n = self.need(&rows)?;
        let mut x = text::zeros(n, self.width())?;
        // SAFETY: x has n rows of that width.
        check(unsafe { sys::vae_dataset_read(self.get(), rows.start, n, x.as_mut_ptr(), self.width()) })?;
        Ok(x)
    }

    /// The labels of the same rows.
    pub fn read_labels(&self, rows: Range<usize>) -> Result<Vec<f64>> {
        let n = self.need(&rows)?;
        let width = self.label_width();
        let mut labels = text::zeros(n, width)?;
        // SAFETY: labels has n rows of that width.
        check(unsafe { sys::vae_dataset_read_labels(self.get(), rows.start, n, labels.as_mut_ptr(), width) })?;
        Ok(labels)
    }

    fn need(&self, rows: &Range<usize>) -> Result<usize> {
        if rows.start <= rows.end && rows.end <= self.size() {
            return Ok(rows.end - rows.start);
        }
        Err(Error::new(Status::Argument, format!("rows {rows:?} are not within the data set's 0..{}", self.size())))
    }
}

impl Drop for Dataset<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once, before its context and its rows.
        unsafe { sys::vae_dataset_destroy(self.raw.as_ptr()) }
    }
}
