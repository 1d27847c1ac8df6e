//! `selvedge santa serve`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use selvedge_santa::wire::Token;
use serde::Serialize;

use crate::commands::serve::stopped;
use crate::output::{Output, printable};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_santa_host::push::{NatsConfig, PushError};
use selvedge_santa_host::serve::{
    ConfigStoreError, Problem, ServeConfig, ServeError, Severity, Source, XsrfOptions, check, start,
};

/// Arguments of `santa serve`.
#[derive(Debug, Args)]
#[command(
    long_about = "Run a small server for tests and trials.\n\nIts configuration is moroz's TOML: one file for all machines, or a directory with global.toml and <id>.toml. Changed files are reloaded. It supports additional keys: sync_type, disable_unknown_event_upload, push_notification_full_sync_interval, push_notification_global_rule_sync_deadline, event_detail_url, event_detail_text, override_file_access_action, and for rules cel_expr and notification_app_name. The URL for machines is http://ADDR/v1/santa. http://ADDR/ shows the status of machines and their rules as JSON, without authentication. With --push, a change of the configuration is published on a subject of a NATS server, so that machines with this subject in [selvedge.push] of santa.toml sync.",
    after_help = "Example:\n  selvedge santa serve --config rules.toml --check\n  selvedge santa serve --config rules.toml --listen 127.0.0.1:8080 --event-log events.jsonl"
)]
pub struct ServeArgs {
    /// The configuration file, or a directory of configuration files.
    #[arg(long, value_name = "PATH")]
    config: PathBuf,
    /// Only check the configuration, and print problems with line numbers.
    #[arg(long)]
    check: bool,
    /// The address to listen on; port 0 selects a free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The certificate chain for TLS, as PEM.
    #[arg(long, value_name = "F", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM.
    #[arg(long, value_name = "F", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Append the events to this file, one JSON line each, without duplicates [default: events are only counted].
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// Rules per page.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    page_size: u32,
    /// Require an XSRF token.
    #[arg(long)]
    xsrf: bool,
    /// The request header of the token [default: X-XSRF-TOKEN].
    #[arg(long, value_name = "NAME", requires = "xsrf")]
    xsrf_header: Option<String>,
    /// The lifetime of a token in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3600,
        requires = "xsrf"
    )]
    xsrf_life: u64,
    /// Publish changes of the configuration on this NATS server: tls://HOST:4222, or nats:// on this machine.
    #[arg(long, value_name = "URL")]
    push: Option<String>,
    /// The subject of push messages; can be repeated.
    #[arg(
        long,
        value_name = "SUBJECT",
        default_value = "santa.tag.all",
        requires = "push"
    )]
    push_subject: Vec<String>,
    /// The credentials file for the NATS server, as created by `nsc generate creds`.
    #[arg(long, value_name = "F", requires = "push")]
    push_credentials: Option<PathBuf>,
    /// Write one line per request to stderr.
    #[arg(long)]
    log: bool,
}

/// The problems of a configuration.
#[derive(Serialize)]
struct Checked {
    problems: Vec<Problem>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}", printable(&problem.to_string()))?;
        }
        if self.problems.is_empty() {
            writeln!(f, "no problems found")?;
        }
        Ok(())
    }
}

/// Runs the server until SIGINT or SIGTERM, or checks the configuration.
///
/// # Errors
/// When the server cannot start, or the configuration cannot be used.
pub async fn run(output: Output, args: ServeArgs) -> Result<()> {
    let problems = check(&args.config).map_err(config_store_error)?;
    if args.check {
        return checked(output, problems);
    }
    for problem in problems.iter().filter(|p| p.weight == Severity::Warning) {
        output.note(printable(&problem.to_string()));
    }
    let push = match args.push {
        Some(server) => Some(NatsConfig {
            server,
            credentials: args.push_credentials.as_deref().map(read).transpose()?,
            subjects: args.push_subject,
            ..NatsConfig::default()
        }),
        None => None,
    };
    let running = start(ServeConfig {
        listen: args.listen,
        source: Source::Path(args.config),
        page_size: usize::try_from(args.page_size).unwrap_or(usize::MAX),
        event_log: args.event_log,
        tls: args.tls_cert.zip(args.tls_key),
        xsrf: args.xsrf.then(|| XsrfOptions {
            header: args.xsrf_header,
            life: Duration::from_secs(args.xsrf_life),
        }),
        log_requests: args.log,
        push,
    })
    .await
    .map_err(refused)?;
    eprintln!("selvedge santa serve: listening on {}", running.url());
    stopped().await;
    running.stop().await;
    eprintln!("selvedge santa serve: stopped");
    Ok(())
}

fn read(path: &Path) -> Result<Token> {
    let text = std::fs::read_to_string(path).map_err(HostError::file(path))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(Token::from(text))
}

fn checked(output: Output, problems: Vec<Problem>) -> Result<()> {
    let errors = problems
        .iter()
        .filter(|p| p.weight == Severity::Error)
        .count();
    output.answer(&Checked { problems })?;
    match errors {
        0 => Ok(()),
        errors => Err(HostError::Usage(format!(
            "the configuration is invalid: fix the errors above ({errors})"
        ))),
    }
}

fn config_store_error(error: ConfigStoreError) -> HostError {
    match error {
        ConfigStoreError::File(path, source) => HostError::File { path, source },
        error => HostError::Usage(error.to_string()),
    }
}

fn refused(error: ServeError) -> HostError {
    let exit = match error {
        ServeError::Configuration(error) => return config_store_error(error),
        ServeError::Push(PushError::Configuration(_)) => Exit::Usage,
        ServeError::Push(PushError::Unreachable(_) | PushError::Tls(_)) => Exit::Offline,
        ServeError::Unprotected(_) | ServeError::Header(_) | ServeError::PageSize => Exit::Usage,
        ServeError::EventLog(..) => Exit::Storage,
        _ => Exit::Failed,
    };
    HostError::Refused {
        message: error.to_string(),
        exit,
    }
}
