//! What happened, line by line, when somebody will read it.

use std::sync::Mutex;

use tokio::time::Instant;

pub struct Trace {
    lines: Option<Mutex<Vec<String>>>,
    start: Instant,
}

impl Trace {
    pub fn new(is_read: bool) -> Self {
        Self { lines: is_read.then(Mutex::default), start: Instant::now() }
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let line = format!("{:9.3} {}", self.start.elapsed().as_secs_f64(), what());
            lines.lock().expect("not poisoned").push(line);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.as_ref().map(|lines| lines.lock().expect("not poisoned").clone()).unwrap_or_default()
    }
}
