//! Who may reach whom under the chart's `NetworkPolicies`. It needs helm and no cluster: the cluster that the other
//! tests use enforces no policy, so what stands here is read from the rendered chart.

use std::env;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::Command;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy};
use locus_api::labels;
use locus_e2e::cluster::{FRONT_DOOR, OPERATOR, RELEASE, RELEASE_NAMESPACE, RUN_NAMESPACE, repository};
use locus_e2e::network_policy::{Labels, Party, Pod, Port, is_allowed};
use serde::Deserialize as _;
use serde_yaml::Value;

/// What the chart is given, and what it is called in the tables.
const MODES: [(&str, &[&str]); 4] = [
    ("none", &[]),
    ("loopback", &["runPods.network=loopback", "runPods.networkPolicyEnforced=true"]),
    ("egress", &["runPods.network=egress", "runPods.networkPolicyEnforced=true"]),
    (
        "egress with lists",
        &[
            "runPods.network=egress",
            "runPods.networkPolicyEnforced=true",
            "runPods.egressExcept={185.199.108.7/32,2600:1f00::/32}",
            "runPods.egressDns={10.96.0.10/32,fd00::53/128}",
        ],
    ),
];

const RUNNER: Port = ("TCP", 7070);

#[test]
fn a_runner_is_reached_on_its_port_by_the_operator_and_the_front_door_alone() {
    // Who; the runner's port, the same by UDP, another port.
    let table: [(&str, [bool; 3]); 11] = [
        ("the operator", [true, false, false]),
        ("the front door", [true, false, false]),
        ("another release's operator in the namespace", [false, false, false]),
        ("another pod of the release's namespace", [false, false, false]),
        ("a pod elsewhere with the operator's labels", [false, false, false]),
        ("a pod elsewhere with a runner's labels", [false, false, false]),
        ("a pod beside the runners with the operator's labels", [false, false, false]),
        ("another runner", [false, false, false]),
        ("another node", [false, false, false]),
        ("a machine of the network", [false, false, false]),
        ("the internet", [false, false, false]),
    ];
    for (mode, values) in MODES {
        let Some(chart) = Chart::render(values) else { return };
        let operator = chart.pod_labels(OPERATOR);
        let foreign = replaced(&operator, "app.kubernetes.io/instance", "other");
        for (who, expected) in table {
            let party = match who {
                "the operator" => pod("10.244.1.2", RELEASE_NAMESPACE, &operator),
                "the front door" => pod("10.244.1.3", RELEASE_NAMESPACE, &chart.pod_labels(FRONT_DOOR)),
                "another release's operator in the namespace" => pod("10.244.1.4", RELEASE_NAMESPACE, &foreign),
                "another pod of the release's namespace" => pod("10.244.1.5", RELEASE_NAMESPACE, &Labels::new()),
                "a pod elsewhere with the operator's labels" => pod("10.244.1.6", "elsewhere", &operator),
                "a pod elsewhere with a runner's labels" => pod("10.244.1.7", "elsewhere", &runner_labels("u2")),
                "a pod beside the runners with the operator's labels" => pod("10.244.1.8", RUN_NAMESPACE, &operator),
                "another runner" => runner("10.244.1.9", "u2"),
                "another node" => outside("10.0.0.6"),
                "a machine of the network" => outside("192.168.1.1"),
                "the internet" => outside("8.8.8.8"),
                _ => unreachable!("{who} is no party"),
            };
            let this = runner("10.244.2.2", "u1");
            let may =
                [RUNNER, ("UDP", 7070), ("TCP", 8080)].map(|port| is_allowed(&chart.policies, &party, &this, port));
            assert_eq!(may, expected, "{who} to a runner, mode {mode}");
        }
    }
}

