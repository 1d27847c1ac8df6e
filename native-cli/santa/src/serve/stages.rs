//! Santa's stages as a server does them (spec §2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use selvedge_santa::Encoding;
use selvedge_santa::wire::{
    EventUploadRequest, EventUploadResponse, Form, PostflightRequest, PostflightResponse,
    PreflightRequest, RuleDownloadRequest, SyncType,
};

use super::app::{App, now};
use super::reply::{Refusal, body};
use super::rulebook::read_cursor;
use super::xsrf::HEADER;
use selvedge_host::http_server::Peer;
use selvedge_host::http_server::{Owner, Received};

/// A body comes in at most so many bytes, and unpacks to at most so many.
const MAX_PACKED: u64 = 8 << 20;
const MAX_UNPACKED: usize = 32 << 20;

/// An id has no more bytes.
const MAX_ID: usize = 256;

/// Answers a stage.
pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    match answer_or_refuse(&app, request).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer_or_refuse(app: &App, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let path = Path::<(String, String)>::from_request_parts(&mut parts, &()).await;
    let Path((stage, machine)) = path.map_err(|_| Refusal::MachineId)?;
    let is_id = (1..=MAX_ID).contains(&machine.len()) && !machine.contains(char::is_control);
    if !is_id {
        return Err(Refusal::MachineId);
    }
    let peer = parts.extensions.get::<Peer>().ok_or(Refusal::Busy)?;
    let owner = Owner::of_address(peer.0);
    let received = app.bodies.read(owner, &parts.headers, body, MAX_PACKED);
    let received = received.await?;
    // What is unpacked takes memory, so only some bodies are unpacked at once. Slow ones do not get here.
    let room = app.unpacking.acquire().await;
    let _room = room.map_err(|_| Refusal::Busy)?;
    let came = Came::unpack(&parts.headers, received)?;
    if stage == "xsrf" {
        return token(app, &machine);
    }
    if let Some(xsrf) = &app.xsrf {
        let token = parts.headers.get(xsrf.header());
        let token = token.and_then(|token| token.to_str().ok());
        if !token.is_some_and(|token| xsrf.is_good(&machine, token)) {
            return Err(Refusal::Token);
        }
    }
    match stage.as_str() {
        "preflight" => preflight(app, &machine, &came).await,
        "eventupload" => eventupload(app, &machine, &came).await,
        "ruledownload" => ruledownload(app, &machine, &came).await,
        "postflight" => postflight(app, &machine, &came),
        _ => Err(Refusal::NotFound),
    }
}

/// A body that came.
struct Came {
    form: Form,
    bytes: Vec<u8>,
}

impl Came {
    fn unpack(headers: &HeaderMap, received: Received<'_>) -> Result<Self, Refusal> {
        let encoding = match headers.get(header::CONTENT_ENCODING) {
            Some(value) => Some(value.to_str().unwrap_or("unknown")),
            None => None,
        };
        let bytes = Encoding::unpack(encoding, received.bytes, MAX_UNPACKED)?;
        let form = form(headers, bytes.is_empty())?;
        Ok(Self { form, bytes })
    }
}

/// The form of a body by its `Content-Type`; without a body any type will do.
fn form(headers: &HeaderMap, is_empty: bool) -> Result<Form, Refusal> {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    let mime = text.and_then(|text| text.split(';').next());
    let mime = mime.unwrap_or_default().trim().to_ascii_lowercase();
    match mime.as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-protobuf" | "application/protobuf" => Ok(Form::Protobuf),
        _ if is_empty => Ok(Form::Json),
        _ => Err(Refusal::ContentType),
    }
}

async fn preflight(app: &App, machine: &str, came: &Came) -> Result<Response, Refusal> {
    let request: PreflightRequest = came.form.read(&came.bytes)?;
    let shelf = app.current().await;
    let answer = shelf.of(machine).preflight(&request);
    let granted = answer.sync_type.unwrap_or(SyncType::Normal);
    let now = now();
    app.machines
        .note(machine, now, |seen| seen.preflight(request, granted, now));
    Ok(body(came.form, came.form.write(&answer)))
}

async fn eventupload(app: &App, machine: &str, came: &Came) -> Result<Response, Refusal> {
    let request: EventUploadRequest = came.form.read(&came.bytes)?;
    let now = now();
    let logged = app.events.add(machine, request, now).await;
    let logged = logged.map_err(|error| {
        eprintln!("selvedge santa serve: events cannot be written: {error}");
        Refusal::Events
    })?;
    app.count(&logged);
    app.machines
        .note(machine, now, |seen| seen.uploaded(&logged));
    let mut answer = EventUploadResponse::default();
    if app.library.shelf().of(machine).wants_bundles() {
        answer.event_upload_bundle_binaries = logged.wanted;
    }
    Ok(body(came.form, came.form.write(&answer)))
}

async fn ruledownload(app: &App, machine: &str, came: &Came) -> Result<Response, Refusal> {
    let request: RuleDownloadRequest = came.form.read(&came.bytes)?;
    let (book, page) = match request.cursor.as_str() {
        "" => (Arc::clone(app.current().await.of(machine)), 0),
        cursor => {
            let (version, page) = read_cursor(cursor).ok_or(Refusal::Cursor)?;
            let book = app.library.version(machine, version);
            (book.ok_or(Refusal::Cursor)?, page)
        }
    };
    let form = came.form;
    let prepared = {
        let book = Arc::clone(&book);
        let prepared = tokio::task::spawn_blocking(move || book.page(form, page));
        prepared.await.map_err(|_| Refusal::Busy)?
    };
    let bytes = prepared.ok_or(Refusal::Cursor)?;
    let hash = &book.about.rules_hash;
    app.machines.note(machine, now(), |seen| seen.sent(hash));
    Ok(body(form, bytes))
}

fn postflight(app: &App, machine: &str, came: &Came) -> Result<Response, Refusal> {
    let request: PostflightRequest = came.form.read(&came.bytes)?;
    let now = now();
    app.machines
        .note(machine, now, |seen| seen.postflight(request, now));
    Ok(body(came.form, came.form.write(&PostflightResponse {})))
}

/// A token, if there are tokens here.
fn token(app: &App, machine: &str) -> Result<Response, Refusal> {
    let xsrf = app.xsrf.as_ref().ok_or(Refusal::NotFound)?;
    let mut reply = body(Form::Json, Body::empty());
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            let name = HeaderName::from_static(name);
            reply.headers_mut().insert(name, value);
        }
    };
    put(HEADER, &xsrf.token(machine));
    if let Some(name) = &xsrf.options.header {
        put("x-xsrf-token-header", name);
    }
    Ok(reply)
}
