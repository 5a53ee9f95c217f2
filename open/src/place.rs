use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use datastore::{Error, ErrorKind, Result};

/// Where a store lies.
pub(crate) enum Place {
    /// Nowhere that another opening could reach.
    OfItsOwn,
    /// In this directory.
    Path(PathBuf),
    /// On this server, at this path: a bucket, and the segments of a prefix in it.
    Bucket { server: String, path: Vec<String> },
}

/// The path that `location`, the part of a URL after `scheme:`, names: `rel`, `./rel`, `/abs`
/// or `///abs`.
pub(crate) fn local_path(scheme: &str, location: &[u8]) -> Result<PathBuf> {
    let path = match location {
        [] => {
            return Err(invalid(format!("`{scheme}:` names no directory: write `{scheme}:PATH`")));
        }
        [b'/', b'/', path @ ..] if path.first() == Some(&b'/') => path,
        [b'/', b'/', ..] => {
            return Err(invalid(format!(
                "`{scheme}://` is followed by a third slash, since a directory has no host: write \
                 `{scheme}:///absolute/path` or `{scheme}:relative/path`"
            )));
        }
        [b'~'] | [b'~', b'/', ..] => {
            return Err(invalid(format!(
                "`~` is not replaced in a URL: write `{scheme}:$HOME/…` for the shell to replace, or \
                 `{scheme}:./~` for a directory of this name"
            )));
        }
        path => path,
    };
    if path.contains(&0) {
        return Err(invalid("a path cannot hold a zero byte".to_owned()));
    }
    Ok(to_os_string(path)?.into())
}

#[cfg(unix)]
fn to_os_string(bytes: &[u8]) -> Result<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn to_os_string(bytes: &[u8]) -> Result<OsString> {
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(invalid("a path is UTF-8 here".to_owned()).with_source(error)),
    }
}

/// The one absolute path of `path`, free of `.`, `..` and symbolic links as far as it exists; what does
/// not exist yet is taken as it is written.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf> {
    let failed = |error: io::Error| {
        let message = format!("cannot resolve the path {}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    };
    let absolute = std::path::absolute(path).map_err(failed)?;
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
        match resolved.canonicalize() {
            Ok(real) => resolved = real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(resolved)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
