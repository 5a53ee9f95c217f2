use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use datastore::{Datastore, Error, ErrorKind, Key, Result, percent};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::backends::{self, Backend};
use crate::opened;
use crate::options::{COMMON, OptionSpec, Options};
use crate::place::Place;
use crate::redact::redacted;

/// The URL of a store, parsed and checked: `SCHEME:LOCATION?OPTION=VALUE&…`.
///
/// What parses can be opened, as far as the text can tell: scheme, location, names and values of options
/// are known to be good. Percent escapes stand for any byte; a location may hold everything else as it
/// is, spaces too, but for `?` and `%`, which are written `%3F` and `%25`. Relative paths are relative to
/// the working directory of the moment.
///
/// [`Display`](fmt::Display) writes all of it, so that it can be parsed again: in logs and messages use
/// [`redacted`](Self::redacted), as [`Debug`](fmt::Debug) does.
///
/// # Examples
/// ```
/// use datastore_open::StoreUrl;
///
/// let url: StoreUrl = "fjall:/var/lib/my node?cache=64MiB".parse()?;
/// assert_eq!(url.scheme(), "fjall");
/// assert_eq!(url.to_string(), "fjall:/var/lib/my%20node?cache=64MiB");
///
/// let error = "fjall:data?cash=64MiB".parse::<StoreUrl>().unwrap_err();
/// assert!(error.to_string().contains("`cache`"), "{error}");
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    backend: &'static Backend,
    location: Vec<u8>,
    options: Options,
}

impl StoreUrl {
    /// The URL of the store of this scheme at `path`, whatever bytes the path has.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a scheme that is not known or has no paths.
    ///
    /// # Examples
    /// ```
    /// use datastore_open::StoreUrl;
    ///
    /// assert_eq!(StoreUrl::of_path("fjall", "100% mine")?.to_string(), "fjall:100%25%20mine");
    /// # Ok::<(), datastore::Error>(())
    /// ```
    pub fn of_path(scheme: &str, path: impl AsRef<Path>) -> Result<Self> {
        let backend = backends::find(scheme).ok_or_else(|| without_scheme(scheme))?;
        let mut location = path.as_ref().as_os_str().as_encoded_bytes().to_vec();
        if location.starts_with(b"//") || location.starts_with(b"~") {
            location.splice(..0, *if location.starts_with(b"~") { b"./" } else { b"//" });
        }
        let url = Self { backend, location, options: Options::default() };
        url.check()?;
        Ok(url)
    }

