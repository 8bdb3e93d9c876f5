//! What is to be run, from the flags and the files that they name.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use locus_api_server::fields;
use locus_core::{Encoding, LimitsRequest, RunRequest, SourceFile, TestCase};

use crate::client::Client;
use crate::flags::RunFlags;
use crate::guess::{self, Candidate};
use crate::list::Languages;
use crate::show::say;
use crate::trouble::Trouble;

const STDIN: &str = "-";
/// How much of a file tells whether it is text.
const HEAD: usize = 1024;

/// Reads everything that the flags name.
///
/// # Errors
/// A file can't be read, or it is not told which language it is written in.
pub async fn request(client: &Client, flags: &RunFlags) -> Result<RunRequest, Trouble> {
    let is_stdin = |path: &Path| path == Path::new(STDIN);
    let from_stdin = flags.files.iter().filter(|path| is_stdin(path)).count();
    let wants_stdin = usize::from(flags.interactive) + usize::from(flags.stdin_file.as_deref().is_some_and(is_stdin));
    if from_stdin + wants_stdin > 1 {
        return Err(Trouble::Usage("standard input can't be the program and its input too".to_owned()));
    }
    if from_stdin > 0 && (flags.files.len() > 1 || flags.watch) {
        return Err(Trouble::Usage("a program from standard input is one file, and does not change".to_owned()));
    }
    let mut sources = Vec::new();
    for path in &flags.files {
        sources.push(read(path).await?);
    }
    check_main(&flags.files[0], &sources[0])?;
    let language = match &flags.language {
        Some(language) => language.clone(),
        None => language(client, &flags.files[0], &sources[0]).await?,
    };
    let (code, files) = if from_stdin > 0 {
        (Some(text(&sources[0], "the program")?), Vec::new())
    } else {
        (None, sources_by_name(&flags.files, sources)?)
    };
    let stdin = match &flags.stdin_file {
        Some(path) => text(&read(path).await?, &format!("the standard input in {}", path.display()))?,
        None => String::new(),
    };
    let tests = match &flags.tests {
        Some(path) => tests(path, &read(path).await?)?,
        None => Vec::new(),
    };
    let limits = LimitsRequest {
        timeout_seconds: flags.timeout,
        // Whoever gives a program more time means time to compute, too.
        cpu_seconds: flags.timeout,
        memory_bytes: flags.memory,
        ..LimitsRequest::default()
    };
    let compile_limits = LimitsRequest {
        timeout_seconds: flags.compile_timeout,
        cpu_seconds: flags.compile_timeout,
        ..LimitsRequest::default()
    };
    Ok(RunRequest {
        language,
        code,
        files,
        stdin,
        args: flags.arg.iter().chain(&flags.args).cloned().collect(),
        env: flags.env.clone(),
        compile_args: flags.compile_arg.clone(),
        limits,
        compile_limits,
        stderr_to_stdout: false,
        interactive: flags.interactive,
        output_files: flags.output.clone(),
        tests,
        labels: flags.label.iter().cloned().collect(),
        callback: None,
    })
}

/// The cases of a file; JSON is YAML too.
fn tests(path: &Path, bytes: &[u8]) -> Result<Vec<TestCase>, Trouble> {
    let path = path.display();
    let wrong = |why: String| {
        Trouble::Usage(format!(
            "{path} is no list of test cases, such as `- {{stdin: \"1\", expectedStdout: \"2\"}}`: {why}"
        ))
    };
    let yaml = serde_yaml::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize::<_, Vec<TestCase>>(yaml);
    match read {
        Ok(tests) if tests.is_empty() => Err(wrong("there is none in it".to_owned())),
        Ok(tests) => Ok(tests),
        Err(error) => Err(wrong(slip(&error.path().to_string(), error.inner()))),
    }
}

