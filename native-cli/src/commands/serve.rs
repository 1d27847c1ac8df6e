//! `selvedge serve`: the embedded server, invitations to it, and its users of dialect 1.1.

mod firefox_setup;
mod maintenance;
mod running;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use selvedge_core::server::Dialect;
use serde::Serialize;
use zeroize::Zeroizing;

use self::firefox_setup::{FirefoxSetupArgs, firefox_setup, sign_in};
use self::maintenance::{BackupArgs, CompactArgs, back_up, make_small};
pub(crate) use self::running::stopped;
use crate::commands::secret::secret;
use crate::output::Output;
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_server::announcement::Announcement;
use selvedge_server::model::Limits;
use selvedge_server::{
    AdminError, DEFAULT_QUOTA_BYTES, Location, NewNode, Options, Registration, ServeError, Server,
    UserError, add_user, change_password, invite, move_user, www,
};

/// Run a sync server.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  selvedge serve --listen 127.0.0.1:8090 --data ~/selvedge-server\n  selvedge account create --server http://127.0.0.1:8090\n  selvedge serve --www --listen 127.0.0.1:8090 --data :memory:\n\n\
                  Behind a reverse proxy:\n  \
                  Pass --public-url with the URL that clients use: requests are signed for its host, port and path.\n  \
                  The proxy must forward path and query unchanged, the header Authorization, all headers that begin with\n  \
                  X-, and bodies of --max-request-bytes: nginx has a limit of 1 MiB without `client_max_body_size 3m;`.\n  \
                  It does not have to forward Host.\n\n\
                  Signals:\n  \
                  SIGHUP reloads the certificate, its key and the file of allowed origins. SIGTERM stops after open requests."
)]
pub struct ServeArgs {
    #[command(subcommand)]
    command: Option<ServeCommand>,
    #[command(flatten)]
    server: ServerArgs,
}

impl ServeArgs {
    /// Whether this runs the server, not one of its tools.
    pub(crate) const fn is_server(&self) -> bool {
        self.command.is_none()
    }
}

#[derive(Debug, Subcommand)]
enum ServeCommand {
    /// Print an invitation for one new account.
    Invite(InviteArgs),
    /// Print what to set in a Firefox so that it syncs with this server.
    FirefoxSetup(FirefoxSetupArgs),
    /// Copy the database to a new file; the server may be running.
    Backup(BackupArgs),
    /// Return the space of deleted records to the file system.
    Compact(CompactArgs),
    /// Add or change a user of the storage API 1.1, with a name and a password.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user, and print the name that clients send.
    #[command(
        after_help = "Example:\n  selvedge serve user add alice --data ~/selvedge-server --password-file password.txt"
    )]
    Add {
        #[command(flatten)]
        who: WhoArgs,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Change a user's password; the records stay.
    #[command(
        after_help = "Example:\n  selvedge serve user password alice --data ~/selvedge-server --password-file password.txt"
    )]
    Password {
        #[command(flatten)]
        who: WhoArgs,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Redirect a user's devices to a storage on another server; the records here stay.
    #[command(
        after_help = "Example:\n  selvedge serve user move alice --data ~/selvedge-server --node https://sync.example.org"
    )]
    Move {
        #[command(flatten)]
        who: WhoArgs,
        #[command(flatten)]
        to: NodeArgs,
    },
}

