//! The events of an embedded run, on their way to the server that started it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use locus_core::Event;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};

/// Writes a line an event and never waits for the reader: the run must keep its deadline when nobody reads.
#[derive(Debug)]
pub struct Teller {
    pipe: File,
    /// What writes once the reader is slow; it holds what the run's output limit lets through.
    backlog: Option<(Sender<Vec<u8>>, JoinHandle<()>)>,
}

impl Teller {
    /// Writes into a pipe.
    pub fn new(pipe: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Ok(Self { pipe: pipe.into(), backlog: None })
    }

    /// Tells an event. A reader that is gone is no concern of the run's: it is cancelled by that.
    pub fn tell(&mut self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("an event serializes");
        line.push(b'\n');
        if let Some((lines, _)) = &self.backlog {
            let _ = lines.send(line);
            return;
        }
        let mut written = 0;
        while written < line.len() {
            match self.pipe.write(&line[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.hand_over(line.split_off(written));
                }
                Err(_) => return,
            }
        }
    }

    fn hand_over(&mut self, rest: Vec<u8>) {
        let Ok(mut pipe) = self.pipe.try_clone() else { return };
        let (sender, lines) = channel::<Vec<u8>>();
        let _ = sender.send(rest);
        let writer = thread::Builder::new().name("tell".into()).spawn(move || {
            for line in lines {
                if write_all(&mut pipe, &line).is_err() {
                    break;
                }
            }
        });
        self.backlog = writer.ok().map(|writer| (sender, writer));
    }

    /// Waits until all is written, or nobody reads any more.
    pub fn finish(self) {
        if let Some((lines, writer)) = self.backlog {
            drop(lines);
            let _ = writer.join();
        }
    }
}

fn write_all(pipe: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match pipe.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(&*pipe, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Instant;

    use locus_core::Event;

    use super::Teller;

    #[test]
    fn a_slow_reader_gets_everything_and_a_missing_one_holds_nobody_up() {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let mut teller = Teller::new(write).expect("it is a pipe");
        let events: Vec<Event> = (0..200u8).map(|byte| Event::Stdout { data: vec![byte; 2000] }).collect();
        let begin = Instant::now();
        for event in &events {
            teller.tell(event);
        }
        assert!(begin.elapsed().as_secs() < 5, "it waited for its reader");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            std::fs::File::from(read).read_to_string(&mut text).map(|_| text)
        });
        teller.finish();
        let text = reader.join().expect("it ends").expect("it is text");
        let told: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
        assert_eq!(told, events);

        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let mut teller = Teller::new(write).expect("it is a pipe");
        drop(read);
        for event in &events {
            teller.tell(event);
        }
        teller.finish();
    }
}
