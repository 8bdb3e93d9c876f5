//! `locus run` on this machine: the real command, the real sandbox.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Folder, Going, can_run, end, end_with_input};
use snapbox::{assert_data_eq, str};

#[test]
fn a_programs_exit_code_is_the_commands() {
    if !can_run() {
        return;
    }
    for (code, flags, expected, reason) in [
        ("print(1)", "", 0, ""),
        ("raise SystemExit(3)", "", 3, "NonZeroExit"),
        ("import os; os.kill(os.getpid(), 11)", "", 139, "Signaled"),
        ("import time; time.sleep(60)", "--timeout 0.5s", 124, "TimedOut"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", "--memory 64Mi", 137, "OutOfMemory"),
        ("while True: print('x' * 65536)", "", 137, "OutputLimitExceeded"),
    ] {
        let folder = Folder::with(&[("main.py", code)]);
        let ended = end(&mut folder.locus(&format!("run main.py {flags}")));
        assert_eq!(ended.code, expected, "{code}: {}", ended.stderr);
        assert!(ended.stderr.contains(reason), "{code}: {}", ended.stderr);
        assert!(expected != 0 || ended.stderr.is_empty(), "{}", ended.stderr);
    }
}

#[test]
fn output_comes_through_to_the_byte_and_each_stream_on_its_own() {
    if !can_run() {
        return;
    }
    let code = "import os; os.write(1, bytes(range(256)) * 300); os.write(2, b'\\xff\\r\\n\\x1b[31m')";
    let folder = Folder::with(&[("main.py", code)]);
    let output = folder.locus("run main.py").output().expect("it runs");
    assert_eq!(output.stdout, (0..=255).collect::<Vec<u8>>().repeat(300));
    assert_eq!(output.stderr, b"\xff\r\n\x1b[31m", "it is the program's own colour");
}

#[test]
fn output_is_there_before_the_program_ends() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "import time; print('first', flush=True); time.sleep(4); print('last')")]);
    let mut going = Going::start(&mut folder.locus("run main.py"));
    assert_eq!(going.line(), "first\n");
    assert!(going.goes_on());
    assert_eq!((going.rest().as_str(), going.code()), ("last\n", 0));
}

#[test]
fn a_program_talks_with_whoever_sits_at_the_terminal() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "while True: print('hello', input(), flush=True)")]);
    let mut going = Going::start(folder.locus("run -i main.py").stderr(Stdio::piped()));
    for name in ["a", "bé"] {
        going.say(&format!("{name}\n"));
        assert_eq!(going.line(), format!("hello {name}\n"));
    }
    assert_eq!(going.code(), 1, "the end of the input is told too");
    let large = "x".repeat(300_000);
    let counts = Folder::with(&[("main.py", "import sys; print(len(sys.stdin.read()))")]);
    assert_eq!(end_with_input(&mut counts.locus("run -i main.py"), large.as_bytes()).text(), "300000\n");
}

#[test]
fn input_comes_from_a_file_or_the_commands_own() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "import sys; print(sys.stdin.read().upper())"), ("in.txt", "from a file")]);
    assert_eq!(end(&mut folder.locus("run main.py --stdin-file in.txt")).text(), "FROM A FILE\n");
    let piped = end_with_input(&mut folder.locus("run main.py --stdin-file -"), b"piped");
    assert_eq!(piped.text(), "PIPED\n");
    assert_eq!(end_with_input(&mut folder.locus("run main.py"), b"not asked for").text(), "\n");
    assert_eq!(end_with_input(&mut folder.locus("run - -l python"), b"print('a program')").text(), "a program\n");
}

#[test]
fn arguments_variables_and_files_reach_the_program() {
    if !can_run() {
        return;
    }
    let code = "import os, sys, lib.util; print(sys.argv, os.environ['A'], os.environ['B'], lib.util.X, open('raw', 'rb').read())";
    let folder = Folder::with(&[("src/tool.py", code), ("src/lib/util.py", "X = 1")]);
    folder.write("src/raw", b"\xff");
    let mut command = folder.locus("run src/tool.py src/lib/util.py src/raw --arg one --env A=x=y --env B -- --two *");
    assert_eq!(end(command.env("B", "here")).text(), "['tool.py', 'one', '--two', '*'] x=y here 1 b'\\xff'\n");
}

#[test]
fn the_language_is_told_by_the_name_the_first_line_or_a_flag() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[
        ("tool", "#!/usr/bin/env python3\nprint('by its line')"),
        ("a.txt", "print('by the flag')"),
        ("b.sh", "echo by its name"),
    ]);
    for (arguments, stdout) in [("tool", "by its line\n"), ("a.txt -l py", "by the flag\n"), ("b.sh", "by its name\n")]
    {
        assert_eq!(end(&mut folder.locus(&format!("run {arguments}"))).text(), stdout);
    }
}

#[test]
fn what_a_compiler_says_is_shown() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.c", "int main(void) { return oops; }\n")]);
    let ended = end(&mut folder.locus("run main.c"));
    if ended.stderr.contains("not installed") || ended.code == 2 {
        assert!(std::env::var_os("CI").is_none(), "CI has gcc: {}", ended.stderr);
        eprintln!("NOT RUN: C needs gcc");
        return;
    }
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(["oops", "main.c:1", "CompileFailed"].iter().all(|part| ended.stderr.contains(part)), "{}", ended.stderr);
    folder.write("main.c", "int main(void) { return X; }\n");
    assert_eq!(end(&mut folder.locus("run main.c --compile-arg=-DX=7")).code, 7);
}

