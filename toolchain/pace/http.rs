//! HTTP/1.1 over connections that last.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{GRACE, Plan, Tally, micros};

const CONNECT: Duration = Duration::from_secs(3);
const LARGEST: usize = 1 << 20;

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    due: Instant,
}

/// What the bytes received so far are.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Unfinished,
    Good,
    Bad,
}

/// Makes the requests of a plan; the tally, and the seconds until the last answer.
pub fn run(plan: &Plan, path: &str) -> std::io::Result<(Tally, f64)> {
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", path, plan.server.ip());
    let total = plan.total();
    let mut tally = Tally::default();
    let mut free = VecDeque::with_capacity(plan.width);
    for _ in 0..plan.width {
        free.push_back(connect(plan)?);
    }
    let mut asked: Vec<Connection> = Vec::with_capacity(plan.width);
    let start = Instant::now();
    let due = |number: u64| plan.due(start, number);
    let end = due(total) + GRACE;
    let mut last = start;
    // A request waits for a connection while none is free; then its lateness is not ours.
    let mut waited = false;
    loop {
        let now = Instant::now();
        if now > end || (tally.sent == total && asked.is_empty()) {
            break;
        }
        let mut idle = true;
        if tally.sent < total && due(tally.sent) <= now {
            if let Some(mut stream) = free.pop_front() {
                let due = due(tally.sent);
                if !waited {
                    tally.lag.push(micros(now - due));
                }
                tally.sent += 1;
                idle = false;
                // A request fits the send buffer of a connection on which nothing is under way.
                if matches!(stream.write(request.as_bytes()), Ok(n) if n == request.len()) {
                    asked.push(Connection { stream, received: Vec::with_capacity(1024), due });
                } else {
                    tally.failed(end - due);
                    free.extend(connect(plan));
                }
            } else {
                waited = true;
            }
        }
        let mut at = 0;
        while at < asked.len() {
            let answer = asked[at].read();
            if answer == Answer::Unfinished {
                at += 1;
                continue;
            }
            idle = false;
            last = Instant::now();
            let done = asked.swap_remove(at);
            if answer == Answer::Good {
                tally.answered += 1;
                tally.latency.push(micros(last - done.due));
                free.push_back(done.stream);
            } else {
                tally.failed(end - done.due);
                // Refused, it is one connection less: what is due then waits for those that are left.
                free.extend(connect(plan));
            }
        }
        if !free.is_empty() && due(tally.sent) > now {
            waited = false;
        }
        if idle {
            // With all sent, only answers are waited for.
            plan.wait(if tally.sent < total { due(tally.sent) } else { end });
        }
    }
    let waiting = asked.iter().map(|one| one.due).chain((tally.sent..total).map(due));
    tally.latency.extend(waiting.map(|due| micros(end - due)));
    Ok((tally, (last - start).as_secs_f64()))
}

impl Connection {
    fn read(&mut self) -> Answer {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => Answer::Bad,
            Ok(n) => {
                self.received.extend_from_slice(&chunk[..n]);
                judge(&self.received)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Answer::Unfinished,
            Err(_) => Answer::Bad,
        }
    }
}

/// Whether bytes are a whole answer with status 200 and a stated length (RFC 9112 section 6.3).
fn judge(received: &[u8]) -> Answer {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if received.len() > LARGEST { Answer::Bad } else { Answer::Unfinished };
    };
    let Ok(text) = std::str::from_utf8(&received[..head]) else { return Answer::Bad };
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    match (status, length) {
        (Some("200"), Some(length)) if length <= LARGEST => {
            match received.len().cmp(&(head + 4 + length)) {
                std::cmp::Ordering::Less => Answer::Unfinished,
                std::cmp::Ordering::Equal => Answer::Good,
                std::cmp::Ordering::Greater => Answer::Bad,
            }
        }
        _ => Answer::Bad,
    }
}

fn connect(plan: &Plan) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&plan.server, CONNECT)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_200_is_good() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabc";
        assert_eq!(judge(whole), Answer::Good);
        for cut in 0..whole.len() {
            assert_eq!(judge(&whole[..cut]), Answer::Unfinished);
        }
        assert_eq!(judge(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd"), Answer::Bad);
        assert_eq!(judge(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), Answer::Bad);
        assert_eq!(judge(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Answer::Bad);
    }

    #[test]
    fn a_server_that_stalls_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        // Answers at once but for one pause of 0.3 s, during which 60 requests are due.
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            for number in 0.. {
                if matches!(stream.read(&mut request), Ok(0) | Err(_)) {
                    return;
                }
                if number == 50 {
                    std::thread::sleep(Duration::from_millis(300));
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
        });
        let plan = Plan { server, width: 1, rate: 200, seconds: 1.0, sleeps: false };
        let (mut tally, _) = run(&plan, "/").unwrap();
        assert_eq!(
            (tally.sent, tally.failed, tally.answered, tally.latency.len()),
            (200, 0, 200, 200)
        );
        tally.latency.sort_unstable();
        let late = tally.latency.iter().filter(|&&one| one > 50_000).count();
        assert!((40..=80).contains(&late), "{late} requests waited for the pause, not about 50");
    }
}
