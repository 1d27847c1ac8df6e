//! Enabled engines of the account.

use serde_json::json;

use crate::firefox::setup::{rows, scenario};

const FORMS: &str = "services.sync.engine.forms";
const HISTORY: &str = "services.sync.engine.history";

#[test]
fn an_engine_that_firefox_disables_and_enables_loses_nothing() {
    scenario(|scene| {
        scene.ask("forms.add", [json!("suche"), json!("Sauerteig")]);
        scene.sign_in();
        scene.sync_device();
        let before = scene.rows("forms");
        assert_eq!(before.len(), 1);

        scene.ask("prefs.set", [json!(FORMS), json!(false)]);
        scene.ask("prefs.set", [json!(HISTORY), json!(false)]);
        scene.firefox.sync();
        let _outcome = scene.device.run(&["sync"]).outcome();
        let meta = scene.meta_global();
        assert_eq!(meta["engines"]["forms"], json!(null), "{meta:#}");
        let declined = meta["declined"].as_array().expect("a list");
        assert!(declined.contains(&json!("forms")), "{meta:#}");
        // The collection is not uploaded again, and the device has kept its records.
        let gone = scene
            .device
            .run(&["records", "list", "forms", "--remote"])
            .outcome();
        assert_eq!(gone.stdout, "", "{gone}");
        assert_eq!(scene.rows("forms"), before);

        scene.ask("prefs.set", [json!(FORMS), json!(true)]);
        scene.ask("prefs.set", [json!(HISTORY), json!(true)]);
        scene.firefox.sync();
        scene.sync_device();
        scene.sync_both();
        let meta = scene.meta_global();
        assert_eq!(meta["engines"]["forms"]["version"], 1, "{meta:#}");
        assert_eq!(scene.rows("forms"), before);
        assert_eq!(rows(scene.ask("forms.all", [])).len(), 1);
    });
}
