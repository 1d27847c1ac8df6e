//! Whether a sync has something to do although the server has nothing new.

use super::clients;
use super::fetch::has_news;
use super::session::Session;
use super::state::CollectionState;
use crate::engines::{Engine, Merge};
use crate::error::Result;
use crate::host::Host;
use crate::metadata::{CollectionKeys, Where};
use crate::repository::has_outgoing;
#[cfg(feature = "whole-collections")]
use crate::repository::has_staged;

/// Whether there is more to do than info/collections shows: records to send, or records that an earlier sync saw but
/// did not fetch.
pub(super) async fn is_anything_waiting<H: Host>(session: &Session<'_, H>) -> Result<bool> {
    let meta = session
        .state
        .server
        .meta
        .as_ref()
        .map(|record| record.modified);
    let keys = session
        .state
        .server
        .keys
        .as_ref()
        .map(|record| record.modified);
    if meta.is_none() || meta != session.modified_of("meta") {
        return Ok(true);
    }
    if CollectionKeys::look(session.modified_of("crypto"), keys) != Where::Cache {
        return Ok(true);
    }
    if !session.state.device.choices.changes.is_empty()
        || session.state.device.first_sync.is_some()
        || clients::is_waiting(session)
    {
        return Ok(true);
    }
    for engine in session.options.engines {
        let name = engine.collection();
        if session
            .state
            .device
            .declined
            .iter()
            .any(|known| known == name.as_str())
        {
            continue;
        }
        let state = CollectionState::load(session.host, name).await?;
        if state.sync_id.is_none()
            || has_news(
                &state,
                session.modified_of(name.as_str()),
                session.client.latest_believable(),
            )
            || has_outgoing(session.host, name, &state.pair).await?
            || is_staged(session.host, &**engine).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether versions of a collection that is merged as a whole wait for the merge.
#[cfg_attr(
    not(feature = "whole-collections"),
    expect(unused_variables, reason = "only whole collections read the store")
)]
async fn is_staged<H: Host>(host: &H, engine: &dyn Engine) -> Result<bool> {
    match engine.merge() {
        Merge::PerRecord(_) => Ok(false),
        #[cfg(feature = "whole-collections")]
        Merge::WholeCollection(_) => has_staged(host, engine.collection()).await,
    }
}
