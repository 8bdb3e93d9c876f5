//! Standard input while a run goes on: through the front door to the runner.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;

use super::index::Follower;
use super::runner::RunnerError;
use super::runs::Runs;
use super::seen::Claimed;
use crate::backend::{BackendError, Client, Input};

/// How long input waits for the run to have a runner that knows it.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before a runner is asked again that does not have the run yet, or can't be reached.
const PAUSE: Duration = Duration::from_millis(100);

/// A runner's word on how much input it has taken, and else on why not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Word {
    taken: u64,
    error: String,
}

/// Gives a run more input; how much of it all has been taken by then.
pub async fn write(runs: &Runs, client: &Client, id: &str, input: Input) -> Result<u64, BackendError> {
    let (mut follower, seen) = runs.follow(client, id).await?;
    if !seen.interactive {
        let text = "the run takes no input while it runs: it was not asked for with interactive: true";
        return Err(BackendError::NoInput(text.to_owned()));
    }
    if !runs.runners.can_be_asked() && !seen.summary.is_over() {
        return Err(BackendError::Unavailable(RunnerError::NoKey.to_string()));
    }
    let (query, data) = (query(&input), Bytes::from(input.data));
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let (pod, uid) = claimed(&mut follower, deadline).await?;
        let error = match runs.runners.write(&pod, &uid, &query, data.clone()).await {
            Ok(answer) => return Ok(word(&answer).taken),
            Err(error) => error,
        };
        // Nothing of this request was taken, or what was taken will be told from what comes again.
        let may_repeat = match &error {
            RunnerError::Connect(_) => true,
            RunnerError::Broken(_) => input.at.is_some(),
            RunnerError::Status { status, .. } => *status == StatusCode::NOT_FOUND,
            RunnerError::NoKey | RunnerError::Gone | RunnerError::Forbidden(_) | RunnerError::Malformed(_) => false,
        };
        if !may_repeat || Instant::now() + PAUSE >= deadline {
            return Err(refusal(&error));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for the pod of the run, which may be another one by the next time.
async fn claimed(follower: &mut Follower, deadline: Instant) -> Result<(Claimed, String), BackendError> {
    let ready = follower.until(|seen| seen.pod.is_some() || seen.summary.is_over());
    let waits = "the run still waits for its turn: send its input once it runs";
    let seen = tokio::time::timeout_at(deadline, ready).await;
    let seen = seen.map_err(|_| BackendError::Unavailable(waits.to_owned()))?;
    let over = || BackendError::NoInput("the run is over: nothing reads its input any more".to_owned());
    let seen = seen.filter(|seen| !seen.summary.is_over()).ok_or_else(over)?;
    let pod = seen.pod.clone().ok_or_else(over)?;
    Ok((pod, seen.uid.clone()))
}

fn query(input: &Input) -> String {
    let mut query = String::new();
    if let Some(at) = input.at {
        // Writing to a string can't fail.
        let _ = write!(query, "?at={at}");
    }
    if input.end {
        query.push_str(if query.is_empty() { "?end=true" } else { "&end=true" });
    }
    query
}

fn word(answer: &[u8]) -> Word {
    serde_json::from_slice(answer).unwrap_or_default()
}

/// What a runner's refusal means for the client.
fn refusal(error: &RunnerError) -> BackendError {
    match error {
        RunnerError::Gone => {
            BackendError::NoInput("the run's pod is gone: nothing reads its input any more".to_owned())
        }
        RunnerError::Status { status, body } => match *status {
            StatusCode::TOO_MANY_REQUESTS => BackendError::InputFull { taken: word(body.as_bytes()).taken },
            StatusCode::CONFLICT => BackendError::InputMissing { taken: word(body.as_bytes()).taken },
            StatusCode::GONE => {
                let said = word(body.as_bytes()).error;
                BackendError::NoInput(if said.is_empty() { "the run takes no more input".to_owned() } else { said })
            }
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::BAD_REQUEST => BackendError::InvalidRequest(body.clone()),
            _ => BackendError::Unavailable(error.to_string()),
        },
        _ => BackendError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{query, refusal};
    use crate::backend::cluster::runner::RunnerError;
    use crate::backend::{BackendError, Input};

    #[test]
    fn a_place_and_an_end_are_passed_on_where_they_are_given() {
        let input = |at, end| Input { data: Vec::new(), at, end };
        assert_eq!(query(&input(None, false)), "");
        assert_eq!(query(&input(Some(7), false)), "?at=7");
        assert_eq!(query(&input(None, true)), "?end=true");
        assert_eq!(query(&input(Some(0), true)), "?at=0&end=true");
    }

    #[test]
    fn a_runners_refusal_is_told_for_what_it_is() {
        let answer = |code, body: &str| {
            refusal(&RunnerError::Status { status: StatusCode::from_u16(code).expect("a status"), body: body.into() })
        };
        assert_eq!(answer(429, r#"{"taken":5}"#), BackendError::InputFull { taken: 5 });
        assert_eq!(answer(409, r#"{"error":"there is a gap","taken":5}"#), BackendError::InputMissing { taken: 5 });
        assert_eq!(answer(410, r#"{"error":"it is over"}"#), BackendError::NoInput("it is over".into()));
        assert!(matches!(answer(401, ""), BackendError::Unavailable(_)));
        assert!(matches!(refusal(&RunnerError::Gone), BackendError::NoInput(_)));
        assert!(matches!(refusal(&RunnerError::NoKey), BackendError::Unavailable(_)));
    }
}
