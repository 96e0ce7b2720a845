//! The declarations are those of include/vae.h: each prototype, constant and struct of the header is translated to Rust,
//! and must stand so in src/lib.rs, and nothing else. The constants are also looked up in the library that is linked.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::Path;

fn header() -> String {
    let folder = match env!("VAE_SYS_INCLUDE") {
        "" => "/usr/include",
        folder => folder,
    };
    let path = Path::new(folder).join("vae.h");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some(begin) = rest.find("/*") {
        bare.push_str(&rest[..begin]);
        rest = &rest[begin + rest[begin..].find("*/").expect("the comment ends") + 2..];
    }
    bare + rest
}

/// One blank between words, none beside signs, no comma before a closing parenthesis.
fn squeeze(text: &str) -> String {
    let mut all = String::new();
    for word in text.split_whitespace() {
        let sign = |c: Option<char>| c.map_or(true, |c| !c.is_alphanumeric() && c != '_');
        if !sign(all.chars().last()) && !sign(word.chars().next()) {
            all.push(' ');
        }
        all.push_str(word);
    }
    for sign in ["(", ")", ":", ",", "*", "->", ";", "<", ">"] {
        all = all.replace(&format!("{sign} "), sign).replace(&format!(" {sign}"), sign);
    }
    all.replace(",)", ")")
}

fn rust_type(c: &str) -> String {
    let c = c.trim();
    if let Some(target) = c.strip_suffix('*') {
        let target = target.trim_end();
        return match target.strip_prefix("const ") {
            Some(constant) if !constant.contains('*') => format!("*const {}", rust_type(constant)),
            _ => format!("*mut {}", rust_type(target)),
        };
    }
    let known = match c {
        "char" => "c_char",
        "void" => "c_void",
        "float" => "f32",
        "double" => "f64",
        "size_t" => "usize",
        "int32_t" => "i32",
        "int64_t" => "i64",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        name if name.starts_with("vae_") && name.ends_with("_fn") => return format!("Option<{name}>"),
        name if name.starts_with("vae_") => name,
        name => panic!("a type that has no translation: {name}"),
    };
    known.to_string()
}

/// "const float *x" -> ("x", "*const f32"). A parameter without a name is "void".
fn parameter(c: &str) -> Option<(String, String)> {
    let c = c.trim();
    if c == "void" {
        return None;
    }
    let at = c.rfind(|s: char| !(s.is_alphanumeric() || s == '_')).expect("a type and a name") + 1;
    Some((c[at..].to_string(), rust_type(&c[..at])))
}

fn parameters(c: &str) -> String {
    c.split(',').filter_map(parameter).map(|(name, kind)| format!("{name}:{kind}")).collect::<Vec<_>>().join(",")
}

fn returned(c: &str) -> String {
    match c.trim() {
        "void" => String::new(),
        kind => format!("->{}", rust_type(kind)),
    }
}

/// What the header declares, as Rust.
fn expected(header: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let code: String = header.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
    for statement in code.split(';') {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(function) = statement.find("VAE_API ").map(|at| &statement[at + 8..]) {
            let (head, tail) = function.split_once('(').expect("a function has parameters");
            let at = head.rfind([' ', '*']).expect("a type and a name") + 1;
            let inside = tail.trim_end().strip_suffix(')').expect("parameters end");
            all.insert(squeeze(&format!("pub fn {}({}){}", &head[at..], parameters(inside), returned(&head[..at]))));
        } else if let Some(pointer) = statement.strip_prefix("typedef ").filter(|text| text.contains("(*")) {
            let (kind, rest) = pointer.split_once("(*").expect("a pointer to a function");
            let (name, inside) = rest.split_once(")(").expect("its parameters");
            let inside = inside.strip_suffix(')').expect("parameters end");
            all.insert(squeeze(&format!(
                "pub type {name} = unsafe extern \"C\" fn({}){}",
                parameters(inside),
                returned(kind)
            )));
        }
    }
    for line in header.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if words.len() == 3 && words[0] == "#define" && words[1].starts_with("VAE_") && words[1] != "VAE_API" {
            let value = words[2].trim_matches(|c| c == '(' || c == ')');
            let (kind, value) = match value.strip_suffix('u') {
                Some(value) => ("u32", value),
                None => ("i32", value),
            };
            all.insert(squeeze(&format!("pub const {}: {kind} = {value}", words[1])));
        }
    }
    let report = &code
        [code.find("typedef struct {").expect("the report") + 16..code.find("} vae_step_report").expect("its end")];
    let mut fields = String::new();
    for line in report.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, names) = line.split_once(' ').expect("a type and names");
        for name in names.split(',') {
            fields += &format!("pub {}: {}, ", name.trim(), rust_type(kind));
        }
    }
    all.insert(squeeze(&format!("pub struct vae_step_report {{ {fields} }}")));
    all
}

/// What src/lib.rs declares: functions, types of callbacks, constants and the report.
fn declared() -> BTreeSet<String> {
    let mut code = String::new();
    for line in include_str!("../src/lib.rs").lines() {
        code += line.split("//").next().expect("a line");
        code.push(' ');
    }
    let mut all = BTreeSet::new();
    for (at, _) in code.match_indices("pub ") {
        let rest = &code[at..];
        let end = match &rest[4..] {
            item if item.starts_with("struct vae_step_report") => rest.find('}').expect("its end") + 1,
            item if ["fn ", "const ", "type "].iter().any(|kind| item.starts_with(kind)) => {
                rest.find(';').expect("its end")
            }
            _ => continue,
        };
        all.insert(squeeze(&rest[..end]));
    }
    all.remove(&squeeze("pub type vae_status = i32"));
    all
}

#[test]
fn declarations_are_those_of_the_header() {
    let (expected, declared) = (expected(&header()), declared());
    let missing: Vec<_> = expected.difference(&declared).collect();
    let other: Vec<_> = declared.difference(&expected).collect();
    assert!(missing.is_empty() && other.is_empty(), "in the header:\n{missing:#?}\nin src/lib.rs:\n{other:#?}");
    assert!(expected.len() > 80, "only {} declarations were found", expected.len());
}

#[test]
fn constants_are_those_of_the_library() {
    let mut looked_up = 0;
    for constant in declared().iter().filter_map(|item| item.strip_prefix("pub const ")) {
        let (name, value) = constant.split_once(':').expect("a type");
        let value: i64 = value.split_once('=').expect("a value").1.trim().parse().expect("a number");
        let mut found = 0;
        let text = CString::new(name).expect("a name without a 0 byte");
        // SAFETY: the text ends in 0 and `found` is written to.
        let status = unsafe { vae_sys::vae_constant(text.as_ptr(), &mut found) };
        assert_eq!((status, found), (vae_sys::VAE_OK, value), "{name}");
        looked_up += 1;
    }
    assert!(looked_up > 15);
    // SAFETY: no arguments.
    let version = unsafe { vae_sys::vae_version_number() };
    assert_eq!(version >> 16, vae_sys::VAE_VERSION_MAJOR as u32);
}
