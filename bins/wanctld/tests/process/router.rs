//! A router of few words: two queues over HTTP, or a connection that is taken and never answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// How requests are met.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    Hangs,
}

/// Serves until the process ends.
pub(crate) struct Router {
    pub(crate) port: u16,
    queues: Arc<Mutex<[Value; 2]>>,
}

impl Router {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let queue = |id, name| json!({".id": id, "name": name, "max-limit": "1000000"});
        let queues = Arc::new(Mutex::new([queue("*1", "Down"), queue("*2", "Up")]));
        let shared = Arc::clone(&queues);
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                match (manner, stream.unwrap()) {
                    (Manner::Hangs, stream) => held.push(stream),
                    (Manner::Answers, stream) => {
                        let queues = Arc::clone(&shared);
                        thread::spawn(move || answer(stream, &queues));
                    }
                }
            }
        });
        Self { port, queues }
    }

    /// The limits that were written, in bit/s.
    pub(crate) fn limits(&self) -> [u64; 2] {
        let queues = self.queues.lock().unwrap();
        queues
            .each_ref()
            .map(|queue| queue["max-limit"].as_str().unwrap().parse().unwrap())
    }
}

/// One request per connection.
fn answer(stream: TcpStream, queues: &Mutex<[Value; 2]>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let reply = reply(&head[0], &body, &mut queues.lock().unwrap()).to_string();
    let mut stream = reader.into_inner();
    drop(write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{reply}",
        reply.len()
    ));
}

fn reply(request: &str, body: &[u8], queues: &mut [Value; 2]) -> Value {
    let found = queues
        .iter_mut()
        .find(|queue| request.contains(queue[".id"].as_str().unwrap()));
    match (serde_json::from_slice::<Value>(body), found) {
        (Ok(change), Some(queue)) => {
            queue["max-limit"] = change["max-limit"].clone();
            queue.clone()
        }
        (Err(_), Some(queue)) => queue.clone(),
        _ => Value::from(queues.to_vec()),
    }
}
