//! End to end: a real Chromium, the page as `cargo xtask dist` built it, and the model that ships with it.
//!
//! [`Site`] serves `dist/`; [`Browser`] is a Chromium with a new, empty profile, driven through its chromedriver. Both are
//! gone when they are dropped, after a failed test too. The tests themselves are in `tests/page/`.

mod browser;
mod console;
mod driver;
mod plain_host;
mod program;
mod site;
mod site_folder;

pub use browser::{Browser, Graphics, View};
pub use console::ConsoleEntry;
pub use plain_host::PlainHost;
pub use program::run;
pub use site::{Site, workspace};
pub use site_folder::{SiteFolder, gzipped};