/// What is wrong with a file of test cases, in the words that a server has for it.
fn slip(path: &str, error: &serde_yaml::Error) -> String {
    const KINDS: [&str; 5] =
        ["unknown field `", "invalid type: ", "invalid value: ", "missing field `", "duplicate field `"];
    let text = error.to_string();
    let Some(place) = error.location() else { return text };
    let place = format!("at line {} column {}", place.line(), place.column());
    // serde_yaml says the path before its message and the place behind it.
    let Some(start) = KINDS.iter().filter_map(|kind| text.find(kind)).min() else { return text };
    let text = text[start..].strip_suffix(&format!(" {place}")).unwrap_or(&text[start..]);
    let path = if path == "." { "tests".to_owned() } else { format!("tests{path}") };
    fields::unknown(text, &path, &place).unwrap_or_else(|| fields::wrong(text, &path, &place))
}

/// What a file holds. It may be a pipe that nobody has written to yet, so that it is read where nobody waits for it.
async fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_whole(&path)).await;
    read.unwrap_or_else(|error| Err(Trouble::io("files can't be read")(std::io::Error::other(error))))
}

fn read_whole(path: &Path) -> Result<Vec<u8>, Trouble> {
    if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(Trouble::io("standard input can't be read"))?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// What to say of a file that can't be read.
#[must_use]
pub fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    let path = path.display();
    Trouble::Usage(match error.kind() {
        ErrorKind::NotFound => format!("there is no file {path}"),
        ErrorKind::IsADirectory => format!("{path} is a folder: name a file in it"),
        ErrorKind::PermissionDenied => format!("you may not read {path}: `ls -l {path}` shows who may"),
        _ => format!("{path} can't be read: {error}"),
    })
}

/// Refuses what is no source, and says so where there is none.
fn check_main(path: &Path, content: &[u8]) -> Result<(), Trouble> {
    let shown = if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() };
    let head = &content[..content.len().min(HEAD)];
    let is_utf16 = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| head.starts_with(mark));
    if head.contains(&0) && !is_utf16 {
        let message =
            format!("{shown} is no text: name the file that the program is written in, not what was built of it");
        return Err(Trouble::Usage(message));
    }
    if content.is_empty() {
        say(&format!("locus: {shown} is empty"));
    }
    Ok(())
}

fn text(bytes: &[u8], what: &str) -> Result<String, Trouble> {
    let text = std::str::from_utf8(bytes).map_err(|_| Trouble::Usage(format!("{what} is not UTF-8 text")))?;
    Ok(text.to_owned())
}

/// The files under the names that they have below the folder of the main one, as its `import`s expect them.
fn sources_by_name(paths: &[PathBuf], contents: Vec<Vec<u8>>) -> Result<Vec<SourceFile>, Trouble> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).map(|path| without_dots(&path)).map_err(Trouble::io("there is no current folder"))
    };
    let main = absolute(&paths[0])?;
    let folder = main.parent().unwrap_or(&main);
    let source = |(path, content): (&PathBuf, Vec<u8>)| {
        let whole = absolute(path)?;
        let name = whole.strip_prefix(folder).ok().and_then(Path::to_str).ok_or_else(|| {
            let (path, folder) = (path.display(), folder.display());
            Trouble::Usage(format!(
                "{path} lies outside of {folder}, the folder of the main file, or its name is no text"
            ))
        })?;
        let (content, encoding) = Encoding::of(content);
        Ok(SourceFile { name: name.replace('\\', "/"), content, encoding })
    };
    paths.iter().zip(contents).map(source).collect()
}

/// A path without `.` and `..`, by its text alone.
fn without_dots(path: &Path) -> PathBuf {
    use std::path::Component;
    path.components().fold(PathBuf::new(), |mut so_far, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(so_far.pop()),
            part => so_far.push(part),
        }
        so_far
    })
}

