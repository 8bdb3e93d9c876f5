//! Languages as objects: those of the chart, and those that somebody applies. These tests run one at a time.

use http::Request;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use locus_api::{CodeRun, Language, READY};
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::cluster::{OPERATOR, RUN_NAMESPACE, client, until};
use locus_e2e::scenario::{ended, status};
use locus_e2e::tools::{Undo, apply, build_image, kubectl, rolled_out, try_kubectl};
use locus_e2e::web;
use serde_json::{Value, json};

/// The Dockerfile of docs/own-language.md, on an image that holds awk already.
const DOCKERFILE: &str = "FROM debian:trixie-slim
COPY --from=locus/runner:dev /usr/local/bin/locus-runner /usr/local/bin/
WORKDIR /work
USER 65532
ENTRYPOINT [\"/usr/local/bin/locus-runner\"]
CMD [\"serve\"]
";
const IMAGE: &str = "locus/e2e-awk:dev";

fn languages(client: &Client) -> Api<Language> {
    Api::all(client.clone())
}

fn awk(name: &str, more: Value) -> Value {
    let mut spec = json!({
        "name": "AWK", "version": "1.3", "fileName": "main.awk", "image": IMAGE, "run": ["mawk", "-f", "{main}"],
        "example": "BEGIN { for (i = 1; i <= 3; i++) print i * i }"
    });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    spec.as_object_mut().expect("an object").extend(more);
    json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Language", "metadata": {"name": name}, "spec": spec})
}

/// Applies a language of this test's own, which is removed at its end.
fn applied(language: &Value) -> Undo<impl FnMut() + use<>> {
    apply(language, &[]).expect("it is right");
    let name = language["metadata"]["name"].as_str().expect("a name").to_owned();
    Undo::new(move || {
        if let Err(error) = try_kubectl(&["delete", "language", &name, "--ignore-not-found"]) {
            eprintln!("language {name} is left behind: {error}");
        }
    })
}

/// Waits until a language as it is now has this reason; gives the condition's status and message.
async fn reason(client: &Client, name: &str, reason: &str) -> (String, String) {
    until(&format!("reason {reason} of language {name}"), async || {
        let language = languages(client).get(name).await.expect("the language is there");
        let generation = language.metadata.generation;
        let condition = language.status?.conditions.into_iter().find(|condition| condition.type_ == READY)?;
        let told = condition.observed_generation == generation && condition.reason == reason;
        told.then_some((condition.status, condition.message))
    })
    .await
}

/// What the front door says of a language.
async fn shown(client: &Client, id: &str) -> Option<Value> {
    let request = Request::get("/api/v1/languages").body(String::new()).expect("the request is well formed");
    let answer = web::ask_front_door(client, request).await.json();
    answer["languages"].as_array().expect("a list").iter().find(|language| language["id"] == id).cloned()
}

/// The CodeRuns that ran the example of a language.
async fn checks(client: &Client, name: &str) -> Vec<CodeRun> {
    let runs: Api<CodeRun> = Api::namespaced(client.clone(), RUN_NAMESPACE);
    let all = runs.list(&ListParams::default()).await.expect("coderuns can be listed").items;
    all.into_iter().filter(|run| run.name_any().starts_with(&format!("check-{name}-"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_languages_of_the_chart_are_objects_and_say_that_their_pods_wait() {
    let client = client().await;
    for name in ["python", "javascript"] {
        let (language, status) = until(&format!("two pods that wait for {name}"), async || {
            let language = languages(&client).get(name).await.expect("the operator makes it");
            let status = language.status.clone().filter(|status| status.warm == 2)?;
            Some((language, status))
        })
        .await;
        assert_eq!(status.image.as_deref(), Some(language.spec.image.as_str()));
        assert_eq!(status.version.as_deref(), Some(language.spec.version.as_str()));
        assert_eq!(reason(&client, name, "Served").await.0, "True");
        assert!(checks(&client, name).await.is_empty(), "a pod that waits is evidence enough");
    }
    let table = kubectl(&["get", "languages"]);
    let columns: Vec<&str> = table.lines().next().expect("a head").split_whitespace().collect();
    assert_eq!(columns, ["NAME", "LANGUAGE", "VERSION", "READY", "REASON", "WARM", "AGE"]);
    let row = table.lines().find(|line| line.starts_with("python")).expect("a row");
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!([row[1], row[3], row[4], row[5]], ["Python", "True", "Served", "2"], "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_is_applied_is_checked_shown_and_run_and_unknown_when_it_is_deleted() {
    let scenario = Scenario::new("awk").await;
    let client = &scenario.client;
    build_image(IMAGE, DOCKERFILE);
    let language = awk("awk", json!({"aliases": ["mawk"]}));
    let _undo = applied(&language);
    // A run that comes at the same moment finds it.
    let program = |selector: &str| json!({"language": selector, "code": "{ print toupper($0) }", "stdin": "hello\n"});
    let first = scenario.run("first", program("awk")).await;
    assert_eq!(ended(&first, Outcome::Completed).stdout.as_deref(), Some("HELLO\n"));
    assert_eq!(reason(client, "awk", "Served").await.0, "True");
    let [check] = &checks(client, "awk").await[..] else { panic!("its example is run once") };
    assert_eq!(check.name_any(), "check-awk-1");
    assert_eq!(status(check).stdout.as_deref(), Some("1\n4\n9\n"));

    let told = until("the language at the front door", async || shown(client, "awk").await).await;
    assert_eq!((&told["name"], &told["version"]), (&json!("AWK"), &json!("1.3")));
    let run = scenario.run("second", program("mawk@1")).await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("HELLO\n"));
    let answer = web::post(client, "/execute", &program("mawk")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"stdout": "HELLO\n", "stderr": "", "error": ""})));

    // A change is checked once more; the same again is not.
    let patch = Patch::Merge(json!({"spec": {"example": "BEGIN { print 7 }"}}));
    for _ in 0..2 {
        languages(client).patch("awk", &PatchParams::default(), &patch).await.expect("it can be changed");
    }
    assert_eq!(reason(client, "awk", "Served").await.0, "True");
    let names: Vec<String> = checks(client, "awk").await.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(names, ["check-awk-1", "check-awk-2"]);

    // One that goes on is not lost with its language.
    let long = json!({"language": "awk", "code": "BEGIN { system(\"sleep 8\"); print \"done\" }"});
    scenario.create("long", long).await;
    scenario.running("long").await;
    kubectl(&["delete", "language", "awk"]);
    let gone = scenario.run("gone", program("awk")).await;
    let error = ended(&gone, Outcome::UnknownLanguage).error.clone().unwrap_or_default();
    assert!(error.contains("python"), "it says which there are: {error}");
    assert_eq!(ended(&scenario.finished("long").await, Outcome::Completed).stdout.as_deref(), Some("done\n"));
    until("the end of it at the front door", async || shown(client, "awk").await.is_none().then_some(())).await;
    assert_eq!(web::post(client, "/execute", &program("awk")).await.status, 400);
    until("the end of its checks", async || checks(client, "awk").await.is_empty().then_some(())).await;

    // Another one of the same name is another one.
    let _undo = applied(&awk("awk", json!({"example": "BEGIN { print \"anew\" }"})));
    assert_eq!(reason(client, "awk", "Served").await.0, "True");
    let [check] = &checks(client, "awk").await[..] else { panic!("its example is run once") };
    assert_eq!(status(check).stdout.as_deref(), Some("anew\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_does_not_work_says_why_and_what_to_do() {
    let client = client().await;
    build_image(IMAGE, DOCKERFILE);
    build_image("locus/e2e-no-runner:dev", "FROM debian:trixie-slim\nUSER 65532\nCMD [\"true\"]\n");
    let wrong = [
        ("no-runner", json!({"image": "locus/e2e-no-runner:dev"}), "RunnerFailed", "has to start locus-runner"),
        ("no-image", json!({"image": "locus/e2e-none:missing"}), "ImagePullFailed", "locus/e2e-none:missing"),
        ("no-program", json!({"run": ["gawk", "-f", "{main}"]}), "CheckFailed", "gawk"),
        ("no-success", json!({"example": "BEGIN { print \"alas\" > \"/dev/stderr\"; exit 3 }"}), "CheckFailed", "alas"),
        ("no-name", json!({"aliases": ["py"]}), "NameTaken", "the name py belongs to language python"),
        ("no-default", json!({"default": false}), "InvalidSpec", "leave default out"),
    ];
    let applied: Vec<_> = wrong.iter().map(|(name, spec, ..)| applied(&awk(name, spec.clone()))).collect();
    for (name, _, expected, words) in &wrong {
        let (status, message) = reason(&client, name, expected).await;
        assert_eq!(status, "False", "{name}");
        assert!(message.contains(words), "{name}: {message}");
        eprintln!("{name}: {expected}: {message}");
    }
    // Those that could run stand in the list, since a run says what is wrong; those that are not served do not.
    assert!(shown(&client, "no-image").await.is_some());
    assert!(shown(&client, "no-name").await.is_none() && shown(&client, "no-default").await.is_none());
    // The name is free once it is given up; then it is checked.
    let patch = Patch::Merge(json!({"spec": {"aliases": null}}));
    languages(&client).patch("no-name", &PatchParams::default(), &patch).await.expect("it can be changed");
    assert_eq!(reason(&client, "no-name", "Served").await.0, "True");
    drop(applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_languages_survives_the_operator() {
    let client = client().await;
    build_image(IMAGE, DOCKERFILE);
    let _undo = applied(&awk("awk-kept", json!({})));
    reason(&client, "awk-kept", "Served").await;
    let status_of = async |name: &str| languages(&client).get(name).await.expect("it is there").status;
    let (before, checked) = (status_of("awk-kept").await, checks(&client, "awk-kept").await.len());
    kubectl(&["rollout", "restart", &format!("deployment/{OPERATOR}")]);
    rolled_out(OPERATOR);
    reason(&client, "python", "Served").await;
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    assert_eq!(status_of("awk-kept").await, before);
    assert_eq!(checks(&client, "awk-kept").await.len(), checked);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_may_change_languages() {
    for (role, verb, may) in [("view", "list", true), ("edit", "list", true), ("admin", "create", false)] {
        let rules = kubectl(&["get", "clusterrole", role, "--output", "json"]);
        let rules: Value = serde_json::from_str(&rules).expect("it is JSON");
        let has = |rule: &Value, field: &str, value: &str| {
            rule[field].as_array().is_some_and(|list| list.iter().any(|item| item == value))
        };
        let rules = rules["rules"].as_array().expect("it has rules");
        let found = rules.iter().any(|rule| has(rule, "resources", "languages") && has(rule, "verbs", verb));
        assert_eq!(found, may, "{role} {verb}");
    }
}
