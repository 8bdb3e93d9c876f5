//! The page in a real browser, in front of the real server and of one that offers many languages.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::fake::Fake;
use common::{Server, languages};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use futures::FutureExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use locus_api_server::app::{App, router};
use locus_api_server::backend::LanguageInfo;
use locus_core::{Outcome, Run, RunRequest, RunResult};
use serde_json::json;
use tower_http::cors::AllowOrigin;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_program_is_written_run_and_seen_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let page = Page::open(&browser, server.address).await;
    let has_javascript = languages(server.address).await.iter().any(|id| id == "javascript");
    page.holds(page.check(has_javascript)).await;
}

#[tokio::test]
async fn a_language_is_found_among_many_and_remembered() {
    let Some(browser) = Browser::start() else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let served = axum::serve(listener, router(App::new(Arc::new(many())), AllowOrigin::any()));
    tokio::spawn(async move { served.await });
    let page = Page::open(&browser, address).await;
    page.holds(page.chooses()).await;
}

/// A backend with more languages than a screen has lines, whose programs print what they are in.
fn many() -> Fake {
    let language = |id: &str, name: &str, version: &str, default, aliases: &[&str], libraries: &[&str]| {
        let texts = |items: &[&str]| items.iter().map(|&item| item.into()).collect();
        LanguageInfo {
            id: id.into(),
            name: name.into(),
            version: version.into(),
            default,
            selector: if default { id.into() } else { format!("{id}@{version}") },
            aliases: texts(aliases),
            file_name: "main".into(),
            editor: None,
            libraries: texts(libraries),
            example: format!("{name} {version}\n"),
        }
    };
    let mut languages = vec![
        language("rust", "Rust", "1.85", true, &["rs"], &[]),
        language("python", "Python", "3.11", false, &["py"], &[]),
        language("python", "Python", "3.13", true, &["py"], &["numpy", "pandas", "matplotlib"]),
        language("cpp", "C++", "14", true, &["c++"], &[]),
        language("lua", "Lua", "5.4", true, &[], &[]),
    ];
    let further = (0..36).map(|number| {
        let id = format!("made-up-{number:02}");
        language(&id, &format!("Made up {number:02}"), "1", true, &[], &[])
    });
    languages.extend(further);
    let prints = |request: &RunRequest| {
        let run = Run { stdout: Some(request.language.clone()), ..Run::default() };
        Ok(run.ended(RunResult::failed(Outcome::Completed, "")))
    };
    Fake { languages, ..Fake::new(prints) }
}

struct Page {
    client: Client,
    server: SocketAddr,
}

impl Page {
    async fn open(browser: &Browser, server: SocketAddr) -> Self {
        let page = Self { client: browser.open().await, server };
        page.visit("").await;
        page
    }

    /// Goes to the page with a query.
    async fn visit(&self, query: &str) {
        self.client.goto(&format!("http://{}/{query}", self.server)).await.expect("the page opens");
    }

    /// Closes the browser whether the checks hold or not.
    async fn holds(&self, checks: impl Future<Output = ()>) {
        let checked = AssertUnwindSafe(checks).catch_unwind().await;
        let _ = self.client.clone().close().await;
        if let Err(panic) = checked {
            std::panic::resume_unwind(panic);
        }
    }

