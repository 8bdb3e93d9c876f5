//! What a run tells, made into events that a client can leave and come back to: each has a position, and from a position
//! the rest is found by telling all again.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use locus_core::{CaseEnd, Event, Run, TestsView, Text};
use serde::Serialize;

use crate::backend::{Told, whole_characters};

/// How much of a run has been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Events that are neither output nor a state.
    pub marks: u64,
    /// Bytes of standard output since the last of them: what was cut before it, where a place holds no more, moves nothing.
    pub stdout: u64,
    /// Bytes of standard error since then.
    pub stderr: u64,
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such place in the events of a run: send the id of the last event that came")]
pub struct NoPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.marks, self.stdout, self.stderr)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        // A number in digits alone: what is read is what was written.
        let number = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            if is_plain { part.parse().map_err(|_| NoPosition) } else { Err(NoPosition) }
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [marks, stdout, stderr] = parts[..] else { return Err(NoPosition) };
        Ok(Self { marks: number(marks)?, stdout: number(stdout)?, stderr: number(stderr)? })
    }
}

/// One event, as clients are told it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// The run is in another state: a summary.
    State(Box<Run>),
    /// Some of the standard output.
    Stdout(Text),
    /// Some of the standard error.
    Stderr(Text),
    /// What follows is of this case.
    CaseStarted {
        /// Which one, from 0.
        index: usize,
    },
    /// A case has ended.
    CaseEnded {
        /// Which one, from 0.
        index: usize,
        /// How.
        #[serde(flatten)]
        end: CaseEnd,
    },
    /// A file that the program has left.
    File {
        /// Its name below the work folder.
        name: String,
        /// Bytes.
        size: u64,
    },
    /// The run has ended: all of it but what the program wrote.
    Finished(Box<Run>),
}

impl Data {
    /// The name of the event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Stdout(_) => "stdout",
            Self::Stderr(_) => "stderr",
            Self::CaseStarted { .. } => "caseStarted",
            Self::CaseEnded { .. } => "caseEnded",
            Self::File { .. } => "file",
            Self::Finished(_) => "finished",
        }
    }
}

/// Tells a run from a position on.
#[derive(Debug, Clone, Default)]
pub struct Teller {
    from: Position,
    marks: u64,
    case: usize,
    stdout: Stream,
    stderr: Stream,
}

impl Teller {
    /// Tells what lies behind a position.
    #[must_use]
    pub fn from(position: Position) -> Self {
        let mut teller = Self { from: position, ..Self::default() };
        teller.begin_part();
        teller
    }

    /// The events that something makes, with the position behind each.
    pub fn tell(&mut self, told: Told) -> Vec<(Position, Data)> {
        let mut events = Vec::new();
        match told {
            // A state has no place of its own: one that is told again does no harm.
            Told::State(run) if self.has_arrived() => events.push((self.at(), Data::State(run))),
            Told::State(_) | Told::Event(Event::Started | Event::Finished { .. }) => {}
            Told::Event(Event::Stdout { data }) => {
                let text = self.stdout.push(data);
                events.extend(text.map(|text| (self.at(), Data::Stdout(text))));
            }
            Told::Event(Event::Stderr { data }) => {
                let text = self.stderr.push(data);
                events.extend(text.map(|text| (self.at(), Data::Stderr(text))));
            }
            Told::Event(Event::CaseStarted { index }) => {
                self.case = index;
                self.mark(Data::CaseStarted { index }, &mut events);
            }
            Told::Event(Event::CaseEnded { end }) => self.mark(Data::CaseEnded { index: self.case, end }, &mut events),
            Told::Event(Event::File { name, data }) => {
                self.mark(Data::File { name, size: data.len() as u64 }, &mut events);
            }
            Told::Ended(run) => {
                self.end_part(&mut events);
                // Whoever is at some other place, and be it one that there is not, has not heard of the end.
                if self.at() != self.from {
                    events.push((self.at(), Data::Finished(Box::new(without_output(*run)))));
                }
            }
        }
        events
    }

    fn at(&self) -> Position {
        Position { marks: self.marks, stdout: self.stdout.told, stderr: self.stderr.told }
    }

    fn has_arrived(&self) -> bool {
        self.stdout.has_arrived() && self.stderr.has_arrived()
    }

    fn mark(&mut self, data: Data, events: &mut Vec<(Position, Data)>) {
        self.end_part(events);
        if self.marks > self.from.marks {
            events.push((self.at(), data));
        }
    }

    /// The output up to a mark is told; what follows counts from there.
    fn end_part(&mut self, events: &mut Vec<(Position, Data)>) {
        self.flush(events);
        self.marks += 1;
        self.begin_part();
    }

