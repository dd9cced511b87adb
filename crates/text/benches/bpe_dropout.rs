//! BPE-dropout on a batch of about 3,000 subwords: `cargo bench -p traduko-text --features train`.

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use traduko_text::{BpeDropout, train};

const SENTENCE: &str = "In 1998 the committee didn't decide whether reading newspapers helps understanding.";

fn batch(criterion: &mut Criterion) {
    let tokenizer = train((0..200).map(|n| format!("{SENTENCE} {n} houses, readers of news")), 600).expect("learned");
    let dropout = BpeDropout::new(&tokenizer).expect("it merges");
    let ids = tokenizer.encode_ids(SENTENCE).expect("text");
    let mut rng = StdRng::seed_from_u64(1);
    criterion.bench_function("3,000 subwords", |bencher| {
        bencher.iter(|| (0..3000 / ids.len()).map(|_| dropout.apply(&ids, 0.1, &mut rng).len()).sum::<usize>());
    });
}

criterion_group!(benches, batch);
criterion_main!(benches);
