//! Sockets: accepts connections, with TLS or without, until it is told to stop; then lets requests end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A client has so long for a TLS handshake, and for the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Requests have so long to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(30);
/// At most so many connections; further ones wait in the system's queue.
const CONNECTIONS: usize = 4096;

/// The address at the other end of a request's connection, as an extension of the request. Behind a reverse proxy it is
/// the proxy's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Reads a certificate chain and its key, both PEM.
pub(crate) fn tls(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain =
        CertificateDer::pem_file_iter(certificate).map_err(|error| named(certificate, &error))?;
    let chain = chain
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| named(certificate, &error))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| named(certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{}: {error}", path.display()),
    )
}

/// Serves until `shutdown` is done, then lets the requests that are under way end.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors, mostly. Those who are connected will leave some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let peer = Peer(address.ip());
        let (router, tls, watcher) = (router.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, peer, router, watcher).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                        serve(stream, peer, router, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener);
    let _ = timeout(FAREWELL, graceful.shutdown()).await;
}

async fn serve<S>(
    stream: S,
    peer: Peer,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(move |request: hyper::Request<Incoming>| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that breaks is the client's affair.
    let _ = watcher.watch(connection).await;
}

async fn answer(
    mut router: Router,
    peer: Peer,
    mut request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, Infallible> {
    request.extensions_mut().insert(peer);
    tower_service::Service::call(&mut router, request.map(Body::new)).await
}
