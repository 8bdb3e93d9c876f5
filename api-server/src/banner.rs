//! What the server says when it starts: which languages it found, what stands around a program, where to look.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use locus_runner::toolchain::Toolchain;

use crate::backend::Backend as _;
use crate::backend::embedded::Embedded;

/// The text for a server on an address; `machine` is where programs run when there is no cluster.
#[must_use]
pub fn banner(machine: Option<&Embedded>, address: SocketAddr) -> String {
    let mut text = format!("Locus {}\n", env!("CARGO_PKG_VERSION"));
    if let Some(machine) = machine {
        text += "\nlanguages on this machine\n";
        for Toolchain { language, program, version, .. } in machine.toolchains() {
            line(&mut text, &[&format!("{} {version}", language.name), &program.display().to_string()]);
        }
        if let Err(none) = machine.ready() {
            line(&mut text, &[&none.to_string()]);
        }
        text += "\nsandbox\n";
        let report = machine.report();
        for layer in &report.layers {
            line(&mut text, &[if layer.in_force { "in force" } else { "missing" }, &layer.name, &layer.detail]);
        }
        if let Some(weakness) = &report.weakness {
            let _ = writeln!(text, "\nNOT SAFE for strangers' code: {weakness}");
        }
    }
    let _ = writeln!(text, "\nopen http://{}", reachable(address));
    text
}

fn line(text: &mut String, columns: &[&str]) {
    let mut line = String::new();
    for column in columns {
        let _ = write!(line, "  {column:<24}");
    }
    *text += line.trim_end();
    text.push('\n');
}

/// An address that a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn an_address_that_means_all_is_told_as_one_that_can_be_opened() {
        for (address, told) in
            [("0.0.0.0:8000", "127.0.0.1:8000"), ("[::]:80", "[::1]:80"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(address.parse().expect("an address")).to_string(), told);
        }
    }
}
