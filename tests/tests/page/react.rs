//! A page that React keeps: what it adds, moves, writes and removes while the page is translated.

use std::fs;

use anyhow::{Context, Result};
use traduko_tests::{Browser, Graphics, Site, SiteFolder, workspace};

use crate::visitor::{TRANSLATE, check_faults, run_in_page};

#[tokio::test]
async fn react_never_fails_and_keeps_its_state() -> Result<()> {
    let folder = SiteFolder::new("project")?;
    let built = workspace().join("target/react");
    let page = folder.path("react");
    fs::create_dir(&page)?;
    for name in ["index.html", "app.js"] {
        let file = built.join(name);
        fs::copy(&file, page.join(name)).with_context(|| {
            format!("{} is missing; `cargo xtask test --only page-tests` builds it", file.display())
        })?;
    }
    let site = Site::start_in(folder.root())?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("project/react/")).await?;
    let report = run_in_page(&mut browser, &site.url("project/"), include_str!("react.js"), TRANSLATE).await?;
    check_faults(&report)?;
    browser.finish().await
}
