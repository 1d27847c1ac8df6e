//! The owner of the store's records, checked before any of them is sent to a server.

use super::state::{CollectionState, DeviceState, GlobalState, write};
use crate::account::{Binding, Credentials, Owner, Source};
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Part, Store};
use crate::journal;
use crate::metadata::CollectionKeys;

/// The owner of the store's records, as the account sees it. Nothing is written.
///
/// # Errors
/// When the store cannot be read.
pub async fn owner<S: Store>(store: &S, credentials: &Credentials) -> Result<Owner> {
    let state = GlobalState::load(store).await?;
    Ok(judge(&state, credentials))
}

/// The fingerprint of the account whose records the store has; `None` if they belong to no account, and for stores of
/// older releases.
///
/// # Errors
/// When the store cannot be read.
pub async fn bound_to<S: Store>(store: &S) -> Result<Option<Binding>> {
    let state = GlobalState::load(store).await?;
    Ok(state.device.account)
}

/// Whether the store was synced with, or bound to, any account.
///
/// # Errors
/// When the store cannot be read.
pub async fn has_owner<S: Store>(store: &S) -> Result<bool> {
    let state = GlobalState::load(store).await?;
    Ok(state.device.account.is_some() || has_synced(&state))
}

/// Assigns the store's records to the account, unless they belong to another account.
///
/// # Errors
/// [`Error::OtherAccount`]; when the store cannot be read or written.
pub async fn bind<S: Store>(store: &S, credentials: &Credentials) -> Result<()> {
    let mut state = GlobalState::load(store).await?;
    if !judge(&state, credentials).may_sync() {
        return Err(Error::OtherAccount);
    }
    let binding = Some(Binding::of(credentials));
    if state.device.account == binding {
        return Ok(());
    }
    state.device.account = binding;
    state.save(store).await
}

/// Assigns the store's records to this account, regardless of their owner: the next sync compares them with the
/// account's records, and sends them. The state of the former account's server is discarded. Requires a person's
/// consent.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn adopt_records<S: Store>(store: &S, credentials: &Credentials) -> Result<()> {
    if owner(store, credentials).await?.may_sync() {
        return bind(store, credentials).await;
    }
    let state = GlobalState {
        device: DeviceState {
            account: Some(Binding::of(credentials)),
            ..DeviceState::default()
        },
        ..GlobalState::default()
    };
    let names = journal::collections(store).await?;
    let part = |name| Part {
        sweep: Some(BulkChange::Reset),
        state: Some(write(&CollectionState::default())),
        ..Part::new(name)
    };
    // Parts without writes are never stale.
    let _done = store
        .commit(Commit {
            parts: names.into_iter().map(part).collect(),
            global: Some(state.to_text()),
        })
        .await?;
    Ok(())
}

fn has_synced(state: &GlobalState) -> bool {
    state.server.key_id.is_some() || state.server.endpoint.is_some() || state.server.keys.is_some()
}

/// Judges by the fingerprint, or, for a store of an older release, by the stored state of the account that it was
/// synced with.
pub(super) fn judge(state: &GlobalState, credentials: &Credentials) -> Owner {
    if let Some(binding) = &state.device.account {
        return binding.judge(credentials);
    }
    if !has_synced(state) {
        return Owner::Unbound;
    }
    let has_key_id = |kid: &&str| !kid.is_empty() && state.server.key_id.as_deref() == Some(kid);
    let current = state.server.keys.iter().map(|keys| &keys.payload);
    let mut keys = current.chain(&state.device.former_keys);
    if credentials.kid.as_deref().filter(has_key_id).is_some()
        || keys.any(|payload| CollectionKeys::open(&credentials.sync_key, payload).is_ok())
    {
        return Owner::Same;
    }
    match &credentials.source {
        Source::Token(token) if state.server.endpoint.as_deref() == Some(&token.api_endpoint) => {
            Owner::SameUser
        }
        _ => Owner::Other,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use pollster::block_on;

    use super::*;
    use crate::host::MemoryStore;
    use crate::sync::state::ServerView;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn account(key: &str, fingerprint: &str) -> Credentials {
        let key = key.repeat(86);
        let json = format!(
            r#"{{"tokenserver_url":"https://sync.example.org","access_token":"{fingerprint}",
            "kid":"1-{fingerprint}","ksync_b64url":"{key}"}}"#
        );
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    fn storage(key: &str) -> Credentials {
        let key = key.repeat(86);
        let json = format!(
            r#"{{"api_endpoint":"https://node.example.org/1.5/7","id":"i","key":"k","uid":7,"hashalg":"sha256",
            "duration":3600,"ksync_b64url":"{key}"}}"#
        );
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_store_of_an_older_release_is_judged_by_what_it_knows() {
        let state = |key_id: Option<&str>, endpoint: Option<&str>| GlobalState {
            server: ServerView {
                key_id: key_id.map(ToString::to_string),
                endpoint: endpoint.map(ToString::to_string),
                ..ServerView::default()
            },
            ..GlobalState::default()
        };
        let node = Some("https://node.example.org/1.5/7");
        let rows = [
            (
                "never synced",
                state(None, None),
                account("A", "a"),
                Owner::Unbound,
            ),
            (
                "same key id",
                state(Some("1-a"), node),
                account("A", "a"),
                Owner::Same,
            ),
            (
                "another key id",
                state(Some("1-a"), node),
                account("Q", "b"),
                Owner::Other,
            ),
            (
                "no key id says nothing",
                state(Some(""), Some("x")),
                storage("A"),
                Owner::Other,
            ),
            (
                "same storage",
                state(Some(""), node),
                storage("A"),
                Owner::SameUser,
            ),
        ];
        for (name, state, credentials, expected) in rows {
            assert_eq!(judge(&state, &credentials), expected, "{name}");
        }
    }

    #[test]
    fn a_store_is_bound_once_and_then_only_adopted() {
        let store = MemoryStore::default();
        let (one, other) = (account("A", "a"), account("Q", "b"));
        block_on(async {
            assert_eq!(owner(&store, &one).await, Ok(Owner::Unbound));
            bind(&store, &one).await.unwrap();
            assert_eq!(owner(&store, &one).await, Ok(Owner::Same));
            assert_eq!(bind(&store, &other).await, Err(Error::OtherAccount));
            adopt_records(&store, &other).await.unwrap();
            assert_eq!(owner(&store, &other).await, Ok(Owner::Same));
            assert_eq!(bind(&store, &one).await, Err(Error::OtherAccount));
        });
    }
}
