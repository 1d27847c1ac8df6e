//! Lists of records, from this device or from the server.

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::rc::Rc;

use selvedge_core::bso::{Envelope, Opener};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::error::Error;
use selvedge_core::host::{PageLimit, Selection, Store, Stored};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::reconcile::TombstoneFinder;
use selvedge_core::server::{Conditional, PageEvent, Query, Sort};
use selvedge_core::time::ServerTime;

use super::local::store_of;
use super::print::{Printer, Style};
use super::remote::refuse_keys;
use super::secrets::Hidden;
use super::view::{Loaded, View};
use super::{Format, ListArgs, SortBy};
use crate::device::Device;
use crate::output::{Output, printable, terminal_width};
use crate::progress::{Progress, clear_line, of};
use crate::remote::Remote;
use selvedge_host::SqliteStore;
use selvedge_host::exit::{HostError, Result};

/// The number of records per read from the store, and per request if `--limit` is given.
const PAGE: u32 = 1000;
/// The maximum number of records that are decrypted together,
const BATCH_RECORDS: usize = 256;
/// and the maximum number of their bytes.
const BATCH_BYTES: usize = 1 << 19;

type Out = Printer<BufWriter<Box<dyn Write>>>;

/// Reads all records of a collection, from this device or from the server.
pub(crate) async fn load(
    device: &Device,
    collection: &CollectionName,
    remote: bool,
) -> Result<Vec<Loaded>> {
    let found = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&found);
    let view = View::new(&[], move |id, modified, text| {
        kept.borrow_mut().push(Loaded {
            id: id.to_owned(),
            modified,
            text: text.to_owned().into(),
        });
        Vec::new()
    });
    let args = ListArgs {
        format: Some(Format::Jsonl),
        show_secrets: true,
        ..ListArgs::all(collection.clone(), remote)
    };
    let printer = printer(Box::new(io::sink()), &args, Format::Jsonl, Some(view));
    if remote {
        there(device, args, printer).await?;
    } else {
        here(device, args, printer).await?;
    }
    Ok(found.take())
}

fn printer(out: Box<dyn Write>, args: &ListArgs, format: Format, view: Option<View>) -> Out {
    let fields = args.fields.clone().or_else(|| {
        let view = view.as_ref()?;
        Some(view.fields.iter().map(ToString::to_string).collect())
    });
    let printer = Printer::new(
        BufWriter::with_capacity(1 << 16, out),
        Style {
            format,
            fields,
            hidden: Hidden::of(&args.collection, args.show_secrets),
            terminal: terminal_width(),
        },
    );
    match view {
        Some(view) => printer.with_view(view),
        None => printer,
    }
}

/// Lists a collection's records, as they are or as rows of a view.
pub(crate) async fn run(device: &Device, args: ListArgs, view: Option<View>) -> Result<()> {
    if args.sort == Some(SortBy::Index) && !args.remote {
        return Err(HostError::Usage(
            "--sort index needs --remote: this device does not store sortindex".into(),
        ));
    }
    let format = match args.format {
        Some(format) => format,
        None if device.output.json => Format::Json,
        None if !args.raw && io::stdout().is_terminal() => Format::Table,
        None => Format::Jsonl,
    };
    let has_columns = !matches!(format, Format::Json | Format::Jsonl);
    if args.fields.is_some() && !has_columns {
        return Err(HostError::Usage(
            "--fields needs --format table, csv or tsv".into(),
        ));
    }
    if args.raw && has_columns {
        return Err(HostError::Usage(
            "--raw needs --format json or jsonl".into(),
        ));
    }
    if args.remote && !args.raw {
        refuse_keys(&args.collection)?;
    }
    let printer = printer(Box::new(io::stdout().lock()), &args, format, view);
    if args.remote {
        there(device, args, printer).await?;
    } else {
        here(device, args, printer).await?;
    }
    Ok(())
}

