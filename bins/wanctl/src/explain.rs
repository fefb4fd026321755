//! `wanctl explain steering`: the last decision in words.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use wanctl_daemon::{Explanation, socket_path};

use crate::args::ExplainArgs;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest answer that is read.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Asks the running steering daemon for its last decision and prints it.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let socket = socket_path(&args.state_file);
    let mut stream = UnixStream::connect(&socket).with_context(|| {
        format!(
            "cannot ask {}: is wanctl-steerd running, and is this beside its state.file?",
            socket.display()
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    (&mut stream).take(LONGEST).read_to_string(&mut text)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{text}")?;
    } else {
        let explanation: Explanation =
            serde_json::from_str(&text).context("the answer is not understood")?;
        write!(out, "{explanation}")?;
    }
    Ok(ExitCode::SUCCESS)
}
