//! A program of another workspace that uses the crate: trains in one thread, draws in two.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<f64> = (0..600).map(|i| (i as f64 * 0.1).sin()).collect();
    let context = vae::Context::new("threads=2")?;
    let mut data = vae::Dataset::borrow(&context, &rows, 3, "batch=20")?;
    let mut model = vae::Model::new(&context, "input=3 latent=1 likelihood=gaussian")?;
    model.initialize(&data)?;
    let mut optimizer = vae::Optimizer::new(&mut model, "adam lr=1e-2")?;
    model.train(&mut optimizer, &mut data, None, "epochs=2", vae::go_on)?;
    assert_eq!(optimizer.steps(), 20);
    let model = std::sync::Arc::new(model);
    let drawn: Vec<_> = (0..2)
        .map(|_| {
            let model = model.clone();
            std::thread::spawn(move || model.sample(10, 1))
        })
        .map(|thread| thread.join().expect("no panic"))
        .collect::<Result<_, _>>()?;
    assert_eq!(drawn[0].x, drawn[1].x);
    println!("{}", vae::build_info());
    Ok(())
}
