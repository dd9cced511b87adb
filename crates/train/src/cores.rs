//! Independent pieces of work on the cores of this machine.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;

/// What `work` gives for `0..n`, in that order, computed by `threads` threads that take the next number when they are
/// free: put the longest work first, so that a thread that is left alone at the end has little to do.
///
/// Each thread works inside a rayon pool of one, so that the backend's products do not fight over the cores.
///
/// # Errors
/// The first error of `work`; nothing new is begun after it.
pub(crate) fn map_on_threads<T: Send>(
    n: usize,
    threads: usize,
    work: impl Fn(usize) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let finished: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(n));
    let take = || -> anyhow::Result<()> {
        loop {
            let taken = next.fetch_add(1, Ordering::Relaxed);
            if taken >= n || has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let result = work(taken).inspect_err(|_| has_failed.store(true, Ordering::Relaxed))?;
            finished.lock().expect("no thread panics while it holds the lock").push((taken, result));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(n))
            .map(|_| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("starting a thread")?;
                Ok(scope.spawn(move || pool.install(take)))
            })
            .collect::<anyhow::Result<_>>()?;
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        anyhow::Ok(())
    })?;
    let mut finished = finished.into_inner().expect("no thread panics while it holds the lock");
    finished.sort_by_key(|(index, _)| *index);
    Ok(finished.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for threads in [1, 3, 9] {
            let squares = map_on_threads(5, threads, |i| Ok(i * i)).expect("no error");
            assert_eq!(squares, [0, 1, 4, 9, 16]);
        }
        assert_eq!(map_on_threads(0, 2, Ok).expect("no error"), [0; 0]);
    }

    #[test]
    fn an_error_ends_it() {
        let error = map_on_threads(100, 2, |i| if i == 3 { anyhow::bail!("at {i}") } else { Ok(i) });
        assert_eq!(error.expect_err("an error").to_string(), "at 3");
    }
}
