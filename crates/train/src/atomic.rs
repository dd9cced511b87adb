//! Files that are whole or not there.

use std::{fs, io, io::Write, path::Path};

/// Writes a whole file under a temporary name in the same folder, flushes it to the disk and renames it, so that a kill
/// at any moment leaves the old file or the new one.
///
/// # Errors
/// Where the disk refuses; the old file is then still there.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    // A temporary file is private to its owner; the result should be as any other file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}
