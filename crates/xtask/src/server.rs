//! Serves a folder over HTTP the way a plain static host does.
//!
//! No headers that a static host would not send: neither COOP/COEP nor compression, so that what works here works
//! anywhere. The one addition is a strict Content-Security-Policy, which keeps inline scripts and foreign origins out of
//! the page for good: a page that needs them breaks here first.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, X_CONTENT_TYPE_OPTIONS};
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// `wasm-unsafe-eval` is what a browser asks for before it compiles WebAssembly; it allows no JavaScript `eval`.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      worker-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A static file server on its own thread.
///
/// Stopping it (or dropping it) also closes the connections that a browser keeps open, so that "the server is down"
/// means just that.
pub struct Server {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Server {
    /// Serves the files under `root` at `address`; port 0 takes a free one, see [`Self::address`].
    ///
    /// # Errors
    /// Fails when `root` has no `index.html` or the address cannot be bound.
    pub fn start(root: &Path, address: SocketAddr) -> io::Result<Self> {
        if !root.join("index.html").is_file() {
            let message = format!("{}: no index.html here; `cargo xtask dist` builds it", root.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let files = Router::new()
            .fallback_service(ServeDir::new(root))
            .layer(header(CONTENT_SECURITY_POLICY, POLICY))
            .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // A rebuilt page is seen at the next reload; unchanged files still answer 304.
            .layer(header(CACHE_CONTROL, "no-cache"));
        runtime.spawn(async move { axum::serve(listener, files).await });
        Ok(Self { runtime: Some(runtime), address })
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and closes every open connection.
    pub fn stop(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn get(address: SocketAddr, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn serves_files_with_their_types_until_it_is_stopped() {
        let root = std::env::temp_dir().join(format!("xtask-server-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        assert!(Server::start(&root, ([127, 0, 0, 1], 0).into()).is_err());

        std::fs::write(root.join("index.html"), "<p>hello</p>").unwrap();
        std::fs::write(root.join("page.wasm"), b"\0asm").unwrap();
        let server = Server::start(&root, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = server.address();
        let page = get(address, "/").unwrap();
        assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("<p>hello</p>"), "{page}");
        assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
        let wasm = get(address, "/page.wasm").unwrap();
        assert!(wasm.contains("content-type: application/wasm"), "{wasm}");
        assert!(get(address, "/missing").unwrap().starts_with("HTTP/1.1 404"));

        // An open connection dies with the server, too.
        let mut idle = TcpStream::connect(address).unwrap();
        write!(idle, "GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut first = [0; 16];
        idle.read_exact(&mut first).unwrap();
        server.stop();
        let mut rest = Vec::new();
        let _ = idle.read_to_end(&mut rest);
        let refused = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            TcpStream::connect(address).is_err()
        });
        assert!(refused);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
