//! Whether the server is reachable, for a daemon whose last sync could not connect.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

/// Timeout of one attempt.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Interval between two attempts.
const BETWEEN: Duration = Duration::from_secs(30);

/// The known state of the connection to the server.
#[derive(Debug, Default)]
pub(super) struct Network {
    state: State,
    tried: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The last sync reached the server, or nothing is known.
    #[default]
    Up,
    /// The last sync did not reach the server: only the server may be affected.
    Doubtful,
    /// Connections fail.
    Down,
}

/// A change of the connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// No known change.
    None,
    /// Connections fail now.
    Lost,
    /// Connections succeed again.
    Back,
}

impl State {
    /// Evaluates an attempt to connect. A server that accepts connections and closes them has a problem of its own: the
    /// schedule handles that.
    const fn tried(self, connects: bool) -> (Self, Change) {
        match (self, connects) {
            (Self::Down, true) => (Self::Up, Change::Back),
            (Self::Up | Self::Doubtful, true) => (Self::Up, Change::None),
            (Self::Up, false) => (Self::Up, Change::None),
            (Self::Doubtful, false) => (Self::Down, Change::Lost),
            (Self::Down, false) => (Self::Down, Change::None),
        }
    }
}

impl Network {
    /// Evaluates the result of a sync.
    pub(super) fn synced(&mut self, is_offline: bool) {
        self.state = match is_offline {
            true => State::Doubtful,
            false => State::Up,
        };
    }

    /// Whether the connection to the server was lost or restored. An attempt is made only at intervals.
    pub(super) async fn look(&mut self, server: &str) -> Change {
        let is_soon = self.tried.is_some_and(|tried| tried.elapsed() < BETWEEN);
        if self.state == State::Up || is_soon {
            return Change::None;
        }
        let connects = connects(server).await;
        self.tried = Some(Instant::now());
        let (state, change) = self.state.tried(connects);
        self.state = state;
        change
    }
}

async fn connects(server: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(server) else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let host = host.trim_matches(['[', ']']);
    matches!(
        timeout(TIMEOUT, TcpStream::connect((host, port))).await,
        Ok(Ok(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_way_that_was_gone_comes_back() {
        let rows = [
            (State::Up, true, State::Up, Change::None),
            (State::Up, false, State::Up, Change::None),
            (State::Doubtful, true, State::Up, Change::None),
            (State::Doubtful, false, State::Down, Change::Lost),
            (State::Down, false, State::Down, Change::None),
            (State::Down, true, State::Up, Change::Back),
        ];
        for (state, connects, then, change) in rows {
            assert_eq!(
                state.tried(connects),
                (then, change),
                "{state:?} {connects}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_comes_up_is_noticed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = format!("http://{address}/");
        drop(listener);
        let mut network = Network::default();
        network.synced(true);
        assert_eq!(network.look(&server).await, Change::Lost);
        let _listener = std::net::TcpListener::bind(address).unwrap();
        network.tried = None;
        assert_eq!(network.look(&server).await, Change::Back);
        network.tried = None;
        assert_eq!(network.look(&server).await, Change::None);
    }
}
