//! The safe types against the library that is linked.

#![deny(unsafe_op_in_unsafe_fn)]

use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use vae::{Context, Dataset, EventKind, LogLevel, Model, Optimizer, Outcome, Status};

const SPEC: &str = "input=3 latent=2 likelihood=gaussian encoder=[dense 16, tanh] decoder=[dense 16, tanh]";

fn curve(n: usize) -> Vec<f32> {
    (0..n).map(|i| 2.0 * i as f32 / n as f32 - 1.0).flat_map(|t| [t, t * t, (3.0 * t).sin()]).collect()
}

fn status<T>(result: vae::Result<T>) -> Status {
    let error = result.err().expect("the call fails");
    assert!(!error.message().is_empty());
    error.status()
}

#[test]
fn lengths_are_checked() {
    let model = Model::new(None, SPEC).unwrap();
    assert_eq!(status(Dataset::copy(None, &[0f32; 7], 3, "")), Status::Width);
    assert_eq!(status(Dataset::borrow(None, &[0f64; 7], 3, "")), Status::Width);
    assert_eq!(status(Dataset::copy(None, &[0u8; 7], 0, "")), Status::Width);
    assert_eq!(status(Dataset::copy::<f32>(None, &[], 3, "")), Status::Argument);
    assert_eq!(status(model.encode(&[0.0; 7])), Status::Width);
    assert_eq!(status(model.decode(&[0.0; 7])), Status::Width);
    assert_eq!(status(model.elbo(&[0.0; 7], 1)), Status::Width);
    assert_eq!(status(model.sample(usize::MAX, 1)), Status::Memory);
    assert_eq!(status(model.parameter("encoder.0.bias", 7)), Status::Width);
    let data = Dataset::copy(None, &curve(10), 3, "").unwrap();
    assert_eq!(status(data.read(5..11)), Status::Argument);
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = 5..4;
    assert_eq!(status(data.read(reversed)), Status::Argument);
    assert_eq!(model.encode(&[]).unwrap().mean.len(), 0);
}

#[test]
fn type_and_copy_are_not_texts() {
    let rows = curve(10);
    for options in ["dtype=float64", "copy=0", "batch=2 copy=1", "# no\ndtype=uint8", "\tcopy=0"] {
        assert_eq!(status(Dataset::copy(None, &rows, 3, options)), Status::Text, "{options}");
        assert_eq!(status(Dataset::borrow(None, &rows, 3, options)), Status::Text, "{options}");
    }
    assert_eq!(status(Dataset::copy(None, &rows, 3, "batch=2\0")), Status::Text);
    assert_eq!(status(Model::new(None, "input=3 latent=0 likelihood=gaussian")), Status::Text);
}

#[test]
fn values_of_each_type_are_read() {
    let floats = Dataset::borrow(None, &[0.25f32, 0.5, 1.0], 3, "").unwrap().read(0..1).unwrap();
    let doubles = Dataset::copy(None, &[0.25f64, 0.5, 1.0], 3, "").unwrap().read(0..1).unwrap();
    let bytes = Dataset::copy(None, &[0u8, 51, 255], 3, "").unwrap();
    assert_eq!((floats.as_slice(), doubles.as_slice()), (&[0.25, 0.5, 1.0][..], &[0.25, 0.5, 1.0][..]));
    assert_eq!(bytes.read(0..1).unwrap(), [0.0, 0.2, 1.0]);
    assert_eq!(bytes.scaling(0).unwrap().range, 255.0);
    assert_eq!((bytes.shape().unwrap(), bytes.size(), bytes.width()), (vec![3], 1, 3));
    assert_eq!((bytes.row_number(0), bytes.row_number(1), bytes.column_name(0).as_ref()), (Some(0), None, ""));
    assert_eq!(status(bytes.read_labels(0..1)), Status::Unsupported);
    let sprites = Dataset::open(None, "sprites:20", "batch=5").unwrap();
    assert_eq!((sprites.shape().unwrap(), sprites.batch(), sprites.label_width()), (vec![1, 32, 32], 5, 5));
    assert_eq!(sprites.read_labels(0..20).unwrap().len(), 100);
    assert!(sprites.spec().unwrap().starts_with("input=1x32x32 likelihood=bernoulli"));
}

