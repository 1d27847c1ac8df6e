//! Host names: international names in the ASCII form that is sent and signed (RFC 3492), and detection of private
//! hosts.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

const MAX_LABEL_BYTES: usize = 63;

/// The ASCII form of a host, in lower case; IPv6 addresses keep their brackets. `None` if it is not a valid host.
///
/// International names are converted to lower case and encoded label by label. The additional mappings of UTS 46
/// (compatibility forms) are not applied: the user must enter the mapped name.
pub(super) fn to_ascii(host: &str) -> Option<String> {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']')?;
        let is_address = address
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
        return (is_address && address.contains(':')).then(|| host.to_ascii_lowercase());
    }
    let mut ascii = String::new();
    // The ideographic full stops are dots too.
    for (at, label) in host
        .split(['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'])
        .enumerate()
    {
        if at > 0 {
            ascii.push('.');
        }
        let start = ascii.len();
        let label: Vec<char> = label.chars().flat_map(char::to_lowercase).collect();
        if label.is_ascii_text() {
            ascii.extend(&label);
        } else if label
            .iter()
            .all(|c| c.is_alphanumeric() || *c == '-' || !c.is_ascii() && is_mark(*c))
        {
            ascii.push_str("xn--");
            punycode(&label, &mut ascii)?;
        } else {
            return None;
        }
        if ascii.len() - start > MAX_LABEL_BYTES {
            return None;
        }
    }
    // A single dot at the end is the DNS root.
    let labels = ascii.strip_suffix('.').unwrap_or(&ascii);
    let is_whole = !labels.is_empty() && labels.split('.').all(|label| !label.is_empty());
    is_whole.then_some(ascii)
}

/// Combining marks, which names in many scripts need: in the blocks of combining marks and between U+0300 and U+0DFF.
const fn is_mark(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0487}' | '\u{0591}'..='\u{05C7}' | '\u{0610}'..='\u{061A}'
        | '\u{064B}'..='\u{065F}' | '\u{0900}'..='\u{0DFF}' | '\u{0E31}'..='\u{0EDF}' | '\u{3099}' | '\u{309A}')
}

trait Label {
    fn is_ascii_text(&self) -> bool;
}

impl Label for [char] {
    /// Letters, digits, hyphens, and the underscore that some networks use.
    fn is_ascii_text(&self) -> bool {
        self.iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    }
}

/// Appends a label in the encoding of RFC 3492, section 6.3.
fn punycode(label: &[char], out: &mut String) -> Option<()> {
    const BASE: u32 = 36;
    const T_MIN: u32 = 1;
    const T_MAX: u32 = 26;
    let ascii: String = label.iter().filter(|c| c.is_ascii()).collect();
    let mut handled = u32::try_from(ascii.len()).ok()?;
    let basic = handled;
    out.push_str(&ascii);
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias) = (0x80_u32, 0_u32, 72_u32);
    let length = u32::try_from(label.len()).ok()?;
    while handled < length {
        let next = label
            .iter()
            .map(|c| u32::from(*c))
            .filter(|c| *c >= n)
            .min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for character in label.iter().map(|c| u32::from(*c)) {
            if character < n {
                delta = delta.checked_add(1)?;
            }
            if character != n {
                continue;
            }
            let mut q = delta;
            let mut k = BASE;
            loop {
                let t = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
                if q < t {
                    break;
                }
                out.push(digit(t + (q - t) % (BASE - t))?);
                q = (q - t) / (BASE - t);
                k += BASE;
            }
            out.push(digit(q)?);
            // Bias adaptation (section 6.1).
            delta /= if handled == basic { 700 } else { 2 };
            delta += delta / (handled + 1);
            let mut steps = 0;
            while delta > (BASE - T_MIN) * T_MAX / 2 {
                delta /= BASE - T_MIN;
                steps += BASE;
            }
            bias = steps + (BASE - T_MIN + 1) * delta / (delta + 38);
            delta = 0;
            handled += 1;
        }
        delta = delta.checked_add(1)?;
        n = n.checked_add(1)?;
    }
    Some(())
}

fn digit(value: u32) -> Option<char> {
    char::from_digit(if value < 26 { value + 10 } else { value - 26 }, 36)
}

/// Whether a host is on this machine or in a private network, by its name or address alone: loopback, private and
/// link-local addresses, names without a dot, and top-level names that no public server has.
pub(super) fn is_private(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return is_private_address(address);
    }
    let name = host.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or_default();
    !name.contains('.')
        || matches!(
            last,
            "localhost" | "local" | "lan" | "internal" | "home" | "localdomain"
        )
        || name.ends_with(".home.arpa")
}

const fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    // 100.64.0.0/10 is shared between providers and their customers.
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || (a == 100 && b & 0xC0 == 64)
}

fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private_v4(mapped),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn international_names_have_an_ascii_form() {
        // The samples of RFC 3492, section 7.1, that are letters in lower case, and others.
        let rows = [
            ("ليهمابتكلموشعربي؟", None),
            ("他们为什么不说中文", Some("xn--ihqwcrb4cv8a8dqg056pqjye")),
            (
                "pročprostěnemluvíčesky",
                Some("xn--proprostnemluvesky-uyb24dma41a"),
            ),
            (
                "почемужеонинеговорятпорусски",
                Some("xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ),
            ("3年b組金八先生", Some("xn--3b-ww4c5e180e575a65lsy2b")),
            ("パフィーdeルンバ", Some("xn--de-jg4avhby1noc0d")),
            ("そのスピードで", Some("xn--d9juau41awczczp")),
            ("München.DE", Some("xn--mnchen-3ya.de")),
            ("straße.example", Some("xn--strae-oqa.example")),
            ("xn--mnchen-3ya.de", Some("xn--mnchen-3ya.de")),
            ("sync_1.example.", Some("sync_1.example.")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[fe80::1]", Some("[fe80::1]")),
            ("[x]", None),
            ("[1.2.3.4]", None),
            ("[::1", None),
            ("", None),
            (".", None),
            ("a..b", None),
            (".a", None),
            ("a b", None),
            ("a\u{0}", None),
            ("a%41", None),
            ("ü\u{202e}", None),
        ];
        for (name, expected) in rows {
            assert_eq!(to_ascii(name).as_deref(), expected, "{name}");
        }
        assert_eq!(to_ascii(&"x".repeat(64)), None);
        assert_eq!(to_ascii(&"ü".repeat(200)), None);
    }

    #[test]
    fn private_hosts_are_distinguished_from_public_ones() {
        for host in [
            "localhost",
            "router",
            "nas.local",
            "a.lan",
            "x.home.arpa",
            "127.3.2.1",
            "10.0.0.1",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[fe80::1]",
            "[fd12::1]",
            "[::ffff:10.0.0.1]",
            "a.localhost.",
        ] {
            assert!(is_private(host), "{host}");
        }
        for host in [
            "a.example",
            "localhost.example",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
            "xn--mnchen-3ya.de",
        ] {
            assert!(!is_private(host), "{host}");
        }
    }
}
