use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use datastore_open::{PeersConfig, PeersPreset, StoreUrl};
use peerstore::{GcStrategy, PeerstoreOptions, Persistence, WriteBehindMode};

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::store_arg::StoreArg;

/// How the peers are opened.
#[derive(Args)]
pub(super) struct Settings {
    /// Open them as this file says, the node's own: TOML or JSON with `store`, `preset` and `peers`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Open them as a node of this kind does, without a file
    #[arg(long, global = true, value_enum, conflicts_with = "config")]
    preset: Option<Preset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// A small device, a light client
    Small,
    /// A usual node
    Default,
    /// A server of the DHT
    Server,
}

/// What the settings come to.
pub(super) struct Opening {
    /// The store that the file names.
    store: Option<StoreUrl>,
    /// `None` if nothing was set.
    options: Option<PeerstoreOptions>,
}

/// The store that the file names, where a URL is asked for.
const OF_CONFIG: &str = "config:";

/// The most bytes of a file; more is none.
const MOST: u64 = 1 << 20;

impl Settings {
    pub(super) fn read(self) -> Result<Opening> {
        let Self { config, preset } = self;
        if let Some(path) = config {
            let PeersConfig { store, peers } = read(&path)?;
            let url = store.store_url().map_err(|error| {
                Failure::from(error).during(format!("`store` in {}", path.display()))
            })?;
            return Ok(Opening { store: Some(url), options: Some(peers) });
        }
        let preset = preset.map(|preset| match preset {
            Preset::Small => PeersPreset::Small,
            Preset::Default => PeersPreset::Default,
            Preset::Server => PeersPreset::Server,
        });
        Ok(Opening { store: None, options: preset.map(PeersPreset::options) })
    }
}

impl Opening {
    /// The store that is meant.
    pub(super) fn url(&self, store: &StoreArg) -> Result<StoreUrl> {
        if !store.is(OF_CONFIG) {
            return store.url();
        }
        self.store.clone().ok_or_else(|| {
            Failure::usage(format!("{OF_CONFIG} is the store that a file names"))
                .hint("name the file with --config FILE, or write the URL of the store")
        })
    }

    /// The options to read with.
    pub(super) fn to_read(&self) -> PeerstoreOptions {
        let mut options = self.options.clone().unwrap_or_default();
        // Nothing is taken away: there is nothing to count.
        lift_limits(&mut options);
        own(options, WriteBehindMode::Off)
    }

    /// The options to change a few things with: each is there when the line that tells of it is printed.
    pub(super) fn to_change(&self) -> PeerstoreOptions {
        own(self.limited(), WriteBehindMode::Off)
    }

    /// The options to write much with.
    pub(super) fn to_fill(&self) -> PeerstoreOptions {
        let options = self.limited();
        let mode = options.write_behind.mode;
        own(options, mode)
    }

    fn limited(&self) -> PeerstoreOptions {
        self.options.clone().unwrap_or_else(|| {
            let mut options = PeerstoreOptions::default();
            // How much is kept is for the node to say: what it allows is not known here.
            lift_limits(&mut options);
            options
        })
    }
}

/// With what is so for every command: it collects when it is told to, and what it was told to write is written.
fn own(mut options: PeerstoreOptions, write_behind: WriteBehindMode) -> PeerstoreOptions {
    options.write_behind.mode = write_behind;
    options.gc.strategy = GcStrategy::Manual;
    options.persistence = Persistence::All;
    options
}

fn lift_limits(options: &mut PeerstoreOptions) {
    let limits = &mut options.limits;
    (limits.peers, limits.watermarks) = (0, 0);
    (limits.addresses, limits.protocols, limits.tags) = (0, 0, 0);
    (limits.metadata_entries, limits.metadata_bytes, limits.envelope_bytes) = (0, 0, 0);
}

fn read(path: &Path) -> Result<PeersConfig> {
    let refused = |why: String| {
        let failure = Failure::new(
            Exit::BadData,
            format!("{} does not say how to open peers", path.display()),
        );
        failure
            .caused_by(why)
            .hint("it has `store`, with its `url`, and if there is need `preset` and `peers`")
    };
    let bytes =
        files::read(path, MOST)?.ok_or_else(|| refused("it is longer than 1 MiB".to_owned()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| refused(error.to_string()))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| refused(error.to_string()));
    }
    toml::from_str(text).map_err(|error| {
        // The line itself may hold what is secret.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|text| text.matches('\n').count() + 1);
        let place = line.map_or(String::new(), |line| format!("line {line}: "));
        refused(format!("{place}{}", error.message()))
    })
}