#[test]
fn training_resumes_bit_for_bit() {
    let rows = curve(1000);
    let mut data = Dataset::borrow(None, &rows, 3, "batch=50").unwrap();
    let mut model = Model::new(None, SPEC).unwrap();
    model.initialize(&data).unwrap();
    let mut optimizer = Optimizer::new(&mut model, "adam lr=1e-2").unwrap();
    let first = model.step(&mut optimizer, &mut data).unwrap();
    let mut last = first;
    for _ in 1..200 {
        last = model.step(&mut optimizer, &mut data).unwrap();
    }
    assert_eq!((last.step, last.rows, last.epoch, last.epoch_end), (200, 50, 10, true));
    assert!(last.elbo > first.elbo);

    model.set_metadata("example.columns", Some("t, t², sin 3t")).unwrap();
    model.set_metadata("example.draft", Some("yes")).unwrap();
    model.set_metadata("example.draft", None).unwrap();
    assert_eq!(status(model.set_metadata("spec", Some(""))), Status::Argument);
    let path = std::env::temp_dir().join(format!("vae-rust-{}", std::process::id()));
    vae::save_checkpoint(&model, &optimizer, Some(&data), &path).unwrap();
    let mut again = Dataset::copy(None, &rows, 3, "batch=50").unwrap();
    let (mut resumed, mut its) = vae::load_checkpoint(None, &path, Some(&mut again)).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(resumed.metadata_keys().collect::<Vec<_>>(), ["example.columns"]);
    assert_eq!(resumed.metadata("example.columns").as_deref(), Some("t, t², sin 3t"));
    assert_eq!(resumed.metadata("none"), None);
    for _ in 0..30 {
        let one = model.step(&mut optimizer, &mut data).unwrap();
        let other = resumed.step(&mut its, &mut again).unwrap();
        assert_eq!(one.objective.to_bits(), other.objective.to_bits());
    }

    let copy = Model::from_bytes(None, &model.to_bytes().unwrap()).unwrap();
    assert_eq!(copy.encode(&rows[..6]), model.try_clone().unwrap().encode(&rows[..6]));
    assert_eq!(copy.spec(), model.spec());
    assert_eq!(status(copy.try_clone().unwrap().step(&mut optimizer, &mut data)), Status::Mismatch);
    assert_eq!(status(model.step_rows(&mut optimizer, &[])), Status::Argument);

    optimizer.set("lr=1e-3").unwrap();
    assert!(optimizer.options().contains("lr=0.001") && optimizer.steps() == 230);
    assert!(optimizer.plan().unwrap().starts_with("train") && optimizer.memory().unwrap().state_bytes > 0);
    let error = model.step_rows(&mut optimizer, &[0.0, f32::NAN, 0.0]).unwrap_err();
    assert!(error.status() == Status::Data && error.report().unwrap().refused);
}