    fn begin_part(&mut self) {
        let known = |bytes| match self.marks.cmp(&self.from.marks) {
            Ordering::Less => u64::MAX,
            Ordering::Equal => bytes,
            Ordering::Greater => 0,
        };
        let stream = |from| Stream { from, ..Stream::default() };
        (self.stdout, self.stderr) = (stream(known(self.from.stdout)), stream(known(self.from.stderr)));
    }

    /// Tells halves of characters as they are: what follows is not their rest.
    fn flush(&mut self, events: &mut Vec<(Position, Data)>) {
        let text = self.stdout.flush();
        events.extend(text.map(|text| (self.at(), Data::Stdout(text))));
        let text = self.stderr.flush();
        events.extend(text.map(|text| (self.at(), Data::Stderr(text))));
    }
}

/// The place in one stream, from a mark on.
#[derive(Debug, Clone, Default)]
struct Stream {
    /// What was told before this telling.
    from: u64,
    /// What has been told by now.
    told: u64,
    /// The first bytes of a character whose rest is still to come.
    half: Vec<u8>,
}

impl Stream {
    const fn has_arrived(&self) -> bool {
        self.told >= self.from
    }

    /// The whole characters that there are now.
    fn push(&mut self, mut data: Vec<u8>) -> Option<Text> {
        let known = usize::try_from(self.from.saturating_sub(self.told)).unwrap_or(usize::MAX).min(data.len());
        data.drain(..known);
        self.told += known as u64;
        let mut bytes = std::mem::take(&mut self.half);
        bytes.append(&mut data);
        self.half = bytes.split_off(whole_characters(&bytes));
        self.text(bytes)
    }

    fn flush(&mut self) -> Option<Text> {
        let half = std::mem::take(&mut self.half);
        self.text(half)
    }

    fn text(&mut self, bytes: Vec<u8>) -> Option<Text> {
        self.told += bytes.len() as u64;
        (!bytes.is_empty()).then(|| Text::of(bytes))
    }
}

