//! Which languages this machine can run.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use locus_core::Program;
use locus_languages::Language;
use tokio::sync::watch;

/// The time that a probe may take: far more than it needs, since a machine may be busy when a server starts on it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A language that this machine can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The language as it is here: in the version that is installed, and without the libraries of its image.
    pub language: Arc<Language>,
    /// The real path of its program, seen through the shims of version managers.
    pub path: PathBuf,
    /// How it runs here.
    pub program: Program,
}

/// The languages of this machine, also while they are still being looked for.
#[derive(Debug, Clone)]
pub struct Survey(Arc<watch::Sender<Findings>>);

#[derive(Debug, Default)]
struct Findings {
    /// Whether a language is looked for only when somebody asks for it.
    waits_for_questions: bool,
    /// Languages of which it is not known yet whether they are here.
    left: Vec<&'static Language>,
    found: Vec<Toolchain>,
}

/// Every language whose program is on `PATH`.
#[must_use]
pub fn detect() -> Vec<Toolchain> {
    let survey = Survey::new(false);
    survey.look(locus_languages::all().iter().collect());
    survey.found()
}

impl Survey {
    /// Looks for every language in the background: some take longer to tell their version than a server to be up.
    #[must_use]
    pub fn start() -> Self {
        let survey = Self::new(false);
        let background = survey.clone();
        thread::spawn(move || background.look(locus_languages::all().iter().collect()));
        survey
    }

    /// Looks for a language when it is asked for: for a process that runs one program and is gone.
    #[must_use]
    pub fn when_asked() -> Self {
        Self::new(true)
    }

    /// A survey that has ended with these.
    #[must_use]
    pub fn of(found: Vec<Toolchain>) -> Self {
        Self(Arc::new(watch::Sender::new(Findings { found, ..Findings::default() })))
    }

    fn new(waits_for_questions: bool) -> Self {
        let left = locus_languages::all().iter().collect();
        Self(Arc::new(watch::Sender::new(Findings { waits_for_questions, left, found: Vec::new() })))
    }

    /// Probes languages, as many at a time as there are cores: each probe is a process or two.
    #[allow(clippy::needless_pass_by_value, reason = "it is what a thread of its own takes along")]
    fn look(&self, languages: Vec<&'static Language>) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(language) = languages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let toolchain = Toolchain::probe(language);
                self.0.send_modify(|findings| findings.learn(language, toolchain));
            }
        };
        thread::scope(|scope| {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                // One that broke down is one less.
                let _ = worker.join();
            }
        });
        // Nobody waits for a language whose probe broke down.
        self.0.send_modify(|findings| findings.left.retain(|left| !languages.contains(left)));
    }

    /// What was found so far, in the order of ids.
    #[must_use]
    pub fn found(&self) -> Vec<Toolchain> {
        self.0.borrow().found.clone()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.borrow().left.is_empty()
    }

    /// All that is found, once it has ended.
    pub async fn all(&self) -> Vec<Toolchain> {
        self.wait_for(|_| true).await;
        self.found()
    }

    /// The language that a selector means, once it is known whether that is here; the default version goes before others.
    pub async fn find(&self, selector: &str) -> Option<Toolchain> {
        let name = selector.split_once('@').map_or(selector, |(name, _)| name);
        self.wait_for(|language| language.matches(name)).await;
        let findings = self.0.borrow();
        let meant = findings.found.iter().filter(|toolchain| toolchain.language.matches(selector));
        meant.min_by_key(|toolchain| !toolchain.language.default).cloned()
    }

    async fn wait_for(&self, wanted: impl Fn(&Language) -> bool) {
        let asked: Vec<_> = {
            let findings = self.0.borrow();
            let left = findings.left.iter().filter(|language| findings.waits_for_questions && wanted(language));
            left.copied().collect()
        };
        if !asked.is_empty() {
            let background = self.clone();
            thread::spawn(move || background.look(asked));
        }
        let is_known = |findings: &Findings| !findings.left.iter().any(|language| wanted(language));
        // It can't fail: the sender is held here.
        let _ = self.0.subscribe().wait_for(is_known).await;
    }
}