/// Ends a list, and reports hidden and omitted fields.
fn finish(output: Output, printer: Out, hidden: Hidden) -> Result<()> {
    let is_empty = printer.printed() == 0;
    let left_out = printer.finish()?;
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        output.note(printable(&format!(
            "Columns left out because the terminal is too narrow: {names}. --fields NAME,… selects the columns."
        )));
    }
    if let Some(note) = hidden.note().filter(|_| !is_empty) {
        output.note(note);
    }
    Ok(())
}

/// Prints the records of this device.
async fn here(device: &Device, args: ListArgs, mut printer: Out) -> Result<()> {
    let store = store_of(device, &args.collection).await?;
    let limit = args.limit.unwrap_or(u64::MAX);
    let is_wanted = |stored: &Stored| {
        args.newer
            .is_none_or(|newer| stored.item.server_modified > newer)
    };
    let mut show = |stored: &Stored| -> Result<bool> {
        if let Some(text) = stored
            .item
            .cleartext
            .as_deref()
            .filter(|_| is_wanted(stored))
        {
            if printer.printed() >= limit {
                return Ok(false);
            }
            printer.record(stored.item.id.as_str(), stored.item.server_modified, text)?;
        }
        Ok(true)
    };
    match (args.ids, args.sort) {
        (None, None) => {
            let mut after: Option<RecordId> = None;
            'pages: loop {
                let selected = Selection::Live;
                let page = store
                    .page(
                        &args.collection,
                        selected,
                        after.as_ref(),
                        PageLimit::default(),
                    )
                    .await?;
                for stored in &page {
                    if !show(stored)? {
                        break 'pages;
                    }
                }
                match page.last() {
                    Some(last) => after = Some(last.item.id.clone()),
                    None => break,
                }
            }
        }
        (ids, sort) => {
            let ids = match (ids, sort) {
                (Some(ids), None) => ids,
                (ids, sort) => sorted(&store, &args.collection, ids, sort).await?,
            };
            'chunks: for chunk in ids.chunks(PAGE as usize) {
                for stored in store.read(&args.collection, chunk).await?.iter().flatten() {
                    if !show(stored)? {
                        break 'chunks;
                    }
                }
            }
        }
    }
    let hidden = Hidden::of(&args.collection, args.show_secrets);
    finish(device.output, printer, hidden)
}

/// The ids of a collection in the order of the server's times: only ids and times are in memory.
async fn sorted(
    store: &SqliteStore,
    collection: &CollectionName,
    ids: Option<Vec<RecordId>>,
    sort: Option<SortBy>,
) -> Result<Vec<RecordId>> {
    let mut found: Vec<(ServerTime, RecordId)> = Vec::new();
    let mut after: Option<RecordId> = None;
    loop {
        let page = store
            .page(
                collection,
                Selection::Live,
                after.as_ref(),
                PageLimit::default(),
            )
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.item.id.clone());
        found.extend(
            page.into_iter()
                .map(|stored| (stored.item.server_modified, stored.item.id)),
        );
    }
    found.sort();
    if sort == Some(SortBy::Newest) {
        found.reverse();
    }
    let wanted: Option<std::collections::BTreeSet<_>> = ids.map(|ids| ids.into_iter().collect());
    let is_wanted = |id: &RecordId| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
    Ok(found
        .into_iter()
        .map(|(_, id)| id)
        .filter(is_wanted)
        .collect())
}