#[derive(Debug, Args)]
struct WhoArgs {
    /// The user's name or e-mail address.
    name: String,
    /// The server's data directory; the server may be running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PasswordArgs {
    /// A file with the password, or `-` for stdin [default: a prompt on the terminal].
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NodeArgs {
    /// The URL of the server that now has the storage.
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// No server for now: devices retry later.
    #[arg(long)]
    nowhere: bool,
    /// This server again.
    #[arg(long)]
    here: bool,
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
    /// The address to listen on; port 0 selects a free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The version of the storage API: 1.1 is for older clients; `serve user add` adds their users.
    #[arg(long, value_name = "VERSION", default_value = "1.5", value_parser = dialect())]
    dialect: Dialect,
    /// The directory of the database, or :memory: to keep nothing.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The file with the secret that signs storage tokens: its bytes without a final line ending, at least 16. It is
    /// created if it is missing [default: master-secret in the data directory].
    #[arg(long, value_name = "F")]
    master_secret_file: Option<PathBuf>,
    /// The URL of the reverse proxy that clients connect to; new accounts then need an invitation.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Also run an accounts server: people sign in with an e-mail address or a name and a password, and this says who may
    /// register.
    #[arg(long, value_name = "WHO", value_parser = registration())]
    registration: Option<Registration>,
    /// An accounts server whose access tokens are accepted, like https://accounts.firefox.com. Can be repeated. Its users
    /// need an invitation (`serve firefox-setup --invite`) or one of the two options below.
    #[arg(long, value_name = "URL")]
    issuer: Vec<String>,
    /// The audience that tokens of --issuer must name [default: any, because Mozilla's tokens name Mozilla's server].
    #[arg(long, value_name = "TEXT", requires = "issuer")]
    audience: Option<String>,
    /// Admit the user of --issuer with this e-mail address without an invitation. Can be repeated. It works with issuers
    /// that tell the address of a token's owner; https://accounts.firefox.com does not.
    #[arg(long, value_name = "ADDRESS", requires = "issuer")]
    allow_email: Vec<String>,
    /// Admit the user of --issuer with this id without an invitation. Can be repeated. The server writes the id of each
    /// user that it refuses to stderr.
    #[arg(long, value_name = "ID", requires = "issuer")]
    allow_uid: Vec<String>,
    /// The certificate chain for TLS, as PEM. A self-signed one must not be that of a certificate authority (CA:FALSE).
    #[arg(long, value_name = "F", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM.
    #[arg(long, value_name = "F", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The maximum number of bytes per request body.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_request_bytes, value_parser = at_least_one())]
    max_request_bytes: u64,
    /// The maximum number of records per POST.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_post_records, value_parser = at_least_one())]
    max_post_records: u64,
    /// The maximum number of bytes of payloads per POST.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_post_bytes, value_parser = at_least_one())]
    max_post_bytes: u64,
    /// The maximum number of records per batch.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_total_records, value_parser = at_least_one())]
    max_total_records: u64,
    /// The maximum number of bytes of payloads per batch.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_total_bytes, value_parser = at_least_one())]
    max_total_bytes: u64,
    /// The maximum number of bytes per payload.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_record_payload_bytes, value_parser = at_least_one())]
    max_record_payload_bytes: u64,
    /// The maximum number of bytes that one user may store, including open batches; 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_QUOTA_BYTES)]
    quota_bytes: u64,
    /// The maximum number of records per page of a download, if the API has pages [default: as many as the client asks for].
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    max_page_records: Option<u64>,
    /// An origin whose web pages may access this server, like https://app.example.org or moz-extension://ID; * allows
    /// all origins. Can be repeated. The page of --www does not need it.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// A file with more origins, one per line.
    #[arg(long, value_name = "F")]
    allow_origins_file: Option<PathBuf>,
    /// Also serve the web page in DIR: a reading list in the browser that shows the network traffic [default for DIR: www in
    /// the current directory, or share/selvedge/www next to the program's directory].
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    www: Option<Option<PathBuf>>,
    /// Write one line per request to stderr.
    #[arg(long)]
    log: bool,
}

fn dialect() -> impl clap::builder::TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(["1.5", "1.1"]).map(|version| match version.as_str() {
        "1.1" => Dialect::V1_1,
        _ => Dialect::V1_5,
    })
}

fn registration() -> impl clap::builder::TypedValueParser<Value = Registration> {
    PossibleValuesParser::new(["closed", "invite", "open"]).map(|who| match who.as_str() {
        "open" => Registration::Open,
        "invite" => Registration::Invite,
        _ => Registration::Closed,
    })
}

fn at_least_one() -> clap::builder::RangedU64ValueParser<u64> {
    // SQLite's integers have 63 bits.
    clap::value_parser!(u64).range(1..=1 << 62)
}

/// A new invitation.
#[derive(Serialize)]
struct Invitation {
    /// A secret.
    invitation: Zeroizing<String>,
    /// Hours until it expires.
    hours: u64,
}

/// A user who was added or changed.
#[derive(Serialize)]
struct Changed {
    /// The action, in a word.
    done: &'static str,
    /// The name that clients send.
    username: String,
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.invitation)
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.username)
    }
}

/// Runs the server until SIGINT or SIGTERM, or runs a subcommand.
///
/// # Errors
/// When the server cannot start, or the invitation or the user cannot be stored.
pub async fn run(output: Output, args: ServeArgs) -> Result<()> {
    match args.command {
        Some(ServeCommand::Invite(args)) => {
            output.answer(&invitation(args).await.map_err(refused)?)
        }
        Some(ServeCommand::FirefoxSetup(args)) => {
            output.answer(&firefox_setup(args).await.map_err(refused)?)
        }
        Some(ServeCommand::Backup(args)) => output.answer(&back_up(args).map_err(refused)?),
        Some(ServeCommand::Compact(args)) => {
            output.answer(&make_small(args).await.map_err(refused)?)
        }
        Some(ServeCommand::User(command)) => output.answer(&user(&output, command).await?),
        None => serve(args.server).await.map_err(refused),
    }
}

fn refused(error: ServeError) -> HostError {
    let exit = match &error {
        ServeError::Unprotected(_)
        | ServeError::PublicUrl
        | ServeError::Origin(_)
        | ServeError::Issuer(_)
        | ServeError::Url(_) => Exit::Usage,
        ServeError::Www(www::NoPage::Dialect) => Exit::Usage,
        ServeError::Www(_) => Exit::NotFound,
        ServeError::Admin(AdminError::InUse { .. }) => Exit::Conflict,
        ServeError::Admin(
            AdminError::Data { .. } | AdminError::Backup { .. } | AdminError::Invite(_),
        )
        | ServeError::Secret { .. }
        | ServeError::LocalToken { .. }
        | ServeError::OriginsFile { .. } => Exit::Storage,
        _ => Exit::Failed,
    };
    HostError::Refused {
        message: error.to_string(),
        exit,
    }
}

