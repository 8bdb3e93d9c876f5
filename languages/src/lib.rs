//! The languages of Locus. Each is a folder with a `language.yaml`; this crate embeds and reads them.

pub mod examples;

use std::sync::LazyLock;

use locus_core::{
    Assignment, EnvVar, InvalidRequest, Limits, LimitsRequest, Network, Prestart, Program, RunRequest, nearest,
};
use serde::Deserialize;

/// What Locus knows of a language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Language {
    /// The id, as in `language: python`.
    pub id: String,
    /// The name that people read.
    pub name: String,
    /// The version that the language's image holds.
    pub version: String,
    /// Whether a selector that names no version means this one. One version of each language is its default.
    #[serde(default = "yes")]
    pub default: bool,
    /// Other names for the id.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The file that `code` becomes.
    pub file_name: String,
    /// The compiler's argv; see [`Program::compile`].
    #[serde(default)]
    pub compile: Option<Vec<String>>,
    /// The program's argv; see [`Program::run`].
    pub run: Vec<String>,
    /// Environment variables that the language needs; see [`Program::env`].
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Files and folders that it needs beside those of the system; see [`Program::readable`].
    #[serde(default)]
    pub readable: Vec<String>,
    /// An argv that prints, a line each, the real path of the program that the first item of `compile`, or else of
    /// `run`, names or is a script around; its version; and the folders that it is installed in, where it is not a package
    /// of the system. It fails where the language is not installed.
    pub probe: Vec<String>,
    /// Defaults that differ from those of Locus.
    #[serde(default)]
    pub limits: LimitsRequest,
    /// Limits of the compile step that differ from the defaults of Locus. A request may ask for less and not for more.
    #[serde(default)]
    pub compile_limits: LimitsRequest,
    /// How it is started before its code is known, where it has a way.
    #[serde(default)]
    pub prestart: Option<Hold>,
    /// The folder whose Dockerfile makes the image, where it is that of a related language.
    #[serde(default)]
    pub image: Option<String>,
    /// The name of the editor's mode for it, where that is not the id; `none` where there is no mode.
    #[serde(default)]
    pub editor: Option<String>,
    /// Libraries beside those that the language itself brings, by the names that programs import them by.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// A short program that shows what the language is like.
    pub example: String,
    /// What other systems call it. No check of a language rests on it, so that it stands last and its record leaves it out.
    #[serde(default)]
    pub compat: Compat,
}

/// What a language is called by clients that were made for other systems.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compat {
    /// The numbers of Judge0 that mean it. It is listed under the first one.
    #[serde(default)]
    pub judge0: Vec<u32>,
    /// Its name in Piston, and then its aliases there. Without any it goes by those of Locus.
    #[serde(default)]
    pub piston: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What holds an interpreter in its start-up; see [`Prestart`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// Environment variables that make it load the hook, which is one of [`FILES`].
    pub env: Vec<EnvVar>,
    /// Names of variables that it reads before the hook.
    #[serde(default)]
    pub fixed_env: Vec<String>,
}

/// The files of `support` and `prestart` of every language, after the paths where a run finds them: `/locus/<id>/...`.
pub const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

