//! The facts about a Linux machine that a server receives (spec §2.1). Unknown values are omitted, never invented.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::dotted_version::is_dotted;

/// Facts about the machine. Only root can read some of them, so they are gathered before privileges are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The serial number from the firmware. Only root can read it.
    pub serial_number: Option<String>,
    /// The host name, with its domain if /etc/hosts has one.
    pub hostname: String,
    /// Integers separated by dots.
    pub os_version: String,
    /// The kernel's release.
    pub os_build: String,
    /// The model name from the firmware.
    pub model: Option<String>,
}

impl HostInfo {
    /// Reads the values from the system.
    #[must_use]
    pub fn gather() -> Self {
        let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = read("/etc/os-release").or_else(|| read("/usr/lib/os-release"));
        let name = selvedge_host::machine_name();
        Self {
            serial_number: read("/sys/class/dmi/id/product_serial")
                .and_then(|text| firmware_value(&text)),
            hostname: full_name(&name, &read("/etc/hosts").unwrap_or_default()),
            os_version: os_version(&release.unwrap_or_default(), &kernel),
            os_build: match kernel.trim() {
                "" => std::env::consts::OS.to_owned(),
                kernel => kernel.to_owned(),
            },
            model: read("/sys/class/dmi/id/product_name").and_then(|text| firmware_value(&text)),
        }
    }
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(Path::new(path)).ok()?;
    file.take(1 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A value from the firmware, unless it is a placeholder of the manufacturer.
fn firmware_value(text: &str) -> Option<String> {
    const EMPTY: [&str; 6] = [
        "none",
        "not specified",
        "default string",
        "system serial number",
        "system product name",
        "to be filled by o.e.m.",
    ];
    let text = text.trim();
    let is_empty = text.is_empty() || EMPTY.iter().any(|empty| text.eq_ignore_ascii_case(empty));
    (!is_empty).then(|| text.to_owned())
}

/// The name with its domain, if /etc/hosts has it. No DNS request is made.
fn full_name(name: &str, hosts: &str) -> String {
    if name.contains('.') {
        return name.to_owned();
    }
    let lines = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let full = lines.into_iter().find_map(|line| {
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        let full = names.iter().find(|full| {
            let rest = full.strip_prefix(name);
            rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        });
        full.filter(|_| names.contains(&name))
            .map(|full| (*full).to_owned())
    });
    full.unwrap_or_else(|| name.to_owned())
}

/// `VERSION_ID` of os-release if it consists of integers and dots, else the numeric prefix of the kernel release.
fn os_version(release: &str, kernel: &str) -> String {
    let version = release.lines().find_map(|line| {
        let value = line.strip_prefix("VERSION_ID=")?;
        let value = value.trim().trim_matches(['"', '\'']);
        is_dotted(value).then(|| value.to_owned())
    });
    version.unwrap_or_else(|| {
        let kernel = kernel.trim();
        let is_other = |letter: char| !letter.is_ascii_digit() && letter != '.';
        let end = kernel.find(is_other).unwrap_or(kernel.len());
        let numbers = kernel.get(..end).unwrap_or_default().trim_matches('.');
        if is_dotted(numbers) {
            numbers.to_owned()
        } else {
            "0".into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_consists_of_integers_and_dots() {
        let kernel = "6.1.0-28-amd64\n";
        for (release, expected) in [
            ("NAME=x\nVERSION_ID=\"12.5\"\n", "12.5"),
            ("VERSION_ID='9'", "9"),
            ("VERSION_ID=", "6.1.0"),
            ("VERSION_ID=\"rolling\"", "6.1.0"),
            ("VERSION_ID=20261101.0.1", "20261101.0.1"),
            ("", "6.1.0"),
        ] {
            assert_eq!(os_version(release, kernel), expected, "{release}");
        }
        assert_eq!(os_version("", "strange"), "0");
    }

    #[test]
    fn the_domain_of_a_name_comes_only_from_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web-01.example.net web-01 # web-01.other\n10.0.0.1 web-01x.example.net web-01x\n";
        assert_eq!(full_name("web-01", hosts), "web-01.example.net");
        assert_eq!(full_name("web", hosts), "web");
        assert_eq!(full_name("a.b", hosts), "a.b");
        assert_eq!(full_name("web-02", ""), "web-02");
    }

    #[test]
    fn placeholders_of_the_firmware_are_ignored() {
        for (text, expected) in [
            ("C0FFEE01\n", Some("C0FFEE01")),
            (" \n", None),
            ("Not Specified", None),
            ("To Be Filled By O.E.M.", None),
        ] {
            assert_eq!(firmware_value(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn required_facts_of_this_machine_are_present() {
        let host_info = HostInfo::gather();
        assert!(!host_info.hostname.is_empty() && !host_info.os_build.is_empty());
        assert!(is_dotted(&host_info.os_version), "{}", host_info.os_version);
    }
}
