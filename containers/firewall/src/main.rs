//! A firewall as a container's init.
#![no_std]
#![no_main]

use linux::{Fatal, forward, init};
use service_config::Kind;

init!(run);

fn run() -> Result<(), Fatal> {
    forward::run(Kind::Firewall)
}
