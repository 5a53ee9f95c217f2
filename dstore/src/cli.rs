use clap::{Parser, Subcommand};

use crate::commands::{
    bench, blocks, check, compact, conformance, copy, del, demo, du, export, get, has, import, ls,
    peers, put, size, stat,
};
use crate::exit;

/// Look into, move, check and measure the stores of libp2p and IPFS nodes.
///
/// A store is named by a URL: `memory:`, `fjall:PATH`, `s3://BUCKET/PREFIX` and what else `dstore --help`
/// lists.
/// Keys are written as text, `/peers/addrs/x`, where `%hh` stands for any byte.
#[derive(Parser)]
#[command(
    name = "dstore",
    version,
    arg_required_else_help = true,
    infer_subcommands = false,
    after_help = "Begin with `dstore demo`. URLs, exit codes and examples: `dstore --help`.",
    after_long_help = long_help(),
)]
pub(crate) struct Cli {
    /// Answer in JSON: one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Put(put::Put),
    Get(get::Get),
    Del(del::Del),
    Has(has::Has),
    Size(size::Size),
    Ls(ls::Ls),
    Stat(stat::Stat),
    Du(du::Du),
    Copy(copy::Copy),
    Check(check::Check),
    Compact(compact::Compact),
    Export(export::Export),
    Import(import::Import),
    Blocks(blocks::Blocks),
    Peers(peers::Peers),
    Demo(demo::Demo),
    Bench(bench::Bench),
    Conformance(conformance::Conformance),
}

fn long_help() -> String {
    let urls = datastore_open::url_help().replace('\n', "\n  ");
    format!(
        "Stores:\n  {urls}\n\n\
         A path may hold spaces as they are; in a URL `%` is written `%25` and `?` is `%3F`.\n\
         Credentials are not part of URLs: they are taken from the environment (AWS_ACCESS_KEY_ID,\n\
         AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, …).\n\n\
         {}\n\n\
         Examples:\n  \
         dstore demo\n  \
         dstore put fjall:data /greeting --value hello\n  \
         dstore get fjall:data /greeting\n  \
         dstore ls fjall:data --prefix /peers --limit 10\n  \
         dstore copy fjall:data fjall:backup\n  \
         dstore copy fjall:data s3://bucket/node-7\n  \
         dstore ls 's3://bucket/node-7?endpoint=http://127.0.0.1:9000'",
        exit::HELP
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
