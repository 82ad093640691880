//! DNS over UDP: questions from several sockets, as many unanswered as there are.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::net::UdpSocket;
use std::time::Instant;

use crate::{GRACE, Plan, Tally, micros};

const NXDOMAIN: u8 = 3;

struct Asker {
    socket: UdpSocket,
    /// When the questions that are not answered were due, by their identifications.
    waiting: HashMap<u16, Instant>,
    next: u16,
}

/// The questions of a file of names and types, as messages whose identification is 0 (RFC 1035 section 4.1).
pub fn questions(file: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(file)?;
    let found: Option<Vec<_>> = text.lines().map(question).collect();
    found.filter(|all| !all.is_empty()).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidData,
            format!("{file}: not a name and a type (A, AAAA) a line"),
        )
    })
}

fn question(line: &str) -> Option<Vec<u8>> {
    let (name, kind) = line.split_once(' ')?;
    let kind: u16 = match kind {
        "A" => 1,
        "AAAA" => 28,
        _ => return None,
    };
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).ok().filter(|&length| (1..64).contains(&length))?);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&1u16.to_be_bytes());
    Some(message)
}

/// Asks the questions of a plan in turn; the tally, and the seconds until the last answer.
pub fn run(plan: &Plan, questions: &[Vec<u8>]) -> std::io::Result<(Tally, f64)> {
    let total = plan.total();
    let mut tally = Tally::default();
    let mut askers = Vec::with_capacity(plan.width);
    for _ in 0..plan.width {
        let socket = UdpSocket::bind(if plan.server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
        socket.connect(plan.server)?;
        socket.set_nonblocking(true)?;
        askers.push(Asker { socket, waiting: HashMap::new(), next: 0 });
    }
    let start = Instant::now();
    let due = |number: u64| plan.due(start, number);
    let end = due(total) + GRACE;
    let mut last = start;
    let mut message = Vec::new();
    loop {
        let now = Instant::now();
        if now > end || (tally.sent == total && askers.iter().all(|one| one.waiting.is_empty())) {
            break;
        }
        let mut idle = true;
        if tally.sent < total && due(tally.sent) <= now {
            let due = due(tally.sent);
            tally.lag.push(micros(now - due));
            message.clear();
            message.extend_from_slice(&questions[(tally.sent % questions.len() as u64) as usize]);
            let asker = &mut askers[(tally.sent % plan.width as u64) as usize];
            if !asker.ask(&mut message, due) {
                tally.failed(end - due);
            }
            tally.sent += 1;
            idle = false;
        }
        for asker in askers.iter_mut().filter(|one| !one.waiting.is_empty()) {
            while let Some((due, good)) = asker.read() {
                idle = false;
                last = Instant::now();
                if good {
                    tally.answered += 1;
                    tally.latency.push(micros(last - due));
                } else {
                    tally.failed(end - due);
                }
            }
        }
        if idle {
            plan.wait(if tally.sent < total { due(tally.sent) } else { end });
        }
    }
    let waiting = askers.iter().flat_map(|one| one.waiting.values().copied());
    tally.latency.extend(waiting.chain((tally.sent..total).map(due)).map(|due| micros(end - due)));
    Ok((tally, (last - start).as_secs_f64()))
}

impl Asker {
    /// Sends a message under the next identification; false where it cannot be, or that one still waits.
    fn ask(&mut self, message: &mut [u8], due: Instant) -> bool {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        message[..2].copy_from_slice(&id.to_be_bytes());
        if self.waiting.contains_key(&id) || self.socket.send(message).is_err() {
            return false;
        }
        self.waiting.insert(id, due);
        true
    }

    /// The next answer to what was asked: when that was due, and whether it is good.
    fn read(&mut self) -> Option<(Instant, bool)> {
        let mut answer = [0; 2048];
        loop {
            let length = match self.socket.recv(&mut answer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // A refusal by ICMP belongs to no question: what it refused is never answered.
                Err(_) => continue,
            };
            if let Some((id, good)) = judge(&answer[..length])
                && let Some(due) = self.waiting.remove(&id)
            {
                return Some((due, good));
            }
        }
    }
}

/// The identification of an answer, and whether it says NOERROR or NXDOMAIN; nothing of what is no answer.
fn judge(message: &[u8]) -> Option<(u16, bool)> {
    let &[high, low, flags, code, ..] = message else { return None };
    let code = code & 0x0f;
    (message.len() >= 12 && flags & 0x80 != 0)
        .then_some((u16::from_be_bytes([high, low]), code == 0 || code == NXDOMAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_message() {
        let wire = question("www.poc.example AAAA").unwrap();
        assert_eq!(&wire[12..], b"\x03www\x03poc\x07example\0\0\x1c\0\x01");
        assert_eq!(
            (question("www.poc.example TXT"), question("a..b A"), question("alone")),
            (None, None, None)
        );
    }

    #[test]
    fn refusals_and_losses_are_no_answers() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        // Of four questions, one gets an answer, one none, one SERVFAIL and one NXDOMAIN.
        std::thread::spawn(move || {
            let mut message = [0; 512];
            for number in 0.. {
                let (length, client) = server.recv_from(&mut message).unwrap();
                message[2] = 0x80;
                message[3] = [0, 0, 2, NXDOMAIN][number % 4];
                if number % 4 != 1 {
                    server.send_to(&message[..length], client).unwrap();
                }
            }
        });
        let plan = Plan { server: address, width: 4, rate: 100, seconds: 0.4, sleeps: true };
        let (mut tally, _) = run(&plan, &[question("a.example A").unwrap()]).unwrap();
        assert_eq!(
            (tally.sent, tally.answered, tally.failed, tally.latency.len()),
            (40, 20, 10, 40)
        );
        tally.latency.sort_unstable();
        assert!(tally.latency[20] > 2_000_000, "what is lost counts until it is given up");
    }
}
