//! Who may reach whom under `NetworkPolicies`, by the rules of the Kubernetes API: where no cluster is at hand, or one
//! whose network plugin enforces none, this says what a plugin would do.
//!
//! Two things that plugins do besides are left out: a node always reaches its own pods, and a pod itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The label of a namespace that the API server itself sets, so that nobody can borrow it.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Labels of a pod or a namespace.
pub type Labels = BTreeMap<String, String>;

/// One end of a connection.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its address.
    pub address: IpAddr,
    /// What it is when it is a pod; a node and the world outside are none.
    pub pod: Option<Pod>,
}

/// What policies see of a pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// The namespace's name; it has no label but the one that says so.
    pub namespace: String,
    /// The pod's labels.
    pub labels: Labels,
}

/// A port, as in `("TCP", 443)`.
pub type Port = (&'static str, u16);

/// Whether `from` may open a connection to a port of `to`: the policies of both ends have to agree.
#[must_use]
pub fn is_allowed(policies: &[NetworkPolicy], from: &Party, to: &Party, port: Port) -> bool {
    may_leave(policies, from, to, port) && may_enter(policies, from, to, port)
}

fn may_leave(policies: &[NetworkPolicy], from: &Party, to: &Party, port: Port) -> bool {
    let selecting = selecting(policies, from, "Egress");
    selecting.is_empty()
        || selecting.iter().any(|policy| {
            let rules = policy.spec.iter().flat_map(|spec| spec.egress.iter().flatten());
            rules.into_iter().any(|rule| {
                has_peer(rule.to.as_deref(), namespace(policy), to) && has_port(rule.ports.as_deref(), port)
            })
        })
}

fn may_enter(policies: &[NetworkPolicy], from: &Party, to: &Party, port: Port) -> bool {
    let selecting = selecting(policies, to, "Ingress");
    selecting.is_empty()
        || selecting.iter().any(|policy| {
            let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
            rules.into_iter().any(|rule| {
                has_peer(rule.from.as_deref(), namespace(policy), from) && has_port(rule.ports.as_deref(), port)
            })
        })
}

/// The policies that are about a party in a direction. With none of them, everything is allowed.
fn selecting<'a>(policies: &'a [NetworkPolicy], party: &Party, direction: &str) -> Vec<&'a NetworkPolicy> {
    let Some(pod) = &party.pod else { return Vec::new() };
    let selects = |policy: &&NetworkPolicy| {
        let Some(spec) = &policy.spec else { return false };
        let is_of_direction = match spec.policy_types.as_deref() {
            Some(types) if !types.is_empty() => types.iter().any(|of| of == direction),
            _ => direction == "Ingress" || spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
        };
        is_of_direction && namespace(policy) == pod.namespace && matches(spec.pod_selector.as_ref(), &pod.labels)
    };
    policies.iter().filter(selects).collect()
}

fn namespace(policy: &NetworkPolicy) -> &str {
    policy.metadata.namespace.as_deref().expect("a policy names its namespace")
}

/// No list and an empty one are both everybody.
fn has_peer(peers: Option<&[NetworkPolicyPeer]>, policy_namespace: &str, party: &Party) -> bool {
    let peers = peers.unwrap_or_default();
    peers.is_empty() || peers.iter().any(|peer| is_peer(peer, policy_namespace, party))
}

fn is_peer(peer: &NetworkPolicyPeer, policy_namespace: &str, party: &Party) -> bool {
    if let Some(block) = &peer.ip_block {
        // Of pods too: whether a plugin sees their addresses here is left open by the API, so the worst is assumed.
        return holds(block, party.address);
    }
    let Some(pod) = &party.pod else { return false };
    let is_in_namespace = match &peer.namespace_selector {
        Some(selector) => matches(Some(selector), &[(NAMESPACE_NAME.into(), pod.namespace.clone())].into()),
        None => pod.namespace == policy_namespace,
    };
    assert!(peer.namespace_selector.is_some() || peer.pod_selector.is_some(), "the API server refuses an empty peer");
    is_in_namespace && matches(peer.pod_selector.as_ref(), &pod.labels)
}

