//! Runs the forwarder of a node on the host: frames in on standard input, frames out on standard
//! output.
//!
//! `service-oracle CONFIG ADDRESS…` reads the node's configuration document, and frames that come
//! in one after the other, a millisecond apart: a byte for the port, two for the length, the
//! bytes. For each it writes how many frames left because of it (a byte), then those frames in
//! the same form. It plays the neighbours that have the addresses itself: what asks for them is
//! answered and not written.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use service_config::NodeConfig;
use service_core::{Duration, Instant};
use service_oracle::neighbours;
use service_route::{Forwarder, Frame, Ports};

const SEED: u64 = 42;
const STEP: Duration = Duration::from_millis(1);
/// How much of a frame a driver is sure to have in one piece.
const HEAD: usize = 128;

struct Bytes {
    bytes: Vec<u8>,
    head: usize,
}

impl Frame for Bytes {
    fn head(&self) -> &[u8] {
        &self.bytes[..self.head]
    }

    fn head_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.head]
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn frame(bytes: Vec<u8>) -> Bytes {
    Bytes { head: bytes.len().min(HEAD), bytes }
}

/// What was sent, by port.
#[derive(Default)]
struct Sent(Vec<(usize, Vec<u8>)>);

impl Ports for Sent {
    type Frame = Bytes;

    fn allocate(&mut self, length: usize) -> Option<Bytes> {
        Some(Bytes { bytes: vec![0; length], head: length })
    }

    fn send(&mut self, port: usize, frame: Bytes) {
        self.0.push((port, frame.bytes));
    }

    fn discard(&mut self, _: Bytes) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let document = arguments.next().ok_or("usage: service-oracle CONFIG ADDRESS…")?;
    let config = NodeConfig::parse(&std::fs::read(&document)?)?;
    let known = arguments.map(|text| text.parse()).collect::<Result<Vec<IpAddr>, _>>()?;
    let mut forwarder = Forwarder::new(&config, SEED)?;
    let mut input = io::stdin().lock();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut now = Instant::ZERO;
    let mut head = [0; 3];
    loop {
        // The end of the input is where a frame would begin, and nowhere else.
        if input.read(&mut head[..1])? == 0 {
            return Ok(output.flush()?);
        }
        input.read_exact(&mut head[1..])?;
        let [port, high, low] = head;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        input.read_exact(&mut bytes)?;
        now += STEP;
        let left = pass(&mut forwarder, now, port.into(), bytes, &known);
        output.write_all(&[u8::try_from(left.len())?])?;
        for (port, bytes) in left {
            output.write_all(&[u8::try_from(port)?])?;
            output.write_all(&u16::try_from(bytes.len())?.to_be_bytes())?;
            output.write_all(&bytes)?;
        }
    }
}

/// What leaves because of a frame, questions for neighbours aside.
fn pass(
    forwarder: &mut Forwarder<Bytes>,
    now: Instant,
    port: usize,
    bytes: Vec<u8>,
    known: &[IpAddr],
) -> Vec<(usize, Vec<u8>)> {
    let mut left = Vec::new();
    let mut coming = vec![(port, bytes)];
    while let Some((port, bytes)) = coming.pop() {
        let mut ports = Sent::default();
        forwarder.receive(now, port, frame(bytes), &mut ports);
        forwarder.poll(now, &mut ports);
        for (port, bytes) in ports.0 {
            if neighbours::is_question(&bytes) {
                coming.extend(neighbours::answer(&bytes, port, known).map(|answer| (port, answer)));
            } else {
                left.push((port, bytes));
            }
        }
    }
    left
}