    async fn chooses(&self) {
        self.shows("status", "Ready").await;
        assert_eq!(
            (self.value().await, self.text("libraries").await),
            shown("Python 3.13", "with numpy, pandas, matplotlib")
        );
        let options = "return [...document.querySelectorAll('#language option')].map((option) => option.text)";
        let options = self.client.execute(options, vec![]).await.expect("the script runs");
        let options: Vec<_> = options.as_array().expect("a list").iter().filter_map(|option| option.as_str()).collect();
        assert_eq!((options.len(), &options[..3]), (41, &["C++ 14", "Lua 5.4", "Made up 00 1"][..]));
        assert_eq!(options[38..], ["Python 3.13", "Python 3.11", "Rust 1.85"]);
        self.screenshot("languages.png").await;

        // By typing the beginning of its name.
        self.element("language").await.send_keys("ru").await.expect("keys are typed");
        assert_eq!((self.value().await, self.text("libraries").await), shown("Rust 1.85", ""));
        self.select("python@3.11").await;
        assert_eq!(self.value().await, "Python 3.11\n");
        self.click_run().await;
        self.shows("stdout", "python@3.11").await;

        for (query, chosen) in [
            ("", "Python 3.11\n"),
            ("?language=c++", "C++ 14\n"),
            ("?language=C%2B%2B", "C++ 14\n"),
            ("?language=py", "Python 3.13\n"),
            ("?language=py@3.11", "Python 3.11\n"),
            ("?language=rs@1", "Rust 1.85\n"),
        ] {
            self.visit(query).await;
            self.shows("status", "Ready").await;
            assert_eq!(self.value().await, chosen, "{query:?}");
        }
        self.visit("?language=klingon").await;
        self.shows("status", "There is no language klingon here.").await;
        self.select("lua").await;
        assert!(self.client.current_url().await.expect("an address").as_str().ends_with("/?language=lua"));

        self.client.set_window_size(390, 844).await.expect("the window has a size");
        self.select("python").await;
        let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(self.client.execute(wide, vec![]).await.expect("the script runs"), json!(false));
        self.screenshot("phone.png").await;
    }

    async fn check(&self, has_javascript: bool) {
        self.comes_up().await;
        self.select("python").await;

        self.type_program("print('hello from the browser')\nprint(6 * 7)").await;
        self.screenshot("page.png").await;
        self.click_run().await;
        self.shows("stdout", "hello from the browser\n42\n").await;
        assert_eq!((self.text("stderr").await, self.text("error").await), (String::new(), String::new()));
        assert!(self.text("status").await.starts_with("Finished in"));

        self.type_program("print('by key')").await;
        self.control_enter().await;
        self.shows("stdout", "by key\n").await;

        let hostile = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">";
        self.type_program(&format!("print({hostile:?})")).await;
        self.click_run().await;
        self.shows("stdout", &format!("{hostile}\n")).await;
        assert_eq!(self.client.title().await.expect("a title"), "Locus");
        assert!(self.client.find(Locator::Css("#stdout *")).await.is_err(), "output became an element");

        self.type_program("import sys\nprint('before')\nprint('oh no', file=sys.stderr)\nsys.exit(3)").await;
        self.click_run().await;
        self.shows("stderr", "oh no\n").await;
        assert_eq!(self.text("stdout").await, "before\n");
        assert!(self.text("error").await.contains('3'), "{}", self.text("error").await);
        assert!(self.element("error").await.is_displayed().await.expect("it is there"));
        self.screenshot("failed.png").await;

        self.tab_indents_and_escape_leaves().await;
        if has_javascript {
            self.select("javascript").await;
            self.type_program("console.log([1, 2, 3].map((n) => n * n).join())").await;
            self.click_run().await;
            self.shows("stdout", "1,4,9\n").await;
        }
        self.tells_that_the_server_is_gone().await;
    }

    async fn comes_up(&self) {
        self.eventually("the page is ready", async || self.text("status").await == "Ready").await;
        assert!(self.value().await.contains("print"), "an example stands in the editor");
        self.eventually("the sandbox is told", async || self.text("sandbox").await.contains("no-new-privs")).await;
        assert!(!self.text("sandbox").await.contains("Not safe"));
        // An example follows the language; what was typed does not.
        if self.client.find(Locator::Css("#language option[value=javascript]")).await.is_ok() {
            self.select("javascript").await;
            assert!(self.value().await.contains("console.log"));
            self.select("python").await;
            assert!(self.value().await.contains("print"));
            self.type_program("mine").await;
            self.select("javascript").await;
            assert_eq!(self.value().await, "mine");
        }
    }

    async fn tab_indents_and_escape_leaves(&self) {
        self.type_program("").await;
        let code = self.element("code").await;
        code.send_keys(&Key::Tab.to_string()).await.expect("keys are typed");
        assert_eq!(self.value().await, "    ");
        code.send_keys(&format!("{}{}", char::from(Key::Escape), char::from(Key::Tab))).await.expect("keys are typed");
        assert_eq!(self.value().await, "    ");
        let focused = self.client.active_element().await.expect("an element has the focus");
        assert_ne!(focused.attr("id").await.expect("it is there").as_deref(), Some("code"));
    }

