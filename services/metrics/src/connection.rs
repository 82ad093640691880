//! One connection: one request, one answer.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::net::IpAddr;

use service_core::{Counters, Duration, Instant, Session};

use crate::Page;
use crate::request::{Refusal, Request};

/// The longest head, in bytes: 431 beyond.
pub(crate) const HEAD: usize = 4096;
/// How long a request may take from the start of its connection.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a client may take none of the answer, and then take its leave.
const STALL: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_secs(2);

/// One connection of a client; `C` is what is counted.
#[derive(Debug)]
pub struct Connection<C> {
    head: Vec<u8>,
    output: String,
    sent: usize,
    answered: bool,
    deadline: Instant,
    counters: PhantomData<fn(&C)>,
}

/// What answers a request.
fn respond(
    request: Result<Request, Refusal>,
    page: &Page,
    counters: &dyn Counters,
    now: Instant,
) -> String {
    let refused = |status: &str, fields: &str| {
        format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n")
    };
    match request {
        Ok(request) => {
            let text = page.write(counters, now);
            let length = text.len();
            let content = if request.content { text.as_str() } else { "" };
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{content}"
            )
        }
        Err(Refusal::BadRequest) => refused("400 Bad Request", ""),
        Err(Refusal::NotFound) => refused("404 Not Found", ""),
        Err(Refusal::MethodNotAllowed) => refused("405 Method Not Allowed", "Allow: GET, HEAD\r\n"),
        Err(Refusal::TooLarge) => refused("431 Request Header Fields Too Large", ""),
    }
}

impl<C: Counters> Session for Connection<C> {
    type Service = Page;
    type Counters = C;

    fn admits(page: &Page, client: IpAddr) -> bool {
        page.admits(client)
    }

    fn open(_: &mut C, now: Instant) -> Self {
        Self {
            head: Vec::new(),
            output: String::new(),
            sent: 0,
            answered: false,
            deadline: now + REQUEST,
            counters: PhantomData,
        }
    }

    fn receive(&mut self, page: &Page, counters: &mut C, now: Instant, input: &[u8]) -> usize {
        if self.answered {
            return input.len();
        }
        let fresh = &input[..input.len().min(HEAD - self.head.len())];
        if self.head.try_reserve(fresh.len()).is_err() {
            self.answered = true; // there is no room to say why
            return input.len();
        }
        self.head.extend_from_slice(fresh);
        if let Some(request) = Request::parse(&self.head) {
            self.output = respond(request, page, counters, now);
            self.head = Vec::new();
            self.answered = true;
            self.deadline = now + STALL;
        }
        input.len()
    }

    fn transmit<'a>(&'a self, _: &'a Page) -> &'a [u8] {
        self.output.as_bytes().get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, _: &Page, now: Instant, count: usize) {
        self.sent = (self.sent + count).min(self.output.len());
        self.deadline = now + if self.sent < self.output.len() { STALL } else { LINGER };
    }

    fn close_after_flush(&self) -> bool {
        self.answered
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