    /// What stands before the first `:`, in lower case.
    pub fn scheme(&self) -> &'static str {
        self.backend.scheme
    }

    /// The key that the store is seen from, the option `namespace`.
    ///
    /// # Errors
    /// None for a URL that was parsed.
    pub fn namespace(&self) -> Result<Option<Key>> {
        self.options.key(NAMESPACE)
    }

    /// The same store, seen whole.
    #[must_use]
    pub fn without_namespace(mut self) -> Self {
        self.options.remove(NAMESPACE);
        self
    }

    /// The same URL, but opening it does not create a store that is not there; where the backend has a
    /// choice and the URL does not say.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.set_default(CREATE, "false");
        self
    }

    /// The same URL, but opening it does not create a store that is not there, and takes it for reading
    /// alone; where the backend has a choice and the URL does not say.
    ///
    /// # Examples
    /// ```
    /// use datastore_open::StoreUrl;
    ///
    /// let url: StoreUrl = "s3://bucket/node".parse()?;
    /// assert_eq!(url.for_reading().to_string(), "s3://bucket/node?access=read&create=false");
    /// # Ok::<(), datastore::Error>(())
    /// ```
    #[must_use]
    pub fn for_reading(self) -> Self {
        let mut url = self.existing();
        url.set_default(ACCESS, "read");
        url
    }

    /// The URL of a store of its own within the place of this one, to try things in without opening this
    /// one; [`remove`](Self::remove) it when done. `None` where a namespace in the store itself has to do.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if there cannot be a store of this name there.
    ///
    /// # Examples
    /// ```
    /// use datastore_open::StoreUrl;
    ///
    /// let url: StoreUrl = "s3://bucket/node?region=eu-central-1".parse()?;
    /// let scratch = url.scratch("scratch-1")?.expect("a bucket has room");
    /// assert_eq!(
    ///     scratch.to_string(),
    ///     "s3://bucket/node/scratch-1?access=shared&create=true&region=eu-central-1"
    /// );
    /// assert!("memory:".parse::<StoreUrl>()?.scratch("scratch-1")?.is_none());
    /// # Ok::<(), datastore::Error>(())
    /// ```
    pub fn scratch(&self, name: &str) -> Result<Option<Self>> {
        if self.backend.remove.is_none() {
            return Ok(None);
        }
        let mut url = self.clone().without_namespace();
        if !url.location.ends_with(b"/") {
            url.location.push(b'/');
        }
        url.location.extend_from_slice(name.as_bytes());
        for option in [ACCESS, CREATE] {
            url.options.remove(option);
        }
        url.set_default(ACCESS, "shared");
        url.set_default(CREATE, "true");
        url.check()?;
        Ok(Some(url))
    }

    /// Removes a store without entries: what it keeps for itself. Nobody else may have it open.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where [`scratch`](Self::scratch) is `None`;
    /// [`ErrorKind::InvalidInput`] for a store that has entries; and as [`open`](Self::open).
    pub async fn remove(&self) -> Result<()> {
        match self.backend.remove {
            Some(remove) => remove(self).await,
            None => Err(Error::unsupported(format!("`{}:` removes no store", self.scheme()))),
        }
    }

    /// The same URL with one more option.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for an option that this backend does not have, a value that it does
    /// not take, or one that is there already.
    pub fn with_option(mut self, name: &str, value: &str) -> Result<Self> {
        self.add_option(name, value.to_owned())?;
        self.check()?;
        Ok(self)
    }

    /// The URL as text in which nothing is secret.
    pub fn redacted(&self) -> String {
        redacted(&self.to_string())
    }

    /// Opens the store. Who closes what this returns closes everything that was opened for it.
    ///
    /// # Errors
    /// What the backend fails with: [`ErrorKind::Unavailable`] for a store that is in use,
    /// [`ErrorKind::Corrupt`] and [`ErrorKind::Incompatible`] for one that it cannot read.
    pub async fn open(&self) -> Result<Arc<dyn Datastore>> {
        let namespace = self.namespace()?;
        let store = (self.backend.open)(self).await?;
        Ok(match namespace {
            None => store,
            Some(prefix) => opened::in_namespace(store, prefix),
        })
    }

    pub(crate) fn location(&self) -> &[u8] {
        &self.location
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn place(&self) -> Result<Place> {
        (self.backend.place)(self)
    }

    /// The refusal of what looks like credentials.
    pub(crate) fn refuse_credentials(&self) -> Error {
        let instead = match self.backend.credentials {
            Some(variables) => format!("set {variables} in the environment"),
            None => format!("`{}:` needs none", self.scheme()),
        };
        invalid(format!("credentials do not belong into a URL, where others see them: {instead}"))
    }

    fn set_default(&mut self, name: &str, value: &str) {
        if self.backend.options().any(|spec| spec.name == name) && self.options.get(name).is_none()
        {
            self.options.add(name, value.to_owned());
        }
    }

    fn add_option(&mut self, name: &str, value: String) -> Result<()> {
        if !self.specs().any(|spec| spec.name == name)
            && self.backend.credentials.is_some()
            && SECRETS.iter().any(|part| name.to_ascii_lowercase().contains(part))
        {
            return Err(self.refuse_credentials());
        }
        if !self.specs().any(|spec| spec.name == name) {
            let known: Vec<String> =
                self.specs().map(|spec| format!("`{}` ({})", spec.name, spec.values)).collect();
            return Err(invalid(format!(
                "`{}:` has no option {name:?}; it has {}",
                self.scheme(),
                known.join(", ")
            )));
        }
        if self.options.add(name, value) {
            Ok(())
        } else {
            Err(invalid(format!("the option `{name}` is given twice: give it once")))
        }
    }

    fn specs(&self) -> impl Iterator<Item = &'static OptionSpec> + use<> {
        self.backend.options().chain(COMMON)
    }

    fn check(&self) -> Result<()> {
        self.namespace()?;
        (self.backend.check)(self)
    }
}

const NAMESPACE: &str = "namespace";
const CREATE: &str = "create";
const ACCESS: &str = "access";

/// What the names of options have in them that are meant as credentials.
const SECRETS: &[&str] = &["key", "secret", "token", "password", "credential", "sas", "user"];

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| without_scheme(text))?;
        let backend = backends::find(scheme).ok_or_else(|| without_scheme(text))?;
        let (location, options) = match rest.split_once('?') {
            None => (rest, None),
            Some((location, options)) => (location, Some(options)),
        };
        let location = percent::decode(location).ok_or_else(bad_escape)?;
        let mut url = Self { backend, location, options: Options::default() };
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let (name, value) = option.split_once('=').ok_or_else(malformed_option)?;
            let value = percent::decode(value).ok_or_else(bad_escape)?;
            let value = String::from_utf8(value)
                .map_err(|_| invalid(format!("the value of the option {name:?} is not UTF-8")))?;
            url.add_option(name, value)?;
        }
        url.check()?;
        Ok(url)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |f: &mut fmt::Formatter<'_>, bytes: &[u8], reserved: &str| {
            percent::write(f, bytes, |c| c.is_whitespace() || reserved.contains(c))
        };
        write!(f, "{}:", self.scheme())?;
        escaped(f, &self.location, "?#")?;
        let mut separator = '?';
        for (name, value) in self.options.iter() {
            write!(f, "{separator}{name}=")?;
            escaped(f, value.as_bytes(), "?#&=")?;
            separator = '&';
        }
        Ok(())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.redacted())
    }
}

/// As text.
impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The whole text is not repeated: who can tell what it is.
fn without_scheme(text: &str) -> Error {
    let hint = if text.contains(':') && !text.starts_with(['/', '.']) {
        "the scheme is not known"
    } else {
        "it begins with no scheme"
    };
    invalid(format!("not the URL of a store: {hint}; write {}", backends::forms()))
}

fn malformed_option() -> Error {
    invalid("options are written `?name=value&name=value`; a `?` in a path is written `%3F`".into())
}

fn bad_escape() -> Error {
    invalid("in a URL `%` is followed by two hex digits; write `%25` for it".into())
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