impl Findings {
    fn learn(&mut self, language: &'static Language, toolchain: Option<Toolchain>) {
        self.left.retain(|left| !std::ptr::eq(*left, language));
        self.found.extend(toolchain);
        // What is installed may be the default version and another one too: then it is the default one.
        let version = |toolchain: &Toolchain| (toolchain.language.id.clone(), toolchain.language.version.clone());
        self.found.sort_by_key(|toolchain| (version(toolchain), !toolchain.language.default));
        self.found.dedup_by_key(|toolchain| version(toolchain));
    }
}

impl Toolchain {
    /// Asks a language's program where it is and which version it has.
    #[must_use]
    pub fn probe(language: &Language) -> Option<Self> {
        let output = output_of(&language.probe, PROBE_TIMEOUT)?;
        let mut lines = output.lines().map(str::trim);
        let path = PathBuf::from(lines.next()?);
        let version = lines.next()?;
        // Where it stands, by the name it goes by and really, and where it says that it is installed.
        let real = path.canonicalize().ok().filter(|_| path.is_absolute())?;
        let own = [&path, &real].into_iter().filter_map(|path| path.parent()).map(Path::to_owned);
        let folders: Vec<_> = own.chain(lines.map(PathBuf::from)).collect();
        if !folders.iter().all(|folder| is_harmless(folder)) {
            tracing::warn!(
                language = language.id,
                ?path,
                "left out: programs would have to read the whole home folder"
            );
            return None;
        }
        let toolchain = Self::new(language, path, version, &folders);
        // Another version than the default one is only what it says.
        toolchain.language.matches(&language.selector()).then_some(toolchain)
    }

    /// A language that is installed, in a version, in folders. Its commands are those of the language itself, by their
    /// names; the program's folder is the first one that they are looked up in. So a script of the language and what it
    /// starts find the same ones, and no message tells where on this machine they are.
    #[must_use]
    pub fn new(language: &Language, path: PathBuf, version: &str, folders: &[PathBuf]) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut program = language.program();
        program.path = path.parent().map(text).into_iter().collect();
        // By the name that a folder goes by, and by that of where it really is.
        let real = folders.iter().filter_map(|folder| folder.canonicalize().ok());
        let mut needed: Vec<_> = program.readable.iter().map(PathBuf::from).chain(real).collect();
        needed.extend_from_slice(folders);
        needed.sort();
        let mut readable: Vec<PathBuf> = Vec::new();
        for folder in needed {
            if !readable.iter().any(|above| folder.starts_with(above)) {
                readable.push(folder);
            }
        }
        program.readable = readable.iter().map(|folder| text(folder)).collect();
        let language = Language { version: version.to_owned(), libraries: Vec::new(), ..language.clone() };
        Self { language: Arc::new(language), path, program }
    }
}

/// Whether programs may read a folder: it is neither the home of whoever runs this nor a folder above that, nor the
/// one in it where other programs keep what is secret.
fn is_harmless(folder: &Path) -> bool {
    let home = std::env::home_dir().unwrap_or_default();
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let homes = [home.join(".local"), real(&home).join(".local")];
    folder.is_absolute() && !homes.iter().any(|home| home.starts_with(folder) || home.starts_with(real(folder)))
}

/// The stdout of a command that succeeds in time.
fn output_of(command: &[String], timeout: Duration) -> Option<String> {
    let (program, args) = command.split_first()?;
    let mut command = Command::new(program);
    // Not where this process was started: an interpreter may take what it finds there for its own libraries.
    command.args(args).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + timeout;
    let mut stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, since a child of the probe could hold the pipe open for ever.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        let _ = sender.send(read);
    });
    let text = receiver.recv_timeout(timeout).ok().and_then(Result::ok);
    let succeeded = ends_well(&mut child, deadline);
    text.filter(|_| succeeded)
}

