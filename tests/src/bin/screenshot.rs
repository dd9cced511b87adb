//! Pictures of the page as visitors see it: narrow and wide, light and dark, into `target/screenshots/`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use traduko_tests::{Browser, Graphics, Site, View};

const VIEWS: [View; 4] = [
    View { width: 320, height: 640, is_dark: false },
    View { width: 320, height: 640, is_dark: true },
    View { width: 1280, height: 800, is_dark: false },
    View { width: 1280, height: 800, is_dark: true },
];

/// A page, the name of its pictures, what to do there, and what is true once it is done.
const SCENES: [(&str, &str, &str, &str); 3] = [
    (
        "",
        "text",
        "document.querySelector('#examples button').click()",
        "return document.documentElement.dataset.engine && document.getElementById('status').textContent.startsWith('Translated')",
    ),
    ("demo/", "demo", "", "return document.querySelector('traduko-translate').dataset.state === 'idle'"),
    (
        "demo/",
        "demo-translated",
        "document.querySelector('traduko-translate').translatePage()",
        "return document.querySelector('traduko-translate').matches('[data-state=translated][data-engine]')",
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    for (page, name, action, is_done) in SCENES {
        browser.open(&site.url(page)).await?;
        browser.script(action).await?;
        browser.wait(120, is_done).await?;
        for view in VIEWS {
            let scheme = if view.is_dark { "dark" } else { "light" };
            let path = folder.join(format!("{name}-{}-{scheme}.png", view.width));
            fs::write(&path, browser.screenshot(view).await?).with_context(|| format!("writing {}", path.display()))?;
            println!("{}", path.display());
        }
    }
    browser.finish().await
}
