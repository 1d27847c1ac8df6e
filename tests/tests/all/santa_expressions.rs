//! Tests rules with expressions from Selvedge's server and from files: an invalid expression affects only its own rule.
#![allow(missing_docs, reason = "the names of tests describe them")]
#![allow(
    clippy::unwrap_used,
    reason = "a panic fails the test at the right line"
)]

use selvedge_santa_host::serve::{Configuration, ServeConfig, Source, start};
use selvedge_tests::{Outcome, Run};
use serde_json::json;
use tempfile::TempDir;

const CLOSED: &str = "ABCDEFGHIJ";
const UNCLOSED: &str = "BBCDEFGHIJ";
const PLAIN: &str = "CBCDEFGHIJ";

fn santa(dir: &TempDir, args: &[&str], stdin: &str) -> Outcome {
    let options = [
        "--data-dir",
        dir.path().to_str().unwrap(),
        "--json",
        "santa",
    ];
    Run::new(options.iter().chain(args)).stdin(stdin).outcome()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_expression_from_a_server_is_reported_and_the_other_rules_are_committed() {
    let rules = format!(
        "[[rules]]\nidentifier = '{CLOSED}'\nrule_type = 'TEAMID'\npolicy = 'CEL'\ncel_expr = 'euid == 0'\n\
         [[rules]]\nidentifier = '{UNCLOSED}'\nrule_type = 'TEAMID'\npolicy = 'CEL'\ncel_expr = 'euid == ('\n\
         [[rules]]\nidentifier = '{PLAIN}'\nrule_type = 'TEAMID'\npolicy = 'ALLOWLIST'\n"
    );
    let (configuration, _) = Configuration::read(&rules);
    let server = start(ServeConfig::new(Source::Fixed(Box::new(configuration))));
    let server = server.await.unwrap();
    let dir = TempDir::new().unwrap();
    let config = format!("SyncBaseURL = \"{}\"\nMachineID = \"M\"\n", server.url());
    std::fs::write(dir.path().join("santa.toml"), config).unwrap();

    let (report, listed) = tokio::task::spawn_blocking(move || {
        let report = santa(&dir, &["sync", "--once"], "").ok().json();
        let listed = santa(&dir, &["rules", "list", "--from", "server"], "");
        (report, listed.ok().json())
    })
    .await
    .unwrap();
    // The agent refuses rules after they have been counted as processed (spec §10.2, R6).
    assert_eq!(report["rules_received"], 3, "{report}");
    assert_eq!(report["rules_processed"], 3, "{report}");
    assert_eq!(report["rules_refused"], 1, "{report}");
    let refused = json!([{"rule_type": "TEAMID", "identifier": UNCLOSED}]);
    assert_eq!(report["refused"], refused, "{report}");
    let listed = listed.as_array().unwrap().iter();
    let listed: Vec<&str> = listed
        .map(|rule| rule["identifier"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [CLOSED, PLAIN]);
}

#[test]
fn an_invalid_expression_is_reported_by_check_import_and_add() {
    let dir = TempDir::new().unwrap();
    let rule = |identifier: &str, expression: &str| json!({"identifier": identifier, "rule_type": "TEAMID", "policy": "CEL", "cel_expr": expression});
    let rules = json!([rule(CLOSED, "euid == 0"), rule(UNCLOSED, "euid == (")]).to_string();
    let reason = "its expression cannot be compiled: line 1, column 10: ";

    let checked = santa(&dir, &["rules", "check", "-"], &rules);
    let checked = checked.exits(9).json();
    assert_eq!(
        (&checked["good"], &checked["bad"][0]["number"]),
        (&json!(1), &json!(2))
    );
    let problem = checked["bad"][0]["problem"].as_str().unwrap();
    assert!(problem.starts_with(reason), "{problem}");

    let imported = santa(&dir, &["rules", "import", "-"], &rules);
    assert!(imported.stderr.contains(reason), "{}", imported.stderr);
    assert_eq!(imported.exits(9).json()["added"], 1);

    let add = [
        "rules", "add", UNCLOSED, "--type", "TEAMID", "--policy", "CEL", "--cel",
    ];
    let refused = santa(&dir, &[&add[..], &["euid == ("]].concat(), "");
    let sentence = refused.fails(2);
    assert!(sentence.contains(reason), "{sentence}");
    let local = ["rules", "list", "--from", "local"];
    let listed = santa(&dir, &local, "").ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
}

#[test]
fn an_expression_that_never_decides_is_a_warning() {
    let dir = TempDir::new().unwrap();
    let rules = json!([{"identifier": CLOSED, "rule_type": "TEAMID", "policy": "CEL", "cel_expr": "target.team_id"}]);
    let checked = santa(&dir, &["rules", "check", "-"], &rules.to_string());
    let checked = checked.ok().json();
    assert_eq!((&checked["good"], &checked["bad"]), (&json!(1), &json!([])));
    let warning = &checked["warnings"][0];
    assert_eq!(warning["identifier"], CLOSED);
    let problem = warning["problem"].as_str().unwrap();
    assert!(
        problem.contains("its result is of type string"),
        "{problem}"
    );

    let add = [
        "rules", "add", CLOSED, "--type", "TEAMID", "--policy", "CEL", "--cel",
    ];
    let added = santa(&dir, &[&add[..], &["target.team_id"]].concat(), "");
    assert!(
        added.stderr.contains("its result is of type string"),
        "{}",
        added.stderr
    );
    assert_eq!(added.ok().json()["added"], 1);

    // Names and types are checked, not only the syntax.
    for refused in [
        "target.signing_tme > timestamp(0)",
        "REQUIRE_TOUCHID",
        "euid == 'root'",
        "true ? 1 : false",
    ] {
        let refused = santa(&dir, &[&add[..], &[refused]].concat(), "").fails(2);
        assert!(
            refused.contains("its expression cannot be compiled: line 1, "),
            "{refused}"
        );
    }
}
