//! From a request to a `CodeRun`, of which there is one, however often it is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::api::PostParams;
use locus_api::{CodeRun, CodeRunSpec, labels};
use locus_core::request::is_label;
use tokio::sync::OwnedSemaphorePermit;

use super::cancel::CancelOnDrop;
use super::runs::Runs;
use super::view;
use crate::backend::{BackendError, Client, Once, Order, Taken};

/// A `CodeRun` stays for at least this long: its result has to be read by then.
const KEEP_SECONDS_MIN: u32 = 60;
/// How often a request whose outcome is unclear is made, how long each may take, and the first pause, which doubles.
const TRIES: u32 = 4;
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// The `CodeRun` that an order asks for.
///
/// # Errors
/// When the client's name can't be a label's value.
pub fn code_run(order: Order) -> Result<CodeRun, BackendError> {
    let Order { mut request, client, once, keep_seconds } = order;
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
    let annotations: BTreeMap<_, _> = digest.into_iter().chain(callback).collect();
    let ttl_seconds_after_finished = Some(keep_seconds.max(KEEP_SECONDS_MIN));
    let spec = CodeRunSpec { ttl_seconds_after_finished, ..CodeRunSpec::from(request) };
    let name = once.map_or_else(|| format!("run-{}", uuid::Uuid::new_v4()), |once| once.id);
    let mut run = CodeRun::new(&name, spec);
    run.metadata.labels = Some(labels);
    run.metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    Ok(run)
}

/// Creates the `CodeRun` of an order, or finds the one that there is already.
pub async fn take(runs: &Runs, order: Order) -> Result<Taken, BackendError> {
    let (client, once) = (order.client.clone(), order.once.clone());
    if let Some(once) = once.as_ref().filter(|once| runs.index.find(&once.id).is_some())
        && let Some(taken) = earlier(runs, &client, once).await?
    {
        return Ok(taken);
    }
    let run = code_run(order)?;
    let name = run.name_any();
    let place = runs.index.place()?;
    // The watch may tell of the run before its creation is answered.
    let _followed = runs.index.follow(&name);
    let mut nobodys = CancelOnDrop::new(runs.api.clone(), name, once.is_none());
    let created = create(runs, &run, once.as_ref(), &client).await;
    // What the API server has refused is not there; who has a key may come back for the run.
    nobodys.keep_armed(matches!(created, Err(Failure::Unclear(_))));
    match created {
        Ok(Created::New(run)) => Ok(taken(runs, &run, place)),
        Ok(Created::Earlier(taken)) => Ok(taken),
        Err(Failure::Refused(error) | Failure::Unclear(error)) => Err(error),
    }
}

fn taken(runs: &Runs, run: &CodeRun, place: OwnedSemaphorePermit) -> Taken {
    runs.index.read(run, Some(place));
    Taken { run: view::run(run), is_new: true }
}

enum Created {
    New(Box<CodeRun>),
    Earlier(Taken),
}

enum Failure {
    /// There is no such run.
    Refused(BackendError),
    /// There may be one.
    Unclear(BackendError),
}

async fn create(runs: &Runs, run: &CodeRun, once: Option<&Once>, client: &Client) -> Result<Created, Failure> {
    let mut pause = PAUSE;
    let mut unclear = false;
    let mut last = None;
    for left in (0..TRIES).rev() {
        let answer = tokio::time::timeout(TRY_TIMEOUT, runs.api.create(&PostParams::default(), run)).await;
        match answer {
            Ok(Ok(run)) => return Ok(Created::New(Box::new(run))),
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => match once {
                Some(once) => match earlier(runs, client, once).await.map_err(Failure::Refused)? {
                    Some(taken) => return Ok(Created::Earlier(taken)),
                    // It was deleted in between: now there is room.
                    None => continue,
                },
                // No other run has this name: an earlier try has made it.
                None => match runs.api.get(&run.name_any()).await {
                    Ok(run) => return Ok(Created::New(Box::new(run))),
                    Err(error) => (unclear, last) = (true, Some(view::refusal(&error))),
                },
            },
            Ok(Err(error)) => {
                let refusal = view::refusal(&error);
                match &error {
                    kube::Error::Api(status) if status.code < 500 && status.code != 429 => {
                        return Err(if unclear { Failure::Unclear(refusal) } else { Failure::Refused(refusal) });
                    }
                    // Too many requests is a clear answer, and worth another try.
                    kube::Error::Api(status) if status.code == 429 => {}
                    _ => unclear = true,
                }
                last = Some(refusal);
            }
            Err(_) => {
                unclear = true;
                last = Some(BackendError::Unavailable("the cluster does not answer".to_owned()));
            }
        }
        if left > 0 {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    let last = last.unwrap_or_else(|| BackendError::Unavailable("the run was deleted while it was taken".to_owned()));
    Err(if unclear { Failure::Unclear(last) } else { Failure::Refused(last) })
}

/// The run that was taken for a key before; none if it is gone.
async fn earlier(runs: &Runs, client: &Client, once: &Once) -> Result<Option<Taken>, BackendError> {
    let Some(run) = runs.api.get_opt(&once.id).await.map_err(|error| view::refusal(&error))? else { return Ok(None) };
    let is_same = run.annotations().get(labels::DIGEST) == Some(&once.digest)
        && run.labels().get(labels::CLIENT) == client.as_ref()
        && run.labels().contains_key(labels::FRONT_DOOR);
    if is_same { Ok(Some(Taken { run: runs.whole(&run).await, is_new: false })) } else { Err(BackendError::KeyReused) }
}

#[cfg(test)]
mod tests {
    use locus_core::RunRequest;

    use super::code_run;
    use crate::backend::{BackendError, Once, Order};

    fn order() -> Order {
        let request = RunRequest { language: "python".into(), code: Some(String::new()), ..RunRequest::default() };
        Order { request, client: None, once: None, keep_seconds: 0 }
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
    fn a_client_whose_name_is_no_label_is_refused() {
        let order = Order { client: Some("not a label".into()), ..order() };
        assert!(matches!(code_run(order), Err(BackendError::InvalidRequest(text)) if text.contains("not a label")));
    }
}
