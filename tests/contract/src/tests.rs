//! Test cases and their verdicts.

use serde_json::{Value, json};

use crate::api::{Api, python, with};

crate::table![
    each_checker_judges_as_it_says,
    output_past_what_can_be_right_is_wrong,
    cases_that_fail_do_not_stop_the_others,
    cases_leave_nothing_to_each_other,
    each_case_has_limits_of_its_own,
    cases_that_all_pass_make_a_run_that_succeeds,
    cases_have_the_arguments_of_the_run_or_their_own,
    a_cancelled_run_leaves_the_rest_of_its_cases,
    what_goes_not_together_with_tests_is_refused,
];

async fn judge(api: &Api, code: &str, tests: Value) -> Value {
    let run = api.run(&with(python(code), json!({ "tests": tests }))).await;
    assert!(run["tests"]["cases"].is_array(), "{run}");
    run
}

fn verdicts(run: &Value) -> Vec<&str> {
    let cases = run["tests"]["cases"].as_array().expect("cases");
    cases.iter().map(|case| case["verdict"].as_str().expect("a verdict")).collect()
}

async fn each_checker_judges_as_it_says(api: Api) {
    let code = "import sys; sys.stdout.write(sys.stdin.read())";
    let test = |checker: &str, printed: &str, expected: &str| json!({"checker": checker, "stdin": printed, "expectedStdout": expected});
    let run = judge(
        &api,
        code,
        json!([
            test("exact", "1 2\n", "1 2\n"),
            test("exact", "1 2", "1 2\n"),
            test("trimmed", "1 2  \n\n", "1 2"),
            test("trimmed", " 1 2", "1 2"),
            test("tokens", "1\n2", "1 2"),
            test("tokens", "1 3", "1 2"),
            test("float", "0.5000000001", "0.5"),
            test("float", "0.6", "0.5"),
            {"checker": "float", "tolerance": 0.2, "stdin": "0.6", "expectedStdout": "0.5"},
            {"stdin": "1\n", "expectedStdout": "1"},
            {"name": "anything", "stdin": "x"},
        ]),
    )
    .await;
    let (right, wrong) = ("Passed", "WrongOutput");
    assert_eq!(verdicts(&run), [right, wrong, right, wrong, right, wrong, right, wrong, right, right, right]);
    assert_eq!(
        (&run["outcome"], &run["tests"]["passed"], &run["tests"]["total"]),
        (&json!("TestsFailed"), &json!(7), &json!(11))
    );
    assert_eq!(run["tests"]["cases"][10]["name"], "anything");
    assert_eq!(run["tests"]["cases"][1]["stdout"], "1 2");
    assert!(run["error"].as_str().is_some_and(|error| error.contains("7 of 11")), "{run}");
}

async fn output_past_what_can_be_right_is_wrong(api: Api) {
    let code = "print('x' + ' ' * int(input()), end='')";
    // 16 bytes for the one that is expected, and 64 KiB.
    let test = |spaces: usize| json!({"stdin": spaces.to_string(), "expectedStdout": "x"});
    let run = judge(&api, code, json!([test(15 + (64 << 10)), test(16 + (64 << 10))])).await;
    assert_eq!(verdicts(&run), ["Passed", "WrongOutput"]);
}