#[test]
fn every_question_has_an_answer() {
    let rows = curve(50);
    let mut model = Model::new(None, SPEC).unwrap();
    assert_eq!((model.width(), model.latent(), model.sigma().unwrap().len()), (3, 2, 3));
    assert_eq!(model.parameter_name(0), Some("encoder.0.weight"));
    assert_eq!(model.parameter_shape(0).unwrap(), [16, 3]);
    assert_eq!(model.parameter_name(model.parameter_count()), None);
    assert!(model.parameter_total() > 48 && model.memory().unwrap().parameter_bytes > 0);
    model.set_parameter("encoder.0.weight", &[0.5; 48]).unwrap();
    assert_eq!(model.parameter("encoder.0.weight", 48).unwrap(), [0.5; 48]);
    assert_eq!(model.reconstruct(&rows).unwrap().len(), 150);
    assert_eq!(model.decode(&model.encode(&rows).unwrap().mean).unwrap(), model.reconstruct(&rows).unwrap());
    let elbo = model.elbo(&rows, 1).unwrap();
    assert!((elbo.reconstruction[7] - elbo.kl[7] - elbo.elbo[7]).abs() < 1e-9);
    assert_eq!(model.log_likelihood(&rows, "samples=20").unwrap().ess.len(), 50);
    let score = model.score(&rows, "").unwrap();
    assert_eq!((score.score.len(), score.by_value.len()), (50, 150));
    assert_eq!(model.sample(4, 1).unwrap().z[..4], model.sample(2, 1).unwrap().z[..]);
    assert!(model.plan().unwrap().contains("encode"));
    let data = Dataset::copy(None, &rows, 3, "").unwrap();
    let evaluation = model.evaluate(&data, None, "samples=5", |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    drop(data);
    assert_eq!(evaluation.value("rows").unwrap(), 50.0);
    assert_eq!(evaluation.latents("kl").unwrap().len(), 2);
    assert_eq!(status(evaluation.value("bits_per_dim")), Status::Unsupported);
    assert!(!evaluation.text().is_empty());
    assert_eq!((vae::constant("VAE_ERROR_TEXT").unwrap(), Status::Text.name()), (-5, "VAE_ERROR_TEXT"));
    assert_eq!(status(vae::constant("VAE_NONE")), Status::Argument);
    assert!(vae::build_info().starts_with("libvae") && vae::version().0 == 0);
}

#[test]
fn priors_are_those_of_c() {
    let rows = curve(100);
    let data = Dataset::copy(None, &rows, 3, "").unwrap();
    let mut model = Model::new(None, SPEC).unwrap();
    let optimizer_model = model.try_clone().unwrap();
    assert_eq!(status(model.fit_prior(&data, "", |_, _| ControlFlow::Continue(()))), Status::Unsupported);
    model.set_prior("mixture:3 prior_covariance=full").unwrap();
    let mut last = (0, 0);
    let ended = model.fit_prior(&data, "iterations=4", |done, total| {
        last = (done, total);
        ControlFlow::Continue(())
    });
    assert!(ended.unwrap() && last == (500, 500));
    // The same calls of C.
    let bytes = optimizer_model.to_bytes().unwrap();
    let fitted = unsafe {
        use vae_sys as sys;
        let (mut raw, mut set) = (std::ptr::null_mut(), std::ptr::null_mut());
        let none = std::ptr::null_mut();
        assert_eq!(sys::vae_model_load_memory(none, bytes.as_ptr().cast(), bytes.len(), &mut raw), 0);
        assert_eq!(sys::vae_dataset_from_memory(none, rows.as_ptr().cast(), 100, 3, std::ptr::null(), &mut set), 0);
        let text = std::ffi::CString::new("mixture:3 prior_covariance=full").unwrap();
        assert_eq!(sys::vae_model_set_prior(raw, text.as_ptr()), 0);
        let options = std::ffi::CString::new("iterations=4").unwrap();
        assert_eq!(sys::vae_model_fit_prior(raw, set, options.as_ptr(), None, std::ptr::null_mut()), 0);
        let (name, mut values) = (std::ffi::CString::new("prior.mean").unwrap(), vec![0f32; 6]);
        assert_eq!(sys::vae_model_parameter_get(raw, name.as_ptr(), values.as_mut_ptr(), 6), 0);
        sys::vae_dataset_destroy(set);
        sys::vae_model_destroy(raw);
        values
    };
    assert_eq!(model.parameter("prior.mean", 6).unwrap(), fitted);
    let made = model.generate(9, 5, "temperature=0.5", |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    let plain = model.generate(9, 5, "", |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    assert!(plain.x == model.sample(9, 5).unwrap().x && made.z != plain.z);
    assert!(model.generate(9, 5, "", |_, _| ControlFlow::Break(())).unwrap().is_none());
    assert!(!model.fit_prior(&data, "seed=3", |_, _| ControlFlow::Break(())).unwrap());
    assert_eq!(model.parameter("prior.mean", 6).unwrap(), fitted);
    let mut optimizer = Optimizer::new(&mut model, "train=prior").unwrap();
    model.step_rows(&mut optimizer, &rows).unwrap();
    model.set_prior("normal").unwrap();
    assert_eq!(status(model.step_rows(&mut optimizer, &rows)), Status::Mismatch);
}

#[test]
fn callbacks_stop_and_panic() {
    let rows = curve(100);
    let mut data = Dataset::borrow(None, &rows, 3, "batch=50").unwrap();
    let held = Dataset::copy(None, &rows, 3, "").unwrap();
    let mut model = Model::new(None, SPEC).unwrap();
    let mut optimizer = Optimizer::new(&mut model, "").unwrap();
    let mut seen = Vec::new();
    let outcome = model
        .train(&mut optimizer, &mut data, Some(&held), "epochs=2", |now| {
            seen.push((now.kind, now.validation.is_some(), now.optimizer.steps(), now.data.position()));
            now.model.encode(&rows[..3]).unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((outcome, seen.len()), (Outcome::Finished, 6));
    assert_eq!(seen[2], (EventKind::Epoch, true, 2, 0));

    let caught = catch_unwind(AssertUnwindSafe(|| {
        model.train(&mut optimizer, &mut data, None, "epochs=9", |_| panic!("in training"))
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in training"));
    assert_eq!(optimizer.steps(), 5);
    let caught = catch_unwind(AssertUnwindSafe(|| model.evaluate(&held, None, "", |_, _| panic!("in evaluation"))));
    assert_eq!(caught.err().unwrap().downcast_ref(), Some(&"in evaluation"));
    assert!(model.evaluate(&held, None, "", |_, _| ControlFlow::Break(())).unwrap().is_none());
    model.step(&mut optimizer, &mut data).unwrap();
}

struct Counting(Arc<AtomicUsize>);

// SAFETY: blocks of 64 bytes more than asked for from the system's allocator, which hold their size.
unsafe impl vae::Allocator for Counting {
    fn allocate(&self, size: usize) -> *mut u8 {
        let layout = std::alloc::Layout::from_size_align(size + 64, 64).unwrap();
        // SAFETY: the size is not 0.
        unsafe {
            let block = std::alloc::alloc(layout);
            assert!(!block.is_null());
            block.cast::<usize>().write(size);
            self.0.fetch_add(1, Ordering::SeqCst);
            block.add(64)
        }
    }

    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: a block of `allocate`.
        unsafe {
            let block = block.sub(64);
            let size = block.cast::<usize>().read();
            std::alloc::dealloc(block, std::alloc::Layout::from_size_align(size + 64, 64).unwrap());
        }
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_context_outlives_what_needs_it() {
    let held = Arc::new(AtomicUsize::new(0));
    let said = Arc::new(Mutex::new(Vec::new()));
    let lines = said.clone();
    let context = Context::builder()
        .options("threads=2")
        .allocator(Counting(held.clone()))
        .log(move |level, message| lines.lock().unwrap().push((level, message.to_string())))
        .build()
        .unwrap();
    let data = Dataset::copy(&context, &curve(100), 3, "").unwrap();
    let mut model = Model::new(&context, SPEC).unwrap();
    let mut optimizer = Optimizer::new(&mut model, "lr=1e-2").unwrap();
    assert!(held.load(Ordering::SeqCst) > 0 && context.memory().unwrap().allocations > 0);
    drop(context);
    drop(model);
    optimizer.set("schedule=cosine steps=1 from=start").unwrap();
    let other = std::thread::spawn(move || drop(data));
    other.join().unwrap();
    drop(optimizer);
    assert_eq!(held.load(Ordering::SeqCst), 0);
    said.lock().unwrap().clear();

    assert_eq!(status(Context::new("threads=0")), Status::Text);
    let small = Context::new("memory_limit=100K").unwrap();
    assert_eq!(status(Dataset::open(&small, "sprites:10000", "")), Status::Limit);
}

#[test]
fn a_panic_of_the_log_goes_on_after_the_call() {
    let context = Context::builder().log(|level, _| assert!(level != LogLevel::Warning, "a warning")).build().unwrap();
    let constant = Dataset::copy(&context, &[1f32, 2.0, 1.0, 3.0, 1.0, 4.0], 2, "").unwrap();
    let mut model = Model::new(&context, "input=2 latent=1 likelihood=gaussian standardize=1").unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| model.initialize(&constant))).is_err());
    assert_eq!(model.encode(&[1.0, 2.0]).unwrap().mean.len(), 1);
}

#[test]
fn handles_go_between_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Context>();
    sync::<Context>();
    send::<Model>();
    sync::<Model>();
    send::<Dataset>();
    send::<Optimizer>();
    send::<vae::Evaluation>();
    send::<vae::Error>();
}
