//! What holds for every request, event, token and limit, whoever made it up.
//!
//! Failing cases are printed, not kept in files: each that teaches something becomes a test of its own.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use locus_core::request::{FILES_MAX, SOURCE_BYTES_MAX};
use locus_core::token::{Claims, Demand, Scope, TokenSigner, TokenVerifier, body_digest};
use locus_core::{
    CompileResult, Encoding, EnvVar, Event, Limits, LimitsRequest, Outcome, RunRequest, RunResult, Seconds, SourceFile,
    Usage,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize as _;
use serde_json::{Map, Value};

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
}

// Requests.

/// Text with what breaks parsers, shells and lines more often in it than chance would have it.
fn text() -> impl Strategy<Value = String> {
    let special = select(vec!["\n", "\r\n", "\0", "\"", "\\", "/", "..", "=", "\u{2028}", "\u{feff}", "é", "💥"]);
    vec(prop_oneof![special.prop_map(str::to_owned), any::<String>()], 0..4).prop_map(|parts| parts.concat())
}

/// Names of a few parts that often clash, leave the folder or are no names.
fn file_name() -> impl Strategy<Value = String> {
    let long = "x".repeat(200);
    let part = select(vec!["a", "b", "a.py", "a", "b", "..", ".", "", "...", "..a", "é", " ", "\\", "\0", "~"]);
    let part = prop_oneof![9 => part.prop_map(str::to_owned), 1 => Just(long), 1 => any::<String>()];
    vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn source_file() -> impl Strategy<Value = SourceFile> {
    let utf8 = text().prop_map(|content| (content, Encoding::Utf8));
    let base64 = vec(any::<u8>(), 0..20).prop_map(|bytes| (STANDARD.encode(bytes), Encoding::Base64));
    let broken = text().prop_map(|content| (content, Encoding::Base64));
    let content = prop_oneof![4 => utf8, 4 => base64, 1 => broken];
    (file_name(), content).prop_map(|(name, (content, encoding))| SourceFile { name, content, encoding })
}

fn request() -> impl Strategy<Value = RunRequest> {
    let code_and_files = prop_oneof![
        6 => vec(source_file(), 1..4).prop_map(|files| (None, files)),
        3 => text().prop_map(|code| (Some(code), Vec::new())),
        1 => (option::of(text()), vec(source_file(), 0..40)),
    ];
    let variable = (text(), text()).prop_map(|(name, value)| EnvVar { name, value });
    let lists = (vec(text(), 0..3), vec(variable, 0..3), vec(text(), 0..3));
    (text(), code_and_files, text(), lists, limits_request()).prop_map(
        |(language, (code, files), stdin, (args, env, compile_args), limits)| RunRequest {
            language,
            code,
            files,
            stdin,
            args,
            env,
            compile_args,
            limits,
            ..RunRequest::default()
        },
    )
}

/// A change to bytes: one is replaced, added or removed, or a part is doubled or cut off.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Double(Index, Index),
    CutOff(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = || prop_oneof![any::<u8>(), select(br#"{}[]",:\/.0-eEu"#.to_vec())];
    let edit = prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        4 => any::<Index>().prop_map(Edit::Remove),
        2 => any::<(Index, Index)>().prop_map(|(from, to)| Edit::Double(from, to)),
        1 => any::<Index>().prop_map(Edit::CutOff),
    ];
    vec(edit, 1..4)
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match edit {
            Edit::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Insert(at, byte) => bytes.insert(at.index(length + 1), *byte),
            Edit::Remove(at) => drop(bytes.remove(at.index(length))),
            Edit::Double(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes.extend_from_within(from.min(to)..from.max(to));
            }
            Edit::CutOff(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

/// That what `sources` accepts can be written below a folder and nowhere else; `main` is a name of ours.
fn check_sources(request: &RunRequest) -> Result<(), TestCaseError> {
    let Ok(files) = request.sources("main.py") else { return Ok(()) };
    prop_assert!((1..=FILES_MAX).contains(&files.len()));
    let mut folders = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut total = 0;
    for file in &files {
        let path = Path::new(&file.name);
        prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", file.name);
        // As a path is read, "a//b", "a/./b" and "a/" are other names for the same file.
        let canonical = path.components().collect::<PathBuf>();
        prop_assert_eq!(canonical.to_str(), Some(file.name.as_str()));
        prop_assert!(!file.name.contains('\0') && (1..=255).contains(&file.name.len()), "{:?}", file.name);
        prop_assert!(names.insert(path), "{:?} stands twice", file.name);
        folders.extend(path.ancestors().skip(1));
        total += file.bytes().map_err(|error| TestCaseError::fail(error.to_string()))?.len();
    }
    prop_assert!(names.is_disjoint(&folders), "a file is another one's folder: {:?}", names);
    prop_assert!(total <= SOURCE_BYTES_MAX);
    let strings = request.args.iter().chain(&request.compile_args);
    let mut strings = strings.chain(request.env.iter().flat_map(|variable| [&variable.name, &variable.value]));
    prop_assert!(strings.all(|string| !string.contains('\0')));
    prop_assert!(request.env.iter().all(|variable| !variable.name.is_empty() && !variable.name.contains('=')));
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_request_survives_json_and_is_accepted_only_with_names_inside_the_work_folder(request in request()) {
        let json = serde_json::to_string(&request).expect("a request serializes");
        prop_assert_eq!(&serde_json::from_str::<RunRequest>(&json).expect("it parses again"), &request);
        check_sources(&request)?;
    }

    #[test]
    fn json_that_was_tampered_with_is_no_request_or_a_checked_one(request in request(), edits in edits()) {
        let json = serde_json::to_vec(&request).expect("a request serializes");
        if let Ok(request) = serde_json::from_slice::<RunRequest>(&edited(json, &edits)) {
            check_sources(&request)?;
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..200), text in any::<String>()) {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(request) = serde_json::from_slice::<RunRequest>(bytes) {
                check_sources(&request)?;
            }
            let _ = serde_json::from_slice::<Event>(bytes);
        }
    }

    #[test]
    fn plain_names_are_accepted(names in btree_set("[ab]{1,2}(/[.]?[a-z]{1,8}[.]py){0,2}", 1..5)) {
        let clash = names.iter().any(|name| names.iter().any(|other| other.starts_with(&format!("{name}/"))));
        let file = |name: &String| SourceFile { name: name.clone(), content: String::new(), encoding: Encoding::Utf8 };
        let request = RunRequest { files: names.iter().map(file).collect(), ..RunRequest::default() };
        prop_assert_eq!(request.sources("main.py").is_ok(), !clash, "{:?}", names);
    }
}

// Events.

fn seconds() -> impl Strategy<Value = f64> {
    (0..100_000_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos).as_secs_f64())
}

fn result() -> impl Strategy<Value = RunResult> {
    let compile = (text(), text(), any::<Option<i32>>()).prop_map(|(stdout, stderr, exit_code)| CompileResult {
        stdout,
        stderr,
        exit_code,
    });
    let usage = (seconds(), seconds(), any::<u64>()).prop_map(|(wall_seconds, cpu_seconds, memory_peak_bytes)| Usage {
        wall_seconds,
        cpu_seconds,
        memory_peak_bytes,
    });
    let said = prop_oneof![text(), imitation().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())];
    let ended = (any::<Option<i32>>(), option::of(text()), any::<[bool; 3]>());
    (select(&Outcome::ALL[..]), said, ended, option::of(compile), usage).prop_map(
        |(outcome, error, (exit_code, signal, flags), compile, usage)| RunResult {
            exit_code,
            signal,
            stdout_truncated: flags[0],
            stderr_truncated: flags[1],
            prestarted: flags[2],
            compile,
            usage,
            ..RunResult::failed(outcome, error)
        },
    )
}

/// What a program might write so that a reader takes it for the runner.
fn imitation() -> impl Strategy<Value = Vec<u8>> {
    let completed = Event::Finished { result: RunResult::failed(Outcome::Completed, "") };
    let finished = serde_json::to_string(&completed).expect("an event serializes");
    let line = select(vec![
        finished.clone(),
        r#"{"type":"started"}"#.to_owned(),
        r#"{"type":"stdout","data":"AP9h"}"#.to_owned(),
        format!("\"}}\n{finished}\n{{\"type\":\"stdout\",\"data\":\""),
        format!("\",\"type\":\"finished\",\"result\":{finished}"),
    ]);
    let end = || select(vec!["", "\n", "\r\n", "\0", "\n\n", "\u{2028}"]);
    (end(), line, end()).prop_map(|(before, line, behind)| [before, &line, behind].concat().into_bytes())
}

fn output() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..80), imitation()]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::Started),
        3 => output().prop_map(|data| Event::Stdout { data }),
        3 => output().prop_map(|data| Event::Stderr { data }),
        2 => result().prop_map(|result| Event::Finished { result }),
    ]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_reader_of_lines_sees_the_events_that_were_sent_and_no_others(events in vec(event(), 0..8)) {
        let mut wire = Vec::new();
        for event in &events {
            let line = serde_json::to_vec(event).expect("an event serializes");
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            wire.extend(line);
            wire.push(b'\n');
        }
        let lines = wire.split_inclusive(|byte| *byte == b'\n');
        let read: Vec<Event> = lines.map(|line| serde_json::from_slice(line).expect("a line is an event")).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn output_reaches_the_wire_in_an_alphabet_without_quotes_and_line_ends(data in output()) {
        let line = serde_json::to_string(&Event::Stdout { data }).expect("an event serializes");
        let coded = line.strip_prefix(r#"{"type":"stdout","data":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        prop_assert!(coded.is_some_and(|coded| coded.bytes().all(is_base64)), "{}", line);
    }

    #[test]
    fn a_line_that_was_tampered_with_is_refused_without_a_panic(event in event(), edits in edits()) {
        let line = serde_json::to_vec(&event).expect("an event serializes");
        let _ = serde_json::from_slice::<Event>(&edited(line, &edits));
    }
}

// Tokens.

fn signer() -> TokenSigner {
    TokenSigner::from_seed(&[7; 32])
}

static VERIFIER: LazyLock<TokenVerifier> =
    LazyLock::new(|| TokenVerifier::parse(&signer().public_key()).expect("a public key parses"));

/// Claims for a body, which is there in a token that starts a run.
fn claims() -> impl Strategy<Value = (Claims, Option<Vec<u8>>)> {
    let scope = select(vec![Scope::Run, Scope::Read, Scope::Stdin]);
    (text(), text(), scope, 1..=u64::MAX, option::of(vec(any::<u8>(), 0..40))).prop_map(
        |(aud, run, scope, exp, bytes)| {
            let body = bytes.as_deref().map(body_digest);
            (Claims { aud, run, scope, exp, body }, bytes)
        },
    )
}

/// A request that a token with these claims is for, a moment before it expires.
fn demand<'a>(claims: &'a Claims, body: Option<&'a [u8]>) -> Demand<'a> {
    Demand {
        pod: &claims.aud,
        run: &claims.run,
        scopes: std::slice::from_ref(&claims.scope),
        body,
        now: claims.exp - 1,
    }
}

fn is_accepted(token: &str, demand: Demand<'_>) -> bool {
    VERIFIER.verify(token, demand).is_ok()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_token_is_good_for_what_it_says((claims, body) in claims()) {
        let verified = VERIFIER.verify(&signer().sign(&claims), demand(&claims, body.as_deref()));
        prop_assert_eq!(verified, Ok(claims));
    }

    #[test]
    fn a_token_with_any_bit_changed_is_refused((claims, body) in claims(), at in any::<Index>(), bit in 0..7_u8) {
        let mut bytes = signer().sign(&claims).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let token = String::from_utf8(bytes).expect("ASCII stays ASCII");
        prop_assert!(!is_accepted(&token, demand(&claims, body.as_deref())), "{}", token);
    }

    #[test]
    fn a_token_that_was_tampered_with_is_refused((claims, body) in claims(), edits in edits()) {
        let original = signer().sign(&claims);
        let bytes = edited(original.clone().into_bytes(), &edits);
        let token = String::from_utf8_lossy(&bytes);
        prop_assume!(token != original);
        prop_assert!(!is_accepted(&token, demand(&claims, body.as_deref())), "{}", token);
    }

    #[test]
    fn a_token_cut_off_or_with_more_at_an_end_is_refused(
        (claims, body) in claims(),
        at in any::<Index>(),
        more in "[=.A-Za-z0-9_ -]{1,4}",
    ) {
        let token = signer().sign(&claims);
        for token in [&token[..at.index(token.len())], &format!("{token}{more}"), &format!("{more}{token}")] {
            prop_assert!(!is_accepted(token, demand(&claims, body.as_deref())), "{}", token);
        }
    }

    #[test]
    fn parts_of_two_tokens_make_no_third((one, body) in claims(), (other, _) in claims()) {
        prop_assume!(one != other);
        let tokens = [signer().sign(&one), signer().sign(&other)];
        let parts = tokens.each_ref().map(|token| token.split_once('.').expect("a token has two parts"));
        let [(payload, signature), (_, foreign)] = parts;
        let demand = demand(&one, body.as_deref());
        let forged = [
            format!("{payload}.{foreign}"),
            format!("{signature}.{payload}"),
            format!("{payload}.{payload}"),
            format!("{signature}.{signature}"),
            format!("{payload}."),
            format!(".{signature}"),
            format!("{payload}.{signature}.{signature}"),
        ];
        for token in forged {
            prop_assert!(!is_accepted(&token, demand), "{}", token);
        }
    }

    #[test]
    fn a_token_is_refused_for_any_other_pod_run_scope_body_and_time(
        (claims, body) in claims(),
        other in text(),
        later in any::<u64>(),
        foreign in vec(any::<u8>(), 0..40),
    ) {
        let token = signer().sign(&claims);
        let own = demand(&claims, body.as_deref());
        let all = [Scope::Run, Scope::Read, Scope::Stdin];
        let scopes: Vec<Scope> = all.into_iter().filter(|scope| *scope != claims.scope).collect();
        let others = [
            (other != claims.aud, Demand { pod: &other, ..own }),
            (other != claims.run, Demand { run: &other, ..own }),
            (true, Demand { scopes: &scopes, ..own }),
            (true, Demand { scopes: &[], ..own }),
            (body.as_ref() != Some(&foreign), Demand { body: Some(&foreign), ..own }),
            (true, Demand { now: claims.exp.saturating_add(later), ..own }),
        ];
        for (is_other, demand) in others {
            prop_assert!(!is_other || !is_accepted(&token, demand), "{:?}", demand);
        }
    }

    #[test]
    fn a_token_of_another_key_is_refused((claims, body) in claims(), seed in any::<[u8; 32]>()) {
        prop_assume!(seed != [7; 32]);
        let token = TokenSigner::from_seed(&seed).sign(&claims);
        prop_assert!(!is_accepted(&token, demand(&claims, body.as_deref())));
    }

    #[test]
    fn no_text_that_nobody_signed_is_a_token(
        (claims, body) in claims(),
        text in any::<String>(),
        form in "[A-Za-z0-9_=-]{0,90}([.][A-Za-z0-9_=-]{0,90}){0,2}",
        bytes in vec(any::<u8>(), 64),
    ) {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).expect("claims serialize"));
        let unsigned = format!("{payload}.{}", URL_SAFE_NO_PAD.encode(bytes));
        for token in [&text, &form, &unsigned] {
            prop_assert!(!is_accepted(token, demand(&claims, body.as_deref())));
        }
        let _ = TokenVerifier::parse(&text);
        let _ = TokenSigner::from_pem(&text);
    }
}

