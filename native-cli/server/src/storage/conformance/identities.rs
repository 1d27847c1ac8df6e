//! Accounts of other issuers, and the entries of the accounts server.

use selvedge_core::time::ServerTime;

use super::case::{Checked, Open, Outcome, fails, outcome, same};
use crate::model::{
    Bounds, EntryChange, EntryKey, EntryKind, Expected, ExternalIdentity, KeyId, SecretHash,
};
use crate::storage::error::AccountError;
use crate::storage::open::Storage;
use crate::storage::wall_clock;

pub(super) async fn run(open: Open<'_>) -> Vec<Outcome> {
    let storage = open(Bounds::default());
    let mut outcomes = Vec::new();
    for (claim, checked) in [
        (
            "an external account is created once, moves to a newer key, and its generation never falls",
            external(&storage).await,
        ),
        (
            "an external account needs a valid invitation where one is given",
            invited(&storage).await,
        ),
        (
            "entries change together or not at all",
            conditions(&storage).await,
        ),
        (
            "of concurrent changes of one revision one succeeds",
            race(&storage).await,
        ),
        (
            "entries expire and are listed by owner",
            lists(&storage).await,
        ),
    ] {
        outcomes.push(outcome(claim, checked));
    }
    outcomes
}

const fn key(changed_at: u64, fill: u8) -> KeyId {
    KeyId {
        changed_at,
        fingerprint: [fill; 16],
    }
}

fn person(subject: &str) -> ExternalIdentity {
    ExternalIdentity {
        issuer: "https://issuer.example".to_owned(),
        subject: subject.to_owned(),
    }
}

async fn external(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let find = |key_id| accounts.external_account(person("a"), key_id);
    let failed = |error| fails("external account", &error);
    same("before", &find(key(1, 1)).await.map_err(failed)?, &None)?;
    for generation in [5, 9] {
        let made = accounts.create_external_account(person("a"), generation, key(1, 1), None);
        made.await.map_err(|error| fails("create", &error))?;
    }
    let found = find(key(1, 1)).await.map_err(failed)?.ok_or("not found")?;
    same(
        "generation and key",
        &(found.generation, found.account.key_id, found.is_replaced),
        &(5, key(1, 1), false),
    )?;
    for (generation, expected) in [(7, 7), (6, 7)] {
        let raised = accounts.raise_generation(person("a"), generation);
        raised.await.map_err(failed)?;
        let found = find(key(1, 1)).await.map_err(failed)?.ok_or("not found")?;
        same("generation", &found.generation, &expected)?;
    }
    let moved = accounts.rekey(found.account.clone(), key(2, 2)).await;
    let moved = moved.map_err(failed)?;
    let old = find(key(1, 1)).await.map_err(failed)?.ok_or("not found")?;
    same("replaced", &(old.account, old.is_replaced), &(moved, true))
}

async fn invited(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let invitation: SecretHash = [77; 32];
    let expires = ServerTime::from_hundredths(wall_clock::now().hundredths() + 100_000);
    let stored = accounts.invite(invitation, expires).await;
    stored.map_err(|error| fails("invite", &error))?;
    for (subject, result) in [("b", Ok(())), ("c", Err(AccountError::Uninvited))] {
        let made =
            accounts.create_external_account(person(subject), 0, key(1, 1), Some(invitation));
        same("create", &made.await, &result)?;
    }
    let unused = accounts.external_account(person("c"), key(1, 1)).await;
    same(
        "the uninvited",
        &unused.map_err(|error| fails("find", &error))?,
        &None,
    )
}

fn session(name: &str) -> EntryKey {
    EntryKey::new(EntryKind::Session, name)
}

fn put(name: &str, expected: Expected, value: u8) -> EntryChange {
    EntryChange::Put {
        key: session(name),
        expected,
        owner: "owner".to_owned(),
        expires: None,
        value: vec![value],
    }
}

