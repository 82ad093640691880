//! A little network of hosts and forwarders, joined in memory.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use service_core::{Duration, Instant};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use crate::ports::{Bytes, Node, firewall, router};

/// A host with smoltcp's stack.
pub struct Host {
    pub interface: Interface,
    pub sockets: SocketSet<'static>,
    pub wire: Wire,
}

#[derive(Default)]
pub struct Wire {
    pub incoming: VecDeque<Vec<u8>>,
    pub outgoing: VecDeque<Vec<u8>>,
}

impl Host {
    /// A host with these addresses, which are one each family's, and these gateways.
    pub fn new(mac: [u8; 6], addresses: [&str; 2], gateways: (Ipv4Addr, Ipv6Addr)) -> Self {
        let mut wire = Wire::default();
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
        let mut interface = Interface::new(config, &mut wire, smoltcp::time::Instant::ZERO);
        let addresses = addresses.map(|text| text.parse::<IpCidr>().expect("an address"));
        interface.update_ip_addrs(|list| list.extend(addresses));
        let routes = interface.routes_mut();
        routes.add_default_ipv4_route(gateways.0).expect("room");
        routes.add_default_ipv6_route(gateways.1).expect("room");
        Self { interface, sockets: SocketSet::new(vec![]), wire }
    }

    pub fn poll(&mut self, now: Instant) {
        let now = smoltcp::time::Instant::from_micros(now.micros() as i64);
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
    }
}

impl Device for Wire {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Rx(frame), Tx(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub struct Rx(Vec<u8>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

/// The network of the proof of concept: a client, the firewall, the router, a server.
pub struct World {
    pub now: Instant,
    pub client: Host,
    pub firewall: Node,
    pub router: Node,
    pub server: Host,
}

/// The addresses of the server and of the client.
pub const SERVERS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 80)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, 0x80)),
];
pub const CLIENTS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x100)),
];

/// The forwarders' ports by the segment they are on.
const FIREWALL: [usize; 2] = [0, 1];
const ROUTER: [usize; 2] = [1, 0];

impl World {
    pub fn new(filtered: bool) -> Self {
        let document = include_str!("../../../config/tests/documents/firewall.json");
        let open = document.replace(r#""rules":["#, r#""rules":[{"action":"permit","from":[],"log":false,"match":[],"name":"all","to":[]},"#);
        Self {
            now: Instant::ZERO + Duration::from_secs(1),
            client: Host::new(
                [2, 0, 0, 0, 1, 100],
                ["192.0.2.100/24", "2001:db8:1::100/64"],
                (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)),
            ),
            firewall: if filtered { firewall() } else { Node::new(&open) },
            router: router(),
            server: Host::new(
                [2, 0, 0, 0, 3, 80],
                ["203.0.113.80/24", "2001:db8:3::80/64"],
                (Ipv4Addr::new(203, 0, 113, 1), Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, 1)),
            ),
        }
    }

    /// Moves all frames until there are none, then lets `span` pass.
    pub fn step(&mut self, span: Duration) {
        loop {
            self.client.poll(self.now);
            self.server.poll(self.now);
            let mut moved = false;
            while let Some(frame) = self.client.wire.outgoing.pop_front() {
                self.firewall.receive(self.now, FIREWALL[0], Bytes::new(frame));
                moved = true;
            }
            while let Some(frame) = self.server.wire.outgoing.pop_front() {
                self.router.receive(self.now, ROUTER[1], Bytes::new(frame));
                moved = true;
            }
            self.firewall.forwarder.poll(self.now, &mut self.firewall.ports);
            self.router.forwarder.poll(self.now, &mut self.router.ports);
            while let Some((port, frame)) = self.firewall.ports.sent.pop_front() {
                moved = true;
                if port == FIREWALL[0] {
                    self.client.wire.incoming.push_back(frame);
                } else {
                    self.router.receive(self.now, ROUTER[0], Bytes::new(frame));
                }
            }
            while let Some((port, frame)) = self.router.ports.sent.pop_front() {
                moved = true;
                if port == ROUTER[1] {
                    self.server.wire.incoming.push_back(frame);
                } else {
                    self.firewall.receive(self.now, FIREWALL[1], Bytes::new(frame));
                }
            }
            if !moved {
                break;
            }
        }
        self.now += span;
    }
}
