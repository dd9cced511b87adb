//! The wasm surface: what a worker calls, in own types and without tensors.
//!
//! [`Engine::load`] takes the files of a package, [`Engine::translate`] texts, [`Engine::cancel`] stops what runs;
//! [`self_test`] proves the engine's numbers before any word is trusted to it, [`Engine::benchmark`] gives steps to
//! time, and [`set_panic_handler`] tells the worker that the instance is lost. Downloads, clocks, workers and the
//! choice between engines live in the page's scripts. One build holds one engine: feature `cpu` or `webgpu`.

mod backend;
mod engine;
mod panic;
mod self_test;
mod values;

pub use engine::Engine;
pub use panic::set_panic_handler;
pub use self_test::self_test;