/// Prints the server's records, as they arrive.
async fn there(device: &Device, args: ListArgs, printer: Out) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    // Without a limit, the server chooses the page size: it then need not wait for the next request.
    let page = args
        .limit
        .map(|limit| u32::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE));
    let is_whole = args.newer.is_none() && args.ids.is_none();
    let query = Query {
        newer: args.newer,
        sort: args.sort.map(|sort| match sort {
            SortBy::Newest => Sort::Newest,
            SortBy::Oldest => Sort::Oldest,
            SortBy::Index => Sort::Index,
        }),
        limit: page,
        ids: args.ids,
        ..Query::full()
    };
    let progress = match args.limit {
        None => Reading::of(device, &remote, &args.collection, is_whole).await,
        Some(_) => None,
    };
    let mut listing = Listing {
        progress,
        printer,
        output: device.output,
        left: args.limit.unwrap_or(u64::MAX),
        seen: 0,
        damaged: 0,
        foreign: 0,
        hidden: Hidden::of(&args.collection, args.show_secrets),
    };
    let mut pages = remote.client.pages(args.collection.clone(), query);
    if args.limit.is_none() {
        pages = pages.reading_ahead();
    }
    if args.raw {
        listing.raw(&mut pages).await?;
    } else if args.collection.as_str() == "meta" {
        listing.plain(&mut pages).await?;
    } else {
        let keys = remote.keys()?;
        let bundle = keys.bundle(args.collection.as_str())?;
        let mut opener = Opener::new(bundle, RustCrypto::new(bundle));
        listing.opened(&mut pages, &mut opener).await?;
    }
    if listing.seen == 0 && is_whole && args.limit != Some(0) {
        let info = remote.client.info_collections(None).await?;
        if let Conditional::Changed { value, .. } = info
            && value.modified(&args.collection).is_none()
        {
            let name = &args.collection;
            return Err(HostError::NotFound(format!(
                "the server has no collection {name}: `selvedge collections` lists the existing ones"
            )));
        }
    }
    listing.end()
}

/// A progress line for a download that is written to a file or to another program.
struct Reading {
    line: Progress,
    total: Option<u64>,
}

impl Reading {
    /// The total is known if all records of the collection are read. `None` if the records themselves are printed on
    /// the terminal, or no progress is drawn.
    async fn of(
        device: &Device,
        remote: &Remote<'_>,
        collection: &CollectionName,
        is_whole: bool,
    ) -> Option<Self> {
        if !device.output.may_draw() || io::stdout().is_terminal() {
            return None;
        }
        let counts = match is_whole {
            true => remote.client.info_collection_counts().await.ok(),
            false => None,
        };
        Some(Self {
            line: Progress::new(&device.output),
            total: counts.and_then(|counts| counts.get(collection).copied()),
        })
    }
}

/// The counts of printed and failed records of a download.
struct Listing {
    progress: Option<Reading>,
    printer: Out,
    output: Output,
    /// Number of records that may still be printed.
    left: u64,
    /// Number of records received, including damaged ones.
    seen: u64,
    damaged: u64,
    /// Number of damaged records that may be encrypted with another key.
    foreign: u64,
    hidden: Hidden,
}

type Pages<'c, 'h> = selvedge_core::server::Pages<'c, 'h, selvedge_host::NativeHost<()>>;

impl Listing {
    async fn raw(&mut self, pages: &mut Pages<'_, '_>) -> Result<()> {
        let mut line = String::new();
        while self.left > 0
            && let Some(mut arrived) = pages.next().await?
        {
            while self.left > 0
                && let Some(event) = arrived.next()?
            {
                match event {
                    PageEvent::Record(Ok(envelope)) => {
                        self.seen += 1;
                        if write_envelope(&mut line, &envelope).is_some() {
                            self.print(envelope.id, envelope.modified, &line)?;
                        } else {
                            self.skip(envelope.id, &"its payload is not UTF-8");
                        }
                    }
                    event => self.other(&event),
                }
            }
            self.advance();
        }
        Ok(())
    }

    /// Records that are not encrypted.
    async fn plain(&mut self, pages: &mut Pages<'_, '_>) -> Result<()> {
        while self.left > 0
            && let Some(mut arrived) = pages.next().await?
        {
            while self.left > 0
                && let Some(event) = arrived.next()?
            {
                match event {
                    PageEvent::Record(Ok(envelope)) => {
                        self.seen += 1;
                        match plain_text(&envelope) {
                            Some(text) => self.print(envelope.id, envelope.modified, &text)?,
                            None => self.skip(envelope.id, &"its payload is not a JSON object"),
                        }
                    }
                    event => self.other(&event),
                }
            }
        }
        Ok(())
    }

