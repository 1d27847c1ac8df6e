//! The identities of the machines: unique, and reproducible with the seed.

use selvedge_santa::Machine;
use selvedge_santa::wire::ClientMode;
use sha2::{Digest as _, Sha256};

/// The models that the machines report.
const MODELS: [&str; 4] = ["VM-2-4", "VM-4-8", "VM-8-16", "VM-16-32"];

/// 32 bytes that are unique for a purpose, a machine and a number.
pub(super) fn digest(seed: u64, machine: u32, what: &str, number: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"selvedge fleet");
    hash.update(seed.to_be_bytes());
    hash.update(machine.to_be_bytes());
    hash.update(number.to_be_bytes());
    hash.update(what.as_bytes());
    hash.finalize().into()
}

/// The id of a machine: a UUID, because some servers require one.
pub(super) fn machine_id(seed: u64, machine: u32) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest(seed, machine, "machine", 0);
    // Version 8 (custom) and the RFC variant.
    let (g, i) = (g & 0x0f | 0x80, i & 0x3f | 0x80);
    let number = u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]);
    let hex = format!("{number:032X}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| hex.get(part).unwrap_or_default());
    parts.join("-")
}

/// The facts that a machine reports.
pub(super) fn machine(seed: u64, machine: u32) -> Machine {
    let [model, build, ..] = digest(seed, machine, "make", 0);
    let model = MODELS.get(usize::from(model) % MODELS.len());
    Machine {
        serial_number: format!("FLEET{seed:X}N{machine:06}"),
        hostname: format!("fleet-{machine:06}.invalid"),
        os_version: "13.1".into(),
        os_build: format!("6.12.{}", build % 64),
        model_identifier: model.copied().unwrap_or_default().into(),
        primary_user: user(machine),
        client_mode: Some(ClientMode::Monitor),
        ..Machine::default()
    }
}

/// The user of a machine.
pub(super) fn user(machine: u32) -> String {
    format!("user-{machine:06}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_uuids_and_reproducible() {
        let id = machine_id(1, 42);
        assert_eq!(id, machine_id(1, 42));
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(
            id.chars()
                .all(|c| c == '-' || c.is_ascii_digit() || c.is_ascii_uppercase())
        );
        assert_eq!(id.chars().nth(14), Some('8'), "{id}");
        assert!(
            matches!(id.chars().nth(19), Some('8' | '9' | 'A' | 'B')),
            "{id}"
        );
    }

    #[test]
    fn machine_ids_are_unique() {
        let ids: BTreeSet<String> = (0..3)
            .flat_map(|seed| (0..1000).map(move |number| machine_id(seed, number)))
            .collect();
        assert_eq!(ids.len(), 3000);
    }

    #[test]
    fn the_reported_facts_are_valid() {
        let machine = machine(1, 7);
        for text in [machine.serial_number, machine.hostname, machine.os_build] {
            assert!(!text.is_empty());
        }
        assert!(
            machine
                .os_version
                .split('.')
                .all(|part| part.parse::<u32>().is_ok())
        );
    }
}
