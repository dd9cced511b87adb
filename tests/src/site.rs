//! The built page on a server of its own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::server::Server;

/// The built page, served at a free port of this machine until it is stopped or dropped.
pub struct Site {
    server: Option<Server>,
    base: String,
}

impl Site {
    /// Serves `dist/`.
    ///
    /// # Errors
    /// Fails when the page has not been built.
    pub fn start() -> Result<Self> {
        Self::start_in(&workspace().join("dist"))
    }

    /// Serves another folder.
    ///
    /// # Errors
    /// Fails when there is no `index.html` in it.
    pub fn start_in(folder: &Path) -> Result<Self> {
        let server = Server::start(folder, (Ipv4Addr::LOCALHOST, 0).into())?;
        let base = format!("http://{}/", server.address());
        Ok(Self { server: Some(server), base })
    }

    /// The address of a page, such as `demo/guide.html`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Takes the server down; [`Self::url`] stays as it was.
    pub fn stop(&mut self) {
        self.server = None;
    }
}

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