#[test]
fn a_runner_reaches_public_addresses_and_only_with_egress() {
    const NOWHERE: [bool; 4] = [false; 4];
    const PUBLIC: [bool; 4] = [false, false, true, true];
    const PUBLIC_UNLESS_LISTED: [bool; 4] = [false, false, true, false];
    const WHERE_LISTED: [bool; 4] = [false, false, false, true];
    const HTTPS: Port = ("TCP", 443);
    // Where to; the modes in the order of MODES.
    let table: [(&str, &str, Port, [bool; 4]); 44] = [
        ("another runner", "10.244.2.3", RUNNER, NOWHERE),
        ("the operator's pod", "10.244.1.2", ("TCP", 8080), NOWHERE),
        ("the front door's pod", "10.244.1.3", ("TCP", 8000), NOWHERE),
        ("a Service", "10.96.0.100", ("TCP", 80), NOWHERE),
        ("the API server's Service", "10.96.0.1", HTTPS, NOWHERE),
        ("the API server's Service, IPv6", "fd00:10:96::1", HTTPS, NOWHERE),
        ("the API server at a public address", "185.199.108.7", HTTPS, PUBLIC_UNLESS_LISTED),
        ("a node's kubelet", "10.0.0.5", ("TCP", 10250), NOWHERE),
        ("a node at a public IPv6 address", "2600:1f00:0:7::5", ("TCP", 10250), PUBLIC_UNLESS_LISTED),
        ("a pod's own loopback address", "127.0.0.1", ("TCP", 8000), NOWHERE),
        ("a pod's own loopback address, IPv6", "::1", ("TCP", 8000), NOWHERE),
        ("the cloud's metadata", "169.254.169.254", ("TCP", 80), NOWHERE),
        ("AWS's metadata, IPv6", "fd00:ec2::254", ("TCP", 80), NOWHERE),
        ("AWS's metadata of a task", "169.254.170.2", ("TCP", 80), NOWHERE),
        ("Alibaba's metadata", "100.100.100.200", ("TCP", 80), NOWHERE),
        ("Azure's host", "168.63.129.16", ("TCP", 80), NOWHERE),
        ("Oracle's metadata", "192.0.0.192", ("TCP", 80), NOWHERE),
        ("a private address", "192.168.1.1", HTTPS, NOWHERE),
        ("another private address", "172.16.0.1", HTTPS, NOWHERE),
        ("a unique local address", "fc00::1", HTTPS, NOWHERE),
        ("a link-local address", "fe80::1", HTTPS, NOWHERE),
        ("an address behind a carrier's NAT", "100.64.0.1", HTTPS, NOWHERE),
        ("this host on this network", "0.0.0.0", HTTPS, NOWHERE),
        ("the unspecified address, IPv6", "::", HTTPS, NOWHERE),
        ("a multicast group", "224.0.0.251", ("UDP", 5353), NOWHERE),
        ("a multicast group, IPv6", "ff02::fb", ("UDP", 5353), NOWHERE),
        ("broadcast", "255.255.255.255", ("UDP", 67), NOWHERE),
        ("a benchmark's address", "198.18.0.1", HTTPS, NOWHERE),
        ("an address of documentation", "203.0.113.1", HTTPS, NOWHERE),
        ("an address of documentation, IPv6", "2001:db8::1", HTTPS, NOWHERE),
        ("a private address as mapped IPv6", "::ffff:10.0.0.5", HTTPS, NOWHERE),
        ("a public address as mapped IPv6", "::ffff:8.8.8.8", HTTPS, NOWHERE),
        ("metadata through NAT64", "64:ff9b::a9fe:a9fe", ("TCP", 80), NOWHERE),
        ("metadata through a network's own NAT64", "64:ff9b:1::a9fe:a9fe", ("TCP", 80), NOWHERE),
        ("metadata through 6to4", "2002:a9fe:a9fe::1", ("TCP", 80), NOWHERE),
        ("metadata through Teredo", "2001:0:a9fe:a9fe::1", ("TCP", 80), NOWHERE),
        ("a public address", "8.8.8.8", HTTPS, PUBLIC),
        ("a public address, IPv6", "2606:4700::1111", HTTPS, PUBLIC),
        ("a public name server", "8.8.8.8", ("UDP", 53), PUBLIC),
        ("the cluster's name server", "10.96.0.10", ("UDP", 53), WHERE_LISTED),
        ("the cluster's name server by TCP", "10.96.0.10", ("TCP", 53), WHERE_LISTED),
        ("the cluster's name server, its metrics", "10.96.0.10", ("TCP", 9153), NOWHERE),
        ("the cluster's name server, IPv6", "fd00::53", ("UDP", 53), WHERE_LISTED),
        ("a name server beside it", "10.96.0.11", ("UDP", 53), NOWHERE),
    ];
    let Some(charts) = MODES.iter().map(|(_, values)| Chart::render(values)).collect::<Option<Vec<_>>>() else {
        return;
    };
    for (what, address, port, expected) in table {
        for ((mode, _), (chart, expected)) in MODES.iter().zip(charts.iter().zip(expected)) {
            let party = match what {
                "another runner" => runner(address, "u2"),
                "the operator's pod" => pod(address, RELEASE_NAMESPACE, &chart.pod_labels(OPERATOR)),
                "the front door's pod" => pod(address, RELEASE_NAMESPACE, &chart.pod_labels(FRONT_DOOR)),
                _ => outside(address),
            };
            let may = is_allowed(&chart.policies, &runner("10.244.2.2", "u1"), &party, port);
            assert_eq!(may, expected, "a runner to {what}, {address} port {port:?}, mode {mode}");
        }
    }
}