fn user_refused(error: UserError) -> HostError {
    let exit = match &error {
        UserError::Name(_) | UserError::Password | UserError::Node | UserError::Exists(_) => {
            Exit::Usage
        }
        UserError::Unknown(_) => Exit::NotFound,
        UserError::Data { .. } | UserError::Storage(_) => Exit::Storage,
        _ => Exit::Failed,
    };
    HostError::Refused {
        message: error.to_string(),
        exit,
    }
}

async fn user(output: &Output, command: UserCommand) -> Result<Changed> {
    let data = |who: &WhoArgs| who.data.clone().unwrap_or_else(default_data);
    let read = |args: &PasswordArgs| {
        let file = args.password_file.as_deref();
        secret(output, file, "Password", "--password-file")
    };
    let (done, changed) = match &command {
        UserCommand::Add { who, password } => (
            "add",
            add_user(data(who), &who.name, &read(password)?).await,
        ),
        UserCommand::Password { who, password } => (
            "password",
            change_password(data(who), &who.name, &read(password)?).await,
        ),
        UserCommand::Move { who, to } => {
            let node = match &to.node {
                Some(url) => NewNode::At(url.clone()),
                None if to.nowhere => NewNode::Nowhere,
                None => NewNode::Here,
            };
            ("move", move_user(data(who), &who.name, node).await)
        }
    };
    Ok(Changed {
        done,
        username: changed.map_err(user_refused)?,
    })
}

async fn invitation(args: InviteArgs) -> Result<Invitation, ServeError> {
    let hours = u64::from(args.expires);
    let life = Duration::from_secs(hours * 3600);
    Ok(Invitation {
        invitation: invite(args.data.unwrap_or_else(default_data), life).await?,
        hours,
    })
}

async fn serve(args: ServerArgs) -> Result<(), ServeError> {
    let data = match args.data {
        Some(data) if data.as_os_str() == ":memory:" => Location::Memory,
        Some(data) => Location::Directory(data),
        None => Location::Directory(default_data()),
    };
    let www = match &args.www {
        Some(_) if args.dialect == Dialect::V1_1 => return Err(www::NoPage::Dialect.into()),
        Some(named) => Some(www::find(named.as_deref())?),
        None => None,
    };
    let has_page = www.is_some();
    let registration = args.registration;
    let server = Server::bind(Options {
        listen: args.listen,
        dialect: args.dialect,
        data: data.clone(),
        master_secret_file: args.master_secret_file,
        public_url: args.public_url,
        accounts: registration,
        issuers: args.issuer,
        audience: args.audience,
        allow_emails: args.allow_email,
        allow_uids: args.allow_uid,
        tls: args.tls_cert.zip(args.tls_key),
        limits: Limits {
            max_request_bytes: args.max_request_bytes,
            max_post_records: args.max_post_records,
            max_post_bytes: args.max_post_bytes,
            max_total_records: args.max_total_records,
            max_total_bytes: args.max_total_bytes,
            max_record_payload_bytes: args.max_record_payload_bytes,
        },
        quota_bytes: Some(args.quota_bytes).filter(|&bytes| bytes > 0),
        max_page_records: args.max_page_records,
        allow_origins: args.allow_origin,
        allow_origins_file: args.allow_origins_file,
        www,
        log_requests: args.log,
    })
    .await?;
    // Without the announcement, accounts on this machine need an invitation too.
    let _announcement = match &data {
        Location::Directory(directory) if server.addr().ip().is_loopback() => {
            Announcement::make(server.addr(), directory).ok()
        }
        _ => None,
    };
    #[cfg(unix)]
    if let Err(error) = running::reload_at_hangup(server.reload()) {
        eprintln!("selvedge serve: SIGHUP is not handled: {error}");
    }
    eprintln!("selvedge serve: listening on {}", server.public_url());
    for warning in server.warnings() {
        eprintln!("selvedge serve: {warning}");
    }
    if registration.is_some() {
        eprintln!("selvedge serve: {}", sign_in(server.public_url()));
    }
    if has_page {
        // With an accounts server, its page is the first one.
        let page = registration.map_or("", |_| "index.html");
        eprintln!(
            "selvedge serve: the page is at {}/{page}; {}",
            server.public_url(),
            invited(&server, &data).await?
        );
    }
    server.run(stopped()).await;
    eprintln!("selvedge serve: stopped");
    Ok(())
}

/// Instructions for a user of the page to get an account.
async fn invited(server: &Server, data: &Location) -> Result<String, ServeError> {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    let url = server.public_url();
    if !server.invitation_needed() {
        return Ok(format!(
            "create an account there, or join with the code of `selvedge account create --server {url}`"
        ));
    }
    Ok(match data {
        Location::Directory(directory) => format!(
            "a new account needs an invitation: `selvedge serve invite --data {}`",
            directory.display()
        ),
        // No other process can create an invitation.
        Location::Memory => format!(
            "this invitation makes one account there: {}",
            server.invite(WEEK).await?.as_str()
        ),
    })
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