    async fn opened(
        &mut self,
        pages: &mut Pages<'_, '_>,
        opener: &mut Opener<RustCrypto>,
    ) -> Result<()> {
        while self.left > 0
            && let Some(mut arrived) = pages.next().await?
        {
            while let Some(event) = arrived.next()? {
                match event {
                    PageEvent::Record(Ok(envelope)) => {
                        self.seen += 1;
                        opener.add(&envelope);
                        if opener.records() >= BATCH_RECORDS || opener.bytes() >= BATCH_BYTES {
                            self.print_opened(opener).await?;
                        }
                    }
                    event => self.other(&event),
                }
            }
            // Received records are printed before the next wait, at least once per chunk of the body.
            self.print_opened(opener).await?;
            self.advance();
        }
        Ok(())
    }

    async fn print_opened(&mut self, opener: &mut Opener<RustCrypto>) -> Result<()> {
        if opener.records() == 0 {
            return Ok(());
        }
        let opened = opener
            .open()
            .await
            .map_err(|error| HostError::Failed(error.to_string()))?;
        let tombstones = TombstoneFinder::default();
        for record in opened.records() {
            if self.left == 0 {
                break;
            }
            match record.cleartext {
                Ok(text) if tombstones.is_tombstone(text) => {}
                Ok(text) => self.print(record.id, record.modified, text)?,
                Err(error) => {
                    self.foreign += u64::from(error.is_key_problem());
                    self.skip(record.id, &error);
                }
            }
        }
        Ok(())
    }

    /// Shows the number of records received so far.
    fn advance(&self) {
        if let Some(Reading { line, total }) = &self.progress {
            line.say(format!("{} received", of(self.seen, *total)));
        }
    }

    fn print(&mut self, id: &str, modified: ServerTime, text: &str) -> Result<()> {
        self.left -= 1;
        self.printer.record(id, modified, text)
    }

    /// Reports an invalid record; the ends of pages print nothing.
    fn other(&mut self, event: &PageEvent<'_>) {
        if let PageEvent::Record(Err(error)) = event {
            self.seen += 1;
            self.skip(error.id.as_deref().unwrap_or("without id"), error);
        }
    }

    /// Names a record that cannot be printed.
    fn skip(&mut self, id: &str, reason: &dyn std::fmt::Display) {
        self.damaged += 1;
        self.left = self.left.saturating_sub(1);
        if self.progress.is_some() {
            clear_line(&self.output);
        }
        // Skipped records are reported even with --quiet.
        let output = Output {
            quiet: false,
            ..self.output
        };
        output.note(printable(&format!("record {id}: {reason}")));
    }

    fn end(self) -> Result<()> {
        drop(self.progress);
        let printed = self.printer.printed();
        finish(self.output, self.printer, self.hidden)?;
        match self.damaged {
            0 => Ok(()),
            _ if printed == 0 && self.foreign == self.damaged => {
                Err(Error::WrongCollectionKey.into())
            }
            1 => Err(HostError::Partial(
                "1 record cannot be read; the others were printed".into(),
            )),
            count => Err(HostError::Partial(format!(
                "{count} records cannot be read; the others were printed"
            ))),
        }
    }
}

/// The payload of a record that is not encrypted: a JSON object.
fn plain_text(envelope: &Envelope<'_>) -> Option<String> {
    let escaped = std::str::from_utf8(envelope.payload.escaped()).ok()?;
    let text: String = serde_json::from_str(&format!("\"{escaped}\"")).ok()?;
    selvedge_core::reconcile::Fields::parse(&text).ok()?;
    Some(text)
}

/// Writes an envelope as JSON, its payload with its original escapes. `None` if that is not UTF-8.
fn write_envelope(line: &mut String, envelope: &Envelope<'_>) -> Option<()> {
    use std::fmt::Write as _;

    let payload = std::str::from_utf8(envelope.payload.escaped()).ok()?;
    let id = serde_json::to_string(envelope.id).ok()?;
    line.clear();
    write!(line, "{{\"id\":{id},\"modified\":{}", envelope.modified).ok()?;
    if let Some(sortindex) = envelope.sortindex {
        write!(line, ",\"sortindex\":{sortindex}").ok()?;
    }
    write!(line, ",\"payload\":\"{payload}\"}}").ok()
}
