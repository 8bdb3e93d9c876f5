//! What becomes of a program, and of what it writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::api::{Api, python, with};

crate::table![
    output_is_what_the_program_wrote_to_the_byte,
    output_that_is_no_text_stands_in_base64,
    standard_error_is_standard_output_where_that_is_asked_for,
    each_way_to_end_has_its_outcome,
    output_past_its_limit_is_cut_between_two_characters_and_marked,
    twenty_programs_at_once_do_not_mix,
];

async fn output_is_what_the_program_wrote_to_the_byte(api: Api) {
    let code = r"import sys; sys.stdout.write(' a\r\n\t\0€😀\n\n'); sys.stderr.write('b')";
    let run = api.run(&python(code)).await;
    assert_eq!((&run["stdout"], &run["stderr"]), (&json!(" a\r\n\t\0€😀\n\n"), &json!("b")), "{run}");
    let silent = api.run(&python("")).await;
    assert_eq!((&silent["stdout"], &silent["stderr"]), (&json!(""), &json!("")), "{silent}");
}

async fn output_that_is_no_text_stands_in_base64(api: Api) {
    let run = api.run(&python("import os; os.write(1, bytes(range(256))); os.write(2, b'text')")).await;
    let bytes = STANDARD.decode(run["stdoutBase64"].as_str().expect("base64")).expect("it is well formed");
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    assert!(run.get("stdout").is_none() && run.get("stderrBase64").is_none(), "{run}");
    assert_eq!(run["stderr"], "text");
}

async fn standard_error_is_standard_output_where_that_is_asked_for(api: Api) {
    let code = "import os\nfor number in range(100): os.write(1 + number % 2, b'%d ' % number)";
    let whole: String = (0..100_u32).map(|number| number.to_string() + " ").collect();
    let merged = with(python(code), json!({"stderrToStdout": true}));
    let run = api.run(&merged).await;
    assert_eq!((&run["stdout"], &run["stderr"]), (&json!(whole), &json!("")), "{run}");
    let run = api.run(&with(merged, json!({"tests": [{"expectedStdout": whole}, {"expectedStdout": whole}]}))).await;
    assert_eq!((&run["outcome"], &run["tests"]["passed"]), (&json!("Completed"), &json!(2)), "{run}");
}

async fn each_way_to_end_has_its_outcome(api: Api) {
    let hungry = "x = []\nwhile True: x.append(bytearray(1 << 20))";
    for (code, limits, outcome, exit_code, signal) in [
        ("raise SystemExit(3)", json!({}), "NonZeroExit", json!(3), json!(null)),
        ("import os; os.kill(os.getpid(), 11)", json!({}), "Signaled", json!(null), json!("SIGSEGV")),
        ("import time; time.sleep(30)", json!({"timeoutSeconds": 1}), "TimedOut", json!(null), json!(null)),
        (hungry, json!({"memoryBytes": 64 << 20}), "OutOfMemory", json!(null), json!(null)),
    ] {
        let run = api.run(&with(python(code), json!({ "limits": limits }))).await;
        assert_eq!((&run["outcome"], &run["reason"]), (&json!(outcome), &json!(outcome)), "{run}");
        assert_eq!(run["phase"], "Failed", "{run}");
        assert!(run["error"].as_str().is_some_and(|error| !error.is_empty()), "{run}");
        if !exit_code.is_null() || !signal.is_null() {
            assert_eq!((&run["exitCode"], &run["signal"]), (&exit_code, &signal), "{run}");
        }
    }
}

async fn output_past_its_limit_is_cut_between_two_characters_and_marked(api: Api) {
    let request = with(python("while True: print('€' * 1000)"), json!({"limits": {"outputBytes": 1000}}));
    let run = api.run(&request).await;
    assert_eq!(run["outcome"], "OutputLimitExceeded", "{run}");
    assert_eq!(run["stdout"], "€".repeat(333));
    assert_eq!((&run["stdoutTruncated"], run.get("stderrTruncated")), (&json!(true), None), "{run}");
}

async fn twenty_programs_at_once_do_not_mix(api: Api) {
    let runs = (0..20).map(|number| {
        let api = api.clone();
        async move {
            let run = api.run(&python(&format!("import time; time.sleep(0.1); print('{number} ' * 20)"))).await;
            assert_eq!(run["stdout"], format!("{}\n", format!("{number} ").repeat(20)), "{run}");
        }
    });
    futures::future::join_all(runs).await;
}
