//! `traduko export`.

use std::fs;

use traduko_train::dataset::Dataset;

use crate::program::{Workplace, assert_fails, copy_dir};

fn export<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["export", "--checkpoint", "run", "--out", "new", "--source-language", "en", "--target-language", "fr"], more]
        .concat()
}

#[test]
fn a_package_says_where_it_comes_from() {
    let workplace = Workplace::new();
    let licences = "hardware = \"a toaster\"\n[[licence]]\nsource = \"toy numbers\"\nlicence = \"CC0-1.0\"\n";
    fs::write(workplace.path("licences.toml"), licences).unwrap();
    fs::write(workplace.path("card.toml"), "hardware = \"a kettle\"\nweaknesses = [\"numbers above twenty\"]\n")
        .unwrap();
    let outcome = workplace.run(&export(&["--card", "licences.toml", "card.toml"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.path("new/manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["source_language"], &manifest["target_language"]), (&"en".into(), &"fr".into()));
    assert_eq!(manifest["licences"][0]["licence"], "CC0-1.0");
    assert_eq!((&manifest["recipe"]["steps"], &manifest["recipe"]["target_tokens"]), (&40.into(), &1234.into()));
    assert_eq!(manifest["recipe"]["train.batch_tokens"], 2000);
    let card = fs::read_to_string(workplace.path("new/README.md")).unwrap();
    assert!(card.contains("| toy numbers | CC0-1.0 |") && card.contains("\n- numbers above twenty\n"), "{card}");
    assert!(card.contains("a kettle") && !card.contains("a toaster"), "{card}");
    for text in [manifest.to_string(), card] {
        assert!(!text.contains("secret"), "where the text lay is nobody's business: {text}");
    }
}

#[test]
fn a_package_can_have_a_preview() {
    let workplace = Workplace::new();
    let outcome = workplace.run(&export(&["--preview", "15"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("valid.ids: not there"), "{}", outcome.stderr);
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(workplace.path("new/config.json")).unwrap()).unwrap();
    assert_eq!(config["d_preview"], 15);
    let outcome = workplace.run_on(&["translate", "--model", "new"], b"nine\nthe second of May\n");
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 2), "{}", outcome.stderr);
    assert_fails(&workplace.run(&export(&["--preview", "16"])), &["--preview 16: the table itself is 16 wide"]);
    let n_vocab = config["n_vocab"].as_u64().unwrap() as usize;
    let mut text = Dataset::new(n_vocab).with_source_vocab(n_vocab + 1);
    text.push(&[n_vocab as u32], &[4]);
    fs::create_dir_all(workplace.path("secret/place")).unwrap();
    text.write(&workplace.path("secret/place/valid.ids")).unwrap();
    assert_fails(&workplace.run(&export(&["--preview", "15"])), &["valid.ids: of another vocabulary"]);
}

#[test]
fn exporting_again_replaces_the_package() {
    let workplace = Workplace::new();
    let before = fs::read(workplace.path("package/manifest.json")).unwrap();
    assert_eq!(workplace.export("run", "package").code, Some(0));
    assert_eq!(fs::read(workplace.path("package/manifest.json")).unwrap(), before);
}

#[test]
fn bad_input_is_named() {
    let workplace = Workplace::new();
    assert_fails(&workplace.export("nowhere", "new"), &["nowhere: no model here"]);
    assert_fails(&workplace.export("package", "new"), &["package: a package already"]);
    let outcome = workplace.run(&export(&["--card", "nowhere.toml"]));
    assert_fails(&outcome, &["reading nowhere.toml"]);
    fs::write(workplace.path("card.toml"), "[[licence]]\nsource = \"x\"\nlicense = \"y\"\n").unwrap();
    let outcome = workplace.run(&export(&["--card", "card.toml"]));
    assert_fails(&outcome, &["card.toml", "license"]);
    let outcome = workplace.run(&[
        "export",
        "--checkpoint",
        "run",
        "--out",
        "new",
        "--source-language",
        "English",
        "--target-language",
        "fr",
    ]);
    assert_fails(&outcome, &["source_language", "`English` is not a language tag"]);
    fs::create_dir(workplace.path("new")).unwrap();
    fs::write(workplace.path("new/notes.txt"), "mine").unwrap();
    assert_fails(&workplace.run(&export(&[])), &["notes.txt: not a part of a package"]);
    assert_eq!(fs::read_dir(workplace.path("new")).unwrap().count(), 1, "nothing was written beside it");
}

#[test]
fn a_damaged_run_is_named() {
    let workplace = Workplace::new();
    let damage = |name: &str, file: &str, bytes: Option<&[u8]>| {
        copy_dir(&workplace.path("run"), &workplace.path(name));
        let path = workplace.path(name).join(file);
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        workplace.export(name, "new")
    };
    let whole = fs::read(workplace.path("run/last.safetensors")).unwrap();
    let half = &whole[..whole.len() / 2];
    assert_fails(&damage("half", "last.safetensors", Some(half)), &["last.safetensors is not a whole checkpoint"]);
    assert_fails(&damage("empty", "last.safetensors", None), &["last.safetensors"]);
    assert_fails(&damage("mute", "tokenizer.json", None), &["tokenizer.json"]);
    assert_fails(&damage("odd", "tokenizer.json", Some(b"{}")), &["tokenizer"]);
    assert_fails(&damage("strange", "config.toml", Some(b"[model]\nd_secret = 1\n")), &["config.toml", "d_secret"]);
    assert!(!workplace.path("new").exists());
}
