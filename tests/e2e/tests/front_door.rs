//! The front door in the cluster: the same contract as on a desk, kept by `CodeRuns`.

use futures::future::join_all;
use http::Request;
use kube::Api;
use kube::api::ListParams;
use locus_api::{CodeRun, labels};
use locus_core::Outcome;
use locus_e2e::cluster::{client, until};
use locus_e2e::scenario::status;
use locus_e2e::{tools, web};
use serde_json::{Value, json};

fn output(stdout: &str) -> Value {
    json!({"stdout": stdout, "stderr": "", "error": ""})
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_answers_with_what_a_python_program_writes() {
    let answer = web::post(&client().await, "/execute", &json!({"language": "python", "code": "print(1)"})).await;
    assert_eq!((answer.status, answer.json()), (200, output("1\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_answers_with_what_a_javascript_program_writes() {
    let request = json!({"language": "javascript", "code": "console.log('é', 6 * 7)"});
    let answer = web::post(&client().await, "/execute", &request).await;
    assert_eq!((answer.status, answer.json()), (200, output("é 42\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_tells_of_a_program_that_fails() {
    let code = "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)";
    let answer = web::post(&client().await, "/execute", &json!({"language": "python", "code": code})).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["stdout"], &body["stderr"]), (200, &json!("out\n"), &json!("err\n")));
    assert!(body["error"].as_str().is_some_and(|error| error.contains('3')), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_refuses_an_unknown_language_and_lists_those_that_are_known() {
    let answer = web::post(&client().await, "/execute", &json!({"language": "klingon", "code": ""})).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    assert!(["klingon", "python", "javascript"].iter().all(|word| error.contains(word)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there() {
    let request = Request::get("/").body(String::new()).expect("the request is well formed");
    let answer = web::ask_front_door(&client().await, request).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"), "{:?}", answer.headers);
    assert!(answer.body.contains("<html") && answer.body.contains("Locus"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_call_execute() {
    let request = Request::options("/execute")
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .body(String::new());
    let answer = web::ask_front_door(&client().await, request.expect("the request is well formed")).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let allowed = |name: &str| answer.header(name).to_lowercase();
    assert!(["*", "https://example.org"].contains(&allowed("access-control-allow-origin").as_str()), "{answer:?}");
    assert!(allowed("access-control-allow-methods").contains("post"), "{answer:?}");
    assert!(allowed("access-control-allow-headers").contains("content-type"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_programs_at_once_each_get_their_own_answer() {
    let client = client().await;
    let answers = join_all((0..10).map(async |index| {
        let request = json!({"language": "python", "code": format!("print('{index}' * 50)")});
        web::post(&client, "/execute", &request).await
    }))
    .await;
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status, answer.json()), (200, output(&format!("{}\n", index.to_string().repeat(50)))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_a_coderun_with_the_front_doors_label_and_goes_by_itself() {
    let client = client().await;
    let code = format!("print('{}')", uuid::Uuid::new_v4());
    let answer = web::post(&client, "/execute", &json!({"language": "python", "code": code})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let runs: Api<CodeRun> = Api::all(client);
    let label = ListParams::default().labels(&format!("{}=true", labels::FRONT_DOOR));
    let ours = async || {
        let runs = runs.list(&label).await.expect("coderuns can be listed").items;
        runs.into_iter().find(|run| run.spec.code.as_ref() == Some(&code))
    };
    let run = ours().await.expect("the coderun is kept for a while");
    assert_eq!(status(&run).outcome.as_deref(), Some(Outcome::Completed.as_str()));
    until("the end of the front door's own coderun", async || ours().await.is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_leads_to_the_front_door() {
    // The API server's proxy dials what the Service's endpoints say.
    let languages = tools::kubectl(&["get", "--raw", "/api/v1/namespaces/default/services/locus-api:80/proxy/healthz"]);
    assert!(!languages.contains("error"), "{languages}");
}
