//! A server as a process: its shutdown, and the reload of its settings.

use selvedge_server::Reload;

/// Returns when the process receives a signal to stop.
pub(crate) async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}

/// Reloads settings at each SIGHUP, and logs it; runs until the process ends.
///
/// # Errors
/// When the signal handler cannot be installed.
#[cfg(unix)]
pub(super) fn reload_at_hangup(reload: Reload) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reload = reload.clone();
            let done = tokio::task::spawn_blocking(move || reload.run()).await;
            match done {
                Ok(Ok(warnings)) => {
                    for warning in warnings {
                        eprintln!("selvedge serve: {warning}");
                    }
                    eprintln!("selvedge serve: settings reloaded");
                }
                Ok(Err(error)) => {
                    eprintln!("selvedge serve: some settings are not reloaded: {error}");
                }
                Err(error) => eprintln!("selvedge serve: settings are not reloaded: {error}"),
            }
        }
    });
    Ok(())
}
