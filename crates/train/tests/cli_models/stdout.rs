//! Standard output that nobody reads.

use crate::program::Workplace;

#[test]
fn what_nobody_reads_is_no_failure() {
    let workplace = Workplace::new();
    workplace.write("text", &["one", "two"]);
    let verbs = [
        "score --model package --source text --target text",
        "evaluate --model package --source text --reference text --record toy",
        "compare --reference text text --by-length",
        "bench run/config.toml --set train.batch_tokens=100 --vocab 300 --steps 1 --warmup 0",
        "config run/config.toml",
        "inspect package",
    ];
    for verb in verbs {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = workplace.command(verb.split(' ')).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // What comes after the printing was done.
    let shown = workplace.run(&["inspect", "package"]).stdout;
    assert!(shown.contains("score          toy  BLEU "), "{shown}");
}
