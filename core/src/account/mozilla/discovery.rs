//! Which servers belong to an account (`docs/protocol/firefox-sync.md` §1.1).

use alloc::format;
use alloc::string::String;
use core::cell::RefCell;

use serde::Deserialize;

use super::super::exchange::exchange;
use super::problem::{AccountError, Problem};
use crate::error::{Error, RequestLine};
use crate::host::Clock;
use crate::http::{Fetch, Method, Request};
use crate::server::{Observed, address};

/// The address of Mozilla's accounts.
pub const MOZILLA: &str = "https://accounts.firefox.com";

/// The servers of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// The auth server.
    pub auth: String,
    /// The token server of Sync.
    pub token_server: String,
}

impl Servers {
    /// Mozilla's.
    #[must_use]
    pub fn mozilla() -> Self {
        Self {
            auth: "https://api.accounts.firefox.com".into(),
            token_server: "https://token.services.mozilla.com".into(),
        }
    }
}

#[derive(Deserialize)]
struct Configuration {
    auth_server_base_url: String,
    sync_tokenserver_base_url: String,
}

/// The servers of the accounts at `content_url`, as it publishes them; Mozilla's need no request.
///
/// ```
/// use selvedge_core::account::mozilla::{AccountError, MOZILLA, Servers, discover};
/// use selvedge_core::{host::Clock, http::Fetch};
///
/// async fn servers<H: Fetch + Clock>(host: &H) -> Result<Servers, AccountError> {
///     discover(host, MOZILLA).await
/// }
/// ```
///
/// # Errors
/// When there is no such description at the address.
pub async fn discover<H: Fetch + Clock>(
    host: &H,
    content_url: &str,
) -> Result<Servers, AccountError> {
    const PATH: &str = ".well-known/fxa-client-configuration";
    let base = address::service(content_url)?;
    if base == MOZILLA {
        return Ok(Servers::mozilla());
    }
    let line = RequestLine::new(Method::Get, PATH);
    let mut request = Request::new(Method::Get, format!("{base}/{PATH}"));
    request.add_header("Accept", "application/json");
    let observed = RefCell::new(Observed::default());
    let answer = exchange(host, request, &observed, &line).await?;
    let status = answer.status;
    let found = crate::json::from_slice::<Configuration>(&answer.body);
    let (200, Ok(found)) = (status, found) else {
        return Err(Problem::NotGenuine { status }.into());
    };
    let check = |url: &str| {
        let url = address::service(url)?;
        address::check_named(&base, &url).map_err(|reason| Error::Answer {
            request: line.clone(),
            detail: reason.detail().into(),
        })?;
        Ok::<_, Error>(url)
    };
    Ok(Servers {
        auth: check(&found.auth_server_base_url)?,
        token_server: check(&found.sync_tokenserver_base_url)?,
    })
}
