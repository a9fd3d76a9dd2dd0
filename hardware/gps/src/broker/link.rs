//! The socket below a connection to a broker.
//!
//! The library serves each connection in a thread of its own, which ends only when the socket does. A broker that takes a
//! connection and says nothing more would keep that thread, and with each new try one more: whoever gives up shuts the socket.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::tcp::TLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use tokio::time::timeout;

/// A socket that is shut when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Link(Arc<Mutex<Socket>>);

#[derive(Debug, Default)]
enum Socket {
    #[default]
    Unopened,
    Open(TcpStream),
    Shut,
}

impl Link {
    /// A connection over this socket. Until that and TLS stand, `patience` may pass; whether the broker answers then is for the
    /// caller to wait for.
    ///
    /// # Errors
    /// When there is no way to the broker, or it does not let us in.
    pub async fn connect(&self, address: AMQPUri, patience: Duration) -> lapin::Result<Connection> {
        let socket = self.0.clone();
        let properties = ConnectionProperties::default().with_connection_name("edge-agent".into());
        Connection::connector(
            address,
            lapin::runtime::default_runtime()?,
            async move |address: AMQPUri, runtime| {
                let host = address.authority.host.clone();
                let dialled = timeout(patience, async {
                    let resolved = runtime.to_socket_addrs((host.clone(), address.authority.port));
                    let stream = AsyncTcpStream::connect(&runtime, resolved).await?;
                    if let AsyncTcpStream::Plain(plain) = &stream {
                        hold(&socket, plain.get_ref().as_fd().try_clone_to_owned()?.into())?;
                    }
                    match address.scheme {
                        AMQPScheme::AMQP => Ok(stream),
                        AMQPScheme::AMQPS => stream.into_tls(&host, TLSConfig::default()).await,
                    }
                });
                let dialled = dialled.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                dialled.map_err(lapin::Error::from)
            },
            properties,
        )
        .await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Socket::Open(stream) = std::mem::replace(&mut *lock(&self.0), Socket::Shut) {
            // Where the broker has closed it already there is nothing to shut.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Keeps hold of the socket; an error when whoever wanted it has given up meanwhile.
fn hold(socket: &Mutex<Socket>, stream: TcpStream) -> io::Result<()> {
    let mut socket = lock(socket);
    if matches!(*socket, Socket::Shut) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    *socket = Socket::Open(stream);
    Ok(())
}

fn lock(socket: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}
