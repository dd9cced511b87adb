//! Programs that Debian has, installed where they are missing.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{command, find_program, output, run};

/// Installs `packages` where one of `programs` (any of its names on the PATH) is missing.
///
/// # Errors
/// Fails, naming what is missing, on a system without apt-get, when that fails, or when the program is missing even so.
pub fn prepare(programs: &[&[&str]], packages: &[&str]) -> Result<()> {
    let missing = || programs.iter().find(|names| find_program(names).is_none());
    let Some(names) = missing() else {
        println!("{}: already there", packages.join(", "));
        return Ok(());
    };
    if find_program(&["apt-get"]).is_none() {
        bail!(
            "no {} on the PATH, and no apt-get to install it with; install what Debian has as {}",
            names.join(" or "),
            packages.join(", ")
        );
    }
    run(&mut apt_get(&["update"], packages)?)?;
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    run(&mut apt_get(&install, packages)?)?;
    match missing() {
        Some(names) => {
            bail!("apt-get installed {}, yet there is no {} on the PATH", packages.join(", "), names.join(" or "))
        }
        None => Ok(()),
    }
}

/// `apt-get` that asks nothing, through sudo where we are not root.
fn apt_get(arguments: &[&str], packages: &[&str]) -> Result<Command> {
    let is_root = output(command("id").arg("-u")).as_deref() == Some("0");
    let mut apt = if is_root {
        let mut apt = command("env");
        apt.arg("DEBIAN_FRONTEND=noninteractive");
        apt
    } else if find_program(&["sudo"]).is_some() {
        let mut sudo = command("sudo");
        sudo.arg("DEBIAN_FRONTEND=noninteractive");
        sudo
    } else {
        bail!("not root and no sudo: as root, run apt-get install {}", packages.join(" "));
    };
    apt.arg("apt-get").args(arguments);
    Ok(apt)
}
