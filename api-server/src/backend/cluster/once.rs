//! Each event once, however often a run is told from its beginning.

use locus_core::Event;

/// How far the telling of a run is: how many events that are not output, and how much of each stream since the last of
/// them. What lies between two such events is told in any order of the streams, but always there, so that this is a place in
/// every account of the run: a runner's, and that of the status, where output may have been cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    marks: usize,
    stdout: usize,
    stderr: usize,
}

/// Lets each event through once.
#[derive(Debug, Default)]
pub struct Once {
    told: Place,
    heard: Place,
}

impl Once {
    /// What comes next is an account from the beginning.
    pub fn again(&mut self) {
        self.heard = Place::default();
    }

    /// What of an event has not been told.
    pub fn hear(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Stdout { data } => {
                let data =
                    rest(self.told.marks == self.heard.marks, &mut self.told.stdout, &mut self.heard.stdout, data)?;
                Some(Event::Stdout { data })
            }
            Event::Stderr { data } => {
                let data =
                    rest(self.told.marks == self.heard.marks, &mut self.told.stderr, &mut self.heard.stderr, data)?;
                Some(Event::Stderr { data })
            }
            mark => {
                self.heard = Place { marks: self.heard.marks + 1, stdout: 0, stderr: 0 };
                if self.heard.marks <= self.told.marks {
                    return None;
                }
                self.told = self.heard;
                Some(mark)
            }
        }
    }
}

fn rest(is_current: bool, told: &mut usize, heard: &mut usize, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let from = *heard;
    *heard += data.len();
    if !is_current || *heard <= *told {
        return None;
    }
    data.drain(..*told - from.min(*told));
    *told = *heard;
    Some(data)
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, Event, Outcome, Transcript, Usage};

    use super::Once;

    fn out(text: &str) -> Event {
        Event::Stdout { data: text.into() }
    }

    fn err(text: &str) -> Event {
        Event::Stderr { data: text.into() }
    }

    fn account() -> Vec<Event> {
        let end = CaseEnd {
            outcome: Outcome::Completed,
            error: String::new(),
            exit_code: Some(0),
            signal: None,
            usage: Usage::default(),
        };
        vec![
            Event::Started,
            Event::CaseStarted { index: 0 },
            out("ab"),
            err("x"),
            out("c"),
            Event::CaseEnded { end: end.clone() },
            Event::CaseStarted { index: 1 },
            err("yz"),
            out("d"),
            Event::CaseEnded { end },
            Event::File { name: "a".into(), data: vec![1] },
        ]
    }

    fn folded(events: &[Event]) -> Transcript {
        let mut transcript = Transcript::default();
        for event in events {
            transcript.push(event.clone(), usize::MAX);
        }
        transcript
    }

    #[test]
    fn an_account_that_breaks_off_anywhere_is_told_once() {
        let all = account();
        for broken in 0..=all.len() {
            for again in 0..=all.len() {
                let mut once = Once::default();
                let mut told = Vec::new();
                for part in [&all[..broken], &all[..again], &all[..]] {
                    once.again();
                    told.extend(part.iter().cloned().filter_map(|event| once.hear(event)));
                }
                assert_eq!(folded(&told), folded(&all), "{broken} {again}");
            }
        }
    }

    #[test]
    fn an_account_in_other_pieces_goes_on_within_a_piece() {
        let mut once = Once::default();
        for event in [Event::Started, out("abc"), err("x")] {
            assert_eq!(once.hear(event.clone()), Some(event));
        }
        once.again();
        assert_eq!(once.hear(Event::Started), None);
        assert_eq!(once.hear(err("xy")), Some(err("y")));
        assert_eq!(once.hear(out("ab")), None);
        assert_eq!(once.hear(out("cde")), Some(out("de")));
    }

    #[test]
    fn an_account_that_was_cut_is_told_as_far_as_it_goes_on() {
        let mut once = Once::default();
        let told = [Event::Started, Event::CaseStarted { index: 0 }, out("abcdef")];
        assert!(told.into_iter().all(|event| once.hear(event).is_some()));
        once.again();
        let cut =
            [Event::Started, Event::CaseStarted { index: 0 }, out("ab"), Event::CaseStarted { index: 1 }, out("g")];
        let rest: Vec<_> = cut.into_iter().filter_map(|event| once.hear(event)).collect();
        assert_eq!(rest, [Event::CaseStarted { index: 1 }, out("g")]);
    }
}
