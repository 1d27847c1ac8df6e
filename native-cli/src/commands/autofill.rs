//! `selvedge addresses` and `selvedge cards`: what browsers fill into forms.

use clap::{Args, Subcommand};
use selvedge_core::firefox::credit_cards::masked;
use selvedge_core::ids::RecordId;
use selvedge_host::exit::{HostError, Result};
use serde_json::{Map, Value, json};

use super::records::{self, ViewArgs, record_id};
use super::typed::{Change, collection, now, random};
use crate::commands::secret;
use crate::device::Device;

/// The subcommands of `addresses`.
#[derive(Debug, Subcommand)]
pub enum AddressesCommand {
    /// List the addresses.
    #[command(after_help = "Example:\n  selvedge addresses list")]
    List(ViewArgs),
    /// Add an address.
    #[command(after_help = "Example:\n  selvedge addresses add --name 'Ann Example' --country DE")]
    Add {
        /// Its members.
        #[command(flatten)]
        address: Address,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Change members of an address; an empty value removes one.
    #[command(after_help = "Example:\n  selvedge addresses edit 4f5643288c6e --tel +4930123456")]
    Edit {
        /// The address.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: RecordId,
        /// Its members.
        #[command(flatten)]
        address: Address,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Delete addresses.
    #[command(after_help = "Example:\n  selvedge addresses delete 4f5643288c6e")]
    Delete {
        /// Their ids; after `--` if an id begins with a dash.
        #[arg(required = true, value_name = "ID", value_parser = record_id)]
        ids: Vec<RecordId>,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
}

/// The members of an address.
#[derive(Debug, Args)]
pub struct Address {
    /// The person.
    #[arg(long)]
    name: Option<String>,
    /// The company.
    #[arg(long)]
    organization: Option<String>,
    /// Street and number; several lines are separated by line breaks.
    #[arg(long)]
    street: Option<String>,
    /// The city.
    #[arg(long)]
    city: Option<String>,
    /// The state, province or region.
    #[arg(long)]
    region: Option<String>,
    /// The postal code.
    #[arg(long)]
    postal_code: Option<String>,
    /// The country, as two letters.
    #[arg(long)]
    country: Option<String>,
    /// The telephone number, with the country's code.
    #[arg(long)]
    tel: Option<String>,
    /// The e-mail address.
    #[arg(long)]
    email: Option<String>,
}

impl Address {
    fn members(self) -> Vec<(&'static str, Option<Value>)> {
        let text = |value: Option<String>| value.map(Value::from);
        vec![
            ("name", text(self.name)),
            ("organization", text(self.organization)),
            ("street-address", text(self.street)),
            ("address-level2", text(self.city)),
            ("address-level1", text(self.region)),
            ("postal-code", text(self.postal_code)),
            ("country", text(self.country)),
            ("tel", text(self.tel)),
            ("email", text(self.email)),
        ]
    }
}

/// The subcommands of `cards`.
#[derive(Debug, Subcommand)]
pub enum CardsCommand {
    /// List the cards; their numbers are masked.
    #[command(after_help = "Example:\n  selvedge cards list")]
    List {
        /// Print the whole numbers.
        #[arg(long)]
        show_secrets: bool,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Add a card; its number is read from stdin, so that it is in no list of processes.
    #[command(
        after_help = "Example:\n  selvedge cards add --name 'Ann Example' --month 12 --year 2030 < card-number"
    )]
    Add {
        /// Its members.
        #[command(flatten)]
        card: Card,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Change members of a card, but not its number; an empty value removes one.
    #[command(after_help = "Example:\n  selvedge cards edit 211443f8e100 --month 1 --year 2031")]
    Edit {
        /// The card.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: RecordId,
        /// Its members.
        #[command(flatten)]
        card: Card,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Delete cards.
    #[command(after_help = "Example:\n  selvedge cards delete 211443f8e100")]
    Delete {
        /// Their ids; after `--` if an id begins with a dash.
        #[arg(required = true, value_name = "ID", value_parser = record_id)]
        ids: Vec<RecordId>,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
}

/// The members of a card, except for its number.
#[derive(Debug, Args)]
pub struct Card {
    /// The person.
    #[arg(long)]
    name: Option<String>,
    /// The month of its expiry.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=12))]
    month: Option<u64>,
    /// The year of its expiry.
    #[arg(long, value_parser = clap::value_parser!(u64).range(2000..=2200))]
    year: Option<u64>,
    /// Its network, like visa or mastercard.
    #[arg(long, value_name = "NETWORK")]
    kind: Option<String>,
}

impl Card {
    fn members(self) -> Vec<(&'static str, Option<Value>)> {
        vec![
            ("cc-name", self.name.map(Value::from)),
            ("cc-exp-month", self.month.map(Value::from)),
            ("cc-exp-year", self.year.map(Value::from)),
            ("cc-type", self.kind.map(Value::from)),
        ]
    }
}

/// Runs `selvedge addresses`.
///
/// # Errors
/// When an address does not exist, the input is invalid, or the store or the server fails.
pub async fn addresses(device: &Device, command: AddressesCommand) -> Result<()> {
    match command {
        AddressesCommand::List(view) => {
            let columns: &'static [&'static str] = &[
                "id",
                "name",
                "organization",
                "street-address",
                "postal-code",
                "address-level2",
                "country",
                "tel",
                "email",
            ];
            let row = |id: &str, record: &Value| entry_row(id, record).into_iter().collect();
            view.list(device, collection("addresses"), true, columns, row)
                .await
        }
        AddressesCommand::Add { address, change } => {
            add(device, "addresses", 1, address.members(), change).await
        }
        AddressesCommand::Edit {
            id,
            address,
            change,
        } => edit(device, "addresses", id, address.members(), change).await,
        AddressesCommand::Delete { ids, change } => {
            records::delete(device, collection("addresses"), ids, change.parts()).await
        }
    }
}

/// Runs `selvedge cards`.
///
/// # Errors
/// When a card does not exist, the input is invalid, or the store or the server fails.
pub async fn cards(device: &Device, command: CardsCommand) -> Result<()> {
    match command {
        CardsCommand::List { show_secrets, view } => {
            let columns: &'static [&'static str] = &[
                "id",
                "cc-name",
                "cc-number",
                "cc-exp-month",
                "cc-exp-year",
                "cc-type",
            ];
            let row = move |id: &str, record: &Value| {
                let mut row = entry_row(id, record);
                if let Some(Value::Object(members)) = &mut row
                    && let Some(number) = members.get_mut("cc-number").filter(|_| !show_secrets)
                {
                    *number = masked(number.as_str().unwrap_or_default()).into();
                }
                row.into_iter().collect()
            };
            view.list(device, collection("creditcards"), true, columns, row)
                .await
        }
        CardsCommand::Add { card, change } => {
            let number = secret::secret(&device.output, None, "card number", "stdin")?;
            let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            if !(8..=19).contains(&digits.len())
                || !digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                return Err(HostError::Usage(
                    "a card number has 8 to 19 digits: pass it on stdin".into(),
                ));
            }
            let mut members = card.members();
            members.push(("cc-number", Some(digits.into())));
            add(device, "creditcards", 3, members, change).await
        }
        CardsCommand::Edit { id, card, change } => {
            edit(device, "creditcards", id, card.members(), change).await
        }
        CardsCommand::Delete { ids, change } => {
            records::delete(device, collection("creditcards"), ids, change.parts()).await
        }
    }
}

/// The members of `entry` that people know, with the record's id.
fn entry_row(id: &str, record: &Value) -> Option<Value> {
    let mut row = Map::from_iter([("id".to_owned(), id.into())]);
    let hidden = [
        "version",
        "timeCreated",
        "timeLastModified",
        "timeLastUsed",
        "timesUsed",
    ];
    for (name, value) in record["entry"].as_object()? {
        if !hidden.contains(&name.as_str()) {
            row.insert(name.clone(), value.clone());
        }
    }
    Some(row.into())
}

async fn add(
    device: &Device,
    name: &str,
    version: u64,
    members: Vec<(&'static str, Option<Value>)>,
    change: Change,
) -> Result<()> {
    let now = now();
    let mut entry = json!({"version": version, "timeCreated": now, "timeLastModified": now, "timeLastUsed": 0, "timesUsed": 0});
    let mut is_empty = true;
    for (name, value) in members {
        if let Some(value) = value.filter(|value| value != "") {
            entry[name] = value;
            is_empty = false;
        }
    }
    if is_empty {
        return Err(HostError::Usage(
            "pass at least one member, like --name".into(),
        ));
    }
    let id: [u8; 6] = random()?;
    let id = id.map(|byte| format!("{byte:02x}")).concat();
    let id = RecordId::new(&id).map_err(|error| HostError::Failed(error.to_string()))?;
    let record = json!({ "entry": entry }).to_string();
    records::put(device, collection(name), Some(id), record, change.parts()).await
}

async fn edit(
    device: &Device,
    name: &str,
    id: RecordId,
    members: Vec<(&'static str, Option<Value>)>,
    change: Change,
) -> Result<()> {
    let known = records::load(device, &collection(name), change.remote).await?;
    let record = known.iter().find(|record| record.id == id.as_str());
    let mut record = record
        .map(records::Loaded::json)
        .ok_or_else(|| HostError::NotFound(format!("{name} has no record {id}")))?;
    if members.iter().all(|(_, value)| value.is_none()) {
        return Err(HostError::Usage(
            "pass at least one member, like --name".into(),
        ));
    }
    let Some(entry) = record["entry"].as_object_mut() else {
        return Err(HostError::Partial(format!(
            "record {id} is damaged: delete it, and add it again"
        )));
    };
    for (name, value) in members {
        match value {
            Some(value) if value == "" => {
                entry.remove(name);
            }
            Some(value) => {
                entry.insert(name.to_owned(), value);
            }
            None => continue,
        }
        if name == "name" {
            for part in ["given-name", "additional-name", "family-name"] {
                entry.remove(part);
            }
        }
    }
    entry.insert("timeLastModified".into(), now().into());
    let patch = json!({ "entry": record["entry"] }).to_string();
    records::edit(device, collection(name), id, patch, change.parts()).await
}