#[test]
fn egress_goes_to_the_edges_of_the_public_ranges_and_no_further() {
    let Some(chart) = Chart::render(MODES[2].1) else { return };
    // The last address before a range that is not public, its first and its last one, the first behind it.
    let edges = [
        ["", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
        ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
        ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
        ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
        ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
        ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
        ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
        ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
        ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
        ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
        ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
        ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
        ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
        ["223.255.255.255", "224.0.0.0", "255.255.255.255", ""],
        ["168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"],
        ["", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"],
        ["2000:ffff::", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
        ["2001:db7:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
        ["2001:ffff::", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
        ["3ffe:ffff::", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
        ["3fff:ffff::", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""],
    ];
    for [before, first, last, behind] in edges {
        for (address, expected) in [(before, true), (first, false), (last, false), (behind, true)] {
            if !address.is_empty() {
                let from = runner("10.244.2.2", "u1");
                let may = is_allowed(&chart.policies, &from, &outside(address), ("TCP", 443));
                assert_eq!(may, expected, "{address} at the edge of {first} to {last}");
            }
        }
    }
}

#[test]
fn pods_of_a_run_bear_the_labels_that_the_policies_select() {
    for (mode, values) in MODES {
        let Some(chart) = Chart::render(values) else { return };
        for policy in &chart.policies {
            let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref()).expect("a selector");
            let wanted = selector.match_labels.clone().unwrap_or_default();
            let expected = match policy.metadata.name.as_deref() {
                Some("locus-deny-all") => Labels::new(),
                _ => the([(labels::MANAGED_BY, labels::OPERATOR), (labels::COMPONENT, labels::RUNNER)]),
            };
            assert_eq!(wanted, expected, "{:?}, mode {mode}", policy.metadata.name);
        }
    }
}

#[test]
fn policies_are_for_the_run_namespace_alone() {
    for (mode, values) in MODES {
        let Some(chart) = Chart::render(values) else { return };
        let expected: &[&str] = match mode {
            "none" | "loopback" => &["locus-deny-all", "locus-runners"],
            _ => &["locus-deny-all", "locus-runners", "locus-egress"],
        };
        let names: Vec<&str> = chart.policies.iter().filter_map(|policy| policy.metadata.name.as_deref()).collect();
        assert_eq!(names, expected, "mode {mode}");
        for policy in &chart.policies {
            assert_eq!(policy.metadata.namespace.as_deref(), Some(RUN_NAMESPACE));
        }
    }
}

#[test]
fn the_api_server_takes_every_address_block() {
    let Some(chart) = Chart::render(MODES[3].1) else { return };
    let rules = chart.policies.iter().filter_map(|policy| policy.spec.as_ref()?.egress.as_ref()).flatten();
    let blocks: Vec<&IPBlock> =
        rules.flat_map(|rule| rule.to.iter().flatten()).filter_map(|peer| peer.ip_block.as_ref()).collect();
    assert_eq!(blocks.len(), 4, "two for public addresses, two for name servers");
    for block in blocks {
        let whole = cidr(&block.cidr);
        for text in block.except.iter().flatten() {
            let except = cidr(text);
            let is_strict_part = whole.contains(&except) && whole.prefix_len() < except.prefix_len();
            assert!(is_strict_part, "{text} must be a strict part of {}", block.cidr);
        }
    }
}

/// A CIDR that the API server takes without a warning.
fn cidr(text: &str) -> IpNet {
    let parsed: IpNet = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(parsed.trunc().to_string(), text, "{text} is not in its shortest form");
    // It takes ::ffff:0:0/96 for IPv4, and then for no part of an IPv6 block.
    assert!(!matches!(parsed, IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some()), "{text} is IPv4 in disguise");
    parsed
}

fn runner(address: &str, uid: &str) -> Party {
    pod(address, RUN_NAMESPACE, &runner_labels(uid))
}

/// As operator/src/pod.rs makes them, which operator/tests/reconcile.rs holds it to.
fn runner_labels(uid: &str) -> Labels {
    the([
        (labels::MANAGED_BY, labels::OPERATOR),
        (labels::COMPONENT, labels::RUNNER),
        (labels::CODERUN_UID, uid),
        (labels::CODERUN_NAMESPACE, "team"),
    ])
}

fn pod(address: &str, namespace: &str, labels: &Labels) -> Party {
    Party { pod: Some(Pod { namespace: namespace.into(), labels: labels.clone() }), ..outside(address) }
}

fn outside(address: &str) -> Party {
    let address: IpAddr = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
    Party { address, pod: None }
}

fn the<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn replaced(labels: &Labels, key: &str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.insert(key.into(), value.into()).expect("the label is there");
    labels
}

/// What the chart renders.
struct Chart {
    policies: Vec<NetworkPolicy>,
    deployments: Vec<Value>,
}

impl Chart {
    /// The chart with these values, or `None` where there is no helm and it may be missing.
    fn render(values: &[&str]) -> Option<Self> {
        let chart = repository().join("charts/locus");
        let mut helm = Command::new("helm");
        helm.args(["template", RELEASE]).arg(chart).args(["--namespace", RELEASE_NAMESPACE]);
        // The version is that of kind-config.yaml: a helm without a cluster assumes its own.
        helm.args(["--kube-version", "1.34.0"]).args(values.iter().flat_map(|value| ["--set", *value]));
        let output = match helm.output() {
            Ok(output) => output,
            Err(error) => {
                assert!(
                    env::var("CI").as_deref() != Ok("true"),
                    "helm is needed where CI=true, and can't run: {error}"
                );
                // Past the capture of passing tests, or nobody would read it.
                let line = format!("*** THE NETWORK POLICIES WERE NOT TESTED: helm can't run: {error} ***\n");
                std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
                return None;
            }
        };
        assert!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("manifests are text");
        let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
            .map(|document| Value::deserialize(document).expect("manifests are YAML"))
            .collect();
        let of_kind = |kind| documents.iter().filter(move |document| document["kind"] == kind);
        let policies = of_kind("NetworkPolicy").map(policy).collect();
        // Not as a type: 0440, a file's mode in one of them, is a number to Kubernetes and text to serde_yaml.
        Some(Self { policies, deployments: of_kind("Deployment").cloned().collect() })
    }

    /// The labels of a Deployment's pods.
    fn pod_labels(&self, deployment: &str) -> Labels {
        let named = |one: &&Value| one["metadata"]["name"] == deployment;
        let found = self.deployments.iter().find(named).expect("the Deployment is there");
        let labels = found["spec"]["template"]["metadata"]["labels"].clone();
        serde_yaml::from_value(labels).expect("its pods have labels")
    }
}

fn policy(document: &Value) -> NetworkPolicy {
    let policy = serde_yaml::from_value(document.clone()).unwrap_or_else(|error| panic!("a policy: {error}"));
    // A misspelt field would be dropped in silence, and with it what it was to forbid.
    assert_eq!(&serde_yaml::to_value(&policy).expect("a policy serializes"), document);
    policy
}
