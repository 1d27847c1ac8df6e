//! The collections to sync, and what is known of them without a request.

use std::collections::BTreeSet;

use selvedge_core::engines::Engine;
use selvedge_core::firefox::Owned;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::journal;
use selvedge_core::server::Conditional;
use selvedge_core::sync::{DeviceState, FirstPreview, GlobalState, Wish, turn};

use crate::device::{Device, global_state};
use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{NativeHost, engine_for};

/// The collections to sync.
pub(super) enum Selection {
    /// These collections.
    Named(Vec<CollectionName>),
    /// The collections that this device follows.
    Followed(Vec<CollectionName>),
    /// All collections of the account and of this device, and these. On a first sync the account's are only known after
    /// meta/global was read.
    All(Vec<CollectionName>),
}

impl Selection {
    pub(super) async fn new(
        device: &Device,
        host: &NativeHost,
        named: Vec<CollectionName>,
    ) -> Result<Self> {
        if !named.is_empty() {
            let known = known(host).await?.names;
            for name in &named {
                if !known.contains(name) {
                    look_on_server(device, name).await?;
                }
            }
            return Ok(Self::Named(named));
        }
        Ok(device
            .profile
            .settings()?
            .collections
            .map_or_else(|| Self::All(Vec::new()), Self::Followed))
    }

    /// The collections to which a first sync is limited; `None` for all.
    pub(super) fn chosen(&self) -> Option<&[CollectionName]> {
        match self {
            Self::Named(names) | Self::Followed(names) => Some(names),
            Self::All(_) => None,
        }
    }

    /// Adds the collections of a first sync.
    pub(super) fn include(&mut self, preview: &FirstPreview) {
        if let Self::All(names) = self {
            names.extend(preview.intent().collections);
        }
    }

    /// Rejects collections that were named but are declined.
    pub(super) async fn check(&self, host: &NativeHost) -> Result<()> {
        let Self::Named(names) = self else {
            return Ok(());
        };
        let off = known(host).await?.off;
        match names.iter().find(|name| off.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(HostError::Partial(format!(
                "{name} is declined for the whole account: run `selvedge engines enable {name}` first"
            ))),
        }
    }

    pub(super) async fn engines(&self, host: &NativeHost) -> Result<Vec<Box<dyn Engine>>> {
        let names = match self {
            Self::Named(names) | Self::Followed(names) => names.iter().cloned().collect(),
            Self::All(also) => {
                let Known { mut names, off } = known(host).await?;
                names.retain(|name| !off.contains(name));
                names.extend(also.iter().cloned());
                names
            }
        };
        let owned = owned(host).await?;
        let mut engines: Vec<Box<dyn Engine>> = Vec::new();
        for name in names {
            match (engine_for(name, &owned), self) {
                (Ok(engine), _) => engines.push(engine),
                (Err(error), Self::Named(_) | Self::Followed(_)) => return Err(error.into()),
                // The sync manages these itself.
                (Err(_), Self::All(_)) => {}
            }
        }
        engines.sort_by_key(|engine| turn(engine.collection().as_str()));
        Ok(engines)
    }
}

/// The records that are this device's own.
async fn owned(host: &NativeHost) -> Result<Owned> {
    let client = global_state(host).await?.device.clients.id;
    Ok(Owned {
        client: client.and_then(|id| RecordId::new(id.as_str()).ok()),
        ..Owned::default()
    })
}

/// The account's known collections, without a request.
struct Known {
    /// Those that this device has, or that the server had, in agreement with meta/global, when it was last read.
    names: BTreeSet<CollectionName>,
    /// Those that the account has declined, or that were disabled here.
    off: BTreeSet<CollectionName>,
}

async fn known(host: &NativeHost) -> Result<Known> {
    let GlobalState { server, device } = global_state(host).await?;
    let DeviceState {
        engines,
        declined,
        choices,
        ..
    } = device;
    let on_server = server.info.map(|info| info.collections).unwrap_or_default();
    let mut names: BTreeSet<_> = on_server
        .into_keys()
        .filter(|name| engines.contains_key(name.as_str()))
        .collect();
    names.extend(journal::collections(host).await?);
    let is_declined = |name: &CollectionName| declined.iter().any(|known| known == name.as_str());
    let mut off: BTreeSet<_> = names
        .iter()
        .filter(|name| is_declined(name))
        .cloned()
        .collect();
    for (name, change) in choices.changes {
        match change.wish {
            Wish::Enable => off.remove(&name),
            Wish::Disable | Wish::Decline => off.insert(name.clone()),
        };
        names.insert(name);
    }
    Ok(Known { names, off })
}

/// An unknown name is more likely a typing error than a new collection.
async fn look_on_server(device: &Device, name: &CollectionName) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let info = remote.client.info_collections(None).await?;
    if let Conditional::Changed { value, .. } = info
        && value.modified(name).is_none()
    {
        return Err(HostError::NotFound(format!(
            "neither this device nor the server has a collection {name}: `selvedge records put {name}` creates one"
        )));
    }
    Ok(())
}