#[test]
fn files_that_a_program_leaves_are_fetched() {
    if !can_run() {
        return;
    }
    let code = "import os; os.mkdir('out'); open('a.bin', 'wb').write(b'\\xff\\0'); open('out/b.txt', 'w').write('é')";
    let folder = Folder::with(&[("main.py", code)]);
    let ended = end(&mut folder.locus("run main.py --output *.bin --output out/* --output none --output-dir got"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((folder.read("got/a.bin"), folder.read("got/out/b.txt")), (b"\xff\0".to_vec(), "é".as_bytes().to_vec()));
    assert!(ended.stderr.contains("a.bin") && ended.stderr.contains("none"), "{}", ended.stderr);
}

#[test]
fn tests_are_judged_and_shown_in_a_table() {
    if !can_run() {
        return;
    }
    let cases = "- {name: doubles, stdin: '2', expectedStdout: '4'}
- {name: is wrong, stdin: '3', expectedStdout: '7'}
- {name: breaks, stdin: x, expectedStdout: '0'}
";
    let folder = Folder::with(&[("main.py", "print(int(input()) * 2)"), ("cases.yaml", cases)]);
    let ended = end(&mut folder.locus("run main.py --tests cases.yaml"));
    assert_eq!(ended.code, 1);
    // Times and sizes are the machine's.
    let shown: String = ended.text().lines().map(without_figures).collect();
    assert_data_eq!(
        shown,
        str![[r"
    TEST       VERDICT               TIME     MEMORY
✓   doubles    passed
✗   is wrong   wrong output
✗   breaks     failed: NonZeroExit

is wrong - expected, + printed
- 7 (no line break)
+ 6

breaks [..]
  Traceback (most recent call last):
...
  ValueError: invalid literal for int() with base 10: 'x'

1 of 3 tests passed

"]]
    );
    folder.write("cases.yaml", r#"[{"stdin": "2", "expectedStdout": "4"}]"#);
    let ended = end(&mut folder.locus("run main.py --tests cases.yaml"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.text());
    assert!(ended.text().ends_with("1 of 1 tests passed\n"), "{}", ended.text());
    folder.write("main.py", "oops(");
    assert_eq!(end(&mut folder.locus("run main.py --tests cases.yaml")).code, 1);
}

/// A line of the table up to the columns of time and memory.
fn without_figures(line: &str) -> String {
    let cut = line.find(" s   ").and_then(|at| line[..at].rfind(' '));
    format!("{}\n", cut.map_or(line, |at| line[..at].trim_end()))
}

#[test]
fn a_run_is_told_as_json() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "print('é'); raise SystemExit(5)")]);
    let ended = end(&mut folder.locus("run main.py --json --label team=a"));
    let run: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON and nothing else");
    assert_eq!((ended.code, &run["outcome"], &run["stdout"]), (5, &"NonZeroExit".into(), &"é\n".into()));
    assert_eq!(run["labels"]["team"], "a");
}

#[test]
fn an_interrupt_cancels_the_run_and_waits_for_its_end() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "import time; print('on', flush=True); time.sleep(60)")]);
    for signal in ["INT", "TERM"] {
        let mut going = Going::start(folder.locus("run main.py").stderr(Stdio::piped()));
        assert_eq!(going.line(), "on\n");
        let began = Instant::now();
        going.signal(signal);
        assert_eq!(going.code(), 130);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_run_whose_output_nobody_reads_ends() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "import time\nwhile True: print('x', flush=True); time.sleep(0.05)")]);
    let mut command = folder.locus("run main.py");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(141));
}

#[test]
fn a_watched_program_is_run_again_when_a_file_changes() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "import lib; print(lib.X, flush=True)"), ("lib.py", "X = 'one'")]);
    let mut going = Going::start(folder.locus("run --watch main.py lib.py").stderr(Stdio::null()));
    assert_eq!(going.line(), "one\n");
    folder.write("lib.py", "X = 'two'");
    assert_eq!(going.line(), "two\n");
    // As an editor does it: another file takes the place.
    folder.write("lib.new", "X = 'three'");
    std::fs::rename(folder.path().join("lib.new"), folder.path().join("lib.py")).expect("it is moved");
    assert_eq!(going.line(), "three\n");
    // What runs for long is not waited for.
    folder.write("main.py", "import time; print('long', flush=True); time.sleep(60)");
    assert_eq!(going.line(), "long\n");
    folder.write("main.py", "print('short', flush=True)");
    assert_eq!(going.line(), "short\n");
    going.signal("INT");
    assert_eq!(going.code(), 130);
}

#[test]
fn there_is_no_colour_in_a_pipe_and_none_where_none_is_wanted() {
    if !can_run() {
        return;
    }
    let folder = Folder::with(&[("main.py", "print(input()); raise SystemExit(3)"), ("cases.yaml", "- {stdin: a}")]);
    let (plain, coloured) = ("run main.py --tests cases.yaml", "CLICOLOR_FORCE");
    assert!(!end(&mut folder.locus(plain)).text().contains('\x1b'));
    assert!(end(folder.locus(plain).env(coloured, "1")).text().contains('\x1b'));
    assert!(!end(folder.locus(plain).env("NO_COLOR", "1")).text().contains('\x1b'));
}

#[test]
fn the_languages_of_this_machine_are_listed() {
    let folder = Folder::with(&[]);
    let ended = end(&mut folder.locus("languages"));
    if ended.stderr.contains("--allow-weak-sandbox") {
        assert!(std::env::var_os("CI").is_none(), "{}", ended.stderr);
        return;
    }
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.text().starts_with("LANGUAGE ") && ended.text().contains("\npython "), "{}", ended.text());
}
