//! The text (Prometheus exposition formats, version 0.0.4).

use alloc::string::String;
use core::fmt::{self, Display, Write};
use core::net::IpAddr;

use service_config::{Metrics, NodeConfig, Prefix};
use service_core::{CounterName, Counters, Instant};

/// What every page of a node says, and to whom.
#[derive(Debug)]
pub struct Page {
    info: String,
    sources: alloc::vec::Vec<Prefix>,
}

impl Page {
    /// The page of a node, shown to the sources of `metrics`.
    pub fn new(config: &NodeConfig, metrics: &Metrics) -> Self {
        let (node, topology) = (Label(&config.node), Label(&config.topology));
        let kind = config.kind.name();
        let info = alloc::format!(
            "# TYPE topology_node_info gauge\n\
             topology_node_info{{node=\"{node}\",kind=\"{kind}\",topology=\"{topology}\"}} 1\n"
        );
        Self { info, sources: metrics.sources.clone() }
    }

    /// Whether a client may see the page.
    pub fn admits(&self, client: IpAddr) -> bool {
        self.sources.iter().any(|prefix| prefix.contains(client))
    }

    /// The page at `now`.
    pub(crate) fn write(&self, counters: &dyn Counters, now: Instant) -> String {
        let mut text = self.info.clone();
        let (seconds, millis) = (now.micros() / 1_000_000, now.micros() / 1000 % 1000);
        let mut family = "";
        // Strings take all that is written.
        let _ = write!(
            text,
            "# TYPE topology_uptime_seconds gauge\ntopology_uptime_seconds {seconds}.{millis:03}\n"
        );
        counters.visit(&mut |counter, value| {
            let _ = sample(&mut text, &mut family, counter, value);
        });
        text
    }
}

/// A line for a counter, and before the first of its family the family's type.
fn sample(
    text: &mut String,
    family: &mut &'static str,
    counter: CounterName<'_>,
    value: u64,
) -> fmt::Result {
    let (fixed, own) = counter.parts();
    let name = fixed.trim_end_matches('.');
    if *family != fixed {
        *family = fixed;
        writeln!(text, "# TYPE topology_{name}_total counter")?;
    }
    write!(text, "topology_{name}_total")?;
    if !own.is_empty() {
        write!(text, "{{name=\"{}\"}}", Label(own))?;
    }
    writeln!(text, " {value}")
}

/// The value of a label, escaped.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}