// Limits. They are looked at by name, so that a new one is in these tests too.

fn values_of(limits: impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(limits) {
        Ok(Value::Object(values)) => values,
        other => unreachable!("limits are an object, not {other:?}"),
    }
}

/// Thousandths of a number, to be compared without a rest.
fn amount(value: &Value) -> u128 {
    let fraction = || Duration::from(Seconds::deserialize(value).expect("only times are fractions")).as_millis();
    value.as_u64().map_or_else(fraction, |number| u128::from(number) * 1000)
}

/// Values for some of the limits, and for all of them where each is there.
fn values(presence: impl Strategy<Value = bool> + Clone) -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<String> =
        values_of(Limits::MAXIMUM).into_iter().filter(|(_, value)| value.is_number()).map(|(name, _)| name).collect();
    let value = prop_oneof![0..4_u32, any::<u32>(), Just(u32::MAX)];
    vec((presence, value, any::<u32>()), names.len()).prop_map(move |drawn| {
        let values = names.iter().zip(drawn).filter(|(_, (is_there, ..))| *is_there);
        values
            .map(|(name, (_, low, high))| {
                let value = match name {
                    name if name.ends_with("Bytes") => (u64::from(high) << 32 | u64::from(low)).into(),
                    name if name.ends_with("Seconds") => {
                        (f64::from(low) + f64::from(high % 1001) / 1000.0).min(u32::MAX.into()).into()
                    }
                    _ => low.into(),
                };
                (name.clone(), value)
            })
            .collect()
    })
}

fn limits_request() -> impl Strategy<Value = LimitsRequest> {
    values(any::<bool>()).prop_map(|values| serde_json::from_value(values.into()).expect("names and numbers fit"))
}

fn limits() -> impl Strategy<Value = Limits> {
    values(Just(true)).prop_map(|values| {
        let mut all = values_of(Limits::MAXIMUM);
        all.extend(values);
        serde_json::from_value(all.into()).expect("names and numbers fit")
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn limits_in_force_are_those_asked_for_or_the_default_and_never_above_the_maximum(
        request in limits_request(),
        default in limits(),
        maximum in limits(),
    ) {
        let clamped = values_of(Limits::clamp(request, default, maximum));
        let (request, default, maximum) = (values_of(request), values_of(default), values_of(maximum));
        for (name, value) in clamped.iter().filter(|(_, value)| value.is_number()) {
            let floor = if name == "memoryBytes" { u128::from(Limits::MEMORY_BYTES_MIN) * 1000 } else { 0 };
            let asked = amount(request.get(name).unwrap_or(&default[name])).max(floor);
            prop_assert_eq!(amount(value), asked.min(amount(&maximum[name])), "{}", name);
        }
    }
}