fn without_output(run: Run) -> Run {
    let summary = run.summary();
    let tests = run.tests.map(|mut tests| {
        for case in &mut tests.cases {
            (case.stdout, case.stdout_base64, case.stderr, case.stderr_base64) = (None, None, None, None);
        }
        TestsView { ..tests }
    });
    Run { compile: run.compile, tests, ..summary }
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, Event, Outcome, OutputFile, Phase, Run, RunResult, TestsView, Text, Usage, view};
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::{Data, Position, Teller};
    use crate::backend::Told;

    fn out(data: &[u8]) -> Told {
        Told::Event(Event::Stdout { data: data.to_vec() })
    }

    fn err(data: &[u8]) -> Told {
        Told::Event(Event::Stderr { data: data.to_vec() })
    }

    fn started(index: usize) -> Told {
        Told::Event(Event::CaseStarted { index })
    }

    fn ended() -> Told {
        let end = CaseEnd {
            outcome: Outcome::Completed,
            error: String::new(),
            exit_code: Some(0),
            signal: None,
            usage: Usage::default(),
        };
        Told::Event(Event::CaseEnded { end })
    }

    fn file() -> Told {
        Told::Event(Event::File { name: "a.png".into(), data: vec![1, 2, 3] })
    }

    fn state(phase: Phase) -> Told {
        Told::State(Box::new(Run { phase, ..Run::default() }))
    }

    fn end() -> Told {
        let run = Run { stdout: Some("large".into()), ..Run::default() };
        Told::Ended(Box::new(run.ended(RunResult::failed(Outcome::Completed, ""))))
    }

    fn tell(from: &str, told: impl IntoIterator<Item = Told>) -> Vec<(String, String)> {
        let mut teller = Teller::from(from.parse().expect("a position"));
        let events = told.into_iter().flat_map(|told| teller.tell(told));
        events.map(|(position, data)| (position.to_string(), shown(&data))).collect()
    }

    /// An event in one word and what it holds.
    fn shown(data: &Data) -> String {
        let name = data.name();
        match data {
            Data::Stdout(Text { text, base64 }) | Data::Stderr(Text { text, base64 }) => match (text, base64) {
                (Some(text), None) => format!("{name} {text}"),
                (None, Some(base64)) => format!("{name} base64 {base64}"),
                both => panic!("{both:?}"),
            },
            Data::State(run) => format!("{name} {:?}", run.phase),
            Data::CaseStarted { index } | Data::CaseEnded { index, .. } => format!("{name} {index}"),
            Data::File { name: file, size } => format!("{name} {file} {size}"),
            Data::Finished(_) => name.to_owned(),
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(position, text)| ((*position).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn each_event_has_the_position_behind_it() {
        let told = [
            state(Phase::Running),
            Told::Event(Event::Started),
            out(b"a\n"),
            err(b"b"),
            started(0),
            out(b"cd"),
            ended(),
            started(1),
            ended(),
            file(),
            end(),
        ];
        let all = pairs(&[
            ("0-0-0", "state Running"),
            ("0-2-0", "stdout a\n"),
            ("0-2-1", "stderr b"),
            ("1-0-0", "caseStarted 0"),
            ("1-2-0", "stdout cd"),
            ("2-0-0", "caseEnded 0"),
            ("3-0-0", "caseStarted 1"),
            ("4-0-0", "caseEnded 1"),
            ("5-0-0", "file a.png 3"),
            ("6-0-0", "finished"),
        ]);
        assert_eq!(tell("0-0-0", told.clone()), all);
        for (told_already, (position, _)) in all.iter().enumerate().skip(1) {
            assert_eq!(tell(position, told.clone()), all[told_already + 1..], "from {position}");
        }
        // In the midst of a piece.
        assert_eq!(tell("0-1-0", told)[..2], pairs(&[("0-2-0", "stdout \n"), ("0-2-1", "stderr b")]));
    }

    #[test]
    fn a_character_that_comes_in_two_pieces_is_told_in_one() {
        let euro = "€".as_bytes();
        let halves = [out(&euro[..1]), err(b"e"), out(&euro[1..2]), out(&euro[2..]), end()];
        assert_eq!(
            tell("0-0-0", halves),
            pairs(&[("0-0-1", "stderr e"), ("0-3-1", "stdout €"), ("1-0-0", "finished")])
        );
        let cut = [out(&[b'a', euro[0]]), started(0), out(&euro[1..]), end()];
        assert_eq!(
            tell("0-0-0", cut),
            pairs(&[
                ("0-1-0", "stdout a"),
                ("0-2-0", "stdout base64 4g=="),
                ("1-0-0", "caseStarted 0"),
                ("1-2-0", "stdout base64 gqw="),
                ("2-0-0", "finished"),
            ])
        );
        assert_eq!(tell("0-0-0", [out(b"\xff\n")]), pairs(&[("0-2-0", "stdout base64 /wo=")]));
    }

    #[test]
    fn a_state_is_told_by_whoever_has_arrived() {
        let told = || [state(Phase::Pending), out(b"ab"), state(Phase::Running), end()];
        assert_eq!(tell("0-2-0", told()), pairs(&[("0-2-0", "state Running"), ("1-0-0", "finished")]));
        assert!(tell("1-0-0", told()).is_empty(), "all is told");
        assert_eq!(tell("7-9-9", told()), pairs(&[("1-0-0", "finished")]), "there is no such place");
    }

    #[test]
    fn the_end_holds_nothing_that_was_told_before() {
        let run = Run {
            stdout: Some("o".into()),
            compile: Some(locus_core::CompileResult::default()),
            files: vec![OutputFile::new("a".into(), vec![1], "x".into())],
            tests: Some(TestsView {
                passed: 0,
                total: 1,
                cases: vec![locus_core::CaseView {
                    name: Some("one".into()),
                    verdict: locus_core::Verdict::NotRun,
                    end: None,
                    stdout: Some("o".into()),
                    stdout_base64: None,
                    stderr: Some("e".into()),
                    stderr_base64: None,
                    truncated: false,
                }],
            }),
            ..Run::default()
        };
        let mut teller = Teller::default();
        let (_, data) = teller.tell(Told::Ended(Box::new(run))).remove(0);
        let json = serde_json::to_value(&data).expect("it serializes");
        let keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["compile", "createdAt", "error", "id", "language", "phase", "reason", "tests"]);
        assert_eq!(json["tests"]["cases"], serde_json::json!([{"name": "one", "verdict": "NotRun"}]));
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for wrong in [
            "",
            "1",
            "1-2",
            "1-2-3-4",
            "a-0-0",
            "0--0-0",
            "-1-0-0",
            "+1-0-0",
            "01-0-0",
            " 0-0-0",
            "99999999999999999999-0-0",
        ] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong:?}");
        }
    }

    /// What is told, with output that is cut in other places.
    fn recut(told: &[Told], cut: Index) -> Vec<Told> {
        let mut pieces: Vec<Told> = Vec::new();
        for told in told.iter().cloned() {
            match (pieces.last_mut(), &told) {
                (Some(Told::Event(Event::Stdout { data })), Told::Event(Event::Stdout { data: more }))
                | (Some(Told::Event(Event::Stderr { data })), Told::Event(Event::Stderr { data: more })) => {
                    data.extend(more);
                }
                _ => pieces.push(told),
            }
        }
        let halves = |told: Told| {
            let (data, made): (_, fn(&[u8]) -> Told) = match &told {
                Told::Event(Event::Stdout { data }) => (data, out),
                Told::Event(Event::Stderr { data }) => (data, err),
                _ => return vec![told],
            };
            let (head, tail) = data.split_at(cut.index(data.len() + 1));
            vec![made(head), made(tail)]
        };
        pieces.into_iter().flat_map(halves).collect()
    }

    /// The bytes of both streams and the events that are neither output nor a state.
    fn folded<'a>(events: impl IntoIterator<Item = &'a (Position, Data)>) -> (Vec<u8>, Vec<u8>, Vec<String>) {
        let (mut stdout, mut stderr, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let bytes =
            |Text { text, base64 }: &Text| view::bytes(text.as_deref(), base64.as_deref()).expect("it is base64");
        for (_, data) in events {
            match data {
                Data::Stdout(text) => stdout.extend(bytes(text)),
                Data::Stderr(text) => stderr.extend(bytes(text)),
                Data::State(_) => {}
                // A mark has its place in both streams.
                mark => marks.push(format!("{} {} {}", shown(mark), stdout.len(), stderr.len())),
            }
        }
        (stdout, stderr, marks)
    }

    const fn is_mark(data: &Data) -> bool {
        !matches!(data, Data::Stdout(_) | Data::Stderr(_) | Data::State(_))
    }

    #[test]
    fn output_of_a_case_that_is_cut_when_it_is_told_again_moves_no_later_one() {
        let whole = [started(0), out(b"long"), ended(), started(1), out(b"ab"), end()];
        let cut = [started(0), out(b"lo"), ended(), started(1), out(b"ab"), end()];
        let all = tell("0-0-0", whole);
        assert_eq!(all[4], ("3-2-0".to_owned(), "stdout ab".to_owned()));
        assert_eq!(tell("3-1-0", cut), pairs(&[("3-2-0", "stdout b"), ("4-0-0", "finished")]));
    }

    fn told() -> impl Strategy<Value = Vec<Told>> {
        let text = prop_oneof![
            Just("a".as_bytes().to_vec()),
            Just("€".as_bytes()[..1].to_vec()),
            Just("€".as_bytes()[1..].to_vec()),
            Just("😀\n".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        let event = (text, 0..9u8).prop_map(|(data, kind)| match kind {
            0..4 => out(&data),
            4..6 => err(&data),
            6 => started(0),
            7 => ended(),
            _ => file(),
        });
        proptest::collection::vec(event, 0..24).prop_map(|mut told| {
            told.insert(0, state(Phase::Running));
            told.push(end());
            told
        })
    }

    proptest! {
        #[test]
        fn from_every_position_the_rest_is_what_was_still_to_come(told in told(), cut in any::<Index>()) {
            let mut teller = Teller::default();
            let all: Vec<_> = told.iter().cloned().flat_map(|told| teller.tell(told)).collect();
            let (stdout, stderr, marks) = folded(&all);
            for (place, (position, _)) in all.iter().enumerate() {
                prop_assert_eq!(position.to_string().parse::<Position>(), Ok(*position));
                let mut teller = Teller::from(*position);
                let rest: Vec<_> = recut(&told, cut).into_iter().flat_map(|told| teller.tell(told)).collect();
                let tail = folded(&rest);
                let both = folded(all[..=place].iter().chain(&rest));
                prop_assert_eq!((&both.0, &both.1, &both.2), (&stdout, &stderr, &marks), "{} and {:?}", position, tail);
                // What a mark says of its place is where the bytes since then begin.
                let part = all[..=place].iter().rposition(|(_, data)| is_mark(data)).map_or(0, |mark| mark + 1);
                let part = folded(&all[part..=place]);
                prop_assert_eq!((part.0.len() as u64, part.1.len() as u64), (position.stdout, position.stderr));
                prop_assert_eq!(teller.at(), all.last().expect("the end").0);
            }
        }

        #[test]
        fn text_is_told_as_text_wherever_it_is_cut(text in "\\PC{0,40}", cuts in proptest::collection::vec(any::<Index>(), 0..6)) {
            let bytes = text.as_bytes();
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
            places.sort_unstable();
            let mut teller = Teller::default();
            let events: Vec<_> = places.windows(2).flat_map(|pair| teller.tell(out(&bytes[pair[0]..pair[1]]))).collect();
            let texts = events.iter().map(|(_, data)| match data {
                Data::Stdout(Text { text: Some(text), .. }) => text.as_str(),
                other => panic!("{other:?}"),
            });
            prop_assert_eq!(texts.collect::<String>(), text);
        }
    }
}
