//! `selvedge serve`: the embedded server, and invitations to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::serve::limits::Limits;
use crate::serve::storage::sqlite::Place;
use crate::serve::{Options, ServeError, Server, invite};

/// Runs a server of your own.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  selvedge serve --listen 127.0.0.1:8090 --data ~/selvedge-server\n  selvedge account create --server http://127.0.0.1:8090"
)]
pub struct ServeArgs {
    #[command(subcommand)]
    command: Option<ServeCommand>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum ServeCommand {
    /// Prints an invitation that lets one person make one account.
    Invite(InviteArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selvedge serve invite --data ~/selvedge-server --expires 48")]
struct InviteArgs {
    /// The server's data directory; the server may be running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Hours until the invitation expires.
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..))]
    expires: u32,
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The directory of the database, or :memory: to keep nothing.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The file with the secret that storage tokens are signed with: its bytes without a line ending at the end. Made if
    /// it is missing [default: master-secret in the data directory].
    #[arg(long, value_name = "F")]
    master_secret_file: Option<PathBuf>,
    /// The URL of the reverse proxy through which clients come; accounts then need an invitation.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The certificate chain for TLS, as PEM.
    #[arg(long, value_name = "F", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM.
    #[arg(long, value_name = "F", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Bytes of one request's body.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_request_bytes, value_parser = at_least_one())]
    max_request_bytes: u64,
    /// Records of one POST.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_post_records, value_parser = at_least_one())]
    max_post_records: u64,
    /// Bytes of the payloads of one POST.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_post_bytes, value_parser = at_least_one())]
    max_post_bytes: u64,
    /// Records of one batch.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_total_records, value_parser = at_least_one())]
    max_total_records: u64,
    /// Bytes of the payloads of one batch.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_total_bytes, value_parser = at_least_one())]
    max_total_bytes: u64,
    /// Bytes of one payload.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_record_payload_bytes, value_parser = at_least_one())]
    max_record_payload_bytes: u64,
    /// Bytes that one user may store [default: no limit].
    #[arg(long, value_name = "N")]
    quota_bytes: Option<u64>,
    /// Writes a line to stderr for each request.
    #[arg(long)]
    log: bool,
}

fn at_least_one() -> clap::builder::RangedU64ValueParser<u64> {
    // SQLite's integers have 63 bits.
    clap::value_parser!(u64).range(1..=1 << 62)
}

/// Runs the server until SIGINT or SIGTERM, or prints an invitation.
///
/// # Errors
/// When the server cannot start or the invitation is not kept.
pub async fn run(args: ServeArgs) -> Result<(), ServeError> {
    match args.command {
        Some(ServeCommand::Invite(args)) => print_invitation(args).await,
        None => serve(args.server).await,
    }
}

#[allow(clippy::print_stdout, reason = "the invitation is this command's data")]
async fn print_invitation(args: InviteArgs) -> Result<(), ServeError> {
    let life = Duration::from_secs(u64::from(args.expires) * 3600);
    let invitation = invite(args.data.unwrap_or_else(default_data), life).await?;
    println!("{}", invitation.as_str());
    Ok(())
}

async fn serve(args: ServerArgs) -> Result<(), ServeError> {
    let data = match args.data {
        Some(data) if data.as_os_str() == ":memory:" => Place::Memory,
        Some(data) => Place::Directory(data),
        None => Place::Directory(default_data()),
    };
    let server = Server::bind(Options {
        listen: args.listen,
        data,
        master_secret_file: args.master_secret_file,
        public_url: args.public_url,
        tls: args.tls_cert.zip(args.tls_key),
        limits: Limits {
            max_request_bytes: args.max_request_bytes,
            max_post_records: args.max_post_records,
            max_post_bytes: args.max_post_bytes,
            max_total_records: args.max_total_records,
            max_total_bytes: args.max_total_bytes,
            max_record_payload_bytes: args.max_record_payload_bytes,
        },
        quota_bytes: args.quota_bytes,
        log_requests: args.log,
    })
    .await?;
    eprintln!("selvedge serve: listening on {}", server.public_url());
    server.run(stopped()).await;
    eprintln!("selvedge serve: stopped");
    Ok(())
}

/// `$XDG_DATA_HOME/selvedge/server`.
fn default_data() -> PathBuf {
    let from = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = from("XDG_DATA_HOME").or_else(|| from("HOME").map(|home| home.join(".local/share")));
    base.unwrap_or_default().join("selvedge").join("server")
}

/// Done when the process is asked to stop.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}
