//! `selvedge santa doctor`: checks the configuration and the server.

use std::fmt;

use serde::Serialize;

use super::grammar::DoctorArgs;
use crate::device::Device;
use crate::output::printable;
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_santa_host::doctor::{self, Finding, Level};
use selvedge_santa_host::{Config, machine_id};

#[derive(Serialize)]
struct Findings(Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            let level = match finding.level {
                Level::Good => "good",
                Level::Warning => "warning",
                Level::Fault => "fault",
            };
            writeln!(
                f,
                "{level:<8} {:<14} {}",
                finding.check,
                printable(&finding.text)
            )?;
        }
        Ok(())
    }
}

fn configuration_error(error: HostError) -> HostError {
    HostError::Refused {
        message: error.to_string(),
        exit: Exit::Usage,
    }
}

/// Runs all checks. The first fault decides the exit code.
pub(super) async fn run(device: &Device, args: &DoctorArgs) -> Result<()> {
    let paths = super::paths(device);
    // All errors of the configuration and the files that it names have the same exit code.
    let config =
        Config::load(&paths, args.config.config.as_deref()).map_err(configuration_error)?;
    let id = machine_id(&paths, &config, false)?;
    let store = super::store_if_there(device)?;
    let findings = doctor::examine(&config, id.as_deref(), store.as_ref()).await;
    let (mut faults, mut warnings) = (0, 0);
    for finding in &findings {
        faults += usize::from(finding.level == Level::Fault);
        warnings += usize::from(finding.level == Level::Warning);
    }
    let first = findings
        .iter()
        .find(|finding| finding.level == Level::Fault)
        .map(|finding| finding.exit);
    device.output.answer(&Findings(findings))?;
    let refused = |message: String, exit| Err(HostError::Refused { message, exit });
    match first {
        Some(exit) => refused(format!("{faults} errors: see above"), exit),
        None if args.strict && warnings > 0 => {
            refused(format!("{warnings} warnings: see above"), Exit::Failed)
        }
        None => Ok(()),
    }
}
