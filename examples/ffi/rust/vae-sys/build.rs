//! Finds libvae, or compiles it. In this order:
//!
//! 1. feature `vendored`: `make -f scripts/build.mk archive BLAS=builtin ZLIB=no` in the tree that this crate is part of, or
//!    in that of `VAE_SOURCE`
//! 2. `VAE_LIB_DIR`: the folder of libvae.so or libvae.a; `VAE_INCLUDE`: the folder of vae.h
//! 3. pkg-config

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    for name in ["VAE_LIB_DIR", "VAE_INCLUDE", "VAE_SOURCE", "PKG_CONFIG", "PKG_CONFIG_PATH", "MAKE", "CC", "CFLAGS"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let include = if env::var_os("CARGO_FEATURE_VENDORED").is_some() {
        compile()
    } else if let Some(folder) = env::var_os("VAE_LIB_DIR") {
        println!("cargo:rustc-link-search=native={}", PathBuf::from(folder).display());
        println!("cargo:rustc-link-lib=vae");
        env::var_os("VAE_INCLUDE").map(PathBuf::from)
    } else {
        ask_pkg_config()
    };
    // The test of the declarations reads the header; "" where it is in the compiler's own folders.
    let include = include.unwrap_or_default();
    println!("cargo:rustc-env=VAE_SYS_INCLUDE={}", include.display());
    println!("cargo:include={}", include.display());
}

/// The archive, made in cargo's folder for this build.
fn compile() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let source = env::var_os("VAE_SOURCE").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR")).join("../../../..")
    });
    for part in ["src", "include", "scripts/build.mk"] {
        println!("cargo:rerun-if-changed={}", source.join(part).display());
    }
    let make = env::var_os("MAKE").unwrap_or_else(|| "make".into());
    let mut command = Command::new(make);
    command
        .current_dir(&source)
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .env_remove("MAKELEVEL")
        .arg(format!("-j{}", env::var("NUM_JOBS").unwrap_or_else(|_| "1".into())))
        .args(["-f", "scripts/build.mk", "archive", "BLAS=builtin", "ZLIB=no"])
        .arg(format!("OUT={}", out.display()));
    let said =
        run(&mut command).unwrap_or_else(|why| panic!("libvae could not be compiled in {}: {why}", source.display()));
    assert!(out.join("libvae.a").is_file(), "make wrote no {}: {said}", out.join("libvae.a").display());
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=vae");
    println!("cargo:rustc-link-lib=m");
    println!("cargo:rustc-link-lib=pthread"); // part of libc since glibc 2.34
    Some(source.join("include"))
}

fn ask_pkg_config() -> Option<PathBuf> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let ask = |what: &str| run(Command::new(&program).args([what, "vae >= 0.2"]));
    let libraries = ask("--libs").unwrap_or_else(|why| {
        panic!(
            "libvae was not found by pkg-config: {why}\ninstall it (make install), name the folders of a tree that was \
             built in VAE_LIB_DIR and VAE_INCLUDE, or compile its sources with the feature `vendored`"
        )
    });
    for word in words(&libraries) {
        if let Some(folder) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(name) = word.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={name}");
        }
    }
    let folder = run(Command::new(&program).args(["--variable=includedir", "vae"])).ok()?;
    Some(PathBuf::from(folder.trim()))
}

/// Words of a line of pkg-config, where a backslash stands before a blank in a path.
fn words(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut signs = line.trim().chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => all.last_mut().expect("never empty").extend(signs.next()),
            ' ' => all.push(String::new()),
            _ => all.last_mut().expect("never empty").push(sign),
        }
    }
    all
}

/// What a program that succeeds writes, or why it did not.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stdout) + &text(&output.stderr))
    }
}
