//! Files that a program leaves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::{Api, python, with};

crate::table![
    files_that_are_asked_for_are_returned,
    a_file_is_fetched_with_its_bytes_and_kind,
    files_that_are_not_returned_are_told_with_the_reason,
    files_are_returned_of_a_program_that_fails,
];

const WRITER: &str = "import os, pathlib
pathlib.Path('out/deep').mkdir(parents=True)
pathlib.Path('a.txt').write_text('é')
pathlib.Path('b.png').write_bytes(b'\\x89PNG\\xff')
pathlib.Path('c.html').write_text('<script>alert(1)</script>')
pathlib.Path('out/deep/c.csv').write_text('1,2')
pathlib.Path('other').write_text('not asked for')
";

fn asks(code: &str, files: &Value) -> Value {
    with(python(code), json!({ "outputFiles": files }))
}

async fn files_that_are_asked_for_are_returned(api: Api) {
    let id = api.create(&asks(WRITER, &json!(["a.txt", "*.png", "out/**/*.csv"]))).await;
    let events = api.all_events(&id, None).await;
    let run = api.ended(&id).await;
    let files = run["files"].as_array().unwrap_or_else(|| panic!("no files: {run}"));
    let mut found: Vec<_> = files
        .iter()
        .map(|file| {
            let content = file["content"].as_str().expect("a content");
            let bytes = match file["encoding"].as_str() {
                Some("base64") => STANDARD.decode(content).expect("base64"),
                _ => content.as_bytes().to_vec(),
            };
            assert_eq!(file["size"], bytes.len(), "{file}");
            (file["name"].as_str().expect("a name"), bytes, file["mediaType"].as_str().expect("a type"))
        })
        .collect();
    found.sort();
    assert_eq!(found.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["a.txt", "b.png", "out/deep/c.csv"]);
    assert_eq!(found[0].1, "é".as_bytes());
    assert_eq!((&found[1].1[..], found[1].2), (&b"\x89PNG\xff"[..], "image/png"));
    let told: Vec<_> = events.iter().filter(|told| told.name == "file").collect();
    assert_eq!(told.len(), 3, "{events:?}");
    assert!(told.iter().all(|told| told.data["size"].is_u64() && told.data["name"].is_string()), "{told:?}");
    let list = api.get("/api/v1/runs?limit=100").await.with(200);
    let listed = list["runs"].as_array().expect("a list").iter().find(|run| run["id"] == json!(id));
    assert!(listed.is_none_or(|run| run.get("files").is_none()), "{listed:?}");
}

async fn a_file_is_fetched_with_its_bytes_and_kind(api: Api) {
    let run = api.run(&asks(WRITER, &json!(["*", "out/deep/c.csv"]))).await;
    let path = format!("/api/v1/runs/{}/files", run["id"].as_str().expect("an id"));
    for (name, bytes, kind, is_shown) in [
        ("a.txt", "é".as_bytes(), "text/plain", true),
        ("b.png", &b"\x89PNG\xff"[..], "image/png", true),
        ("out/deep/c.csv", b"1,2", "text/csv", true),
        ("c.html", b"<script>alert(1)</script>", "text/html", false),
    ] {
        let answer = api.get(&format!("{path}/{name}")).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, bytes), "{name}");
        assert!(!is_shown || answer.header("content-type").starts_with(kind), "{name}: {:?}", answer.headers);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("sandbox"), "a page that a program has made must not be one of this server: {policy}");
    }
    for name in ["none", "../a.txt", "%2e%2e/a.txt", "other/"] {
        let answer = api.get(&format!("{path}/{}", name.replace("../", "%2e%2e%2f"))).await;
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
    }
}

async fn files_that_are_not_returned_are_told_with_the_reason(api: Api) {
    let code =
        "import os\nopen('big', 'wb').write(b'x' * (5 << 20))\nos.symlink('/etc/passwd', 'link')\nos.mkdir('folder')";
    let run = api.run(&asks(code, &json!(["missing.txt", "big", "link"]))).await;
    assert_eq!(run["outcome"], "Completed", "{run}");
    assert!(run.get("files").is_none(), "{run}");
    let mut left: Vec<_> = run["filesLeft"].as_array().expect("they are told").iter().collect();
    left.sort_by_key(|left| left["name"].as_str());
    assert_eq!(
        left.iter().map(|left| left["name"].as_str().expect("a name")).collect::<Vec<_>>(),
        ["big", "link", "missing.txt"]
    );
    assert!(left.iter().all(|left| left["why"].as_str().is_some_and(|why| !why.is_empty())), "{left:?}");
}

async fn files_are_returned_of_a_program_that_fails(api: Api) {
    let run = api.run(&asks("open('a', 'w').write('so far'); raise SystemExit(1)", &json!(["a"]))).await;
    assert_eq!((&run["outcome"], &run["files"][0]["content"]), (&json!("NonZeroExit"), &json!("so far")), "{run}");
}
