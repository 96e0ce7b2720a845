//! Trains a small model on points near a curve: `cargo run --example train`.

use std::ops::ControlFlow;

fn main() -> Result<(), vae::Error> {
    println!("{}", vae::build_info());
    let rows: Vec<f32> =
        (0..1000).map(|i| 2.0 * i as f32 / 1000.0 - 1.0).flat_map(|t| [t, t * t, (3.0 * t).sin()]).collect();
    let mut data = vae::Dataset::borrow(None, &rows, 3, "batch=50")?;
    let mut model = vae::Model::new(
        None,
        "input=3 latent=2 likelihood=gaussian encoder=[dense 16, tanh] decoder=[dense 16, tanh]",
    )?;
    model.initialize(&data)?;
    let mut optimizer = vae::Optimizer::new(&mut model, "adam lr=1e-2")?;
    model.train(&mut optimizer, &mut data, None, "epochs=10", |now| {
        if now.kind == vae::EventKind::Epoch {
            println!("epoch {}: ELBO {:.3}", now.train.epoch, now.train.elbo);
        }
        ControlFlow::Continue(())
    })?;
    println!("a draw: {:?}", model.sample(1, 1)?.x);
    Ok(())
}
