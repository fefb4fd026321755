//! TUN devices: the only part that needs a raw system call.
//!
//! Linux offers no other way to name a TUN device than the `TUNSETIFF` ioctl on an open
//! `/dev/net/tun`, and neither the standard library nor `nix` wraps it.
#![expect(unsafe_code, reason = "TUNSETIFF has no safe wrapper")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

use anyhow::{Context, anyhow, ensure};
use nix::libc;
use nix::sched::{CloneFlags, setns};

use crate::args::End;

/// Longest device name, without the terminating zero.
const MAX_NAME: usize = libc::IFNAMSIZ - 1;

/// A packet device without link layer, never waiting.
#[derive(Debug)]
pub(crate) struct Tun(File);

impl Tun {
    /// Makes the device in its namespace. It goes away when the value is dropped.
    pub(crate) fn create(end: &End) -> anyhow::Result<Self> {
        let end = end.clone();
        // A thread of its own enters the namespace, so that nobody has to find the way back.
        let made = thread::spawn(move || create_here_after_entering(&end)).join();
        made.map_err(|_| anyhow!("the thread that makes the device panicked"))?
    }

    /// Takes one packet from the namespace, if there is one.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands one packet to the namespace.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(drop)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn create_here_after_entering(end: &End) -> anyhow::Result<Tun> {
    let path = format!("/run/netns/{}", end.namespace);
    let namespace = File::open(&path).with_context(|| format!("open namespace {path}"))?;
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .with_context(|| format!("enter namespace {path}; this needs root"))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .context("open /dev/net/tun")?;
    let request = Request::new(&end.device)?;
    // SAFETY: the descriptor is open for the whole call, and TUNSETIFF reads and writes an `ifreq`,
    // whose size and layout `Request` has; the kernel keeps no pointer to it.
    unsafe { tun_set_interface(file.as_raw_fd(), &raw const request) }
        .with_context(|| format!("make TUN device {} in {path}", end.device))?;
    Ok(Tun(file))
}

/// The `ifreq` that TUNSETIFF takes: a name, flags, and the rest of the kernel's union.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

impl Request {
    fn new(device: &str) -> anyhow::Result<Self> {
        ensure!(
            device.len() <= MAX_NAME,
            "device name `{device}` is longer than {MAX_NAME} bytes"
        );
        let mut name = [0; libc::IFNAMSIZ];
        for (to, from) in name.iter_mut().zip(device.bytes()) {
            *to = from;
        }
        Ok(Self {
            name,
            flags: libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI)?,
            rest: [0; 22],
        })
    }
}

nix::ioctl_write_ptr_bad!(
    /// `TUNSETIFF` of `linux/if_tun.h`.
    tun_set_interface,
    nix::request_code_write!(b'T', 202, size_of::<libc::c_int>()),
    Request
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_the_name_and_its_end() {
        let request = Request::new("r-wan").unwrap();
        assert_eq!(&request.name[..6], b"r-wan\0");
        assert_eq!(request.flags, 0x1001);
    }

    #[test]
    fn a_name_must_leave_room_for_its_end() {
        assert!(Request::new("a123456789bcdef").is_ok());
        assert!(Request::new("a123456789bcdefg").is_err());
    }
}
