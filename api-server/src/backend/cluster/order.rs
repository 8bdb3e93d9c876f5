//! From a request to a `CodeRun`.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use locus_api::{CodeRun, CodeRunSpec, labels};
use locus_core::RunRequest;
use locus_core::request::is_label;

use super::view;
use crate::backend::{Asked, BackendError, Order};

/// A `CodeRun` stays for at least this long: its result has to be read by then.
const KEEP_SECONDS_MIN: u32 = 60;

/// The `CodeRun` that an order asks for.
///
/// # Errors
/// When the client's name can't be a label's value.
pub fn code_run(order: Order) -> Result<CodeRun, BackendError> {
    let Order { mut request, client, once, keep_seconds, note } = order;
    let mut labels = std::mem::take(&mut request.labels);
    labels.insert(labels::FRONT_DOOR.to_owned(), "true".to_owned());
    if let Some(client) = client {
        if !is_label(&client, false) {
            let error = format!("{client:?} can't own runs on a cluster: a key's name must be a label's value there");
            return Err(BackendError::InvalidRequest(error));
        }
        labels.insert(labels::CLIENT.to_owned(), client);
    }
    let digest = once.as_ref().map(|once| (labels::DIGEST.to_owned(), once.digest.clone()));
    let callback = request.callback.take().map(|url| (labels::CALLBACK.to_owned(), url));
    let note = note.map(|note| (labels::NOTE.to_owned(), note));
    let annotations: BTreeMap<_, _> = digest.into_iter().chain(callback).chain(note).collect();
    let ttl_seconds_after_finished = Some(keep_seconds.max(KEEP_SECONDS_MIN));
    let spec = CodeRunSpec { ttl_seconds_after_finished, ..CodeRunSpec::from(request) };
    let name = once.map_or_else(|| format!("run-{}", uuid::Uuid::new_v4()), |once| once.id);
    let mut run = CodeRun::new(&name, spec);
    run.metadata.labels = Some(labels);
    run.metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    Ok(run)
}

/// What was asked for, by the `CodeRun` that was made of it.
pub fn asked(run: &CodeRun) -> Asked {
    let annotations = run.annotations();
    let request = RunRequest {
        labels: view::own_labels(run),
        callback: annotations.get(labels::CALLBACK).cloned(),
        ..RunRequest::from(&run.spec)
    };
    Asked { request, note: annotations.get(labels::NOTE).cloned() }
}

#[cfg(test)]
mod tests {
    use locus_core::RunRequest;

    use super::{asked, code_run};
    use crate::backend::{Asked, BackendError, Once, Order};

    fn order() -> Order {
        let request = RunRequest { language: "python".into(), code: Some(String::new()), ..RunRequest::default() };
        Order { request, client: None, once: None, keep_seconds: 0, note: None }
    }

    #[test]
    fn a_code_run_is_marked_as_the_front_doors_own_and_stays_until_it_is_read() {
        let run = code_run(order()).expect("it is well formed");
        assert!(run.metadata.name.is_some_and(|name| name.starts_with("run-") && name.len() == 40));
        assert_eq!(run.metadata.labels.expect("labels")["locus.dev/front-door"], "true");
        assert_eq!((run.metadata.annotations, run.spec.ttl_seconds_after_finished), (None, Some(60)));
    }

    #[test]
    fn what_is_said_of_a_run_stands_beside_its_spec() {
        let mut order = Order { client: Some("ci".into()), keep_seconds: 3600, ..order() };
        order.once = Some(Once { id: "run-1".into(), digest: "ab".into() });
        order.request.labels.insert("team".into(), "a".into());
        order.request.callback = Some("https://a.example/".into());
        let run = code_run(order).expect("it is well formed");
        let labels = run.metadata.labels.expect("labels");
        assert_eq!((labels["team"].as_str(), labels["locus.dev/client"].as_str()), ("a", "ci"));
        let annotations = run.metadata.annotations.expect("annotations");
        assert_eq!(annotations["locus.dev/callback"], "https://a.example/");
        assert_eq!(annotations["locus.dev/request-digest"], "ab");
        assert_eq!((run.metadata.name.as_deref(), run.spec.ttl_seconds_after_finished), (Some("run-1"), Some(3600)));
    }

    #[test]
    fn what_was_asked_for_is_found_again() {
        let mut order = Order { client: Some("ci".into()), note: Some("a: 1".into()), ..order() };
        order.request.labels.insert("team".into(), "a".into());
        order.request.callback = Some("https://a.example/".into());
        let expected = Asked { request: order.request.clone(), note: order.note.clone() };
        assert_eq!(asked(&code_run(order).expect("it is well formed")), expected);
    }

    #[test]
    fn a_client_whose_name_is_no_label_is_refused() {
        let order = Order { client: Some("not a label".into()), ..order() };
        assert!(matches!(code_run(order), Err(BackendError::InvalidRequest(text)) if text.contains("not a label")));
    }
}
