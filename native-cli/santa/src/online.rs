//! Whether this machine has a network: whether its kernel has a default route (spec §3.6).

use std::fs;

/// `RTF_UP`: the route is usable.
const UP: u32 = 1;

/// `RTF_REJECT`: the route rejects packets.
const REJECT: u32 = 0x200;

/// Whether an IPv4 or IPv6 default route exists. If the kernel provides neither table, the answer is yes.
#[must_use]
pub fn has_default_route() -> bool {
    let v4 = fs::read_to_string("/proc/net/route");
    let v6 = fs::read_to_string("/proc/net/ipv6_route");
    match (v4, v6) {
        (Err(_), Err(_)) => true,
        (v4, v6) => v4.is_ok_and(|table| has_v4(&table)) || v6.is_ok_and(|table| has_v6(&table)),
    }
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hex.
fn has_v4(table: &str) -> bool {
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, _, flags, _, _, _, mask, ..] = fields.as_slice() else {
            return false;
        };
        is_zero(destination) && is_zero(mask) && is_usable(flags)
    })
}

/// `destination length source length next-hop metric references use flags device`, numbers in hex.
fn has_v6(table: &str) -> bool {
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, _, _, _, _, flags, device] = fields.as_slice() else {
            return false;
        };
        is_zero(destination) && is_zero(length) && is_usable(flags) && *device != "lo"
    })
}

fn is_zero(hex: &str) -> bool {
    !hex.is_empty() && hex.bytes().all(|digit| digit == b'0')
}

fn is_usable(flags: &str) -> bool {
    let flags = u32::from_str_radix(flags, 16).unwrap_or_default();
    flags & UP != 0 && flags & REJECT == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn only_a_usable_default_route_counts() {
        for (line, expected) in [
            (
                "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
                true,
            ),
            (
                "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
                false,
            ),
            (
                "eth0\t00000000\t010011AC\t0002\t0\t0\t0\t00000000\t0\t0\t0",
                false,
            ),
            (
                "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0",
                false,
            ),
            ("eth0\t00000000", false),
            ("", false),
        ] {
            assert_eq!(has_v4(&format!("{HEADER}{line}\n")), expected, "{line}");
        }
    }

    #[test]
    fn the_ipv6_route_of_the_loopback_device_does_not_count() {
        let zeros = "0".repeat(32);
        let line = |flags: &str, device: &str| {
            format!("{zeros} 00 {zeros} 00 {zeros} 00000400 00000001 00000000 {flags} {device}\n")
        };
        assert!(has_v6(&line("00000003", "eth0")));
        assert!(!has_v6(&line("00200200", "lo")));
        assert!(!has_v6(&line("00000003", "lo")));
        assert!(!has_v6("nothing"));
    }
}