async fn cases_that_fail_do_not_stop_the_others(api: Api) {
    let code = "import os, sys\nwhat = input()\nprint(what, file=sys.stderr)\nif what == 'exit': sys.exit(3)\nif what == 'signal': os.kill(os.getpid(), 11)\nprint('fine')";
    let test = |stdin: &str| json!({"stdin": stdin, "expectedStdout": "fine"});
    let run = judge(&api, code, json!([test("exit"), test("signal"), test("ok")])).await;
    assert_eq!(verdicts(&run), ["Failed", "Failed", "Passed"]);
    let cases = &run["tests"]["cases"];
    assert_eq!((&cases[0]["outcome"], &cases[0]["exitCode"]), (&json!("NonZeroExit"), &json!(3)), "{run}");
    assert_eq!((&cases[1]["outcome"], &cases[1]["signal"]), (&json!("Signaled"), &json!("SIGSEGV")), "{run}");
    assert_eq!((&cases[2]["outcome"], &cases[2]["stderr"]), (&json!("Completed"), &json!("ok\n")), "{run}");
    assert!(cases[2]["usage"]["wallSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{run}");
}

async fn cases_leave_nothing_to_each_other(api: Api) {
    let code = "import os; print(sorted(os.listdir('.'))); open('left', 'w').write('x')";
    let test = json!({"expectedStdout": "['main.py']"});
    let run = judge(&api, code, json!([test, test])).await;
    assert_eq!(verdicts(&run), ["Passed", "Passed"], "{run}");
}

async fn each_case_has_limits_of_its_own(api: Api) {
    let code = "import time; time.sleep(float(input()))";
    let tests = json!([{"stdin": "0.8"}, {"stdin": "30"}, {"stdin": "0.8"}]);
    let run = api.run(&with(python(code), json!({"tests": tests, "limits": {"timeoutSeconds": 2}}))).await;
    assert_eq!(verdicts(&run), ["Passed", "Failed", "Passed"], "{run}");
    assert_eq!(run["tests"]["cases"][1]["outcome"], "TimedOut", "{run}");
}

async fn cases_that_all_pass_make_a_run_that_succeeds(api: Api) {
    let tests = json!([{"stdin": "1", "expectedStdout": "1"}, {"stdin": "2", "expectedStdout": "2"}]);
    let run = judge(&api, "print(input())", tests).await;
    assert_eq!((&run["phase"], &run["outcome"], &run["error"]), (&json!("Succeeded"), &json!("Completed"), &json!("")));
    assert_eq!((&run["tests"]["passed"], &run["tests"]["total"]), (&json!(2), &json!(2)));
}

async fn cases_have_the_arguments_of_the_run_or_their_own(api: Api) {
    let tests = json!([{"expectedStdout": "['run']"}, {"args": ["own", "x"], "expectedStdout": "['own', 'x']"}, {"args": [], "expectedStdout": "[]"}]);
    let request = with(python("import sys; print(sys.argv[1:])"), json!({"args": ["run"], "tests": tests}));
    let run = api.run(&request).await;
    assert_eq!(verdicts(&run), ["Passed", "Passed", "Passed"], "{run}");
}

async fn a_cancelled_run_leaves_the_rest_of_its_cases(api: Api) {
    let code = "import time\nif input() == 'long': time.sleep(60)";
    let tests = json!([{"stdin": "short"}, {"stdin": "long"}, {"stdin": "short"}]);
    let id = api.create(&with(python(code), json!({ "tests": tests }))).await;
    let mut events = api.events(&id, None).await;
    while let Some(told) = futures::StreamExt::next(&mut events).await {
        if told.name == "caseStarted" && told.data["index"] == 1 {
            break;
        }
    }
    api.delete(&format!("/api/v1/runs/{id}")).await;
    let run = api.ended(&id).await;
    assert_eq!(run["outcome"], "Cancelled", "{run}");
    assert_eq!(verdicts(&run)[0], "Passed", "{run}");
    assert_eq!(verdicts(&run)[2], "NotRun", "{run}");
}

async fn what_goes_not_together_with_tests_is_refused(api: Api) {
    for (more, part) in [
        (json!({"stdin": "x"}), "stdin"),
        (json!({"interactive": true}), "interactive"),
        (json!({"outputFiles": ["a"]}), "outputFiles"),
        (json!({"tests": [{"tolerance": 0.1}]}), "tolerance"),
        (json!({"tests": vec![json!({}); 101]}), "100"),
    ] {
        let request = with(with(python(""), json!({"tests": [{}]})), more);
        let message = api.post("/api/v1/runs", request.to_string()).await.refused(400, "InvalidRequest");
        assert!(message.contains(part), "{message}");
    }
}
