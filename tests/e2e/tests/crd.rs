//! What the API server itself refuses, keeps and shows of a `CodeRun` and of a `Language`.

use http::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use locus_api::CodeRun;
use locus_e2e::{Scenario, cluster, tools};
use serde_json::{Value, json};

/// A language that nobody serves: its `CodeRuns` end at once, without a pod.
const NOBODYS: &str = "nobodys";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_spec_is_refused_and_the_message_says_what_is_wrong() {
    let scenario = Scenario::new("refused").await;
    let mut surprises = Vec::new();
    for (spec, expected) in wrong_specs() {
        let told = match submit(&scenario, &spec).await {
            Err(message) if message.contains(expected) => continue,
            Err(message) => format!("is refused with {}", head(&message)),
            Ok(_) => "is accepted".into(),
        };
        surprises.push(format!("{} {told}; expected {expected:?}", head(&spec.to_string())));
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

fn wrong_specs() -> Vec<(Value, &'static str)> {
    let text = |length| "x".repeat(length);
    let list = |length, item: Value| Value::Array(vec![item; length]);
    let code = |more: Value| with(json!({"language": "python", "code": "print(1)"}), more);
    let files = |files: Value| json!({"language": "python", "files": files});
    let file = |name: &str| files(json!([{"name": name, "content": ""}]));
    let env = |name: &str| code(json!({"env": [{"name": name, "value": ""}]}));
    let limit = |name: &str, value: Value| code(json!({"limits": {name: value}}));

    let code_or_files = "give exactly one of code and files";
    let language = "language is an id such as python";
    let file_name = "a file name is a relative path such as lib/util.py";
    let memory = "memory is written as digits with an optional suffix";
    let together = "code, stdin, files and tests hold at most 524288 characters together";
    let output_file = "an output file is a relative name or glob such as out/*.png";
    let tolerance = "tolerance goes with the checker float";
    let one_test = |test: Value| code(json!({"tests": [test]}));
    let beside_tests = |more: Value| with(one_test(json!({})), more);
    vec![
        (json!({"language": "python"}), code_or_files),
        (json!({"language": "python", "code": null, "files": null}), code_or_files),
        (code(json!({"files": [{"name": "a", "content": ""}]})), code_or_files),
        (code(json!({"code": 5})), "spec.code"),
        (code(json!({"code": text(262_145)})), "spec.code: Too long"),
        (json!({"code": "print(1)"}), "spec.language: Required value"),
        (code(json!({"language": ""})), "spec.language"),
        (code(json!({"language": "Python"})), language),
        (code(json!({"language": "py thon"})), language),
        (code(json!({"language": "python@"})), language),
        (code(json!({"language": "../python"})), language),
        (code(json!({"language": "python\n"})), language),
        (code(json!({"language": text(97)})), "spec.language: Too long"),
        (files(json!([])), "spec.files"),
        (files(list(33, json!({"name": "a", "content": ""}))), "spec.files: Too many"),
        (files(json!([{"content": ""}])), "spec.files[0].name: Required value"),
        (files(json!([{"name": "a"}])), "spec.files[0].content: Required value"),
        (files(json!([{"name": "a", "content": "", "encoding": "hex"}])), "Unsupported value: \"hex\""),
        (files(json!([{"name": "a", "content": text(524_289)}])), "spec.files[0].content: Too long"),
        (file(""), "spec.files[0].name"),
        (file("/etc/passwd"), file_name),
        (file("../a"), file_name),
        (file("lib/../../a"), file_name),
        (file("./a"), file_name),
        (file("lib//a"), file_name),
        (file("lib/"), file_name),
        (file(&text(256)), "spec.files[0].name: Too long"),
        (code(json!({"stdin": text(262_145)})), "spec.stdin: Too long"),
        (code(json!({"args": "-v"})), "spec.args"),
        (code(json!({"args": list(129, json!(""))})), "spec.args: Too many"),
        (code(json!({"args": [text(4097)]})), "spec.args[0]: Too long"),
        (code(json!({"compileArgs": list(65, json!(""))})), "spec.compileArgs: Too many"),
        (code(json!({"compileArgs": [text(4097)]})), "spec.compileArgs[0]: Too long"),
        (code(json!({"env": list(129, json!({"name": "A", "value": ""}))})), "spec.env: Too many"),
        (code(json!({"env": [{"name": "A"}]})), "spec.env[0].value: Required value"),
        (code(json!({"env": [{"name": "A", "value": text(32_769)}]})), "spec.env[0].value: Too long"),
        (env("A=B"), "a variable's name does not hold an equals sign"),
        (env(""), "spec.env[0].name"),
        (env(&text(257)), "spec.env[0].name: Too long"),
        (limit("timeoutSeconds", json!(0)), "timeoutSeconds is more than 0"),
        (limit("timeoutSeconds", json!(86_401)), "less than or equal to 86400"),
        (limit("timeoutSeconds", json!("5s")), "spec.limits.timeoutSeconds"),
        (limit("cpuSeconds", json!(0.0)), "cpuSeconds is more than 0"),
        (limit("cpuSeconds", json!(86_401)), "less than or equal to 86400"),
        (limit("memory", json!("12 apples")), memory),
        (limit("memory", json!("1.5Gi")), memory),
        (limit("memory", json!("0")), memory),
        (limit("memory", json!("-1")), memory),
        (limit("memory", json!("128mi")), memory),
        (limit("memory", json!("")), "spec.limits.memory"),
        (limit("memory", json!("99999999999999999")), "spec.limits.memory: Too long"),
        (limit("outputBytes", json!(0)), "greater than or equal to 1"),
        (limit("outputBytes", json!(16_777_217)), "less than or equal to"),
        (limit("processes", json!(0)), "greater than or equal to 1"),
        (limit("processes", json!(32_769)), "less than or equal to 32768"),
        (limit("fileBytes", json!(-1)), "greater than or equal to 0"),
        (limit("fileBytes", json!(2_147_483_648_u64)), "less than or equal to"),
        (code(json!({"cancelRequested": "yes"})), "spec.cancelRequested"),
        (code(json!({"ttlSecondsAfterFinished": -1})), "greater than or equal to 0"),
        (code(json!({"ttlSecondsAfterFinished": 31_536_001})), "less than or equal to"),
        (files(json!([{"name": "a", "content": text(262_144)}, {"name": "b", "content": text(262_145)}])), together),
        (with(files(json!([{"name": "a", "content": text(524_288)}])), json!({"stdin": "x"})), together),
        (code(json!({"interactive": "yes"})), "spec.interactive"),
        (code(json!({"outputFiles": "a"})), "spec.outputFiles"),
        (code(json!({"outputFiles": list(17, json!("a"))})), "spec.outputFiles: Too many"),
        (code(json!({"outputFiles": [""]})), "spec.outputFiles[0]"),
        (code(json!({"outputFiles": [text(256)]})), "spec.outputFiles[0]: Too long"),
        (code(json!({"outputFiles": ["/etc/*"]})), output_file),
        (code(json!({"outputFiles": ["a", "../*"]})), output_file),
        (code(json!({"outputFiles": ["a//b"]})), output_file),
        (code(json!({"tests": []})), "spec.tests"),
        (code(json!({"tests": list(101, json!({}))})), "spec.tests: Too many"),
        (one_test(json!({"name": text(129)})), "spec.tests[0].name: Too long"),
        (one_test(json!({"stdin": text(262_145)})), "spec.tests[0].stdin: Too long"),
        (one_test(json!({"expectedStdout": text(262_145)})), "spec.tests[0].expectedStdout: Too long"),
        (one_test(json!({"args": list(129, json!(""))})), "spec.tests[0].args: Too many"),
        (one_test(json!({"args": [text(4097)]})), "spec.tests[0].args[0]: Too long"),
        (one_test(json!({"checker": "regex"})), "Unsupported value: \"regex\""),
        (one_test(json!({"tolerance": 0.1})), tolerance),
        (one_test(json!({"tolerance": 0.1, "checker": "tokens"})), tolerance),
        (one_test(json!({"tolerance": -0.1, "checker": "float"})), "greater than or equal to 0"),
        (one_test(json!({"tolerance": 1.1, "checker": "float"})), "less than or equal to 1"),
        (one_test(json!({"expected": "1"})), "unknown field \"spec.tests[0].expected\""),
        (beside_tests(json!({"stdin": "x"})), "a run with tests has no stdin of its own: give it in each test"),
        (beside_tests(json!({"interactive": true})), "a run with tests has no interactive of its own"),
        (beside_tests(json!({"outputFiles": ["a"]})), "a run with tests has no outputFiles of its own"),
        (code(json!({"tests": list(3, json!({"stdin": text(87_382), "expectedStdout": text(87_382)}))})), together),
        (code(json!({"cod": "print(1)"})), "unknown field \"spec.cod\""),
        (limit("timeout", json!(5)), "unknown field \"spec.limits.timeout\""),
        (files(json!([{"name": "a", "content": "", "mode": 420}])), "unknown field \"spec.files[0].mode\""),
        (
            code(json!({"env": [{"name": "A", "value": "", "valueFrom": {}}]})),
            "unknown field \"spec.env[0].valueFrom\"",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_at_its_bounds_is_accepted() {
    let scenario = Scenario::new("accepted").await;
    let text = |length| "x".repeat(length);
    for spec in [
        json!({"language": "python", "code": ""}),
        json!({"language": "c++", "code": "int main() {}"}),
        json!({"language": "c#@12.0", "code": ""}),
        json!({"language": "python@3.13-rc+1", "code": text(262_144), "stdin": text(262_144)}),
        json!({"language": text(96), "files": [{"name": "a", "content": text(524_288)}]}),
        json!({"language": "python", "files": vec![json!({"name": "lib/..a/.b", "content": "é"}); 32]}),
        json!({"language": "python", "files": [{"name": text(255), "content": "AA==", "encoding": "base64"}]}),
        json!({"language": "python", "code": null, "files": [{"name": "a", "content": "", "encoding": "utf8"}],
            "stdin": null, "args": null, "env": null, "limits": null}),
        json!({"language": "python", "code": "", "args": vec![text(4096); 128], "compileArgs": vec![text(4096); 64]}),
        json!({"language": "python", "code": "", "env": vec![json!({"name": text(256), "value": text(2048)}); 128]}),
        json!({"language": "python", "code": "", "cancelRequested": true, "ttlSecondsAfterFinished": 0,
            "limits": {"timeoutSeconds": 0.001, "cpuSeconds": 86400, "memory": "1", "outputBytes": 16_777_216,
                "processes": 1, "fileBytes": 0}}),
        json!({"language": "python", "code": "", "limits": {"memory": "64M", "fileBytes": 2_147_483_647}}),
        json!({"language": "python", "code": "", "interactive": true, "stdin": "x", "outputFiles": vec![text(255); 16]}),
        json!({"language": "python", "code": "", "outputFiles": ["out/**/*.csv", "..a/.b"]}),
        json!({"language": "python", "code": "", "interactive": false, "stdin": "", "outputFiles": [], "args": ["a"],
            "tests": vec![json!({"name": text(128), "stdin": text(2600), "expectedStdout": text(2600)}); 100]}),
        json!({"language": "python", "code": "", "stdin": null, "interactive": null, "outputFiles": null, "tests": [
            {"args": vec![text(4096); 32], "checker": "float", "tolerance": 1},
            {"args": [], "checker": "float", "tolerance": 0.5}, {"checker": "exact"}, {"checker": "trimmed"},
            {"checker": "tokens", "name": null, "stdin": null, "expectedStdout": null, "tolerance": null}]}),
    ] {
        let answer = submit(&scenario, &spec).await;
        assert!(answer.is_ok(), "{}: {}", head(&spec.to_string()), head(&answer.unwrap_err()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_spec_can_be_added_changed_or_removed() {
    let scenario = Scenario::new("immutable").await;
    let full = json!({
        "language": NOBODYS,
        "code": "print(1)",
        "stdin": "in",
        "args": ["a", "b"],
        "env": [{"name": "A", "value": "b"}],
        "compileArgs": ["-O2"],
        "limits": {"timeoutSeconds": 5.5, "memory": "64Mi"},
        "compileLimits": {"timeoutSeconds": 5},
        "stderrToStdout": true,
        "interactive": true,
        "outputFiles": ["a"],
        "ttlSecondsAfterFinished": 600
    });
    scenario.create("full", full.clone()).await;
    scenario.create("bare", json!({"language": NOBODYS, "code": "print(1)"})).await;
    scenario.create("files", json!({"language": NOBODYS, "files": [{"name": "a", "content": "b"}]})).await;
    let tests = json!([{"expectedStdout": "1"}]);
    scenario.create("tests", json!({"language": NOBODYS, "code": "print(1)", "tests": tests})).await;

    let mut changes = vec![
        ("full", json!({"language": "python"})),
        ("full", json!({"code": "print(2)"})),
        ("full", json!({"code": null, "files": [{"name": "a", "content": "print(1)"}]})),
        ("files", json!({"files": null, "code": "b"})),
        ("files", json!({"files": [{"name": "a", "content": "c"}]})),
        ("files", json!({"files": [{"name": "b", "content": "b"}]})),
        ("files", json!({"files": [{"name": "a", "content": "b", "encoding": "base64"}]})),
        ("files", json!({"files": [{"name": "a", "content": "b"}, {"name": "c", "content": ""}]})),
        ("full", json!({"stdin": "out"})),
        ("full", json!({"stdin": ""})),
        ("full", json!({"args": ["b", "a"]})),
        ("full", json!({"args": []})),
        ("full", json!({"env": [{"name": "A", "value": "c"}]})),
        ("full", json!({"env": []})),
        ("full", json!({"compileArgs": ["-O3"]})),
        ("full", json!({"limits": {"timeoutSeconds": 5.501}})),
        ("full", json!({"limits": {"timeoutSeconds": null}})),
        ("full", json!({"limits": {"cpuSeconds": 5}})),
        ("full", json!({"limits": {"memory": "65Mi"}})),
        ("full", json!({"compileLimits": {"timeoutSeconds": 5.001}})),
        ("full", json!({"ttlSecondsAfterFinished": 601})),
        ("full", json!({"ttlSecondsAfterFinished": 0})),
        ("full", json!({"stdin": "out", "cancelRequested": true})),
        ("full", json!({"interactive": false})),
        ("full", json!({"stderrToStdout": false})),
        ("full", json!({"outputFiles": ["b"]})),
        ("full", json!({"outputFiles": []})),
        ("tests", json!({"tests": null})),
        ("tests", json!({"tests": [{"expectedStdout": "2"}]})),
        ("tests", json!({"tests": [{"expectedStdout": "1", "checker": "exact"}]})),
        ("tests", json!({"tests": [{"expectedStdout": "1"}, {}]})),
        ("bare", json!({"tests": [{"expectedStdout": "1"}]})),
    ];
    for field in [
        "stdin",
        "args",
        "env",
        "compileArgs",
        "limits",
        "compileLimits",
        "stderrToStdout",
        "ttlSecondsAfterFinished",
        "interactive",
        "outputFiles",
    ] {
        changes.push(("full", json!({field: null})));
        changes.push(("bare", json!({field: full[field]})));
    }
    for (name, change) in changes {
        let answer = patch(&scenario, name, &json!({"spec": change}), true).await;
        let message = answer.err().unwrap_or_else(|| "nothing: it is accepted".into());
        assert!(message.contains("spec is immutable"), "{name} {change}: {}", head(&message));
    }

    for harmless in [
        json!({"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}),
        json!({"spec": {"code": "print(1)", "args": ["a", "b"]}}),
    ] {
        let answer = patch(&scenario, "full", &harmless, true).await;
        assert!(answer.is_ok(), "{harmless}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_can_be_asked_for_but_not_taken_back() {
    let scenario = Scenario::new("cancel").await;
    for (name, before) in [("absent", json!({})), ("false", json!({"cancelRequested": false}))] {
        scenario.create(name, with(json!({"language": NOBODYS, "code": ""}), before)).await;
        patch(&scenario, name, &json!({"spec": {"cancelRequested": true}}), false).await.expect("it can be cancelled");
        for back in [json!(false), json!(null)] {
            let answer = patch(&scenario, name, &json!({"spec": {"cancelRequested": back}}), true).await;
            let message = answer.expect_err("it can't be taken back");
            assert!(message.contains("cancelRequested goes from false to true only"), "{}", head(&message));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_never_changes() {
    let scenario = Scenario::new("outcome").await;
    let created = scenario.create("done", json!({"language": NOBODYS, "code": ""})).await;
    assert_eq!(json!(created.status)["phase"], "Pending", "a new CodeRun reads as Pending at once");
    // The operator writes the same outcome, so it does not matter which of the two comes first.
    let status = |value: Value| json!({"status": value});
    patch_status(&scenario, &status(json!({"outcome": "UnknownLanguage"})), false).await.expect("it ends");
    for change in [json!({"outcome": "Completed"}), json!({"outcome": ""}), json!({"outcome": null}), json!(null)] {
        let answer = patch_status(&scenario, &status(change.clone()), true).await;
        let message = answer.expect_err("the outcome stands");
        assert!(message.contains("a finished CodeRun keeps its outcome"), "{change}: {}", head(&message));
    }
    let same = patch_status(&scenario, &status(json!({"outcome": "UnknownLanguage", "phase": "Failed"})), true).await;
    assert!(same.is_ok(), "{same:?}");
    let main = patch(&scenario, "done", &status(json!({"outcome": "Completed"})), false).await.expect("it is ignored");
    assert_eq!(json!(main.status)["outcome"], "UnknownLanguage", "status is written through its subresource only");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_apply_takes_a_program_of_200_kib_and_of_256_kib_with_server_side() {
    let scenario = Scenario::new("large").await;
    let manifest =
        |name: &str, bytes: usize| scenario.manifest(name, json!({"language": NOBODYS, "code": "x".repeat(bytes)}));
    tools::apply(&manifest("client-side", 200 << 10), &[]).expect("200 KiB and its last-applied annotation fit");
    tools::apply(&manifest("server-side", 256 << 10), &["--server-side"]).expect("256 KiB fit");
    for (name, bytes) in [("client-side", 200 << 10), ("server-side", 256 << 10)] {
        let run = scenario.runs().get(name).await.expect("it is stored");
        assert_eq!(run.spec.code.map(|code| code.len()), Some(bytes));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_apply_refuses_a_misspelt_field() {
    let scenario = Scenario::new("misspelt").await;
    let mut misspelt = scenario.manifest("misspelt", json!({"language": NOBODYS, "code": ""}));
    tools::apply(&misspelt, &["--dry-run=server"]).expect("it is well spelt");
    misspelt["spec"]["stdni"] = json!("in");
    let error = tools::apply(&misspelt, &["--dry-run=server"]).expect_err("kubectl validates strictly");
    assert!(error.contains("unknown field \"spec.stdni\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_spec_and_status_explains_itself() {
    let client = cluster::client().await;
    let crds: Api<CustomResourceDefinition> = Api::all(client);
    for (kind, plural, deep) in
        [("coderun", "coderuns", "spec.files.encoding"), ("language", "languages", "spec.prestart.fixedEnv")]
    {
        let crd = crds.get(&format!("{plural}.locus.dev")).await.expect("the CRD is there");
        let version = crd.spec.versions.iter().find(|version| version.name == "v1alpha1").expect("v1alpha1 is served");
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).expect("a schema");
        let mut paths = Vec::new();
        for part in ["spec", "status"] {
            describe(part, &schema.properties.as_ref().expect("properties")[part], &mut paths);
        }
        assert!(paths.iter().any(|path| path == deep), "the walk reaches what lies deep: {paths:?}");
        for path in paths.iter().filter(|path| !path.starts_with("status.conditions.")) {
            let text = tools::kubectl(&["explain", &format!("{kind}.{path}")]);
            let (_, description) = text.split_once("DESCRIPTION:").unwrap_or_default();
            assert!(description.split_whitespace().count() >= 2, "{path}: {text}");
            assert!(!description.contains("<empty>"), "{path}: {text}");
        }
    }
}

/// Collects the paths of all fields below a schema, each of which must have a description.
fn describe(path: &str, schema: &JSONSchemaProps, paths: &mut Vec<String>) {
    assert!(schema.description.as_ref().is_some_and(|text| !text.is_empty()), "{path} has no description");
    paths.push(path.to_owned());
    let items = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => items.properties.as_ref(),
        _ => None,
    };
    for (name, field) in schema.properties.iter().chain(items).flatten() {
        describe(&format!("{path}.{name}"), field, paths);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_get_shows_language_phase_reason_and_exit_status() {
    let scenario = Scenario::new("columns").await;
    scenario.create("shown", json!({"language": NOBODYS, "code": ""})).await;
    let columns = |arguments: &[&str]| {
        let arguments = [&["get", "--namespace", &scenario.namespace], arguments].concat();
        let table = tools::kubectl(&arguments);
        let line = |index| -> Vec<String> {
            table.lines().nth(index).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(line(1)[..2], ["shown", NOBODYS], "{table}");
        line(0)
    };
    assert_eq!(columns(&["coderuns"]), ["NAME", "LANGUAGE", "PHASE", "REASON", "EXIT", "AGE"]);
    let wide = ["NAME", "LANGUAGE", "PHASE", "REASON", "EXIT", "POD", "WALL", "AGE"];
    assert_eq!(columns(&["coderun", "--output", "wide"]), wide);
    let category = tools::kubectl(&["get", "locus", "--namespace", &scenario.namespace, "--output", "name"]);
    assert!(category.lines().any(|line| line == "coderun.locus.dev/shown"), "{category}");
    assert!(category.lines().any(|line| line == "language.locus.dev/python"), "{category}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_language_is_refused_and_the_message_says_what_is_wrong() {
    let client = cluster::client().await;
    let text = |length| "x".repeat(length);
    let list = |length, item: Value| Value::Array(vec![item; length]);
    let one = |field: &str, value: Value| with(language(), json!({field: value}));
    let without = |field: &str| one(field, Value::Null);
    let mut surprises = Vec::new();
    for (spec, expected) in [
        (without("name"), "spec.name: Required value"),
        (without("image"), "spec.image: Required value"),
        (without("run"), "spec.run: Required value"),
        (without("version"), "spec.version: Required value"),
        (without("fileName"), "spec.fileName: Required value"),
        (one("id", json!("Lua")), "id is lower-case letters"),
        (one("id", json!("a@b")), "id is lower-case letters"),
        (one("id", json!(text(64))), "spec.id: Too long"),
        (one("aliases", json!(["ok", "not ok"])), "an alias is lower-case letters"),
        (one("aliases", list(33, json!("a"))), "spec.aliases: Too many"),
        (one("version", json!("5 4")), "version is letters, digits"),
        (one("version", json!("")), "spec.version"),
        (one("version", json!(text(33))), "spec.version: Too long"),
        (one("fileName", json!("/main")), "a file name is a relative path"),
        (one("fileName", json!("../main")), "a file name is a relative path"),
        (one("image", json!("two words")), "image is an image with its tag"),
        (one("image", json!("")), "spec.image"),
        (one("run", json!([])), "spec.run"),
        (one("run", json!([""])), "run is an argv"),
        (one("run", list(65, json!("a"))), "spec.run: Too many"),
        (one("run", json!([text(4097)])), "spec.run[0]: Too long"),
        (one("compile", json!([""])), "compile is an argv"),
        (one("compileLimits", json!({"timeoutSeconds": 1})), "give compile too"),
        (one("env", json!([{"name": "A=B", "value": ""}])), "a variable's name does not hold an equals sign"),
        (one("env", json!([{"name": "A"}])), "spec.env[0].value: Required value"),
        (one("readable", json!(["etc/lua"])), "a readable path is absolute"),
        (one("readable", json!(["/etc/../root"])), "a readable path is absolute"),
        (one("limits", json!({"memory": "much"})), "memory is written as digits"),
        (one("limits", json!({"timeoutSeconds": 0})), "timeoutSeconds is more than 0"),
        (one("prestart", json!({})), "spec.prestart.env: Required value"),
        (one("prestart", json!({"env": [], "fixedEnv": ["A*B"]})), "a variable's name holds no equals sign"),
        (one("libraries", list(129, json!("a"))), "spec.libraries: Too many"),
        (one("example", json!(text(65_537))), "spec.example: Too long"),
        (one("probe", json!(["lua", "-v"])), "unknown field \"spec.probe\""),
    ] {
        let told = match submit_language(&client, "try", &spec).await {
            Err(message) if message.contains(expected) => continue,
            Err(message) => format!("is refused with {}", head(&message)),
            Ok(_) => "is accepted".into(),
        };
        surprises.push(format!("{} {told}; expected {expected:?}", head(&spec.to_string())));
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    let long = submit_language(&client, &text(64), &language()).await.expect_err("its name is too long");
    assert!(long.contains("at most 63 characters"), "{long}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_at_its_bounds_is_accepted() {
    let client = cluster::client().await;
    let text = |length| "x".repeat(length);
    let full = json!({
        "id": text(63), "name": text(64), "version": text(32), "default": false, "aliases": vec![text(63); 32],
        "fileName": "src/main.c", "image": format!("registry.example:5000/{}@sha256:{}", text(100), "0".repeat(64)),
        "compile": vec![text(4096); 64], "run": vec![text(4096); 64],
        "env": vec![json!({"name": text(256), "value": text(2048)}); 64],
        "readable": vec![format!("/{}", text(1023)); 64],
        "limits": {"memory": "512Mi"}, "compileLimits": {"memory": "1Gi", "timeoutSeconds": 60},
        "prestart": {"env": [{"name": "A", "value": "b"}], "fixedEnv": ["LC_*", "0*", "HOME"]},
        "editor": "none", "libraries": vec![text(128); 128], "example": text(65_536),
        "compat": {"judge0": vec![1_000_000; 32], "piston": vec![text(63); 32]}
    });
    for (name, spec) in [(text(63), full), ("c.plus-plus".into(), with(language(), json!({"id": "c++"})))] {
        let answer = submit_language(&client, &name, &spec).await;
        assert!(answer.is_ok(), "{name}: {}", head(&answer.unwrap_err()));
    }
}

fn language() -> Value {
    json!({"name": "Lua", "version": "5.4", "fileName": "main.lua", "image": "lua:5.4", "run": ["lua", "{main}"]})
}

/// Creates a `Language` for a try.
async fn submit_language(client: &Client, name: &str, spec: &Value) -> Result<Value, String> {
    let path = "/apis/locus.dev/v1alpha1/languages?dryRun=All&fieldValidation=Strict";
    let object =
        json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Language", "metadata": {"name": name}, "spec": spec});
    let body = serde_json::to_vec(&object).expect("it serializes");
    let request = Request::post(path).header("content-type", "application/json").body(body);
    client.request(request.expect("the request is well formed")).await.map_err(message)
}

/// Creates a `CodeRun` for a try: it is checked by everything, and not stored.
async fn submit(scenario: &Scenario, spec: &Value) -> Result<Value, String> {
    let path = format!(
        "/apis/locus.dev/v1alpha1/namespaces/{}/coderuns?dryRun=All&fieldValidation=Strict",
        scenario.namespace
    );
    let body = serde_json::to_vec(&scenario.manifest("try", spec.clone())).expect("it serializes");
    let request = Request::post(path).header("content-type", "application/json").body(body);
    scenario.client.request(request.expect("the request is well formed")).await.map_err(message)
}

async fn patch(scenario: &Scenario, name: &str, patch: &Value, dry_run: bool) -> Result<CodeRun, String> {
    let params = PatchParams { dry_run, ..PatchParams::default() };
    scenario.runs().patch(name, &params, &Patch::Merge(patch)).await.map_err(message)
}

async fn patch_status(scenario: &Scenario, patch: &Value, dry_run: bool) -> Result<CodeRun, String> {
    let params = PatchParams { dry_run, ..PatchParams::default() };
    let run = scenario.runs().patch_status("done", &params, &Patch::Merge(patch)).await.map_err(message)?;
    assert_eq!(run.name_any(), "done");
    Ok(run)
}

fn message(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        error => panic!("the API server does not answer: {error}"),
    }
}

/// An object with further fields.
fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    object.as_object_mut().expect("an object").extend(more);
    object
}

fn head(text: &str) -> String {
    text.chars().take(300).collect()
}
