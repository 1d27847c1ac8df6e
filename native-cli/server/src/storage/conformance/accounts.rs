//! Accounts, invitations, and users of the dialect 1.1.

use selvedge_core::time::ServerTime;

use super::case::{Checked, Open, Outcome, fails, outcome, same};
use crate::model::{Bounds, KeyId, Node, SecretHash, UserChange};
use crate::storage::error::AccountError;
use crate::storage::open::Storage;
use crate::storage::wall_clock;

pub(super) async fn run(open: Open<'_>) -> Vec<Outcome> {
    let storage = open(Bounds::default());
    let mut outcomes = Vec::new();
    for (claim, checked) in [
        (
            "an invitation is valid once and until it expires",
            invitations(&storage).await,
        ),
        (
            "an account is found by its access token",
            lookup(&storage).await,
        ),
        ("a newer key moves an account", rekey(&storage).await),
        ("accounts have different uids", uids(&storage).await),
        ("a user is created once and changed", users(&storage).await),
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

const fn secret(number: u8) -> SecretHash {
    let mut secret = [0; 32];
    secret[0] = number;
    secret
}

async fn invitations(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let now = wall_clock::now().hundredths();
    // The invitation, when it expires, and the results of using it twice.
    for (number, expires, first) in [
        (1, Some(now + 100_000), true),
        (2, Some(now - 1), false),
        (3, None, false),
    ] {
        let invitation = secret(100 + number);
        if let Some(expires) = expires {
            let stored = accounts
                .invite(invitation, ServerTime::from_hundredths(expires))
                .await;
            stored.map_err(|error| fails("invite", &error))?;
        }
        for (try_number, expected) in [(0, first), (1, false)] {
            let token = secret(110 + 2 * number + try_number);
            let created = accounts
                .create_account(token, key(1, 1), Some(invitation))
                .await;
            let is_created = match created {
                Ok(_) => true,
                Err(AccountError::Uninvited) => false,
                Err(error) => return Err(fails("create", &error)),
            };
            same(
                &format!("invitation {number}, use {try_number}"),
                &is_created,
                &expected,
            )?;
            let found = accounts.account(token, key(1, 1)).await;
            let found = found.map_err(|error| fails("account", &error))?;
            same("the account exists", &found.is_some(), &expected)?;
        }
    }
    Ok(())
}

async fn lookup(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let created = accounts.create_account(secret(1), key(5, 1), None).await;
    let account = created.map_err(|error| fails("create", &error))?;
    same("key", &account.key_id, &key(5, 1))?;
    let found = accounts.account(secret(1), key(5, 1)).await;
    same("by its token", &found, &Ok(Some((account, false))))?;
    let found = accounts.account(secret(2), key(5, 1)).await;
    same("by another token", &found, &Ok(None))
}

async fn rekey(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let created = accounts.create_account(secret(10), key(5, 1), None).await;
    let first = created.map_err(|error| fails("create", &error))?;
    // A newer time with the same key keeps the uid; another key gets another one.
    let second = accounts.rekey(first.clone(), key(6, 1)).await;
    let second = second.map_err(|error| fails("rekey", &error))?;
    same("uid", &second.uid, &first.uid)?;
    let third = accounts.rekey(second.clone(), key(7, 2)).await;
    let third = third.map_err(|error| fails("rekey", &error))?;
    same("another uid", &(third.uid == first.uid), &false)?;
    same("key", &third.key_id, &key(7, 2))?;
    // The account changed meanwhile.
    let stale = accounts.rekey(second, key(8, 3)).await;
    same("a stale account", &stale, &Ok(third.clone()))?;
    for (fill, is_replaced) in [(1, true), (2, false), (3, false)] {
        let found = accounts.account(secret(10), key(9, fill)).await;
        same("replaced", &found, &Ok(Some((third.clone(), is_replaced))))?;
    }
    Ok(())
}

async fn uids(storage: &Storage) -> Checked {
    let mut uids = Vec::new();
    for number in 0..50 {
        let created = storage
            .accounts
            .create_account(secret(20 + number), key(1, 1), None)
            .await;
        uids.push(created.map_err(|error| fails("create", &error))?.uid);
    }
    uids.sort_unstable();
    uids.dedup();
    same("different uids", &uids.len(), &50)
}

async fn users(storage: &Storage) -> Checked {
    let accounts = &storage.accounts;
    let add = |name: &str, hash: &str| accounts.add_user(name.to_owned(), hash.to_owned());
    same("missing", &accounts.user("ann".into()).await, &Ok(None))?;
    same("created", &add("ann", "hash one").await, &Ok(true))?;
    same("taken", &add("ann", "hash two").await, &Ok(false))?;
    let user = accounts.user("ann".into()).await;
    let user = user.map_err(|error| fails("user", &error))?;
    let user = user.ok_or("the user is missing")?;
    same("password", &user.password.as_str(), &"hash one")?;
    let at = || Node::At("https://sync.example.org".into());
    for (change, password, node) in [
        (
            UserChange::Password("hash three".into()),
            "hash three",
            Node::Here,
        ),
        (UserChange::Node(at()), "hash three", at()),
        (UserChange::Node(Node::Nowhere), "hash three", Node::Nowhere),
        (UserChange::Node(Node::Here), "hash three", Node::Here),
    ] {
        let missing = accounts.change_user("bob".into(), change.clone()).await;
        same("change of a missing user", &missing, &Ok(false))?;
        same(
            "changed",
            &accounts.change_user("ann".into(), change).await,
            &Ok(true),
        )?;
        let found = accounts
            .user("ann".into())
            .await
            .map_err(|error| fails("user", &error))?;
        let found = found.map(|found| (found.uid, found.password, found.node));
        same("user", &found, &Some((user.uid, password.to_owned(), node)))?;
    }
    Ok(())
}
