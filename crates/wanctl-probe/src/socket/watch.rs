//! Handing a socket to the runtime, which wakes tasks when it has something to read.
#![expect(
    unsafe_code,
    reason = "the runtime trusts the caller about the file descriptor"
)]

use std::io;

use socket2::Socket;
use tokio::io::unix::AsyncFd;

pub(super) fn watch(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its file descriptor, always reports the same one and closes it
    // only when it is dropped, which `AsyncFd` does itself after it has stopped watching. Only
    // shared references to it are taken after this.
    let watched = unsafe { AsyncFd::register(socket) };
    Ok(watched?)
}