    async fn tells_that_the_server_is_gone(&self) {
        let lose = "window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))";
        self.client.execute(lose, vec![]).await.expect("the script runs");
        self.click_run().await;
        self.eventually("the failure is told", async || {
            self.text("error").await.contains("The server can't be reached: Failed to fetch")
        })
        .await;
        assert!(self.element("run").await.is_enabled().await.expect("it is there"));
    }

    async fn element(&self, id: &str) -> Element {
        self.client.find(Locator::Id(id)).await.expect("the page has the element")
    }

    /// The text as it stands in the page, not as it is drawn.
    async fn text(&self, id: &str) -> String {
        self.element(id).await.prop("textContent").await.expect("it is there").unwrap_or_default()
    }

    async fn value(&self) -> String {
        self.element("code").await.prop("value").await.expect("it is there").unwrap_or_default()
    }

    async fn select(&self, language: &str) {
        self.element("language").await.select_by_value(language).await.expect("the language is offered");
    }

    async fn type_program(&self, program: &str) {
        let code = self.element("code").await;
        code.clear().await.expect("the editor can be emptied");
        code.send_keys(program).await.expect("keys are typed");
    }

    async fn click_run(&self) {
        self.element("run").await.click().await.expect("the button can be pressed");
    }

    async fn control_enter(&self) {
        self.element("code").await.click().await.expect("the editor takes the focus");
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: Key::Control.into() })
            .then(KeyAction::Down { value: Key::Enter.into() })
            .then(KeyAction::Up { value: Key::Enter.into() })
            .then(KeyAction::Up { value: Key::Control.into() });
        self.client.perform_actions(keys).await.expect("keys are pressed");
    }

    async fn shows(&self, id: &str, text: &str) {
        self.eventually(&format!("#{id} shows {text:?}"), async || self.text(id).await == text).await;
    }

    async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            let (status, error) = (self.text("status").await, self.text("error").await);
            assert!(Instant::now() < deadline, "not in time: {what}; status {status:?}, error {error:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Keeps a picture where `LOCUS_SCREENSHOTS` says.
    async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("LOCUS_SCREENSHOTS").map(std::path::PathBuf::from) else { return };
        let png = self.client.screenshot().await.expect("a picture can be taken");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(folder.join(name), png).expect("the picture can be written");
    }
}

/// The example in the editor and the libraries beside the choice.
fn shown(example: &str, libraries: &str) -> (String, String) {
    (format!("{example}\n"), libraries.to_owned())
}

/// A driver and the folder of its browser's profile.
struct Browser {
    driver: Child,
    port: u16,
    chromium: std::path::PathBuf,
    profile: tempfile::TempDir,
}

impl Browser {
    /// `None` where there is no browser and none is required.
    fn start() -> Option<Self> {
        let found = (find(&["chromedriver"]), find(&["chromium", "chromium-browser", "google-chrome"]));
        let (Some(driver), Some(chromium)) = found else {
            let required = std::env::var_os("LOCUS_REQUIRE_BROWSER").is_some_and(|value| value == "1");
            assert!(!required, "LOCUS_REQUIRE_BROWSER=1, but chromium or chromedriver is not installed");
            eprintln!("*** THE BROWSER TEST DID NOT RUN: chromium or chromedriver is not installed ***");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let driver = Command::new(driver)
            .arg(format!("--port={}", free.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let profile = tempfile::tempdir().expect("a folder");
        Some(Self { driver, port: free.port(), chromium, profile })
    }

    async fn open(&self) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,800",
            &format!("--user-data-dir={}", self.profile.path().display()),
        ];
        let options = json!({ "binary": self.chromium, "args": arguments });
        let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let driver = format!("http://127.0.0.1:{}", self.port);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder.capabilities(Clone::clone(&capabilities)).connect(&driver).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn find(names: &[&str]) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}
