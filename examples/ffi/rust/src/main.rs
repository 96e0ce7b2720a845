//! Trains a small model on points near a curve.
//!
//!     RUSTFLAGS=-L/path/to/lib LD_LIBRARY_PATH=/path/to/lib cargo run

mod vae;

const ROWS: usize = 1000;
const WIDTH: usize = 3;

fn main() -> Result<(), vae::Error> {
    println!("{}", vae::build_info());
    let mut x = Vec::with_capacity(ROWS * WIDTH);
    for i in 0..ROWS {
        let t = 2.0 * i as f32 / ROWS as f32 - 1.0;
        x.extend([t, t * t, (3.0 * t).sin()]);
    }
    let spec = "input=3 latent=2 likelihood=gaussian encoder=[dense 16, tanh] decoder=[dense 16, tanh]";
    let mut data = vae::Dataset::new(&x, WIDTH, "batch=50")?;
    let mut model = vae::Model::new(spec)?;
    let mut optimizer = vae::Optimizer::new(&mut model, "adam lr=1e-2")?;

    let first = optimizer.step(&mut model, &mut data)?;
    let mut last = first;
    for _ in 1..200 {
        last = optimizer.step(&mut model, &mut data)?;
    }
    println!("ELBO of a batch: {:.3} at step {}, {:.3} at step {}", first.elbo, first.step, last.elbo, last.step);
    assert_eq!((last.step, last.rows), (200, 50));
    assert!(last.elbo > first.elbo);

    model.set_metadata("example.columns", Some("t, t², sin 3t"))?;
    model.set_metadata("example.draft", Some("yes"))?;
    model.set_metadata("example.draft", None)?;
    assert!(model.set_metadata("spec", Some("")).is_err());

    let path = std::env::temp_dir().join(format!("vae-example-{}", std::process::id()));
    let name = path.to_str().expect("a folder with a UTF-8 name");
    vae::save_checkpoint(&model, &optimizer, &data, name)?;
    let mut again = vae::Dataset::new(&x, WIDTH, "batch=50")?;
    let (mut resumed, mut its_optimizer) = vae::load_checkpoint(name, &mut again)?;
    std::fs::remove_file(&path).expect("the checkpoint is there");
    assert_eq!(resumed.metadata_keys(), ["example.columns"]);
    assert_eq!(resumed.metadata("example.columns").as_deref(), Some("t, t², sin 3t"));
    assert_eq!(resumed.metadata("none"), None);
    for _ in 0..30 {
        last = optimizer.step(&mut model, &mut data)?;
        let anew = its_optimizer.step(&mut resumed, &mut again)?;
        assert_eq!(last.objective.to_bits(), anew.objective.to_bits());
    }
    println!("resumed, and 30 steps on the same, bit for bit");

    let (mean, logvar) = model.encode(&x[..2 * WIDTH], WIDTH)?;
    assert!(mean.len() == 4 && mean.iter().chain(&logvar).all(|value| value.is_finite()));

    let error = vae::Model::new("input=3 latent=0 likelihood=gaussian").err().expect("latent=0 is refused");
    println!("as it should, a latent of no width fails: {} (status {})", error.message, error.status);
    Ok(())
}
