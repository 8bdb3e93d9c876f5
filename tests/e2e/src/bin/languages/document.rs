//! docs/languages.md: what there is, from the data and the records.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use locus_languages::Language;

use crate::record::Record;

const HEAD: &str = "\
# Languages

Made by `make languages` from the folders in [languages/](../languages) and the records of their checks; change those.

A language is a folder with a `language.yaml`, a Dockerfile and `examples.yaml`: programs that are run in the image, in a
container that is kept in as a pod is, whenever the folder changes. [Your own](own-language.md) needs no change of Locus.
A request names a language by its id or an alias, and another version than the default as `id@version`. Nothing is
fetched at run time.

*Cold* is the time from `docker run` to the end of a program that prints one line, compiler included; *warm* is the same
in a container that waits, with its [interpreter up](prestart.md) where there is a way. Both in milliseconds, the middle of
three, on a virtual machine of two cores. *Image* is its size in MB, not compressed; all share the layer of Debian.

| language | id | also | version | libraries | cold | warm | image |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

const IMAGES: &str = "
## Images
Languages whose compilers come from one family share an image, since it is the same packages that fill it: a node that has
it pulled has it for all of them. A pool holds pods of one language, whatever their image.

| image | languages |
| --- | --- |
";

const LIVE: &str = "
## Output while a program runs
What a program writes is told at once, but many languages hold it back when their output is no terminal, until some
kilobytes are there or the program ends. What is held back by then is lost when the program is killed. Locus leaves
that to each language, since to write more often is slower, except for Python: its lines are written when they are
whole, as to a terminal (1.7 µs a line on the machine above; `sys.stdout.reconfigure(line_buffering=False)` turns it off).
Bash, Go, Java, JavaScript and Rust do so by themselves. Elsewhere a program says so:

| language | once, for all lines | now |
| --- | --- | --- |
| C | `setvbuf(stdout, NULL, _IOLBF, 0);` | `fflush(stdout);` |
| C++ | `std::cout << std::unitbuf;` | `std::cout << std::flush;` |
| AWK | | `fflush()` |
| Fortran | | `flush(6)` |
| Haskell | `hSetBuffering stdout LineBuffering` | `hFlush stdout` |
| Lua | `io.stdout:setvbuf(\"line\")` | `io.stdout:flush()` |
| OCaml | | `flush stdout` |
| Pascal | | `Flush(Output);` |
| Perl | `$\\| = 1;` | |
| Ruby | `$stdout.sync = true` | `$stdout.flush` |
| Tcl | `fconfigure stdout -buffering line` | `flush stdout` |
";

pub fn write() -> anyhow::Result<()> {
    Ok(std::fs::write(path(), text()?)?)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/languages.md")
}

fn text() -> anyhow::Result<String> {
    let mut languages: Vec<&Language> = locus_languages::all().iter().collect();
    languages.sort_by_key(|language| (language.name.to_lowercase(), !language.default, language.version.clone()));
    let mut text = HEAD.to_owned();
    for language in &languages {
        let id = language.selector();
        let aliases = if language.default { code(&language.aliases) } else { String::new() };
        let figures = Record::read(language)?.map_or_else(
            || "| | | |".to_owned(),
            |record| {
                let Record { image_megabytes, cold_milliseconds, warm_milliseconds, .. } = record;
                format!("| {cold_milliseconds} | {warm_milliseconds} | {image_megabytes} |")
            },
        );
        let (name, version, libraries) = (&language.name, &language.version, language.libraries.join(", "));
        writeln!(text, "| {name} | `{id}` | {aliases} | {version} | {libraries} {figures}")?;
    }
    let shared: Vec<_> = languages.iter().filter(|language| language.image.is_some()).collect();
    let mut images: Vec<String> = shared.iter().map(|language| language.image_name()).collect();
    images.sort();
    images.dedup();
    text += IMAGES;
    for image in images {
        let of_image = languages.iter().filter(|language| language.image_name() == image);
        let names: Vec<_> = of_image.map(|language| language.object_name()).collect();
        writeln!(text, "| `locus/runner-{image}` | {} |", code(&names))?;
    }
    text += LIVE;
    Ok(text)
}

fn code(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_is_what_the_data_says() {
        let there = std::fs::read_to_string(super::path()).expect("the document is there");
        assert!(
            there == super::text().expect("it is written"),
            "docs/languages.md is older than the data: make languages"
        );
    }
}
