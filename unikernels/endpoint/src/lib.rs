//! Serves a [`Session`] on TCP, and datagrams on UDP, over smoltcp.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod datagrams;
mod device;
mod path;
mod streams;

use core::net::{IpAddr, Ipv6Addr};

use machine::Purpose;
use node::{Node, Totals, sooner};
use service_config::{Interface as Attachment, NodeConfig};
use service_core::{Counters, Instant, RateLimit, Session};
use service_metrics::Page;
use service_route::limits;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::wire::{EthernetAddress, IpCidr};

pub use datagrams::{Answer, Datagrams};

use datagrams::DatagramSocket;
use device::Port;
use path::PathMtu;
use streams::{Room, Streams};

/// Serves for ever: `service` by sessions on TCP `port`, and by `datagrams` on the UDP port of the
/// same number; and what it counts on another port, where the configuration says so.
pub fn serve<S: Session>(
    mut node: Node,
    port: u16,
    service: S::Service,
    mut counters: S::Counters,
    datagrams: Option<Datagrams<S>>,
) -> !
where
    S::Counters: Counters,
{
    let config = node.config();
    let [attachment] = config.interfaces.as_slice() else {
        machine::die(format_args!(
            "a {} node has one interface, not {}",
            config.kind.name(),
            config.interfaces.len()
        ))
    };
    let mtu = usize::from(attachment.mtu);
    let Some(nic) = node.open_nics(Purpose::Endpoint { mtu }).pop() else {
        machine::die(format_args!("the interface did not start"))
    };
    let own = attachment.addresses.iter().map(|own| own.address()).collect();
    let mut device = Port::new(nic, PathMtu::new(own, mtu), port);
    let mut interface = attach(config, attachment, &mut device);
    let mut usable = device.path.get();
    let mut sockets = SocketSet::new(alloc::vec![]);
    let mut datagrams =
        datagrams.map(|datagrams| DatagramSocket::new(port, datagrams, &mut sockets));
    let mut metrics = config.metrics.as_ref().map(|metrics| {
        let streams = Streams::<service_metrics::Connection<S::Counters>>::new(
            metrics.port,
            Room::FEW,
            &mut sockets,
        );
        (Page::new(config, metrics), streams)
    });
    let room = Room::within(node.free_memory() / 2);
    let mut streams = Streams::<S>::new(port, room, &mut sockets);
    let mut groups = RateLimit::new(limits::GROUPS.0, limits::GROUPS.1);
    announce(attachment, &mut device);
    node.ready();

    loop {
        let now = node::now();
        device.renew(now, streams.listening(), streams.is_full());
        interface.poll(moment(now), &mut device, &mut sockets);
        if device.was_asked_for_groups() && groups.allow(now) {
            join_groups(attachment, &mut device);
        }
        // The netstack takes the MTU when an interface is made; connections are not part of it.
        if usable != device.path.get() {
            usable = device.path.get();
            interface = attach(config, attachment, &mut device);
        }
        let mut progress = streams.serve(&mut sockets, &service, &mut counters, now);
        if let Some(datagrams) = &mut datagrams {
            progress |= datagrams.serve(&mut sockets, &service, &mut counters, now);
        }
        if let Some((page, streams)) = &mut metrics {
            progress |= streams.serve(&mut sockets, page, &mut counters, now);
        }
        if progress {
            interface.poll_egress(moment(now), &mut device, &mut sockets);
        }
        device.nic.flush();
        let totals = Totals {
            service: &counters,
            nics: core::slice::from_ref(&device.nic),
            frames_counted: false,
        };
        node.report(now, &totals);
        if device.has_work() {
            continue;
        }
        // To spin before sleeping was measured: it halves the latency of a single connection and
        // takes a fifth of the throughput of many, for the processor is missed elsewhere.
        let report = node.report_deadline(&totals);
        if device.nic.arm(true) {
            let wait = interface.poll_at(moment(now), &sockets).map(instant);
            let watched = metrics.as_ref().and_then(|(_, streams)| streams.deadline());
            let deadline = sooner(sooner(wait, report), sooner(streams.deadline(), watched));
            machine::idle(deadline.map(Instant::micros));
        }
    }
}

fn moment(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(now.micros().cast_signed())
}

fn instant(moment: smoltcp::time::Instant) -> Instant {
    Instant::from_micros(moment.total_micros().cast_unsigned())
}

/// Gives the interface its addresses and routes.
#[cold] // at boot, and when a path turns out to be narrow
fn attach(config: &NodeConfig, attachment: &Attachment, device: &mut Port) -> Interface {
    let mac = EthernetAddress(attachment.mac.octets());
    let mut settings = Config::new(mac.into());
    settings.random_seed = machine::random_seed();
    let mut interface = Interface::new(settings, device, moment(node::now()));
    let own = attachment.addresses.iter();
    let v6 = own.clone().any(|own| own.address().is_ipv6());
    let own = own.map(|own| IpCidr::new(own.address().into(), own.length()));
    let link_local = v6.then(|| IpCidr::new(link_local(attachment.mac.octets()).into(), 64));
    interface.update_ip_addrs(|list| {
        for address in own.chain(link_local) {
            if list.push(address).is_err() {
                machine::die(format_args!("more addresses than an interface can have"));
            }
        }
    });
    for route in &config.routes {
        let route = smoltcp::iface::Route {
            cidr: IpCidr::new(route.prefix.network().into(), route.prefix.length()),
            via_router: route.via.into(),
            preferred_until: None,
            expires_at: None,
        };
        interface.routes_mut().update(|list| {
            if list.push(route).is_err() {
                machine::die(format_args!("more routes than an interface can have"));
            }
        });
    }
    interface
}

/// The address of a station on its own link (RFC 4291 appendix A): routers ask from theirs, and are
/// answered there.
fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    let identifier = [(a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f];
    let [first, second, third, fourth] = identifier;
    Ipv6Addr::new(0xfe80, 0, 0, 0, first, second, third, fourth)
}

/// Tells the segment who has the addresses now: a switch, or a neighbour, may know a predecessor.
#[cold]
fn announce(attachment: &Attachment, device: &mut Port) {
    join_groups(attachment, device);
    let mac = attachment.mac.octets();
    for own in attachment.addresses.iter().map(|own| own.address()) {
        send(device, service_route::announcement_length(own), |frame| {
            service_route::announce(mac, own, frame);
        });
    }
    device.nic.flush();
}

/// Tells the segment's switch which groups are listened to: those of the interface's addresses. The
/// device sees it with the next flush.
#[cold]
fn join_groups(attachment: &Attachment, device: &mut Port) {
    let mac = attachment.mac.octets();
    let v6 = attachment.addresses.iter().filter_map(|own| match own.address() {
        IpAddr::V4(_) => None,
        IpAddr::V6(own) => Some(own),
    });
    let link_local = v6.clone().next().map(|_| link_local(mac));
    for own in v6.chain(link_local) {
        send(device, service_route::MEMBERSHIP, |frame| service_route::join(mac, own, frame));
    }
}

fn send(device: &mut Port, length: usize, write: impl FnOnce(&mut [u8])) {
    if let Some(mut frame) = machine::Frame::new(length) {
        write(frame.head_mut());
        // A full queue would be a device that sends nothing at all; the interface counts the loss.
        let _ = device.nic.send(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_has_an_address_on_its_link() {
        let address: Ipv6Addr = "fe80::ff:fe00:350".parse().expect("an address");
        assert_eq!(link_local([2, 0, 0, 0, 3, 0x50]), address);
    }
}
