//! What the operator counts.

use std::collections::BTreeMap;

use http::Request;
use kube::Client;

use crate::cluster::{OPERATOR, is_ready, pods_of};
use crate::web::ask_pod;

/// The port of the operator's metrics.
const PORT: u16 = 8080;

/// The operator's writes to the API server so far, by `verb resource`; all operator pods together.
pub async fn operator_writes(client: &Client) -> BTreeMap<String, u64> {
    let mut writes = BTreeMap::new();
    for pod in pods_of(client, OPERATOR).await.expect("the release has an operator").into_iter().filter(is_ready) {
        let request = Request::get("/metrics").body(String::new()).expect("the request is well formed");
        let answer = ask_pod(client, &pod, PORT, request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for (write, count) in answer.body.lines().filter_map(counter) {
            *writes.entry(write).or_default() += count;
        }
    }
    writes
}

/// Reads `locus_operator_api_writes_total{resource="pods",verb="create"} 3`.
fn counter(line: &str) -> Option<(String, u64)> {
    let (labels, count) = line.strip_prefix("locus_operator_api_writes_total{")?.split_once("} ")?;
    let label = |name: &str| {
        let mut pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
    };
    Some((format!("{} {}", label("verb")?, label("resource")?), count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::counter;

    #[test]
    fn a_counter_is_read_with_its_labels_in_any_order() {
        let expected = Some(("create pods".to_owned(), 3));
        assert_eq!(counter(r#"locus_operator_api_writes_total{resource="pods",verb="create"} 3"#), expected);
        assert_eq!(counter(r#"locus_operator_api_writes_total{verb="create",resource="pods"} 3"#), expected);
        assert_eq!(counter("# TYPE locus_operator_api_writes counter"), None);
    }
}
