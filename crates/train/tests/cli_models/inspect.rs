//! `traduko inspect`.

use std::fs;

use crate::program::{Workplace, assert_fails, copy_dir};

#[test]
fn packages_and_runs_are_shown() {
    let workplace = Workplace::new();
    let json = |dir: &str| -> serde_json::Value {
        let outcome = workplace.run(&["inspect", dir, "--json"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(outcome.stdout.matches('\n').count(), 1);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let (package, run) = (json("package"), json("run"));
    assert_eq!((&package["kind"], &run["kind"]), (&"package".into(), &"training run".into()));
    assert_eq!(package["parameters"], run["parameters"]);
    assert_eq!(package["config"], run["config"]);
    let bytes = |shown: &serde_json::Value| shown["weight_bytes"].as_u64().unwrap();
    assert!(bytes(&package) * 2 < bytes(&run), "int8 is much smaller than f32");
    let sum: u64 = package["tensors"].as_array().unwrap().iter().map(|tensor| tensor["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sum, bytes(&package));
    assert_eq!(run["training"]["step"], 40);
    let text = workplace.run(&["inspect", "package"]).stdout;
    for part in
        ["package: package", "languages      en -> fr", "recipe         steps = 40", "config         d_encoder = 12"]
    {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(workplace.run(&["inspect", "run"]).stdout.contains("5.5000 nats a token at step 40"));
}

#[test]
fn damaged_packages_are_named() {
    let workplace = Workplace::new();
    let damage = |name: &str, file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        copy_dir(&workplace.path("package"), &workplace.path(name));
        let path = workplace.path(name).join(file);
        let mut bytes = fs::read(&path).unwrap_or_default();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
        workplace.run(&["inspect", name])
    };
    let outcome = damage("short", "model.safetensors", &|bytes| bytes.truncate(1000));
    assert_fails(&outcome, &["model.safetensors: 1000 bytes found"]);
    let outcome = damage("other", "model.safetensors", &|bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_fails(&outcome, &["model.safetensors: SHA-256"]);
    let outcome = damage("newer", "manifest.json", &|bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\"format_version\": 1", "\"format_version\": 9").into_bytes();
    });
    assert_fails(&outcome, &["format_version: found 9, this version reads 1"]);
    let outcome = damage("more", "weights.bin", &|bytes| bytes.push(0));
    assert_fails(&outcome, &["weights.bin: not a part of a package"]);
    assert_fails(&workplace.run(&["inspect", "nowhere"]), &["nowhere: no model here"]);
    assert_fails(&workplace.run(&["inspect", "."]), &["no model here"]);
}
