//! Views of a collection: what people want to see of each record, as rows of a list.

use std::fmt;

use clap::Args;
use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;
use serde_json::Value;
use zeroize::Zeroizing;

use super::grammar::{Format, ListArgs, SortBy, field};
use super::list;
use crate::device::Device;
use selvedge_host::exit::Result;

type Rows = dyn FnMut(&str, ServerTime, &str) -> Vec<String>;

/// Makes rows of each record.
pub(crate) struct View {
    /// The columns of a table.
    pub(super) fields: &'static [&'static str],
    rows: Box<Rows>,
}

impl View {
    /// `rows` makes JSON objects of a record's id, time and text.
    pub(crate) fn new(
        fields: &'static [&'static str],
        rows: impl FnMut(&str, ServerTime, &str) -> Vec<String> + 'static,
    ) -> Self {
        Self {
            fields,
            rows: Box::new(rows),
        }
    }

    pub(super) fn rows(&mut self, id: &str, modified: ServerTime, text: &str) -> Vec<String> {
        (self.rows)(id, modified, text)
    }
}

/// A record as it was read.
pub(crate) struct Loaded {
    pub(crate) id: String,
    pub(crate) modified: ServerTime,
    pub(crate) text: Zeroizing<String>,
}

impl Loaded {
    /// The record as JSON; null if it is damaged.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// The text is a secret.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Options of every list of a typed collection.
#[derive(Debug, Clone, Args)]
pub struct ViewArgs {
    /// Read from the server instead of this device's store; records are printed as they arrive.
    #[arg(long)]
    pub remote: bool,
    /// The output format [default: `table` on a terminal, `jsonl` elsewhere, `json` with --json].
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// The maximum number of rows.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// The order [default: by id from the store, the server's order with --remote].
    #[arg(long, value_enum)]
    pub sort: Option<SortBy>,
    /// The columns of table, csv and tsv.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = field)]
    pub fields: Option<Vec<String>>,
}

impl ViewArgs {
    /// Lists a collection through a view. `row` makes rows of a record's id and JSON object.
    pub(crate) async fn list(
        self,
        device: &Device,
        collection: CollectionName,
        show_secrets: bool,
        fields: &'static [&'static str],
        mut row: impl FnMut(&str, &Value) -> Vec<Value> + 'static,
    ) -> Result<()> {
        let mut left = self.limit.unwrap_or(u64::MAX);
        let has_columns = match self.format {
            Some(format) => !matches!(format, Format::Json | Format::Jsonl),
            None => false,
        };
        let view = View::new(fields, move |id, _, text| {
            let record: Value = serde_json::from_str(text).unwrap_or_default();
            let mut rows = row(id, &record);
            rows.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= rows.len() as u64;
            rows.iter().map(Value::to_string).collect()
        });
        let args = ListArgs {
            format: self.format,
            sort: self.sort,
            fields: self.fields.filter(|_| has_columns || self.format.is_none()),
            show_secrets,
            ..ListArgs::all(collection, self.remote)
        };
        list::run(device, args, Some(view)).await
    }
}