impl AsRef<Self> for Language {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// No language goes by the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("language {selector:?} is not known; {}", choice(.meant, .known))]
pub struct UnknownLanguage {
    selector: String,
    meant: Vec<String>,
    known: Vec<String>,
}

impl UnknownLanguage {
    /// A name that none of these languages goes by, with those that were perhaps meant.
    pub fn among<'a, L: AsRef<Language> + 'a>(selector: &str, languages: impl IntoIterator<Item = &'a L>) -> Self {
        let languages: Vec<&Language> = languages.into_iter().map(AsRef::as_ref).collect();
        let mut known: Vec<_> = languages.iter().map(|language| language.selector()).collect();
        known.sort();
        known.dedup();
        let name = selector.split_once('@').map_or(selector, |(name, _)| name);
        let names = nearest(name, languages.iter().flat_map(|language| language.names()));
        let mut meant: Vec<_> = languages
            .iter()
            // Other versions than the default one are for whoever asks for a version.
            .filter(|language| language.default || selector.contains('@'))
            .filter(|language| language.names().any(|name| names.contains(&name)))
            .map(|language| language.selector())
            .collect();
        meant.sort();
        meant.dedup();
        Self { selector: selector.to_owned(), meant, known }
    }
}

fn choice(meant: &[String], known: &[String]) -> String {
    let known = known.join(", ");
    match meant {
        [] => format!("choose one of: {known}"),
        meant => format!("did you mean {}? There are: {known}", meant.join(" or ")),
    }
}

impl Language {
    /// The name of its folder and of the object that stands for it in a cluster: the id, with the version where that is
    /// not the default one.
    #[must_use]
    pub fn object_name(&self) -> String {
        if self.default { self.id.clone() } else { format!("{}-{}", self.id, self.version) }
    }

    /// The shortest selector that means this version.
    #[must_use]
    pub fn selector(&self) -> String {
        if self.default { self.id.clone() } else { format!("{}@{}", self.id, self.version) }
    }

    /// The name of the editor's mode for it, if there is one.
    #[must_use]
    pub fn editor_mode(&self) -> Option<&str> {
        Some(self.editor.as_deref().unwrap_or(&self.id)).filter(|mode| *mode != "none")
    }

    /// The folder whose Dockerfile makes its image.
    #[must_use]
    pub fn image_name(&self) -> String {
        self.image.clone().unwrap_or_else(|| self.object_name())
    }

    /// How the language compiles and runs a program.
    #[must_use]
    pub fn program(&self) -> Program {
        Program {
            language: self.id.clone(),
            compile: self.compile.clone(),
            run: self.run.clone(),
            path: Vec::new(),
            env: self.env.clone(),
            readable: self.readable.clone(),
            prestart: self.prestart.as_ref().map(|hold| Prestart {
                main: self.file_name.clone(),
                env: hold.env.clone(),
                fixed_env: hold.fixed_env.clone(),
            }),
        }
    }

    /// The limits of a request that asks for none.
    #[must_use]
    pub fn default_limits(&self, default: Limits, maximum: Limits) -> Limits {
        Limits::clamp(self.limits, default, maximum)
    }

    /// Makes a request ready for a runner that runs `program`: checked, and with limits that are the request's own,
    /// else the language's, else `default`, and never above `maximum`. Those of the compile step are never above the
    /// language's own.
    ///
    /// # Errors
    /// The first thing that is wrong with the request.
    pub fn assignment(
        &self,
        uid: String,
        program: Program,
        request: RunRequest,
        default: Limits,
        maximum: Limits,
    ) -> Result<Assignment, InvalidRequest> {
        let files = request.sources(&self.file_name)?;
        let compile_limits = self.compile.as_ref().map(|_| {
            let own = Limits::clamp(self.compile_limits, default, maximum);
            Limits::clamp(request.compile_limits, own, own)
        });
        let default = self.default_limits(default, maximum);
        let cases = request.case_inputs();
        Ok(Assignment {
            uid,
            program,
            files,
            stdin: request.stdin,
            args: request.args,
            env: request.env,
            compile_args: request.compile_args,
            limits: Limits::clamp(request.limits, default, maximum),
            compile_limits,
            network: Network::default(),
            stderr_to_stdout: request.stderr_to_stdout,
            interactive: request.interactive,
            output_files: request.output_files,
            cases,
        })
    }

    /// The id and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(String::as_str)
    }

    /// Whether a selector (id, alias or `id@version`) means this language. A version may be
    /// shortened to whole parts: `3` and `3.13` both mean 3.13.
    #[must_use]
    pub fn matches(&self, selector: &str) -> bool {
        let (name, version) = match selector.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (selector, None),
        };
        self.names().any(|own| own == name)
            && version.is_none_or(|version| {
                self.version.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }
}

/// Every embedded language, in the order of their ids.
#[must_use]
pub fn all() -> &'static [Language] {
    static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
        const DOCUMENTS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/documents.rs"));
        DOCUMENTS.iter().map(|document| serde_yaml::from_str(document).expect("a test reads each document")).collect()
    });
    &LANGUAGES
}