fn ends_well(child: &mut Child, deadline: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use locus_languages::Language;

    use super::{Findings, PROBE_TIMEOUT, Survey, Toolchain, detect, output_of};

    fn argv(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn python_is_found_behind_its_shim() {
        let found = detect();
        let python = found.iter().find(|found| found.language.id == "python").expect("the tests need python3");
        assert!(python.language.version.starts_with("3."), "{}", python.language.version);
        assert!(!python.path.to_string_lossy().contains("shims"), "{:?}", python.path);
        assert_eq!(python.program.run, ["python3", "{main}"]);
        assert!(Path::new(&python.program.path[0]).join("python3").exists(), "{:?}", python.program.path);
        let [path, readable] = [&python.program.path, &python.program.readable];
        assert!(readable.iter().any(|folder| Path::new(&path[0]).starts_with(folder)), "{path:?} {readable:?}");
        let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        assert_eq!(Toolchain::probe(language).as_ref(), Some(python));
    }

    #[test]
    fn a_folder_inside_another_is_named_once() {
        let folders = ["/x/python/bin", "/x/python", "/x/python-2"].map(PathBuf::from);
        let found = Toolchain::new(&python("3.11", true), "/x/python/bin/python3".into(), "3.11.7", &folders);
        assert_eq!(found.program.path, ["/x/python/bin"]);
        assert_eq!(found.program.readable, ["/x/python", "/x/python-2"]);
    }

    fn python(version: &str, default: bool) -> Language {
        let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        Language { version: version.into(), default, ..language.clone() }
    }

    #[test]
    fn another_version_than_the_default_one_is_only_what_it_says() {
        let probe = |default| {
            let probe = argv(&["sh", "-c", "command -v sh; echo 3.11.7"]);
            Toolchain::probe(&Language { probe, ..python("3.12", default) })
        };
        assert_eq!(probe(true).expect("it is the default one").language.version, "3.11.7");
        assert_eq!(probe(false), None);
    }

    #[test]
    fn what_is_the_default_version_is_no_other_one_too() {
        let mut findings = Findings::default();
        let [first, second] = [locus_languages::all().first(), locus_languages::all().last()];
        findings.left = vec![first.expect("a language"), second.expect("a language")];
        let toolchain = |version, default| Toolchain::new(&python(version, default), "/x/python3".into(), version, &[]);
        findings.learn(findings.left[0], Some(toolchain("3.11.7", false)));
        findings.learn(findings.left[0], Some(toolchain("3.11.7", true)));
        assert_eq!((findings.left.len(), findings.found.len()), (0, 1));
        assert!(findings.found[0].language.default);
    }

    #[tokio::test]
    async fn a_language_that_is_still_looked_for_is_waited_for_and_no_other_one() {
        let survey = Survey::of(Vec::new());
        let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        survey.0.send_modify(|findings| findings.left.push(language));
        assert!(!survey.is_over());
        assert_eq!(survey.find("javascript").await, None);
        let mut asked = Box::pin(survey.find("py@3.11"));
        assert!(tokio::time::timeout(Duration::ZERO, &mut asked).await.is_err());
        let found = Toolchain::new(language, "/x/python3".into(), "3.11.7", &[]);
        survey.0.send_modify(|findings| findings.learn(language, Some(found.clone())));
        assert_eq!(asked.await, Some(found.clone()));
        assert_eq!(survey.find("python@3.12").await, None);
        assert_eq!(survey.all().await, [found]);
    }

    #[tokio::test]
    async fn a_survey_that_waits_for_questions_looks_for_what_is_asked_alone() {
        let survey = Survey::when_asked();
        assert!(survey.found().is_empty());
        let python = survey.find("py").await.expect("the tests need python3");
        assert_eq!(python.language.id, "python");
        let left = survey.0.borrow().left.clone();
        assert!(!left.is_empty() && left.iter().all(|language| language.id != "python"));
        assert_eq!(survey.find("klingon").await, None);
        assert_eq!(survey.0.borrow().left.len(), left.len());
    }

    #[test]
    fn a_probe_that_fails_hangs_or_does_not_exist_finds_nothing() {
        assert_eq!(output_of(&argv(&["sh", "-c", "echo hi"]), PROBE_TIMEOUT).as_deref(), Some("hi\n"));
        assert_eq!(output_of(&argv(&["sh", "-c", "echo hi; exit 1"]), PROBE_TIMEOUT), None);
        assert_eq!(output_of(&argv(&["locus-no-such-program"]), PROBE_TIMEOUT), None);
        assert_eq!(output_of(&argv(&["sleep", "60"]), Duration::from_millis(100)), None);
    }
}
