//! `selvedge account login`: signs in to an accounts server.

use std::path::Path;
use std::time::Duration;

use selvedge_core::account::mozilla::{
    AccountError, AuthServer, Kept, Login, Problem, Servers, Verification, connect, devices,
    discover, login, send_unblock_code, verify,
};
use selvedge_core::account::{Binding, Credentials, Owner};

use super::grammar::LoginArgs;
use super::{Done, New, keep, protection, records, replace};
use crate::commands::secret::{secret, visible};
use crate::device::Device;
use crate::output::printable;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{NativeHost, USER_AGENT};

type Server<'h> = AuthServer<'h, NativeHost<()>>;

/// How often a code may be entered.
const CODE_ATTEMPTS: u32 = 3;
/// How often, and with which pause in seconds, the server is asked whether a link was opened: ten minutes.
const LINK_POLLS: u32 = 120;
const LINK_PAUSE: u64 = 5;

/// Signs in, and stores what a sync needs.
///
/// # Errors
/// When the server refuses, with what to do; when the profile has another account.
pub(super) async fn run(device: &Device, args: &LoginArgs) -> Result<()> {
    let _lock = device.profile.lock()?;
    let new = New {
        name: args.device_name.as_deref(),
        choice: args.choice,
        protection: protection(args.keyring),
        dry_run: false,
    };
    new.check_keyring(device)?;
    // A damaged one is replaced by this sign-in.
    let before = device.kept().ok().flatten();
    let email = match (&args.email, &before) {
        (Some(email), _) => email.clone(),
        (None, Some(kept)) => kept.email().to_owned(),
        (None, None) => visible(&device.output, "e-mail address")?,
    };
    let host = device.network();
    let Servers { auth, token_server } = discover(&host, &args.accounts).await?;
    let token_server = args.token_server.as_deref().unwrap_or(&token_server);
    let server = AuthServer::new(&host, &auth, Some(USER_AGENT.into()))?;
    let stdin = args.password_stdin.then(|| Path::new("-"));
    let file = args.password_file.as_deref().or(stdin);
    let password = secret(&device.output, file, "Password", "--password-file")?;
    device
        .output
        .note("Deriving the keys from the password; this takes a few seconds on slow machines.");
    let signed = enter(device, &server, &email, &password).await?;
    let (credentials, mut kept) = confirm(device, &server, &signed, args, token_server).await?;
    check_same_account(device, &credentials, before.as_ref(), &kept)?;
    let decided = records::look(device, Some(&credentials), new.choice, false).await?;
    if let Some(before) = before.as_ref().filter(|before| before.uid() == kept.uid()) {
        kept.take_device_of(before);
    }
    keep(device, &credentials, new, decided).await?;
    device.keep_kept(&kept)?;
    replace::forget_refusal(device).await?;
    register(device, &server, &mut kept, &credentials).await?;
    device.output.answer(&Done {
        done: "login",
        server: Some(credentials.server().to_owned()),
        join_code: None,
        sync_key: None,
        unsent: None,
        dry_run: false,
        sentence: format!(
            "Signed in as {}; `selvedge sync` downloads the account's records.",
            printable(kept.email())
        ),
    })
}

/// The login, with a code by mail if it is blocked.
async fn enter(device: &Device, server: &Server<'_>, email: &str, password: &str) -> Result<Login> {
    match login(server, email, password, None).await {
        Err(AccountError::Problem(problem)) if problem.can_unblock() => {
            send_unblock_code(server, email).await?;
            device.output.note(format_args!(
                "The server blocked this sign-in and sent a code to {}.",
                printable(email)
            ));
            let code = secret(&device.output, None, "Unblock code", "stdin")?;
            Ok(login(server, email, password, Some(code.trim())).await?)
        }
        login => Ok(login?),
    }
}

/// Answers the second factor, and gets keys and tokens.
async fn confirm(
    device: &Device,
    server: &Server<'_>,
    signed: &Login,
    args: &LoginArgs,
    token_server: &str,
) -> Result<(Credentials, Kept)> {
    let connected = || connect(server, signed, &args.client_id, token_server);
    let what = match signed.verification() {
        None => return Ok(connected().await?),
        Some(Verification::EmailLink) => {
            device
                .output
                .note("Open the link in the mail that the server has sent; waiting for it.");
            for _ in 0..LINK_POLLS {
                match connected().await {
                    Err(AccountError::Problem(Problem::SessionUnverified)) => {
                        tokio::time::sleep(Duration::from_secs(LINK_PAUSE)).await;
                    }
                    connected => return Ok(connected?),
                }
            }
            return Err(Problem::SessionUnverified.into());
        }
        Some(Verification::Totp) => "Code of the authenticator app, or a recovery code",
        Some(Verification::EmailCode) => "Code from the mail that the server has sent",
    };
    let mut attempt = 1;
    loop {
        let code = secret(&device.output, None, what, "stdin")?;
        match verify(server, signed, code.trim()).await {
            Err(AccountError::Problem(
                problem @ (Problem::WrongCode | Problem::WrongRecoveryCode),
            )) if attempt < CODE_ATTEMPTS => {
                device.output.note(&problem);
                attempt += 1;
            }
            verified => {
                verified?;
                return Ok(connected().await?);
            }
        }
    }
}

/// The records of two accounts must not be mixed.
fn check_same_account(
    device: &Device,
    new: &Credentials,
    before: Option<&Kept>,
    kept: &Kept,
) -> Result<()> {
    let is_same_user = before.is_some_and(|before| before.uid() == kept.uid());
    match device.credentials_if_there()? {
        Some(old) if !is_same_user && Binding::of(&old).judge(new) == Owner::Other => {
            Err(HostError::AccountDiffers)
        }
        _ => Ok(()),
    }
}

/// Adds this device to the account's devices. The sign-in is complete without it.
async fn register(
    device: &Device,
    server: &Server<'_>,
    kept: &mut Kept,
    credentials: &Credentials,
) -> Result<()> {
    let name = device.own_client()?.name;
    let kid = credentials.kid.as_deref().unwrap_or_default();
    match devices::register(server, kept, &credentials.sync_key, kid, &name).await {
        Ok(()) => device.keep_kept(kept),
        Err(error) => {
            device.output.note(format_args!(
                "this device is not in the account's list of devices yet: {error}"
            ));
            Ok(())
        }
    }
}
