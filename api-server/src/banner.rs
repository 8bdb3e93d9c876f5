//! What the server says when it starts: which languages it found, what stands around a program, where to look.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use locus_runner::sandbox::SandboxReport;
use locus_runner::toolchain::Toolchain;

/// The text for a server on an address; `sandbox` is what stands around a program when there is no cluster.
#[must_use]
pub fn banner(sandbox: Option<&SandboxReport>, address: SocketAddr) -> String {
    let mut text = format!("Locus {}\n", env!("CARGO_PKG_VERSION"));
    if let Some(report) = sandbox {
        text += "\nsandbox\n";
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

/// The text on the languages of this machine, which are known a little later.
#[must_use]
pub fn languages(found: &[Toolchain]) -> String {
    let mut text = String::from("\nlanguages on this machine\n");
    for Toolchain { language, path, .. } in found {
        line(&mut text, &[&format!("{} {}", language.name, language.version), &path.display().to_string()]);
    }
    if found.is_empty() {
        line(&mut text, &["none"]);
    }
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
    use locus_runner::toolchain::Toolchain;

    use super::{languages, reachable};

    #[test]
    fn languages_are_told_with_the_place_of_their_program() {
        let python = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        let found = [Toolchain::new(python, "/opt/python/bin/python3".into(), "3.99.1", &[])];
        let told = "\nlanguages on this machine\n  Python 3.99.1             /opt/python/bin/python3\n";
        assert_eq!(languages(&found), told);
        assert_eq!(languages(&[]), "\nlanguages on this machine\n  none\n");
    }

    #[test]
    fn an_address_that_means_all_is_told_as_one_that_can_be_opened() {
        for (address, told) in
            [("0.0.0.0:8000", "127.0.0.1:8000"), ("[::]:80", "[::1]:80"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(address.parse().expect("an address")).to_string(), told);
        }
    }
}
