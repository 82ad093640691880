//! Two hosts talk through the firewall and the router, over frames in memory.

use proptest::prelude::*;
use service_core::Duration;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::{icmp, tcp};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr};
use std::net::IpAddr;

use crate::world::{CLIENTS, SERVERS, World};

const STEP: Duration = Duration::from_millis(10);

fn socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; 65_535]);
    tcp::Socket::new(buffer(), buffer())
}

/// Sends `data` from the client to a port of the server and back; what came back.
fn echo(world: &mut World, server: IpAddr, port: u16, data: &[u8]) -> Option<Vec<u8>> {
    let mut listener = socket();
    listener.listen(port).expect("free");
    let listener = world.server.sockets.add(listener);
    let client = world.client.sockets.add(socket());
    let context = world.client.interface.context();
    let connecting = world.client.sockets.get_mut::<tcp::Socket>(client);
    connecting.connect(context, (server, port), 40_000).expect("free");
    let (mut sent, mut back) = (0, Vec::new());
    for _ in 0..2000 {
        world.step(STEP);
        let server = world.server.sockets.get_mut::<tcp::Socket>(listener);
        if server.can_recv() && server.send_capacity() - server.send_queue() > 2000 {
            let mut buffer = [0; 2000];
            let length = server.recv_slice(&mut buffer).expect("open");
            assert_eq!(server.send_slice(&buffer[..length]), Ok(length));
        }
        let client = world.client.sockets.get_mut::<tcp::Socket>(client);
        if client.can_send() && sent < data.len() {
            sent += client.send_slice(&data[sent..]).expect("open");
        }
        if client.can_recv() {
            let mut buffer = [0; 4000];
            let length = client.recv_slice(&mut buffer).expect("open");
            back.extend_from_slice(&buffer[..length]);
        }
        if back.len() == data.len() {
            return Some(back);
        }
        if client.state() == tcp::State::Closed {
            return None;
        }
    }
    None
}

#[test]
fn a_permitted_connection_works_from_end_to_end() {
    let data: Vec<u8> = (0..200_000u32).map(|index| (index * 7 / 3) as u8).collect();
    for server in SERVERS {
        let mut world = World::new(true);
        assert_eq!(echo(&mut world, server, 80, &data).as_deref(), Some(data.as_slice()));
        assert_eq!(world.firewall.counter("rule.web-in"), 1);
        assert!(world.firewall.counter("established") > 200);
        assert_eq!(world.firewall.counter("rule.default"), 0);
        assert!(world.router.counter("forwarded") > 200);
        assert_eq!((world.firewall.ports.held, world.router.ports.held), (0, 0));
    }
}

#[test]
fn a_port_that_no_rule_permits_is_silent() {
    for (server, client) in SERVERS.into_iter().zip(CLIENTS) {
        let mut world = World::new(true);
        assert_eq!(echo(&mut world, server, 81, b"hello"), None);
        assert!(world.firewall.counter("rule.default") > 0);
        assert_eq!(world.router.counter("forwarded"), 0);
        let event = world.firewall.forwarder.take_drop_event().expect("an event");
        let line = world.firewall.forwarder.describe(&event).expect("a line").to_string();
        let start = concat!(
            r#"{"event":"drop","node":"firewall","rule":"default","#,
            r#""interface":"external","protocol":"tcp","#
        );
        let end = format!(r#""source":"{client}","destination":"{server}","port":81}}"#);
        assert_eq!(line, format!("{start}{end}"));
    }
}

#[test]
fn nothing_is_opened_from_within() {
    for client in CLIENTS {
        let mut world = World::new(true);
        let mut listener = socket();
        listener.listen(80).expect("free");
        let listener = world.client.sockets.add(listener);
        let server = world.server.sockets.add(socket());
        let context = world.server.interface.context();
        let connecting = world.server.sockets.get_mut::<tcp::Socket>(server);
        connecting.connect(context, (client, 80), 40_000).expect("free");
        for _ in 0..500 {
            world.step(STEP);
        }
        let listener = world.client.sockets.get_mut::<tcp::Socket>(listener);
        assert_eq!(listener.state(), tcp::State::Listen);
        assert!(world.firewall.counter("rule.default") > 0);
    }
}

/// An echo message of the family of `to`.
fn message(request: bool, from: IpAddr, to: IpAddr, seq_no: u16, data: &[u8]) -> Vec<u8> {
    let checksums = ChecksumCapabilities::default();
    let ident = 7;
    let mut bytes = vec![0; 8 + data.len()];
    match (from, to) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let repr = match request {
                true => Icmpv6Repr::EchoRequest { ident, seq_no, data },
                false => Icmpv6Repr::EchoReply { ident, seq_no, data },
            };
            let mut packet = Icmpv6Packet::new_unchecked(&mut bytes[..]);
            repr.emit(&from, &to, &mut packet, &checksums);
        }
        _ => {
            let repr = match request {
                true => Icmpv4Repr::EchoRequest { ident, seq_no, data },
                false => Icmpv4Repr::EchoReply { ident, seq_no, data },
            };
            repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &checksums);
        }
    }
    bytes
}

/// Sends echo requests from the client; how many were answered.
fn ping(world: &mut World, to: IpAddr) -> usize {
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 4096]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    socket.bind(icmp::Endpoint::Ident(7)).expect("free");
    let handle = world.client.sockets.add(socket);
    let from = CLIENTS[usize::from(to.is_ipv6())];
    let mut answered = 0;
    for seq_no in 0..5 {
        let socket = world.client.sockets.get_mut::<icmp::Socket>(handle);
        let data = [seq_no as u8; 500];
        let request = message(true, from, to, seq_no, &data);
        socket.send_slice(&request, to.into()).expect("room");
        world.step(STEP);
        world.step(STEP);
        let socket = world.client.sockets.get_mut::<icmp::Socket>(handle);
        while let Ok((payload, source)) = socket.recv() {
            assert_eq!(source, to.into());
            assert_eq!(payload, message(false, to, from, seq_no, &data));
            answered += 1;
        }
    }
    answered
}

#[test]
fn echoes_are_answered_by_a_router_and_dropped_by_the_firewall() {
    let addresses = [
        "203.0.113.80",
        "203.0.113.1",
        "198.51.100.2",
        "198.51.100.1",
        "192.0.2.1",
        "2001:db8:3::80",
        "2001:db8:3::1",
        "2001:db8:2::2",
        "2001:db8:2::1",
        "2001:db8:1::1",
    ];
    for address in addresses {
        let address = address.parse().expect("an address");
        let mut world = World::new(false);
        assert_eq!(ping(&mut world, address), 5, "{address}");
        let mut world = World::new(true);
        assert_eq!(ping(&mut world, address), 0, "{address}");
        assert_eq!(world.firewall.counter("rule.no-echo"), 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_data_arrives(data in prop::collection::vec(any::<u8>(), 1..20_000), v6 in 0usize..2) {
        let mut world = World::new(true);
        prop_assert_eq!(echo(&mut world, SERVERS[v6], 80, &data), Some(data));
    }
}