async fn conditions(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let delete = |name, expected| EntryChange::Delete {
        key: session(name),
        expected,
    };
    for (number, (changes, done, one, two)) in [
        (vec![put("1", Expected::Absent, 1)], true, Some(1), None),
        (
            vec![put("2", Expected::Any, 2), put("1", Expected::Absent, 2)],
            false,
            Some(1),
            None,
        ),
        (
            vec![
                put("2", Expected::Absent, 2),
                put("1", Expected::Revision(1), 3),
            ],
            true,
            Some(3),
            Some(2),
        ),
        (
            vec![
                delete("2", Expected::Any),
                put("1", Expected::Revision(1), 4),
            ],
            false,
            Some(3),
            Some(2),
        ),
        (
            vec![
                delete("2", Expected::Present),
                EntryChange::UseInvitation([1; 32]),
            ],
            false,
            Some(3),
            Some(2),
        ),
        (vec![delete("2", Expected::Present)], true, Some(3), None),
        (vec![delete("2", Expected::Present)], false, Some(3), None),
        (vec![delete("2", Expected::Any)], true, Some(3), None),
    ]
    .into_iter()
    .enumerate()
    {
        let found = accounts.change_entries(changes).await;
        same(
            &format!("step {number}"),
            &found.map_err(|error| fails("change", &error))?,
            &done,
        )?;
        for (name, expected) in [("1", one), ("2", two)] {
            let found = accounts.entry(session(name)).await;
            let found = found.map_err(|error| fails("read", &error))?;
            let value = found.and_then(|entry| entry.value.first().copied());
            same(
                &format!("entry {name} after step {number}"),
                &value,
                &expected,
            )?;
        }
    }
    Ok(())
}

async fn race(storage: &Storage) -> Checked {
    let mut tasks = Vec::new();
    for value in 0..8 {
        let accounts = std::sync::Arc::clone(&storage.accounts);
        tasks.push(tokio::spawn(async move {
            accounts
                .change_entries(vec![put("race", Expected::Absent, value)])
                .await
        }));
    }
    let mut winners = 0;
    for task in tasks {
        let done = task.await.map_err(|error| fails("task", &error))?;
        winners += u32::from(done.map_err(|error| fails("change", &error))?);
    }
    same("winners", &winners, &1)
}

async fn lists(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let now = wall_clock::now().hundredths();
    let entry = |name: &str, owner: &str, expires: Option<u64>| EntryChange::Put {
        key: EntryKey::new(EntryKind::Device, name),
        expected: Expected::Absent,
        owner: owner.to_owned(),
        expires: expires.map(ServerTime::from_hundredths),
        value: Vec::new(),
    };
    let changes = vec![
        entry("b", "x", None),
        entry("a", "x", Some(now + 100_000)),
        entry("c", "x", Some(now.saturating_sub(1))),
        entry("d", "y", None),
    ];
    let done = accounts.change_entries(changes).await;
    same("put", &done.map_err(|error| fails("put", &error))?, &true)?;
    let names = async || {
        let found = accounts.entries("x".to_owned(), EntryKind::Device).await;
        found
            .map(|found| {
                found
                    .into_iter()
                    .map(|entry| entry.name)
                    .collect::<Vec<_>>()
            })
            .map_err(|error| fails("list", &error))
    };
    same(
        "owned",
        &names().await?,
        &vec!["a".to_owned(), "b".to_owned()],
    )?;
    let expired = accounts.entry(EntryKey::new(EntryKind::Device, "c")).await;
    same(
        "expired",
        &expired.map_err(|error| fails("read", &error))?,
        &None,
    )?;
    let owned = EntryChange::DeleteOwned {
        owner: "x".to_owned(),
        kind: EntryKind::Device,
    };
    let done = accounts.change_entries(vec![owned]).await;
    same(
        "delete",
        &done.map_err(|error| fails("delete", &error))?,
        &true,
    )?;
    same("after", &names().await?, &Vec::new())
}