async fn language(client: &Client, main: &Path, content: &[u8]) -> Result<String, Trouble> {
    if main == Path::new(STDIN) {
        return Err(Trouble::Usage("a program from standard input has no name: give its --language".to_owned()));
    }
    let defaults = locus_languages::all().iter().filter(|language| language.default);
    let own: Vec<_> = defaults.map(|language| (language.selector(), language)).collect();
    let known: Vec<_> = own
        .iter()
        .map(|(selector, language)| Candidate { selector, aliases: &language.aliases, file_name: &language.file_name })
        .collect();
    let mut found: Vec<String> = owned(&guess::languages(main, content, &known));
    if found.is_empty() {
        // A cluster may have languages of its own.
        let languages: Languages = client.languages().await?;
        let known: Vec<_> = languages.languages.iter().filter(|language| language.default).collect();
        let known: Vec<_> = known
            .iter()
            .map(|language| Candidate {
                selector: &language.selector,
                aliases: &language.aliases,
                file_name: &language.file_name,
            })
            .collect();
        found = owned(&guess::languages(main, content, &known));
    }
    let main = main.display();
    match &found[..] {
        [language] => Ok(language.clone()),
        [] => Err(Trouble::Usage(format!(
            "the name of {main} does not tell its language: give it with --language (`locus languages` lists them)"
        ))),
        several => {
            Err(Trouble::Usage(format!("{main} may be written in {}: say which with --language", several.join(" or "))))
        }
    }
}

fn owned(selectors: &[&str]) -> Vec<String> {
    selectors.iter().map(|selector| (*selector).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Encoding, sources_by_name, tests};

    fn names(paths: &[&str]) -> Result<Vec<String>, String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let sources = sources_by_name(&paths, vec![Vec::new(); paths.len()]).map_err(|error| error.to_string())?;
        Ok(sources.into_iter().map(|source| source.name).collect())
    }

    #[test]
    fn files_keep_their_places_below_the_folder_of_the_main_one() {
        assert_eq!(names(&["src/main.py", "src/lib/a.py"]), Ok(vec!["main.py".into(), "lib/a.py".into()]));
        assert_eq!(names(&["./a.py", "x/../b.py"]), Ok(vec!["a.py".into(), "b.py".into()]));
        assert_eq!(names(&["/tmp/a.py", "/tmp/b.py"]), Ok(vec!["a.py".into(), "b.py".into()]));
        assert!(names(&["src/main.py", "other/a.py"]).is_err_and(|error| error.contains("other/a.py")));
    }

    #[test]
    fn a_file_that_is_no_text_is_sent_in_base64() {
        let sources = sources_by_name(&["a".into()], vec![vec![0xff]]).expect("it is read");
        assert_eq!((sources[0].content.as_str(), sources[0].encoding), ("/w==", Encoding::Base64));
    }

    #[test]
    fn test_cases_are_yaml_or_json_and_a_slip_is_told_with_its_line() {
        let read = |text: &str| tests("cases".as_ref(), text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("- stdin: |\n    1\n  expectedStdout: '2'\n").expect("it is YAML")[0].stdin, "1\n");
        assert_eq!(read(r#"[{"args": ["a"], "checker": "exact"}]"#).expect("it is JSON").len(), 1);
        for (text, part) in [
            (
                "- stdin: a\n- expected: 2\n",
                "unknown field `expected` of tests[1] at line 2 column 3: did you mean `expectedStdout`?",
            ),
            ("- {stdin: [1]}", "tests[0].stdin is a list at line 1 column 11: give"),
            (
                "- {tolerance: much}",
                "tests[0].tolerance is the text \"much\" at line 1 column 15: give a number from 0 to 1",
            ),
            ("- {checker: fuzzy}", "fuzzy"),
            ("a: 1", "tests is an object at line 1 column 1: give a list such as"),
            ("[]", "there is none in it"),
            ("", "there is none in it"),
            ("- 'a", "line "),
        ] {
            let told = read(text).expect_err(text);
            assert!(
                told.starts_with("cases is no list of test cases, such as `- ") && told.contains(part),
                "{text}: {told}"
            );
        }
    }
}
