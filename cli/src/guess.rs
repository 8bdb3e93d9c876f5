//! Which language a file is written in, by its name or its first line.

use std::path::Path;

/// What is looked at of a language.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What a request names it by.
    pub selector: &'a str,
    /// Other names.
    pub aliases: &'a [String],
    /// The usual name of a main file.
    pub file_name: &'a str,
}

/// The selectors of the languages that a file may be written in; the best ones alone.
pub fn languages<'a>(path: &Path, content: &[u8], known: &[Candidate<'a>]) -> Vec<&'a str> {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    let Some(extension) = extension else { return by_first_line(content, known) };
    let named = by_name(&extension, known);
    if !named.is_empty() {
        return named;
    }
    let usual = |candidate: &&Candidate| {
        let usual = Path::new(candidate.file_name).extension().and_then(|extension| extension.to_str());
        usual.is_some_and(|usual| usual.eq_ignore_ascii_case(&extension))
    };
    let usual: Vec<_> = known.iter().filter(usual).map(|candidate| candidate.selector).collect();
    if usual.is_empty() { by_first_line(content, known) } else { usual }
}

fn by_name<'a>(name: &str, known: &[Candidate<'a>]) -> Vec<&'a str> {
    let is_it =
        |candidate: &&Candidate| candidate.selector == name || candidate.aliases.iter().any(|alias| alias == name);
    known.iter().filter(is_it).map(|candidate| candidate.selector).collect()
}

/// The interpreter of a `#!` line: `#!/usr/bin/env -S python3.13 -u` and `#!/bin/sh` alike.
fn by_first_line<'a>(content: &[u8], known: &[Candidate<'a>]) -> Vec<&'a str> {
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("#!"));
    let words = line.unwrap_or_default().split_ascii_whitespace();
    let mut programs = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = programs.find(|word| *word != "env" && !word.starts_with('-')).unwrap_or_default();
    let found = by_name(program, known);
    if found.is_empty() {
        // `python3.13` and `ruby3.3` carry the version.
        by_name(program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.'), known)
    } else {
        found
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Candidate, languages};

    fn guess(name: &str, content: &str) -> Vec<&'static str> {
        let known: Vec<_> = locus_languages::all()
            .iter()
            .filter(|language| language.default)
            .map(|language| Candidate {
                selector: &language.id,
                aliases: &language.aliases,
                file_name: &language.file_name,
            })
            .collect();
        languages(Path::new(name), content.as_bytes(), &known)
    }

    #[test]
    fn each_language_is_known_by_the_name_of_its_main_file() {
        for language in locus_languages::all().iter().filter(|language| language.default) {
            let found = guess(&language.file_name, "");
            // Prolog's files have the name that Perl's are known by.
            let id = if language.id == "prolog" { "perl" } else { &language.id };
            assert_eq!(found, [id], "{}", language.file_name);
        }
    }

    #[test]
    fn a_first_line_tells_where_the_name_does_not() {
        let table = [
            ("#!/usr/bin/env python3\n", "python"),
            ("#!/usr/bin/python3.13\n", "python"),
            ("#!/usr/bin/env -S node --no-warnings\n", "javascript"),
            ("#!/bin/sh", "bash"),
            ("#! /usr/bin/ruby3.3 -w\n", "ruby"),
        ];
        for (line, language) in table {
            assert_eq!(guess("tool", line), [language], "{line:?}");
            assert_eq!(guess("tool.xyz", line), [language], "{line:?}");
        }
        assert_eq!(guess("a.py", "#!/bin/sh\n"), ["python"], "the name goes before the line");
        for line in ["", "#!", "#!/usr/bin/env", "print(1)", "#!/opt/klingon"] {
            assert!(guess("tool", line).is_empty(), "{line:?}");
        }
    }
}
