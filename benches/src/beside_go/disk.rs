use std::path::Path;

use crate::Result;

/// What the files below a directory take, in MiB.
pub(super) fn mib_of(dir: &Path) -> Result<f64> {
    let mut bytes = 0;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => bytes += entry.metadata()?.len(),
            }
        }
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}
