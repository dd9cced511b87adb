//! A Chromium or a Firefox with a new profile: pages, scripts, waiting, the console.

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::console::{ChromeCommand, ConsoleEntry};
use crate::driver::{Driver, DriverKind};

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(100);

/// What the browser offers a page to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    /// No WebGPU. Chromium keeps `navigator.gpu` even so, and finds no adapter.
    Without,
    /// WebGPU on SwiftShader, which runs on the CPU: right, never fast.
    Emulated,
}

/// The size of the window's inside and the colours asked for.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether the visitor prefers a dark page.
    pub is_dark: bool,
}

/// A headless browser with an empty profile of its own.
pub struct Browser {
    client: Client,
    console: Vec<ConsoleEntry>,
    // Dropped in this order: the driver ends the browser, then the profile can go.
    driver: Driver,
    _profile: Option<TempDir>,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// Fails when there is no chromedriver, or it cannot start Chromium.
    pub async fn start(graphics: Graphics) -> Result<Self> {
        Self::start_with(graphics, &[]).await
    }

    /// Starts a browser with more of Chromium's own arguments.
    ///
    /// # Errors
    /// Fails when there is no chromedriver, or it cannot start Chromium.
    pub async fn start_with(graphics: Graphics, more: &[String]) -> Result<Self> {
        let driver = Driver::start(DriverKind::Chromium)?;
        let profile = tempfile::tempdir()?;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            // Root and containers have no sandbox; these tests open no page but ours.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
        ];
        arguments.push(match graphics {
            Graphics::Without => "--disable-features=WebGPU".to_owned(),
            Graphics::Emulated => "--enable-unsafe-webgpu".to_owned(),
        });
        arguments.extend_from_slice(more);
        let mut options = json!({ "args": arguments });
        if let Ok(program) = env::var("CHROME") {
            options["binary"] = program.into();
        }
        let capabilities: Capabilities = serde_json::from_value(json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "pageLoad": 60_000, "script": 60_000 },
        }))?;
        Self::connect(driver, capabilities, Some(profile)).await
    }

    /// Starts a Firefox: the one that the variable FIREFOX names, or Debian's, or whatever its driver finds.
    ///
    /// # Errors
    /// Fails when there is no geckodriver, or it cannot start Firefox.
    pub async fn start_firefox() -> Result<Self> {
        let driver = Driver::start(DriverKind::Firefox)?;
        let mut options = json!({
            "args": ["-headless"],
            "prefs": {
                // The console's lines go to what the driver prints.
                "devtools.console.stdout.content": true,
                "browser.dom.window.dump.enabled": true,
                // No questions to its maker.
                "services.settings.server": "data:,",
            },
        });
        let debian = Path::new("/usr/bin/firefox-esr");
        if let Some(program) =
            env::var("FIREFOX").ok().or_else(|| debian.is_file().then(|| debian.display().to_string()))
        {
            options["binary"] = program.into();
        }
        let capabilities: Capabilities = serde_json::from_value(json!({
            "moz:firefoxOptions": options,
            "timeouts": { "pageLoad": 60_000, "script": 60_000 },
        }))?;
        // Its profile is the driver's business.
        Self::connect(driver, capabilities, None).await
    }

    async fn connect(driver: Driver, capabilities: Capabilities, profile: Option<TempDir>) -> Result<Self> {
        let connection =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&driver.url()).await;
        let client = connection.with_context(|| {
            format!("the driver could not start its browser; it said:\n{}", driver.take_lines().join("\n"))
        })?;
        Ok(Self { client, console: Vec::new(), driver, _profile: profile })
    }

    /// Opens a page and waits until it has loaded.
    ///
    /// # Errors
    /// Fails when the page cannot be loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        self.client.goto(url).await.with_context(|| format!("opening {url}"))
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// Fails when the page cannot be loaded.
    pub async fn reload(&mut self) -> Result<()> {
        self.client.refresh().await.context("loading the page again")
    }

    /// The element with an id.
    ///
    /// # Errors
    /// Fails when there is none.
    pub async fn element(&self, id: &str) -> Result<Element> {
        self.client.find(Locator::Id(id)).await.with_context(|| format!("finding #{id}"))
    }

    /// Runs a function body in the page and returns what it returns.
    ///
    /// # Errors
    /// Fails when the script throws.
    pub async fn script(&self, body: &str) -> Result<Value> {
        self.client.execute(body, Vec::new()).await.with_context(|| format!("running {body}"))
    }

    /// Runs a function body in the page that returns a string, or nothing, which counts as empty.
    ///
    /// # Errors
    /// Fails when the script throws.
    pub async fn text(&self, body: &str) -> Result<String> {
        Ok(self.script(body).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a function body returns something true in the page, and returns that.
    ///
    /// # Errors
    /// Fails after `seconds`, showing the console.
    pub async fn wait(&mut self, seconds: u64, body: &str) -> Result<Value> {
        let started = Instant::now();
        loop {
            let value = self.script(body).await?;
            let is_true = !matches!(value, Value::Null | Value::Bool(false)) && value != json!("") && value != json!(0);
            if is_true {
                return Ok(value);
            }
            if started.elapsed() > Duration::from_secs(seconds) {
                self.read_console().await?;
                self.console.iter().for_each(|entry| println!("{entry}"));
                let seen = self.text("return document.body.innerText").await?;
                bail!("waited {seconds} s for: {body}\nthe page shows:\n{seen}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Presses a key on whatever has the focus.
    ///
    /// # Errors
    /// Fails when the browser refuses.
    pub async fn press(&mut self, key: Key) -> Result<()> {
        let key = char::from(key);
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        self.client.perform_actions(actions).await.with_context(|| format!("pressing {key:?}"))
    }

    /// Gives the page a size and a colour scheme, as a phone or a person's settings would.
    ///
    /// # Errors
    /// Fails when the browser refuses.
    pub async fn set_view(&mut self, view: View) -> Result<()> {
        let View { width, height, is_dark } = view;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.dev_tools("Emulation.setDeviceMetricsOverride", metrics).await?;
        let scheme = if is_dark { "dark" } else { "light" };
        // Without motion, or a picture shows colours that are on their way.
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.dev_tools("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// The whole page as PNG, however long it is.
    ///
    /// # Errors
    /// Fails when the browser refuses.
    pub async fn screenshot(&mut self, view: View) -> Result<Vec<u8>> {
        self.set_view(view).await?;
        let height = self.script("return document.documentElement.scrollHeight").await?;
        let height = height.as_u64().and_then(|height| u32::try_from(height).ok()).context("the page has a height")?;
        self.set_view(View { height: height.max(view.height), ..view }).await?;
        Ok(self.client.screenshot().await?)
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// Fails when the console holds an error, having printed all of it.
    pub async fn finish(self) -> Result<()> {
        self.finish_where(|_| false).await
    }

    /// Ends the browser as [`Self::finish`] does; requests that failed are no error, for tests that stop the server.
    ///
    /// # Errors
    /// Fails when the console holds another error, having printed all of it.
    pub async fn finish_offline(self) -> Result<()> {
        self.finish_where(ConsoleEntry::is_network).await
    }

    /// Ends the browser as [`Self::finish`] does, but for errors that a test provokes.
    ///
    /// # Errors
    /// Fails when the console holds another error, having printed all of it.
    pub async fn finish_where(mut self, is_expected: impl Fn(&ConsoleEntry) -> bool) -> Result<()> {
        self.read_console().await?;
        self.console.iter().for_each(|entry| println!("{entry}"));
        let errors: Vec<_> = self.console.iter().filter(|entry| entry.is_error() && !is_expected(entry)).collect();
        if !errors.is_empty() {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            bail!("errors in the browser's console:\n{}", lines.join("\n"));
        }
        self.client.clone().close().await.context("closing the browser")
    }

    async fn read_console(&mut self) -> Result<()> {
        let lines = self.driver.take_lines();
        if self.driver.kind() == DriverKind::Firefox {
            self.console.extend(lines.iter().filter_map(|line| ConsoleEntry::from_firefox(line)));
            return Ok(());
        }
        let entries = self.client.issue_cmd(ChromeCommand::Console).await.context("reading the console")?;
        self.console.extend(serde_json::from_value::<Vec<ConsoleEntry>>(entries)?);
        Ok(())
    }

    /// Calls a method of the DevTools protocol.
    ///
    /// # Errors
    /// Fails when the browser refuses.
    pub async fn dev_tools(&mut self, method: &'static str, parameters: Value) -> Result<Value> {
        let command = ChromeCommand::DevTools { method, parameters };
        self.client.issue_cmd(command).await.with_context(|| format!("calling {method}"))
    }
}
