//! Two hosts talk through the firewall and the router, over frames in memory.

use proptest::prelude::*;
use service_core::Duration;
use smoltcp::socket::{icmp, tcp};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpAddress};

use crate::world::World;

const STEP: Duration = Duration::from_millis(10);

fn socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; 65_535]);
    tcp::Socket::new(buffer(), buffer())
}

/// Sends `data` from the client to a port of the server and back; what came back.
fn echo(world: &mut World, port: u16, data: &[u8]) -> Option<Vec<u8>> {
    let mut listener = socket();
    listener.listen(port).expect("free");
    let listener = world.server.sockets.add(listener);
    let client = world.client.sockets.add(socket());
    let remote = (IpAddress::v4(203, 0, 113, 80), port);
    let context = world.client.interface.context();
    let connecting = world.client.sockets.get_mut::<tcp::Socket>(client);
    connecting.connect(context, remote, 40_000).expect("free");
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
    let mut world = World::new(true);
    let data: Vec<u8> = (0..200_000u32).map(|index| (index * 7 / 3) as u8).collect();
    assert_eq!(echo(&mut world, 80, &data).as_deref(), Some(data.as_slice()));
    assert_eq!(world.firewall.counter("rule.web-in"), 1);
    assert!(world.firewall.counter("established") > 200);
    assert_eq!(world.firewall.counter("rule.default"), 0);
    assert!(world.router.counter("forwarded") > 200);
    assert_eq!((world.firewall.ports.held, world.router.ports.held), (0, 0));
}

#[test]
fn a_port_that_no_rule_permits_is_silent() {
    let mut world = World::new(true);
    assert_eq!(echo(&mut world, 81, b"hello"), None);
    assert!(world.firewall.counter("rule.default") > 0);
    assert_eq!(world.router.counter("forwarded"), 0);
    let event = world.firewall.forwarder.take_drop_event().expect("an event");
    let line = world.firewall.forwarder.describe(&event).expect("a line").to_string();
    assert_eq!(
        line,
        concat!(
            r#"{"event":"drop","node":"firewall","rule":"default","interface":"external","#,
            r#""protocol":"tcp","source":"192.0.2.100","destination":"203.0.113.80","port":81}"#
        )
    );
}

#[test]
fn nothing_is_opened_from_within() {
    let mut world = World::new(true);
    let mut listener = socket();
    listener.listen(80).expect("free");
    let listener = world.client.sockets.add(listener);
    let server = world.server.sockets.add(socket());
    let context = world.server.interface.context();
    let connecting = world.server.sockets.get_mut::<tcp::Socket>(server);
    let remote = (IpAddress::v4(192, 0, 2, 100), 80);
    connecting.connect(context, remote, 40_000).expect("free");
    for _ in 0..500 {
        world.step(STEP);
    }
    let listener = world.client.sockets.get_mut::<tcp::Socket>(listener);
    assert_eq!(listener.state(), tcp::State::Listen);
    assert!(world.firewall.counter("rule.default") > 0);
}

/// Sends echo requests from the client; how many were answered.
fn ping(world: &mut World, to: IpAddress) -> usize {
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 4096]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    socket.bind(icmp::Endpoint::Ident(7)).expect("free");
    let handle = world.client.sockets.add(socket);
    let mut answered = 0;
    for seq_no in 0..5 {
        let socket = world.client.sockets.get_mut::<icmp::Socket>(handle);
        let data = [seq_no as u8; 500];
        let repr = Icmpv4Repr::EchoRequest { ident: 7, seq_no, data: &data };
        let payload = socket.send(repr.buffer_len(), to).expect("room");
        let checksums = smoltcp::phy::ChecksumCapabilities::default();
        repr.emit(&mut Icmpv4Packet::new_unchecked(payload), &checksums);
        world.step(STEP);
        world.step(STEP);
        let socket = world.client.sockets.get_mut::<icmp::Socket>(handle);
        while let Ok((payload, _)) = socket.recv() {
            let packet = Icmpv4Packet::new_checked(payload).expect("a message");
            let reply = Icmpv4Repr::parse(&packet, &checksums).expect("a right checksum");
            assert_eq!(reply, Icmpv4Repr::EchoReply { ident: 7, seq_no, data: &data });
            answered += 1;
        }
    }
    answered
}

#[test]
fn echoes_are_answered_by_a_router_and_dropped_by_the_firewall() {
    let addresses =
        [[203, 0, 113, 80], [203, 0, 113, 1], [198, 51, 100, 2], [198, 51, 100, 1], [192, 0, 2, 1]];
    for [a, b, c, d] in addresses {
        let mut world = World::new(false);
        assert_eq!(ping(&mut world, IpAddress::v4(a, b, c, d)), 5);
        let mut world = World::new(true);
        assert_eq!(ping(&mut world, IpAddress::v4(a, b, c, d)), 0);
        assert_eq!(world.firewall.counter("rule.no-echo"), 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_data_arrives(data in prop::collection::vec(any::<u8>(), 1..20_000)) {
        let mut world = World::new(true);
        prop_assert_eq!(echo(&mut world, 80, &data), Some(data));
    }
}