/// What among `languages` a selector means; a version that is named in full goes before others, and the default one next.
///
/// # Errors
/// [`UnknownLanguage`] lists the selectors that would have been right.
pub fn find<'a, L: AsRef<Language>>(
    languages: impl IntoIterator<Item = &'a L> + Clone,
    selector: &str,
) -> Result<&'a L, UnknownLanguage> {
    let version = selector.split_once('@').map_or("", |(_, version)| version);
    let rank = |language: &Language| (language.version != version, !language.default);
    let meant = languages.clone().into_iter().filter(|language| language.as_ref().matches(selector));
    // Of equals, `min_by_key` takes the first.
    meant.min_by_key(|language| rank(language.as_ref())).ok_or_else(|| UnknownLanguage::among(selector, languages))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use locus_core::{Limits, LimitsRequest, RunRequest, Seconds};

    #[test]
    fn every_document_reads_and_no_name_stands_twice() {
        let mut names = HashSet::new();
        for language in super::all() {
            assert!(!language.run.is_empty() && !language.probe.is_empty(), "{}", language.id);
            assert!(!language.example.is_empty(), "{}", language.id);
            // Another version goes by the names of the default one.
            let default = super::find(super::all(), &language.id).expect("it is known");
            assert!(default.default && default.aliases == language.aliases, "{}", language.object_name());
            for name in language.names().filter(|_| language.default) {
                assert!(names.insert(name.to_owned()), "{name} means two languages");
            }
        }
        assert!(names.contains("python") && names.contains("javascript"));
    }

    #[test]
    fn no_name_of_another_system_means_two_languages() {
        let default = |languages: fn(&super::Language) -> Vec<String>| {
            let mut names = HashSet::new();
            for language in super::all().iter().filter(|language| language.default) {
                for name in languages(language) {
                    assert!(names.insert(name.clone()), "{name} means two languages");
                }
            }
            names
        };
        assert!(default(|language| language.compat.piston.clone()).contains("py3"));
        assert!(default(|language| language.compat.judge0.iter().map(u32::to_string).collect()).contains("71"));
    }

    #[test]
    fn a_language_is_found_by_id_alias_and_version() {
        for selector in ["python", "py", "python@3", "python@3.13", "py@3.13"] {
            assert_eq!(super::find(super::all(), selector).expect("it is known").id, "python", "{selector}");
        }
    }

    #[test]
    fn a_version_that_is_named_in_full_goes_before_the_default_one_and_that_before_others() {
        let python = super::find(super::all(), "python").expect("it is known");
        let version = |version: &str, default| super::Language { version: version.into(), default, ..python.clone() };
        let versions = [version("3.1", false), version("3", false), version("3.13", true)];
        for (selector, meant) in [("py", "3.13"), ("python@3", "3"), ("python@3.1", "3.1"), ("python@3.13", "3.13")] {
            assert_eq!(super::find(&versions, selector).expect("it is known").version, meant, "{selector}");
        }
        let error = super::find(&versions, "python@4").expect_err("it is not known").to_string();
        assert!(error.ends_with("python, python@3, python@3.1"), "{error}");
    }

    #[test]
    fn an_unknown_language_is_refused_with_the_known_ones() {
        for (selector, hint) in [
            ("klingon", "choose one of: "),
            ("", "choose one of: "),
            ("python@", "did you mean python or python@3.11? "),
            ("python@2", "did you mean python or python@3.11? "),
            ("pyhton@3", "did you mean python or python@3.11? "),
            ("Python", "did you mean python? "),
            ("javscript", "did you mean javascript? "),
            ("rubby", "did you mean ruby? "),
        ] {
            let error = super::find(super::all(), selector).expect_err("it is not known").to_string();
            assert!(error.starts_with(&format!("language {selector:?} is not known; {hint}")), "{error}");
            assert!(error.contains("javascript, ") && error.contains("python, "), "{error}");
        }
    }

    #[test]
    fn what_holds_an_interpreter_is_a_file_of_its_language() {
        for language in super::all().iter().filter(|language| language.prestart.is_some()) {
            let program = language.program();
            let prestart = program.prestart.expect("it has one");
            assert_eq!(prestart.main, language.file_name);
            let folder = format!("/locus/{}", language.id);
            assert!(prestart.env.iter().all(|variable| variable.value.contains(&folder)), "{}", language.id);
            assert!(prestart.env.iter().all(|variable| prestart.fixes(&variable.name)), "{}", language.id);
            assert!(super::FILES.iter().any(|(path, _)| path.starts_with(&folder)), "{}", language.id);
        }
    }

    #[test]
    fn every_script_that_a_language_names_is_a_file_of_its_own() {
        for language in super::all() {
            let argv = language.compile.iter().flatten().chain(&language.run);
            for path in argv.filter(|item| item.starts_with("/locus/")) {
                let own = path.starts_with(&format!("/locus/{}/", language.id));
                assert!(own && super::FILES.iter().any(|(file, _)| file == path), "{}: {path}", language.object_name());
            }
        }
        let paths: HashSet<_> = super::FILES.iter().map(|(path, _)| path).collect();
        assert_eq!(paths.len(), super::FILES.len(), "no two files have one path");
    }

    #[test]
    fn a_language_tells_how_it_is_chosen_and_edited() {
        let python = super::find(super::all(), "python").expect("it is known");
        assert_eq!((python.selector().as_str(), python.editor_mode()), ("python", Some("python")));
        let (version, editor) = ("3.11".to_owned(), Some("none".to_owned()));
        let old = super::Language { default: false, version, editor, ..python.clone() };
        assert_eq!((old.selector().as_str(), old.editor_mode()), ("python@3.11", None));
        assert_eq!(super::find([&old, python], &old.selector()), Ok(&old));
    }

    #[test]
    fn the_limits_of_a_run_are_not_those_of_its_compiler_which_may_be_lowered_alone() {
        let python = super::find(super::all(), "python").expect("it is known");
        let limits = LimitsRequest {
            memory_bytes: Some(Limits::MEMORY_BYTES_MIN),
            timeout_seconds: Some(Seconds::whole(1)),
            ..LimitsRequest::default()
        };
        let small = RunRequest { code: Some(String::new()), limits, ..RunRequest::default() };
        let assign = |language: &super::Language, request: &RunRequest| {
            let (default, maximum) = (Limits::DEFAULT, Limits::MAXIMUM);
            language.assignment("u".into(), language.program(), request.clone(), default, maximum).expect("it is right")
        };
        assert_eq!(assign(python, &small).compile_limits, None);
        let compile_limits = LimitsRequest { timeout_seconds: Some(Seconds::whole(60)), ..LimitsRequest::default() };
        let compiled = super::Language { compile: Some(vec!["cc".into()]), compile_limits, ..python.clone() };
        let assignment = assign(&compiled, &small);
        let (memory, time) = (assignment.limits.memory_bytes, assignment.limits.timeout_seconds);
        assert_eq!((memory, time), (Limits::MEMORY_BYTES_MIN, Seconds::whole(1)));
        let own = Limits { timeout_seconds: Seconds::whole(60), ..Limits::DEFAULT };
        assert_eq!(assignment.compile_limits, Some(own));
        let compile_limits = LimitsRequest {
            timeout_seconds: Some(Seconds::from_millis(1500)),
            memory_bytes: Some(u64::MAX),
            ..LimitsRequest::default()
        };
        let asked = RunRequest { compile_limits, ..small.clone() };
        assert_eq!(assign(python, &asked).compile_limits, None, "there is nothing to compile");
        let lowered = Limits { timeout_seconds: Seconds::from_millis(1500), ..own };
        assert_eq!(assign(&compiled, &asked).compile_limits, Some(lowered));
    }
}
