//! Sockets: accepts connections, with TLS or without, until it is stopped; then lets requests end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::tls::Certificate;

/// A client has so long for a TLS handshake, and for the headers of a request.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Requests have so long to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(30);
/// The maximum number of connections; further ones wait in the system's queue.
const CONNECTIONS: usize = 4096;

/// The address at the other end of a request's connection, as an extension of the request. Behind a reverse proxy it is
/// the proxy's.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The URL of a server without a path. The default port is left out, as browsers and clients write it.
pub fn base_url(scheme: &str, address: SocketAddr) -> String {
    let default_port = if scheme == "https" { 443 } else { 80 };
    if address.port() != default_port {
        return format!("{scheme}://{address}");
    }
    match address {
        SocketAddr::V4(address) => format!("{scheme}://{}", address.ip()),
        SocketAddr::V6(address) => format!("{scheme}://[{}]", address.ip()),
    }
}

/// Reads a certificate chain and its key, both PEM.
pub fn tls(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    Certificate::read(certificate, key)?.acceptor()
}

/// Serves until `shutdown` is done, then lets the requests that are under way end.
pub async fn run(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leaves_the_default_port_out() {
        for (scheme, address, url) in [
            ("http", "127.0.0.1:80", "http://127.0.0.1"),
            ("http", "127.0.0.1:443", "http://127.0.0.1:443"),
            ("https", "[::1]:443", "https://[::1]"),
            ("https", "[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(base_url(scheme, address.parse().unwrap()), url);
        }
    }
}
