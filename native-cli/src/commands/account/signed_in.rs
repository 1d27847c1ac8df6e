//! `selvedge account status`, `logout`, `devices` and `sessions`: what an accounts server knows of a signed-in device.

use std::fmt;

use selvedge_core::account::mozilla::{
    AccountState, AuthServer, Event, Problem, SessionState, account_exists, devices, session_state,
    sign_out,
};
use serde::Serialize;

use super::Done;
use crate::device::Device;
use crate::output::{Align, Table, printable};
use crate::signed_in::{find, kept};
use selvedge_host::USER_AGENT;
use selvedge_host::exit::Result;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: &'static str,
    email: String,
    uid: String,
    accounts: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Devices(Vec<DeviceRow>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRow {
    id: String,
    name: String,
    #[serde(rename = "type")]
    device_type: Option<String>,
    last_access_time: Option<u64>,
    receives_tabs: bool,
    this_device: bool,
}

#[derive(Debug, Serialize)]
struct Sessions(Vec<SessionRow>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionRow {
    name: String,
    client_id: Option<String>,
    device_id: Option<String>,
    created_time: Option<u64>,
    last_access_time: Option<u64>,
    this_session: bool,
}

pub(super) async fn status(device: &Device) -> Result<()> {
    let kept = kept(device)?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let connected = AccountState::Connected;
    let (state, advice) = match session_state(&server, &kept).await? {
        SessionState::Verified => (connected, None),
        SessionState::Unverified => (
            connected.after(&Event::Refused(Problem::SessionUnverified)),
            Some("this sign-in is not confirmed: run `selvedge account login` again"),
        ),
        SessionState::Ended if account_exists(&server, kept.email()).await? => (
            connected.after(&Event::Refused(Problem::SessionEnded)),
            Some(
                "this device was disconnected or the password was changed: run `selvedge account login` again; the records here stay",
            ),
        ),
        SessionState::Ended => (
            connected.after(&Event::Destroyed),
            Some(
                "the account was deleted: the records here stay; `selvedge account forget` removes its secrets",
            ),
        ),
    };
    let state = match state {
        AccountState::Connected => "connected",
        AccountState::SignedOut => "signed-out",
        _ => "auth-issues",
    };
    device.output.answer(&Status {
        state,
        email: kept.email().to_owned(),
        uid: kept.uid().to_owned(),
        accounts: kept.auth_url().to_owned(),
        device_id: kept.device_id().map(Into::into),
        advice,
    })
}

pub(super) async fn logout(device: &Device) -> Result<()> {
    let _lock = device.profile.lock()?;
    let kept = kept(device)?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    if let Err(error) = sign_out(&server, &kept).await {
        // The person wants to be signed out here in any case.
        device.output.note(format_args!(
            "the server did not end the session ({error}): remove this device in the account's settings"
        ));
    }
    device.forget_account()?;
    device.output.answer(&Done {
        done: "logout",
        server: Some(kept.auth_url().to_owned()),
        join_code: None,
        sync_key: None,
        unsent: None,
        dry_run: false,
        sentence: "Signed out. The records stay on this device and on the server.".into(),
    })
}

pub(super) async fn devices(device: &Device, all: bool, remove: Option<&str>) -> Result<()> {
    let kept = kept(device)?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let mut list = devices::list(&server, &kept, all || remove.is_some()).await?;
    if let Some(asked) = remove {
        let id = find(&list, asked)?.id.clone();
        devices::remove(&server, &kept, &id).await?;
        list.retain(|device| device.id != id);
    }
    let rows = list.into_iter().map(|device| DeviceRow {
        receives_tabs: device.can_receive_tabs(),
        id: device.id,
        name: device.name.unwrap_or_default(),
        device_type: device.device_type,
        last_access_time: device.last_access_time,
        this_device: device.is_current_device,
    });
    device.output.answer(&Devices(rows.collect()))
}

pub(super) async fn sessions(device: &Device) -> Result<()> {
    let kept = kept(device)?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let clients = devices::attached_clients(&server, &kept).await?;
    let rows = clients.into_iter().map(|client| SessionRow {
        name: client.name.unwrap_or_default(),
        client_id: client.client_id,
        device_id: client.device_id,
        created_time: client.created_time,
        last_access_time: client.last_access_time,
        this_session: client.is_current_session,
    });
    device.output.answer(&Sessions(rows.collect()))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "State      {}", self.state)?;
        writeln!(f, "Account    {}", printable(&self.email))?;
        writeln!(f, "Server     {}", printable(&self.accounts))?;
        match self.advice {
            Some(advice) => writeln!(f, "To do      {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            ("ID", Align::Left),
            ("NAME", Align::Left),
            ("TYPE", Align::Left),
            ("TABS", Align::Left),
            ("", Align::Left),
        ]);
        for row in &self.0 {
            table.row(vec![
                row.id.clone(),
                row.name.clone(),
                row.device_type.clone().unwrap_or_else(|| "-".into()),
                if row.receives_tabs { "yes" } else { "no" }.into(),
                if row.this_device { "this device" } else { "" }.into(),
            ]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("CLIENT", Align::Left),
            ("", Align::Left),
        ]);
        for row in &self.0 {
            table.row(vec![
                row.name.clone(),
                row.client_id.clone().unwrap_or_else(|| "-".into()),
                if row.this_session { "this session" } else { "" }.into(),
            ]);
        }
        write!(f, "{table}")
    }
}