fn holds(block: &IPBlock, address: IpAddr) -> bool {
    let holds = |cidr: &String| cidr.parse::<IpNet>().expect("a block is a CIDR").contains(&address);
    holds(&block.cidr) && !block.except.iter().flatten().any(holds)
}

/// No list and an empty one are both every port.
fn has_port(ports: Option<&[NetworkPolicyPort]>, (protocol, number): Port) -> bool {
    let ports = ports.unwrap_or_default();
    let is_port = |port: &NetworkPolicyPort| {
        let is_number = match &port.port {
            None => true,
            Some(IntOrString::Int(first)) => (*first..=port.end_port.unwrap_or(*first)).contains(&i32::from(number)),
            Some(IntOrString::String(name)) => panic!("port {name:?} has to be a number: parties name no ports here"),
        };
        is_number && port.protocol.as_deref().unwrap_or("TCP") == protocol
    };
    ports.is_empty() || ports.iter().any(is_port)
}

/// No selector and an empty one are both everything.
fn matches(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    let Some(selector) = selector else { return true };
    let has_label = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    selector.match_labels.iter().flatten().all(has_label)
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let value = labels.get(&requirement.key);
            let is_listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
            match requirement.operator.as_str() {
                "In" => is_listed,
                "NotIn" => !is_listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                other => panic!("the API server refuses the operator {other:?}"),
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{NetworkPolicy, Party, Pod, Port, is_allowed};

    fn pod(namespace: &str, app: &str) -> Party {
        let labels = [("app".into(), app.into())].into();
        Party {
            address: "10.0.0.1".parse().expect("an address"),
            pod: Some(Pod { namespace: namespace.into(), labels }),
        }
    }

    fn outside(address: &str) -> Party {
        Party { address: address.parse().expect("an address"), pod: None }
    }

    /// Whether policies of the namespace `here` with these specs let a connection through.
    fn lets(specs: &[Value], from: &Party, to: &Party, port: Port) -> bool {
        let policy = |spec: &Value| json!({"metadata": {"name": "p", "namespace": "here"}, "spec": spec});
        let policies: Vec<NetworkPolicy> =
            specs.iter().map(|spec| serde_json::from_value(policy(spec)).expect("a policy")).collect();
        is_allowed(&policies, from, to, port)
    }

    const WEB: Port = ("TCP", 80);

    #[test]
    fn a_pod_that_no_policy_selects_may_do_all() {
        let spec = json!({"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress", "Egress"]});
        assert!(lets(&[], &pod("here", "a"), &pod("here", "b"), WEB));
        assert!(lets(std::slice::from_ref(&spec), &pod("here", "b"), &pod("here", "c"), WEB));
        assert!(lets(std::slice::from_ref(&spec), &pod("there", "a"), &pod("there", "a"), WEB));
        assert!(!lets(std::slice::from_ref(&spec), &pod("here", "a"), &pod("here", "b"), WEB));
        assert!(!lets(&[spec], &pod("here", "b"), &pod("here", "a"), WEB));
    }

    #[test]
    fn a_policy_without_types_is_about_egress_only_where_it_has_egress_rules() {
        let (a, b) = (pod("here", "a"), pod("here", "b"));
        let ingress = json!({"podSelector": {"matchLabels": {"app": "a"}}});
        assert!(lets(std::slice::from_ref(&ingress), &a, &b, WEB));
        assert!(!lets(&[ingress], &b, &a, WEB));
        let egress = json!({"podSelector": {"matchLabels": {"app": "a"}}, "egress": [{"ports": [{"port": 53}]}]});
        assert!(!lets(&[egress], &a, &b, WEB));
    }

    #[test]
    fn rules_of_all_policies_add_up() {
        let deny = json!({"podSelector": {}, "policyTypes": ["Ingress"]});
        let allow = |app: &str| json!({"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": app}}}]}]});
        let specs = [deny, allow("a"), allow("b")];
        for (app, expected) in [("a", true), ("b", true), ("c", false)] {
            assert_eq!(lets(&specs, &pod("here", app), &pod("here", "x"), WEB), expected, "{app}");
        }
    }

    #[test]
    fn a_pod_selector_alone_is_about_the_policys_namespace_and_with_a_namespace_both_have_to_match() {
        let from = |peer: Value| json!({"podSelector": {}, "ingress": [{"from": [peer]}]});
        let there = json!({"matchLabels": {"kubernetes.io/metadata.name": "there"}});
        let alone = from(json!({"podSelector": {"matchLabels": {"app": "a"}}}));
        let whole = from(json!({"namespaceSelector": there}));
        let both = from(json!({"namespaceSelector": there, "podSelector": {"matchLabels": {"app": "a"}}}));
        let table = [
            ("here", "a", [true, false, false]),
            ("here", "b", [false, false, false]),
            ("there", "a", [false, true, true]),
            ("there", "b", [false, true, false]),
        ];
        for (namespace, app, expected) in table {
            let may = [&alone, &whole, &both]
                .map(|spec| lets(std::slice::from_ref(spec), &pod(namespace, app), &pod("here", "x"), WEB));
            assert_eq!(may, expected, "{namespace} {app}");
        }
    }

    #[test]
    fn selectors_compare_by_each_operator() {
        let table = [("In", ["a"], [true, false]), ("NotIn", ["a"], [false, true])];
        for (operator, values, expected) in table {
            let expression = json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]});
            let spec = json!({"ingress": [{"from": [{"podSelector": expression}]}]});
            let may =
                ["a", "b"].map(|app| lets(std::slice::from_ref(&spec), &pod("here", app), &pod("here", "x"), WEB));
            assert_eq!(may, expected, "{operator}");
        }
        for (operator, key, expected) in [
            ("Exists", "app", true),
            ("Exists", "tier", false),
            ("DoesNotExist", "app", false),
            ("DoesNotExist", "tier", true),
        ] {
            let expression = json!({"matchExpressions": [{"key": key, "operator": operator}]});
            let spec = json!({"ingress": [{"from": [{"podSelector": expression}]}]});
            assert_eq!(lets(&[spec], &pod("here", "a"), &pod("here", "x"), WEB), expected, "{operator} {key}");
        }
    }

    #[test]
    fn a_block_is_without_its_exceptions_and_of_its_own_family() {
        let block = json!({"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]});
        let spec = [json!({"podSelector": {}, "egress": [{"to": [{"ipBlock": block}]}]})];
        let table = [
            ("10.0.0.1", true),
            ("10.3.0.1", true),
            ("10.1.0.1", false),
            ("10.2.255.255", false),
            ("11.0.0.1", false),
            ("::ffff:10.0.0.1", false),
        ];
        for (address, expected) in table {
            assert_eq!(lets(&spec, &pod("here", "a"), &outside(address), WEB), expected, "{address}");
        }
    }

    #[test]
    fn a_port_is_of_its_protocol_and_may_be_a_range() {
        let ports = json!([{"port": 80}, {"protocol": "UDP", "port": 100, "endPort": 102}, {"protocol": "SCTP"}]);
        let spec = [json!({"podSelector": {}, "egress": [{"ports": ports}]})];
        let table = [
            (("TCP", 80), true),
            (("TCP", 81), false),
            (("UDP", 80), false),
            (("UDP", 99), false),
            (("UDP", 100), true),
            (("UDP", 102), true),
            (("UDP", 103), false),
            (("SCTP", 9), true),
        ];
        for (port, expected) in table {
            assert_eq!(lets(&spec, &pod("here", "a"), &outside("192.0.2.1"), port), expected, "{port:?}");
        }
    }
}
