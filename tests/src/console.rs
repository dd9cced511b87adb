//! The browser's console, and two of chromedriver's commands that WebDriver does not have.

use std::fmt;

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// A line of the browser's console, the workers' lines among them.
#[derive(Clone, Debug, Deserialize)]
pub struct ConsoleEntry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// The part of the browser that spoke: `network`, `javascript`, `console-api`, ...
    #[serde(default)]
    pub source: String,
    /// Where and what.
    pub message: String,
}

impl ConsoleEntry {
    /// A line that Firefox prints of a page's console: `JavaScript error: http://...` or `console.warn: "..."`. The
    /// browser's own modules have no quotation mark there, and other addresses.
    pub(crate) fn from_firefox(line: &str) -> Option<Self> {
        let (head, rest) = line.split_once(": ")?;
        let (level, source) = match head {
            "JavaScript error" => ("SEVERE", "javascript"),
            "console.error" => ("SEVERE", "console-api"),
            "JavaScript warning" => ("WARNING", "javascript"),
            "console.warn" => ("WARNING", "console-api"),
            "console.log" | "console.info" | "console.debug" => ("INFO", "console-api"),
            _ => return None,
        };
        let is_pages = rest.starts_with(if source == "javascript" { "http" } else { "\"" });
        is_pages.then(|| Self { level: level.to_owned(), source: source.to_owned(), message: line.to_owned() })
    }

    pub(crate) fn is_error(&self) -> bool {
        self.level == "SEVERE"
    }

    pub(crate) fn is_network(&self) -> bool {
        self.source == "network"
    }
}

impl fmt::Display for ConsoleEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "console {} ({}): {}", self.level, self.source, self.message)
    }
}

/// A command of chromedriver's own.
#[derive(Debug)]
pub(crate) enum ChromeCommand {
    /// Takes the console's lines since the last time.
    Console,
    /// Calls a method of the DevTools protocol.
    DevTools { method: &'static str, parameters: Value },
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let command = match self {
            Self::Console => "se/log",
            Self::DevTools { .. } => "goog/cdp/execute",
        };
        base.join(&format!("session/{}/{command}", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = match self {
            Self::Console => json!({ "type": "browser" }),
            Self::DevTools { method, parameters } => json!({ "cmd": method, "params": parameters }),
        };
        (Method::POST, Some(body.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firefox_speaks_for_pages_and_for_itself() {
        let entry = |line| ConsoleEntry::from_firefox(line);
        assert!(entry("console.error: \"traduko:\" (new Error(\"x\"))").is_some_and(|entry| entry.is_error()));
        assert!(entry("JavaScript error: http://127.0.0.1:1/, line 2: Error: x").is_some_and(|entry| entry.is_error()));
        assert!(entry("console.warn: \"x\"").is_some_and(|entry| !entry.is_error()));
        assert!(entry("console.error: RSLoader: ").is_none());
        assert!(entry("JavaScript error: resource://gre/modules/X.sys.mjs, line 1: Error: x").is_none());
        assert!(entry("*** You are running in headless mode.").is_none());
    }
}
